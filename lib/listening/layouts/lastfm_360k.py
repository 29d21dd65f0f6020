"""Last.fm-360K: no header, ``user sha1 ⇥ artist MBID ⇥ artist name ⇥ plays``, and the profile beside it.

Fields are taken as they are, spaces around them included; quotes mean nothing; a user is a SHA-1.

References
----------
Celma, O. (2010). Music Recommendation and Discovery in the Long Tail. Springer.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lib.listening.layouts import common, files

HEADED = False  # see `recognition.layout`
DESCRIPTION = "Last.fm-360K (user sha1 ⇥ artist MBID ⇥ artist name ⇥ plays, no header), plain or as .tar.gz"


def recognises(head):
    """Whether one of the first lines has four tab-separated fields."""
    return any(line.count(b"\t") == len(common.FIELDS) - 1 for line in head)


def table(block):
    """A block's rows. Nearly every block holds four fields in every line; the others are read by line."""
    at_once = common.at_once(block, common.FIELDS, "\t")
    return common.by_line(block, common.FIELDS) if at_once is None else at_once


def registered_users(path):
    """Users with a sign-up date, of a profile ``user ⇥ gender ⇥ age ⇥ country ⇥ sign-up date``.

    Parameters
    ----------
    path : path
        Of the profile, or of the archive that holds it.

    Returns
    -------
    frozenset of str

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no profile, or no line of it has five fields.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no profile file at {path}: give its path, or set registered_only to false")
    with files.opened(path, files.PROFILE_MEMBER, to_the_end=False) as (stream, _, name):
        lines = common.lines(stream.read().removeprefix(common.BYTE_ORDER_MARK))
    fields = lines.select(fields=pl.col("text").str.split("\t"))
    profiles = fields.filter(pl.col("fields").list.len() == 5)
    if profiles.is_empty():
        raise ValueError(
            f"{name} has no line of five tab-separated fields: user, gender, age, country, sign-up date"
        )
    signed = profiles.filter(pl.col("fields").list.last().str.strip_chars() != "")
    return frozenset(signed.select(pl.col("fields").list.first()).to_series())
