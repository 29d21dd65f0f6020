"""How sure a result is (beyond the paper, which gives no interval).

Conventions
-----------
- The unit of resampling is the query artist; several trainings of one method are averaged for each query
  first, and their spread is reported beside.
- Everything random is seeded.

References
----------
Smucker, Allan & Carterette (2007). A comparison of statistical significance tests for information retrieval
evaluation.
Holm (1979). A simple sequentially rejective multiple test procedure.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats

from lib import ranking


def bootstrap_interval(values, *, level=0.95, n_resamples=2000, seed=0, statistic=None):
    """Percentile interval of a mean over queries, or of another statistic of them.

    Parameters
    ----------
    values : array_like, shape=(n_queries,) or (n_queries, k)
        What belongs to a query is drawn together; queries with a blank value are left out.
    level : float
    statistic : function, optional
        From resamples, shape=(n_resamples, n_queries) or (n_resamples, n_queries, k), to one value each.
    n_resamples, seed : int

    Returns
    -------
    tuple of float
        Lower and upper end.

    Raises
    ------
    ValueError
        If no value is left.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values.reshape(len(values), -1)).any(axis=1)]
    if len(values) == 0:
        raise ValueError("there is no value to resample")
    rng = np.random.default_rng(seed)
    resamples = values[rng.integers(len(values), size=(n_resamples, len(values)))]
    found = resamples.mean(axis=1) if statistic is None else statistic(resamples)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def label_permutation(metric, runs, target, n=None, *, n_permutations=199, seed=0):
    """How often a relabelled prediction does as well: rows and columns are permuted together.

    Queries share their candidates, so permuting each query on its own would make the null too narrow.

    Parameters
    ----------
    metric : str
        One of `ranking.FACTORS`.
    runs : sequence of pd.DataFrame, shape=(n_artists, n_artists)
        Predictions of one method's trainings; the mean of their values is tested.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    n : int, optional
        Length of the lists.
    n_permutations, seed : int

    Returns
    -------
    float
        One-sided p-value of "no better than chance", at least ``1 / (n_permutations + 1)``.

    Raises
    ------
    ValueError
        If queries and candidates are not the same artists.
    """
    if not target.index.equals(target.columns):
        raise ValueError("labels can be permuted only where queries and candidates are the same artists")
    others = ~np.eye(len(target), dtype=bool)
    said, true = np.zeros((2, *target.shape))
    for predicted in runs:
        first, second = ranking.FACTORS[metric](*ranking.validate(predicted, target, n or 1), n)
        said[others] += first.ravel() / len(runs)
        true[others] = second.ravel()
    rng = np.random.default_rng(seed)
    observed = (said * true).sum()
    orders = (rng.permutation(len(target)) for _ in range(n_permutations))
    as_good = sum((said[np.ix_(order, order)] * true).sum() >= observed - 1e-9 for order in orders)
    return float((as_good + 1) / (n_permutations + 1))


def seed_interval(values, *, level=0.95):
    """Student's interval of a mean over independent trainings; wide where they are few, as it should be.

    Parameters
    ----------
    values : array_like, shape=(n_seeds,)
    level : float

    Returns
    -------
    tuple of float
        Lower and upper end; blank for one training, which says nothing of its luck.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return np.nan, np.nan
    half = scipy.stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def query_permutation(runs, rows, queries, n, *, n_permutations=199, seed=0):
    """The published truth under permuted query names: what overlap its rows give whoever asks.

    There the rows belong to other artists than the queries, so a right answer can only come from what all
    rows share. Permuting which query gets which row breaks every tie between query and row and keeps that
    common part: the null to hold a method against, where ``n / n_others`` is not.

    Parameters
    ----------
    runs : dict of str to list of pd.DataFrame, shape=(n_queries, n_candidates)
        Predictions of each method's trainings, over `queries` and the columns of `rows`.
    rows : pd.DataFrame, shape=(n_queries, n_candidates)
        True similarity of the borrowed rows, none blank; row k was given to query k.
    queries : sequence of str
    n : int
        Length of the lists.
    n_permutations, seed : int

    Returns
    -------
    pd.DataFrame
        One row a method: ``method, value, null_mean, null_low, null_high`` (95 % of the permutations),
        ``p_value`` (one-sided, of "no better than under permuted names").
    """
    others = ~np.equal.outer(np.asarray(queries, dtype=object), rows.columns.to_numpy(dtype=object))
    said = {
        method: np.mean([ranking.inclusion(_others(run.to_numpy(), others), n) for run in frames], axis=0)
        for method, frames in runs.items()
    }
    rng = np.random.default_rng(seed)
    orders = [np.arange(len(queries)), *(rng.permutation(len(queries)) for _ in range(n_permutations))]
    values = {method: [] for method in said}
    for order in orders:
        true = ranking.inclusion(_others(rows.to_numpy()[order], others), n) / n
        for method, share in said.items():
            values[method].append((share * true).sum(axis=1).mean())
    found = []
    for method, (value, *null) in values.items():
        low, high = np.quantile(null, [0.025, 0.975])
        p_value = (np.sum(np.array(null) >= value - 1e-9) + 1) / (n_permutations + 1)
        found.append((method, value, np.mean(null), low, high, p_value))
    return pd.DataFrame(found, columns=["method", "value", "null_mean", "null_low", "null_high", "p_value"])


def _others(values, others):
    return values[others].reshape(len(values), -1)


def paired_randomisation(first, second, *, n_draws=9999, seed=0):
    """Two-sided test of equal means of paired values, by random signs of their differences.

    Parameters
    ----------
    first, second : array_like, shape=(n_queries,)
        Pairs with a blank value are left out.
    n_draws, seed : int

    Returns
    -------
    float
        p-value.

    Raises
    ------
    ValueError
        If the lengths differ, or no pair is left.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape:
        raise ValueError(f"paired values must have one length, got {first.shape} and {second.shape}")
    difference = (first - second)[~np.isnan(first - second)]
    if len(difference) == 0:
        raise ValueError("there is no pair of values to compare")
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(n_draws, len(difference)))
    null = np.abs((signs * difference).mean(axis=1))
    return float(((null >= abs(difference.mean()) - 1e-12).sum() + 1) / (n_draws + 1))


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
    asked = given.dropna()
    if not asked.between(0, 1).all():
        raise ValueError(f"p-values lie in [0, 1], got {asked[~asked.between(0, 1)].iloc[0]}")
    adjusted = np.full(len(given), np.nan)
    places = np.argsort(given.to_numpy(), kind="stable")[: len(asked)]  # blank ones are sorted last
    adjusted[places] = np.maximum.accumulate(given.iloc[places] * np.arange(len(asked), 0, -1)).clip(upper=1)
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
    found = {"difference": difference, "ci_low": np.nan, "ci_high": np.nan, "margin": margin}
    if min(map(len, sides)) < 2:
        return found | {"p_value": np.nan, "equivalent": False}
    squares = np.array([values.var(ddof=1) / len(values) for values in sides])
    error = np.sqrt(squares.sum())
    if error == 0:
        inside = abs(difference) < margin
        found |= {"ci_low": difference, "ci_high": difference}
        return found | {"p_value": 0.0 if inside else 1.0, "equivalent": bool(inside)}
    freedom = squares.sum() ** 2 / sum(
        square**2 / (len(values) - 1) for square, values in zip(squares, sides, strict=True)
    )
    half = scipy.stats.t.ppf(level, freedom) * error
    p_value = float(scipy.stats.t.sf((margin - abs(difference)) / error, freedom))
    found |= {"ci_low": float(difference - half), "ci_high": float(difference + half)}
    return found | {"p_value": p_value, "equivalent": bool(p_value < 1 - level)}
