"""Lists of nearest artists, the places that methods give to true neighbours, and errors of values and
orders."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats

from lib.ranking import metrics


def order_error(metric, predicted, target, n, *, seed=0, repeats=8):
    """Standard error that drawing orders leaves in the mean of an ordered metric over the queries.

    Parameters
    ----------
    metric : str
        One that draws orders, see `metrics.Metric`.
    predicted, target : pd.DataFrame, shape=(n_queries, n_candidates)
    n, seed : int
    repeats : int
        Independent evaluations whose spread is taken.

    Returns
    -------
    float
        0 where nothing ties, and so nothing is drawn.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> truth = labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], list("abc"))
    >>> order_error("levenshtein", truth, truth, 1), order_error("levenshtein", 0 * truth, truth, 1) > 0
    (0.0, True)
    """
    rng = np.random.default_rng([seed, repeats])
    seeds = rng.integers(2**31, size=repeats)
    return float(
        np.std([metrics.METRICS[metric](predicted, target, n, seed=int(one)).mean() for one in seeds], ddof=1)
    )


def squared_error(predicted, target):
    """Mean squared difference of predicted and true similarity over a query's candidates: the loss.

    Only for predictions on the scale of the truth; of two trainings take the mean of their errors, not the
    error of their mean.

    Parameters
    ----------
    predicted, target : pd.DataFrame, shape=(n_queries, n_candidates)

    Returns
    -------
    pd.Series, shape=(n_queries,)
        Lower is better.
    """
    p, t = metrics.validate(predicted, target)
    return metrics.series(((p - t) ** 2).mean(axis=1), target)


def predicted_ranks(predicted, target):
    """At which place a method puts each query's nearest, second nearest, ... true neighbour.

    Parameters
    ----------
    predicted, target : pd.DataFrame, shape=(n_queries, n_candidates)

    Returns
    -------
    pd.DataFrame, shape=(n_queries, n_others)
        Columns: true rank, from 1; values: predicted rank, from 1. Predicted ties share their mean rank; true
        neighbours that tie share the mean of their predicted ranks.
    """
    p, t = metrics.validate(predicted, target)
    places = scipy.stats.rankdata(-p, axis=1)
    rows = []
    for ranks, true in zip(places, t, strict=True):
        _, group = np.unique(-true, return_inverse=True)
        means = np.bincount(group, weights=ranks) / np.bincount(group)
        rows.append(means[np.sort(group)])
    return pd.DataFrame(rows, index=target.index, columns=pd.RangeIndex(1, p.shape[1] + 1))


def top(scores, n):
    """The `n` closest candidates of each query, best first.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_queries, n_candidates)
    n : int

    Returns
    -------
    pd.DataFrame
        ``query``, ``rank`` (from 1), ``artist``, ``score``. Ties are listed by artist id.
    """
    by_id = np.argsort(scores.columns.to_numpy(dtype=object), kind="stable")
    artists, values = scores.columns[by_id], scores.to_numpy(dtype=float)[:, by_id]
    own = artists.get_indexer(scores.index)
    parts = []
    for query, row, place in zip(scores.index, values, own, strict=True):
        others = np.flatnonzero(~np.isnan(row))  # a blank value ranks nothing
        others = others[others != place]
        if len(others) > n:
            least = np.partition(row[others], len(others) - n)[len(others) - n]
            others = others[row[others] >= least]
        nearest = others[np.argsort(-row[others], kind="stable")][:n]
        parts.append((query, artists[nearest], row[nearest]))
    lengths = [len(names) for _, names, _ in parts]
    return pd.DataFrame({
        "query": np.repeat([query for query, _, _ in parts], lengths),
        "rank": np.concatenate([np.arange(1, length + 1) for length in lengths]),
        "artist": np.concatenate([names for _, names, _ in parts]),
        "score": np.concatenate([closeness for _, _, closeness in parts]),
    })  # fmt: skip


def judge(n):
    """What the search judges a setting by (`lib.training.search`): a function of scores and truth.

    Parameters
    ----------
    n : int
        Length of the lists.

    Returns
    -------
    callable
        Of two frames, shape=(n_queries, n_candidates); returns ``overlap`` and ``ndcg``, means over queries.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> truth = labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], list("abc"))
    >>> {name: float(value) for name, value in judge(1)(truth, truth).items()}
    {'overlap': 1.0, 'ndcg': 1.0}
    """

    def judged(predicted, target):
        return {
            "overlap": metrics.overlap_at_n(predicted, target, n).mean(),
            "ndcg": metrics.ndcg(predicted, target, n).mean(),
        }

    return judged
