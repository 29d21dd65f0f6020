"""Step 6 of the paper (section 5): how well a method ranks the artists who resemble a query.

Conventions
-----------
- `predicted` and `target` are labelled frames over the same queries (rows) and candidates (columns), in the
  same order; higher is closer. A query among the candidates is blank there and is not its own candidate; no
  other value may be blank.
- Each metric returns one value for each query.
- *Ties take their expected value over all orders.* For set and gain metrics that is exact, so a constant
  prediction scores chance to the last digit; for those that draw orders (`sequence_matcher`, `levenshtein`,
  `mean_average_precision`) it is the mean of `N_DRAWS` seeded draws, whose error `order_error` states.
- A new metric is one function (its factors, or its core) and one ``register(Metric(...))``. Table 1 has all
  metrics in `METRICS`, in the order of registration.
- `evaluate` gives all of them at once; `measure` gives beside each value what each candidate has to do with
  it, which the intervals of `lib.ranking.significance` need.

References
----------
Allen (2018), section 5. Järvelin & Kekäläinen (2002) for nDCG.
McSherry & Najork (2008) for metrics under ties.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

import numpy as np
import pandas as pd

from lib import numerics
from lib.ranking import influence, matching, ties

METRICS = {}  # by name; `register` fills it
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


def series(values, target):
    return pd.Series(values, index=target.index)


@dataclass(frozen=True)
class Metric:
    """A metric of ranking, by its factors or by its core.

    Both get the two sides *p* (predicted) and *t* (true) as `ties.Sorted`, whose ``values`` have the shape
    (n_queries, n_others), and the length *n* of the lists.

    Attributes
    ----------
    name : str
        In tables and parameters.
    label : str
        In pictures.
    factors : callable, optional
        Of a metric that is a sum over candidates of what the prediction says times what the truth says:
        ``factors(p, t, n)`` gives the two, of shape (n_queries, n_others). A query whose first factors are
        NaN is not counted.
    core : callable, optional
        Of any other metric: ``core(p, t, n, seed)`` gives the values, of shape (n_queries,).
        `ties.over_orders` makes one of a function of two lists.
    has_length : bool
        Whether there are lists of `n`. A metric of the whole ranking needs factors.
    draws_orders : bool
        Whether the core draws orders where values tie, by `seed`.
    correlation : bool
        Whether the factors are centred rows of length 1, so that a candidate also changes what they are
        divided by.
    """

    name: str
    label: str
    _: KW_ONLY
    factors: Callable | None = None
    core: Callable | None = None
    has_length: bool = True
    draws_orders: bool = False
    correlation: bool = False

    def __post_init__(self):
        if (self.factors is None) == (self.core is None):
            raise ValueError(f"the metric {self.name} needs either factors or a core")
        if self.factors is None and not self.has_length:
            raise ValueError(
                f"the metric {self.name} has no lists, so only factors can tell what a candidate adds to it"
            )

    def __call__(self, predicted, target, n=None, *, seed=0):
        """The metric of each query.

        Parameters
        ----------
        predicted, target : pd.DataFrame, shape=(n_queries, n_candidates)
        n : int, optional
            Length of the lists; without a meaning for a metric of the whole ranking.
        seed : int
            Of the orders drawn where values tie; without a meaning for a metric that draws none.

        Returns
        -------
        pd.Series, shape=(n_queries,)
            NaN for a query on which the metric is not defined.

        Raises
        ------
        ValueError
            If `validate` refuses the frames, or there is no `n` where the metric has lists.
        """
        if self.has_length and n is None:
            raise ValueError(f"{self.name} is about lists, and their length n is missing")
        p, t = map(ties.Sorted, validate(predicted, target, n if self.has_length else 1))
        return series(self.values(p, t, n, seed), target)

    def values(self, p, t, n, seed):
        """One value a query, of sorted sides."""
        if self.core:
            return self.core(p, t, n, seed)
        predicted, true = self.factors(p, t, n)
        return (predicted * true).sum(axis=1)

    def shares(self, values, p, t, n):
        """What each candidate adds to the values, up to a constant of each query.

        Factors say it exactly; else a value is shared equally among the artists that are on both lists.
        """
        if self.factors is None:
            both = ties.sorted_inclusion(p, n) * ties.sorted_inclusion(t, n)
            total = both.sum(axis=1, keepdims=True)
            return values[:, None] * np.divide(both, total, out=np.zeros_like(both), where=total > 0)
        first, second = self.factors(p, t, n)
        if self.correlation:
            return influence.of_correlation(first, second, values)
        return (first - first.mean(axis=1, keepdims=True)) * (second - second.mean(axis=1, keepdims=True))


def register(metric):
    """Add a metric to `METRICS`.

    Parameters
    ----------
    metric : Metric

    Returns
    -------
    Metric

    Raises
    ------
    ValueError
        If there is a metric of this name.
    """
    if metric.name in METRICS:
        raise ValueError(f"there is a metric of ranking {metric.name!r} already: choose another name")
    METRICS[metric.name] = metric
    return metric


def _overlap_factors(p, t, n):
    """Share of each query's `n` true neighbours that are among the `n` predicted ones, in [0, 1].

    The paper's "unordered accuracy" (section 5). Two unrelated rankings share ``n / n_others`` on average.
    """
    return ties.sorted_inclusion(p, n), ties.sorted_inclusion(t, n) / n


overlap_at_n = register(Metric("unordered", "share of true neighbours found", factors=_overlap_factors))


@ties.over_orders
def _matcher_ratios(predicted, true):
    """What the paper's code computes under the name "edit distance", in [0, 1].

    That is ``difflib.SequenceMatcher.ratio()`` of the two top-n lists. Higher is better; not symmetric; not a
    Levenshtein distance.
    """
    return 2.0 * matching.matched_elements(predicted, true) / (2 * true.shape[1])


sequence_matcher = register(
    Metric(
        "sequence_matcher", '"edit distance" (SequenceMatcher ratio)', core=_matcher_ratios, draws_orders=True
    )
)


@ties.over_orders
def _levenshtein_accuracy(predicted, true):
    """Edit-distance accuracy proper: 1 - Levenshtein distance of the two top-n lists / n, in [0, 1]."""
    return 1 - matching.levenshtein_distance(predicted, true) / true.shape[1]


levenshtein = register(
    Metric("levenshtein", "1 - Levenshtein distance / n", core=_levenshtein_accuracy, draws_orders=True)
)


def _ndcg_factors(p, t, n):
    """Normalised discounted cumulative gain of the first `n`, the gain being the true similarity, in [0, 1].

    0 for a query without any similar candidate. Nothing is gained, or lost, where the truth is negative or a
    blank that stands last (`lib.listening.published.every_place`).
    """
    discount = np.zeros(p.values.shape[1])
    discount[:n] = 1 / np.log2(np.arange(2, n + 2))
    gains, highest = np.maximum(t.values, 0), np.maximum(t.descending[:, :n], 0)
    ideal = (highest @ discount[:n])[:, None]
    return ties.expected_discount(p, discount), np.divide(
        gains, ideal, out=np.zeros_like(gains), where=ideal > 0
    )


ndcg = register(Metric("ndcg", "nDCG", factors=_ndcg_factors))


def _average_precision(p, t, n, seed):
    """Average precision over the whole ranking, a query's `n` true neighbours being relevant, in [0, 1].

    Of n relevant candidates at the places r1 < r2 < ... it is the mean of 1 / r1, 2 / r2, ... Its mean over
    queries is the MAP.
    """
    predicted, true = ties.drawn_orders(p, t, n, p.values.shape[1], seed)
    places = np.empty(predicted.shape)
    np.put_along_axis(places, predicted, np.arange(1.0, predicted.shape[-1] + 1)[None, None], axis=-1)
    hits = np.sort(np.take_along_axis(places, true, axis=-1), axis=-1)
    return (np.arange(1, n + 1) / hits).mean(axis=-1).mean(axis=0)


mean_average_precision = register(
    Metric("map", "mean average precision", core=_average_precision, draws_orders=True)
)


def _r_precision_factors(p, t, n):
    """Precision at R, R being how many candidates are truly similar: above the .9 quantile of the matrix.

    In [0, 1]; NaN for a query without any relevant candidate. With ``n`` relevant candidates for every query
    it would equal `overlap_at_n`; here R differs between queries.
    """
    relevant = t.values > np.quantile(t.values, RELEVANT_QUANTILE)
    r = relevant.sum(axis=1)
    listed = [
        ties.inclusion(row[None], k)[0] if k else np.full(len(row), np.nan)
        for row, k in zip(p.values, r, strict=True)
    ]
    return np.array(listed), relevant / np.maximum(r, 1)[:, None]


r_precision = register(Metric("r_precision", "R-precision", factors=_r_precision_factors, has_length=False))


def _spearman_factors(p, t, n):
    """Rank correlation of predicted and true similarity over all candidates, in [-1, 1].

    Ties share their mean rank; 0 where either side is constant.
    """
    ranks = [side.ranks - (side.values.shape[1] + 1) / 2 for side in (p, t)]
    return [numerics.unit(side) for side in ranks]


spearman = register(
    Metric("spearman", "rank correlation", factors=_spearman_factors, has_length=False, correlation=True)
)


def evaluate(predicted, target, lengths, *, seed=0, metrics=None):
    """Several metrics at several list lengths.

    Parameters
    ----------
    predicted, target : pd.DataFrame, shape=(n_queries, n_candidates)
    lengths : sequence of int
    seed : int
        Of the orders drawn where values tie.
    metrics : sequence of str, optional
        Of `METRICS`; all of them.

    Returns
    -------
    dict of (str, int) to pd.Series, shape=(n_queries,)
        By metric and n, which is ``pd.NA`` for metrics of the whole ranking.
    """
    p, t = map(ties.Sorted, validate(predicted, target, max(lengths, default=1)))
    return {
        (metric.name, n): series(metric.values(p, t, n, seed), target)
        for metric, n in _each(metrics, lengths)
    }


def measure(predicted, target, lengths, *, seed=0, metrics=None):
    """Several metrics at several list lengths, with the influence of each candidate.

    Metrics that are sums over candidates say exactly what a candidate adds. The value of the others is shared
    equally among the artists that are on both lists.

    Parameters
    ----------
    predicted, target : pd.DataFrame, shape=(n_queries, n_candidates)
    lengths : sequence of int
    seed : int
        Of the orders drawn where values tie.
    metrics : sequence of str, optional
        Of `METRICS`; all of them.

    Returns
    -------
    dict of (str, int) to Measured
        By metric and n, which is ``pd.NA`` for metrics of the whole ranking.
    """
    p, t = map(ties.Sorted, validate(predicted, target, max(lengths, default=1)))
    results = {}
    for metric, n in _each(metrics, lengths):
        values = metric.values(p, t, n, seed)
        results[metric.name, n] = influence.Measured.of(values, metric.shares(values, p, t, n), target)
    return results


def _each(names, lengths):
    """Each metric with each length that it has."""
    chosen = METRICS.values() if names is None else [METRICS[name] for name in names]
    return [(metric, n) for metric in chosen for n in (lengths if metric.has_length else [pd.NA])]
