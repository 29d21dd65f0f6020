"""``run_all.py --test``: style, unit tests, the committed notebooks and lessons, and a clean checkout."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lib.workflow import paths, stages

EVERYTHING = "MUSIC_SIMILARITY_TEST_ALL"  # tests try every fault where it is set
TOGETHER = 2  # files of unit tests; a process has up to two threads and 2 GB
LONGEST = ["end_to_end", "end_to_end_sources", "training", "search", "best_chance", "small_collections"]
BY_FILE = ("--dist", "loadfile", "--no-loadscope-reorder", "--max-worker-restart=0")  # a crash is a failure
SLOWEST = ("--durations=10",)
NO_TESTS = 5  # pytest's exit code where none was selected


def test(extra=(), everything=False):
    """Check style, run the unit tests and the committed notebooks, and see that the checkout stays clean.

    Parameters
    ----------
    extra : sequence of str
        For pytest; a path or two among them replace what is otherwise run.
    everything : bool
        Try every fault at every place, not a seeded sample of them; tests read it from the environment.

    Returns
    -------
    int
        0 only if every part went well.
    """
    before, failed = _checkout(), []
    for check in (["check"], ["format", "--check"]):
        if _call("ruff", *check, "."):
            failed.append(f"ruff {' '.join(check)}")
    named = [
        given
        for given in extra
        if not given.startswith("-") and (paths.root() / given.split("::")[0]).exists()
    ]
    nbval = [
        "--nbval",
        "--nbval-current-env",
        "--nbval-cell-timeout=3600",
        "--nbval-kernel-startup-timeout=180",
    ]
    parts = [nbval] if named else [["-n", str(TOGETHER), *BY_FILE, *_unit_tests()], [*nbval, *_notebooks()]]
    sample = {EVERYTHING: "1"} if everything else {}
    with tempfile.TemporaryDirectory(prefix="music-similarity-") as folder:
        roots = {name: str(Path(folder, top)) for top, name in paths.MOVABLE.items()}
        compiled = {"NUMBA_CACHE_DIR": str(Path(folder, "numba"))}  # see tests/conftest.py
        environment = {**os.environ, **roots, **sample, **compiled}
        codes = [_call("pytest", *part, *SLOWEST, *extra, env=environment) for part in parts]
    if set(codes) - {0, NO_TESTS} or set(codes) == {NO_TESTS}:
        failed.append("pytest")
    changed = sorted(_checkout() ^ before)
    if changed:
        failed.append("the checkout was changed:\n  " + "\n  ".join(changed))
    if failed and failed != ["pytest"]:  # pytest's own summary says enough
        print("failed: " + "; ".join(failed), flush=True)
    return 1 if failed else 0


def _unit_tests():
    """Files of unit tests, the longest first: else one process is left alone with one of them at the end."""
    names = sorted(path.stem for path in paths.root().glob("tests/test_*.py"))
    first = [name for name in map("test_{}".format, LONGEST) if name in names]
    return [f"tests/{name}.py" for name in [*first, *(name for name in names if name not in first)]]


def _notebooks():
    """The notebooks in order, the lessons, which read their results, and what compares their figures."""
    lessons = filter(Path.exists, map(paths.lesson, stages.names()))
    compared = paths.root().glob("tests/compare_figures.py")
    places = [*map(paths.notebook, stages.names()), *lessons, *compared]
    return [str(path.relative_to(paths.root())) for path in places]


def _call(module, *arguments, env=None):
    sys.stdout.flush()
    return subprocess.call([sys.executable, "-m", module, *arguments], cwd=paths.root(), env=env)


def _checkout():
    """What git sees changed in the checkout; nothing where there is no git."""
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    try:
        seen = subprocess.run(command, cwd=paths.root(), capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return set()
    return set(seen.stdout.splitlines())
