"""What else could make a ranking look right: by hand, against loops, SciPy and scikit-learn."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lib import methods
from lib.ranking import confounds, hubs, metrics, strata


def frame(values):
    return methods.labelled_scores(values, [f"a{k}" for k in range(len(values))])


def random_frame(rng, n=49):
    return frame(rng.random((n, n)))


def test_concordance_compares_candidates_of_like_fame_only(rng):
    listeners = pd.Series([100, 110, 1000, 1200], index=["a0", "a1", "a2", "a3"])  # pairs (0, 1) and (2, 3)
    target = frame([[0, 1, 3, 2], [1, 0, 3, 2], [3, 2, 0, 1], [3, 2, 1, 0]])
    as_fame = frame(np.tile([0, 0, 9, 9], (4, 1)))
    assert confounds.matched_concordance(as_fame, target, listeners).tolist() == [0.5] * 4
    assert confounds.matched_concordance(target, target, listeners).tolist() == [1] * 4
    assert confounds.matched_concordance(-target, target, listeners).tolist() == [0] * 4
    lone = confounds.matched_concordance(target, target, listeners, ratio=1.15)  # only (0, 1) is left
    assert lone.isna().tolist() == [True, True, False, False]


def test_concordance_equals_a_loop_over_pairs(rng):
    predicted, target = random_frame(rng, 9).round(1), random_frame(rng, 9).round(1)
    listeners = pd.Series(rng.integers(50, 150, 9), index=target.index)
    wanted = []
    for query in target.index:
        values = [
            0.5
            + 0.5
            * np.sign(predicted.loc[query, a] - predicted.loc[query, b])
            * np.sign(target.loc[query, a] - target.loc[query, b])
            for a, b in itertools.combinations(target.index.drop(query), 2)
            if max(listeners[a], listeners[b]) / min(listeners[a], listeners[b]) <= 1.3
            and target.loc[query, a] != target.loc[query, b]
        ]
        wanted.append(np.mean(values) if values else np.nan)
    np.testing.assert_allclose(confounds.matched_concordance(predicted, target, listeners), wanted)


def test_concordance_without_listeners_is_an_error(rng):
    target = random_frame(rng, 4)
    with pytest.raises(ValueError, match="1 candidates have no listeners"):
        confounds.matched_concordance(target, target, pd.Series(5, index=["a0", "a1", "a2"]))


def test_a_factor_of_exactly_the_ratio_is_still_alike():
    listeners = pd.Series([100, 130, 169, 1000], index=["a0", "a1", "a2", "a3"])  # 1.3 apart, 1.3 apart
    target = frame([[0, 1, 2, 3], [1, 0, 2, 3], [2, 1, 0, 3], [3, 2, 1, 0]])
    found = confounds.matched_concordance(target, target, listeners)
    assert found.isna().tolist() == [False, True, False, False]  # without a1 nobody is alike


@pytest.mark.parametrize("n", [3, 12])
def test_a_constant_prediction_has_a_concordance_of_exactly_one_half(n, rng):
    listeners = pd.Series(rng.integers(50, 60, n), index=[f"a{k}" for k in range(n)])
    found = confounds.matched_concordance(frame(np.zeros((n, n))), random_frame(rng, n), listeners)
    assert (found == 0.5).all()


def test_queries_that_are_no_candidates_and_labels_that_differ(rng):
    truth = pd.DataFrame(rng.random((2, 5)), index=["x", "y"], columns=list("abcde"))
    listeners = pd.Series(7, index=list("abcde"))
    assert confounds.matched_concordance(truth, truth, listeners).tolist() == [1, 1]
    with pytest.raises(ValueError, match="different artists in their columns"):
        confounds.matched_concordance(truth.iloc[:, ::-1], truth, listeners)


# Fame held constant by a line through the ranks.


def test_partial_correlation_is_that_of_what_regressions_on_fame_leave(rng):
    predicted, truth = random_frame(rng, 12).round(1), random_frame(rng, 12)
    listeners = pd.Series(rng.integers(1, 9, 12), index=truth.index)
    found = confounds.partial_correlation(predicted, truth, listeners)
    for query in truth.index:
        ranks = [
            scipy.stats.rankdata(values.drop(query))
            for values in (predicted.loc[query], truth.loc[query], listeners)
        ]
        design = np.column_stack([np.ones(11), ranks[2]])
        left = [rank - design @ np.linalg.lstsq(design, rank)[0] for rank in ranks[:2]]
        assert found[query] == pytest.approx(np.corrcoef(*left)[0, 1])


def test_fame_itself_and_a_constant_have_no_partial_correlation_and_the_truth_has_all(rng):
    truth, n = random_frame(rng, 12), 12
    listeners = pd.Series(rng.integers(1, 99, n), index=truth.index)
    fame = frame(np.tile(listeners.astype(float), (n, 1)))
    assert (confounds.partial_correlation(fame, truth, listeners) == 0).all()
    assert (confounds.partial_correlation(frame(np.zeros((n, n))), truth, listeners) == 0).all()
    assert confounds.partial_correlation(truth, truth, listeners).to_numpy() == pytest.approx(1)
    assert confounds.popularity_correlation(fame, listeners).to_numpy() == pytest.approx(1)
    assert confounds.popularity_correlation(-fame, listeners).to_numpy() == pytest.approx(-1)


def test_mean_popularity_of_a_list_is_in_powers_of_two():
    scores = frame([[0, 3, 2, 1], [3, 0, 2, 1], [3, 2, 0, 1], [3, 2, 1, 0]])
    listeners = pd.Series([2, 4, 8, 16], index=scores.index)
    assert confounds.mean_popularity(scores, listeners, 2).to_numpy() == pytest.approx([2.5, 2, 1.5, 1.5])


# What each candidate has to do with a value.


def measured(name, predicted, truth, listeners):
    measures = {
        "matched_concordance": (confounds.concordance, confounds.matched_concordance),
        "partial_spearman": (confounds.given_popularity, confounds.partial_correlation),
        "popularity of lists": (
            lambda p, t, known: confounds.popularity_of_lists(p, known, 4),
            lambda p, t, known: confounds.mean_popularity(p, known, 4),
        ),
    }
    return [each(predicted, truth, listeners) for each in measures[name]]


@pytest.mark.parametrize("name", ["matched_concordance", "partial_spearman", "popularity of lists"])
@pytest.mark.parametrize("rounded", [False, True])
def test_a_measure_has_the_metrics_values_and_an_influence_that_sums_to_0(name, rounded, rng):
    predicted, truth = random_frame(rng, 12), random_frame(rng, 12)
    if rounded:
        predicted, truth = predicted.round(1), truth.round(1)
    found, values = measured(name, predicted, truth, pd.Series(rng.integers(50, 90, 12), index=truth.index))
    pd.testing.assert_series_equal(found.values, values)
    assert (found.influence.isna() == np.eye(12, dtype=bool)).all(axis=None)
    np.testing.assert_allclose(found.influence.sum(axis=1), 0, atol=1e-12)
    assert (found.influence.abs() > 1e-3).any(axis=None)


def test_the_influence_on_concordance_is_each_candidates_excess_over_the_mean(rng):
    """Pair by pair: half of what a pair's agreement exceeds the mean by, divided by the number of pairs."""
    predicted, truth = random_frame(rng, 9).round(1), random_frame(rng, 9)
    listeners = pd.Series(rng.integers(50, 90, 9), index=truth.index)
    found = confounds.concordance(predicted, truth, listeners)
    for query in truth.index:
        others = truth.index.drop(query)
        agreement = {
            (a, b): np.sign(predicted.loc[query, a] - predicted.loc[query, b])
            * np.sign(truth.loc[query, a] - truth.loc[query, b])
            for a, b in itertools.combinations(others, 2)
            if max(listeners[a], listeners[b]) / min(listeners[a], listeners[b]) <= 1.3
        }
        mean = np.mean(list(agreement.values()))
        wanted = [
            sum((value - mean) / 2 for pair, value in agreement.items() if artist in pair) / len(agreement)
            for artist in others
        ]
        np.testing.assert_allclose(found.influence.loc[query, others], wanted, atol=1e-12)


def test_the_influence_on_the_popularity_of_a_list_worked_by_hand():
    scores = frame([[0, 3, 2, 1], [3, 0, 2, 1], [3, 2, 0, 1], [3, 2, 1, 0]])
    listeners = pd.Series([2, 4, 16, 64], index=scores.index)
    found = confounds.popularity_of_lists(scores, listeners, 2)
    # a0 lists a1 and a2 of three: shares of 1/6, 1/6 and -1/3 of -2, 0 and 2, less their mean of -1/3
    wanted = np.array([-2 / 6, 0, -2 / 3]) + 1 / 3
    assert found.influence.loc["a0"].dropna().to_numpy() == pytest.approx(wanted)


def test_a_thousand_times_the_listeners_move_a_lists_popularity_and_leave_its_influence(rng):
    scores = random_frame(rng, 12)
    listeners = pd.Series(rng.integers(50, 900, 12), index=scores.index)
    one, other = (confounds.popularity_of_lists(scores, times * listeners, 4) for times in (1, 1000))
    np.testing.assert_allclose(other.values - one.values, np.log2(1000))
    np.testing.assert_allclose(other.influence, one.influence, atol=1e-12)
    nobody = confounds.popularity_of_lists(frame(np.zeros((12, 12))), listeners, 4)
    np.testing.assert_allclose(nobody.influence.fillna(0), 0, atol=1e-12)


def test_controlling_for_a_frame_that_says_nothing_leaves_the_rank_correlation(rng):
    first, second = random_frame(rng, 9), random_frame(rng, 9)
    found = confounds.partial(first, second, frame(np.zeros((9, 9))))
    np.testing.assert_allclose(found.values, metrics.spearman(first, second))
    everything = confounds.partial(first, second, second)
    assert (everything.values == 0).all()
    assert (everything.influence.fillna(0) == 0).all(axis=None)


# Strata.


def test_strata_are_of_like_size_and_begin_with_the_most_listeners():
    listeners = pd.Series([5, 90, 50, 5, 70, 5, 30], index=list("abcdefg"))
    assert strata.groups(listeners).to_dict() == {"b": 0, "e": 0, "c": 0, "g": 1, "a": 1, "d": 2, "f": 2}


def test_within_a_stratum_only_its_candidates_are_ranked(rng):
    predicted, truth = random_frame(rng, 9), random_frame(rng, 9)
    some = ["a6", "a1", "a4", "a8"]
    found = strata.within(some, confounds.spearman, predicted, truth)
    for query in truth.index:
        others = [one for one in some if one != query]
        wanted = scipy.stats.spearmanr(predicted.loc[query, others], truth.loc[query, others]).statistic
        assert found.values[query] == pytest.approx(wanted)
    assert found.values.index.tolist() == ["a1", "a4", "a6", "a8", "a0", "a2", "a3", "a5", "a7"]
    assert found.influence.columns.tolist() == some
    np.testing.assert_allclose(found.influence.sum(axis=1), 0, atol=1e-12)


# Hubs.


def test_k_occurrence_counts_lists_and_shares_ties():
    scores = frame([[0, 2, 1, 0], [5, 0, 5, 5], [9, 1, 0, 1], [0, 0, 9, 0]])
    counts = hubs.k_occurrence(scores, 1)
    assert counts.to_numpy() == pytest.approx([1 / 3 + 1, 1, 1 / 3 + 1, 1 / 3])
    np.testing.assert_allclose(hubs.k_occurrence(scores, 3), 3)  # whoever may be named is


def test_k_occurrence_equals_a_count_over_lists(rng):
    scores = random_frame(rng, 30)
    wanted = [
        sum(candidate in scores.loc[query].drop(query).nlargest(5) for query in scores.index.drop(candidate))
        for candidate in scores.columns
    ]
    np.testing.assert_allclose(hubs.k_occurrence(scores, 5), wanted)


def test_the_skewness_is_scipys_and_0_where_all_are_equal(rng):
    counts = rng.poisson(3, (4, 50))
    np.testing.assert_allclose(hubs.hub_skewness(counts), scipy.stats.skew(counts, axis=1))
    assert hubs.hub_skewness([3.0, 3, 3]) == 0
    assert hubs.never_named([0.0, 3, 0, 1]) == 0.5


def test_random_lists_have_the_hubs_of_a_binomial(rng):
    frames = [random_frame(rng, 49) for _ in range(300)]
    counts = np.stack([hubs.k_occurrence(one, 5) for one in frames])
    skewness, unnamed = hubs.hubs_by_chance(49, 5)
    pooled = scipy.stats.skew(counts, axis=None)  # of one such count, not of a sample of 49
    assert pooled == pytest.approx(skewness, abs=0.05)
    assert hubs.never_named(counts).mean() == pytest.approx(unnamed, abs=0.002)
    assert hubs.hubs_by_chance(5, 4) == (0.0, 0.0)  # everybody is on every list


# The catalogue and the level.


def test_nuisances_are_means_over_clip_pairs():
    clips = pd.DataFrame(
        {
            "artist_id": ["b", "a", "a", "x", "c"],
            "source": ["itunes", "itunes", "deezer", "deezer", "deezer"],
            "loudness": [-10.0, -12, -20, 0, -11],
        }
    )
    found = confounds.nuisances(clips, ["a", "b", "c"])
    assert found["source"].loc["a", "b"] == 0.5
    assert found["source"].loc["b", "c"] == 0
    assert found["loudness"].loc["b", "a"] == -6
    assert found["loudness"].loc["c", "b"] == -1
    with pytest.raises(ValueError, match="1 of 2 artists have no clip in the table"):
        confounds.nuisances(clips, ["a", "z"])


# Tables.


@pytest.fixture
def study(rng):
    n = 12
    listeners = pd.Series(np.sort(rng.integers(50, 100, n))[::-1], index=[f"a{k}" for k in range(n)])
    truth = random_frame(rng, n)
    noisy = [truth + random_frame(rng, n) for _ in range(2)]
    predicted = {"constant": [frame(np.zeros((n, n)))], "noisy": noisy}
    clips = pd.DataFrame(
        {"artist_id": truth.index, "source": list("xxyyxxyyxxyy"), "loudness": rng.normal(size=n)}
    )
    return predicted, truth, listeners, confounds.nuisances(clips, list(truth.index))


def test_the_table_has_each_measure_of_each_method_and_of_the_truth(study):
    predicted, truth, listeners, nuisance = study
    table = confounds.table(predicted, truth, listeners, nuisance, n=3)
    assert table["method"].unique().tolist() == ["truth", "constant", "noisy", "source", "loudness"]
    assert not table.duplicated(["method", "measure"]).any()
    cells = table.set_index(["method", "measure"])
    constant = cells.loc["constant"].drop(["hub_skewness", "never_named"])
    np.testing.assert_allclose(constant["value"], constant["chance"], atol=1e-12)
    assert (constant["p_value"] == 1).all()
    values = [confounds.matched_concordance(run, truth, listeners) for run in predicted["noisy"]]
    row = cells.loc[("noisy", "matched_concordance")]
    assert row["value"] == pytest.approx(np.mean([one.mean() for one in values]))
    assert row["ci_low"] < row["value"] < row["ci_high"]
    of_names = table[~table["measure"].isin(["hub_skewness", "never_named"])]
    border = of_names["chance"]
    excluded = (of_names["ci_low"] > border) | (of_names["ci_high"] < border)
    assert ((of_names["p_value"] < 0.05) == excluded).all()
    assert excluded.any() and not excluded.all()
    assert (row["n_seeds"], row["n_queries"], row["chance"]) == (2, 12, 0.5)
    assert ("truth", "matched_concordance") not in cells.index
    assert ("source", "source_correlation") not in cells.index
    skewness = [scipy.stats.skew(hubs.k_occurrence(run, 3)) for run in predicted["noisy"]]
    assert cells.loc[("noisy", "hub_skewness"), "value"] == pytest.approx(np.mean(skewness))


def test_a_method_with_a_truth_of_its_own_is_judged_by_it(study):
    predicted, truth, listeners, nuisance = study
    own = {"noisy": predicted["noisy"][0]}
    first = {"noisy": predicted["noisy"][:1]}
    table = confounds.table(first, truth, listeners, nuisance, n=3, own_truths=own)
    value = table.set_index(["method", "measure"])["value"]
    assert value["noisy", "matched_concordance"] == 1
    by_popularity = strata.table(first, truth, listeners, n=3, own_truths=own)
    assert by_popularity["value"].to_numpy() == pytest.approx(1)


def test_a_measure_that_no_query_allows_is_blank(study):
    predicted, truth, _, nuisance = study
    apart = pd.Series(10.0 ** np.arange(12), index=truth.index)
    table = confounds.table(predicted, truth, apart, nuisance, n=3)
    unmeasured = table[table["measure"] == "matched_concordance"]
    assert unmeasured[["value", "ci_low", "ci_high"]].isna().all(axis=None)
    assert (unmeasured["n_queries"] == 0).all()


def test_strata_split_queries_and_candidates_alike(study):
    predicted, truth, listeners, _ = study
    table = strata.table(predicted, truth, listeners, n=3)
    assert len(table) == 2 * 3 * 2
    queries = table[(table["strata_of"] == "queries") & (table["method"] == "noisy")]
    assert queries["n_queries"].tolist() == [4, 4, 4]
    overlap = np.mean([metrics.overlap_at_n(run, truth, 3) for run in predicted["noisy"]], axis=0)
    np.testing.assert_allclose(queries["value"], overlap.reshape(3, 4).mean(axis=1))
    constant = table[table["method"] == "constant"]
    np.testing.assert_allclose(constant["value"], constant["chance"])
    few = strata.table(predicted, truth, listeners, n=3, n_strata=5)
    assert few["stratum"].max() == 3
