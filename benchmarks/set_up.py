"""Setting up: ``python -m benchmarks.set_up [--write]``.

Fetches every package of the lock into a folder of its own, then lets the door build an environment from that
folder, in a copy of what it needs of the checkout: the set-up with a warm package cache. Prints one JSON
line: ``fetched_mb`` (sum of the packages), ``environment_mb`` (on disk), ``wall_seconds`` and ``cpu_seconds``
of building, ``cpu``. ``--write`` keeps the two sizes in ``requirements.size.json`` with the checksum of the
lock that they are of: the door prints them before it fetches.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.demo import children
from lib.workflow import artifacts, machine, packages, paths

SETS_UP = ("run_all.py", "requirements.lock", "lib/__init__.py", "lib/workflow")


def main(arguments=None):
    """Measure, print, and write where that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the sizes for the door")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="music-similarity-") as folder:
        sizes, took = measured(Path(folder))
    print(json.dumps({**sizes, **took, "cpu": machine.made_with()["cpu"]}))
    if options.write:
        artifacts.write_json({"lock": artifacts.sha256(paths.lock()), **sizes}, packages.size_file())


def measured(folder):
    """Fetch and build in a folder.

    Returns
    -------
    sizes, took : dict
    """
    wheels, copy = folder / "wheels", folder / "copy"
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    subprocess.run([*fetch, "--requirement", paths.lock(), "--dest", wheels], check=True)
    for name in SETS_UP:
        source, place = paths.root() / name, copy / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, place)
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    started, used = time.monotonic(), children()
    build = [sys.executable, "-c", "import run_all; run_all.build()"]
    subprocess.run(
        build, cwd=copy, env=os.environ | settings | {"PYTHONPATH": ""}, stdout=sys.stderr, check=True
    )
    took = {
        "wall_seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(children() - used, 1),
    }
    environment = sum(path.lstat().st_blocks * 512 for path in (copy / ".venv").rglob("*"))
    fetched = sum(path.stat().st_size for path in wheels.iterdir())
    return {"fetched_mb": round(fetched / 1e6), "environment_mb": round(environment / 1e6)}, took


if __name__ == "__main__":
    main()
