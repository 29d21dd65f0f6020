"""How sure a result is (beyond the paper, which gives no interval).

Conventions
-----------
- Two things are drawn: the artists, each of whom is a query and at the same time a candidate of all other
  queries, and the trainings of a network. `estimate` gives the interval and the p-value of a mean over
  queries that cover both; wherever a table compares methods, its verdict comes from there.
- Artists are the nodes of a graph whose edges are pairs. Two pairs that share an artist vary together, and
  the variance adds up all such covariances (Aronow, Samii and Assenova, 2015, for regressions on pairs). An
  interval over queries alone is too short: it covers 65 to 89 % where it claims 95 (`benchmarks.coverage`).
- Everything random is seeded.

References
----------
Aronow, Samii & Assenova (2015). Cluster-robust variance estimation for dyadic data.
Fafchamps & Gubert (2007). The formation of risk sharing networks.
Satterthwaite (1946). An approximate distribution of estimates of variance components.
Holm (1979). A simple sequentially rejective multiple test procedure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.stats

from lib.ranking import ties

LEVEL = 0.95  # of every interval
ALPHA = 0.05  # a p-value below it decides; not 1 - LEVEL, which is above .05 in floating-point numbers
ROUNDING = 1e-12  # a smaller standard error is what sums of equal numbers leave, and counts as 0


@dataclass(frozen=True)
class Estimate:
    """A mean, how far it may be off, and how many degrees of freedom that error rests on.

    Attributes
    ----------
    value : float
    error : float
        Standard error; 0 for what nothing random enters.
    freedom : float
        Degrees of freedom of Student's distribution.
    n_queries, n_trainings : int
    seed_sd : float
        Standard deviation over trainings; NaN for one.
    """

    value: float
    error: float
    freedom: float
    n_queries: int
    n_trainings: int
    seed_sd: float = np.nan

    def interval(self, level=LEVEL):
        """Student's interval, lower and upper end."""
        half = self.error and scipy.stats.t.ppf((1 + level) / 2, self.freedom) * self.error
        return float(self.value - half), float(self.value + half)

    def p_value(self, border=0.0):
        """Two-sided, of "the true value is `border`"; below .05 exactly where the 95 % interval excludes
        it."""
        if np.isnan(self.value):
            return np.nan
        if self.error == 0:
            return 1.0 if abs(self.value - border) < 1e-12 else 0.0
        return float(2 * scipy.stats.t.sf(abs(self.value - border) / self.error, self.freedom))

    def row(self, name="value", *, border=0.0):
        """As columns of a table: `name`, ``ci_low``, ``ci_high``, ``p_value``."""
        low, high = self.interval()
        return {name: self.value, "ci_low": low, "ci_high": high, "p_value": self.p_value(border)}

    def table_row(self, name="value", *, border=0.0, **more):
        """`row`, then `more` columns, then what the figure rests on: ``n_queries, n_seeds``."""
        counts = {"n_queries": self.n_queries, "n_seeds": self.n_trainings}
        return self.row(name, border=border) | more | counts


def estimate(runs, minus=()):
    """The mean of a measure over queries and trainings, or the difference of two methods' means.

    The variance over artists is taken from the mean over trainings, by `node_variance`. That over trainings
    is the variance of their means, divided by their number, of each side on its own. Both are added, with
    Satterthwaite's degrees of freedom. A little of what is added counts twice (what a training changes for
    single artists), so that intervals rather cover too often.

    Parameters
    ----------
    runs : sequence of lib.ranking.influence.Measured
        One a training.
    minus : sequence of lib.ranking.influence.Measured, optional
        Of the other method, over the same queries and candidates.

    Returns
    -------
    Estimate
        NaN where no query has a value.

    Raises
    ------
    ValueError
        If the two sides have other queries or candidates.
    """
    sides = [list(runs), list(minus)] if len(minus) else [list(runs)]
    first = sides[0][0]
    for run in (run for side in sides for run in side):
        if not (
            run.values.index.equals(first.values.index)
            and run.influence.columns.equals(first.influence.columns)
        ):
            raise ValueError(
                "methods can be compared only over the same queries and candidates, in one order"
            )
    signs = (1, -1)
    by_run = [np.stack([run.values.to_numpy() for run in side]) for side in sides]
    counted = ~np.isnan(np.concatenate(by_run)).any(axis=0)
    n_trainings = max(map(len, sides))
    if not counted.any():
        return Estimate(np.nan, np.nan, np.nan, 0, n_trainings)
    values = sum(sign * side.mean(axis=0) for sign, side in zip(signs, by_run))[counted]
    influence = sum(
        sign * np.mean([run.influence.to_numpy() for run in side], axis=0) for sign, side in zip(signs, sides)
    )[counted]
    deviations = values - values.mean()
    others = np.maximum((~np.isnan(influence)).sum(axis=1), 1)
    dyads = (influence + (deviations / others)[:, None]) / len(values)
    queries = first.values.index[counted]
    variance = node_variance(dyads, queries, first.influence.columns)
    parts = [(variance, max(_effective(len(queries)) - 1, 1))]
    for side in by_run:
        if len(side) > 1:
            parts.append((side[:, counted].mean(axis=1).var(ddof=1) / len(side), len(side) - 1))
    spread = by_run[0][:, counted].mean(axis=1)
    return _combined(float(values.mean()), parts, len(queries), n_trainings, spread)


def node_variance(dyads, queries, candidates):
    """Variance of a sum over pairs of artists, where pairs that share an artist vary together.

    ``sum over artists of (sum over the artist's pairs)² - sum over pairs of (both directions of a pair)²``:
    the second term, because a pair is met at both its ends. Each artist takes part in 2 / n of all pairs, for
    which the result is divided by (1 - 2 / n)². It is at least what independent pairs would give.

    Parameters
    ----------
    dyads : np.ndarray, shape=(n_queries, n_candidates)
        What each pair contributes to the deviation of the sum from its expectation; NaN where there is no
        pair.
    queries, candidates : pd.Index
        Artists of the rows and columns; an artist of both is one node.

    Returns
    -------
    float
    """
    nodes = queries.union(candidates, sort=False)
    square = np.zeros((len(nodes), len(nodes)))
    square[np.ix_(nodes.get_indexer(queries), nodes.get_indexer(candidates))] = np.nan_to_num(dyads)
    both = square + square.T
    apart = (both**2).sum() / 2
    shared = (both.sum(axis=1) ** 2).sum() - apart
    n = _effective(len(queries))
    return float(max(shared, apart) / (1 - 2 / n) ** 2)


def pairs_estimate(runs, weights, minus=()):
    """The weighted mean over pairs of artists, such as a loss, or the difference of two such means.

    Parameters
    ----------
    runs : sequence of pd.DataFrame, shape=(n_rows, n_columns)
        One a training; NaN where a pair does not count.
    weights : pd.DataFrame, shape=(n_rows, n_columns)
        Of each pair, such as its number of pairs of clips.
    minus : sequence of pd.DataFrame, optional

    Returns
    -------
    Estimate
        ``n_queries`` is the number of columns or rows, whichever are fewer.
    """
    shares = weights.where(runs[0].notna()).to_numpy(dtype=float)
    shares = shares / np.nansum(shares)
    sides = [np.stack([run.to_numpy(dtype=float) for run in side]) for side in (runs, minus) if len(side)]
    by_run = [np.nansum(side * shares, axis=(1, 2)) for side in sides]
    signs = (1, -1)
    values = sum(sign * side.mean(axis=0) for sign, side in zip(signs, sides))
    value = float(sum(sign * side.mean() for sign, side in zip(signs, by_run)))
    columns = runs[0].columns if len(runs[0].columns) <= len(runs[0].index) else runs[0].index
    variance = node_variance(shares * (values - value), runs[0].index, runs[0].columns)
    n = len(columns)
    parts = [(variance, max(_effective(n) - 1, 1))]
    parts += [(side.var(ddof=1) / len(side), len(side) - 1) for side in by_run if len(side) > 1]
    return _combined(value, parts, n, max(map(len, by_run)), by_run[0])


def trainings_estimate(runs, minus=()):
    """The mean of one number a training, or the difference of two such means (Welch); artists are not drawn.

    Parameters
    ----------
    runs, minus : sequence of float

    Returns
    -------
    Estimate
        Its error is NaN where a side has one training, which says nothing of its luck.
    """
    sides = [np.asarray(side, dtype=float) for side in (runs, minus) if len(side)]
    if not len(runs):
        return Estimate(np.nan, np.nan, np.nan, 0, 0)
    value = float(sides[0].mean() - (sides[1].mean() if len(sides) > 1 else 0))
    if min(map(len, sides)) < 2:
        return Estimate(value, np.nan, np.nan, 0, len(sides[0]))
    parts = [(side.var(ddof=1) / len(side), len(side) - 1) for side in sides]
    return _combined(value, parts, 0, len(sides[0]), sides[0])


def detectable(error, freedom, *, power=0.8, level=LEVEL):
    """The true difference that is found with a given power, from the standard error of its estimate.

    Parameters
    ----------
    error, freedom : float
        Of an `Estimate`.
    power, level : float

    Returns
    -------
    float
    """
    t = scipy.stats.t(freedom)
    return float(error * (t.ppf((1 + level) / 2) + t.ppf(power)))


def _effective(n):
    return max(n, 4)  # fewer artists leave no pair without the one that is looked at


def _combined(value, parts, n_queries, n_trainings, spread):
    variances, freedoms = map(np.array, zip(*parts, strict=True))
    total = 0.0 if variances.sum() < ROUNDING**2 else variances.sum()
    freedom = total**2 / (variances**2 / freedoms).sum() if total > 0 else np.inf
    seed_sd = float(np.std(spread, ddof=1)) if len(spread) > 1 else np.nan
    return Estimate(value, float(np.sqrt(total)), float(freedom), n_queries, n_trainings, seed_sd)


def name_permutation(runs, truth, n, *, n_permutations=199, seed=0, others=None):
    """The published truth under permuted names of its candidates, one permutation for all queries.

    There the candidates carry other artists' names, so no method can rank them but by luck: the expected
    overlap is n of the places. All queries share the candidates' true values, and the lists of a method share
    its hubs; so the mean over queries scatters more over the possible namings than over independent lists.

    Parameters
    ----------
    runs : dict of str to list of pd.DataFrame, shape=(n_queries, n_places)
        Predictions of each method's trainings.
    truth : pd.DataFrame, shape=(n_queries, n_places)
        Every place counts (`lib.listening.published.every_place`).
    n : int
        Length of the lists.
    n_permutations, seed : int
    others : dict of str to float, optional
        For some methods a value from elsewhere, to be placed among the permutations.

    Returns
    -------
    pd.DataFrame
        One row a method: ``method, value, null_mean, null_low, null_high`` (95 % of the permutations),
        ``p_value`` (one-sided, of "no better than under permuted names"), ``other, other_above`` (share of
        the permutations that the value from elsewhere lies above).
    """
    listed = {
        method: np.mean([ties.inclusion(run.to_numpy(), n) for run in frames], axis=0)
        for method, frames in runs.items()
    }
    nearest = ties.inclusion(truth.to_numpy(), n) / n
    rng = np.random.default_rng(seed)
    places = np.arange(truth.shape[1])
    orders = [places, *(rng.permutation(places) for _ in range(n_permutations))]
    rows = []
    for method, share in listed.items():
        together = nearest.T @ share / len(truth)  # by true place and predicted place
        value, *null = (together[order, places].sum() for order in orders)
        low, high = np.quantile(null, [0.025, 0.975])
        p_value = (np.sum(np.array(null) >= value - 1e-9) + 1) / (n_permutations + 1)
        other = (others or {}).get(method, np.nan)
        above = np.mean(np.array(null) < other) if not np.isnan(other) else np.nan
        rows.append((method, value, np.mean(null), low, high, p_value, other, above))
    columns = ["method", "value", "null_mean", "null_low", "null_high", "p_value", "other", "other_above"]
    return pd.DataFrame(rows, columns=columns)


def holm(p_values):
    """p-values of several tests, adjusted so that one false alarm in all of them stays as rare as in one.

    Parameters
    ----------
    p_values : array_like, shape=(n_tests,)
        In [0, 1]; a blank one is no test, stays blank and counts for nothing.

    Returns
    -------
    pd.Series, shape=(n_tests,)
        In the order given, on its index if it has one; never below the unadjusted value.

    Raises
    ------
    ValueError
        If a value is no probability.
    """
    given = pd.Series(p_values, dtype=float)
    tests = given.dropna()
    if not tests.between(0, 1).all():
        raise ValueError(f"p-values lie in [0, 1], got {tests[~tests.between(0, 1)].iloc[0]}")
    adjusted = np.full(len(given), np.nan)
    places = np.argsort(given.to_numpy(), kind="stable")[: len(tests)]  # blank ones are sorted last
    adjusted[places] = np.maximum.accumulate(given.iloc[places] * np.arange(len(tests), 0, -1)).clip(upper=1)
    return pd.Series(adjusted, index=given.index, name=given.name)


def equivalence(first, second, *, margin, level=0.95):
    """Whether two means differ by less than a margin: two one-sided Welch tests (TOST).

    A test that finds no difference does not show equality. Here the burden is the other way round: equality
    up to the margin is concluded only where both "the difference is -margin or less" and "it is margin or
    more" are rejected, which is where the ``2 * level - 1`` interval lies inside the margin.

    Parameters
    ----------
    first, second : array_like, shape=(n_first,), (n_second,)
        Independent values, such as one for each training.
    margin : float, > 0
        Largest difference that counts as none; to be stated before the values are seen.
    level : float
        One minus the size of each test.

    Returns
    -------
    dict
        ``difference`` (first - second), ``ci_low``, ``ci_high`` (of the ``2 * level - 1`` interval: 90 %),
        ``margin``, ``p_value`` (the larger of the two), ``equivalent``; NaN and False where one side has
        less than two values.

    Raises
    ------
    ValueError
        If the margin is not positive.

    References
    ----------
    Schuirmann (1987). A comparison of the two one-sided tests procedure and the power approach.
    """
    if not margin > 0:
        raise ValueError(f"the margin of an equivalence test must be positive, got {margin}")
    sides = [np.asarray(values, dtype=float) for values in (first, second)]
    difference = float(sides[0].mean() - sides[1].mean())
    result = {"difference": difference, "ci_low": np.nan, "ci_high": np.nan, "margin": margin}
    if min(map(len, sides)) < 2:
        return result | {"p_value": np.nan, "equivalent": False}
    squares = np.array([values.var(ddof=1) / len(values) for values in sides])
    error = np.sqrt(squares.sum())
    if error == 0:
        inside = abs(difference) < margin
        result |= {"ci_low": difference, "ci_high": difference}
        return result | {"p_value": 0.0 if inside else 1.0, "equivalent": bool(inside)}
    freedom = squares.sum() ** 2 / sum(
        square**2 / (len(values) - 1) for square, values in zip(squares, sides, strict=True)
    )
    half = scipy.stats.t.ppf(level, freedom) * error
    p_value = float(scipy.stats.t.sf((margin - abs(difference)) / error, freedom))
    result |= {"ci_low": float(difference - half), "ci_high": float(difference + half)}
    return result | {"p_value": p_value, "equivalent": bool(p_value < 1 - level)}
