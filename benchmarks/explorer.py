"""The explorer at the paper's size: ``python -m benchmarks.explorer``.

Prints one JSON line:

- ``start_seconds``: from stored scores (1,000 artists × 10 methods, one of them trained five times) to a
  widget that can be shown, in a fresh process; without ``import_seconds``, which its imports take, and
  without ``study_seconds``, which `lib.study.load` takes, as in every notebook,
- ``select_seconds``: from a click on a neighbour to its lists, pictures and reasons on the screen,
- ``blend_seconds``: from one move of a slider to the lists on the screen,
- ``upload_seconds``: from a file of three minutes (mp3) to its neighbours; the model has been used before,
- ``map_100k_ms``: drawing a map of 100,000 artists once more, while it is moved and zoomed,
- ``peak_gb``: most memory of the process that answers, from its first line to the last answer.

Each is a median, beside it the lowest and highest value. Pages are drawn in Chromium, to which messages go
in base64 instead of through Jupyter's server; without it ``browser`` is false: ``select_seconds`` are then
those of the answers alone, and what only a page can show is null. Music, names and listeners are random.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.sparse

from lib.workflow import artifacts, paths

ARTISTS, CLIPS, LISTENERS, ARTISTS_EACH = 1_000, 3, 150_000, 40
BEYOND = ("factor_ridge", "factor_kernel", "segment_ridge", "segment_kernel")
METHODS = ("siamese", "untrained", "l2", "spectrum", "mfcc_gaussian", "popularity", *BEYOND)
BEST, SEEDS, STARTS = "segment_kernel", 5, 3
SELECTIONS, MOVES, UPLOADS = 25, 24, 3
FITTED, MANY = 100, 100_000
RATE, SECONDS, SONG = 44_100, 180, "song.mp3"


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--way", choices=["start", "answers"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        return print(json.dumps(globals()[given.way]()))
    with tempfile.TemporaryDirectory(prefix="music-similarity-") as folder:
        os.environ |= {name: str(Path(folder, top)) for top, name in paths.MOVABLE.items()}
        write(paths.data("demo"))
        apart("start")  # keeps features of the clips, as 08 has done before a person opens it
        runs = [apart("start") for _ in range(STARTS)]
        results = {}
        for name in ("import_seconds", "study_seconds", "start_seconds"):
            results |= spread(name, [run[name] for run in runs])
        results |= apart("answers")
    print(json.dumps({"artists": ARTISTS, "runs": len(METHODS) - 1 + SEEDS} | results))


def apart(way):
    """Run a way in its own process."""
    command = [sys.executable, "-m", "benchmarks.explorer", "--way", way]
    done = subprocess.run(command, cwd=paths.root(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def spread(name, values, digits=3):
    """The median, and the lowest and highest value."""
    ends = [round(end, digits) for end in (min(values), max(values))]
    return {name: round(statistics.median(values), digits), f"{name}_range": ends}


def start():
    """Seconds of importing, of loading the study, and from there to a widget."""
    clock = [time.perf_counter()]
    from lib import study
    from lib.explorer import explorer, widget

    clock.append(time.perf_counter())
    studied = study.load("demo")
    clock.append(time.perf_counter())
    scores, best = explorer.fitted(studied.folder)
    sources = explorer.resolved(["truth", "best", "siamese", "l2"], best)
    shown = widget.Explorer(studied, scores, sources=sources, best=best)
    shown.get_state()  # what goes to the page
    clock.append(time.perf_counter())
    return dict(
        zip(("import_seconds", "study_seconds", "start_seconds"), np.diff(clock).tolist(), strict=True)
    )


def answers():
    """Everything behind the start, in one process."""
    from tests import explorer_harness as harness

    shown = harness.opened(paths.data("demo"))
    results = {"browser": harness.CHROMIUM is not None} | uploaded(shown)
    if harness.CHROMIUM:
        with harness.chromium() as browser:
            results |= drawn(harness.Mounted(browser, shown.world, shown.answers.answer))
            results |= {"peak_gb": peak_gb()}
            results |= many(harness, browser, shown.world)
    else:
        artists = np.linspace(0, ARTISTS - 1, SELECTIONS).astype(int)
        results |= spread("select_seconds", [selected(shown, int(artist)) for artist in artists])
        results |= {"blend_seconds": None, "map_100k_ms": None, "peak_gb": peak_gb()}
    return results


def peak_gb():
    """Most memory of this process; what ``getrusage`` says would count that of its parent before it began."""
    (line,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return round(int(line) / 2**20, 2)


def uploaded(shown):
    """A recording of three minutes; the first one, for which the model is read, is not counted."""
    content, times = (shown.answers.study.folder / SONG).read_bytes(), []
    for _ in range(UPLOADS + 1):
        started = time.perf_counter()
        answer, _ = shown.answers.answer("upload", {"name": SONG}, [content])
        times.append(time.perf_counter() - started)
        if "error" in answer:
            sys.exit(answer["error"])
    return spread("upload_seconds", times[1:])


def selected(shown, artist):
    """Seconds that the answers take which the page wants for an artist and its best neighbour."""
    started = time.perf_counter()
    answer, (scores, _) = shown.answers.answer("scores", {"artist": artist})
    row = np.frombuffer(scores, np.float32).reshape(-1, ARTISTS)[answer["methods"].index(BEST)]
    for place, owner in enumerate(shown.world["clips"]["artist"]):
        if owner in (artist, int(np.nanargmax(row))):
            shown.answers.answer("picture", {"clip": place})
    return time.perf_counter() - started


def drawn(page):
    """Selecting and blending in the page; the first of each is not counted."""
    page.settle()
    click = "[...document.querySelectorAll('.mse-list')].at({}).querySelectorAll('.mse-go')[{}].click()"
    selections = [page.settle(click.format(1 + at % 3, at % 8)) / 1000 for at in range(SELECTIONS + 1)]
    move = """(() => {
        const slider = document.querySelectorAll("#explorer input[type=range]")[%d];
        slider.value = %d;
        slider.dispatchEvent(new Event("input", {bubbles: true}));
    })()"""
    moves = [page.settle(move % (at % 2, 1 + at // 2 % 8)) / 1000 for at in range(MOVES + 1)]
    return spread("select_seconds", selections[1:]) | spread("blend_seconds", moves[1:])


def many(harness, browser, world):
    """Milliseconds of drawing a large map, the page's own work and its rendering."""
    rng = np.random.default_rng(3)
    x, y = np.clip(rng.normal(0, 0.4, (2, MANY)), -1, 1).round(4).tolist()
    artists = {
        "id": [f"{place:06d}" for place in range(MANY)], "name": [f"Artist {place}" for place in range(MANY)],
        "listeners": np.sort(rng.zipf(1.5, MANY).clip(1, 10**6))[::-1].tolist(), "split": ["test"] * MANY,
        "plays": None,
    }  # fmt: skip
    large = world | {
        "artists": artists, "map": world["map"] | {"x": x, "y": y}, "start": 0,
        "groups": None, "features": None, "moments": None, "clips": {name: [] for name in world["clips"]},
    }  # fmt: skip

    def answer(kind, message, buffers):
        rows = rng.random((len(world["methods"]), MANY), dtype=np.float32)
        return {"methods": [method["name"] for method in world["methods"]]}, [
            rows.tobytes(), np.ones(MANY, np.uint32).tobytes()
        ]  # fmt: skip

    page = harness.Mounted(browser, large, answer)
    page.settle()
    times = page.page.evaluate(REDRAW)
    return spread("map_100k_ms", times[2:], 1)


# Drags and zooms, each followed by a frame: milliseconds from the event until the frame behind it begins.
REDRAW = """async () => {
    const canvas = document.querySelector("canvas.mse-canvas"), box = canvas.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2], times = [];
    const frame = () => new Promise(resolve => requestAnimationFrame(resolve));
    const point = (kind, dx) => canvas.dispatchEvent(new PointerEvent(kind, {
        bubbles: true, pointerId: 1, clientX: x + dx, clientY: y + dx / 2, buttons: 1}));
    const timed = async action => {
        await frame();
        const started = performance.now();
        action();
        await frame();
        canvas.getContext("2d").getImageData(0, 0, 1, 1);
        times.push(performance.now() - started);
    };
    canvas.setPointerCapture = () => {};
    point("pointerdown", 0);
    for (let step = 1; step < 20; step += 1) await timed(() => point("pointermove", 6 * step));
    point("pointerup", 120);
    const zoom = document.querySelector("button[aria-label='zoom in']");
    for (let step = 0; step < 10; step += 1) await timed(() => zoom.click());
    return times;
}"""


def write(folder):
    """What notebooks 01 to 07 leave behind, at the paper's size."""
    from lib.listening import matrix
    from lib.methods import labelled_scores
    from lib.ranking.scores import Scores
    from tests import explorer_harness as harness

    harness.write(folder, names=[f"Artist {place}" for place in range(ARTISTS)], clips=CLIPS, sound="")
    rng = np.random.default_rng(1)
    weights = 1 / np.arange(10, ARTISTS + 10)
    users = np.repeat(np.arange(LISTENERS), ARTISTS_EACH)
    played = rng.choice(ARTISTS, len(users), p=weights / weights.sum())
    plays = scipy.sparse.coo_array((np.ones(len(users), int), (users, played))).tocsr()
    plays.sum_duplicates()
    listeners = np.bincount(plays.indices, minlength=ARTISTS)
    order = np.argsort(-listeners, kind="stable")
    artists = matrix.load(folder).artists.assign(listeners=listeners[order])
    matrix.save(matrix.ListeningMatrix(plays[:, order], artists), folder)
    runs = [(name, 0, seed) for name in METHODS for seed in range(SEEDS if name == "siamese" else 1)]
    frames = {run: labelled_scores(rng.random((ARTISTS, ARTISTS)), artists["artist_id"]) for run in runs}
    scores = Scores.of_frames(frames)
    scores.without(*BEYOND).save(folder / "scores.npz")
    scores.only(BEYOND).save(folder / "beyond_scores.npz")
    artifacts.write_json({"method": BEST}, folder / "beyond_choice.json")
    write_model(folder, artists)
    write_song(folder / SONG)


def write_song(path):
    """Tones and noise in stereo, as mp3."""
    from demo.synthesiser import encode

    rng, moments = np.random.default_rng(2), np.arange(RATE * SECONDS) / RATE
    tones = sum(np.sin(2 * np.pi * hertz * moments) for hertz in rng.uniform(80, 4000, 8)) / 20
    samples = (tones + 0.05 * rng.standard_normal((2, len(moments)))).T.astype(np.float32)
    path.write_bytes(encode(samples, RATE, "mp3"))


def write_model(folder, artists):
    """The file of 07 that answers for a recording, fitted to few artists and with places for all."""
    from lib import registry
    from lib import study as studies
    from lib.beyond import similar_artists
    from lib.spectrograms import picture

    study = studies.load("demo")
    few = study.ids[:FITTED]
    method = registry.method(BEST)(study.chosen_listening).fit(study, few, few)
    vectors = np.tile(method.vectors(study, few), (ARTISTS // FITTED, 1))
    finder = similar_artists.Finder(method, artists[["artist_id", "name"]], vectors, picture.DEFAULT, {})
    finder.save(folder / "models" / "beyond.npz")


if __name__ == "__main__":
    main()
