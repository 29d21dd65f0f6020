"""The demo from nothing: ``python -m benchmarks.demo [--only NN ...]``.

Runs ``run_all.py`` once, with data, figures and the caches of Numba and Matplotlib in a folder of its own,
so that nothing is kept from before; the folder is removed at the end. Setting up the environment is not
measured. Prints one JSON line:

- ``cpu_seconds``: processor seconds of the door, its kernels and all that these start, whoever waits for it,
- ``wall_seconds``,
- one key a stage, ``04_siamese_training``: processor seconds of its kernel and all children it waited for,
- ``door``: the rest: the door's own, and of children for which no kernel waited,
- ``peak_gb``: highest memory of all of them at one moment, shared pages counted once,
- ``threads``, ``cpu``: the number of threads, the type of processor.

``--only 00 01`` runs some stages alone; those that they need must be among them.
"""

import argparse
import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from lib.cli import notebooks
from lib.workflow import artifacts, machine, paths, stages

CACHES = {"NUMBA_CACHE_DIR": "numba", "MPLCONFIGDIR": "matplotlib"}
SUBREAPER = 36  # prctl: orphans become children of this process, and what they used is counted
PAUSE = 0.5  # seconds


def main(arguments=None):
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="NN", help="these stages alone")
    only = parser.parse_args(arguments).only
    with tempfile.TemporaryDirectory(prefix="music-similarity-") as folder:
        os.environ |= {name: str(Path(folder, top)) for top, name in paths.MOVABLE.items()}
        os.environ |= {name: str(Path(folder, top)) for name, top in CACHES.items()}
        taken, code = measured(["--only", *only] if only else [])
        each = {stage: seconds for stage in stages.names() if (seconds := of(stage)) is not None}
        if not code:
            print(json.dumps(taken | each | {"door": round(taken["cpu_seconds"] - sum(each.values()), 1)}))
    sys.exit(code)


def measured(options):
    """Run the door and add up what it took.

    Parameters
    ----------
    options : list of str
        Of ``run_all.py``.

    Returns
    -------
    taken : dict
        ``cpu_seconds, wall_seconds, peak_gb, threads, cpu``, as above.
    code : int
        The exit code of the door.
    """
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    started, used, peak = time.monotonic(), children(), 0
    command = [sys.executable, str(paths.root() / "run_all.py"), *options]
    door = subprocess.Popen(command, stdout=sys.stderr)
    while door.poll() is None:
        peak = max(peak, memory())
        time.sleep(PAUSE)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    taken = {
        "cpu_seconds": round(children() - used, 1),
        "wall_seconds": round(time.monotonic() - started, 1),
        "peak_gb": round(peak / 1e9, 2),
        "threads": int(notebooks.environment()["OMP_NUM_THREADS"]),
        "cpu": machine.made_with()["cpu"],
    }
    return taken, door.returncode


def children():
    """Processor seconds of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def of(stage):
    """Processor seconds of a stage, by its manifest; None where it was not run."""
    try:
        return artifacts.manifest("demo", stage).notebook["processor_seconds"]
    except artifacts.MissingArtifact:
        return None


def memory():
    """Bytes of all processes that this one has started, a page that several share counted in parts."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total


if __name__ == "__main__":
    main()
