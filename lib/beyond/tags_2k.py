"""The tags of Last.fm-2K (HetRec 2011), as they lie in its zip.

Conventions
-----------
``user_taggedartists.dat`` holds one row for each listener who gave an artist a tag, with numbers that
``artists.dat`` and ``tags.dat`` explain; the three are tab-separated, with a header, and quotes mean nothing.
Text is UTF-8; a line that is not is read as Windows-1252, and `read` says how many are. Lines count from 1,
which is the header's.

References
----------
Cantador, I., Brusilovsky, P., & Kuflik, T. (2011). 2nd Workshop on Information Heterogeneity and Fusion in
Recommender Systems (HetRec 2011). RecSys 2011.
"""

from __future__ import annotations

import zipfile
from pathlib import PurePosixPath
from typing import NamedTuple

import pandas as pd

from lib.listening import names, zips

ASSIGNMENTS = "user_taggedartists.dat"
COLUMNS = {  # that are read of each file, in their order here
    ASSIGNMENTS: ("userID", "artistID", "tagID"),
    "artists.dat": ("id", "name"),
    "tags.dat": ("tagID", "tagValue"),
}
MEMBER_BYTES = 500_000_000  # cap; the largest has 4 million


class Assignments(NamedTuple):
    """Rows of the table of tags, and those that could not be read.

    Attributes
    ----------
    rows : pd.DataFrame
        ``artist``, ``tag``, ``count`` (1): one for each listener who gave the artist the tag.
    rejects : pd.DataFrame
        ``file``, ``line``, ``reason``, ``text``.
    n_again : int
        Rows whose listener, artist and tag a row before them has.
    notes : list of str
        Sentences on the encoding, where a reader should know.
    """

    rows: pd.DataFrame
    rejects: pd.DataFrame
    n_again: int
    notes: list


def is_archive(path):
    """Whether a file is a zip that holds tags in this layout."""
    if not zipfile.is_zipfile(path):
        return False
    with zips.opened(path) as archive:
        return any(PurePosixPath(name).name == ASSIGNMENTS for name in archive.namelist())


def read(path):
    """Read the tags of the zip.

    Parameters
    ----------
    path : path

    Returns
    -------
    Assignments

    Raises
    ------
    ValueError
        If one of the three files is missing, damaged or without its columns.
    """
    with zips.opened(path) as archive:
        (given, artists, tags), notes = zip(*(_table(archive, path, file) for file in COLUMNS), strict=True)
    name_of = artists.set_index("id")["name"].to_dict()
    tag_of = {row.tagID: names.normalise(row.tagValue or "") for row in tags.itertuples()}
    given["artist"], given["tag"] = given["artistID"].map(name_of), given["tagID"].map(tag_of)
    reason = pd.Series("", index=given.index, dtype=object)
    reason[given["tag"] == ""] = "tag is empty"
    reason[given["tag"].isna()] = "tagID is not in tags.dat"
    reason[given["artist"].isna()] = "artistID is not in artists.dat"
    reason[~given["whole"]] = "wrong number of fields"
    rejects, good = given.assign(file=ASSIGNMENTS, reason=reason)[reason != ""], given[reason == ""]
    key = {name: names.normalise(name) for name in good["artist"].unique()}
    again = good.assign(artist=good["artist"].map(key)).duplicated(["userID", "artist", "tag"])
    good = good[~again]
    return Assignments(
        good[["artist", "tag"]].assign(count=1.0).reset_index(drop=True),
        rejects[["file", "line", "reason", "text"]].reset_index(drop=True),
        int(again.sum()),
        [note for note in notes if note],
    )


def _table(archive, path, file):
    """One file's columns as text, each row's ``line``, ``text`` and whether it is ``whole``; and a note."""
    members = [entry for entry in zips.entries(archive) if PurePosixPath(entry.filename).name == file]
    if len(members) != 1:
        raise ValueError(
            f"{path} holds {len(members)} files {file}, expected is one: is it hetrec2011-lastfm-2k.zip,"
            " complete?"
        )
    content = zips.content(path, archive, members[0], most=MEMBER_BYTES)
    texts = [line.removesuffix(b"\r") for line in content.removesuffix(b"\n").split(b"\n")]
    lines = [_text(text) for text in texts]
    n_other = sum(line != text.decode("utf-8", "replace") for line, text in zip(lines, texts, strict=True))
    header = lines[0].removeprefix("\ufeff").split("\t")
    if missing := [column for column in COLUMNS[file] if column not in header]:
        raise ValueError(
            f"{file} in {path} lacks the column {missing[0]}: its first line reads {lines[0][:120]!r},"
            f" expected are {', '.join(COLUMNS[file])}"
        )
    places = [header.index(column) for column in COLUMNS[file]]
    fields = [line.split("\t") for line in lines[1:]]
    whole = [len(row) == len(header) for row in fields]
    picked = [[row[place] if ok else None for place in places] for row, ok in zip(fields, whole, strict=True)]
    table = pd.DataFrame(picked, columns=list(COLUMNS[file]), dtype=object)
    table = table.assign(line=range(2, len(table) + 2), text=lines[1:], whole=whole)
    return table, f"{n_other} lines of {file} are not UTF-8 and are read as Windows-1252" if n_other else ""


def _text(line):
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")
