"""Which spellings of a plays file are the same artist.

Conventions
-----------
- A *spelling* is a pair of MBID and name. An artist is known by its MBID; one without belongs to the artist
  of the same name (`lib.names`), or is ``name:`` and that name.
- One name for each MBID: the one with the most plays, then the lexically first.
- One MBID for each name: the one with the most plays, then the lexically first. Last.fm has one page a name,
  so that its plays of a name belong together whatever MBID they carry; where a file tells artists of one name
  apart, they can be kept apart.
- What had to be decided is listed.
"""

from __future__ import annotations

import polars as pl

from lib import names

AMBIGUOUS = ("kind", "artist_id", "name", "plays", "other", "other_plays", "decision")


def resolve(spellings, *, one_mbid_per_name=True):
    """Give each spelling its artist, and each artist its name.

    Parameters
    ----------
    spellings : pl.DataFrame
        ``mbid`` (may be empty), ``name``, ``plays``.
    one_mbid_per_name : bool
        Whether artists whose names are the same become one.

    Returns
    -------
    artist : np.ndarray, shape=(n_spellings,)
        Row of ``artists`` for each spelling.
    artists : pd.DataFrame
        ``artist_id``, ``name``; sorted by id.
    ambiguous : pd.DataFrame
        ``kind`` (one MBID with several names, one name with several MBIDs), ``artist_id``, ``name`` and
        ``plays`` of the artist; ``other`` name or MBID and ``other_plays``; ``decision`` (one artist, or kept
        apart). Most plays first.

    Examples
    --------
    >>> rows = [("m1", "Abba", 9), ("m2", "ABBA", 2), ("", "abba", 1)]
    >>> artist, artists, _ = resolve(pl.DataFrame(rows, ["mbid", "name", "plays"], orient="row"))
    >>> artist.tolist(), artists.to_dict("list")
    ([0, 0, 0], {'artist_id': ['m1'], 'name': ['Abba']})
    """
    keys = [names.normalise(name) for name in spellings["name"]]
    rows = spellings.select(
        pl.col("mbid").str.strip_chars(), "name", "plays", key=pl.Series(keys, dtype=pl.String)
    )
    with_mbid = rows.filter(pl.col("mbid") != "")
    unnamed = rows.filter(pl.col("mbid") == "").select("key").unique()
    by_name = _most_played(with_mbid.join(unnamed, on="key", how="semi"), of=["key"], choose=["mbid"])
    by_name = unnamed.join(by_name, on="key", how="left").select(
        "key", mbid=pl.lit(""), of_name=pl.coalesce("mbid", pl.lit("name:") + pl.col("key"))
    )
    rows = rows.join(by_name, on=["mbid", "key"], how="left", maintain_order="left")
    rows = rows.with_columns(artist_id=pl.coalesce("of_name", "mbid"))
    named = _most_played(rows, of=["artist_id"], choose=["name", "key"])
    first = _most_played(named, of=["key"], choose=["artist_id"])
    named = named.join(first.select("key", first="artist_id"), on="key")
    ambiguous = _ambiguous(with_mbid, named, one_mbid_per_name=one_mbid_per_name)
    if one_mbid_per_name:
        others = named.filter(pl.col("first") != pl.col("artist_id")).select("artist_id", "first")
        rows = rows.join(others, on="artist_id", how="left", maintain_order="left")
        rows = rows.with_columns(artist_id=pl.coalesce("first", "artist_id"))
        named = named.join(others, on="artist_id", how="anti")
    artists = named.select("artist_id", "name").sort("artist_id")
    artist = artists.select("artist_id").with_row_index("artist")
    return (
        rows.join(artist, on="artist_id", how="left", maintain_order="left")["artist"].to_numpy(),
        artists.to_pandas(),
        ambiguous.to_pandas(),
    )


def _most_played(rows, *, of, choose):
    """For each `of` the `choose` with the most plays, then the lexically first; and all plays of `of`."""
    plays = rows.group_by(of + choose).agg(pl.col("plays").sum())
    plays = plays.sort(["plays", *choose], descending=[True, *(False for _ in choose)])
    return plays.group_by(of, maintain_order=True).agg(pl.col(choose).first(), pl.col("plays").sum())


def _ambiguous(with_mbid, named, *, one_mbid_per_name):
    """One row for each name or MBID that was decided against; another spelling of a name is none."""
    owners = named.select("artist_id", "name", "plays")
    names_of = with_mbid.rename({"mbid": "artist_id"})
    other_names = names_of.join(named.select("artist_id", "key"), on=["artist_id", "key"], how="anti")
    other_names = _most_played(other_names, of=["artist_id", "key"], choose=["name"])
    other_names = other_names.rename({"name": "other", "plays": "other_plays"}).with_columns(
        kind=pl.lit("one MBID, several names"), decision=pl.lit("one artist")
    )
    other_mbids = named.filter(pl.col("first") != pl.col("artist_id")).select(
        artist_id="first",
        other="artist_id",
        other_plays="plays",
        kind=pl.lit("one name, several MBIDs"),
        decision=pl.lit("one artist" if one_mbid_per_name else "kept apart"),
    )
    found = [frame.join(owners, on="artist_id").select(AMBIGUOUS) for frame in (other_names, other_mbids)]
    return pl.concat(found).sort(["other_plays", "artist_id", "other"], descending=[True, False, False])
