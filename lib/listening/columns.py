"""Which column of a table is meant: usual names of users, artists, plays, tags, and what is left over.

Conventions
-----------
Case, spaces, underscores, hyphens and dots in a column's name do not matter. Of several columns for one
field the first of the list below is taken; the others are named with those that nothing is read from.
"""

from __future__ import annotations

import re

NAMES = {
    "user": "user userid username usersha1 usersha listener listenerid listenername",
    "artist": "artist artistname artname artists band performer",
    "mbid": "mbid artistmbid artistmbids musicbrainzid musicbrainzartistid artmbid mbartistid",
    "plays": "plays playcount count listens listencount scrobbles counts scrobblecount nplays weight",
    "tag": "tag tagname tags tagvalue",
    "count": "count counts weight n uses",
    "artist_id": "artistid artid",
    "track_id": "trackid track songid song itemid",
}
LONGEST, SHOWN = 60, 30  # characters of a column's name, and columns, that a message shows
NAMES = {field: names.split() for field, names in NAMES.items()}
EMPTY = re.compile(r"(unnamed:\d+(level\d+)?)?")  # no name, or pandas' for none


def key(column):
    """The form in which names of columns are compared.

    Examples
    --------
    >>> key("Artist_Name"), key("play count"), key("userID")
    ('artistname', 'playcount', 'userid')
    """
    return re.sub(r"[\s_.\-]+", "", column.casefold())


def chosen(columns, fields):
    """The place of each field's column.

    Parameters
    ----------
    columns : sequence of str
    fields : sequence of str
        Of `NAMES`.

    Returns
    -------
    dict of str to int
        Without the fields that no column stands for.

    Examples
    --------
    >>> chosen(["", "userID", "artistname", "listens"], ["user", "artist", "mbid", "plays"])
    {'user': 1, 'artist': 2, 'plays': 3}
    """
    keys = [key(column) for column in columns]
    places = {field: [keys.index(name) for name in NAMES[field] if name in keys] for field in fields}
    return {field: where[0] for field, where in places.items() if where}


def twice(columns):
    """The names, empty ones aside, if one of them is there twice; else nothing."""
    named = [column.casefold() for column in columns if column]
    return named if len(set(named)) < len(named) else []


def named(columns):
    """Columns as a message names them.

    Examples
    --------
    >>> named(["", "user", "artist"])
    "'user', 'artist'"
    """
    there = [repr(column[:LONGEST]) for column in columns if not EMPTY.fullmatch(key(column))]
    more = [f"{len(there) - SHOWN:,} more"] if len(there) > SHOWN else []
    return ", ".join(there[:SHOWN] + more) or "no column"


def account(columns, places, *, of):
    """A sentence on columns that are called otherwise than the fields they stand for, or stand for none.

    Parameters
    ----------
    columns : sequence of str
    places : dict of str to int
        From `chosen`.
    of : str
        Name of the file.

    Returns
    -------
    str
        Empty where every column is called as its field.

    Examples
    --------
    >>> columns = ["user", "artistname", "age"]
    >>> account(columns, chosen(columns, ["user", "artist"]), of="plays.csv")
    "plays.csv: artist is read from the column 'artistname'; nothing is read from the column 'age'"
    """
    other = [
        f"{field} is read from the column {columns[place][:LONGEST]!r}"
        for field, place in places.items()
        if columns[place].casefold() != field
    ]
    unused = named([column for place, column in enumerate(columns) if place not in places.values()])
    if unused != "no column":
        other.append(f"nothing is read from the column{'s' * (unused.count(', ') > 0)} {unused}")
    return f"{of}: {'; '.join(other)}" if other else ""
