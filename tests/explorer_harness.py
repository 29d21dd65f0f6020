"""A small study on disk, and the explorer's module in Chromium without JupyterLab: for tests and benchmarks.

`write` leaves what notebooks 01 to 07 leave; `Mounted` draws `lib/explorer/widget.js` with a model like
anywidget's, whose messages reach a function of this process. Requests of the page are recorded and refused.
"""

import base64
import json
import os
import shutil
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import soundfile

from lib import methods
from lib import study as studies
from lib.beyond import moments
from lib.explorer import explorer, widget
from lib.listening import matrix
from lib.ranking.scores import Scores
from lib.workflow import artifacts, paths, stages

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("REQUIRE_BROWSER") != "1",
    reason="no Chromium: apt-get install chromium, or REQUIRE_BROWSER=1 to fail here",
)
WIDGET = paths.root() / "lib" / "explorer"
ADDRESS = "http://localhost/explorer"  # answered by the harness: nothing listens there

IMAGE = '<img src=x onerror="window.ran = 1">'
SCRIPT = "<script>window.ran = 1</script> $x^2$"
NAMES = [
    "Björk", "Sigur Rós", "Nine Inch Nails", "Motörhead", "The Mountain Goats", "Beyoncé", IMAGE, SCRIPT,
    "Same", "Same", "Молчат Дома", "椎名林檎", "فيروز", "constructor", "__proto__", "$un_balanced", "",
    "\u202eright to left", "Incomprehensibilities" * 8, "null", "Godspeed You! Black Emperor", "ABBA", "Echo",
    "Hermit",
]  # fmt: skip
HERMIT, SHARING = len(NAMES) - 1, 3  # the artist that shares listeners with three others only
STYLES = ["drone", "polka", IMAGE]
RATE, SECONDS = 22_050, 30


def write(folder, *, names=NAMES, clips=2, seed=0, sound="mp3", gone=True):
    """What notebooks 01 to 07 leave behind, for artists of three styles.

    Parameters
    ----------
    folder : Path
        Of the profile's data, such as ``data/demo``.
    names : sequence of str
        At least six; the last artist shares listeners with `SHARING` others only.
    clips : int
        Of each artist: tones of 30 s, higher from artist to artist.
    seed : int
    sound : str
        ``mp3`` or ``wav``; empty writes no files of sound.
    gone : bool
        Whether the file of the last clip is missing.
    """
    rng = np.random.default_rng(seed)
    n = len(names)
    ids = [f"id-{place:04d}" for place in range(n)]
    style = np.arange(n) % len(STYLES)
    listening = _listening(rng, ids, names, style)
    (folder / "clips").mkdir(parents=True)
    matrix.save(listening, folder)
    parts = np.array(["train", "train", "dev", "test"])[np.arange(n) % 4]
    owners = np.repeat(np.arange(n), clips)
    table = pd.DataFrame({
        "clip_id": [f"clip-{place:05d}" for place in range(len(owners))],
        "artist_id": np.array(ids, dtype=object)[owners],
        "title": [f"{names[owner]} {place % clips}" for place, owner in enumerate(owners)], "album": "",
        "file": [f"clips/{place:05d}.{sound}" for place in range(len(owners))],
        "source": np.array(["folder", IMAGE])[owners % 2], "sha256": "", "rejected": "",
    })  # fmt: skip
    for place, file in enumerate(table["file"][: (len(table) - gone) * bool(sound)]):
        soundfile.write(folder / file, tone(200 + 20 * place), RATE)
    frames = {
        "splits": pd.DataFrame({"fold": 0, "artist_id": ids, "split": parts}),
        "clips": table,
        "spectrograms": table[["clip_id", "artist_id"]].assign(row=range(len(table))),
        "styles": table[["clip_id"]].assign(style=np.array(STYLES, dtype=object)[style[owners]]),
    }
    for name, frame in frames.items():
        artifacts.write_parquet(frame, folder / f"{name}.parquet")
    bands = rng.random((n, 1, 64))[owners] + rng.normal(0, 0.15, (len(owners), 256, 64))
    np.save(folder / "spectrograms.npy", np.clip(bands, 0, 1).astype(np.float16))
    _write_scores(folder, rng, ids, style)
    _write_beyond(folder, rng, ids, style, table)
    parameters = {
        stages.find("01"): {"simulate": True},
        stages.find("04"): {"metric": "min_conditional", "seeds": [0, 1]},
    }
    for stage in stages.NEEDS:
        given = {"parameters": parameters.get(stage, {})}
        made = artifacts.Manifest(stage, folder.name, given, "", {}, {}, {})
        artifacts.write_manifest(made, folder / "manifests" / f"{stage}.json")


def tone(hertz, *, seconds=SECONDS):
    """A tone that swells once a second, float32."""
    moments = np.arange(int(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hertz * moments) * (0.6 + 0.4 * np.sin(2 * np.pi * moments))).astype(
        np.float32
    )


def _listening(rng, ids, names, style):
    """Camps that prefer styles; the last artist's two listeners share three others between them."""
    n, n_users = len(ids), 40 + 4 * len(ids)
    taste = rng.integers(len(STYLES), size=n_users)
    popularity = np.linspace(0.5, 0.15, n)
    plays = rng.random((n_users, n)) < np.where(np.equal.outer(taste, style), popularity, popularity / 4)
    plays[:2] = plays[:, n - 1] = False
    plays[:2, n - 1] = plays[0, [0, 1]] = plays[1, [1, 2]] = True
    plays[2:4, :] |= True  # nobody else has fewer than four listeners
    plays[2:4, n - 1] = False
    plays = plays * rng.integers(1, 50, plays.shape)
    listeners = (plays > 0).sum(axis=0)
    order = np.argsort(-listeners, kind="stable")
    artists = pd.DataFrame(
        {"artist_id": ids, "name": names, "listeners": listeners, "plays": plays.sum(axis=0)}
    )
    return matrix.ListeningMatrix(
        scipy.sparse.csr_array(plays[:, order]), artists.iloc[order].reset_index(drop=True)
    )


def _write_scores(folder, rng, ids, style):
    def near(noise):
        values = np.equal.outer(style, style) + noise * rng.normal(size=(len(ids), len(ids)))
        return methods.labelled_scores((values + values.T) / 2, ids)

    paper = {("siamese", 0, seed): near(1.0) for seed in (0, 1)}
    paper |= {
        (name, 0, 0): near(noise) for name, noise in {"chance": 9.0, "popularity": 3.0, "l2": 2.0}.items()
    }
    Scores.of_frames(paper).save(folder / "scores.npz")
    beyond = {(name, 0, 0): near(0.5) for name in ("l2", "factor_sum", "segment_kernel")}
    beyond["segment_kernel+popularity", 0, 0] = near(0.5)
    Scores.of_frames(beyond).save(folder / "beyond_scores.npz")
    artifacts.write_json({"method": "segment_kernel"}, folder / "beyond_choice.json")


def _write_beyond(folder, rng, ids, style, clips):
    """Map, curve of the blend, and frames, as 07 stores them."""
    around = 2 * np.pi * style / len(STYLES)
    places = np.stack([np.cos(around), np.sin(around)]) * 0.6 + rng.normal(0, 0.12, (2, len(ids)))
    x, y = np.clip(places, -1, 1)
    places = pd.DataFrame({"artist_id": ids, "x": x, "y": y, "of": "segments by RBF kernel"})
    artifacts.write_parquet(places, folder / "artist_map.parquet")
    grid = pd.MultiIndex.from_product(
        [["segment_kernel", "siamese", "l2"], np.linspace(0, 1, 11).round(1), np.linspace(0, 2, 9)],
        names=["method", "listeners", "popularity"],
    ).to_frame(index=False)
    value = 0.2 + 0.3 * grid["listeners"] + 0.05 * grid["popularity"] * (2 - grid["popularity"])
    curve = grid.assign(value=value, ci_low=value - 0.03, ci_high=value + 0.03, chance=0.16, n=10)
    curve = curve.assign(n_queries=49, measure="nDCG@10")
    artifacts.write_parquet(curve, folder / "blend.parquet")
    frames = rng.normal(size=(len(clips), 32, 24))
    frames /= np.linalg.norm(frames, axis=-1, keepdims=True)
    about = {"of": "siamese network, before its maximum over time", "seconds": 0.9375}
    kept = moments.Moments(np.rint(127 * frames).astype(np.int8), clips["clip_id"].tolist(), about)
    kept.save(folder / "moments.npz")


@contextmanager
def environment(folder):
    """`folder`, such as ``tmp/data/demo``, in the place of the profile's data."""
    figures = folder.parents[1] / "figures"
    moved = {paths.MOVABLE["data"]: str(folder.parent), paths.MOVABLE["figures"]: str(figures)}
    with mock.patch.dict(os.environ, moved):
        yield


def study_of(folder):
    """The study that `write` left, loaded as the notebooks do."""
    with environment(folder):
        return studies.load(folder.name)


def opened(folder, *, scores=None):
    """The explorer of what `write` left, without a kernel: it has ``world`` and ``answers``.

    `scores` take the place of those that are stored; all of them are then shown, behind the truth.
    """
    study = study_of(folder)
    if scores is None:
        scores, best = explorer.fitted(folder)
        sources = explorer.resolved(["truth", "best", "siamese", "l2"], best)
    else:
        sources, best = ["truth", *scores.methods], scores.methods[0]
    return widget.Explorer(study, scores, sources=sources, best=best)


@contextmanager
def chromium():
    """A browser to open pages in."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "REQUIRE_BROWSER=1, but there is no Chromium"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>explorer</title>
<style>
body { margin: 8px; font: 13px/1.4 system-ui, sans-serif; background: #fff; color: #000; }
body[data-jp-theme-light="false"] { background: #111; color: #eee; }
</style><style id="css"></style></head><body><div id="explorer"></div></body></html>"""

MOUNT = r"""async ({module, css, traits, dark}) => {
    document.body.dataset.jpThemeLight = String(!dark);
    document.body.dataset.jpThemeName = dark ? "JupyterLab Dark" : "JupyterLab Light";
    document.getElementById("css").textContent = css;
    for (const kind of ["keydown", "keypress", "keyup"])
        document.addEventListener(kind, event => (window.keys ??= []).push([kind, event.key]));
    const listeners = new Map(), pending = new Set(), slots = new Set();
    const emit = (name, ...values) => [...listeners.get(name) ?? []].forEach(listener => listener(...values));
    const bytes = part => part instanceof ArrayBuffer ? new Uint8Array(part)
        : new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    const packed = part => {
        let text = "";
        const all = bytes(part);
        for (let at = 0; at < all.length; at += 32768)
            text += String.fromCharCode(...all.subarray(at, at + 32768));
        return btoa(text);
    };
    const unpacked = text => {  // as from Jupyter: a view somewhere in a larger buffer
        const inner = atob(text), outer = new Uint8Array(inner.length + 8);
        for (let at = 0; at < inner.length; at++) outer[at + 3] = inner.charCodeAt(at);
        return new DataView(outer.buffer, 3, inner.length);
    };
    const model = {
        get: name => traits[name],
        set(name, value) {
            traits[name] = value;
            emit(`change:${name}`, model, value);
        },
        save_changes() {},
        on(names, listener) {
            for (const name of names.split(/\s+/))
                listeners.set(name, [...listeners.get(name) ?? [], listener]);
        },
        off(name, listener) {
            if (!name) listeners.clear();
            else if (!listener) listeners.delete(name);
            else listeners.set(name, (listeners.get(name) ?? []).filter(one => one !== listener));
        },
        send(content, callbacks, buffers) {
            if (window.harness.gone) return;
            const message = [structuredClone(content), (buffers ?? []).map(packed)];
            pending.add(message);
            window.toPython(...message).then(([reply, parts]) => {
                pending.delete(message);
                if (reply && !window.harness.gone) emit("msg:custom", reply, parts.map(unpacked));
            });
        },
        widget_manager: {kernel: {statusChanged: {
            connect: slot => slots.add(slot), disconnect: slot => slots.delete(slot),
        }}},
    };
    const lose = () => {
        window.harness.gone = true;
        slots.forEach(slot => slot(model.widget_manager.kernel, "restarting"));
        emit("comm_live_update");
    };
    window.harness = {model, traits, emit, pending, lose, gone: false, drawn: 0};
    for (const name of ["drawImage", "putImageData", "fillRect", "clearRect", "fill"]) {
        const own = CanvasRenderingContext2D.prototype[name];
        CanvasRenderingContext2D.prototype[name] = function (...values) {
            window.harness.drawn = performance.now();
            return own.apply(this, values);
        };
    }
    document.addEventListener("load", () => window.harness.drawn = performance.now(), true);
    new MutationObserver(() => window.harness.drawn = performance.now()).observe(
        document.getElementById("explorer"),
        {subtree: true, childList: true, attributes: true, characterData: true});
    const address = URL.createObjectURL(new Blob([module], {type: "text/javascript"}));
    let widget = (await import(address)).default;
    if (typeof widget === "function") widget = await widget();
    const {signal} = window.harness.controller = new AbortController();
    await widget.initialize?.({model, signal, experimental: {}});
    window.harness.remove = await widget.render(
        {model, signal, el: document.getElementById("explorer"), experimental: {}});
}"""

# Milliseconds from an action in the page to the last change of what is drawn, none for `quiet` milliseconds.
SETTLED = """async ([action, quiet]) => {
    const started = window.harness.drawn = performance.now();
    await eval(action);
    do await new Promise(resolve => setTimeout(resolve, 20));
    while (window.harness.pending.size || performance.now() - window.harness.drawn < quiet);
    return window.harness.drawn - started;
}"""


class Mounted:
    """The explorer in a page of its own.

    Parameters
    ----------
    browser : playwright.sync_api.Browser
    world : dict
    answer : callable
        Of (kind, message, buffers), gives a dict and a list of bytes: `lib.explorer.answers.Answers.answer`.
    width, height : int
    dark : bool
    fragment : str
        Of the address, behind ``#``.
    traits : dict, optional
        Of the model besides ``world``.

    Attributes
    ----------
    page : playwright.sync_api.Page
    messages : list of dict
        What the page has sent.
    requests, trouble : list of str
        Addresses besides the page's own; errors of the console and of the module.
    """

    def __init__(
        self, browser, world, answer, *, width=1440, height=900, dark=False, fragment="", traits=None
    ):
        self.answer, self.messages, self.requests, self.trouble = answer, [], [], []
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light",
            permissions=["clipboard-read", "clipboard-write"], accept_downloads=True,
        )  # fmt: skip
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.page.route("**/*", self._respond)
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("console", self._console)
        self.page.expose_binding("toPython", self._reply)
        self.mount(world, dark=dark, fragment=fragment, traits=traits)

    def mount(self, world, *, dark=False, fragment="", traits=None):
        """Open the page anew."""
        self.page.goto("about:blank")
        self.page.goto(ADDRESS + (f"#{fragment.removeprefix('#')}" if fragment else ""))
        text = {name: (WIDGET / f"widget.{name}").read_text(encoding="utf-8") for name in ("js", "css")}
        given = {"module": text["js"], "css": text["css"], "dark": dark}
        self.page.evaluate(
            MOUNT, given | {"traits": {"world": json.loads(json.dumps(world))} | (traits or {})}
        )
        self.root = self.page.locator("#explorer")

    def _respond(self, route):
        if route.request.url.split("#")[0] == ADDRESS:
            return route.fulfill(body=PAGE, content_type="text/html; charset=utf-8")
        self.requests.append(route.request.url)
        return route.abort()

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.trouble.append(message.text)

    def _reply(self, source, content, buffers):
        self.messages.append(content)
        parts = [base64.b64decode(part) for part in buffers]
        try:
            answer, buffers = self.answer(content["ask"], content, parts)
        except Exception as error:
            self.trouble.append(f"{type(error).__name__}: {error}")
            raise
        json.dumps(answer, allow_nan=False)
        coded = [base64.b64encode(bytes(part)).decode() for part in buffers]
        return [{"number": content["number"], "answer": answer}, coded]

    def settle(self, action="null", *, quiet=150):
        """Run some JavaScript, wait until nothing is drawn any more, and give the milliseconds until then."""
        return self.page.evaluate(SETTLED, [action, quiet])

    def lose_kernel(self):
        """From now on messages are lost, as after a restart of the kernel."""
        self.page.evaluate("() => window.harness.lose()")

    def keys(self):
        """Key presses that reached the document."""
        return self.page.evaluate("() => window.keys ?? []")

    def close(self):
        self.context.close()
