"""Work that crashes, hangs or eats the memory costs one call and nothing else."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from lib.audio import sandbox
from lib.workflow import paths
from tests.processes import alive

# Functions that children call: they import this file by its name.
HERE = "tests.test_sandbox"


def double(values):
    print("what is printed gets not between the answers")
    return 2 * np.asarray(values, dtype=np.float32)


def refuse(reason):
    raise ValueError(reason)


def err():
    raise KeyError("a mistake of ours")


def crash():
    os.kill(os.getpid(), signal.SIGSEGV)


def leave():
    os._exit(3)


def hang():
    time.sleep(60)


def devour():
    return np.ones(2**31, dtype=np.uint8)


def process():
    return np.array([os.getpid()])


def threads():
    return np.array([int(os.environ["OMP_NUM_THREADS"])])


@pytest.fixture(autouse=True)
def ended():
    yield
    sandbox.close()


def test_an_array_comes_back_as_it_was_and_printing_does_no_harm():
    answer = sandbox.call(f"{HERE}:double", [[1, 2], [3, 4]])
    assert (answer.dtype, answer.tolist()) == (np.float32, [[2, 4], [6, 8]])


def test_children_are_used_again_and_have_one_thread():
    first, second = (int(sandbox.call(f"{HERE}:process")[0]) for _ in range(2))
    assert first == second != os.getpid()
    assert sandbox.call(f"{HERE}:threads").tolist() == [1]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("crash", r"crashed \(SIGSEGV\)"),
        ("leave", r"crashed \(exit status 3\)"),
        ("hang", r"stopped after 1\.5 s"),
        ("devour", "more memory"),
    ],
)
def test_whatever_happens_to_a_child_is_said_and_the_next_call_works(function, said):
    sandbox.call(f"{HERE}:process")  # started before the clock runs
    with pytest.raises(sandbox.Refused, match=said):
        sandbox.call(f"{HERE}:{function}", seconds=1.5)
    assert sandbox.call(f"{HERE}:double", [1]).tolist() == [2]


def test_what_a_bad_file_causes_is_refused_and_a_mistake_is_an_error():
    with pytest.raises(sandbox.Refused, match="^the file is damaged$"):
        sandbox.call(f"{HERE}:refuse", "the file is damaged")
    with pytest.raises(RuntimeError, match="KeyError: 'a mistake of ours'"):
        sandbox.call(f"{HERE}:err")


def test_children_end_with_a_parent_that_is_killed():
    code = f"from lib.audio import sandbox; print(sandbox.call('{HERE}:process')[0], flush=True); input()"
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=paths.root(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(child)
