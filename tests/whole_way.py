"""`run_all.py` from one end to the other, as a person would call it: for the tests of whole runs."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUN_ALL = [sys.executable, str(ROOT / "run_all.py")]


def below(folder):
    """An environment whose data and figures are below `folder`."""
    tops = {"MUSIC_SIMILARITY_DATA": "data", "MUSIC_SIMILARITY_FIGURES": "figures"}
    return os.environ | {name: str(folder / top) for name, top in tops.items()}


def run(folder, *arguments, check=True):
    """`run_all.py` with its data and figures below `folder`."""
    command = [*RUN_ALL, *map(str, arguments)]
    settings = {"env": below(folder), "cwd": folder, "timeout": 3600}
    done = subprocess.run(command, capture_output=True, text=True, **settings)
    assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done
