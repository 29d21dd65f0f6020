"""Last.fm-1K: no header, ``user ⇥ time ⇥ artist MBID ⇥ artist name ⇥ track MBID ⇥ track``, a line a play.

References
----------
Celma, O. (2010). Music Recommendation and Discovery in the Long Tail. Springer.
"""

from __future__ import annotations

import re

import polars as pl

from lib.listening.layouts import common

HEADED = common.LinesBefore(0)  # see `recognition.layout`
DESCRIPTION = "Last.fm-1K (user ⇥ time ⇥ artist MBID ⇥ artist name ⇥ track MBID ⇥ track, no header)"
COLUMNS = ("user", "time", "mbid", "name", "track_mbid", "track")
LINE = re.compile(rb"[^\t]+\t\d{4}-\d\d-\d\d[T ][^\t]*\t[^\t]*\t[^\t]*\t[^\t]*\t[^\t]*")


def recognises(head):
    """Whether one of the first lines has six fields, the second a time."""
    return any(LINE.fullmatch(line.rstrip(b"\r\n")) for line in head)


def table(block):
    """A block's rows, each of them one play."""
    fields = common.at_once(block, COLUMNS, "\t")
    if fields is None:
        fields = common.by_line(block, COLUMNS)
    return fields.drop("time", "track_mbid", "track").with_columns(plays=pl.lit("1"))
