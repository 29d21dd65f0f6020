"""Metrics by hand, against scikit-learn, SciPy and loops; ties, blanks and labels."""

import difflib
import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from lib import methods
from lib.ranking import influence, matching, metrics, ties
from lib.ranking import lists as ranking_lists

LENGTHS = (3, 5, 10, 25)


def frame(values):
    return methods.labelled_scores(values, [f"a{k}" for k in range(len(values))])


# Four artists on a line at 0, 1, 3 and 7: every neighbour list can be read off by eye.
LINE = -np.abs(np.subtract.outer([0.0, 1, 3, 7], [0, 1, 3, 7]))


def random_frame(rng, n=49):
    return frame(rng.random((n, n)))


def others(values):
    """Each query's candidates, without itself."""
    values = values.to_numpy()
    return values[~np.eye(len(values), dtype=bool)].reshape(len(values), -1)


def by_orders(measure, p, t, n):
    """Mean of `measure(list, true list)` over all orders that ties allow."""

    def orders(values):
        everything = itertools.permutations(range(len(values)))
        return [
            order for order in everything if all(values[a] >= values[b] for a, b in itertools.pairwise(order))
        ]

    return np.mean([measure(a[:n], b[:n]) for a in orders(p) for b in orders(t)])


# Worked by hand.


def test_the_reversed_line_shares_half_of_each_pair():
    assert metrics.overlap_at_n(frame(-LINE), frame(LINE), 2).tolist() == [0.5] * 4


def test_sequence_matcher_counts_what_stays_in_order():
    # Neighbours of a0: 1 2 3 against 2 1 3: two of three in a common order, 2 * 2 / 6.
    predicted = LINE.copy()
    predicted[0] = [0, -3, -1, -7]
    assert metrics.sequence_matcher(frame(predicted), frame(LINE), 3)["a0"] == pytest.approx(2 / 3)
    assert metrics.levenshtein(frame(predicted), frame(LINE), 3)["a0"] == pytest.approx(1 - 2 / 3)
    assert metrics.levenshtein(frame(predicted), frame(LINE), 3)["a1"] == 1


def test_levenshtein_is_a_distance_and_the_matchers_ratio_is_not():
    """Shifted by one, lists keep n - 1 of n in order: two edits; the ratio sees only the common block."""
    n = 6
    true = np.arange(8.0, 0, -1)
    shifted = true.copy()
    shifted[0] = 0.5
    values, predicted = np.tile(true, (8, 1)), np.tile(shifted, (8, 1))
    at = "a7"  # the query that is last on both lists
    assert metrics.levenshtein(frame(predicted), frame(values), n)[at] == pytest.approx(1 - 2 / n)
    assert metrics.sequence_matcher(frame(predicted), frame(values), n)[at] == pytest.approx((n - 1) / n)


def test_ndcg_worked_by_hand():
    true = np.zeros((4, 4))
    true[0] = [0, 0.5, 1, 0]
    predicted = np.zeros((4, 4))
    predicted[0] = [0, 3, 2, 1]
    gain, ideal = 0.5 + 1 / np.log2(3), 1 + 0.5 / np.log2(3)
    assert metrics.ndcg(frame(predicted), frame(true), 2)["a0"] == pytest.approx(gain / ideal)
    assert metrics.ndcg(frame(predicted), frame(true), 2)["a1"] == 0  # similar to nobody


def test_average_precision_worked_by_hand():
    predicted = LINE.copy()
    predicted[0] = [0, -2, -3, -1]  # 3, 1, 2 where 1 and 2 are the true ones: hits at places 2 and 3
    assert metrics.mean_average_precision(frame(predicted), frame(LINE), 2)["a0"] == pytest.approx(
        (1 / 2 + 2 / 3) / 2
    )


def test_r_precision_lets_the_number_of_relevant_candidates_differ():
    # Of twelve similarities the quantile .9 is passed by two: both in the row of a0.
    true = np.linspace(0, 0.1, 16).reshape(4, 4)
    true[0, 1:3] = [0.8, 0.9]
    predicted = np.zeros((4, 4))
    predicted[0] = [0, 2, 1, 3]
    found = metrics.r_precision(frame(predicted), frame(true))
    assert found["a0"] == 0.5
    assert found.isna().tolist() == [False, True, True, True]


# Independent oracles.


def test_nothing_is_gained_or_lost_where_the_truth_is_negative(rng):
    predicted, true = (random_frame(rng, 6) - 0.5 for _ in range(2))
    assert (true < 0).any(axis=None)
    value = metrics.ndcg(predicted, true, 3)
    pd.testing.assert_series_equal(value, metrics.ndcg(predicted, true.clip(lower=0), 3))
    assert value.between(0, 1).all()


@pytest.mark.parametrize("n", LENGTHS)
def test_overlap_equals_a_loop_over_sets(n, rng):
    predicted, target = random_frame(rng), random_frame(rng)
    wanted = [
        len({*np.argsort(-p)[:n]} & {*np.argsort(-t)[:n]}) / n
        for p, t in zip(others(predicted), others(target), strict=True)
    ]
    np.testing.assert_allclose(metrics.overlap_at_n(predicted, target, n), wanted)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("rounded", [False, True])
def test_ndcg_equals_scikit_learns_with_and_without_ties(n, rounded, rng):
    predicted, target = random_frame(rng), random_frame(rng)
    if rounded:
        predicted = predicted.round(1)
    wanted = [
        sklearn.metrics.ndcg_score([t], [p], k=n)
        for p, t in zip(others(predicted), others(target), strict=True)
    ]
    np.testing.assert_allclose(metrics.ndcg(predicted, target, n), wanted)


@pytest.mark.parametrize("n", LENGTHS)
def test_average_precision_equals_scikit_learns(n, rng):
    predicted, target = random_frame(rng), random_frame(rng)
    wanted = [
        sklearn.metrics.average_precision_score(scipy.stats.rankdata(-t) <= n, p)
        for p, t in zip(others(predicted), others(target), strict=True)
    ]
    np.testing.assert_allclose(metrics.mean_average_precision(predicted, target, n), wanted)


@pytest.mark.parametrize("rounded", [False, True])
def test_spearman_equals_scipys_with_and_without_ties(rounded, rng):
    predicted, target = random_frame(rng, 12), random_frame(rng, 12)
    if rounded:
        predicted, target = predicted.round(1), target.round(1)
    wanted = [
        scipy.stats.spearmanr(p, t).statistic for p, t in zip(others(predicted), others(target), strict=True)
    ]
    np.testing.assert_allclose(metrics.spearman(predicted, target), wanted)


def test_r_precision_equals_overlap_where_all_queries_have_equally_many_relevant_ones(rng):
    values = np.zeros((21, 21))
    values[~np.eye(21, dtype=bool)] = np.concatenate(
        [rng.permutation(20) for _ in range(21)]
    )  # two in twenty pass the quantile .9
    predicted, target = random_frame(rng, 21), frame(values)
    np.testing.assert_allclose(
        metrics.r_precision(predicted, target), metrics.overlap_at_n(predicted, target, 2)
    )


@given(
    st.lists(st.integers(0, 2), min_size=5, max_size=5),
    st.lists(st.integers(0, 2), min_size=5, max_size=5),
    st.integers(1, 5),
)
def test_overlap_with_ties_is_the_mean_over_all_orders(p, t, n):
    predicted, target = np.zeros((6, 6)), np.zeros((6, 6))
    predicted[0, 1:], target[0, 1:] = p, t
    wanted = by_orders(lambda a, b: len({*a} & {*b}) / n, p, t, n)
    assert metrics.overlap_at_n(frame(predicted), frame(target), n)["a0"] == pytest.approx(wanted)


def average_precision(a, b):
    return np.mean([sum(x in b[:2] for x in a[: k + 1]) / (k + 1) for k in range(5) if a[k] in b[:2]])


@pytest.mark.parametrize(("metric", "measure"), [
    ("sequence_matcher", lambda a, b: difflib.SequenceMatcher(None, a, b).ratio()),
    ("map", average_precision),
])  # fmt: skip
def test_ordered_metrics_with_ties_come_near_the_mean_over_all_orders(metric, measure):
    p, t = [1, 2, 2, 1, 0], [0, 3, 1, 1, 1]
    predicted, target = np.zeros((6, 6)), np.zeros((6, 6))
    predicted[0, 1:], target[0, 1:] = p, t
    wanted = by_orders(measure, p, t, 5 if metric == "map" else 2)
    found = np.mean(
        [metrics.METRICS[metric](frame(predicted), frame(target), 2, seed=seed)["a0"] for seed in range(10)]
    )
    assert found == pytest.approx(wanted, abs=0.05)  # 1,000 draws of a value in [0, 1]


@given(st.integers(1, 12), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_matching_blocks_of_all_rows_at_once_are_those_of_difflib(n, more, seed):
    rng = np.random.default_rng(seed)
    lists = np.argsort(rng.random((2, 30, n + more)), axis=2)
    lists[:, :15] = np.argsort(np.arange(n + more) + 3 * rng.random((2, 15, n + more)), axis=2)  # long runs
    a, b = lists[..., :n]
    wanted = [
        difflib.SequenceMatcher(None, *pair).ratio() for pair in zip(a.tolist(), b.tolist(), strict=True)
    ]
    assert (2.0 * matching.matched_elements(a, b) / (2 * n)).tolist() == wanted


def test_orders_are_drawn_once_and_only_where_values_tie():
    side = ties.Sorted(np.array([[3.0, 1, 2, 0], [1, 0, 1, 0]]))
    drawn = side.drawn(7, 0)
    assert drawn is side.drawn(7, 0)
    assert (drawn[:, 0] == [0, 2, 1, 3]).all()
    assert {tuple(order) for order in drawn[:, 1]} == {(0, 2, 1, 3), (0, 2, 3, 1), (2, 0, 1, 3), (2, 0, 3, 1)}
    stream = np.random.default_rng([7, ties.TIES])
    one_by_one = [
        [np.lexsort((stream.random(side.values.shape), -side.values)) for _ in range(2)]
        for _ in range(ties.N_DRAWS)
    ]
    assert (np.stack(one_by_one, axis=1) == [drawn, side.drawn(7, 1)]).all()


# Chance.


@pytest.mark.parametrize("n", LENGTHS)
def test_a_constant_prediction_scores_chance_to_the_last_digits(n, rng):
    target, constant = random_frame(rng), frame(np.zeros((49, 49)))
    np.testing.assert_allclose(metrics.overlap_at_n(constant, target, n), n / 48, rtol=1e-12)
    mean_gain = others(target).mean(axis=1) * (1 / np.log2(np.arange(2, n + 2))).sum()
    ideal = -np.sort(-others(target), axis=1)[:, :n] @ (1 / np.log2(np.arange(2, n + 2)))
    np.testing.assert_allclose(metrics.ndcg(constant, target, n), mean_gain / ideal, rtol=1e-12)
    assert (metrics.spearman(constant, target) == 0).all()
    relevant = (others(target) > np.quantile(others(target), 0.9)).sum(axis=1)
    np.testing.assert_allclose(
        metrics.r_precision(constant, target), np.where(relevant, relevant / 48, np.nan), rtol=1e-12
    )


def test_a_constant_prediction_scores_chance_on_a_constant_truth_too():
    constant = frame(np.zeros((9, 9)))
    np.testing.assert_allclose(metrics.overlap_at_n(constant, constant, 3), 3 / 8)


@pytest.mark.parametrize(("n", "chance"), [(3, 0.057), (5, 0.098), (10, 0.142), (25, 0.140)])
def test_chance_of_the_sequence_matcher_is_what_was_simulated_for_48_candidates(n, chance, rng):
    constant = frame(np.zeros((49, 49)))
    assert metrics.sequence_matcher(constant, random_frame(rng), n, seed=1).mean() == pytest.approx(
        chance, abs=0.006
    )


# Properties.


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_a_perfect_ranking_scores_one(metric, rng):
    target = random_frame(rng, 12)
    assert metrics.METRICS[metric](target**3, target, 4).dropna().to_numpy() == pytest.approx(1)


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_the_order_of_queries_and_candidates_does_not_matter(metric, rng):
    predicted, target = random_frame(rng, 12), random_frame(rng, 12)
    values = metrics.METRICS[metric](predicted, target, 4)
    rows, columns = (target.index[rng.permutation(12)] for _ in range(2))
    shuffled = metrics.METRICS[metric](predicted.loc[rows, columns], target.loc[rows, columns], 4)
    pd.testing.assert_series_equal(shuffled.reindex(values.index), values)


def test_ties_are_not_broken_in_the_order_of_the_truth():
    """A constant model over candidates that stand best first must not score like a perfect one."""
    target = frame(np.tile(np.arange(20.0, 0, -1), (20, 1)))
    for metric in ("unordered", "sequence_matcher", "levenshtein", "ndcg", "map"):
        assert metrics.METRICS[metric](frame(np.zeros((20, 20))), target, 3).mean() < 0.75


def test_draws_are_the_same_for_a_seed_and_differ_between_seeds(rng):
    predicted, target = random_frame(rng, 12).round(1), random_frame(rng, 12)
    first, again, other = (metrics.sequence_matcher(predicted, target, 4, seed=seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_queries_need_not_be_among_the_candidates(rng):
    target = pd.DataFrame(rng.random((2, 5)), index=["x", "y"], columns=list("abcde"))
    assert metrics.overlap_at_n(target, target, 5).tolist() == [1, 1]
    everything = random_frame(rng, 12)
    some = everything.loc[["a3", "a7"]]
    pd.testing.assert_series_equal(
        metrics.ndcg(some, some**2, 4), metrics.ndcg(everything, everything**2, 4)[["a3", "a7"]]
    )


def test_the_factors_of_a_metric_multiply_to_its_values(rng):
    predicted, target = random_frame(rng, 12).round(1), random_frame(rng, 12)
    sides = [ties.Sorted(others(side)) for side in (predicted, target)]
    for metric in metrics.METRICS.values():
        if metric.factors:
            said, true = metric.factors(*sides, 4)
            np.testing.assert_allclose((said * true).sum(axis=1), metric(predicted, target, 4), atol=1e-12)


# What each candidate has to do with a value.


def test_the_influence_on_overlap_worked_by_hand():
    """From a0 the lists of two are {a2, a3} and {a1, a2}: each side less its mean, multiplied."""
    found = metrics.measure(frame(-LINE), frame(LINE), [2], metrics=("unordered",))["unordered", 2]
    assert found.values["a0"] == 0.5
    said, true = np.array([0, 1, 1]) - 2 / 3, (np.array([1, 1, 0]) - 2 / 3) / 2
    by_hand = said * true - (said * true).mean()
    assert found.influence.loc["a0"].isna().tolist() == [True, False, False, False]
    assert found.influence.loc["a0", ["a1", "a2", "a3"]].to_numpy() == pytest.approx(by_hand)
    # products of -1/9, 1/18 and -1/9, less their mean of -1/18
    assert by_hand == pytest.approx([-1 / 18, 1 / 9, -1 / 18])


def test_the_influence_on_a_rank_correlation_is_the_product_of_ranks_less_its_share_in_both_variances(rng):
    predicted, target = random_frame(rng, 8), random_frame(rng, 8)
    found = metrics.measure(predicted, target, [], metrics=("spearman",))["spearman", pd.NA]
    p, t = (scipy.stats.zscore(scipy.stats.rankdata(others(one), axis=1), axis=1) for one in
            (predicted, target))  # fmt: skip
    shares = (p * t - found.values.to_numpy()[:, None] / 2 * (p**2 + t**2)) / 7
    wanted = shares - shares.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(others(found.influence), wanted, atol=1e-12)
    itself = metrics.measure(target, target, [], metrics=("spearman",))["spearman", pd.NA]
    np.testing.assert_allclose(others(itself.influence), 0, atol=1e-12)  # it is 1 whoever the candidates are


@pytest.mark.parametrize("metric", metrics.METRICS)
@pytest.mark.parametrize("rounded", [False, True])
def test_a_measure_has_the_metrics_values_and_an_influence_that_sums_to_0(metric, rounded, rng):
    predicted, target = random_frame(rng, 12), random_frame(rng, 12)
    if rounded:
        predicted = predicted.round(1)
    (found,) = metrics.measure(predicted, target, [4], seed=3, metrics=(metric,)).values()
    pd.testing.assert_series_equal(found.values, metrics.METRICS[metric](predicted, target, 4, seed=3))
    counted = found.values.notna()
    assert np.isnan(np.diag(found.influence)).all()
    np.testing.assert_allclose(others(found.influence)[counted].sum(axis=1), 0, atol=1e-12)


@pytest.mark.parametrize("metric", ["unordered", "ndcg", "spearman"])
def test_a_constant_prediction_owes_nothing_to_any_candidate(metric, rng):
    (found,) = metrics.measure(frame(np.zeros((9, 9))), random_frame(rng, 9), [3], metrics=(metric,)).values()
    np.testing.assert_allclose(others(found.influence), 0, atol=1e-12)


def test_candidates_of_queries_from_elsewhere_all_have_an_influence(rng):
    target = pd.DataFrame(rng.random((2, 5)), index=["x", "y"], columns=list("abcde"))
    (found,) = metrics.measure(target, target, [2], metrics=("unordered",)).values()
    assert found.influence.notna().all(axis=None)
    np.testing.assert_allclose(found.influence.sum(axis=1), 0, atol=1e-12)


def measures(rng, n_measures=2, n=6):
    target = random_frame(rng, n)
    return [metrics.measure(random_frame(rng, n), target, [2], metrics=("ndcg",))["ndcg", 2] for _ in
            range(n_measures)]  # fmt: skip


def test_mean_and_difference_of_measures_take_values_and_influence_alike(rng):
    first, second = measures(rng)
    for found, wanted in (
        (influence.mean([first, second]), lambda a, b: (a + b) / 2),
        (first - second, lambda a, b: a - b),
    ):
        pd.testing.assert_series_equal(found.values, wanted(first.values, second.values))
        pd.testing.assert_frame_equal(found.influence, wanted(first.influence, second.influence))


def test_folds_stand_below_each_other_and_know_nothing_of_the_others_candidates(rng):
    first, second = measures(rng)
    second = influence.Measured(
        second.values.rename(lambda name: f"b{name}"),
        second.influence.rename(index=lambda name: f"b{name}", columns=lambda name: f"b{name}"),
    )
    found = influence.stacked([first, second])
    assert found.values.tolist() == [*first.values, *second.values]
    assert found.influence.shape == (12, 12)
    assert found.influence.loc[first.values.index, second.values.index].isna().all(axis=None)
    pd.testing.assert_frame_equal(
        found.influence.loc[second.values.index, second.influence.columns], second.influence
    )
    assert influence.stacked([first]) is first


def test_some_queries_keep_all_candidates(rng):
    (whole,) = measures(rng, 1)
    some = whole.of_queries(["a4", "a1"])
    assert some.values.to_dict() == {name: whole.values[name] for name in ("a4", "a1")}
    pd.testing.assert_frame_equal(some.influence, whole.influence.loc[["a4", "a1"]])


# Refusals.


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_a_blank_or_infinite_score_is_an_error(metric, rng):
    target = random_frame(rng, 5)
    for value in (np.nan, np.inf):
        spoilt = target.copy()
        spoilt.iloc[1, 3] = value
        with pytest.raises(ValueError, match="1 values of predicted are not finite"):
            metrics.METRICS[metric](spoilt, target, 2)
        with pytest.raises(ValueError, match="1 values of target are not finite"):
            metrics.METRICS[metric](target, spoilt, 2)


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_misaligned_labels_are_an_error(metric, rng):
    target = random_frame(rng, 5)
    for other in (target.iloc[::-1], target.iloc[:, ::-1], target.rename(index={"a0": "z"}), target.iloc[:4]):
        with pytest.raises(
            ValueError,
            match="different artists in their (index|columns), or in another order: use reindex_like",
        ):
            metrics.METRICS[metric](other, target, 2)


@pytest.mark.parametrize("n", [0, 5, -1])
def test_a_list_length_that_does_not_fit_is_an_error(n, rng):
    target = random_frame(rng, 5)
    with pytest.raises(ValueError, match=f"lists of {n} were asked for, there are 4 candidates"):
        metrics.overlap_at_n(target, target, n)


def test_a_mixture_of_queries_with_and_without_own_column_is_an_error(rng):
    mixed = pd.DataFrame(rng.random((2, 3)), index=["a", "z"], columns=["a", "b", "c"])
    with pytest.raises(ValueError, match="either every query is among the candidates, once, or none is"):
        metrics.overlap_at_n(mixed, mixed, 1)


# Lists for reading.


def test_top_lists_the_closest_without_the_query_ties_by_id():
    scores = frame([[0, 1, 5, 5], [1, 0, 2, 3], [0, 0, 0, 0], [9, 8, 7, 0]])
    lists = ranking_lists.top(scores.loc[["a0", "a2"]], 3)
    assert list(lists.columns) == ["query", "rank", "artist", "score"]
    assert lists[["query", "rank", "artist"]].to_numpy().tolist() == [
        ["a0", 1, "a2"], ["a0", 2, "a3"], ["a0", 3, "a1"], ["a2", 1, "a0"], ["a2", 2, "a1"], ["a2", 3, "a3"],
    ]  # fmt: skip


# All at once, and beside the metrics.


def test_evaluate_gives_every_metric_at_every_length(rng):
    predicted, target = random_frame(rng, 12).round(1), random_frame(rng, 12)
    found = metrics.evaluate(predicted, target, [3, 5], seed=4)
    assert len(found) == 5 * 2 + 2
    for (metric, n), values in found.items():
        assert (n is pd.NA) == (not metrics.METRICS[metric].has_length)
        pd.testing.assert_series_equal(values, metrics.METRICS[metric](predicted, target, n, seed=4))


def test_the_error_of_drawn_orders_is_what_many_seeds_scatter_by(rng):
    target, constant = random_frame(rng, 12), frame(np.zeros((12, 12)))
    means = [metrics.sequence_matcher(constant, target, 4, seed=seed).mean() for seed in range(200)]
    stated = ranking_lists.order_error("sequence_matcher", constant, target, 4, repeats=50)
    assert stated == pytest.approx(np.std(means), rel=0.3)
    assert ranking_lists.order_error("map", target, target, 4) == 0  # nothing ties, nothing is drawn


def test_squared_error_worked_by_hand_and_against_scikit_learn(rng):
    predicted, target = random_frame(rng, 6), random_frame(rng, 6)
    wanted = [
        sklearn.metrics.mean_squared_error(t, p)
        for p, t in zip(others(predicted), others(target), strict=True)
    ]
    np.testing.assert_allclose(ranking_lists.squared_error(predicted, target), wanted)
    assert ranking_lists.squared_error(frame(-LINE), frame(LINE))["a0"] == pytest.approx(4 * (1 + 9 + 49) / 3)


def test_predicted_ranks_of_true_neighbours_can_be_read_off_a_line():
    """From the left end the reversed line is ranked the other way round; ties share their mean."""
    found = ranking_lists.predicted_ranks(frame(-LINE), frame(LINE))
    assert found.loc["a0"].tolist() == [3, 2, 1]
    assert found.columns.tolist() == [1, 2, 3]
    constant = frame(np.zeros((4, 4)))
    assert (ranking_lists.predicted_ranks(constant, frame(LINE)) == 2).all(axis=None)
    assert (ranking_lists.predicted_ranks(frame(LINE), constant) == 2).all(axis=None)


def test_lists_leave_out_what_is_blank(rng):
    scores = random_frame(rng, 5)
    scores.iloc[0, 2] = np.nan
    assert ranking_lists.top(scores, 4).query("query == 'a0'")["artist"].tolist() == (
        scores.loc["a0"].dropna().sort_values(ascending=False).index.tolist()
    )
