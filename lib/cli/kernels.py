"""Kernels beside the terminal: how far one is, what it writes past its notebook, and what it costs.

**Conventions.** A kernel's standard output and standard error are a file without a name: what its libraries
write there (TensorFlow's notices, the last words of a process that crashes) reaches no terminal, and is shown
only where the kernel died. What a cell prints comes over the notebook's own channel and is stored in it.
"""

import re
import resource
import tempfile
import time

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

PATIENCE = 180  # seconds until a kernel that does not answer is given up
LAST = 5  # lines shown of what a kernel that died had written
NOTICE = re.compile(r"[IWE]\d{4} \d|WARNING: All log messages before absl")  # how TensorFlow's begin


class Messages:
    """What a kernel and its libraries write past the notebook."""

    def __init__(self):
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 (the kernel writes to it)

    def last(self):
        """The last lines, a library's notices aside, as text to append to a message; empty if none."""
        self.file.seek(0)
        lines = self.file.read().decode(errors="replace").splitlines()
        lines = [line for line in lines if line.strip() and not NOTICE.match(line)]
        return "\n  ".join(["\nIt wrote:", *lines[-LAST:]]) if lines else ""

    def close(self):
        """Give the file back."""
        self.file.close()


class Costs:
    """What a stage takes, from now on."""

    def __init__(self):
        self.started, self.used = time.monotonic(), _processor_seconds()

    def so_far(self):
        """``seconds``, and ``processor_seconds`` of children that have ended and of their children."""
        return {
            "seconds": round(time.monotonic() - self.started, 1),
            "processor_seconds": round(_processor_seconds() - self.used, 1),
        }


class Bar:
    """The progress bar of the running cell, taken from what it writes to standard error."""

    def __init__(self, say):
        self.say, self.cell = say, ""

    def begin(self, cell):
        """Take note of which cell runs now."""
        self.cell = cell
        self.say(cell)

    def write(self, text):
        """Take the newest bar out of what the cell wrote."""
        bars = [line.strip() for line in re.split(r"[\r\n]", text) if "%|" in line]
        if bars:
            self.say(f"{self.cell} · {re.sub('[|].*[|]', '', bars[-1])}")

    def flush(self):
        """Nothing is held back."""


class Watched(Engine):
    """papermill's own client, which tells the caller about its cells; its kernel writes to no terminal."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, *, watch, messages, stderr_file, **_):
        """Execute it, as papermill calls its engines."""
        watch(nb_man)
        client = PapermillNotebookClient(
            nb_man,
            kernel_name=kernel_name,
            startup_timeout=PATIENCE,
            stderr_file=stderr_file,
            extra_arguments=["--IPKernelApp.log_level=50"],  # silent about the transport on the loopback
        )
        return client.execute(stdout=messages.file, stderr=messages.file)


papermill_engines.register(Watched.__name__, Watched)


def _processor_seconds():
    """Of all children that have ended and of their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
