"""Step 1 of the paper (section 3): who listens to whom.

A plays file becomes clean plays and then a sparse listening matrix. Nothing disappears without a record:
``rows in = rows kept + rows merged + rows rejected``, and each rejected row keeps its file, line and reason.

Conventions
-----------
- Two layouts are read. *360K*: no header, ``user sha1 ⇥ artist MBID ⇥ artist name ⇥ plays``. *Headed*: CSV or
  TSV whose first line names the columns ``user, artist[, mbid][, plays]``.
- Only ``\\n`` ends a line (a ``\\r`` before it is dropped); tabs separate; quotes mean nothing in the 360K
  layout and in TSV, and in CSV they end on their own line; nothing is taken for "missing" but the empty
  field; bytes that are not UTF-8 become U+FFFD.
- An artist is known by its MBID. A row without one belongs to the artist of the same normalised name, the one
  with the most plays if there are several, or else to ``name:`` and that name.
- Matrices are users × artists; artists are ordered by listeners, most first, ties by id.

References
----------
Celma, O. (2010). Music Recommendation and Discovery in the Long Tail. Springer. (Last.fm-360K)
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse

from lib import artifacts, names

FIELDS = ("user", "mbid", "name", "plays")
MAX_PLAYS = 10_000_000  # one play every 30 s for nine years: more is an error of the file
USER_SHA1 = r"^[0-9a-f]{40}$"
UNKNOWN_ARTIST = "[unknown]"


@dataclass(frozen=True)
class Plays:
    """Clean plays and the account of what became of every row.

    Attributes
    ----------
    rows : pl.DataFrame
        One row for each (user, artist): ``user``, ``artist_id``, ``name``, ``plays``.
    summary : pd.DataFrame
        ``outcome`` (kept, merged, or the reason of the rejection) and ``rows``; adds up to the rows read.
    rejects : pl.DataFrame
        ``file``, ``line`` (from 1), ``reason``, ``text``.
    """

    rows: pl.DataFrame
    summary: pd.DataFrame
    rejects: pl.DataFrame


@dataclass(frozen=True)
class ListeningMatrix:
    """Plays of the chosen artists, with labels.

    Attributes
    ----------
    plays : scipy.sparse.csr_array, shape=(n_users, n_artists), dtype=int64
        Plays of an artist by a user; users without any of these artists are left out.
    artists : pd.DataFrame
        ``artist_id``, ``name``, ``listeners``, ``plays``; row k describes column k of the matrix.
    """

    plays: scipy.sparse.csr_array
    artists: pd.DataFrame

    @property
    def listened(self) -> scipy.sparse.csr_array:
        """Who listened at all: the matrix with every count set to 1."""
        ones = self.plays.copy()
        ones.data = np.ones_like(ones.data)
        return ones


def read_plays(
    plays_file, profile_file=None, *, require_mbid=True, registered_only=True, unknown=UNKNOWN_ARTIST
):
    """Read, check and clean a plays file (paper, section 3; cleaning rules of the author's code).

    Parameters
    ----------
    plays_file : path
        In the 360K layout or with a header, see the module's conventions.
    profile_file : path, optional
        In the 360K layout: ``user ⇥ gender ⇥ age ⇥ country ⇥ sign-up date``.
    require_mbid : bool
        Reject rows without an artist MBID, as the author did.
    registered_only : bool
        Reject rows of users without a sign-up date in the profile, as the author did. Needs `profile_file`.
    unknown : str
        Name that stands for "no artist"; its rows are rejected.

    Returns
    -------
    Plays

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If the file is empty, in no known layout, or if no row is left.
    """
    plays_file = Path(plays_file)
    lines, headed = _lines(plays_file)
    table = _headed_table(lines, plays_file) if headed else _split(lines)
    registered = _registered_users(profile_file) if registered_only and profile_file else None
    reason = _reason(headed=headed, require_mbid=require_mbid, registered=registered, unknown=unknown)
    table = table.with_columns(reason=reason)
    rejected = table.filter(pl.col("reason").is_not_null())
    rejects = rejected.select(file=pl.lit(plays_file.name), line="line", reason="reason", text="text")
    valid = _identify(table.filter(pl.col("reason").is_null()))
    if valid.is_empty():
        raise ValueError(_nothing_left(plays_file, rejects))
    rows = valid.group_by("user", "artist_id").agg(pl.col("plays").sum()).sort("user", "artist_id")
    rows = rows.join(_names_by_plays(valid), on="artist_id", how="left", maintain_order="left")
    summary = _summary(len(table), len(rows), len(valid) - len(rows), rejects)
    return Plays(rows.select("user", "artist_id", "name", "plays"), summary, rejects)


def matrix(plays, n_artists):
    """Keep the artists with the most listeners, as a sparse matrix.

    Parameters
    ----------
    plays : Plays
    n_artists : int
        The paper keeps the 1,000 with the most listeners.

    Returns
    -------
    ListeningMatrix

    Raises
    ------
    ValueError
        If the plays hold fewer artists.
    """
    artists = (
        plays.rows.group_by("artist_id")
        .agg(name=pl.col("name").first(), listeners=pl.len().cast(pl.Int64), plays=pl.col("plays").sum())
        .sort(["listeners", "artist_id"], descending=[True, False])
    )
    if len(artists) < n_artists:
        raise ValueError(
            f"{n_artists} artists were asked for, the plays hold {len(artists)}: lower n_artists"
        )
    artists = artists.head(n_artists)
    kept = plays.rows.join(
        artists.select("artist_id").with_row_index("column"),
        on="artist_id",
        how="inner",
        maintain_order="left",
    ).with_columns(row=pl.col("user").rank("dense").cast(pl.Int64) - 1)
    shape = (kept["row"].max() + 1, n_artists)
    coordinates = (kept["row"].to_numpy(), kept["column"].to_numpy())
    counts = scipy.sparse.csr_array((kept["plays"].to_numpy(), coordinates), shape=shape)
    return ListeningMatrix(counts, artists.to_pandas())


def halves(listening, *, seed):
    """Split the users at random into two halves over the same artists (for the split-half ceiling).

    Parameters
    ----------
    listening : ListeningMatrix
    seed : int

    Returns
    -------
    tuple of ListeningMatrix
        Artists keep their order; ``listeners`` and ``plays`` count only the half's own users.
    """
    order = np.random.default_rng(seed).permutation(listening.plays.shape[0])
    middle = len(order) // 2
    return _of_users(listening, order[:middle]), _of_users(listening, order[middle:])


def save(listening, folder):
    """Write the matrix and its labels into `folder` as ``listening.npz`` and ``artists.parquet``."""
    with artifacts.replacing(Path(folder) / "listening.npz") as partial, open(partial, "wb") as file:
        scipy.sparse.save_npz(file, listening.plays)
    artifacts.write_parquet(listening.artists, Path(folder) / "artists.parquet")


def load(folder):
    """Read what `save` wrote.

    Raises
    ------
    ValueError
        If labels and matrix differ in length.
    """
    artists = pd.read_parquet(Path(folder) / "artists.parquet")
    plays = scipy.sparse.load_npz(Path(folder) / "listening.npz")
    if plays.shape[1] != len(artists):
        raise ValueError(
            f"listening.npz has {plays.shape[1]} artists, artists.parquet {len(artists)}: run 01 again"
        )
    return ListeningMatrix(scipy.sparse.csr_array(plays), artists)


def _of_users(listening, rows):
    plays = listening.plays[np.sort(rows)]
    artists = listening.artists.assign(
        listeners=np.bincount(plays.indices, minlength=plays.shape[1]), plays=plays.sum(axis=0)
    )
    return ListeningMatrix(plays, artists)


def _lines(path):
    """One column ``text`` with its line number, and whether the first line is a header."""
    if not path.is_file():
        raise FileNotFoundError(
            f"no plays file at {path}: give 01_listening_data.plays_file the path of a file in the "
            "Last.fm-360K layout or of a CSV/TSV with a header"
        )
    lines = _text(path)
    if lines.is_empty():
        raise ValueError(f"{path} is empty: expected rows of user, artist MBID, artist name and plays")
    lines = lines.with_row_index("line", offset=1).with_columns(pl.col("line").cast(pl.Int64))
    return lines, _is_header(path, lines["text"].head(100).to_list())


def _text(path):
    """The lines of a file, without the byte order mark that spreadsheets write."""
    try:
        lines = pl.read_lines(path, name="text")
    except pl.exceptions.ComputeError:  # bytes that are not UTF-8
        lines = pl.read_lines(io.BytesIO(path.read_bytes().decode("utf-8", "replace").encode()), name="text")
    if not lines.is_empty() and lines["text"][0].startswith("\ufeff"):
        lines[0, "text"] = lines["text"][0].removeprefix("\ufeff")
    return lines


def _is_header(path, texts):
    if {"user", "artist"} <= set(_header(texts[0])[1]):
        return True
    if any(text.count("\t") == len(FIELDS) - 1 for text in texts):
        return False
    shown = "\n".join(f"  line {number}: {text[:120]}" for number, text in enumerate(texts[:3], start=1))
    raise ValueError(
        f"{path} is in no layout this project reads; its first lines are\n{shown}\n"
        "expected either four tab-separated fields (user, artist MBID, artist name, plays) without a header,"
        " or a CSV/TSV with a header that names user, artist and perhaps mbid and plays"
    )


def _header(text):
    """Delimiter and column names of a headed file's first line."""
    delimiter = "\t" if "\t" in text else ","
    return delimiter, [column.strip().strip('"').casefold() for column in text.split(delimiter)]


def _split(lines):
    """360K layout: four fields, and whether there really are four."""
    fields = (
        pl.col("text")
        .str.splitn("\t", len(FIELDS) + 1)
        .struct.rename_fields([*FIELDS, "rest"])
        .struct.unnest()
    )
    whole = pl.col("text").str.count_matches("\t", literal=True) == len(FIELDS) - 1
    return lines.with_columns(fields, whole=whole).drop("rest")


def _headed_table(lines, path):
    """Headed CSV or TSV: the same columns; what is not there is empty (mbid) or 1 (plays)."""
    delimiter, header = _header(lines["text"][0])
    if len(set(header)) < len(header):
        raise ValueError(f"{path} names a column twice: {', '.join(header)}")
    text = pl.col("text")
    fields = text.str.split("\t") if delimiter == "\t" else text.map_elements(_csv_fields, pl.List(pl.String))
    records = lines[1:].with_columns(fields=fields)

    def column(name, otherwise=""):
        return (
            pl.col("fields").list.get(header.index(name), null_on_oob=True)
            if name in header
            else pl.lit(otherwise)
        )

    return records.select(
        "line",
        "text",
        user=column("user"),
        mbid=column("mbid"),
        name=column("artist"),
        plays=column("plays", "1"),
        whole=pl.col("fields").list.len() == len(header),
    )


def _csv_fields(text):
    """Fields of one CSV line, none where its quotes do not end on it."""
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return []


def _reason(*, headed, require_mbid, registered, unknown):
    """The first rule that a row breaks, or null."""
    count = pl.col("plays").cast(pl.Int64, strict=False)
    bad_user = pl.col("user").str.strip_chars() == "" if headed else ~pl.col("user").str.contains(USER_SHA1)
    rules = [
        ("wrong number of fields", ~pl.col("whole")),
        ("user is empty" if headed else "user is not a SHA-1", bad_user),
        ("artist name is empty", pl.col("name").str.strip_chars() == ""),
        ("plays is not a whole number", ~pl.col("plays").str.contains(r"^-?[0-9]+$")),
        (f"plays is not between 1 and {MAX_PLAYS:,}", ~count.is_between(1, MAX_PLAYS)),
        (f"artist is {unknown}", pl.col("name") == unknown),
    ]
    if require_mbid:
        rules.append(("artist has no MBID", pl.col("mbid").str.strip_chars() == ""))
    if registered is not None:
        rules.append(("user without a sign-up date", ~pl.col("user").is_in(registered.implode())))
    return pl.coalesce([pl.when(broken.fill_null(True)).then(pl.lit(reason)) for reason, broken in rules])


def _registered_users(path):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no profile file at {path}: give its path, or set registered_only to false")
    fields = _text(path).select(fields=pl.col("text").str.split("\t"))
    profiles = fields.filter(pl.col("fields").list.len() == 5)
    if profiles.is_empty():
        raise ValueError(
            f"{path} has no line of five tab-separated fields: user, gender, age, country, sign-up date"
        )
    signed = profiles.filter(pl.col("fields").list.last().str.strip_chars() != "")
    return signed.select(pl.col("fields").list.first()).to_series().unique()


def _identify(rows):
    """Add ``artist_id``; plays become integers."""
    rows = rows.with_columns(pl.col("mbid").str.strip_chars(), pl.col("plays").cast(pl.Int64))
    unnamed = rows.filter(pl.col("mbid") == "")["name"].unique().to_list()
    known = _mbids_by_name(rows) if unnamed else {}
    ids = [known.get(name, f"name:{name}") for name in map(names.normalise, unnamed)]
    schema = {"name": pl.String, "name_id": pl.String}
    by_name = pl.DataFrame({"name": unnamed, "name_id": ids}, schema=schema)
    rows = rows.join(by_name, on="name", how="left", maintain_order="left")
    artist_id = pl.when(pl.col("mbid") == "").then("name_id").otherwise("mbid")
    return rows.select("user", "name", "plays", artist_id=artist_id)


def _mbids_by_name(rows):
    """For each normalised name the MBID with the most plays under it, then the lexically first."""
    spelt = rows.filter(pl.col("mbid") != "").group_by("name", "mbid").agg(pl.col("plays").sum())
    plays = Counter()
    for name, mbid, count in spelt.iter_rows():
        plays[names.normalise(name), mbid] += count
    return dict(sorted(plays, key=lambda known: (-plays[known], known), reverse=True))  # the last one stays


def _names_by_plays(valid):
    """One name for each artist: the one with the most plays, then the lexically first."""
    return (
        valid.group_by("artist_id", "name")
        .agg(pl.col("plays").sum())
        .sort(["artist_id", "plays", "name"], descending=[False, True, False])
        .group_by("artist_id", maintain_order=True)
        .agg(pl.col("name").first())
    )


def _summary(rows_in, kept, merged, rejects):
    counts = rejects.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
    outcomes = ["kept", "merged into another row", *(f"rejected: {reason}" for reason in counts["reason"])]
    summary = pd.DataFrame({"outcome": outcomes, "rows": [kept, merged, *counts["len"]]})
    if summary["rows"].sum() != rows_in:
        raise AssertionError(f"{rows_in} rows came in, {summary['rows'].sum()} are accounted for")
    return summary


def _nothing_left(path, rejects):
    if rejects.is_empty():
        return f"{path} has a header and no rows below it"
    shown = "\n".join(
        f"  line {row['line']}: {row['reason']}: {row['text'][:120]}" for row in rejects.head(3).to_dicts()
    )
    return f"all {len(rejects)} rows of {path} were rejected; the first are\n{shown}"
