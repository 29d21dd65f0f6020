"""A ListenBrainz dump: a line a listen, each a JSON document that names its user; many users.

The dump of all listens is a ``.tar.zst`` (formerly ``.tar.xz``) of files ``listens/YEAR/MONTH.listens``; such
a file, or one of several of them put together, will do. The user is ``user_name``, or ``user_id`` without it;
the artist is ``track_metadata.artist_name``; the MBID is the first of ``mbid_mapping.artist_mbids``, which
ListenBrainz gave, or else of ``additional_info.artist_mbids``, which the player did.

References
----------
https://listenbrainz.readthedocs.io/en/latest/users/listenbrainz-dumps.html
"""

from __future__ import annotations

import json
import re

import polars as pl

from lib.listening import characters
from lib.listening.layouts import common

HEADED = common.LinesBefore(0)  # see `recognition.layout`
DESCRIPTION = "a ListenBrainz dump (.tar.zst, .tar.xz, .listens: JSON lines with user_name, track_metadata)"
SOURCES = ("mbid_mapping", "additional_info")  # of artist_mbids
IDS = pl.Struct({"artist_mbids": pl.List(pl.String)})
METADATA = pl.Struct({"artist_name": pl.String, "mbid_mapping": IDS, "additional_info": IDS})
HALF = re.compile(  # of a character beyond 16 bits, without its other half: polars makes another one of it
    rb"(?i)\\ud[89ab]..(?!\\ud[c-f])|(?<!\\ud[89ab]..)\\ud[c-f]"
)
LISTEN = pl.Struct({"user_name": pl.String, "user_id": pl.String, "track_metadata": METADATA})


def recognises(head):
    """Whether one of the first lines is a listen of somebody."""
    return any("track_metadata" in listen and _user(listen) for listen in map(_listen, head))


def table(block):
    """A block's rows, each of them one play."""
    lines = common.lines(block)
    if (b"\\ud" in block or b"\\uD" in block) and HALF.search(block):
        return _by_line(lines)
    try:
        listens = lines.select(listen=pl.col("text").str.json_decode(LISTEN))
    except pl.exceptions.ComputeError:  # a line is no JSON, or something else in JSON
        return _by_line(lines)
    if len(listens) != len(lines):
        return _by_line(lines)
    track = pl.col("listen").struct["track_metadata"]
    ids = [track.struct[source].struct["artist_mbids"].list.first() for source in SOURCES]
    user = [pl.col("listen").struct[field] for field in ("user_name", "user_id")]
    return listens.select(
        user=pl.coalesce(user).fill_null(""),
        mbid=pl.coalesce(ids).fill_null(""),
        name=track.struct["artist_name"].fill_null(""),
        plays=pl.lit("1"),
    ).with_columns(lines["text"])


def _by_line(lines):
    """The same, with lines that are no listen and so have no user."""
    rows = []
    for text in lines["text"]:
        listen = _listen(text)
        track = listen.get("track_metadata")
        track = track if isinstance(track, dict) else {}
        ids = [_first(track.get(source)) for source in SOURCES]
        name = track.get("artist_name")
        name = name if isinstance(name, str) else ""
        fields = _user(listen), ids[0] or ids[1], name
        rows.append((*map(characters.encodable, fields), "1", text))
    schema = dict.fromkeys([*common.FIELDS, "text"], pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _listen(text):
    """The JSON object in a line, empty where there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _user(listen):
    user = listen.get("user_name")
    user = listen.get("user_id") if user is None else user
    return "" if user is None or isinstance(user, dict | list) else str(user)


def _first(source):
    """The first of the artist MBIDs in a listen's mapping or additional information."""
    ids = source.get("artist_mbids") if isinstance(source, dict) else None
    first = ids[0] if isinstance(ids, list) and ids else ids
    return first if isinstance(first, str) else ""
