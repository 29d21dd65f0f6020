"""No process of ours is alive five seconds after the door or its kernel was killed, at whatever moment."""

import os
import signal
import sys
import time

import numpy as np
import pytest

from lib.workflow import paths
from tests.processes import doing, left_by, until

MINIATURE = paths.root() / "tests" / "miniature.yml"
# Who is killed, and when: seconds after the kernel was started, or after the first child that renders was.
MOMENTS = np.random.default_rng(26).uniform(0, 3, size=2).round(2).tolist()
TRIES = [("door", "kernel", MOMENTS[0]), ("kernel", "child", MOMENTS[1])]


def started(folder, *stages):
    tops = {"MUSIC_SIMILARITY_DATA": "data", "MUSIC_SIMILARITY_FIGURES": "figures"}
    roots = {name: str(folder / top) for name, top in tops.items()}
    command = [sys.executable, str(paths.root() / "run_all.py"), "--profile", str(MINIATURE), "--force"]
    return left_by([*command, "--only", *stages], env=os.environ | roots)


@pytest.fixture(scope="module")
def after_01(tmp_path_factory):
    folder = tmp_path_factory.mktemp("after 01")
    with started(folder, "01") as (door, left):
        assert door.wait(300) == 0
        until(lambda: not left(), 5)
    return folder


@pytest.mark.parametrize(("whom", "since", "moment"), TRIES)
def test_all_are_gone_after_a_kill(after_01, whom, since, moment):
    with started(after_01, "02") as (door, left):
        until(lambda: doing("ipykernel_launcher", left()))
        (kernel,) = doing("ipykernel_launcher", left())
        if since == "child":
            until(lambda: doing("lib.audio.sandbox", left()))
        time.sleep(moment)
        os.kill(door.pid if whom == "door" else kernel, signal.SIGKILL)
        until(lambda: set(left()) <= {door.pid}, 5)
        assert door.wait(60) == (-signal.SIGKILL if whom == "door" else 1)
        until(lambda: not left(), 5)
