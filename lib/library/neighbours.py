"""Which tracks are nearest: exact search, or an index for large libraries.

Conventions
-----------
- Vectors are rows of length 1; the similarity of two is their product, a cosine in [-1, 1].
- Below `INDEX_FROM` tracks the search is exact. From there on an HNSW graph (Malkov & Yashunin, 2018; the
  package usearch, the extra ``library``) proposes neighbours, whose similarities are then computed exactly.
  It is built on one thread, so that one type of processor gives one graph.
- Of equally similar tracks the first in the table comes first.
"""

from __future__ import annotations

import numpy as np

from lib import numerics

INDEX_FROM = 20_000  # tracks
CONNECTIVITY, EXPANSION_ADD, EXPANSION_SEARCH = 16, 128, 128  # of the graph, see benchmarks/library.py
BLOCK = 256  # queries at a time


class Neighbours:
    """The nearest of some vectors.

    Parameters
    ----------
    vectors : np.ndarray, shape=(n_tracks, n), dtype=float32
    index_from : int
        Number of tracks from which an index is built.

    Raises
    ------
    ValueError
        If an index is needed and usearch is not installed.

    Examples
    --------
    >>> near = Neighbours(np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32))
    >>> places, scores = near.of_tracks([0], 2)
    >>> places.tolist(), scores.round(1).tolist()
    ([[2, 1]], [[0.6000000238418579, 0.0]])
    """

    def __init__(self, vectors, *, index_from=INDEX_FROM):
        self.vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self.index = _index(self.vectors) if len(vectors) >= index_from else None

    def nearest(self, queries, n):
        """The `n` tracks nearest to each of some vectors.

        Parameters
        ----------
        queries : np.ndarray, shape=(n_queries, n_dimensions)
        n : int
            At most the number of tracks.

        Returns
        -------
        places : np.ndarray of int, shape=(n_queries, n)
            Rows of `vectors`, the nearest first.
        scores : np.ndarray, shape=(n_queries, n), dtype=float32
        """
        n = min(n, len(self.vectors))
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        places = np.empty((len(queries), n), dtype=np.int64)
        scores = np.empty((len(queries), n), dtype=np.float32)
        for start in range(0, len(queries), BLOCK):
            block = queries[start : start + BLOCK]
            for row, candidates in enumerate(self._proposed(block, n), start=start):
                places[row], scores[row] = _best(*candidates, n)
        return places, scores

    def of_tracks(self, tracks, n):
        """The `n` nearest other tracks of some tracks.

        Parameters
        ----------
        tracks : sequence of int
            Rows of `vectors`.
        n : int
            At most the number of other tracks.

        Returns
        -------
        places, scores
            As `nearest`.
        """
        tracks, n = np.asarray(tracks), min(n, len(self.vectors) - 1)
        places, scores = self.nearest(self.vectors[tracks], n + 1)
        own = places == tracks[:, None]
        own[~own.any(axis=1), -1] = True  # as near as others, and behind them
        return places[~own].reshape(len(tracks), n), scores[~own].reshape(len(tracks), n)

    def _proposed(self, block, n):
        """For each query places to choose among, and their similarities."""
        if self.index is None:
            everything = np.arange(len(self.vectors))
            yield from ((everything, products) for products in block @ self.vectors.T)
            return
        keys = self.index.search(block, max(n, EXPANSION_SEARCH), threads=1).keys
        for query, places in zip(block, keys.reshape(len(block), -1), strict=True):
            places = np.sort(places.astype(np.int64))
            yield places, self.vectors[places] @ query


def of_artists(vectors, artists):
    """Where each artist stands: the mean of the tracks' vectors, of length 1.

    Parameters
    ----------
    vectors : np.ndarray, shape=(n_tracks, n)
    artists : np.ndarray of int, shape=(n_tracks,)
        Number of each track's artist; negative where it has none.

    Returns
    -------
    np.ndarray, shape=(n_artists, n), dtype=float32

    Examples
    --------
    >>> of_artists(np.array([[1, 0], [0, 1], [0, 1]]), np.array([0, 0, -1])).round(2)
    array([[0.71, 0.71]], dtype=float32)
    """
    named = artists >= 0
    sums = np.zeros((artists.max(initial=-1) + 1, vectors.shape[1]))
    np.add.at(sums, artists[named], vectors[named])
    return numerics.unit(sums).astype(np.float32)


def _best(places, scores, n):
    if n < len(scores):
        least = np.partition(scores, len(scores) - n)[len(scores) - n]
        kept = np.flatnonzero(scores >= least)
        places, scores = places[kept], scores[kept]
    order = np.argsort(-scores, kind="stable")[:n]
    return places[order], scores[order]


def _index(vectors):
    try:
        from usearch.index import Index
    except ImportError:
        raise ValueError(
            f"{len(vectors):,} tracks need an index and the package usearch is not installed: it is the extra"
            " `library`, and in requirements.lock"
        ) from None
    index = Index(
        ndim=vectors.shape[1],
        metric="ip",
        dtype="f32",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        expansion_search=EXPANSION_SEARCH,
    )
    index.add(np.arange(len(vectors)), vectors, threads=1)
    return index
