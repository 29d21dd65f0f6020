"""Step 5b of the paper (section 4): all pairs of clips of different artists, walked tile by tile.

A batch of 2,048 pairs taken as a tile of 32 × 64 clips of the pair matrix needs 96 encodings, not 4,096. The
clips are shuffled anew for each epoch, so tiles differ from epoch to epoch and a batch never holds one
artist's clips only.

Conventions
-----------
- A tile is the rows of its distinct clips and, for each of its pairs, two places among these clips.
- Each unordered pair of clips comes once an epoch; a block of clips against itself is a triangle. Blocks are
  cut evenly, so that no batch is a leftover of a few pairs.
- Pairs of one artist's own clips have no target and weigh 0; the other weights have mean 1 over the tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Tile:
    """One batch of pairs.

    Attributes
    ----------
    clips : np.ndarray of int, shape=(n_clips,)
        Rows of the clip array, each once.
    left, right : np.ndarray of int32, shape=(n_pairs,)
        Places in `clips`.
    """

    clips: np.ndarray
    left: np.ndarray
    right: np.ndarray


def tile_shape(batch_size):
    """Rows and columns of a tile with `batch_size` pairs, as square as powers of two allow.

    Raises
    ------
    ValueError
        If `batch_size` is not a power of two of at least 4.
    """
    if batch_size < 4 or batch_size & (batch_size - 1):
        raise ValueError(f"batch_size must be a power of two of at least 4, got {batch_size}")
    exponent = batch_size.bit_length() - 1
    return 2 ** (exponent // 2), 2 ** (exponent - exponent // 2)


def tiles(n_clips, *, batch_size, seed, epoch, pairs_per_epoch=0):
    """All unordered pairs of clips as tiles, in random order.

    Parameters
    ----------
    n_clips : int
    batch_size : int
        Pairs in a full tile.
    seed, epoch : int
        Fix the order of clips and of tiles.
    pairs_per_epoch : int
        If there are more pairs than that, only so many tiles are taken, without replacement, that hold at
        least as many; 0 takes all.

    Returns
    -------
    Tiles
        A sequence of `Tile` that makes each one when it is asked for: with 25,000 clips they would fill the
        memory.

    Raises
    ------
    ValueError
        If there are fewer than two clips, or `pairs_per_epoch` is negative.

    Examples
    --------
    >>> walked = tiles(5, batch_size=4, seed=0, epoch=1)
    >>> [len(tile.left) for tile in walked]  # the ten pairs of five clips, each once
    [1, 2, 2, 4, 1]
    """
    if n_clips < 2:
        raise ValueError(f"pairs need at least two clips, got {n_clips}")
    if pairs_per_epoch < 0:
        raise ValueError(f"pairs_per_epoch must be 0 (all) or more, got {pairs_per_epoch}")
    rng = np.random.default_rng([seed, epoch])
    _, n_columns = tile_shape(batch_size)
    blocks = np.array_split(rng.permutation(n_clips), -(-n_clips // n_columns))
    walked = [(number, number, 0, 1) for number, block in enumerate(blocks) if len(block) > 1]
    for i, columns in enumerate(blocks):
        for j, rows in enumerate(blocks[:i]):
            parts = -(-len(rows) * len(columns) // batch_size)
            walked += [(j, i, part, parts) for part in range(parts)]
    every = Tiles(blocks, [walked[place] for place in rng.permutation(len(walked))])
    return every.holding(pairs_per_epoch) if pairs_per_epoch else every


class Tiles(Sequence):
    """Tiles by the blocks of clips that they pair.

    Parameters
    ----------
    blocks : sequence of np.ndarray of int
    places : sequence of (int, int, int, int)
        For each tile: block of its rows, block of its columns, which part of the rows, of how many. Twice
        the same block is a triangle.
    """

    def __init__(self, blocks, places):
        self.blocks, self.places = blocks, places

    def __len__(self):
        return len(self.places)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return Tiles(self.blocks, self.places[place])
        first, second, part, parts = self.places[place]
        if first == second:
            return _triangle(self.blocks[first])
        return _rectangle(np.array_split(self.blocks[first], parts)[part], self.blocks[second])

    def n_pairs(self):
        """Pairs in each tile, those of one artist's own clips included, shape=(n_tiles,)."""
        sizes = np.array([len(block) for block in self.blocks])
        first, second, part, parts = np.array(self.places).T
        rows = sizes[first] // parts + (part < sizes[first] % parts)  # as np.array_split cuts
        return np.where(first == second, sizes[first] * (sizes[first] - 1) // 2, rows * sizes[second])

    def holding(self, n_pairs):
        """The first tiles that together hold at least `n_pairs`."""
        return self[: int(np.searchsorted(np.cumsum(self.n_pairs()), n_pairs)) + 1]


def as_published(n_clips, *, batch_size):
    """The author's order: row by row of the pair matrix, nothing shuffled (small scale only).

    Returns
    -------
    list of Tile
    """
    left, right = np.triu_indices(n_clips, k=1)
    walked = []
    for start in range(0, len(left), batch_size):
        both = np.concatenate([left[start : start + batch_size], right[start : start + batch_size]])
        clips, places = np.unique(both, return_inverse=True)
        first, second = np.split(places.astype(np.int32), 2)
        walked.append(Tile(clips, first, second))
    return walked


def n_pairs(owners):
    """Number of unordered pairs of clips of different artists: what an epoch over all pairs trains on.

    Parameters
    ----------
    owners : np.ndarray of int, shape=(n_clips,)
        Artist of each clip.

    Returns
    -------
    int

    Examples
    --------
    >>> n_pairs(np.array([0, 0, 1]))  # two clips of one artist, one of another
    2
    """
    _, counts = np.unique(owners, return_counts=True)
    return int(len(owners) ** 2 - (counts.astype(int) ** 2).sum()) // 2


def targets_and_weights(tile, owners, target):
    """What the network should say for each pair of a tile, and how much the pair counts.

    Parameters
    ----------
    tile : Tile
    owners : np.ndarray of int, shape=(n_clips,)
        Artist of each clip: a place in `target`.
    target : np.ndarray, shape=(n_artists, n_artists)
        Symmetric similarity; the diagonal is ignored.

    Returns
    -------
    targets, weights : np.ndarray, shape=(n_pairs,), dtype=float32
        Weight 0 for pairs of one artist; the mean weight is 1 (all 0 if no pair counts).
    """
    left, right = owners[tile.clips[tile.left]], owners[tile.clips[tile.right]]
    counted = left != right
    targets = np.where(counted, target[left, right], 0).astype(np.float32)
    weights = counted * (counted.size / max(1, counted.sum()))
    return targets, weights.astype(np.float32)


def _triangle(block):
    return Tile(block, *_triangle_places(len(block)))


def _rectangle(rows, columns):
    return Tile(np.concatenate([rows, columns]), *_rectangle_places(len(rows), len(columns)))


@lru_cache(maxsize=16)
def _triangle_places(n_clips):
    left, right = np.triu_indices(n_clips, k=1)
    return left.astype(np.int32), right.astype(np.int32)


@lru_cache(maxsize=16)
def _rectangle_places(n_rows, n_columns):
    left, right = np.divmod(np.arange(n_rows * n_columns, dtype=np.int32), n_columns)
    return left, right + np.int32(n_rows)
