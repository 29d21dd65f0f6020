"""What tests ask about processes."""

import contextlib
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path

from lib.workflow import paths

MARK = "STARTED_BY_A_TEST"  # in the environment of a process, and so of all that it starts


def alive(pid):
    """Whether a process is there and has not ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition, seconds=60):
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing came of it in {seconds} s"
        time.sleep(0.02)


def children(of, doing=""):
    """Ids of the living processes that one has started, those with some text in their command line."""
    processes = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == of and doing.encode() in (folder / "cmdline").read_bytes() and alive(folder.name):
                processes.append(int(folder.name))
    return processes


def doing(text, processes):
    """Those of some processes that have a text in their command line."""
    chosen = []
    for pid in processes:
        with contextlib.suppress(OSError):
            if text.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                chosen.append(pid)
    return chosen


@contextlib.contextmanager
def left_by(command, **options):
    """A process that is started, and what lists the ids of those alive that it started or that is itself.

    What is left at the end is ended.
    """
    mark = f"{MARK}={secrets.token_hex(8)}"
    environment = options.pop("env", os.environ) | dict([mark.split("=")])

    def left():
        marked = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark.encode() in (folder / "environ").read_bytes() and alive(folder.name):
                    marked.append(int(folder.name))
        return marked

    settings = {"cwd": paths.root(), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
    process = subprocess.Popen(command, env=environment, **settings)
    try:
        yield process, left
    finally:
        for pid in left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
