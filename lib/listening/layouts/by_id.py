"""Tables that name artists or tracks by a number: ``user, artist or track, count``, and who the artists are.

Read are Last.fm-2K (HetRec 2011), Music4All-Onion, LFM-2b, and others like them, packed or not; large ones
block by block. The numbers mean nothing alone: a table beside the plays, or in the same zip, gives each its
artist.

- *Last.fm-2K*: ``user_artists.dat`` (userID, artistID, weight) and ``artists.dat`` (id, name, ...).
- *Music4All-Onion*: ``userid_trackid_count.tsv`` (user_id, track_id, count) and Music4All's
  ``id_information.csv`` (id, artist, song, ...).
- *LFM-2b*: ``listening-counts.tsv`` (user_id, track_id, count) and ``tracks.tsv`` (track_id, artist_name,
  ...).

Where each row has a time instead of a count, it is one play.

References
----------
Cantador, Brusilovsky, Kuflik (2011). HetRec: information heterogeneity and fusion in recommender systems.
Moscati et al. (2022). Music4All-Onion: a large-scale multi-faceted content-centric dataset. CIKM.
Schedl et al. (2022). LFM-2b: a dataset of enriched music listening events. CHIIR.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from lib.listening import columns, text
from lib.listening.layouts import common, files, headed

DESCRIPTIONS = (
    "Last.fm-2K (user_artists.dat beside artists.dat, their folder or zip)",
    "Music4All-Onion (userid_trackid_count.tsv beside id_information.csv)",
    "LFM-2b (listening-counts.tsv beside tracks.tsv)",
)
TABLES = {
    "artist_id": ("artists.dat", "artists.tsv", "artists.csv"),
    "track_id": ("id_information.csv", "id_information.tsv", "tracks.tsv", "tracks.csv"),
}
NAME = {"artist_id": ("name", "artistname", "artist"), "track_id": ("artist", "artistname")}


@dataclass(frozen=True)
class Artists:
    """The artist of each id.

    Attributes
    ----------
    hashes : np.ndarray, shape=(n_ids,)
        Of the ids, ascending.
    names : pl.Series
        Name of the artist, in their order.
    """

    hashes: np.ndarray
    names: pl.Series

    def of(self, ids):
        """The name for each id, empty where there is none."""
        wanted = ids.hash(seed=0).to_numpy()
        place = np.minimum(np.searchsorted(self.hashes, wanted), len(self.hashes) - 1)
        names = self.names.gather(place).cast(pl.String)
        return pl.select(pl.when(pl.lit(self.hashes[place] == wanted)).then(names).otherwise(pl.lit("")))


def places(header):
    """The place of users, plays, and of artists' or tracks' ids, if the header has them."""
    where = columns.chosen(header, ["user", "artist_id", "track_id", "plays"])
    if "artist_id" in where:
        where.pop("track_id", None)
    return where if {"user"} < where.keys() - {"plays"} else {}


def parser(path, form, where):
    """How to parse a block.

    Parameters
    ----------
    path : path
        Of the plays: the table of artists lies beside it.
    form : lib.listening.text.Form
    where : dict of str to int
        From `places`.

    Returns
    -------
    callable
        A block to the frame of `common.FIELDS`.

    Raises
    ------
    ValueError
        If no table gives the artists.
    """
    kind = "artist_id" if "artist_id" in where else "track_id"
    return partial(table, form=form, where=where, kind=kind, artists=artists_beside(path, form, kind, where))


def table(block, *, form, where, kind, artists):
    """A block's rows."""
    rows = headed.fields(block, form, where)
    ids = rows[kind].fill_null("").str.strip_chars()
    rows = rows.with_columns(artist=artists.of(ids).to_series())
    if "text" not in rows.columns and (rows["artist"] == "").any():  # shown of a row that is rejected
        shown = pl.concat_str([field for field in where if field in rows.columns], separator="\t")
        rows = rows.with_columns(text=shown)
    return common.tidy(headed.selected(rows).drop(kind))


def artists_beside(path, form, kind, where):
    """The table that gives each id its artist.

    Raises
    ------
    ValueError
        If there is none, or it lacks a column.
    """
    names, what = TABLES[kind], kind.removesuffix("_id")
    content = files.beside(path, names)
    if content is None:
        raise ValueError(
            f"{path} names {what}s by an id (column {form.columns[where[kind]]!r}): a table that gives each"
            f" id its artist is needed beside it, {' or '.join(names)}, with the columns {kind} and"
            f" {NAME[kind][0]}; given as {common.as_typed(path)}"
        )
    encoding, mark = text.marked(content)
    if encoding is None:
        encoding = text.encoding_of(text.survey(io.BytesIO(content)))
    if encoding != text.UTF8:
        content, mark = content[len(mark) :].decode(encoding, "replace").encode(), b""
    content = content[len(mark) :]
    head = common.decoded(content[: 1 << 16]).split("\n")
    of = text.form_of(head)
    keys = [columns.key(column) for column in of.columns] if of else []
    ids = [keys.index(name) for name in ("id", *columns.NAMES[kind]) if name in keys]
    artists = [keys.index(name) for name in NAME[kind] if name in keys]
    if not ids or not artists:
        raise ValueError(
            f"the table of {what}s beside {path} has the columns {columns.named(of.columns if of else [])}:"
            f" expected id or {kind}, and {' or '.join(NAME[kind])}"
        )
    rows = headed.fields(text.behind(content, of.n_before), of, {"id": ids[0], "artist": artists[0]})
    rows = rows.select(
        pl.col("id").fill_null("").str.strip_chars(),
        pl.col("artist").fill_null("").str.strip_chars().cast(pl.Categorical),
    )
    hashes = rows["id"].hash(seed=0).to_numpy()
    order = np.argsort(hashes, kind="stable")
    return Artists(hashes[order], rows["artist"].gather(order))
