"""The explorer in a real browser: JupyterLab, driven by Chromium, on a miniature of what notebook 08 reads.

Skipped where Chromium is missing, unless the environment variable ``REQUIRE_BROWSER`` is 1.
"""

import dataclasses
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import soundfile

from lib import methods
from lib.cli import notebooks
from lib.listening import matrix
from lib.ranking.scores import Scores
from lib.workflow import artifacts, paths, profiles, stages

STAGE = "08_artist_explorer"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
IMAGE = '<img src=x onerror="window.ran = 1">'
SCRIPT = "<script>window.ran = 1</script> $x^2$"
NAMES = ["Alpha", IMAGE, SCRIPT, "Delta", "Echo", "Foxtrot"]
READY = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget, session = panel?.sessionContext;
    const kernel = session?.isReady && session.session?.kernel;
    return panel?.context?.isReady && kernel?.connectionStatus === "connected";
}"""
CELLS = "window.jupyterapp.shell.currentWidget.context.model.toJSON().cells.filter(cell => 'outputs' in cell)"
OUTPUTS = f"() => {CELLS}.flatMap(cell => cell.outputs)"
ENDED = f"""() => {CELLS}.at(-1).execution_count !== null
    || {CELLS}.some(cell => cell.outputs.some(output => output.output_type === "error"))"""


def write_miniature(folder):
    """What notebooks 01 to 05 leave behind, for six artists with one clip each."""
    rng = np.random.default_rng(0)
    ids = [f"id-{k}" for k in range(len(NAMES))]
    plays = scipy.sparse.csr_array(rng.random((40, 6)) < np.linspace(0.9, 0.3, 6)) * 1
    artists = {"artist_id": ids, "name": NAMES, "listeners": plays.sum(axis=0), "plays": plays.sum(axis=0)}
    matrix.save(matrix.ListeningMatrix(plays, pd.DataFrame(artists)), folder)
    frames = {name: methods.labelled_scores(rng.random((6, 6)), ids) for name in ("siamese", "l2")}
    Scores.of_frames({(name, 0, 0): frame for name, frame in frames.items()}).save(folder / "scores.npz")
    splits = ["train", "train", "train", "dev", "test", "test"]
    clips = pd.DataFrame({"clip_id": [f"clip-{k}" for k in range(len(NAMES))], "artist_id": ids})
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(30 * 22_050) / 22_050)
    (folder / "clips").mkdir(parents=True)
    soundfile.write(folder / "clips" / "tone.wav", tone, 22_050)
    frames = {
        "splits": pd.DataFrame({"fold": 0, "artist_id": ids, "split": splits}),
        "clips": clips.assign(title=NAMES, file="clips/tone.wav"),
        "spectrograms": clips.assign(row=range(6)),
    }
    for name, frame in frames.items():
        artifacts.write_parquet(frame, folder / f"{name}.parquet")
    np.save(folder / "spectrograms.npy", rng.random((6, 256, 64)).astype(np.float16))
    parameters = {
        stages.find("01"): {"simulate": True},
        stages.find("04"): {"metric": "min_conditional", "seeds": [0]},
    }
    blank = {field.name: {} for field in dataclasses.fields(artifacts.Manifest)}
    for stage in stages.NEEDS:
        made = blank | {"stage": stage, "inputs": {"parameters": parameters.get(stage, {})}}
        artifacts.write_json(made, folder / "manifests" / f"{stage}.json")


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Address of a JupyterLab that shows the notebook as ``--lab`` prepares it, beside the miniature."""
    for name in ("data", "figures"):
        monkeypatch.setenv(paths.MOVABLE[name], str(tmp_path / name))
    write_miniature(paths.data("demo"))
    notebooks.prepare(STAGE, "demo", profiles.resolve("demo")[1][STAGE])
    settings = tmp_path / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    artifacts.write_json({"windowingMode": "none"}, settings)  # else cells out of sight are not in the page
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    home = {"HOME": str(tmp_path), "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings")}
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={paths.executed('demo', STAGE).parent}", f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    with open(tmp_path / "lab.log", "w") as log:
        server = subprocess.Popen(
            command, env=notebooks.environment() | home, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/api?token={token}", server, tmp_path / "lab.log")
        yield f"http://127.0.0.1:{port}/lab/tree/{STAGE}.ipynb?token={token}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_until_it_answers(address, server, log):
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab does not answer:\n{log.read_text()}")


@pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("REQUIRE_BROWSER") != "1",
    reason="no Chromium: apt-get install chromium, or REQUIRE_BROWSER=1 to fail here",
)
def test_the_explorer_follows_a_choice_in_the_browser_and_runs_nothing_from_names(lab):
    from playwright.sync_api import expect, sync_playwright

    assert CHROMIUM, "REQUIRE_BROWSER=1, but there is no Chromium"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(lab)
        page.wait_for_function(READY, timeout=60_000)
        page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(ENDED, timeout=60_000)
        shown = page.evaluate(OUTPUTS)
        assert "error" not in [output["output_type"] for output in shown], json.dumps(shown, indent=1)
        table = page.locator(".jupyter-widgets table")
        table.wait_for(timeout=20_000)

        assert "Echo" in table.inner_text()
        assert "Alpha" not in table.inner_text()  # nobody is listed as like itself
        assert "training artist" in page.locator(".jupyter-widgets").first.inner_text()
        page.get_by_label("artist", exact=True).select_option(label="Echo")
        page.get_by_text("the network has never heard it").wait_for(timeout=20_000)
        expect(table).to_contain_text("Alpha", timeout=20_000)
        expect(table).not_to_contain_text("Echo", timeout=20_000)
        for hostile in (IMAGE, SCRIPT):
            page.get_by_label("artist", exact=True).select_option(label=hostile)
            page.get_by_text(f"{hostile}, ").first.wait_for(timeout=20_000)
        page.get_by_label("compare", exact=True).select_option(label=IMAGE)
        page.get_by_text(f"{IMAGE}, seconds").wait_for(timeout=20_000)
        page.wait_for_function("() => [...document.querySelectorAll('audio')].length === 2", timeout=20_000)
        page.wait_for_function("() => document.querySelector('audio').duration > 5", timeout=20_000)

        assert page.evaluate("() => window.ran") is None
        assert page.locator("img[src=x]").count() == 0
        assert page.locator(".jp-OutputArea mjx-container").count() == 0  # nothing became mathematics
        assert not [url for url in asked if not url.startswith((lab.split("/lab")[0], "data:", "blob:"))]
        browser.close()
