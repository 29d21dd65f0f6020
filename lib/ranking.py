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
  it, which the intervals of `lib.significance` need.

References
----------
Allen (2018), section 5. Järvelin & Kekäläinen (2002) for nDCG.
McSherry & Najork (2008) for metrics under ties.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import scipy.stats

N_DRAWS = 20  # orders drawn where values of a list tie
TIES = 1  # keeps the draws apart from data that a caller made with the same seed
RELEVANT_QUANTILE = 0.9  # R-precision: a candidate is relevant above this quantile of all similarities


@dataclass(frozen=True)
class Measured:
    """A metric of one prediction, query by query, and the influence of each candidate on it.

    Attributes
    ----------
    values : pd.Series, shape=(n_queries,)
        NaN for a query on which the metric is not defined.
    influence : pd.DataFrame, shape=(n_queries, n_candidates)
        By how much a query's value would rise if there were more candidates like this one, to first order;
        each row sums to 0. NaN where an artist is no candidate of the query.
    """

    values: pd.Series
    influence: pd.DataFrame

    @classmethod
    def of(cls, values, shares, target):
        """From the values and what each other artist adds to them.

        Parameters
        ----------
        values : np.ndarray, shape=(n_queries,)
        shares : np.ndarray, shape=(n_queries, n_others)
            Without each query's own cell, as `validate` leaves it.
        target : pd.DataFrame, shape=(n_queries, n_candidates)
            Of which labels and own cells are taken.

        Returns
        -------
        Measured
        """
        whole = np.full(target.shape, np.nan)
        whole[~own_cells(target)] = (shares - shares.mean(axis=1, keepdims=True)).ravel()
        return cls(
            pd.Series(values, index=target.index),
            pd.DataFrame(whole, index=target.index, columns=target.columns),
        )

    def of_queries(self, queries):
        """Some of the queries, among all candidates."""
        return Measured(self.values.loc[queries], self.influence.loc[queries])

    def __sub__(self, other):
        return Measured(self.values - other.values, self.influence - other.influence)


def mean(parts):
    """The mean of several measures over the same queries and candidates, such as drawn choices of clips."""
    total = parts[0]
    for part in parts[1:]:
        total = Measured(total.values + part.values, total.influence + part.influence)
    return Measured(total.values / len(parts), total.influence / len(parts))


def stacked(parts):
    """One measure of the queries of several folds, each with its own candidates.

    Parameters
    ----------
    parts : sequence of Measured
        No artist may be in two of them.

    Returns
    -------
    Measured
    """
    if len(parts) == 1:
        return parts[0]
    return Measured(pd.concat([part.values for part in parts]), pd.concat([part.influence for part in parts]))


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
    own = own_cells(target)
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
    return _series(_CORES["unordered"](*validate(predicted, target, n), n), target)


def sequence_matcher(predicted, target, n, *, seed=0):
    """What the paper's code computes under the name "edit distance".

    That is ``difflib.SequenceMatcher.ratio()`` of the two top-n lists. Higher is better; not symmetric; not a
    Levenshtein distance.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1].
    """
    return _series(_CORES["sequence_matcher"](*validate(predicted, target, n), n, seed), target)


def levenshtein(predicted, target, n, *, seed=0):
    """Edit-distance accuracy proper: 1 - Levenshtein distance of the two top-n lists / n.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1].
    """
    return _series(_CORES["levenshtein"](*validate(predicted, target, n), n, seed), target)


def ndcg(predicted, target, n):
    """Normalised discounted cumulative gain of the first `n`, the gain being the true similarity.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1]; 0 for a query without any similar candidate.
    """
    return _series(_CORES["ndcg"](*validate(predicted, target, n), n), target)


def mean_average_precision(predicted, target, n, *, seed=0):
    """Average precision over the whole ranking, a query's `n` true neighbours being relevant.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1]; its mean over queries is the MAP.
    """
    return _series(_CORES["map"](*validate(predicted, target, n), n, seed), target)


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
    return _series(_CORES["r_precision"](*validate(predicted, target)), target)


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
    return _series(_CORES["spearman"](*validate(predicted, target)), target)


def _overlap_factors(p, t, n):
    return _inclusion(_sorted(p), n), _inclusion(_sorted(t), n) / n


def _ndcg_factors(p, t, n):
    p, t = _sorted(p), _sorted(t)
    discount = np.zeros(p.values.shape[1])
    discount[:n] = 1 / np.log2(np.arange(2, n + 2))
    ideal = (t.descending[:, :n] @ discount[:n])[:, None]
    return _expected_discount(p, discount), np.divide(
        t.values, ideal, out=np.zeros_like(t.values), where=ideal > 0
    )


def _spearman_factors(p, t, n):
    ranks = [_sorted(side).ranks - (_sorted(side).values.shape[1] + 1) / 2 for side in (p, t)]
    lengths = [np.linalg.norm(values, axis=1, keepdims=True) for values in ranks]
    return [
        np.divide(r, length, out=np.zeros_like(r), where=length > 0)
        for r, length in zip(ranks, lengths, strict=True)
    ]


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


def inclusion(values, n):
    """Probability of each candidate to be among the first `n` when ties are broken at random.

    Parameters
    ----------
    values : np.ndarray, shape=(n_queries, n_candidates)
    n : int

    Returns
    -------
    np.ndarray, shape=(n_queries, n_candidates)
        Each row sums to `n`.
    """
    return _inclusion(_Sorted(values), n)


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
    p, t = (_Sorted(values) for values in validate(predicted, target, max(lengths, default=1)))
    return {
        (metric, n): _series(_CORES[metric](p, t, n, seed), target) for metric, n in _keys(metrics, lengths)
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
    p, t = (_Sorted(values) for values in validate(predicted, target, max(lengths, default=1)))
    results = {}
    for metric, n in _keys(metrics, lengths):
        values = _CORES[metric](p, t, n, seed)
        results[metric, n] = Measured.of(values, _shares(metric, values, p, t, n), target)
    return results


def _keys(metrics, lengths):
    return [(metric, n) for metric in metrics for n in ([pd.NA] if metric in WITHOUT_LENGTH else lengths)]


def _shares(metric, values, p, t, n):
    """What each candidate adds to the values, up to a constant of each query."""
    if metric in ORDERED:
        both = _inclusion(p, n) * _inclusion(t, n)
        total = both.sum(axis=1, keepdims=True)
        return values[:, None] * np.divide(both, total, out=np.zeros_like(both), where=total > 0)
    factors = _r_precision_factors if metric == "r_precision" else FACTORS[metric]
    first, second = factors(p, t, n)
    if metric == "spearman":
        return of_correlation(first, second, values)
    return (first - first.mean(axis=1, keepdims=True)) * (second - second.mean(axis=1, keepdims=True))


def order_error(metric, predicted, target, n, *, seed=0, repeats=8):
    """Standard error that drawing orders leaves in the mean of an ordered metric over the queries.

    Parameters
    ----------
    metric : str
        One of `ORDERED`.
    predicted, target : pd.DataFrame, shape=(n_queries, n_candidates)
    n, seed : int
    repeats : int
        Independent evaluations whose spread is taken.

    Returns
    -------
    float
        0 where nothing ties, and so nothing is drawn.
    """
    rng = np.random.default_rng([seed, repeats])
    seeds = rng.integers(2**31, size=repeats)
    return float(
        np.std([METRICS[metric](predicted, target, n, seed=int(one)).mean() for one in seeds], ddof=1)
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
    p, t = validate(predicted, target)
    return _series(((p - t) ** 2).mean(axis=1), target)


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
    p, t = validate(predicted, target)
    said = scipy.stats.rankdata(-p, axis=1)
    rows = []
    for ranks, true in zip(said, t, strict=True):
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
    lengths = [len(found) for _, found, _ in parts]
    return pd.DataFrame({
        "query": np.repeat([query for query, _, _ in parts], lengths),
        "rank": np.concatenate([np.arange(1, length + 1) for length in lengths]),
        "artist": np.concatenate([found for _, found, _ in parts]),
        "score": np.concatenate([found for _, _, found in parts]),
    })  # fmt: skip


def own_cells(target):
    """Where a query meets itself among the candidates: boolean, of the target's shape."""
    place = target.columns.get_indexer(target.index)
    if not ((place >= 0).all() or (place < 0).all()):
        raise ValueError("either every query is among the candidates, once, or none is")
    own = np.zeros(target.shape, dtype=bool)
    own[np.flatnonzero(place >= 0), place[place >= 0]] = True
    return own


def _series(values, target):
    return pd.Series(values, index=target.index)


def _inclusion(side, n):
    last = side.descending[:, n - 1 : n]  # whoever ties with the n-th shares what is left
    above, tied = side.values > last, side.values == last
    share = (n - above.sum(axis=1, keepdims=True)) / tied.sum(axis=1, keepdims=True)
    return np.where(above, 1.0, np.where(tied, share, 0.0))


class _Sorted:
    """Values of one side, sorted once for all metrics that ask."""

    def __init__(self, values):
        self.values = values

    @cached_property
    def order(self):
        """Columns, highest value first; where values tie, any order."""
        return np.argsort(-self.values, axis=1)

    @cached_property
    def descending(self):
        return np.take_along_axis(self.values, self.order, axis=1)

    @cached_property
    def equal_to_next(self):
        return np.diff(self.descending, axis=1) == 0

    def tie(self, n):
        """Whether any row has a tie within its first `n` values or across their end."""
        return bool(self.equal_to_next[:, :n].any())

    @cached_property
    def ranks(self):
        """Rank of each value, the lowest first; ties share their mean rank."""
        if self.tie(self.values.shape[1]):
            return scipy.stats.rankdata(self.values, axis=1)
        ranks = np.empty(self.values.shape)
        np.put_along_axis(ranks, self.order, np.arange(float(ranks.shape[1]), 0, -1)[None], axis=1)
        return ranks


def _sorted(values):
    return values if isinstance(values, _Sorted) else _Sorted(values)


def _expected_discount(side, discount):
    """Mean discount over the places that a candidate's tie group takes."""
    n = np.count_nonzero(discount)
    if not side.tie(n):
        given = np.zeros_like(side.values)
        np.put_along_axis(given, side.order[:, :n], discount[None, :n], axis=1)
        return given
    cumulative = np.concatenate([[0.0], discount.cumsum()])
    first = scipy.stats.rankdata(-side.values, method="min", axis=1).astype(int) - 1
    last = scipy.stats.rankdata(-side.values, method="max", axis=1).astype(int)
    return (cumulative[last] - cumulative[first]) / (last - first)


def _drawn_orders(p, t, n, n_ranked, seed):
    """Pairs of the predicted first `n_ranked` and the true first `n`; one pair where neither side ties."""
    p, t = _sorted(p), _sorted(t)
    if not (p.tie(n_ranked) or t.tie(n)):
        yield p.order[:, :n_ranked], t.order[:, :n]
        return
    rng = np.random.default_rng([seed, TIES])
    for _ in range(N_DRAWS):
        said, true = (np.lexsort((rng.random(side.values.shape), -side.values)) for side in (p, t))
        yield said[:, :n_ranked], true[:, :n]


def _over_orders(compare):
    """A metric of two lists as its mean over drawn orders; `compare` gets arrays of shape (n_queries, n)."""

    def core(p, t, n, seed):
        return np.mean([compare(said, true) for said, true in _drawn_orders(p, t, n, n, seed)], axis=0)

    return core


def _average_precision(p, t, n, seed):
    """Of n relevant candidates at the places r1 < r2 < ...: the mean of 1 / r1, 2 / r2, ..."""
    found = []
    p, t = _sorted(p), _sorted(t)
    for said, true in _drawn_orders(p, t, n, p.values.shape[1], seed):
        places = np.empty(said.shape)
        np.put_along_axis(places, said, np.arange(1.0, said.shape[1] + 1)[None], axis=1)
        hits = np.sort(np.take_along_axis(places, true, axis=1), axis=1)
        found.append((np.arange(1, n + 1) / hits).mean(axis=1))
    return np.mean(found, axis=0)


def of_correlation(first, second, values):
    """What each candidate adds to a correlation of two rows, which it also scales.

    Parameters
    ----------
    first, second : np.ndarray, shape=(n_queries, n_others)
        Centred rows of length 1.
    values : np.ndarray, shape=(n_queries,)
        Their products: the correlations.

    Returns
    -------
    np.ndarray, shape=(n_queries, n_others)
        0 where the two rows are the same.
    """
    return first * second - values[:, None] / 2 * (first**2 + second**2)


def _r_precision_factors(p, t, n=None):
    """As `FACTORS`; NaN for a query without any relevant candidate."""
    p, t = _sorted(p).values, _sorted(t).values
    relevant = t > np.quantile(t, RELEVANT_QUANTILE)
    r = relevant.sum(axis=1)
    listed = [
        inclusion(row[None], k)[0] if k else np.full(len(row), np.nan) for row, k in zip(p, r, strict=True)
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
    "sequence_matcher": _over_orders(_matcher_ratios),
    "levenshtein": _over_orders(_levenshtein_accuracy),
    "map": _average_precision,
    "r_precision": _summed(_r_precision_factors),
}
