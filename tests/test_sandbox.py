"""Work that crashes, hangs or eats the memory costs one call and nothing else."""

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lib.audio import sandbox
from lib.workflow import paths
from tests.processes import alive, left_by, until

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


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def leave():
    os._exit(3)


def hang():
    time.sleep(60)


def devour():
    return np.ones(2**31, dtype=np.uint8)


def process():
    return np.array([os.getpid()])


def ended_by(number, log, times):
    """End this process by a signal, as often as asked for; a line of the log for each process."""
    with open(log, "a") as file:
        file.write(f"{os.getpid()}\n")
    if len(Path(log).read_text().splitlines()) <= times:
        os.kill(os.getpid(), number)
    return np.array([os.getpid()])


def wait_for(path, started):
    Path(started).touch()
    while not os.path.exists(path):
        time.sleep(0.01)
    return np.zeros(1)


def never_let_go(started):
    """A search that keeps the interpreter to itself for ages."""
    Path(started).touch()
    re.match("(a+)+$", "a" * 60 + "b")


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


# Ended from outside


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_child_that_is_ended_once_costs_nothing(number, tmp_path):
    answer = sandbox.call(f"{HERE}:ended_by", number, str(tmp_path / "log"), 1)
    processes = (tmp_path / "log").read_text().split()
    assert len(set(processes)) == 2 and str(answer[0]) == processes[1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_that_is_ended_twice_from_outside_says_nothing_of_its_file(number, tmp_path):
    log = tmp_path / "log"
    with pytest.raises(
        sandbox.Stopped, match=f"stopped from outside, .*{signal.Signals(number).name}.*n_jobs"
    ):
        sandbox.call(f"{HERE}:ended_by", number, str(log), 2)
    assert not issubclass(sandbox.Stopped, (ValueError, OSError))
    assert len(log.read_text().split()) == 2
    assert sandbox.call(f"{HERE}:double", [1]).tolist() == [2]


def test_a_crash_counts_when_a_second_child_crashes_too(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(sandbox.Refused, match=r"crashed \(SIGABRT\)"):
        sandbox.call(f"{HERE}:ended_by", signal.SIGABRT, str(log), 2)
    assert len(set(log.read_text().split())) == 2


def test_who_was_stopped_is_named(tmp_path):
    (tmp_path / "song.mp3").write_text("9\n")
    with pytest.raises(sandbox.Stopped, match=r"song\.mp3: its process was stopped"):
        sandbox.of_file(f"{HERE}:ended_file", tmp_path / "song.mp3")


def ended_file(path):
    os.kill(os.getpid(), int(Path(path).read_text()))


def test_a_child_that_is_ended_while_it_waits_is_not_missed():
    for _ in range(3):
        waiting = int(sandbox.call(f"{HERE}:process")[0])
        os.kill(waiting, signal.SIGKILL)
        os.waitid(os.P_PID, waiting, os.WEXITED | os.WNOWAIT)
        assert int(sandbox.call(f"{HERE}:process")[0]) != waiting


def test_where_no_process_can_be_started_nothing_is_said_of_the_file(monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(sandbox.Stopped, match="could not be started: Cannot allocate memory"):
        sandbox.call(f"{HERE}:process")


def test_the_second_try_waits_until_no_other_child_is_at_work(tmp_path):
    go, started, log, answers = tmp_path / "go", tmp_path / "started", tmp_path / "log", []
    other = threading.Thread(target=sandbox.call, args=(f"{HERE}:wait_for", str(go), str(started)))
    other.start()
    until(started.exists)
    again = threading.Thread(
        target=lambda: answers.append(sandbox.call(f"{HERE}:ended_by", signal.SIGKILL, str(log), 1))
    )
    again.start()
    until(lambda: sandbox._turns._alone == 1)
    assert len(log.read_text().split()) == 1
    go.touch()
    for thread in (other, again):
        thread.join(60)
    assert len(answers) == 1 and len(log.read_text().split()) == 2
    assert sandbox._turns._running == sandbox._turns._alone == 0


def test_a_child_at_work_ends_with_a_parent_that_is_killed(tmp_path):
    """Even where a decoder lets no other thread of the child run."""
    started = tmp_path / "started"
    code = (
        f"from lib.audio import sandbox; sandbox.call('{HERE}:never_let_go', {str(started)!r}, seconds=600)"
    )
    with left_by([sys.executable, "-c", code]) as (parent, left):
        until(started.exists)
        assert len(left()) == 2
        parent.kill()
        parent.wait()
        until(lambda: not left(), 5)


def test_a_child_has_no_secret_of_its_parent(monkeypatch):
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET", "canary")
    child = sandbox._Child(2.0)
    place = Path(f"/proc/{child.process.pid}/environ")
    try:
        until(lambda: b"OMP_NUM_THREADS=1" in place.read_bytes())  # before, it is still the parent's copy
        assert b"canary" not in place.read_bytes()
    finally:
        child.close()
