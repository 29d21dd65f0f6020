"""Mutual proximity: two artists are close if each is close *by the other's standards* (beyond the paper).

In many dimensions some artists come near to almost everybody (hubs), and others to nobody. Judging a score by
how it stands among all scores of both artists takes most of that away, without looking at listeners.

Conventions
-----------
- Scores are labelled symmetric frames, higher is closer, blank on the diagonal (`lib.methods`).
- The Gaussian variant with independent sides: each artist's scores are taken for normal, and the result is
  ``Φ((s - mean a) / sd a) * Φ((s - mean b) / sd b)``. It makes no ties, unlike the empirical one, which
  matters where there are fewer than a hundred artists.

References
----------
Schnitzer, Flexer, Schedl & Widmer (2012). Local and global scaling reduce hubs in space. Journal of Machine
Learning Research, 13.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats

from lib.ranking import hubs, metrics


def mutual_proximity(scores):
    """How probable it is that both artists find fewer than this close.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric.

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        In [0, 1], symmetric, blank on the diagonal. An artist to whom all are equally close has no standards
        and counts a half.

    Raises
    ------
    ValueError
        If rows and columns differ, a value is blank off the diagonal, or the scores are not symmetric.
    """
    metrics.validate(scores, scores)
    values = scores.to_numpy(dtype=float)
    if not scores.index.equals(scores.columns.rename(scores.index.name)) or not np.allclose(
        values, values.T, equal_nan=True
    ):
        raise ValueError(
            "mutual proximity needs symmetric scores: both artists are asked for their standards"
        )
    mean, spread = np.nanmean(values, axis=1), np.nanstd(values, axis=1)
    centred = values - mean[:, None]
    among = scipy.stats.norm.cdf(
        np.divide(centred, spread[:, None], out=np.zeros_like(values), where=spread[:, None] > 1e-12)
    )
    both = among * among.T
    np.fill_diagonal(both, np.nan)
    return pd.DataFrame(both, index=scores.index, columns=scores.columns)


def hubness(scores, n):
    """Skewness of how often each artist is among the `n` closest of another: 0 where nobody is a hub.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_artists, n_artists)
    n : int

    Returns
    -------
    float
        0 where all are named equally often; ties take their expected value.
    """
    return float(hubs.hub_skewness(hubs.k_occurrence(scores, n)))


WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)


def blend(scores, listeners, weight, *, truth=None, share=0.0):
    """Scores with so much popularity, and so much of the shared listeners, in them.

    Each part has mean 0 and standard deviation 1 over a query's candidates:
    ``(1 - share) * scores + share * truth + weight * log(listeners)``.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_queries, n_candidates)
        Higher is closer; NaN stays NaN and counts for nothing.
    listeners : pd.Series
        Of each candidate.
    weight : float, >= 0
        Of popularity.
    truth : pd.DataFrame, shape=(n_queries, n_candidates), optional
        Similarity from shared listeners; its order of queries and candidates may be another one.
    share : float, in [0, 1]
        Of the truth; 0 leaves the method's scores, 1 puts the truth in their place.

    Returns
    -------
    pd.DataFrame, shape=(n_queries, n_candidates)

    Raises
    ------
    ValueError
        If a candidate has no listeners, the weight is negative or not finite, the share is outside [0, 1],
        or the truth is missing, or NaN where there is a score.

    Examples
    --------
    >>> scores = pd.DataFrame([[np.nan, 3.0, 1.0]], ["a"], ["a", "b", "c"])
    >>> truth = pd.DataFrame([[np.nan, 0.2, 0.4]], ["a"], ["a", "b", "c"])
    >>> listeners = pd.Series([9, 10, 100], ["a", "b", "c"])
    >>> blend(scores, listeners, 1.0, truth=truth, share=0.25).loc["a", ["b", "c"]].round(2).tolist()
    [-0.5, 0.5]
    """
    if not 0 <= weight < np.inf:
        raise ValueError(f"the weight of popularity must be 0 or more, got {weight}")
    if not 0 <= share <= 1:
        raise ValueError(f"the share of the truth must be from 0 to 1, got {share}")
    counts = listeners.reindex(scores.columns).to_numpy(dtype=float)
    if not (counts > 0).all():
        raise ValueError(f"{int((~(counts > 0)).sum())} candidates have no listeners")
    values = scores.to_numpy(dtype=float)
    blank = np.isnan(values)
    blended = _standardised(values)
    if share:
        if truth is None:
            raise ValueError(f"a share of {share} of the truth needs the truth: give truth=")
        similarity = truth.reindex_like(scores).to_numpy(dtype=float)
        if (lacking := np.isnan(similarity) & ~blank).any():
            raise ValueError(f"the truth is NaN for {int(lacking.sum())} pairs that have a score")
        blended = (1 - share) * blended + share * _standardised(np.where(blank, np.nan, similarity))
    popularity = _standardised(np.where(blank, np.nan, np.log(counts)))
    return pd.DataFrame(blended + weight * popularity, index=scores.index, columns=scores.columns)


def _standardised(values):
    """Mean 0 and standard deviation 1 in each row; rows of one value become 0."""
    centred = values - np.nanmean(values, axis=1, keepdims=True)
    spread = np.nanstd(values, axis=1, keepdims=True)
    return np.divide(centred, spread, out=centred * 0, where=spread > 1e-12)
