"""Text from outside as files and screens can hold it.

Conventions
-----------
Tables keep a name as it came, control characters included; only what a message shows of it is escaped, so
that no file can steer the terminal that reads the message.
"""

from __future__ import annotations

import re

SURROGATE = re.compile("[\ud800-\udfff]")


def encodable(text):
    """Text without half characters (lone surrogates, as JSON may have them): each becomes U+FFFD."""
    return text if text.isascii() else SURROGATE.sub("\ufffd", text)


def printable(text):
    r"""Text as a screen can show it: control characters, and those that turn its direction, are escaped.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> print(printable("Björk\t\x1b[31m"))
    Björk\t\x1b[31m
    """
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def shown(line):
    """A line of a file as a screen can show it, its tabs as they are."""
    return "\t".join(map(printable, line.split("\t")))
