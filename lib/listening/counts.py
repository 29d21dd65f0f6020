"""Rows of plays become counts: numbered, spilled to files where they are many, and counted part by part.

Conventions
-----------
- Texts are compared by their 64-bit hashes: among 300,000 different ones the chance that two share a hash is
  2 in a billion.
- A row takes 12 bytes: numbers of user and spelling, plays. From `HELD_ROWS` on, rows go to Parquet files in
  the folder for temporary files (``TMPDIR``), parted by users, so that each part can be counted alone.
"""

from __future__ import annotations

import operator
import tempfile
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse

from lib.workflow import cluster

_NOTHING = pd.Index([], dtype=np.uint64)
HELD_ROWS, PARTS, THREADS = 20_000_000, 32, 2  # memory and speed; they do not change the counts


def distinct(table, columns):
    """The different rows of some columns of text.

    Parameters
    ----------
    table : pl.DataFrame
    columns : list of str

    Returns
    -------
    codes : np.ndarray, shape=(n_rows,), dtype=int32
        For each row, its row in ``distinct``.
    distinct : pl.DataFrame
        ``key`` (the hash) and the columns.
    """
    hashes = [pl.col(column).hash(seed=seed) for seed, column in enumerate(columns)]
    codes, keys = pd.factorize(table.select(reduce(operator.xor, hashes)).to_series().to_numpy())
    new = np.diff(np.maximum.accumulate(codes), prepend=-1) > 0  # codes grow as keys are met
    return codes.astype(np.int32), table.select(columns).filter(new).with_columns(key=keys)


def sums(codes, values, n):
    """Sum of the values of each code; exact up to 2 ** 53."""
    return np.bincount(codes, weights=values, minlength=n).astype(np.int64)


class Dictionary:
    """Different texts, numbered as they come, and how many plays each has."""

    def __init__(self):
        self._keys, self._recent, self._texts = _NOTHING, _NOTHING, []
        self._plays = np.zeros(0, dtype=np.int64)

    def number(self, met):
        """The number of each row.

        Parameters
        ----------
        met : pl.DataFrame
            As `distinct` gives it, and ``plays``.

        Returns
        -------
        np.ndarray, shape=(n_rows,), dtype=int32
        """
        keys = met["key"].to_numpy()
        numbers = self._keys.get_indexer(keys).astype(np.int32)
        other = np.flatnonzero(numbers < 0)
        recent = self._recent.get_indexer(keys[other])
        numbers[other[recent >= 0]] = recent[recent >= 0] + len(self._keys)
        new = other[recent < 0]
        if len(new):
            numbers[new] = np.arange(len(self._plays), len(self._plays) + len(new))
            self._recent = self._recent.append(pd.Index(keys[new]))
            if len(self._recent) > len(self._keys) // 4:  # an index is made anew when it grows
                self._keys, self._recent = self._keys.append(self._recent), _NOTHING
            copied = met[new].drop("key", "plays").to_arrow(compat_level=pl.CompatLevel.oldest())
            self._texts.append(pl.from_arrow(copied))  # or else the whole block would be kept for it
            self._plays = np.append(self._plays, np.zeros(len(new), dtype=np.int64))
        self._plays[numbers] += met["plays"].to_numpy()
        return numbers

    def used(self):
        """The texts that have plays.

        Returns
        -------
        row : np.ndarray, dtype=int32
            For the number of each of them, its row in ``texts``.
        texts : pl.DataFrame
            The columns of text, and ``plays``.
        """
        used = self._plays > 0
        texts = pl.concat(self._texts).with_columns(plays=self._plays).filter(used)
        return np.cumsum(used, dtype=np.int32) - 1, texts


class Rows:
    """Users, spellings and plays by number, held in memory or, where they are many, in files.

    Attributes
    ----------
    n : int
        Rows so far.
    spilled : bool
        Whether some are in files.
    """

    def __init__(self):
        self.n, self.spilled, self._held, self._n_held = 0, False, [], 0
        self._folder = tempfile.TemporaryDirectory(prefix="plays-")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def add(self, user, spelling, plays):
        """Add rows.

        Parameters
        ----------
        user, spelling, plays : np.ndarray, shape=(n_rows,), dtype=int32
            Numbers, and plays.
        """
        self._held.append(pl.DataFrame({"user": user, "spelling": spelling, "plays": plays}))
        self.n, self._n_held = self.n + len(plays), self._n_held + len(plays)
        if self._n_held >= HELD_ROWS:
            self._spill()

    def parts(self):
        """All rows, a part of the users at a time.

        Yields
        ------
        pl.DataFrame
            ``user``, ``spelling``, ``plays``; no user is in two of them.
        """
        if not self.spilled:
            yield pl.concat(self._held)
            return
        if self._held:
            self._spill()
        for part in range(PARTS):
            if files := sorted(Path(self._folder.name).glob(f"*/part={part}/*.parquet")):
                yield pl.scan_parquet(files, hive_partitioning=False).collect(engine="streaming")

    def _spill(self):
        key = {"part": pl.col("user") % PARTS}
        target = pl.PartitionBy(tempfile.mkdtemp(dir=self._folder.name), key=key, include_key=False)
        pl.concat(self._held).lazy().sink_parquet(target, compression="lz4", statistics=False, mkdir=True)
        self.spilled, self._held, self._n_held = True, [], 0


class Cells:
    """How often each user played each artist.

    Parameters
    ----------
    rows : Rows
    row, artist : np.ndarray, dtype=int32
        Row of the matrix for each number of a user; artist for each number of a spelling.
    shape : tuple of int
        Users and artists.
    dask : str
        As in `lib.workflow.cluster.in_turn`.

    Attributes
    ----------
    n : int
        Cells with plays.
    listeners : np.ndarray, shape=(n_artists,)
        Of each artist.
    """

    def __init__(self, rows, row, artist, *, shape, dask=""):
        self._rows, self._row, self._artist, self._shape, self._dask = rows, row, artist, shape, dask
        self.n, self.listeners, self._only = 0, np.zeros(shape[1], dtype=np.int64), None
        for piece in self._counted(artist):
            self.n += piece.nnz
            self.listeners += np.bincount(piece.indices, minlength=shape[1])
            self._only = None if rows.spilled else piece

    def _counted(self, artist):
        given = self._rows.parts(), self._row, artist, self._shape
        return cluster.in_turn(_counted, *given, n_threads=THREADS, dask=self._dask)

    def matrix(self, artists):
        """Plays of all users and these artists, in the order given.

        Returns
        -------
        scipy.sparse.csr_array, shape=(n_users, len(artists)), dtype=int64
        """
        column = np.full(self._shape[1], len(artists), dtype=np.int32)
        column[artists] = np.arange(len(artists))
        if self._only is not None:
            return _of_artists(self._only, column, len(artists))
        wanted = np.where(column[self._artist] < len(artists), self._artist, -1)
        pieces = [_of_artists(piece, column, len(artists)) for piece in self._counted(wanted)]
        starts = np.append(0, np.cumsum(sum(np.diff(piece.indptr) for piece in pieces)))
        plays, columns = np.empty(starts[-1], dtype=np.int64), np.empty(starts[-1], dtype=np.int32)
        while pieces:
            piece = pieces.pop()
            place = np.repeat(starts[:-1] - piece.indptr[:-1], np.diff(piece.indptr)) + np.arange(piece.nnz)
            plays[place], columns[place] = piece.data, piece.indices
        return _matrix(plays, columns, starts, (self._shape[0], len(artists)))


def _counted(rows, row, artist, shape):
    """The cells of some rows, as a matrix of all users and artists; rows of the artist -1 are left out."""
    user, spelling, plays = (rows[column].to_numpy() for column in ("user", "spelling", "plays"))
    user, artist = row[user], artist[spelling]
    wanted = artist >= 0
    if not wanted.all():
        user, artist, plays = user[wanted], artist[wanted], plays[wanted]
    return scipy.sparse.coo_array((plays.astype(np.int64), (user, artist)), shape=shape).tocsr()


def _of_artists(piece, column, n_artists):
    """The cells of the artists whose column is below their number."""
    columns, starts, plays = column[piece.indices], piece.indptr, piece.data
    if n_artists < piece.shape[1]:
        chosen = columns < n_artists
        starts = np.append(0, np.cumsum(chosen))[starts]
        columns, plays = columns[chosen], plays[chosen]
    return _matrix(plays, columns, starts, (piece.shape[0], n_artists))


def _matrix(plays, columns, starts, shape):
    dtype = scipy.sparse.get_index_dtype(maxval=max(len(plays), *shape))
    indices = columns.astype(dtype, copy=False), starts.astype(dtype, copy=False)
    return scipy.sparse.csr_array((plays, *indices), shape=shape)
