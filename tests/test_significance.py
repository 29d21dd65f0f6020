"""Intervals and p-values: where the answer is known, where there is nothing, and where a value is blank."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lib import methods, ranking, significance


def frame(values):
    return methods.labelled_scores(values, [f"a{k}" for k in range(len(values))])


def test_the_bootstrap_interval_is_scipys_percentile_interval(rng):
    values = rng.random(49)
    wanted = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=9999, rng=1
    ).confidence_interval
    assert significance.bootstrap_interval(values, n_resamples=9999) == pytest.approx(
        tuple(wanted), abs=0.005
    )


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says(rng):
    intervals = [
        significance.bootstrap_interval(rng.normal(size=49), n_resamples=400, seed=k) for k in range(200)
    ]
    assert 0.88 <= np.mean([low <= 0 <= high for low, high in intervals]) <= 0.99


def test_blank_values_are_left_out_of_the_interval():
    assert significance.bootstrap_interval([1, 1, np.nan, 1]) == (1.0, 1.0)
    with pytest.raises(ValueError, match="no value to resample"):
        significance.bootstrap_interval([np.nan, np.nan])


def test_a_seed_gives_the_same_interval_and_another_one_another(rng):
    values = rng.random(20)
    first, again, other = (significance.bootstrap_interval(values, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("metric", ranking.FACTORS)
def test_a_perfect_prediction_has_the_smallest_p_value(metric, rng):
    target = frame(rng.random((20, 20)))
    assert significance.label_permutation(metric, [target], target, 5, n_permutations=99) == 0.01
    assert significance.label_permutation(metric, [-target], target, 5, n_permutations=99) == 1.0


@pytest.mark.parametrize("metric", ranking.FACTORS)
def test_p_values_of_unrelated_predictions_are_uniform(metric, rng):
    p_values = [
        significance.label_permutation(
            metric, [frame(rng.random((12, 12)))], frame(rng.random((12, 12))), 3, n_permutations=39, seed=k
        )
        for k in range(100)
    ]
    assert scipy.stats.kstest(p_values, scipy.stats.uniform.cdf).pvalue > 0.01


@pytest.mark.parametrize("metric", ranking.FACTORS)
def test_the_p_value_is_the_share_of_all_relabellings_that_do_as_well(metric, rng):
    """Against a loop over all 120 relabellings of five artists, with the metric itself."""
    runs, target = [frame(rng.random((5, 5)).round(1)) for _ in range(2)], frame(rng.random((5, 5)))

    def value(order):
        relabelled = [frame(run.fillna(0).to_numpy()[np.ix_(order, order)]) for run in runs]
        return np.mean([ranking.METRICS[metric](run, target, 2).mean() for run in relabelled])

    observed = value(range(5))
    wanted = np.mean([value(list(order)) >= observed - 1e-9 for order in itertools.permutations(range(5))])
    assert significance.label_permutation(metric, runs, target, 2, n_permutations=4999) == pytest.approx(
        wanted, abs=0.03
    )


def test_labels_that_cannot_be_permuted_together_are_an_error(rng):
    target = frame(rng.random((6, 6)))
    with pytest.raises(ValueError, match="only where queries and candidates are the same artists"):
        significance.label_permutation("ndcg", [target.iloc[:3]], target.iloc[:3], 2)
    with pytest.raises(ValueError, match="predicted and target name different artists"):
        significance.label_permutation("ndcg", [target.iloc[::-1, ::-1]], target, 2)


def test_the_paired_test_equals_scipys_permutation_test(rng):
    first, second = rng.random(12), rng.random(12) + 0.2
    exact = scipy.stats.permutation_test(
        (first, second),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
    )
    assert significance.paired_randomisation(first, second, n_draws=20_000) == pytest.approx(
        exact.pvalue, abs=0.01
    )


def test_equal_values_are_no_difference_and_a_constant_lead_is_one():
    assert significance.paired_randomisation([0.3] * 20, [0.3] * 20) == 1.0
    assert significance.paired_randomisation(np.arange(20) + 1, np.arange(20)) < 0.001


def test_pairs_with_a_blank_value_are_left_out_instead_of_passing_for_significant():
    first, second = [0.1, 0.5, np.nan, 0.2], [0.5, 0.1, 0.2, np.nan]
    assert significance.paired_randomisation(first, second) == 1.0
    with pytest.raises(ValueError, match="no pair of values to compare"):
        significance.paired_randomisation([np.nan], [1.0])


def test_paired_values_of_different_lengths_are_an_error():
    with pytest.raises(ValueError, match=r"one length, got \(2,\) and \(3,\)"):
        significance.paired_randomisation([1, 2], [1, 2, 3])


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


def test_another_statistic_is_resampled_with_what_belongs_to_a_query(rng):
    values = rng.random((40, 2))
    values[3, 1] = np.nan
    found = significance.bootstrap_interval(
        values, statistic=lambda drawn: np.median(drawn[..., 0] - drawn[..., 1], axis=1), n_resamples=9999
    )
    whole = np.delete(values, 3, axis=0)
    wanted = scipy.stats.bootstrap(
        (whole[:, 0] - whole[:, 1],), np.median, method="percentile", n_resamples=9999, rng=1
    ).confidence_interval
    assert found == pytest.approx(tuple(wanted), abs=0.02)


def test_the_interval_over_trainings_is_students(rng):
    values = rng.random(4)
    wanted = scipy.stats.ttest_1samp(values, 0).confidence_interval()
    assert significance.seed_interval(values) == pytest.approx((wanted.low, wanted.high))
    assert np.isnan(significance.seed_interval([0.3])).all()


def test_permuted_names_are_compared_with_the_metric_on_the_permuted_truth(rng):
    """Against a loop over all 24 ways to deal four borrowed rows to four queries."""
    names = ["a0", "a1", "a2", "a3"]
    rows = pd.DataFrame(rng.random((4, 4)), index=list("wxyz"), columns=names)
    runs = [frame(rng.random((4, 4))) for _ in range(2)]

    def value(order):
        dealt = frame(rows.to_numpy()[list(order)])
        return np.mean([ranking.overlap_at_n(run, dealt, 2).mean() for run in runs])

    (found,) = significance.query_permutation({"m": runs}, rows, names, 2, n_permutations=4999).to_dict(
        "records"
    )
    null = [value(order) for order in itertools.permutations(range(4))]
    assert found["value"] == pytest.approx(value(range(4)))
    assert found["null_mean"] == pytest.approx(np.mean(null), abs=0.01)
    assert found["p_value"] == pytest.approx(np.mean(np.array(null) >= value(range(4)) - 1e-9), abs=0.03)


def test_what_all_rows_share_is_no_evidence(rng):
    """Rows that are nearly one: who guesses what they share scores far above chance, and so does the null."""
    names = [f"a{k}" for k in range(20)]
    shared = rng.random(20)
    rows = pd.DataFrame(
        shared + 0.01 * rng.random((20, 20)), index=[f"f{k}" for k in range(20)], columns=names
    )
    table = significance.query_permutation({"fame": [frame(np.tile(shared, (20, 1)))]}, rows, names, 5)
    assert table.loc[0, "value"] > 0.9
    assert table.loc[0, "null_mean"] > 0.9
    assert table.loc[0, "p_value"] > 0.05


def test_equivalence_agrees_with_two_one_sided_welch_tests(rng):
    first, second = rng.normal(0.1, 1, 9), rng.normal(0, 2, 14)
    for margin in (0.2, 1.5, 4):
        shifted = [
            scipy.stats.ttest_ind(first + shift, second, equal_var=False, alternative=side).pvalue
            for shift, side in ((margin, "greater"), (-margin, "less"))
        ]
        found = significance.equivalence(first, second, margin=margin)
        assert found["p_value"] == pytest.approx(max(shifted))
        interval = scipy.stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.9)
        assert (found["ci_low"], found["ci_high"]) == pytest.approx((interval.low, interval.high))
        inside = -margin < found["ci_low"] and found["ci_high"] < margin
        assert found["equivalent"] == inside


def test_equivalence_is_rarely_concluded_at_the_border_of_the_margin(rng):
    found = [
        significance.equivalence(rng.normal(1, 1, 6), rng.normal(0, 1, 6), margin=1)["equivalent"]
        for _ in range(400)
    ]
    assert np.mean(found) < 0.08


def test_equivalence_needs_a_margin_and_two_values_a_side():
    with pytest.raises(ValueError, match="must be positive, got 0"):
        significance.equivalence([1, 2], [1, 2], margin=0)
    found = significance.equivalence([1.0], [1.0, 1.1], margin=1)
    assert not found["equivalent"]
    assert np.isnan(found["p_value"])
    same = significance.equivalence([1.0, 1.0], [1.1, 1.1], margin=0.2)
    assert same["equivalent"]
    assert not significance.equivalence([1.0, 1.0], [1.5, 1.5], margin=0.2)["equivalent"]
