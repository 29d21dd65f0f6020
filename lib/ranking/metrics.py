"""Step 6 of the paper (section 5): how well a method ranks the artists who resemble a query.

Conventions
-----------
- `predicted` and `target` are labelled frames over the same queries (rows) and candidates (columns), in the
  same order; higher is closer. A query among the candidates is blank there and is not its own candidate; no
  other value may be blank.
- Each metric returns one value for each query.
- *Ties take their expected value over all orders.* For set and gain metrics that is exact, so a constant
  prediction scores chance to the last digit; for the ordered ones (`sequence_matcher`, `levenshtein`,
  `mean_average_precision`) it is the mean of `N_DRAWS` seeded draws, whose error `order_error` states.
- `evaluate` gives all of them at once; `measure` gives beside each value what each candidate has to do with
  it, which the intervals of `lib.ranking.significance` need.

References
----------
Allen (2018), section 5. Järvelin & Kekäläinen (2002) for nDCG.
McSherry & Najork (2008) for metrics under ties.
"""

from __future__ import annotations

import difflib

import numpy as np
import pandas as pd

from lib.ranking import influence, ties
from lib.workflow import numerics

RELEVANT_QUANTILE = 0.9  # R-precision: a candidate is relevant above this quantile of all similarities


def validate(predicted, target, n=1):
    """Refuse frames that cannot be compared.

    Parameters
    ----------
    predicted, target : pd.DataFrame, shape=(n_queries, n_candidates)
    n : int
        Length of the lists.

    Returns
    -------
    predicted, target : np.ndarray, shape=(n_queries, n_others)
        Without each query's own cell.

    Raises
    ------
    ValueError
        If labels differ, values are blank elsewhere than at the query itself, or `n` does not fit.
    """
    for axis in ("index", "columns"):
        if not getattr(predicted, axis).equals(getattr(target, axis)):
            raise ValueError(
                f"predicted and target name different artists in their {axis}, or in another order:"
                " use reindex_like"
            )
    own = influence.own_cells(target)
    values = []
    for name, frame in (("predicted", predicted), ("target", target)):
        array = frame.to_numpy(dtype=float)
        if own.any():
            array = array[~own].reshape(len(frame), -1)
        if not np.isfinite(array).all():
            raise ValueError(
                f"{(~np.isfinite(array)).sum()} values of {name} are not finite: they rank nothing"
            )
        values.append(array)
    if not 1 <= n <= values[0].shape[1]:
        raise ValueError(f"lists of {n} were asked for, there are {values[0].shape[1]} candidates")
    return values[0], values[1]


def overlap_at_n(predicted, target, n):
    """Share of each query's `n` true neighbours that are among the `n` predicted ones.

    The paper's "unordered accuracy" (section 5). Two unrelated rankings share ``n / n_others`` on average.

    Parameters
    ----------
    predicted, target : pd.DataFrame, shape=(n_queries, n_candidates)
    n : int

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1].
    """
    return series(_CORES["unordered"](*validate(predicted, target, n), n), target)


def sequence_matcher(predicted, target, n, *, seed=0):
    """What the paper's code computes under the name "edit distance".

    That is ``difflib.SequenceMatcher.ratio()`` of the two top-n lists. Higher is better; not symmetric; not a
    Levenshtein distance.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1].
    """
    return series(_CORES["sequence_matcher"](*validate(predicted, target, n), n, seed), target)


def levenshtein(predicted, target, n, *, seed=0):
    """Edit-distance accuracy proper: 1 - Levenshtein distance of the two top-n lists / n.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1].
    """
    return series(_CORES["levenshtein"](*validate(predicted, target, n), n, seed), target)


def ndcg(predicted, target, n):
    """Normalised discounted cumulative gain of the first `n`, the gain being the true similarity.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1]; 0 for a query without any similar candidate.
    """
    return series(_CORES["ndcg"](*validate(predicted, target, n), n), target)


def mean_average_precision(predicted, target, n, *, seed=0):
    """Average precision over the whole ranking, a query's `n` true neighbours being relevant.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1]; its mean over queries is the MAP.
    """
    return series(_CORES["map"](*validate(predicted, target, n), n, seed), target)


def r_precision(predicted, target, n=None):
    """Precision at R, R being how many candidates are truly similar: above the .9 quantile of the matrix.

    With ``n`` relevant candidates for every query it would equal `overlap_at_n`; here R differs between
    queries.

    Parameters
    ----------
    n : ignored
        For the common signature.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1]; blank for a query without any relevant candidate.
    """
    return series(_CORES["r_precision"](*validate(predicted, target)), target)


def spearman(predicted, target, n=None):
    """Rank correlation of predicted and true similarity over all candidates; ties share their mean rank.

    Parameters
    ----------
    n : ignored
        For the common signature.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [-1, 1]; 0 where either side is constant.
    """
    return series(_CORES["spearman"](*validate(predicted, target)), target)


def _overlap_factors(p, t, n):
    return ties.sorted_inclusion(ties.sorted(p), n), ties.sorted_inclusion(ties.sorted(t), n) / n


def _ndcg_factors(p, t, n):
    p, t = ties.sorted(p), ties.sorted(t)
    discount = np.zeros(p.values.shape[1])
    discount[:n] = 1 / np.log2(np.arange(2, n + 2))
    ideal = (t.descending[:, :n] @ discount[:n])[:, None]
    return ties.expected_discount(p, discount), np.divide(
        t.values, ideal, out=np.zeros_like(t.values), where=ideal > 0
    )


def _spearman_factors(p, t, n):
    ranks = [ties.sorted(side).ranks - (ties.sorted(side).values.shape[1] + 1) / 2 for side in (p, t)]
    return [numerics.unit(side) for side in ranks]


# Metrics that are sums over candidates of what the prediction says times what the truth says:
# `factors(p, t, n)` gives the two. Relabelling the prediction permutes the first one only, which makes
# permutation tests cheap.
FACTORS = {"unordered": _overlap_factors, "ndcg": _ndcg_factors, "spearman": _spearman_factors}

METRICS = {
    "unordered": overlap_at_n,
    "sequence_matcher": sequence_matcher,
    "levenshtein": levenshtein,
    "ndcg": ndcg,
    "map": mean_average_precision,
    "r_precision": r_precision,
    "spearman": spearman,
}
WITHOUT_LENGTH = ("r_precision", "spearman")  # metrics of the whole ranking
ORDERED = ("sequence_matcher", "levenshtein", "map")  # metrics that draw orders where values tie


def evaluate(predicted, target, lengths, *, seed=0, metrics=tuple(METRICS)):
    """Several metrics at several list lengths.

    Parameters
    ----------
    predicted, target : pd.DataFrame, shape=(n_queries, n_candidates)
    lengths : sequence of int
    seed : int
        Of the orders drawn where values tie.
    metrics : sequence of str
        Of `METRICS`.

    Returns
    -------
    dict of (str, int) to pd.Series, shape=(n_queries,)
        By metric and n, which is ``pd.NA`` for metrics of the whole ranking.
    """
    p, t = (ties.Sorted(values) for values in validate(predicted, target, max(lengths, default=1)))
    return {
        (metric, n): series(_CORES[metric](p, t, n, seed), target) for metric, n in _keys(metrics, lengths)
    }


def measure(predicted, target, lengths, *, seed=0, metrics=tuple(METRICS)):
    """Several metrics at several list lengths, with the influence of each candidate.

    Metrics that are sums over candidates say exactly what a candidate adds. The value of the others
    (`ORDERED`) is shared equally among the artists that are on both lists.

    Parameters
    ----------
    predicted, target : pd.DataFrame, shape=(n_queries, n_candidates)
    lengths : sequence of int
    seed : int
        Of the orders drawn where values tie.
    metrics : sequence of str
        Of `METRICS`.

    Returns
    -------
    dict of (str, int) to Measured
        By metric and n, which is ``pd.NA`` for metrics of the whole ranking.
    """
    p, t = (ties.Sorted(values) for values in validate(predicted, target, max(lengths, default=1)))
    results = {}
    for metric, n in _keys(metrics, lengths):
        values = _CORES[metric](p, t, n, seed)
        results[metric, n] = influence.Measured.of(values, _shares(metric, values, p, t, n), target)
    return results


def _keys(metrics, lengths):
    return [(metric, n) for metric in metrics for n in ([pd.NA] if metric in WITHOUT_LENGTH else lengths)]


def _shares(metric, values, p, t, n):
    """What each candidate adds to the values, up to a constant of each query."""
    if metric in ORDERED:
        both = ties.sorted_inclusion(p, n) * ties.sorted_inclusion(t, n)
        total = both.sum(axis=1, keepdims=True)
        return values[:, None] * np.divide(both, total, out=np.zeros_like(both), where=total > 0)
    factors = _r_precision_factors if metric == "r_precision" else FACTORS[metric]
    first, second = factors(p, t, n)
    if metric == "spearman":
        return influence.of_correlation(first, second, values)
    return (first - first.mean(axis=1, keepdims=True)) * (second - second.mean(axis=1, keepdims=True))


def series(values, target):
    return pd.Series(values, index=target.index)


def _average_precision(p, t, n, seed):
    """Of n relevant candidates at the places r1 < r2 < ...: the mean of 1 / r1, 2 / r2, ..."""
    found = []
    p, t = ties.sorted(p), ties.sorted(t)
    for said, true in ties.drawn_orders(p, t, n, p.values.shape[1], seed):
        places = np.empty(said.shape)
        np.put_along_axis(places, said, np.arange(1.0, said.shape[1] + 1)[None], axis=1)
        hits = np.sort(np.take_along_axis(places, true, axis=1), axis=1)
        found.append((np.arange(1, n + 1) / hits).mean(axis=1))
    return np.mean(found, axis=0)


def _r_precision_factors(p, t, n=None):
    """As `FACTORS`; NaN for a query without any relevant candidate."""
    p, t = ties.sorted(p).values, ties.sorted(t).values
    relevant = t > np.quantile(t, RELEVANT_QUANTILE)
    r = relevant.sum(axis=1)
    listed = [
        ties.inclusion(row[None], k)[0] if k else np.full(len(row), np.nan)
        for row, k in zip(p, r, strict=True)
    ]
    return np.array(listed), relevant / np.maximum(r, 1)[:, None]


def _matcher_ratios(predicted, true):
    pairs = zip(predicted.tolist(), true.tolist(), strict=True)
    return np.array([difflib.SequenceMatcher(None, a, b).ratio() for a, b in pairs])


def _levenshtein_accuracy(predicted, true):
    return 1 - levenshtein_distance(predicted, true) / true.shape[1]


def levenshtein_distance(a, b):
    """Edit distance between the rows of two arrays of lists, all rows at once.

    Parameters
    ----------
    a, b : np.ndarray of int, shape=(n_rows, n)

    Returns
    -------
    np.ndarray of int, shape=(n_rows,)
        Insertions, deletions and substitutions from each row of `a` to that of `b`.
    """
    previous = np.tile(np.arange(b.shape[1] + 1), (len(b), 1))
    for i in range(a.shape[1]):
        current = np.empty_like(previous)
        current[:, 0] = i + 1
        for j in range(b.shape[1]):
            substituted = previous[:, j] + (a[:, i] != b[:, j])
            current[:, j + 1] = np.minimum(np.minimum(previous[:, j + 1], current[:, j]) + 1, substituted)
        previous = current
    return previous[:, -1]


def _summed(factors):
    def core(p, t, n=None, seed=None):
        said, true = factors(p, t, n)
        return (said * true).sum(axis=1)

    return core


_CORES = {name: _summed(factors) for name, factors in FACTORS.items()} | {
    "sequence_matcher": ties.over_orders(_matcher_ratios),
    "levenshtein": ties.over_orders(_levenshtein_accuracy),
    "map": _average_precision,
    "r_precision": _summed(_r_precision_factors),
}
