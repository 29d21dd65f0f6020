"""What people call artists, as a second target beside listening (beyond the paper).

Conventions
-----------
- A table of tags is CSV or TSV whose first line names the columns ``artist, tag[, count]``, written in any
  way that `lib.listening.text` reads, under any name that `lib.listening.columns` understands. An artist is
  given by id (MBID) or name (`lib.listening.names`); where two artists have a name, it is the one with more
  listeners.
- The zip of Last.fm-2K is read as it is (`lib.beyond.tags_2k`); a tag counts the listeners who gave it.
- As in `lib.listening.plays`, each row is kept, of an artist that nobody asked for, or rejected with its line
  and reason.
- Factors are made of the training artists' tags alone; whoever has none is left out of the fit.

References
----------
Deerwester et al. (1990). Indexing by latent semantic analysis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from lib import numerics
from lib.beyond import tags_2k
from lib.beyond.factors import N_FACTORS
from lib.listening import columns, names, text
from lib.workflow import datasets, paths

ROUNDING = 1e-12  # a shorter vector is what rounding leaves of it
PARAMETER = "07_beyond_the_paper.tags_file"
EXPECTED = "expected a CSV or TSV whose first line names the columns artist, tag and perhaps count"


@dataclass(frozen=True)
class Tags:
    """Tags of known artists, and what became of every row.

    Attributes
    ----------
    counts : pd.DataFrame
        ``artist_id, tag, count``: each pair once, counts positive.
    summary : pd.DataFrame
        ``outcome, rows``; adds up to the rows read.
    rejects : pd.DataFrame
        ``file, line`` (from 1), ``reason, text``.
    """

    counts: pd.DataFrame
    summary: pd.DataFrame
    rejects: pd.DataFrame


def read(path, artists):
    """Read a table of tags.

    Parameters
    ----------
    path : path
    artists : pd.DataFrame
        ``artist_id, name`` of those asked for, the one with the most listeners first.

    Returns
    -------
    Tags

    Raises
    ------
    ValueError
        If the file is missing, empty, without the expected header or without rows; if every row is rejected;
        or if none of its artists is known.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tags.csv"
    >>> rows = pd.DataFrame({"artist": ["Abba", "Beck", "Nobody"], "tag": ["Pop", "", "pop"]})
    >>> rows.to_csv(path, index=False)
    >>> read(path, pd.DataFrame({"artist_id": ["a", "b"], "name": ["Abba", "Beck"]})).summary
                                     outcome  rows
    0                                   kept     1
    1  of 1 artists who are not in the plays     1
    2                 rejected: tag is empty     1
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"no table of tags at {path}: {EXPECTED}")
    if tags_2k.is_archive(path):
        return _of_2k(path, artists)
    table = text.read(path, expected=EXPECTED)
    header, where = table.form.columns, columns.chosen(table.form.columns, ("artist", "tag", "count"))
    if not {"artist", "tag"} <= where.keys() or columns.twice(header):
        raise ValueError(
            f"the first line of {path} reads {table.header[:120]!r}, its columns are {columns.named(header)}:"
            f" {EXPECTED}, each once; given as -p {PARAMETER}={path}"
        )
    if not table.rows:
        raise ValueError(f"{path} has a header and no rows below it")
    for note in [*table.notes, columns.account(header, where, of=path.name)]:
        if note:
            print(note)
    good, rejects = [], []
    for row in table.rows:
        reason, judged = _judged(row.fields, header, where)
        if reason:
            rejects.append((path.name, row.line, reason, row.text))
        else:
            good.append(judged)
    rejects = pd.DataFrame(rejects, columns=["file", "line", "reason", "text"])
    if not good:
        worst = rejects.iloc[0]
        raise ValueError(
            f"all {len(table.rows)} rows of {path} were rejected; the first, line {worst['line']}:"
            f" {worst['reason']}: {worst['text'][:120]!r}; {EXPECTED}"
        )
    return _joined(pd.DataFrame(good, columns=["artist", "tag", "count"]), rejects, path, artists)


def file_of(tags_file, listening):
    """The table of tags: the one that is given, or the one that comes with the listening data.

    Parameters
    ----------
    tags_file : str
        Parameter of notebook 07; may be empty.
    listening : dict
        Parameters of notebook 01.

    Returns
    -------
    str
        Its path; empty where there is none.

    Examples
    --------
    >>> file_of("", {"simulate": True, "download": "lastfm-2k"})
    ''
    >>> Path(file_of("", {"simulate": False, "download": "lastfm-2k"})).name
    'hetrec2011-lastfm-2k.zip'
    """
    comes_along = not listening["simulate"] and listening["download"] == "lastfm-2k"
    return tags_file or (str(paths.downloads() / datasets.LASTFM_2K.file) if comes_along else "")


def _of_2k(path, artists):
    """`read` for the zip of Last.fm-2K."""
    given = tags_2k.read(path)
    for note in given.notes:
        print(note)
    if given.rows.empty:
        raise ValueError(f"no row of {tags_2k.ASSIGNMENTS} in {path} names an artist and a tag")
    joined = _joined(given.rows, given.rejects, path, artists)
    merged = pd.DataFrame({"outcome": ["the same listener, artist and tag again"], "rows": [given.n_again]})
    return replace(joined, summary=pd.concat([joined.summary, merged], ignore_index=True))


def _joined(good, rejects, path, artists):
    """Good rows whose artist is known, added up, and the account of all rows."""
    matched = good.assign(artist_id=_ids(good["artist"], artists)).dropna(subset="artist_id")
    if matched.empty:
        raise ValueError(
            f"none of the {good['artist'].nunique()} artists in {path} is among the {len(artists)} of the"
            f" plays, the first is {good['artist'][0]!r}: expected their ids (MBIDs) or names"
        )
    counts = matched.groupby(["artist_id", "tag"], as_index=False)["count"].sum()
    strangers = good.loc[~good.index.isin(matched.index), "artist"].map(names.normalise)
    outcomes = [
        ("kept", len(matched)),
        (f"of {strangers.nunique()} artists who are not in the plays", len(strangers)),
        *((f"rejected: {reason}", rows) for reason, rows in rejects["reason"].value_counts().items()),
    ]
    return Tags(counts, pd.DataFrame(outcomes, columns=["outcome", "rows"]), rejects)


def tag_factors(counts, artists, *, n_factors=N_FACTORS):
    """Factors of the artists given, from their tags alone.

    A tag weighs ``log(1 + count) * log(n / n_with)`` for an artist, *n_with* of *n* tagged artists having it;
    rows are brought to length 1 before a truncated singular value decomposition, and after it.

    Parameters
    ----------
    counts : pd.DataFrame
        ``artist_id, tag, count``, each pair once.
    artists : sequence of str
        Training artists; rows of all others are gone before anything is counted.
    n_factors : int
        Fewer where there are fewer artists or tags.

    Returns
    -------
    pd.DataFrame, shape=(n_tagged, at most n_factors)
        Index: artist id, in the order given, without those who have no tag, or only what everybody has;
        rows of length 1, or 0.

    Raises
    ------
    ValueError
        If fewer than three artists are left.
    """
    own = counts[counts["artist_id"].isin(set(artists))]
    table = own.pivot(index="artist_id", columns="tag", values="count").fillna(0)
    table = table.reindex([artist for artist in artists if artist in table.index])
    weights = np.log1p(table.to_numpy(dtype=float))
    weights *= np.log(len(table) / np.maximum((weights > 0).sum(axis=0), 1))
    distinct = weights.any(axis=1)
    if distinct.sum() < 3:
        raise ValueError(
            f"{distinct.sum()} of {len(artists)} training artists have tags that tell them apart, at least 3"
            " are needed"
        )
    left, strength, _ = np.linalg.svd(numerics.unit(weights[distinct], least=ROUNDING), full_matrices=False)
    vectors = (left * strength)[:, :n_factors]
    return pd.DataFrame(numerics.unit(vectors, least=ROUNDING), index=table.index[distinct])


def _judged(fields, header, where):
    """Why a row is bad, or None, and its artist, tag and count."""
    if len(fields) != len(header):
        return "wrong number of fields", None
    artist, tag = fields[where["artist"]], names.normalise(fields[where["tag"]])
    try:
        count = float((fields[where["count"]] if "count" in where else "") or 1)
    except ValueError:
        return "count is not a number", None
    if not artist or not tag:
        return f"{'tag' if artist else 'artist'} is empty", None
    if not 0 < count < math.inf:
        return "count is not positive and finite", None
    return None, (artist, tag, count)


def _ids(spellings, artists):
    """The id that each spelling stands for, None for strangers; an equal id goes before an equal name."""
    by_name = {}
    for artist_id, name in zip(artists["artist_id"], artists["name"], strict=True):
        by_name.setdefault(names.normalise(name), artist_id)
    by_spelling = by_name | {names.normalise(artist_id): artist_id for artist_id in artists["artist_id"]}
    return [by_spelling.get(names.mbid(spelling) or names.normalise(spelling)) for spelling in spellings]
