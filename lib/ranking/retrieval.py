"""Retrieval of tracks: which of all candidates share something with a query, such as the artist.

Conventions
-----------
- Measures, in the order of `MEASURES`: average precision (the mean, over relevant candidates, of the share of
  relevant ones down to their place), the reciprocal place of the first relevant candidate, and whether the
  first candidate is relevant. All in [0, 1]; NaN for a query without any relevant candidate.
- Beside each value stands how far it falls if all tracks of one artist are left out, which is what that
  artist adds to it: intervals over artists need it (`lib.ranking.influence`).
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.special

from lib.ranking import ties

MEASURES = ("average_precision", "reciprocal_rank", "hit_at_1")
N_ORDERS = 2000  # drawn for the spread of a measure


def _if_relevant(function):
    """A function of the numbers of candidates and of relevant ones; NaN where nothing is relevant."""

    @functools.wraps(function)
    def guarded(n_candidates, n_relevant):
        if not n_relevant:
            return (np.nan,) * len(MEASURES)
        return function(n_candidates, n_relevant)

    return guarded


@_if_relevant
def expected(n_candidates, n_relevant):
    """What random orders reach on average: average precision, reciprocal rank, hit at 1.

    Parameters
    ----------
    n_candidates, n_relevant : int

    Returns
    -------
    tuple of float
        In the order of `MEASURES`; NaN where nothing is relevant.

    Examples
    --------
    >>> [round(value, 3) for value in expected(3, 1)]  # (1 + 1/2 + 1/3) / 3 twice, and 1/3
    [0.611, 0.611, 0.333]
    """
    m, r = n_candidates, n_relevant
    places = np.arange(1, m + 1)
    others = (r - 1) / (m - 1) if m > 1 else 0.0
    precision = np.mean((1 + (places - 1) * others) / places)  # at the place of a relevant candidate
    first = scipy.special.comb(m - places, r - 1) / scipy.special.comb(m, r)
    return float(precision), float((first / places).sum()), r / m


@functools.cache
@_if_relevant
def spread(n_candidates, n_relevant):
    """Standard deviation of each measure over random orders, from `N_ORDERS` seeded ones.

    Parameters
    ----------
    n_candidates, n_relevant : int

    Returns
    -------
    tuple of float
        In the order of `MEASURES`; NaN where nothing is relevant.

    Examples
    --------
    >>> [round(value, 2) for value in spread(2, 1)]  # first or second
    [0.25, 0.25, 0.5]
    """
    m, r = n_candidates, n_relevant
    rng = np.random.default_rng([m, r])
    ranks = np.sort(rng.random((N_ORDERS, m)).argsort(axis=1)[:, :r], axis=1) + 1
    first = ranks[:, 0]
    drawn = (np.arange(1, r + 1) / ranks).mean(axis=1), 1 / first, first == 1
    return tuple(float(np.std(each)) for each in drawn)


def retrieval(scores, relevant, candidates, codes, *, seed=0):
    """Every measure of each query, and how far it falls without one of the artists.

    Parameters
    ----------
    scores : np.ndarray, shape=(n_tracks, n_tracks)
        Higher is closer; only cells of candidates are looked at.
    relevant, candidates : np.ndarray of bool, shape=(n_tracks, n_tracks)
        Of each query; what is relevant is a candidate.
    codes : np.ndarray of int, shape=(n_tracks,)
        Artist of each track, from 0.
    seed : int
        Of the orders drawn where relevant candidates tie with others: means over `ties.N_DRAWS` of them.

    Returns
    -------
    values : np.ndarray, shape=(n_tracks, n_measures)
        NaN where nothing is relevant.
    changes : np.ndarray, shape=(n_tracks, n_measures, n_artists)
        0 for artists without a candidate, and where nothing relevant would be left.

    Examples
    --------
    >>> near = np.array([[0, 3, 2, 1], [3, 0, 1, 2], [2, 1, 0, 3], [1, 2, 3, 0]])
    >>> relevant = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]], dtype=bool)
    >>> values, changes = retrieval(near, relevant, ~np.eye(4, dtype=bool), np.array([0, 1, 0, 1]))
    >>> values[0].tolist()  # the only relevant track comes second ...
    [0.5, 0.5, 0.0]
    >>> changes[0, :, 1].tolist()  # ... and first without the artist of the track before it
    [-0.5, -0.5, -1.0]
    """
    rng = np.random.default_rng(seed)
    artists = np.eye(codes.max() + 1, dtype=int)
    values = np.full((len(scores), len(MEASURES)), np.nan)
    changes = np.zeros((*values.shape, len(artists)))
    for query, (row, wanted, admitted) in enumerate(zip(scores, relevant, candidates, strict=True)):
        places = np.flatnonzero(admitted)
        if not wanted.any():
            continue
        by_score = np.lexsort((wanted[places], -row[places]))
        equal = np.diff(row[places][by_score]) == 0
        mixed = (equal & (np.diff(wanted[places][by_score].astype(int)) != 0)).any()
        drawn = []
        for _ in range(ties.N_DRAWS if mixed else 1):
            order = places[np.lexsort((rng.random(len(places)), -row[places]))]
            drawn.append(_of_order(wanted[order], artists[codes[order]]))
        values[query], changes[query] = (np.mean(side, axis=0) for side in zip(*drawn, strict=True))
    return values, changes


def _of_order(relevant, artists):
    """The measures of one order of candidates, and how far they fall without each artist.

    Parameters
    ----------
    relevant : np.ndarray of bool, shape=(n_candidates,)
    artists : np.ndarray of int, shape=(n_candidates, n_artists)
        1 in the column of each candidate's artist.
    """
    places = np.flatnonzero(relevant)
    above = np.cumsum(artists, axis=0)[places] - artists[places]
    relevant_above = np.cumsum(artists[places], axis=0) - artists[places]
    left = 1 - artists[places]  # 0 where the relevant candidate is the artist's who goes
    ranks, hits = places[:, None] + 1, np.arange(1, len(places) + 1)[:, None]
    whole = np.array([(hits / ranks).mean(), 1 / ranks[0, 0], float(ranks[0, 0] == 1)])
    first = (left / (ranks - above)).max(axis=0)
    precision = (left * (hits - relevant_above) / (ranks - above)).sum(axis=0)
    without = np.array([precision / np.maximum(left.sum(axis=0), 1), first, first == 1])
    return whole, np.where(left.any(axis=0), whole[:, None] - without, 0.0)
