"""Table 1 and Table 2 against the metrics themselves, seed by seed and query by query."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lib import study as studies
from lib.listening import matrix, metrics
from lib.listening import published as listening_published
from lib.methods import labelled_scores
from lib.ranking import baselines, compare, confounds, examples, paper, significance, tables
from lib.ranking import metrics as ranking_metrics
from lib.ranking import scores as ranking_scores

LENGTHS = [3, 5, 40]  # the last is longer than any list


@pytest.fixture(scope="module")
def test_artists(study):
    return [study.ids[place] for place in (7, 2, 10, 5, 0, 9, 4, 8)]


@pytest.fixture(scope="module")
def scores(study):
    """Three baselines, and two seeds of a method that knows the truth but for noise."""
    rng = np.random.default_rng(1)
    fixed = [
        (
            baselines.Fixed(
                "siamese",
                labelled_scores(study.target.fillna(0) + rng.normal(0, 0.1, (12, 12)), study.ids),
            ),
            seed,
        )
        for seed in (0, 1)
    ]
    others = [(method, 0) for method in (baselines.Chance(), baselines.Popularity(), baselines.L2())]
    return ranking_scores.score_all([*others, *fixed], study)


@pytest.fixture(scope="module")
def table(scores, study, test_artists):
    return tables.table1(scores, study.target, test_artists, list_lengths=LENGTHS)


def cell(table, **wanted):
    (row,) = table[
        np.logical_and.reduce([table[name].eq(value).fillna(False) for name, value in wanted.items()])
    ].to_dict("records")
    return row


def frame_of(scores, study, method, seed=0):
    return scores.frame((method, 0, seed), study.ids)


def test_scores_hold_every_pair_of_every_run_once(scores, study):
    assert scores.runs == [
        ("chance", 0, 0), ("popularity", 0, 0), ("l2", 0, 0), ("siamese", 0, 0), ("siamese", 0, 1),
    ]  # fmt: skip
    for run in scores.runs:
        assert scores.ids(run) == study.ids
        assert scores.frame(run).notna().to_numpy().sum() == 12 * 11


def test_table_1_has_a_row_for_each_arm_method_metric_and_length_that_fits(table):
    assert len(table) == 3 * 4 * (5 * 2 + 2)
    assert not table.duplicated(["truth", "candidates", "method", "metric", "n"]).any()
    assert set(zip(table["truth"], table["candidates"], strict=True)) == {
        ("corrected", "test"),
        ("as_published", "test"),
        ("corrected", "all"),
    }
    assert table[table["n"].isna()]["metric"].unique().tolist() == ["r_precision", "spearman"]


def in_places(frame, blank):
    """Every place counts: candidates have the names of no query, and the query's own place a value."""
    return pd.DataFrame(
        np.where(frame.isna(), blank, frame), frame.index, [f"in the place of {name}" for name in frame]
    )


@pytest.mark.parametrize("metric", ranking_metrics.METRICS)
@pytest.mark.parametrize(
    ("truth", "candidates"), [("corrected", "test"), ("as_published", "test"), ("corrected", "all")]
)
def test_a_value_is_the_mean_over_seeds_and_queries_of_the_metric(
    truth, candidates, metric, table, scores, study, test_artists
):
    target = study.target
    truths = {
        ("corrected", "test"): target.loc[test_artists, test_artists],
        ("corrected", "all"): target.loc[test_artists],
        ("as_published", "test"): in_places(listening_published.as_published(target, test_artists), -1),
    }  # fmt: skip
    wanted = truths[truth, candidates]
    runs = [frame_of(scores, study, "siamese", seed) for seed in (0, 1)]
    if truth == "as_published":
        runs = [in_places(run.loc[test_artists, test_artists], 0) for run in runs]
    else:
        runs = [run.reindex_like(wanted) for run in runs]
    values = pd.concat([ranking_metrics.METRICS[metric](run, wanted, 3) for run in runs], axis=1)
    length = {"n": 3} if ranking_metrics.METRICS[metric].has_length else {}
    row = cell(table, truth=truth, candidates=candidates, method="siamese", metric=metric, **length)
    assert row["value"] == pytest.approx(values.mean(axis=1).mean())
    measures = [
        next(iter(ranking_metrics.measure(run, wanted, [3], metrics=(metric,)).values())) for run in runs
    ]
    result = significance.estimate(measures)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(result.interval())
    assert row["p_value"] == pytest.approx(result.p_value(row["chance"]))
    assert row["seed_sd"] == pytest.approx(values.mean().std())
    assert row["n_seeds"] == 2
    assert row["n_queries"] == values.notna().any(axis=1).sum()


def test_queries_that_have_nothing_relevant_are_not_counted(table):
    relevant = table[
        (table["metric"] == "r_precision") & (table["candidates"] == "test") & (table["truth"] == "corrected")
    ]
    assert (relevant["n_queries"] < 8).all()
    assert (table[table["metric"] == "unordered"]["n_queries"] == 8).all()


def test_chance_is_exact_and_the_method_of_that_name_meets_it(table):
    chance = table[table["method"] == "chance"]
    np.testing.assert_allclose(chance["value"], chance["chance"], atol=1e-12)
    for n in (3, 5):
        for truth, candidates, of in (
            ("corrected", "test", 7),
            ("corrected", "all", 11),
            ("as_published", "test", 8),
        ):
            row = cell(table, truth=truth, candidates=candidates, method="l2", metric="unordered", n=n)
            assert row["chance"] == pytest.approx(n / of)  # as published the query's own place counts too


def test_chance_is_nowhere_better_or_worse_than_chance(table):
    chance = table[table["method"] == "chance"]
    np.testing.assert_allclose(chance["p_value"], 1, atol=1e-6)


def test_a_p_value_is_below_one_in_twenty_exactly_where_the_interval_excludes_chance(table):
    others = table[table["method"] != "chance"]
    excluded = (others["ci_low"] > others["chance"]) | (others["ci_high"] < others["chance"])
    assert ((others["p_value"] < 0.05) == excluded).all()
    assert excluded.any() and not excluded.all()
    assert others["p_value"].between(0, 1).all()


def test_the_papers_values_stand_beside_the_truth_it_used(table):
    shown = table.dropna(subset="paper_value")
    assert set(shown["truth"]) == {"as_published"}
    assert cell(shown, method="siamese", metric="unordered", n=3)["paper_value"] == 0.1293
    assert cell(shown, method="l2", metric="sequence_matcher", n=5)["paper_value"] == 0.1143
    assert len(shown) == 8


def test_the_papers_values_are_multiples_of_one_in_49_queries_times_n():
    for (n, metric), values in paper.PAPER_TABLE_1.items():
        for value in values:
            hits = value * 49 * n
            assert abs(hits - round(hits)) < 0.00005 * 49 * n, (n, metric, value)


def test_order_of_scores_and_of_their_artists_does_not_matter(scores, study, test_artists, table):
    shuffled = ranking_scores.Scores.of_frames({
        run: scores.frame(run, study.ids[place:] + study.ids[:place])
        for place, run in enumerate(scores.runs[::-1])
    })  # fmt: skip
    again = tables.table1(shuffled, study.target, test_artists, list_lengths=LENGTHS)
    keys = ["truth", "candidates", "method", "metric", "n"]
    pd.testing.assert_frame_equal(
        again.sort_values(keys, ignore_index=True), table.sort_values(keys, ignore_index=True)
    )


def test_other_folds_are_left_out_and_a_fold_without_scores_is_an_error(scores, study, test_artists, table):
    other = ranking_scores.Scores.of_frames({
        (method, 1, seed): -scores.frame((method, fold, seed)) for method, fold, seed in scores.runs
    })  # fmt: skip
    both = tables.table1(other | scores, study.target, test_artists, list_lengths=LENGTHS)
    pd.testing.assert_frame_equal(both, table)
    with pytest.raises(ValueError, match="no scores of fold 2"):
        tables.table1(scores, study.target, test_artists, list_lengths=[3], fold=2)


def test_a_ceiling_is_judged_by_its_own_target(scores, study, test_artists, miniature):
    seen, unseen = (metrics.min_conditional(half) for half in matrix.halves(miniature, seed=0))
    ceiling = ranking_scores.score_all([(baselines.Fixed("split_half", unseen), 0)], study)
    table = tables.table1(
        scores | ceiling,
        study.target,
        test_artists,
        list_lengths=[3],
        own_targets={"split_half": unseen},
    )
    own = table[
        (table["method"] == "split_half") & (table["truth"] == "corrected") & (table["metric"] == "spearman")
    ]
    np.testing.assert_allclose(own["value"], 1)
    usual = tables.table1(ceiling, seen, test_artists, list_lengths=[3])
    assert cell(usual, truth="corrected", candidates="test", metric="spearman")["value"] < 1


def test_list_lengths_that_do_not_fit_are_an_error(scores, study, test_artists):
    with pytest.raises(ValueError, match=r"no list length of \[8, 25\] is below the 8 test artists"):
        tables.table1(scores, study.target, test_artists, list_lengths=[8, 25])


def test_a_method_without_all_its_scores_is_an_error(scores, study, test_artists):
    fewer = {("l2", 0, 0): scores.frame(("l2", 0, 0), study.ids[1:])}
    fewer = ranking_scores.Scores.of_frames(fewer) | scores
    with pytest.raises(ValueError, match="1 of 12 artists have no scores of l2, the first is 'artist-00'"):
        tables.table1(fewer, study.target, test_artists, list_lengths=[3])


def test_table_2_lists_truth_and_sources_over_all_artists(scores, study, test_artists):
    splits = pd.DataFrame(
        {
            "artist_id": study.ids,
            "split": ["test" if a in test_artists else "train" for a in study.ids],
            "fold": 0,
        }
    )
    splits = pd.concat([splits, splits.assign(fold=1, split="dev")])  # folds say nothing of the single split
    queries = [study.ids[1], study.ids[2]]
    table = examples.table2(scores, study.target, splits, queries, sources=["siamese", "l2"], n=4)
    assert len(table) == 2 * 3 * 4
    assert table.drop_duplicates("query")[["query", "query_split"]].to_numpy().tolist() == [
        [queries[0], "train"],
        [queries[1], "test"],
    ]
    for query in queries:
        mean = (frame_of(scores, study, "siamese", 0) + frame_of(scores, study, "siamese", 1)).loc[query] / 2
        for source, wanted in (("truth", study.target.loc[query]), ("siamese", mean)):
            rows = table[(table["query"] == query) & (table["source"] == source)]
            nearest = wanted.drop(query).sort_values(ascending=False).head(4)
            assert rows["artist"].tolist() == nearest.index.tolist()
            np.testing.assert_allclose(rows["score"], nearest)
            assert rows["rank"].tolist() == [1, 2, 3, 4]


def test_table_2_can_be_among_training_and_test_artists_only(scores, study, test_artists):
    split = pd.DataFrame({"artist_id": study.ids, "split": "train", "fold": 0})
    among = [artist for artist in study.ids if artist != study.ids[3]]
    query = among[1]
    table = examples.table2(scores, study.target, split, [query], sources=["l2"], among=among, n=10)
    assert set(table["candidates"]) == {"train and test"}
    for _, part in table.groupby("source"):
        assert set(part["artist"]) == set(among) - {query}
    everybody = examples.table2(scores, study.target, split, [query], sources=["l2"], n=11)
    assert set(everybody["candidates"]) == {"all"}
    assert study.ids[3] in set(everybody["artist"])


def test_places_are_counted_among_all_others_and_ties_share_theirs(scores, study):
    query, *others = study.ids[:4]
    found = examples.places_of(
        scores, study.target, query, [*others, "nobody"], sources=["siamese", "chance"]
    )
    assert set(found["artist"]) == set(others)
    mean = (frame_of(scores, study, "siamese", 0) + frame_of(scores, study, "siamese", 1)) / 2
    for source, frame in (("truth", study.target), ("siamese", mean)):
        for artist in others:
            row = frame.loc[query].drop(query)
            wanted = 1 + (row > row[artist]).sum() + ((row == row[artist]).sum() - 1) / 2
            assert cell(found, artist=artist, source=source)["place"] == wanted
    assert (found[found["source"] == "chance"]["place"] == 6).all()  # all of eleven tie
    assert (found["of"] == 11).all()


class Heard:
    """A network that finds clips alike by the number that fills them."""

    def clip_similarities(self, clips, others):
        first, second = (np.asarray(each, dtype=float)[:, 0, 0] for each in (clips, others))
        return -np.abs(np.subtract.outer(first, second))


def test_each_album_is_ranked_by_its_own_clips():
    numbers, owners = [0.0, 1, 10, 10, 2, 4], list("qqqxyz")
    spectrograms = np.array(numbers)[:, None, None] * np.ones((1, 2, 2))
    target = labelled_scores(np.zeros((4, 4)), list("qxyz"))
    artists = pd.DataFrame({"artist_id": list("qxyz"), "name": list("QXYZ"), "listeners": [4, 3, 2, 1]})
    clips = pd.DataFrame({"artist_id": owners, "album": ["early", "early", "late", "x", "y", "z"]})
    study = studies.aligned(target, artists, spectrograms, clips)
    found = examples.album_neighbours([Heard(), Heard()], study, "q", n=2)
    assert found[["album", "clips", "rank", "artist", "score"]].to_numpy().tolist() == [
        ["early", 2, 1, "y", -1.5], ["early", 2, 2, "z", -3.5],
        ["late", 1, 1, "x", 0.0], ["late", 1, 2, "z", -6.0],
    ]  # fmt: skip
    again = examples.album_neighbours([Heard()], study.with_clips([5, 3, 4, 0, 1, 2]), "q", n=2)
    pd.testing.assert_frame_equal(again, found)  # whatever the order of clips


def test_the_diversity_around_an_artist_is_its_place_among_the_others():
    """Closest in style: to a0 a1 and a2, whose sounds are 3 apart; to a1 4, to a2 8, to a3 3 apart."""
    style = labelled_scores(
        [[0, 9, 1, 0], [9, 0, 1, 0], [0, 1, 0, 9], [0, 1, 9, 0]], ["a0", "a1", "a2", "a3"]
    )
    places = np.array([0.0, 1, 4, 9])
    distances = labelled_scores(-np.abs(np.subtract.outer(places, places)), ["a0", "a1", "a2", "a3"])
    found = [examples.diversity_around(style, distances, artist, n=2) for artist in ("a0", "a1", "a2", "a3")]
    assert found == pytest.approx([0, 2 / 3, 1, 0])


def test_the_headline_is_laid_out_as_the_paper_prints_it(table):
    headline = tables.headline(table, truth="as_published")
    assert headline.index.tolist() == ["chance", "popularity", "l2", "siamese"]
    assert headline.columns.tolist() == [3, 5]
    assert (
        headline.loc["l2", 5]
        == cell(table, truth="as_published", candidates="test", method="l2", metric="unordered", n=5)["value"]
    )


# Beyond Table 1.


@pytest.fixture(scope="module")
def truth(study, test_artists):
    return study.target.loc[test_artists, test_artists]


@pytest.fixture(scope="module")
def predicted(scores, truth):
    return ranking_scores.predictions(scores, truth)


def test_predictions_are_the_scores_on_the_axes_of_the_truth(predicted, scores, truth, study):
    assert {method: len(runs) for method, runs in predicted.items()} == {
        "chance": 1, "popularity": 1, "l2": 1, "siamese": 2
    }  # fmt: skip
    for seed, run in enumerate(predicted["siamese"]):
        pd.testing.assert_frame_equal(
            run, frame_of(scores, study, "siamese", seed).reindex_like(truth), check_names=False
        )
    wide = ranking_scores.predictions(scores, study.target.loc[truth.index])
    assert wide["l2"][0].shape == (8, 12)


def test_measures_are_taken_training_by_training_and_may_control_for_popularity(predicted, truth, study):
    runs, listeners = predicted["siamese"], study.listeners
    oracles = {
        ("matched_concordance", None): lambda run: confounds.matched_concordance(run, truth, listeners),
        ("partial_spearman", None): lambda run: confounds.partial_correlation(run, truth, listeners),
        ("map", 3): lambda run: ranking_metrics.mean_average_precision(run, truth, 3),
        ("unordered", 5): lambda run: ranking_metrics.overlap_at_n(run, truth, 5),
        ("spearman", None): lambda run: ranking_metrics.spearman(run, truth),
        ("r_precision", 4): lambda run: ranking_metrics.r_precision(run, truth),
    }
    for (measure, n), oracle in oracles.items():
        found = compare.measured(runs, truth, measure, n, listeners=listeners)
        assert len(found) == 2
        for one, run in zip(found, runs, strict=True):
            pd.testing.assert_series_equal(one.values, oracle(run))


def test_a_prediction_is_put_on_the_axes_of_either_truth(scores, study, test_artists):
    truths = compare.truths(study.target, test_artists)
    whole = frame_of(scores, study, "siamese")
    for run in (whole, whole.loc[test_artists, test_artists]):
        corrected = compare.under(truths["corrected"], run, test_artists)
        assert (corrected.index.tolist(), corrected.columns.tolist()) == (test_artists, test_artists)
        np.testing.assert_array_equal(corrected, whole.loc[test_artists, test_artists])
        published = compare.under(truths["as_published"], run, test_artists)
        assert published.columns.equals(truths["as_published"].columns)
        assert published.index.tolist() == test_artists
        assert (np.diag(published) == 0).all()
        others = ~np.eye(8, dtype=bool)
        np.testing.assert_array_equal(published.to_numpy()[others], corrected.to_numpy()[others])


def test_the_published_truth_has_no_blanks_and_its_query_is_no_candidate_of_itself(study, test_artists):
    published = compare.truths(study.target, test_artists)["as_published"]
    assert published.notna().all(axis=None)
    assert not set(published.columns) & set(published.index)
    blank = listening_published.as_published(study.target, test_artists).isna().to_numpy()
    assert (published.to_numpy()[blank] == -1).all()
    assert (published.to_numpy()[~blank] >= 0).all()


MEASURES = [("unordered", 3), ("unordered", 5), ("partial_spearman", None)]


@pytest.fixture(scope="module")
def compared(predicted, study, test_artists):
    return compare.comparisons(
        predicted, compare.truths(study.target, test_artists), test_artists,
        references=["l2", "chance", "siamese"], measures=MEASURES, listeners=study.listeners,
    )  # fmt: skip


def test_comparisons_are_the_estimates_of_both_sides(compared, predicted, truth):
    row = cell(compared, truth="corrected", reference="l2", method="siamese", measure="unordered", n=3)
    values = [compare.measured(predicted[name], truth, "unordered", 3) for name in ("siamese", "l2")]
    result = significance.estimate(*values)
    first, second = (np.mean([run.values for run in runs], axis=0) for runs in values)
    assert row["difference"] == pytest.approx((first - second).mean())
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(result.interval())
    assert row["p_value"] == pytest.approx(result.p_value())
    assert (row["n_queries"], row["n_seeds"]) == (8, 2)
    assert row["detectable"] == pytest.approx(significance.detectable(result.error, result.freedom))
    other_way = cell(compared, truth="corrected", reference="siamese", method="l2", measure="unordered", n=3)
    assert other_way["difference"] == pytest.approx(-row["difference"])
    assert other_way["p_value"] == pytest.approx(row["p_value"])


def test_a_p_value_of_a_comparison_is_below_one_in_twenty_where_its_interval_excludes_0(compared):
    excluded = (compared["ci_low"] > 0) | (compared["ci_high"] < 0)
    assert ((compared["p_value"] < 0.05) == excluded).all()
    assert excluded.any() and not excluded.all()


def test_the_primary_comparisons_are_those_that_were_named_before(compared):
    primary = compared[compared["kind"] == "primary"]
    assert set(primary["truth"]) == {"corrected"}
    assert primary[["method", "reference", "measure", "n"]].astype(object).to_numpy().tolist() == [
        ["siamese", "l2", "unordered", 5],  # the length next to 10
        ["l2", "chance", "unordered", 5],
        ["siamese", "chance", "unordered", 5],
        ["siamese", "l2", compare.LEAD, pd.NA],
    ]
    assert (primary["p_corrected"] == primary["p_value"]).all()


def test_secondary_p_values_are_corrected_within_truth_reference_and_measure(compared):
    secondary = compared[compared["kind"] == "secondary"]
    sizes = []
    for _, family in secondary.groupby(["truth", "reference", "measure"]):
        np.testing.assert_array_equal(family["p_corrected"], significance.holm(family["p_value"]))
        sizes.append(len(family))
    assert sum(sizes) == len(secondary)
    assert max(sizes) == 6  # three methods, two lengths


def test_the_decision_follows_the_corrected_p_value_and_the_sign(compared):
    for row in compared.to_dict("records"):
        words = {True: "higher", False: "lower"}[row["difference"] > 0]
        assert row["decision"] == (words if row["p_corrected"] < 0.05 else "inconclusive")
    assert set(compared["decision"]) == {"higher", "lower", "inconclusive"}


def test_the_lead_at_small_n_is_the_difference_of_two_differences(compared, predicted, truth):
    short, long = (
        cell(compared, truth="corrected", reference="l2", method="siamese", measure="unordered", n=n)
        for n in (3, 5)
    )
    lead = compared[(compared["truth"] == "corrected") & (compared["measure"] == compare.LEAD)]
    assert lead[["method", "reference"]].to_numpy().tolist() == [["siamese", "l2"]]
    assert lead["difference"].item() == pytest.approx(short["difference"] - long["difference"])


def test_places_have_no_listeners_to_control_for(compared):
    assert set(compared[compared["truth"] == "as_published"]["measure"]) == {"unordered", compare.LEAD}
    row = cell(compared, truth="corrected", reference="l2", method="siamese", measure="partial_spearman")
    assert pd.isna(row["n"])


@pytest.mark.parametrize(
    ("value", "p_value", "border", "found"),
    [(0.2, 0.04, 0, 1), (-0.2, 0.04, 0, -1), (0.2, 0.05, 0, 0), (0.2, np.nan, 0, 0), (0.2, 0.01, 0.3, -1)],
)
def test_a_side_needs_a_p_value_below_one_in_twenty(value, p_value, border, found):
    assert compare.side(value, p_value, border) == found


def test_what_is_decided_corrects_secondary_rows_only_family_by_family():
    table = pd.DataFrame(
        [("primary", "x", 0.04, 1.0), ("secondary", "x", 0.04, 1.0), ("secondary", "x", 0.03, -1.0),
         ("secondary", "y", 0.04, 1.0), ("secondary", "y", np.nan, 1.0)],
        columns=["kind", "family", "p_value", "value"],
    )  # fmt: skip
    found = compare.decided(table, "value", families=["family"])
    assert found["p_corrected"].tolist() == pytest.approx([0.04, 0.06, 0.06, 0.04, np.nan], nan_ok=True)
    assert found["decision"].tolist() == ["higher", "inconclusive", "inconclusive", "higher",
                                          "inconclusive"]  # fmt: skip
    together = compare.decided(table, "value", families=[], border=pd.Series([2.0, 0, 0, 0, 0]))
    assert together["p_corrected"].tolist() == pytest.approx([0.04, 0.09, 0.09, 0.09, np.nan], nan_ok=True)
    assert together["decision"].tolist() == ["lower"] + ["inconclusive"] * 4
    assert list(found.columns) == ["kind", "family", "p_value", "p_corrected", "decision", "value"]


# What was published.


def test_the_published_counts_worked_by_hand():
    table = paper.published_counts().set_index("n")
    assert table[["model", "baseline", "of"]].to_numpy().tolist() == [
        [19, 11, 147], [44, 34, 245], [155, 148, 490], [702, 679, 1225]
    ]  # fmt: skip
    oracle = scipy.stats.fisher_exact([[19, 128], [11, 136]]).pvalue
    assert table.loc[3, "p_independent"] == pytest.approx(oracle)
    assert table.loc[3, "difference"] == pytest.approx(8 / 147)
    # Fewest hits of one side only: the model's eight; all eight coins on one side.
    assert table.loc[3, "p_most_favourable"] == pytest.approx(2 / 2**8)
    # Most: 19 of the model alone and 11 of the baseline alone.
    assert table.loc[3, "p_least_favourable"] == pytest.approx(scipy.stats.binomtest(19, 30).pvalue)
    # At 25 most artists are hit: of 1,225 places 523 and 546 are missed, so no more can differ.
    oracle = scipy.stats.binomtest(546, 1069).pvalue
    assert table.loc[25, "p_least_favourable"] == pytest.approx(oracle)
    np.testing.assert_array_equal(table["p_corrected"], significance.holm(table["p_independent"]))


def test_all_sixteen_published_values_stand_beside_this_run(table, predicted, study, test_artists):
    truth = compare.truths(study.target, test_artists)["as_published"]
    null = compare.published_null(predicted, truth, test_artists, [3, 5], n_permutations=19)
    found = paper.beside_the_published(table, null)
    assert len(found) == 16
    row = cell(found, metric="unordered", n=5, method="siamese")
    assert (row["paper"], row["epoch_5"]) == (0.1796, 0.1878)
    assert cell(found, metric="sequence_matcher", n=5, method="siamese")["epoch_5"] == 0.1592
    for truth_name in ("as_published", "corrected"):
        own = cell(table, truth=truth_name, candidates="test", method="siamese", metric="unordered", n=5)
        assert [row[truth_name], row[f"{truth_name}_low"], row[f"{truth_name}_high"]] == [
            own[name] for name in ("value", "ci_low", "ci_high")
        ]
    assert row["chance"] == pytest.approx(5 / 8)
    permuted = cell(null, method="siamese", n=5)
    assert (row["null_low"], row["null_high"]) == (permuted["null_low"], permuted["null_high"])
    assert found[found["n"] == 25]["corrected"].isna().all()  # no list of 25 among eight artists
    assert found[found["method"] == "l2"]["epoch_5"].isna().all()
    assert found[found["metric"] == "sequence_matcher"]["null_low"].isna().all()


def test_the_reliability_of_the_whole_is_spearman_and_browns():
    whole, bound = compare.reliability(0.5)
    assert (whole, bound) == pytest.approx((2 / 3, np.sqrt(2 / 3)))
    assert compare.reliability(1.0) == (1, 1)
    assert compare.reliability(-0.1)[1] == 0


def test_two_noisy_halves_agree_with_the_whole_as_spearman_and_brown_say():
    """Two halves with noise of variance 1 on a truth of variance 1 agree by 1/2; their mean knows more."""
    rng = np.random.default_rng(4)
    truth = rng.normal(size=200_000)
    halves = truth + rng.normal(size=(4, truth.size))
    whole, bound = compare.reliability(np.corrcoef(halves[0], halves[1])[0, 1])
    means = halves[:2].mean(axis=0), halves[2:].mean(axis=0)
    assert whole == pytest.approx(np.corrcoef(*means)[0, 1], abs=0.01)
    assert bound == pytest.approx(np.corrcoef(truth, means[0])[0, 1], abs=0.01)


def test_the_published_value_of_its_null_is_that_of_table_1(predicted, table, study, test_artists):
    truth = compare.truths(study.target, test_artists)["as_published"]
    null = compare.published_null(predicted, truth, test_artists, [3, 5], n_permutations=19)
    assert list(null.columns[:2]) == ["method", "n"]
    assert cell(null, method="siamese", n=3)["paper_value"] == 0.1293
    assert null[null["method"] == "popularity"]["paper_value"].isna().all()
    for n in (3, 5):
        for method in ("chance", "popularity", "siamese"):
            wanted = cell(table, truth="as_published", method=method, metric="unordered", n=n)["value"]
            assert cell(null, method=method, n=n)["value"] == pytest.approx(wanted)
        chance = cell(null, method="chance", n=n)
        assert chance["null_mean"] == pytest.approx(chance["chance"])
        assert chance["chance"] == n / 8
        assert chance["n_queries"] == 8
        assert chance["p_value"] == 1


def test_the_loss_is_held_against_one_constant_over_pairs_of_artists(predicted, truth):
    gain = compare.loss_table(predicted["siamese"], truth, 0.2)
    gains = [
        (truth.iloc[a, b] - 0.2) ** 2 - (run.iloc[a, b] - truth.iloc[a, b]) ** 2
        for run in predicted["siamese"]
        for a in range(8)
        for b in range(a + 1, 8)
    ]
    assert gain.value == pytest.approx(np.mean(gains))
    assert (gain.n_queries, gain.n_trainings) == (8, 2)
    assert gain.seed_sd == pytest.approx(np.std([np.mean(gains[:28]), np.mean(gains[28:])], ddof=1))
    same = compare.loss_table([truth * 0 + 0.2], truth, 0.2)
    assert (same.value, same.p_value()) == (0, 1)


def test_the_rank_table_is_perfect_for_the_truth_and_flat_for_chance(predicted, truth):
    ranks = compare.rank_table({"itself": [truth], "chance": predicted["chance"]}, truth + noise(truth))
    assert (ranks.loc["chance"] == 4).all()
    itself = compare.rank_table({"itself": [truth + noise(truth)]}, truth + noise(truth)).loc["itself"]
    assert itself.tolist() == [1, 2, 3, 4, 5, 6, 7]
    own = compare.rank_table({"itself": [truth]}, -truth, own_truths={"itself": truth + noise(truth)})
    pd.testing.assert_series_equal(own.loc["itself"], ranks.loc["itself"])


def noise(truth):
    """So small that it decides between ties only."""
    return 1e-9 * np.random.default_rng(2).random(truth.shape)


def test_more_clips_help_where_each_says_a_part_only(rng):
    """Three clips a time, each the truth under noise: their mean knows more than one of them."""
    ids = [f"a{k}" for k in range(20)]
    places = rng.random(20)
    truth = labelled_scores(-np.abs(np.subtract.outer(places, places)), ids)
    heard = np.repeat(places, 3) + rng.normal(0, 0.25, 60)
    owners = np.repeat(np.arange(20), 3)
    curve = compare.clips_curve(
        {"m": [-np.abs(np.subtract.outer(heard, heard))], "deaf": [np.zeros((60, 60))]}, owners, truth, n=5
    )
    mine = curve[curve["method"] == "m"].set_index("clips")
    assert mine["value"].is_monotonic_increasing
    assert mine.loc[3, "gain_ci_low"] > 0
    assert mine.loc[3, "gain_p_value"] < 0.05
    assert mine.loc[3, "gain_value"] == pytest.approx(mine.loc[3, "value"] - mine.loc[1, "value"])
    assert (mine.loc[1, "gain_value"], mine.loc[1, "gain_p_value"]) == (0, 1)
    np.testing.assert_allclose(curve.loc[curve["method"] == "deaf", "value"], 5 / 19)
    everything = labelled_scores(
        -np.abs(np.subtract.outer(heard, heard)).reshape(20, 3, 20, 3).mean(axis=(1, 3)), ids
    )
    assert mine.loc[3, "value"] == pytest.approx(ranking_metrics.overlap_at_n(everything, truth, 5).mean())


def test_artists_with_too_few_clips_are_left_out_of_the_curve_or_lower_it(rng):
    ids = [f"a{k}" for k in range(8)]
    truth = labelled_scores(rng.random((8, 8)), ids)
    owners = np.repeat(np.arange(8), [2, 2, 2, 2, 2, 1, 3, 3])
    curve = compare.clips_curve({"m": [rng.random((17, 17))]}, owners, truth, n=3)
    assert curve["clips"].tolist() == [1, 2]
    assert (curve["n_queries"] == 7).all()


def test_folds_are_judged_apart_and_together(study):
    split = studies.k_fold(study.ids, n_folds=3, n_dev=2)
    fixed = baselines.Fixed("m", study.target.T * 0.5 + noise(study.target))
    scores = ranking_scores.Scores()
    for fold in (1, 2, 3):
        artists = [
            artist for part in ("dev", "test") for artist in studies.artists_of(split, part, fold=fold)
        ]
        methods = [(fixed, 0), (baselines.Chance(), 0)]
        scores |= ranking_scores.score_all(methods, study, fold=fold, artists=artists)
    table = tables.fold_table(scores, study.target, split, list_lengths=[1, 2, 4])
    lengths = table.dropna(subset="n").groupby("candidates")["n"].agg(set).to_dict()
    assert lengths == {"test": {1}, "held out": {1, 2}}  # of three and of five candidates
    with pytest.raises(ValueError, match=r"no list length of \[4\] is well below the candidates"):
        tables.fold_table(scores, study.target, split, list_lengths=[4])
    table = table[(table["candidates"] == "held out") & (table["n"].isna() | (table["n"] == 2))]
    mine = table[(table["method"] == "m") & (table["metric"] == "ndcg")]
    assert mine["fold"].tolist() == [pd.NA, 1, 2, 3]
    assert mine["n_queries"].tolist() == [12, 4, 4, 4]
    assert mine["value"].iloc[0] == pytest.approx(mine["value"].iloc[1:].mean())
    chance = table[(table["method"] == "chance") & (table["metric"] == "unordered")]
    np.testing.assert_allclose(chance["value"], 2 / 5)


def test_the_papers_table_2_stands_beside_artists_of_its_names():
    table = pd.DataFrame(
        {"query": ["the beatles", "2Pac", "2Pac", "Nobody"], "source": ["truth", "l2", "world", "l2"],
         "rank": [2, 5, 1, 1]}
    )  # fmt: skip
    found = paper.beside_the_paper(table)["paper_artist"]
    assert found.dropna().tolist() == ["coldplay", "king crimson"]
    assert found.isna().tolist() == [False, False, True, True]
