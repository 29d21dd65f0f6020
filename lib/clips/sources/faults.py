"""How a request ends where there is no answer."""


class Unavailable(Exception):
    """No answer for now.

    Attributes
    ----------
    status : int or None
        The HTTP status, if it came to that.
    sentence : str
        What the service itself says of it, bounded and as plain text; see `lib.clips.sources.sentences`.
    """

    def __init__(self, message, *, status=None, sentence=""):
        super().__init__(message)
        self.status, self.sentence = status, sentence


class Passing(Unavailable):
    """A fault that may pass: worth another attempt, after `wait` seconds if the host said so."""

    def __init__(self, message, *, status=None, wait=None):
        super().__init__(message, status=status)
        self.wait = wait


class Unreached(Passing):
    """There was no connection to the host."""
