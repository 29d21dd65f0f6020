"""Spearman's correlation of two square matrices, row by row, for thousands of artists.

Conventions
-----------
Row and column k are the same artist; the diagonal is left out. Rows are ranked a block at a time. Ranks are
multiples of one half, which float32 holds exactly, and so are the sums over them in float64: the correlations
do not depend on the order of summation.
"""

from __future__ import annotations

import numpy as np

BLOCK = 2**17  # values ranked at a time: what a processor's cache holds


def blocks(n_rows, n_columns):
    """Slices of rows, of about `BLOCK` values each."""
    size = max(1, BLOCK // max(n_columns, 1))
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def centred(values):
    """Ranks of each row without its diagonal value, ties by their mean, minus the row's mean rank.

    Parameters
    ----------
    values : np.ndarray, shape=(n, n)

    Returns
    -------
    np.ndarray, shape=(n, n), dtype=float32
        0 on the diagonal; NaN throughout a row with a NaN outside its diagonal.
    """
    ranks = np.empty(values.shape, dtype=np.float32)
    for rows in blocks(*values.shape):
        ranks[rows] = _of_block(values[rows], rows.start)
    return ranks


def correlations(first, second):
    """Correlation of each row of two matrices of centred ranks.

    Parameters
    ----------
    first, second : np.ndarray, shape=(n, n), dtype=float32
        From `centred`.

    Returns
    -------
    np.ndarray, shape=(n,)
        In [-1, 1]; NaN where a row has no order.
    """
    rho = np.empty(len(first))
    for rows in blocks(*first.shape):
        one, other = first[rows].astype(float), second[rows].astype(float)
        product, lengths = np.einsum("ij,ij->i", one, other), [_length(one), _length(other)]
        with np.errstate(invalid="ignore"):  # a row of one value has length 0
            rho[rows] = product / np.prod(lengths, axis=0)
    return np.clip(rho, -1, 1)


def _length(rows):
    return np.sqrt(np.einsum("ij,ij->i", rows, rows))


def _of_block(values, start):
    """Centred ranks of some rows, the first of which is row `start`.

    What ties at a row's lowest value, as most pairs without co-listeners do, is not sorted. The rest is
    sorted as integers that hold the leading bits of a value and its column: several times as fast as to sort
    places by values. Where values differ in the other bits only, the row is put in order by the values.
    """
    n_rows, n = values.shape
    block = values + 0.0  # a copy, without -0.0
    own = np.arange(n_rows) * (n + 1) + start
    block.put(own, np.inf)
    lowest = block.min(axis=1, keepdims=True)
    block.put(own, -np.inf)
    above = block > lowest
    counts = np.count_nonzero(above, axis=1)
    ends = np.cumsum(counts)
    starts = ends - counts
    places, value = _in_order(block, np.flatnonzero(above), starts, counts)
    fresh = np.ones(len(value) + 1, dtype=bool)  # not equal to the value before it
    np.not_equal(value[1:], value[:-1], out=fresh[1:-1])
    fresh[ends] = fresh[starts] = True
    fresh = np.flatnonzero(fresh)
    ranked = (fresh[:-1] + fresh[1:]).astype(np.float32)  # twice the mean place of those that tie, plus one
    ranked = np.repeat(ranked, np.diff(fresh))
    ranked += np.repeat((n - 1 - 2 * counts - 2 * starts).astype(np.float32), counts)
    ranked /= 2
    ranks = np.repeat((-counts / 2).astype(np.float32), n)
    ranks[places] = ranked
    ranks[own] = 0
    ranks = ranks.reshape(n_rows, n)
    ranks[np.isnan(lowest[:, 0])] = np.nan
    return ranks


def _in_order(block, places, starts, counts):
    """Flat places in a block and the values there, each row's in ascending order of value."""
    n_rows, n = block.shape
    low = (1 << (n - 1).bit_length()) - 1  # bits that hold a column
    row_starts = np.repeat(np.arange(n_rows) * n, counts)
    keys = block.take(places).view(np.int64)
    if (keys < 0).any():  # negative floats are in descending order of their bits
        keys ^= (keys >> 63) & np.iinfo(np.int64).max
    keys &= ~low
    places -= row_starts
    keys |= places
    padded = np.full((n_rows, counts.max()), np.iinfo(np.int64).max)
    filled = np.arange(padded.shape[1]) < counts[:, None]
    padded[filled] = keys
    padded.sort(axis=1)
    places = padded[filled]
    places &= low
    places += row_starts
    value = block.take(places)
    descends = np.flatnonzero(value[1:] < value[:-1]) + 1
    for row in np.unique(np.searchsorted(starts, np.setdiff1d(descends, starts), side="right") - 1):
        part = slice(starts[row], starts[row] + counts[row])
        order = np.argsort(value[part], kind="stable")
        places[part], value[part] = places[part][order], value[part][order]
    return places, value
