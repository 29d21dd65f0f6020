"""Step 1 of the paper (section 3): a file of plays becomes a clean listening matrix.

Nothing disappears without a record: ``rows in = rows kept + rows merged + rows rejected``, and each rejected
row keeps its file, line, reason and text.

Conventions
-----------
- Which layouts are read, and how, `lib.listening.layouts` says: Last.fm-360K, -2K and -1K, a ListenBrainz
  dump, Music4All-Onion, LFM-2b, and any CSV, TSV or Parquet file whose columns are named. Nothing is taken
  for "missing" but the empty field; bytes that are in no encoding become U+FFFD and are counted.
- Various Artists is nobody: its rows are rejected, as those of "no artist" are.
- A *spelling* is a pair of MBID and name as the file has it. `lib.listening.names` says which spellings are
  the same artist.
- Files are read in blocks of whole lines, several at once, and never held as a whole: `lib.listening.counts`.

References
----------
Celma, O. (2010). Music Recommendation and Discovery in the Long Tail. Springer. (Last.fm-360K)
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from tqdm import tqdm

from lib.listening import characters, counts, names, notices
from lib.listening.layouts import recognition as layouts
from lib.listening.matrix import ListeningMatrix, top
from lib.workflow import cluster

MAX_PLAYS = 10_000_000  # one play every 30 s for nine years: more is an error of the file
USER_SHA1 = r"^[0-9a-f]{40}$"
UNKNOWN_ARTIST = "[unknown]"
HOPELESS = 10_000  # rows at the beginning, all rejected: not the file that was meant
MOST_REJECTS = 20_000_000  # rows, more than were kept: nor is this, and each of them is held


@dataclass(frozen=True)
class Plays:
    """Clean plays and the account of what became of every row.

    Attributes
    ----------
    listening : lib.listening.matrix.ListeningMatrix
        All users and artists with a row that was kept.
    users : pl.Series
        Id of the user in each row of the matrix.
    summary : pd.DataFrame
        ``outcome`` (kept, merged, or the reason of the rejection) and ``rows``; adds up to the rows read.
    rejects : pl.DataFrame
        ``file``, ``line`` (from 1), ``reason``, ``text``.
    ambiguous : pd.DataFrame
        Names and MBIDs that had to be decided between, see `lib.listening.names.resolve`.
    """

    listening: ListeningMatrix
    users: pl.Series
    summary: pd.DataFrame
    rejects: pl.DataFrame
    ambiguous: pd.DataFrame


def read(
    plays_file,
    profile_file=None,
    *,
    require_mbid=True,
    registered_only=True,
    one_mbid_per_name=True,
    unknown=UNKNOWN_ARTIST,
    n_artists=0,
    dask="",
    block_bytes=layouts.BLOCK_BYTES,
):
    """Read, check and clean a plays file (paper, section 3; cleaning rules of the author's code).

    The author also dropped names that occur once; that cannot touch artists with many listeners.

    Parameters
    ----------
    plays_file : path
        In a layout of `lib.listening.layouts`, plain, packed, in its archive or folder. What a person should
        know of it (columns that are called otherwise, another encoding, few listeners) is printed.
    profile_file : path, optional
        In the 360K layout: ``user ⇥ gender ⇥ age ⇥ country ⇥ sign-up date``. Not needed where `plays_file` is
        the archive, which holds both.
    require_mbid : bool
        Reject rows without an artist MBID, as the author did.
    registered_only : bool
        Reject rows of users without a sign-up date in the profile, as the author did.
    one_mbid_per_name : bool
        Treat all MBIDs of one name as one artist, see `lib.listening.names.resolve`. The author kept them
        apart.
    unknown : str
        Name that stands for "no artist", exactly as spelt; its rows are rejected.
    n_artists : int
        Give the matrix of this many artists with the most listeners, as `lib.listening.matrix.top` would make
        it: what a file beyond the memory is read by. 0: of all of them. All rows are counted either way.
    dask : str
        Address of a Dask scheduler, such as ``tcp://host:8786``, whose workers check and count the rows that
        this machine reads; they need this project and its environment. Empty: threads of this machine.
    block_bytes : int
        How much is read at once, at least 1; changes memory and time, not the result (only how soon a
        hopeless file is given up).

    Returns
    -------
    Plays

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If the file is empty, in no known layout, one person's history, or an archive that is damaged or
        holds something else; if no row is left, or none of the first ones; if `registered_only` has no
        profile to go by.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "plays.csv"
    >>> rows = [("ann", "Abba", 3), ("bob", "ABBA", 5), ("bob", "Air", 0)]
    >>> pd.DataFrame(rows, columns=["user", "artist", "plays"]).to_csv(file, index=False)
    >>> plays = read(file, require_mbid=False, registered_only=False)
    plays.csv has 2 listeners: below 100, similarity rests on the taste of a few
    >>> plays.listening.artists[["listeners", "plays"]].to_numpy().tolist()
    [[2, 8]]
    >>> plays.rejects["reason"].to_list()
    ['plays is not between 1 and 10,000,000']
    """
    plays_file = Path(plays_file)
    if not layouts.is_there(plays_file):
        raise FileNotFoundError(
            f"no plays file at {plays_file}: give -p 01_listening_data.plays_file= the path of one, as"
            f" {', or '.join(layouts.LAYOUTS)}"
        )
    if block_bytes < 1:
        raise ValueError(f"block_bytes must be at least 1, got {block_bytes}")
    if registered_only and not profile_file and not layouts.is_archive(plays_file):
        raise ValueError(
            "registered_only needs to know who is registered: give 01_listening_data.profile_file,"
            " or set registered_only to false"
        )
    registered = layouts.registered_users(profile_file or plays_file) if registered_only else None
    users, spellings, rejects, rows_in, n_rejects = counts.Dictionary(), counts.Dictionary(), [], 0, 0
    with counts.Rows() as rows:
        with layouts.opened(plays_file, layouts.PLAYS_MEMBER) as (stream, n_bytes, name):
            parse, blocks, headed = layouts.layout(plays_file, stream, block_bytes)
            rules = {"headed": headed, "require_mbid": require_mbid, "unknown": unknown}
            screen = partial(_screened, parse=parse, **rules)
            screening = cluster.in_turn(screen, blocks, registered, n_threads=layouts.THREADS, dask=dask)
            with (
                closing(screening) as screened,
                tqdm(total=n_bytes, desc=name, unit="B", unit_scale=True) as bar,
            ):
                for part in screened:
                    user, spelling = users.number(part.users), spellings.number(part.spellings)
                    rows.add(user[part.user], spelling[part.spelling], part.plays)
                    rejects.append(part.rejects.with_columns(pl.col("line") + 1 + rows_in + headed))
                    rows_in += part.n_rows
                    n_rejects += len(part.rejects)
                    bar.update(part.n_bytes)
                    if HOPELESS <= rows_in == n_rejects:
                        raise ValueError(
                            _nothing_left(plays_file, pl.concat(rejects), f"the first {rows_in:,}")
                        )
                    if max(MOST_REJECTS, rows_in // 2) < n_rejects:
                        which = f"{n_rejects:,} of the first {rows_in:,}"
                        raise ValueError(_nothing_left(plays_file, pl.concat(rejects), which))
        rejects = pl.concat(rejects).select(file=pl.lit(name), line="line", reason="reason", text="text")
        if len(rejects) == rows_in:
            raise ValueError(_nothing_left(plays_file, rejects, f"all {rows_in:,}"))
        listening, ids, kept, ambiguous = _assembled(
            rows, users, spellings, one_mbid_per_name=one_mbid_per_name, n_artists=n_artists, dask=dask
        )
    for sentence in notices.on_plays(name, listening.artists["name"], ids, headed=headed):
        print(sentence)
    return Plays(listening, ids, _summary(rows_in, kept, rows.n - kept, rejects), rejects, ambiguous)


@dataclass(frozen=True)
class _Screened:
    """The good rows of a block, its users and spellings, and its rejected rows."""

    n_rows: int
    n_bytes: int
    rejects: pl.DataFrame  # line (from 0 in the block), reason, text
    users: pl.DataFrame  # each one once: key, user, plays
    spellings: pl.DataFrame  # each one once: key, mbid, name, plays
    user: np.ndarray  # of each good row, its place in `users`
    spelling: np.ndarray  # the same
    plays: np.ndarray


def _judge_users(users, *, headed, registered):
    named = pl.col("user").str.strip_chars_start() != ""
    return users.select(
        named=(named if headed else pl.col("user").str.contains(USER_SHA1)).fill_null(False),
        registered=pl.Series([registered is None or user in registered for user in users["user"]]),
    )


def _judge_spellings(spellings, *, require_mbid, unknown):
    return spellings.select(
        named=pl.col("name").str.strip_chars_start() != "",
        is_artist=pl.col("name") != unknown,
        is_somebody=~names.is_nobody(),
        identified=(pl.col("mbid").str.strip_chars_start() != "") | (not require_mbid),
    ).fill_null(False)


def _screened(block, registered, *, parse, headed, require_mbid, unknown):
    """The good rows and the rejected ones of a block."""
    table = parse(block)
    user, users = counts.distinct(table, ["user"])
    spelling, spellings = counts.distinct(table, ["mbid", "name"])
    good_user = _judge_users(users, headed=headed, registered=registered)
    good_spelling = _judge_spellings(spellings, require_mbid=require_mbid, unknown=unknown)
    table = table.with_columns(count=pl.col("plays").cast(pl.Int64, strict=False))
    good_count = table.select(
        number=~pl.col("plays").str.starts_with("+"), count=pl.col("count").is_between(1, MAX_PLAYS)
    ).fill_null(False)
    good = _all(good_count) & _all(good_user)[user] & _all(good_spelling)[spelling]
    if "whole" in table.columns:
        good &= table["whole"].to_numpy()
    bad = np.flatnonzero(~good)
    rejects = _reasons(
        table[bad], good_user[user[bad]], good_spelling[spelling[bad]], headed=headed, unknown=unknown
    )
    user, spelling, plays = user[good], spelling[good], table["count"].filter(good).to_numpy()
    return _Screened(
        n_rows=len(table),
        n_bytes=len(block),
        rejects=rejects.select(line=pl.Series(bad, dtype=pl.Int64), reason="reason", text="text"),
        users=users.with_columns(plays=counts.sums(user, plays, len(users))),
        spellings=spellings.with_columns(plays=counts.sums(spelling, plays, len(spellings))),
        user=user,
        spelling=spelling,
        plays=plays.astype(np.int32),
    )


def _all(conditions):
    """Rows in which every condition holds."""
    return conditions.select(pl.all_horizontal(pl.all())).to_series().to_numpy()


def _reasons(bad, good_user, good_spelling, *, headed, unknown):
    """Reason, the first rule that it breaks, and text of each bad row."""
    whole = pl.col("whole") if "whole" in bad.columns else pl.lit(True)
    rules = {
        "wrong number of fields": whole,
        "user is empty" if headed else "user is not a SHA-1": good_user["named"],
        "artist name is empty": good_spelling["named"],
        "plays is not a whole number": pl.col("plays").str.contains(r"^-?[0-9]+$"),
        f"plays is not between 1 and {MAX_PLAYS:,}": pl.col("count").is_between(1, MAX_PLAYS),
        f"artist is {unknown}": good_spelling["is_artist"],
        "artist is nobody, as Various Artists or Unknown Artist": good_spelling["is_somebody"],
        "artist has no MBID": good_spelling["identified"],
        "user without a sign-up date": good_user["registered"],
    }
    broken = [pl.when(~rule.fill_null(False)).then(pl.lit(reason)) for reason, rule in rules.items()]
    text = pl.col("text") if "text" in bad.columns else pl.concat_str(layouts.FIELDS, separator="\t")
    return bad.select(reason=pl.coalesce(broken), text=text)


def _assembled(rows, users, spellings, *, one_mbid_per_name, n_artists, dask):
    """The listening matrix of the good rows, its users, the number of its cells, and what was ambiguous."""
    user, users = users.used()
    spelling, spellings = spellings.used()
    artist_of, artists, ambiguous = names.resolve(spellings, one_mbid_per_name=one_mbid_per_name)
    by_id = users["user"].arg_sort()
    row = np.argsort(by_id.to_numpy()).astype(np.int32)[user]
    artist = artist_of.astype(np.int32)[spelling]
    cells = counts.Cells(rows, row, artist, shape=(len(users), len(artists)), dask=dask)
    artists = artists.assign(
        listeners=cells.listeners, plays=counts.sums(artist_of, spellings["plays"], len(artists))
    )
    order = np.argsort(-artists["listeners"].to_numpy(), kind="stable")
    artists, users = artists.iloc[order].reset_index(drop=True), users["user"].gather(by_id)
    listening = ListeningMatrix(cells.matrix(order[: n_artists or None]), artists)
    if n_artists:
        users = users.filter(np.diff(listening.plays.indptr) > 0)
        listening = top(listening, n_artists)
    return listening, users, cells.n, ambiguous


def _summary(rows_in, kept, merged, rejects):
    counts = rejects.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
    outcomes = ["kept", "merged into another row", *(f"rejected: {reason}" for reason in counts["reason"])]
    summary = pd.DataFrame({"outcome": outcomes, "rows": [kept, merged, *counts["len"]]})
    if summary["rows"].sum() != rows_in:
        raise AssertionError(f"{rows_in} rows came in, {summary['rows'].sum()} are accounted for")
    return summary


def _nothing_left(path, rejects, which):
    shown = "\n".join(
        f"  line {row['line']}: {row['reason']}: {characters.shown(row['text'][:120])}"
        for row in rejects.head(3).to_dicts()
    )
    help_ = notices.header_would_help(rejects)
    return f"{which} rows of {path} were rejected; the first are\n{shown}{help_}"
