"""How a request ends where there is no answer."""


class Unavailable(Exception):
    """No answer for now. `status` is the HTTP status, if it came to that."""

    def __init__(self, message, *, status=None):
        super().__init__(message)
        self.status = status


class Passing(Unavailable):
    """A fault that may pass: worth another attempt, after `wait` seconds if the host said so."""

    def __init__(self, message, *, status=None, wait=None):
        super().__init__(message, status=status)
        self.wait = wait
