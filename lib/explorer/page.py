"""The explorer as one file: no kernel, no network, and nothing runs in it but its own module.

Conventions
-----------
- The module and the stylesheet are those of the widget (``widget.js``, ``widget.css``); what a kernel would
  answer lies in the file: JSON and base64 in blocks that no browser executes.
- Scores are stored as 16-bit steps between the lowest and the highest of a row, which moves a score by less
  than a hundred-thousandth of that range.
- A page is at most `LIMIT` bytes where the methods that are shown first fit at all. Of what is left, sound
  at `WANTED` comes first, then further methods in the world's order, then a higher rate.
- The same inputs give the same bytes. A person's own plays and the paths of files are left out.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from pathlib import Path

import numpy as np

from lib.explorer import explorer, media
from lib.explorer import world as worlds
from lib.workflow import artifacts, kept

LIMIT = 6_000_000  # bytes
WANTED, LOWEST, HIGHEST = 6800, 6000, 24_000  # bits a second of sound
MISSING = 65_535  # stored in the place of NaN
STEPS = 65_534  # between the lowest and the highest score of a row
FRONT = Path(__file__).parent
OF_CLIPS = ("artist", "title", "source", "loudness")
NO_SCRIPT = "This page needs JavaScript: it draws the map and the lists from what is stored in this file."
START = 'mount(document.getElementById("explorer"), embedded(document));'


def write(path, world, answers, *, sounds=True):
    """Write the page.

    Parameters
    ----------
    path : path
    world : dict
        From `lib.explorer.world.describe`.
    answers : lib.explorer.answers.Answers
        Of the same study.
    sounds : bool
        Whether the clips may be shared: `media.EXCERPT_SECONDS` of each.

    Returns
    -------
    str
        One sentence: what is in the page, and what was left out.

    Examples
    --------
    >>> import tempfile
    >>> from lib.explorer.answers import Answers
    >>> from lib.ranking.scores import Scores
    >>> study = explorer.three_artists()
    >>> scores = Scores.of_frames({("l2", 0, 0): study.target})
    >>> world = worlds.describe(study, scores, best="l2", shown=["l2"], list_length=8, start="x")
    >>> path = f"{tempfile.mkdtemp()}/explorer.html"
    >>> write(path, world, Answers(study, scores, world), sounds=False).split("; ")[1:]
    ['2 of 2 lists', 'no sound']
    """
    path, study = Path(path), answers.study
    results = kept.Kept(Path(study.folder) / "kept")
    blocks = _pictures(study, results) | {"frames": _frames(study, world)}
    files = _files(study) if sounds else []
    names = _included(world, blocks, len(files))
    left_out = [method["name"] for method in world["methods"] if method["name"] not in names]
    world, blocks = _of_page(world, names), blocks | _scores(answers, names)
    rate, excerpts, text = _with_sound(world, blocks, files, results)
    with artifacts.replacing(path) as partial:
        partial.write_bytes(text)
    return _sentence(path, text, names, left_out, files, rate, excerpts)


def _included(world, blocks, n_sounds):
    """Methods of the page: the truth, which the marks need, those shown first, and others while they fit."""
    n, first = len(world["artists"]["id"]), {explorer.TRUTH, *world["shown"]}
    names = [method["name"] for method in world["methods"]]
    shown = [name for name in names if name in first]
    one = _encoded_size(2 * n * n, 1) + _encoded_size(8 * n, 1)
    grids = (world["blend"] or {"methods": {}})["methods"].values()
    entry = 200 + max((len(json.dumps(grid)) for grid in grids), default=0)  # in the world, at most
    taken = len(_page(_of_page(world, shown), blocks, {})) + _encoded_size(2 * n * n, 1) + len(shown) * one
    taken += _encoded_size(media.excerpt_bytes(WANTED) + 8, n_sounds) + 200
    others = [name for name in names if name not in first][: max(0, (LIMIT - taken) // (one + entry))]
    return [name for name in names if name in first or name in others]


def _with_sound(world, blocks, files, results):
    """The page with the best sound that fits: its rate, the excerpts, the bytes."""
    silent = _page(world, blocks, {})
    highest = _rate(LIMIT - len(silent), len(files))
    for rate in range(highest, LOWEST - 1, -media.STEP) if files else ():
        made = _excerpts(files, rate, results)
        text = _page(world, blocks, made)
        if len(text) <= LIMIT:
            return rate, made, text
    return 0, None, silent


def _excerpts(files, rate, results):
    checksums = [artifacts.sha256(file) if file and file.is_file() else "" for file in files]
    return results.result(
        "excerpts", lambda: media.excerpts(files, rate), code="lib.explorer.media",
        files=checksums, bit_rate=rate,
    )  # fmt: skip


def _rate(room, n):
    """The highest rate at which so many excerpts fit."""
    rate = HIGHEST // media.STEP * media.STEP
    while n and rate >= LOWEST and _encoded_size(media.excerpt_bytes(rate) + 8, n) > room - 200:
        rate -= media.STEP
    return rate


def _encoded_size(size, n):
    """Bytes of `n` files in base64."""
    return -(-size * n // 3) * 4


def _of_page(world, names):
    """The world as a page holds it: only these methods, nothing of the person or the machine."""
    blend = world["blend"] and world["blend"] | {
        "methods": {name: grid for name, grid in world["blend"]["methods"].items() if name in names}
    }
    return world | {
        "artists": world["artists"] | {"plays": None},
        "clips": {name: world["clips"][name] for name in OF_CLIPS},
        "methods": [method for method in world["methods"] if method["name"] in names],
        "best": world["best"] if world["best"] in names else None,
        "blend": blend,
        "excerpt": None,
        "can": {"upload": False, "sound": False},
        "picture_type": "image/webp",
        "sound_type": media.EXCERPT_TYPE,
    }


def _pictures(study, results):
    made = results.result(
        "small_pictures", lambda: media.small_pictures(study.spectrograms), code="lib.explorer.media",
        spectrograms=study.spectrograms,
    )  # fmt: skip
    return {"pictures": made["data"], "picture_ends": made["ends"].astype("<u4")}


def _frames(study, world):
    return worlds.moments(study)[1] if world["moments"] else np.empty(0, np.int8)


def _scores(answers, names):
    """Scores of some methods, the ranges of their rows, and shared listeners."""
    world = answers.world
    n, places = len(world["artists"]["id"]), None
    values = np.empty((len(names), n, n), dtype="<f4")
    shared = np.empty((n, n), dtype=np.int64)
    for artist in range(n):
        answer, parts = answers.answer("scores", {"artist": artist})
        if "error" in answer:
            raise ValueError(f"artist {artist} has no scores: {answer['error']}")
        places = places or [answer["methods"].index(name) for name in names]
        values[:, artist] = np.frombuffer(parts[0], "<f4").reshape(-1, n)[places]
        shared[artist] = np.frombuffer(parts[1], "<u4")
    scores, ranges = quantised(values)
    shared = shared.astype("<u2" if shared.max(initial=0) < 2**16 else "<u4")
    return {"scores": scores, "ranges": ranges, "shared": shared}


def quantised(values):
    """Rows of scores in 16 bits.

    Parameters
    ----------
    values : np.ndarray, shape=(..., n)
        NaN where there is no score.

    Returns
    -------
    steps : np.ndarray, shape=(..., n), dtype=uint16
        `MISSING` in the place of NaN, else score = low + step / `STEPS` * (high - low).
    ranges : np.ndarray, shape=(..., 2), dtype=float32
        Low and high of each row.

    Examples
    --------
    >>> steps, ranges = quantised(np.array([[np.nan, -1.0, 0.0, 1.0]]))
    >>> steps.tolist(), ranges.tolist()
    ([[65535, 0, 32767, 65534]], [[-1.0, 1.0]])
    """
    given = np.isfinite(values)
    low = np.where(given, values, np.inf).min(axis=-1, initial=np.inf)
    high = np.where(given, values, -np.inf).max(axis=-1, initial=-np.inf)
    empty = ~given.any(axis=-1)
    low, high = np.where(empty, 0, low), np.where(empty, 0, high)
    spread = np.where(high > low, high - low, 1).astype(np.float64)[..., None]
    steps = np.round((np.where(given, values, low[..., None]) - low[..., None]) / spread * STEPS)
    return np.where(given, steps, MISSING).astype("<u2"), np.stack([low, high], axis=-1).astype("<f4")


def _files(study):
    """The file of each clip, None where there is none."""
    names = study.clips.get("file", [None] * len(study.clips))
    return [Path(study.folder) / name if isinstance(name, str) and name else None for name in names]


def _page(world, blocks, excerpts):
    """The bytes of the page."""
    blocks = blocks | {
        "sounds": np.empty(0, np.uint8),
        "sound_ends": np.empty(0, "<u4"),
        "sound_starts": np.empty(0, "<f4"),
    }
    if excerpts:
        world = world | {"excerpt": media.EXCERPT_SECONDS, "can": world["can"] | {"sound": True}}
        blocks |= {
            "sounds": excerpts["data"], "sound_ends": excerpts["ends"].astype("<u4"),
            "sound_starts": excerpts["starts"].astype("<f4"),
        }  # fmt: skip
    style = _inline("widget.css", "</style")
    module = f"{_inline('widget.js', '</script', '<!--')}\n{START}\n"
    policy = (
        f"default-src 'none'; script-src {_hash(module)}; style-src {_hash(style)}; img-src blob: data:;"
        " media-src blob:; base-uri 'none'; form-action 'none'"
    )
    simulated = " (simulated listeners and music)" if world["simulated"] else ""
    data = [f'<script type="application/json" id="world">{_json(world)}</script>'] + [
        f'<script type="text/plain" id="{name}">{_base64(values)}</script>' for name, values in blocks.items()
    ]
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>Artist explorer: {html.escape(world['profile'])}{simulated}</title>",
        '<link rel="icon" href="data:,">',
        f"<style>{style}</style>",
        "</head>",
        '<body class="mse-page">',
        f"<noscript><p>{NO_SCRIPT}</p></noscript>",
        '<div id="explorer"></div>',
        *data,
        f'<script type="module">{module}</script>',
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(lines).encode()


def _inline(name, *ends):
    """Text of a file beside this one; what would end its element in the page is refused."""
    text = (FRONT / name).read_text(encoding="utf-8")
    if at := [end for end in ends if end in text.lower()]:
        raise ValueError(
            f"{name} holds {at[0]!r}, which ends or changes its element in a page: write it otherwise"
        )
    return text


def _json(value):
    """JSON that no HTML parser takes for anything else: plain ASCII without ``<``."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _base64(values):
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _hash(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _sentence(path, text, names, left_out, files, rate, excerpts):
    size = f"{path.name}: {len(text) / 1e6:.2f} MB"
    if len(text) > LIMIT:
        size += f", more than {LIMIT / 1e6:g} MB, for neither pictures nor lists shown first are left out"
    parts = [size, f"{len(names)} of {len(names) + len(left_out)} lists"]
    if excerpts:
        failures = excerpts["failures"]
        parts.append(
            f"sound of {len(files) - len(failures)} of {len(files)} clips,"
            f" {media.EXCERPT_SECONDS:g} s each at {rate / 1000:g} kbit/s"
        )
        parts += [f"without sound, the first of {len(failures)}: {failures[0]}"] if failures else []
    elif files:
        parts.append(f"no sound: {len(files)} excerpts do not fit into {LIMIT / 1e6:g} MB")
    else:
        parts.append("no sound")
    parts += [f"left out: {', '.join(explorer.name(name) for name in left_out)}"] if left_out else []
    return "; ".join(parts)
