"""The explorer in JupyterLab, driven by Chromium, on a miniature of what notebook 08 reads.

What the explorer does by itself is tested in `test_explorer_browser`, without JupyterLab. Skipped where
Chromium is missing, unless the environment variable ``REQUIRE_BROWSER`` is 1.
"""

import json
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from lib.cli import lab, notebooks
from lib.workflow import artifacts, paths, profiles
from tests import explorer_harness as harness

pytestmark = harness.needs_chromium

STAGE = "08_artist_explorer"
READY = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget, session = panel?.sessionContext;
    const kernel = session?.isReady && session.session?.kernel;
    return panel?.context?.isReady && kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""
MODEL = "window.jupyterapp.shell.currentWidget.context.model.toJSON()"
CODE = f"() => {MODEL}.cells.filter(cell => 'outputs' in cell)"
SOURCES = f"() => {MODEL}.cells.map(cell => cell.source)"
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => null)"
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
# One control of each kind, and every one that takes text or a choice.
CONTROLS = """() => {
    const kinds = new Set();
    return [...document.querySelectorAll(".mse :is(button, input, select, summary, canvas[tabindex='0'])")]
        .flatMap((node, place) => {
            const kind = [node.tagName, node.type, node.className, node.id].join();
            if (node.disabled || !node.checkVisibility() || kinds.has(kind)) return [];
            kinds.add(kind);
            return [place];
        });
}"""
FOCUS = """place => {
    const nodes = document.querySelectorAll(".mse :is(button, input, select, summary, canvas[tabindex='0'])");
    nodes[place]?.focus();
}"""
KEYS = ("x", "d", "d", "a", "b", "Enter", "ArrowDown")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address of a JupyterLab that shows the copy of the notebook as ``--explore`` prepares it."""
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("data", "figures"):
            patch.setenv(paths.MOVABLE[name], str(folder / name))
        harness.write(paths.data("demo"), clips=1)
        lab.prepare("demo", profiles.resolve("demo")[1], [STAGE])
        settings = folder / "settings" / "@jupyterlab"
        tracker = settings / "notebook-extension" / "tracker.jupyterlab-settings"
        artifacts.write_json(
            {"windowingMode": "none"}, tracker
        )  # else cells out of sight are not in the page
        artifacts.write_json(
            {"autosave": False}, settings / "docmanager-extension" / "plugin.jupyterlab-settings"
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        token = secrets.token_hex(8)
        options = [
            "--no-browser", f"--ServerApp.port={port}", f"--IdentityProvider.token={token}",
            "--LabApp.expose_app_in_browser=True",
        ]  # fmt: skip
        home = {"HOME": str(folder), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
        with open(folder / "lab.log", "w") as log:
            server = subprocess.Popen(
                lab.command("demo", STAGE, True, options), env=notebooks.environment() | home,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            _wait_until_it_answers(f"http://127.0.0.1:{port}/api?token={token}", server, folder / "lab.log")
            yield f"http://127.0.0.1:{port}/lab/tree/{STAGE}.ipynb?token={token}"
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait_until_it_answers(address, server, log):
    for _ in range(600):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab does not answer:\n{log.read_text()}")


def test_the_explorer_in_jupyterlab_keeps_its_keys_and_outlives_a_restart(served):
    committed, copy = paths.notebook(STAGE), paths.executed("demo", STAGE)
    before = [committed.read_bytes(), copy.read_bytes()]
    with harness.chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(300_000)
        requests, trouble = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("filechooser", lambda chooser: None)  # what Enter opens on the upload
        page.goto(f"{served}#explorer?artist=id-0011")
        run_all(page)

        # Run All ends at the explorer
        assert "view" in page.evaluate(CODE)[-1]["source"]
        page.wait_for_function("() => document.querySelector('.mse-go')")
        assert page.locator(".mse").count() == 1
        page.get_by_role(
            "heading", name=harness.NAMES[11], exact=True, level=2
        ).wait_for()  # as the link says
        weight = "node => getComputedStyle(node).fontWeight"
        assert page.locator(".mse-why dt").first.evaluate(weight) == "400"
        page.get_by_role("combobox", name="artist", exact=True).fill("motorhead")
        page.get_by_role("combobox", name="artist", exact=True).press("Enter")
        page.get_by_role("heading", name="Motörhead", exact=True, level=2).wait_for()
        for hostile in (harness.IMAGE, harness.SCRIPT):
            page.get_by_role("combobox", name="artist", exact=True).fill(hostile)
            page.get_by_role("combobox", name="artist", exact=True).press("Enter")
            page.get_by_role("heading", name=hostile, exact=True, level=2).wait_for()
        page.get_by_role("region", name="chosen artist").get_by_role("button", name="play").first.click()
        page.wait_for_function(
            "() => [...document.querySelectorAll('audio')].some(one => one.currentTime > .1)"
        )

        # keys stay in the explorer
        sources = page.evaluate(SOURCES)
        places = page.evaluate(CONTROLS)
        assert len(places) > 8
        for place in places:
            page.evaluate(FOCUS, place)
            for key in KEYS:
                page.keyboard.press(key)
            assert page.evaluate(SOURCES) == sources, f"control {place} let {KEYS} through"

        # a restart of the kernel
        names = page.locator(".mse-go").all_inner_texts()
        page.evaluate(RESTART)
        page.locator(".mse-banner").get_by_text("kernel").wait_for()
        assert page.locator(".mse-go").all_inner_texts() == names
        run_all(page)
        page.wait_for_function("() => document.querySelector('.mse-go')")
        assert page.locator(".mse").count() == 1
        neighbour = page.locator(".mse-go bdi").nth(9).inner_text()
        page.locator(".mse-go").nth(9).click()
        page.get_by_role("heading", name=neighbour, exact=True, level=2).wait_for()
        assert page.locator(".mse-banner").is_hidden()

        assert page.evaluate("() => window.ran") is None
        assert page.locator("img[src=x]").count() == 0
        assert page.locator(".jp-OutputArea mjx-container").count() == 0  # nothing became mathematics
        own = (served.split("/lab")[0], "data:", "blob:")
        assert [url for url in requests if not url.startswith(own)] == []
        assert trouble == []
        browser.close()
    assert [committed.read_bytes(), copy.read_bytes()] == before


def run_all(page):
    """Run all cells; an error in one of them is shown."""
    page.wait_for_function(READY)
    page.evaluate(RUN_ALL)
    outputs = [output for cell in page.evaluate(CODE) for output in cell["outputs"]]
    assert "error" not in [output["output_type"] for output in outputs], json.dumps(outputs, indent=1)
