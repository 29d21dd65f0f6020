"""Who is nearest among many artists: the network's similarities artist by artist, in blocks (section 4).

Conventions
-----------
- Embeddings are (n_clips, n_filters), clips of one artist in a row; `owners` says whose each is, 0 to
  ``n_artists - 1``, ascending.
- An artist's similarity to another one is the mean over their clip pairs of ``sigmoid(|a - b| w + bias)``, as
  everywhere; clip pairs are never held in memory.
"""

from __future__ import annotations

import numba
import numpy as np
import pandas as pd

from lib.ranking import lists

BLOCK = 512  # query artists at a time
TOGETHER = 8  # of them, that meet a candidate's clips while these are in the processor's cache


def artist_similarities(embeddings, owners, head, rows=slice(None)):
    """Similarity of some artists to all artists.

    Parameters
    ----------
    embeddings : np.ndarray, shape=(n_clips, n_filters)
    owners : np.ndarray of int, shape=(n_clips,)
    head : pair of np.ndarray
        Weights, shape=(n_filters, 1), and bias, shape=(1,), of the network's last layer.
    rows : slice
        Query artists.

    Returns
    -------
    np.ndarray, shape=(n_rows, n_artists), dtype=float64
        In [0, 1]; an artist's own cell is the mean over all pairs of its clips, each with itself included.

    Raises
    ------
    ValueError
        If `owners` does not ascend or leaves out an artist.
    """
    counts = np.bincount(owners)
    if (np.diff(owners) < 0).any() or (counts == 0).any():
        raise ValueError("owners must ascend from 0 and leave out no artist: take them from clips_of")
    ends = np.concatenate([[0], counts.cumsum()])
    weights, bias = head
    queries = np.arange(len(counts))[rows]
    return _mean_similarities(
        np.ascontiguousarray(embeddings, dtype=np.float32), ends, np.ascontiguousarray(weights[:, 0]),
        float(bias[0]), queries,
    )  # fmt: skip


def top(embeddings, owners, head, artists, n, *, block=BLOCK):
    """The `n` nearest artists of every artist, without a matrix of all of them.

    Parameters
    ----------
    embeddings, owners, head
        See `artist_similarities`.
    artists : sequence of str
        Ids, in the order of `owners`.
    n, block : int
        Length of the lists; query artists whose similarities are held at a time.

    Returns
    -------
    pd.DataFrame
        As `lists.top`.
    """
    parts = []
    for start in range(0, len(artists), block):
        rows = slice(start, start + block)
        values = artist_similarities(embeddings, owners, head, rows)
        parts.append(lists.top(pd.DataFrame(values, index=artists[rows], columns=artists), n))
    return pd.concat(parts, ignore_index=True)


@numba.njit(parallel=True, fastmath=True)
def _mean_similarities(embeddings, ends, weights, bias, queries):
    similarities = np.empty((len(queries), len(ends) - 1))
    n_groups = (len(queries) + TOGETHER - 1) // TOGETHER
    for group in numba.prange(n_groups):
        rows = range(group * TOGETHER, min((group + 1) * TOGETHER, len(queries)))
        for other in range(len(ends) - 1):
            for row in rows:
                query = queries[row]
                total = 0.0
                for a in range(ends[query], ends[query + 1]):
                    for b in range(ends[other], ends[other + 1]):
                        logit = np.float32(0)
                        for k in range(embeddings.shape[1]):
                            logit += weights[k] * abs(embeddings[a, k] - embeddings[b, k])
                        total += 1 / (1 + np.exp(-(logit + bias)))
                n_pairs = (ends[query + 1] - ends[query]) * (ends[other + 1] - ends[other])
                similarities[row, other] = total / n_pairs
    return similarities
