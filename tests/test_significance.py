"""Intervals and p-values: where the answer is known, where there is nothing, and where a value is blank."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from benchmarks import coverage
from lib import methods
from lib.ranking import influence, metrics, significance


def frame(values):
    return methods.labelled_scores(values, [f"a{k}" for k in range(len(values))])


# The estimate over artists and trainings.


def measured(rng, n=12, n_runs=3, length=3):
    target = frame(rng.random((n, n)))
    runs = [frame(rng.random((n, n))) for _ in range(n_runs)]
    return [
        metrics.measure(run, target, [length], metrics=("unordered",))["unordered", length] for run in runs
    ]


def test_the_row_of_a_table_ends_with_what_the_figure_rests_on():
    found = significance.Estimate(0.3, 0.1, 20.0, 12, 3)
    row = found.table_row("difference", border=0.1, chance=0.1)
    assert list(row) == ["difference", "ci_low", "ci_high", "p_value", "chance", "n_queries", "n_seeds"]
    assert row == found.row("difference", border=0.1) | {"chance": 0.1, "n_queries": 12, "n_seeds": 3}


def test_the_variance_over_artists_is_the_sum_over_all_pairs_that_share_an_artist(rng):
    """Against a loop over all pairs of pairs."""
    n = 7
    dyads = np.where(np.eye(n, dtype=bool), np.nan, rng.normal(size=(n, n)))
    pairs = {(i, j): dyads[i, j] + dyads[j, i] for i in range(n) for j in range(i)}
    shared = sum(a * b for i, a in pairs.items() for j, b in pairs.items() if set(i) & set(j))
    apart = sum(a * a for a in pairs.values())
    artists = pd.Index([f"a{k}" for k in range(n)])
    wanted = max(shared, apart) / (1 - 2 / n) ** 2
    assert significance.node_variance(dyads, artists, artists) == pytest.approx(wanted)


def test_the_estimate_is_the_mean_over_queries_and_trainings(rng):
    runs = measured(rng)
    found = significance.estimate(runs)
    assert found.value == pytest.approx(np.mean([run.values.mean() for run in runs]))
    assert found.seed_sd == pytest.approx(np.std([run.values.mean() for run in runs], ddof=1))
    assert (found.n_queries, found.n_trainings) == (12, 3)
    of_trainings = np.var([run.values.mean() for run in runs], ddof=1) / 3
    once = influence.mean(runs)
    assert found.error**2 == pytest.approx(significance.estimate([once]).error ** 2 + of_trainings)


def test_a_difference_pairs_the_artists_and_adds_the_trainings_of_both_sides(rng):
    runs, others = measured(rng), measured(np.random.default_rng(5), n_runs=1)
    found = significance.estimate(runs, others)
    assert found.value == pytest.approx(
        significance.estimate(runs).value - significance.estimate(others).value
    )
    same = significance.estimate(runs[:1], runs[:1])
    assert (same.value, same.error, same.p_value()) == (0, 0, 1)
    with pytest.raises(ValueError, match="over the same queries and candidates"):
        significance.estimate(runs, [runs[0].of_queries(["a1", "a0"])])


@pytest.mark.parametrize("seed", range(20))
def test_the_p_value_is_below_5_percent_exactly_where_the_interval_excludes_the_border(seed):
    found = significance.estimate(measured(np.random.default_rng(seed)))
    low, high = found.interval()
    for border in (low - 1e-6, low + 1e-6, high - 1e-6, high + 1e-6):
        assert (found.p_value(border) < 0.05) == (not low <= border <= high)


def test_more_trainings_narrow_an_interval_and_one_leaves_only_the_artists(rng):
    runs = measured(rng, n_runs=8)
    assert significance.estimate(runs).error < significance.estimate(runs[:2]).error
    assert np.isnan(significance.estimate(runs[:1]).seed_sd)


def test_queries_without_a_value_are_candidates_only(rng):
    runs = measured(rng, n_runs=1)
    values = runs[0].values.copy()
    values.iloc[:3] = np.nan
    found = significance.estimate([influence.Measured(values, runs[0].influence)])
    assert found.n_queries == 9
    assert found.value == pytest.approx(values.mean())
    nothing = significance.estimate([influence.Measured(values * np.nan, runs[0].influence)])
    assert np.isnan([nothing.value, nothing.p_value()]).all()


def test_a_weighted_mean_over_pairs_worked_by_hand():
    ids = ["a", "b", "c"]
    losses = pd.DataFrame([[np.nan, 1, 2], [np.nan, np.nan, 4], [np.nan] * 3], index=ids, columns=ids)
    weights = pd.DataFrame([[9, 1, 1], [9, 9, 2], [9] * 3], index=ids, columns=ids)
    found = significance.pairs_estimate([losses, losses + 1], weights)
    assert found.value == pytest.approx((1 + 2 + 2 * 4) / 4 + 0.5)
    assert found.n_trainings == 2
    assert found.seed_sd == pytest.approx(np.std([0, 1], ddof=1))


def test_the_estimate_over_trainings_is_students_and_welchs(rng):
    values, others = rng.random(4), rng.random(6)
    wanted = scipy.stats.ttest_1samp(values, 0)
    found = significance.trainings_estimate(values)
    assert found.interval() == pytest.approx(tuple(wanted.confidence_interval()))
    assert found.p_value() == pytest.approx(wanted.pvalue)
    welch = scipy.stats.ttest_ind(values, others, equal_var=False)
    assert significance.trainings_estimate(values, others).p_value() == pytest.approx(welch.pvalue)
    assert np.isnan(significance.trainings_estimate([0.3]).interval()).all()


def test_the_detectable_difference_is_found_in_four_of_five_repetitions(rng):
    error, freedom = 0.02, 20
    true = significance.detectable(error, freedom)
    t = true / error + rng.standard_normal(40_000)
    found = t / np.sqrt(rng.chisquare(freedom, 40_000) / freedom) > scipy.stats.t.ppf(0.975, freedom)
    assert found.mean() == pytest.approx(0.8, abs=0.02)


def test_intervals_cover_and_true_nulls_are_rejected_as_often_as_claimed():
    """A small run of the benchmark; 400 worlds leave the share a standard error of .011."""
    table = coverage.simulate(
        n_artists=30, n_trainings=3, n_worlds=100, metrics=(("unordered", 5), ("ndcg", 5)), progress=False
    )
    pooled = table.groupby("case")[["coverage", "coverage_of_queries", "rejected"]].mean()
    assert pooled["coverage"].between(0.91, 0.99).all(), pooled
    assert (pooled["coverage_of_queries"] < pooled["coverage"] - 0.04).all(), pooled
    assert pooled.loc[["unrelated", "equal"], "rejected"].between(0.01, 0.09).all(), pooled
    assert (pooled.loc["better", "rejected"] > 0.2).all(), pooled


def test_holms_correction_worked_by_hand():
    assert significance.holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert significance.holm([0.5, 0.6]).tolist() == [1, 1]
    assert significance.holm([]).empty


def test_holms_correction_is_the_closed_test_of_bonferroni(rng):
    """A hypothesis falls with all intersections that hold it: the largest of their Bonferroni p-values."""
    p = np.round(rng.random(6) ** 3, 2)
    sets = [s for size in range(1, 7) for s in itertools.combinations(range(6), size)]
    wanted = [max(min(1, len(s) * min(p[list(s)])) for s in sets if k in s) for k in range(6)]
    assert significance.holm(p).tolist() == pytest.approx(wanted)


def test_holms_correction_keeps_labels_and_leaves_out_what_was_not_tested():
    given = pd.Series({"l2": 0.04, "chance": np.nan, "popularity": 0.01}, name="p_value")
    wanted = pd.Series({"l2": 0.04, "chance": np.nan, "popularity": 0.02}, name="p_value")
    pd.testing.assert_series_equal(significance.holm(given), wanted)
    with pytest.raises(ValueError, match=r"p-values lie in \[0, 1\], got 1.5"):
        significance.holm([0.5, 1.5])


def test_permuted_names_are_compared_with_the_metric_on_the_permuted_truth(rng):
    """Against a loop over all 24 ways to name four candidates."""
    places = [f"in the place of a{k}" for k in range(4)]
    truth = frame(rng.random((4, 4))).fillna(0.5).set_axis(places, axis=1)
    runs = [frame(rng.random((4, 4))).fillna(0).set_axis(places, axis=1) for _ in range(2)]

    def value(order):
        named = truth.iloc[:, list(order)].set_axis(places, axis=1)
        return np.mean([metrics.overlap_at_n(run, named, 2).mean() for run in runs])

    (found,) = significance.name_permutation(
        {"m": runs}, truth, 2, n_permutations=4999, others={"m": 0.5}
    ).to_dict("records")
    null = np.array([value(order) for order in itertools.permutations(range(4))])
    assert found["value"] == pytest.approx(value(range(4)))
    assert found["null_mean"] == pytest.approx(null.mean(), abs=0.01)
    assert found["null_mean"] == pytest.approx(2 / 4, abs=0.01)  # n of the places, whatever the lists
    assert found["p_value"] == pytest.approx(np.mean(null >= value(range(4)) - 1e-9), abs=0.03)
    assert found["other_above"] == pytest.approx(np.mean(null < 0.5), abs=0.03)


def test_hubs_and_shared_candidates_widen_the_null_of_names_beyond_independent_lists(rng):
    """All queries share one list and one truth: the mean over queries scatters like a single query."""
    places = [f"in the place of a{k}" for k in range(20)]
    shared, own = (np.tile(rng.random(20), (20, 1)) for _ in range(2))
    truth, run = (
        pd.DataFrame(values, index=[f"a{k}" for k in range(20)], columns=places) for values in (shared, own)
    )
    (found,) = significance.name_permutation({"m": [run]}, truth, 5, n_permutations=999).to_dict("records")
    assert found["null_high"] - found["null_low"] >= 0.4
