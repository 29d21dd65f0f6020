"""How a long step shows that it is alive: one line rewritten on a terminal, plain lines elsewhere."""

import shutil
import sys
import threading
import time


def clock(seconds):
    """Seconds as minutes and seconds, ``1:05``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Line:
    """A title, what is being done, and the time it has taken so far.

    Parameters
    ----------
    title : str
        What the line is about, such as the name of a stage.
    stream : text file
        Where it is written (default standard output).

    Examples
    --------
    >>> with Line("03_spectrograms", stream=sys.stdout) as line:
    ...     line.say("cell 1/9")
    03_spectrograms · cell 1/9 · 0:00
    03_spectrograms · done · 0:00
    """

    def __init__(self, title, stream=None):
        self.title, self.stream = title, stream or sys.stdout
        self.text, self.started, self.ended = "", time.monotonic(), threading.Event()
        self.rewrites = self.stream.isatty()

    def say(self, text):
        """Show what is being done now."""
        self.text = text
        self._write("" if self.rewrites else "\n")

    def note(self, text):
        """Leave a line above what is being done."""
        self.stream.write(("\r\x1b[2K" if self.rewrites else "") + text + "\n")
        self.stream.flush()

    def __enter__(self):
        if self.rewrites:
            threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        self.text = "done" if kind is None else "stopped"
        self._write("\n")

    def _tick(self):
        while not self.ended.wait(1):
            self._write("")

    def _write(self, end):
        text = " · ".join(filter(None, [self.title, self.text, clock(time.monotonic() - self.started)]))
        if self.rewrites:
            text = "\r\x1b[2K" + text[: shutil.get_terminal_size().columns - 1]
        self.stream.write(text + end)
        self.stream.flush()
