"""Work that may crash, hang or eat the memory, in a process of its own.

Decoders are old C code and files come from anywhere: one bad file must cost one line in a list of failures,
not the run.

Conventions
-----------
- A child is a Python process that imports `lib` and answers one call after the other: a function by its
  module and name, arguments as JSON; back comes an array, with notes as JSON if there are any, or what went
  wrong. It never sends code or pickles,
  so that whoever takes over a child through a file has not taken over its parent.
- Limits: seconds of wall clock for each call, gigabytes of private memory for the child. Each child has one
  BLAS thread: parallel work is several children.
- Children wait for more work between calls, and end when their parent does, however it ends: where it is
  gone, the kernel ends a child at work by SIGIO, and a child that waits reads the end of its requests.
- Only what a child answers, a limit of ours that it reached, or a crash that happens twice is a verdict on
  its call. A child that something else ended, such as the kernel where memory runs out, is tried once more
  while no other child works; where that one is ended too, it is `Stopped`, which says nothing of the file.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import faulthandler
import fcntl
import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time

import numpy as np

from lib.workflow import paths

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
STARTUP = 60.0  # seconds more for the first call of a child, which has to import first
GRACE = 5.0  # seconds after which a child that its parent did not stop stops itself
EXPECTED = (ValueError, OSError)  # what a file can cause; anything else is a mistake of ours
MEMORY = "it needs more memory than a clip may take"
# What a process does to itself; every other signal comes from outside.
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP)
FIRST_TO_GO = 500  # of 1,000: where memory runs out, a child is ended before its parent
BEGUN = b"\1"  # what a child sends first: it has the function, and what follows is the file's doing


class Refused(ValueError):
    """The call failed, or had to be stopped; the message says why."""


class Stopped(RuntimeError):
    """A child was ended from outside, and a new one too while it worked alone: no verdict on its file."""


class _Ended(Exception):
    """A child ended instead of answering: how, and whether by what it did itself."""

    def __init__(self, how, own):
        super().__init__(how)
        self.how, self.own = how, own


class _Child:
    """A process that waits for calls."""

    def __init__(self, gigabytes):
        self.gigabytes, self.fresh = gigabytes, True
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lib.audio.sandbox", str(gigabytes)],
                cwd=paths.root(),
                env={name: value for name, value in os.environ.items() if "SECRET" not in name}
                | dict.fromkeys(THREADS, "1"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # decoders chatter there
                bufsize=0,
            )
        except OSError as error:
            raise _Ended(f"it could not be started: {error.strerror}", own=False) from error

    def call(self, function, arguments, seconds):
        allowed = seconds + (STARTUP if self.fresh else 0.0)
        deadline, self.fresh = time.monotonic() + allowed, False
        request = {"function": function, "arguments": arguments, "seconds": allowed}
        begun = False
        try:
            self._write(json.dumps(request).encode() + b"\n")
            begun = self._read(1, deadline) == BEGUN
            header = json.loads(self._read(int.from_bytes(self._read(4, deadline)), deadline))
            content = self._read(header["bytes"], deadline)
        except TimeoutError:
            self.close()
            raise Refused(f"stopped after {seconds:g} s") from None
        except (EOFError, BrokenPipeError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)  # it has closed its end: how it ended follows
            self.close()
            code = self.process.returncode
            own = begun and (code >= 0 or -code in CRASHES)
            raise _Ended(_ending(code), own) from None
        except BaseException:
            self.close()  # interrupted in the middle of an answer, whose rest must not reach the next call
            raise
        if "memory" in header:
            self.close()
            raise _Ended(MEMORY, own=True)
        if "refused" in header:
            raise Refused(header["refused"])
        if "mistake" in header:
            raise RuntimeError(f"{function}: {header['mistake']}")
        array = np.frombuffer(content, dtype=header["dtype"]).reshape(header["shape"])
        return (array, header["notes"]) if "notes" in header else array

    def close(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def _write(self, content):
        while content:
            content = content[os.write(self.process.stdin.fileno(), content) :]

    def _read(self, size, deadline):
        parts, pipe = [], self.process.stdout.fileno()
        while size:
            if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            part = os.read(pipe, size)
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class _Turns:
    """Calls run beside each other, or one alone."""

    def __init__(self):
        self._changed = threading.Condition()
        self._running = self._alone = 0  # calls that run; those that wait for all others to end, or run alone

    @contextlib.contextmanager
    def beside(self):
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._running += 1
        try:
            yield
        finally:
            self._end()

    @contextlib.contextmanager
    def alone(self):
        with self._changed:
            self._alone += 1
            try:
                self._changed.wait_for(lambda: not self._running)
                self._running += 1
            except BaseException:
                self._alone -= 1
                raise
        try:
            yield
        finally:
            self._end(alone=1)

    def _end(self, alone=0):
        with self._changed:
            self._running -= 1
            self._alone -= alone
            self._changed.notify_all()


_idle, _lock, _turns = [], threading.Lock(), _Turns()


def call(function, *arguments, seconds=60.0, gigabytes=2.0):
    """Call a function in a child.

    Parameters
    ----------
    function : str
        Such as ``lib.spectrograms.picture:from_file``; returns an array, or an array and notes that JSON
        holds.
    *arguments
        Anything that JSON holds.
    seconds : float
        Wall clock after which the child is killed.
    gigabytes : float
        Private memory that the child may have.

    Returns
    -------
    np.ndarray, or (np.ndarray, notes)
        Read-only.

    Raises
    ------
    Refused
        If the function raises what a bad file can cause, reaches a limit, or crashes its child each time.
    Stopped
        If something else ended the child, and a new one too while no other was at work.
    RuntimeError
        If the function raises anything else.
    """
    endings = collections.Counter()  # by whether it was the child's own doing
    while True:
        try:
            with _turns.alone() if endings else _turns.beside():
                if endings[False]:
                    close()  # what waits has memory too
                return _attempt(function, arguments, seconds, gigabytes, fresh=bool(endings))
        except _Ended as ending:
            endings[ending.own] += 1
            if endings[ending.own] == 1:
                continue
            if not ending.own:
                raise Stopped(_stopped(ending.how)) from None
            raise Refused(MEMORY if ending.how == MEMORY else f"the decoder crashed ({ending.how})") from None


def _attempt(function, arguments, seconds, gigabytes, fresh):
    """One call, in a child that waits or in a new one."""
    child = None
    with _lock:
        for waiting in [child for child in _idle if child.gigabytes == gigabytes and not fresh]:
            _idle.remove(waiting)
            if waiting.process.poll() is None:
                child = waiting
                break
            waiting.close()  # ended while it waited: no call is lost by that
    child = child or _Child(gigabytes)
    try:
        return child.call(function, arguments, seconds)
    finally:
        if child.process.returncode is None:
            with _lock:
                _idle.append(child)


def _stopped(how):
    return (
        f"its process was stopped from outside, and once more when it was tried alone ({how}). That says"
        " nothing of the file, and what is finished stays. Most often memory has run out: close other"
        " programs, or take fewer processes (n_jobs, MUSIC_SIMILARITY_THREADS=1), then run it again."
    )


def of_file(function, path, *arguments, **limits):
    """As `call` with a file as the first argument; what is refused names the file.

    Parameters
    ----------
    function : str
    path : path
    *arguments
    **limits
        ``seconds`` and ``gigabytes``.

    Returns
    -------
    np.ndarray, or (np.ndarray, notes)

    Raises
    ------
    Refused
    Stopped
    RuntimeError
        As `call`.
    """
    path = os.path.abspath(path)
    try:
        return call(function, path, *arguments, **limits)
    except (Refused, Stopped) as error:
        name = readable(path)
        raise error if name in str(error) else type(error)(f"{name}: {error}") from error


def readable(path):
    """A path as text that can be printed and written, whatever bytes are in it."""
    return os.fsencode(path).decode("utf-8", "replace")


@atexit.register
def close(gigabytes=None):
    """End the children that wait.

    Parameters
    ----------
    gigabytes : float, optional
        Only those that may have so much memory.
    """
    with _lock:
        for child in [child for child in _idle if gigabytes in (None, child.gigabytes)]:
            _idle.remove(child)
            child.close()


def _ending(code):
    if code is None or code >= 0:
        return f"exit status {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _serve(gigabytes):
    """What a child does: answer calls until its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which closes the pipe
    signal.signal(signal.SIGIO, signal.SIG_DFL)  # which ends it
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whoever prints must not get between the answers
    limit = int(gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(FIRST_TO_GO))
    fcntl.fcntl(sys.stdin, fcntl.F_SETOWN, os.getpid())
    for line in sys.stdin.buffer:
        request = json.loads(line)
        # A parent that was killed cannot stop its child: then this does.
        faulthandler.dump_traceback_later(request["seconds"] + GRACE, exit=True)
        with _ending_with_parent():
            header, content = _answer(request, answers)
        faulthandler.cancel_dump_traceback_later()
        encoded = json.dumps(header | {"bytes": len(content)}).encode()
        answers.write(len(encoded).to_bytes(4) + encoded)
        answers.write(content)
        answers.flush()


@contextlib.contextmanager
def _ending_with_parent():
    """While a call runs nothing comes down the pipe but its end, and the kernel sends SIGIO for that.

    Python code could not look for it: a decoder may keep the interpreter from running.
    """
    usual = fcntl.fcntl(sys.stdin, fcntl.F_GETFL)
    fcntl.fcntl(sys.stdin, fcntl.F_SETFL, usual | os.O_ASYNC)
    if select.select([sys.stdin], [], [], 0)[0]:  # it ended before
        os._exit(1)
    yield
    fcntl.fcntl(sys.stdin, fcntl.F_SETFL, usual)


def _answer(request, answers):
    module, _, name = request["function"].partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:
        return {"mistake": f"{type(error).__name__}: {error}"}, b""
    finally:
        answers.write(BEGUN)
        answers.flush()
    try:
        result = function(*request["arguments"])
        array, *notes = result if isinstance(result, tuple) else (result,)
        array = np.ascontiguousarray(array)
    except MemoryError:
        return {"memory": True}, b""
    except EXPECTED as error:
        return {"refused": str(error)}, b""
    except Exception as error:
        return {"mistake": f"{type(error).__name__}: {error}"}, b""
    header = {"dtype": array.dtype.str, "shape": array.shape} | ({"notes": notes[0]} if notes else {})
    return header, memoryview(array).cast("B")


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
