"""Hubs: artists who are on far more lists than others, whatever the query (beyond the paper).

Conventions
-----------
Scores have queries in rows and candidates in columns, as in `lib.ranking.metrics`. Counts are k-occurrences:
on how many lists of `n` each candidate is.

References
----------
Radovanović, Nanopoulos & Ivanović (2010). Hubs in space.
Flexer & Stevens (2018). Mutual proximity graphs for improved reachability in music recommendation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats

from lib.ranking import metrics, ties


def k_occurrence(scores, n):
    """On how many queries' lists of `n` each candidate is: the same for all if there were no hubs.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_queries, n_candidates)
    n : int

    Returns
    -------
    pd.Series, shape=(n_candidates,)
        Expected number where scores tie.
    """
    metrics.validate(scores, scores, n)
    own = np.equal.outer(scores.index.to_numpy(dtype=object), scores.columns.to_numpy(dtype=object))
    values = np.where(own.astype(bool), -np.inf, scores.to_numpy(dtype=float))
    return pd.Series(ties.inclusion(values, n).sum(axis=0), index=scores.columns)


def hub_skewness(counts):
    """Skewness of k-occurrences: 0 without hubs, above 1 where a few artists are on most lists.

    Parameters
    ----------
    counts : array_like, shape=(..., n_candidates)

    Returns
    -------
    np.ndarray, shape=(...)
        0 where all are equal.
    """
    counts = np.asarray(counts, dtype=float)
    spread = counts.std(axis=-1) > 1e-9
    centred = counts - counts.mean(axis=-1, keepdims=True)
    moments = (centred**3).mean(axis=-1), np.where(spread, (centred**2).mean(axis=-1), 1) ** 1.5
    return np.where(spread, moments[0] / moments[1], 0.0)


def never_named(counts):
    """Share of candidates that are on nobody's list.

    Parameters
    ----------
    counts : array_like, shape=(..., n_candidates)

    Returns
    -------
    np.ndarray, shape=(...)
    """
    return (np.asarray(counts, dtype=float) < 1e-9).mean(axis=-1)


HUBS = {"hub_skewness": hub_skewness, "never_named": never_named}


def hubs_by_chance(n_artists, n):
    """Hub skewness and share of the never named if each query's list were drawn at random.

    Parameters
    ----------
    n_artists : int
        Queries, which are the candidates too.
    n : int

    Returns
    -------
    tuple of float
        Those of a binomial count of ``n_artists - 1`` lists, each with a chance of ``n / (n_artists - 1)``.
    """
    lists = scipy.stats.binom(n_artists - 1, n / (n_artists - 1))
    return float(lists.stats("s")) if n < n_artists - 1 else 0.0, float(lists.pmf(0))
