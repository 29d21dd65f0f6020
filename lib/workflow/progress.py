"""How a long step shows that it is alive: one line, which a terminal sees rewritten."""

import shutil
import sys
import threading
import time


def clock(seconds):
    """Seconds as minutes and seconds, ``1:05``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def left(seconds):
    """How long something is still expected to take, in words.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str

    Examples
    --------
    >>> left(50), left(61), left(400)
    ('less than a minute left', 'about 1 minute left', 'about 7 minutes left')
    """
    minutes = round(seconds / 60)
    if seconds < 60:
        return "less than a minute left"
    return f"about {minutes} minute{'s' if minutes > 1 else ''} left"


class Line:
    """A title, what is being done, and the time it has taken so far.

    Elsewhere than on a terminal it is written when the step begins and completed when the step has ended.

    Parameters
    ----------
    title : str
        What the line is about, such as the name of a stage.
    stream : text file
        Where it is written (default standard output).
    expected : float, optional
        Seconds that the step took the last time. While it takes no longer, the time left is shown.
    later : float
        Seconds that all steps after it took.

    Examples
    --------
    >>> with Line("03_spectrograms", stream=sys.stdout) as line:
    ...     line.say("cell 1/9")
    03_spectrograms · done · 0:00
    >>> with Line("03_spectrograms", stream=sys.stdout, expected=20, later=400) as line:
    ...     line.note("a line that stays")
    03_spectrograms · about 7 minutes left
    a line that stays
    03_spectrograms · done · 0:00
    """

    def __init__(self, title, stream=None, *, expected=None, later=0):
        self.title, self.stream = title, stream or sys.stdout
        self.expected, self.later = expected, later
        self.text, self.started, self.ended = "", time.monotonic(), threading.Event()
        self.rewrites, self.begun = self.stream.isatty(), False

    def say(self, text):
        """Show what is being done now, on a terminal."""
        self.text = text
        if self.rewrites:
            self._rewrite()

    def note(self, text):
        """Leave a line above what is being done."""
        if self.rewrites:
            text = "\r\x1b[2K" + text
        elif self.begun:
            text, self.begun = "\n" + text, False
        self._write(text + "\n")

    def __enter__(self):
        if self.rewrites:
            threading.Thread(target=self._tick, daemon=True).start()
        else:
            self._write(" · ".join(filter(None, [self.title, self._left()])))
            self.begun = True
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        how = ["done" if kind is None else "stopped", clock(time.monotonic() - self.started)]
        title = [] if self.begun else [self.title]
        self._write(
            ("\r\x1b[2K" if self.rewrites else " · " if self.begun else "") + " · ".join(title + how) + "\n"
        )

    def _left(self):
        """How long all is still expected to take; empty where that cannot be told."""
        if self.expected is None:
            return ""
        rest = self.expected - (time.monotonic() - self.started)
        return left(rest + self.later) if rest > 0 else ""

    def _tick(self):
        while not self.ended.wait(1):
            self._rewrite()

    def _rewrite(self):
        took = clock(time.monotonic() - self.started)
        text = " · ".join(filter(None, [self.title, self.text, took, self._left()]))
        self._write("\r\x1b[2K" + text[: shutil.get_terminal_size().columns - 1])

    def _write(self, text):
        self.stream.write(text)
        self.stream.flush()
