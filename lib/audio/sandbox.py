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
- Children wait for more work between calls, and end when their parent does, however it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
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
EXPECTED = (ValueError, OSError, MemoryError)  # what a file can cause; anything else is a mistake of ours


class Refused(ValueError):
    """The call failed, or had to be stopped; the message says why."""


class _Child:
    """A process that waits for calls."""

    def __init__(self, gigabytes):
        self.gigabytes, self.fresh = gigabytes, True
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lib.audio.sandbox", str(gigabytes)],
            cwd=paths.root(),
            env=os.environ | dict.fromkeys(THREADS, "1"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders chatter there
            bufsize=0,
        )

    def call(self, function, arguments, seconds):
        allowed = seconds + (STARTUP if self.fresh else 0.0)
        deadline, self.fresh = time.monotonic() + allowed, False
        request = {"function": function, "arguments": arguments, "seconds": allowed}
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            header = json.loads(self._read(int.from_bytes(self._read(4, deadline)), deadline))
            content = self._read(header["bytes"], deadline)
        except TimeoutError:
            self.close()
            raise Refused(f"stopped after {seconds:g} s") from None
        except (EOFError, BrokenPipeError):
            self.close()
            raise Refused(f"the decoder crashed ({_ending(self.process.returncode)})") from None
        except BaseException:
            self.close()  # interrupted in the middle of an answer, whose rest must not reach the next call
            raise
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


_idle, _lock = [], threading.Lock()


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
        If the function raises what a bad file can cause, the child crashes, or a limit is reached.
    RuntimeError
        If the function raises anything else.
    """
    with _lock:
        fitting = [child for child in _idle if child.gigabytes == gigabytes]
        child = fitting[-1] if fitting else None
        if child:
            _idle.remove(child)
    child = child or _Child(gigabytes)
    try:
        return child.call(function, arguments, seconds)
    finally:
        if child.process.returncode is None:
            with _lock:
                _idle.append(child)


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
    RuntimeError
        As `call`.
    """
    path = os.path.abspath(path)
    try:
        return call(function, path, *arguments, **limits)
    except Refused as error:
        name = readable(path)
        raise error if name in str(error) else Refused(f"{name}: {error}") from error


def readable(path):
    """A path as text that can be printed and written, whatever bytes are in it."""
    return os.fsencode(path).decode("utf-8", "replace")


@atexit.register
def close():
    """End all children that wait."""
    with _lock:
        while _idle:
            _idle.pop().close()


def _ending(code):
    if code is None or code >= 0:
        return f"exit status {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _serve(gigabytes):
    """What a child does: answer calls until its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which closes the pipe
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whoever prints must not get between the answers
    limit = int(gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin.buffer:
        request = json.loads(line)
        # A parent that was killed cannot stop its child: then this does.
        faulthandler.dump_traceback_later(request["seconds"] + GRACE, exit=True)
        header, content = _answer(request)
        faulthandler.cancel_dump_traceback_later()
        encoded = json.dumps(header | {"bytes": len(content)}).encode()
        answers.write(len(encoded).to_bytes(4) + encoded)
        answers.write(content)
        answers.flush()


def _answer(request):
    module, _, name = request["function"].partition(":")
    try:
        result = getattr(importlib.import_module(module), name)(*request["arguments"])
        array, *notes = result if isinstance(result, tuple) else (result,)
        array = np.ascontiguousarray(array)
    except MemoryError:
        return {"refused": "it needs more memory than a clip may take"}, b""
    except EXPECTED as error:
        return {"refused": str(error)}, b""
    except Exception as error:
        return {"mistake": f"{type(error).__name__}: {error}"}, b""
    header = {"dtype": array.dtype.str, "shape": array.shape} | ({"notes": notes[0]} if notes else {})
    return header, memoryview(array).cast("B")


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
