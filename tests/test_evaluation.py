"""Table 1 and Table 2 against the metrics themselves, seed by seed and query by query."""

import numpy as np
import pandas as pd
import pytest

from lib import baselines, confounds, evaluation, listening, ranking, significance, similarity, splits
from lib.methods import labelled_scores

LENGTHS = [3, 5, 40]  # the last is longer than any list


@pytest.fixture(scope="module")
def test_artists(collection):
    return [collection.artists[place] for place in (7, 2, 10, 5, 0, 9, 4, 8)]


@pytest.fixture(scope="module")
def scores(collection):
    """Three baselines, and two seeds of a method that knows the truth but for noise."""
    rng = np.random.default_rng(1)
    fixed = [
        (
            baselines.Fixed(
                "siamese",
                labelled_scores(
                    collection.target.fillna(0) + rng.normal(0, 0.1, (12, 12)), collection.artists
                ),
            ),
            seed,
        )
        for seed in (0, 1)
    ]
    others = [(method, 0) for method in (baselines.Chance(), baselines.Popularity(), baselines.L2())]
    return evaluation.score_all([*others, *fixed], collection)


@pytest.fixture(scope="module")
def table(scores, collection, test_artists):
    return evaluation.table1(scores, collection.target, test_artists, list_lengths=LENGTHS, n_permutations=19)


def cell(table, **wanted):
    (row,) = table[
        np.logical_and.reduce([table[name].eq(value).fillna(False) for name, value in wanted.items()])
    ].to_dict("records")
    return row


def frame_of(scores, collection, method, seed=0):
    chosen = scores[(scores["method"] == method) & (scores["seed"] == seed)]
    return chosen.pivot(index="query", columns="candidate", values="score").loc[
        collection.artists, collection.artists
    ]


def test_scores_are_long_and_hold_every_pair_of_every_run_once(scores):
    assert list(scores.columns) == ["method", "fold", "seed", "query", "candidate", "score"]
    assert len(scores) == 5 * 12 * 11
    assert not scores.duplicated(["method", "seed", "query", "candidate"]).any()


def test_table_1_has_a_row_for_each_arm_method_metric_and_length_that_fits(table):
    assert len(table) == 3 * 4 * (5 * 2 + 2)
    assert not table.duplicated(["truth", "candidates", "method", "metric", "n"]).any()
    assert set(zip(table["truth"], table["candidates"], strict=True)) == {
        ("corrected", "test"),
        ("as_published", "test"),
        ("corrected", "all"),
    }
    assert table[table["n"].isna()]["metric"].unique().tolist() == ["r_precision", "spearman"]


@pytest.mark.parametrize("metric", ranking.METRICS)
@pytest.mark.parametrize(
    ("truth", "candidates"), [("corrected", "test"), ("as_published", "test"), ("corrected", "all")]
)
def test_a_value_is_the_mean_over_seeds_and_queries_of_the_metric(
    truth, candidates, metric, table, scores, collection, test_artists
):
    target = collection.target
    truths = {
        ("corrected", "test"): target.loc[test_artists, test_artists],
        ("corrected", "all"): target.loc[test_artists],
        ("as_published", "test"): similarity.as_published(target, test_artists),
    }  # fmt: skip
    wanted = truths[truth, candidates]
    runs = [frame_of(scores, collection, "siamese", seed).reindex_like(wanted) for seed in (0, 1)]
    values = pd.concat([ranking.METRICS[metric](run, wanted, 3) for run in runs], axis=1)
    length = {} if metric in ranking.WITHOUT_LENGTH else {"n": 3}
    row = cell(table, truth=truth, candidates=candidates, method="siamese", metric=metric, **length)
    assert row["value"] == pytest.approx(values.mean(axis=1).mean())
    assert (row["ci_low"], row["ci_high"]) == significance.bootstrap_interval(values.mean(axis=1))
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
        assert cell(table, truth="corrected", candidates="test", method="l2", metric="unordered", n=n)[
            "chance"
        ] == pytest.approx(n / 7)
        assert cell(table, truth="corrected", candidates="all", method="l2", metric="unordered", n=n)[
            "chance"
        ] == pytest.approx(n / 11)
    assert chance["p_value"].isna().all()


def test_p_values_are_those_of_the_label_permutation_over_all_seeds(table, scores, collection, test_artists):
    truth = collection.target.loc[test_artists, test_artists]
    runs = [frame_of(scores, collection, "siamese", seed).reindex_like(truth) for seed in (0, 1)]
    for metric, n in (("unordered", 3), ("ndcg", 5), ("spearman", None)):
        wanted = significance.label_permutation(metric, runs, truth, n, n_permutations=19)
        row = cell(
            table,
            truth="corrected",
            candidates="test",
            method="siamese",
            metric=metric,
            **({"n": n} if n else {}),
        )
        assert row["p_value"] == wanted
    assert table[(table["candidates"] == "all") | (table["metric"] == "map")]["p_value"].isna().all()


def test_the_papers_values_stand_beside_the_truth_it_used(table):
    shown = table.dropna(subset="paper_value")
    assert set(shown["truth"]) == {"as_published"}
    assert cell(shown, method="siamese", metric="unordered", n=3)["paper_value"] == 0.1293
    assert cell(shown, method="l2", metric="sequence_matcher", n=5)["paper_value"] == 0.1143
    assert len(shown) == 8


def test_the_papers_values_are_multiples_of_one_in_49_queries_times_n():
    for (n, metric), values in evaluation.PAPER_TABLE_1.items():
        for value in values:
            hits = value * 49 * n
            assert abs(hits - round(hits)) < 0.00005 * 49 * n, (n, metric, value)


def test_order_of_scores_and_of_methods_rows_does_not_matter(scores, collection, test_artists, table):
    shuffled = scores.sample(frac=1, random_state=3)
    again = evaluation.table1(
        shuffled, collection.target, test_artists, list_lengths=LENGTHS, n_permutations=19
    )
    keys = ["truth", "candidates", "method", "metric", "n"]
    pd.testing.assert_frame_equal(
        again.sort_values(keys, ignore_index=True), table.sort_values(keys, ignore_index=True)
    )


def test_other_folds_are_left_out_and_a_fold_without_scores_is_an_error(
    scores, collection, test_artists, table
):
    other = scores.assign(fold=1, score=-scores["score"])
    both = evaluation.table1(
        pd.concat([other, scores]), collection.target, test_artists, list_lengths=LENGTHS, n_permutations=19
    )
    pd.testing.assert_frame_equal(both, table)
    with pytest.raises(ValueError, match="no scores of fold 2"):
        evaluation.table1(scores, collection.target, test_artists, list_lengths=[3], fold=2)


def test_a_ceiling_is_judged_by_its_own_target(scores, collection, test_artists, miniature):
    seen, unseen = (similarity.min_conditional(half) for half in listening.halves(miniature, seed=0))
    ceiling = evaluation.score_all([(baselines.Fixed("split_half", unseen), 0)], collection)
    table = evaluation.table1(
        pd.concat([scores, ceiling]),
        collection.target,
        test_artists,
        list_lengths=[3],
        n_permutations=19,
        own_targets={"split_half": unseen},
    )
    own = table[
        (table["method"] == "split_half") & (table["truth"] == "corrected") & (table["metric"] == "spearman")
    ]
    np.testing.assert_allclose(own["value"], 1)
    usual = evaluation.table1(ceiling, seen, test_artists, list_lengths=[3], n_permutations=19)
    assert cell(usual, truth="corrected", candidates="test", metric="spearman")["value"] < 1


def test_list_lengths_that_do_not_fit_are_an_error(scores, collection, test_artists):
    with pytest.raises(ValueError, match=r"no list length of \[8, 25\] is below the 8 test artists"):
        evaluation.table1(scores, collection.target, test_artists, list_lengths=[8, 25])


def test_a_method_without_all_its_scores_is_an_error(scores, collection, test_artists):
    with pytest.raises(ValueError, match="1 pairs of artists have no score"):
        evaluation.table1(scores.iloc[1:], collection.target, test_artists, list_lengths=[3])


def test_per_query_and_compare_pair_the_queries(scores, collection, test_artists):
    truth = collection.target.loc[test_artists, test_artists]
    first, second = (evaluation.per_query(scores, truth, method, "ndcg", 3) for method in ("siamese", "l2"))
    runs = [
        ranking.ndcg(frame_of(scores, collection, "siamese", seed).reindex_like(truth), truth, 3)
        for seed in (0, 1)
    ]
    np.testing.assert_allclose(first, (runs[0] + runs[1]) / 2)
    assert first.index.tolist() == test_artists
    found = evaluation.compare(scores, truth, "siamese", "l2", metric="ndcg", n=3)
    assert found["difference"] == pytest.approx((first - second).mean())
    assert found["ci_low"] <= found["difference"] <= found["ci_high"]
    assert found["p_value"] == significance.paired_randomisation(first, second)
    assert evaluation.compare(scores, truth, "l2", "l2", n=3) == {
        "difference": 0,
        "ci_low": 0,
        "ci_high": 0,
        "p_value": 1,
    }


def test_table_2_lists_truth_and_sources_over_all_artists(scores, collection, test_artists):
    splits = pd.DataFrame(
        {
            "artist_id": collection.artists,
            "split": ["test" if a in test_artists else "train" for a in collection.artists],
            "fold": 0,
        }
    )
    splits = pd.concat([splits, splits.assign(fold=1, split="dev")])  # folds say nothing of the single split
    queries = [collection.artists[1], collection.artists[2]]
    table = evaluation.table2(scores, collection.target, splits, queries, sources=["siamese", "l2"], n=4)
    assert len(table) == 2 * 3 * 4
    assert table.drop_duplicates("query")[["query", "query_split"]].to_numpy().tolist() == [
        [queries[0], "train"],
        [queries[1], "test"],
    ]
    for query in queries:
        mean = (frame_of(scores, collection, "siamese", 0) + frame_of(scores, collection, "siamese", 1)).loc[
            query
        ] / 2
        for source, wanted in (("truth", collection.target.loc[query]), ("siamese", mean)):
            rows = table[(table["query"] == query) & (table["source"] == source)]
            nearest = wanted.drop(query).sort_values(ascending=False).head(4)
            assert rows["artist"].tolist() == nearest.index.tolist()
            np.testing.assert_allclose(rows["score"], nearest)
            assert rows["rank"].tolist() == [1, 2, 3, 4]


def test_the_headline_is_laid_out_as_the_paper_prints_it(table):
    headline = evaluation.headline(table, truth="as_published")
    assert headline.index.tolist() == ["chance", "popularity", "l2", "siamese"]
    assert headline.columns.tolist() == [3, 5]
    assert (
        headline.loc["l2", 5]
        == cell(table, truth="as_published", candidates="test", method="l2", metric="unordered", n=5)["value"]
    )


def test_artists_are_found_by_name_or_id_the_famous_one_of_two(collection):
    artists = pd.DataFrame({"artist_id": list("abcd"), "name": ["Nirvana", "ABBA", "nirvana ", "Silent"]})
    assert evaluation.find_artists(artists, ["NIRVANA", "b", "abba"], ["a", "b", "c"]) == ["a", "b"]
    assert evaluation.find_artists(artists, ["Silent", "nobody"], ["c", "a", "b"]) == ["c", "a", "b"]


# Beyond Table 1.


@pytest.fixture(scope="module")
def truth(collection, test_artists):
    return collection.target.loc[test_artists, test_artists]


@pytest.fixture(scope="module")
def predicted(scores, truth):
    return evaluation.predictions(scores, truth)


def test_predictions_are_the_scores_on_the_axes_of_the_truth(predicted, scores, truth, collection):
    assert {method: len(runs) for method, runs in predicted.items()} == {
        "chance": 1, "popularity": 1, "l2": 1, "siamese": 2
    }  # fmt: skip
    for seed, run in enumerate(predicted["siamese"]):
        pd.testing.assert_frame_equal(
            run, frame_of(scores, collection, "siamese", seed).reindex_like(truth), check_names=False
        )
    wide = evaluation.predictions(scores, collection.target.loc[truth.index])
    assert wide["l2"][0].shape == (8, 12)


def test_means_over_runs_know_metrics_and_what_holds_fame_still(predicted, truth, collection):
    runs, listeners = predicted["siamese"], collection.listeners
    found = evaluation.mean_of_runs(runs, truth, "matched_concordance", listeners=listeners)
    wanted = [confounds.matched_concordance(run, truth, listeners) for run in runs]
    np.testing.assert_allclose(found, (wanted[0] + wanted[1]) / 2)
    found = evaluation.mean_of_runs(runs, truth, "map", 3)
    wanted = [ranking.mean_average_precision(run, truth, 3) for run in runs]
    np.testing.assert_allclose(found, (wanted[0] + wanted[1]) / 2)


def test_comparisons_pair_queries_and_correct_within_reference_truth_and_measure(
    predicted, truth, collection
):
    measures = [("unordered", 3), ("partial_spearman", None)]
    table = evaluation.comparisons(
        predicted, {"corrected": truth, "as_published": truth}, references=["l2", "siamese"],
        measures=measures, listeners=collection.listeners,
    )  # fmt: skip
    assert len(table) == 2 * 2 * 2 * 3
    for _, family in table.groupby(["truth", "reference", "measure"]):
        np.testing.assert_array_equal(family["p_holm"], significance.holm(family["p_value"]))
    row = cell(table, truth="corrected", reference="l2", method="siamese", measure="unordered")
    values = [evaluation.mean_of_runs(predicted[name], truth, "unordered", 3) for name in ("siamese", "l2")]
    assert row["difference"] == pytest.approx((values[0] - values[1]).mean())
    assert row["p_value"] == significance.paired_randomisation(*values)
    assert row["n"] == 3
    assert pd.isna(
        cell(table, truth="corrected", reference="l2", method="siamese", measure=measures[1][0])["n"]
    )


def test_a_difference_without_any_pair_is_blank():
    nothing = pd.Series([np.nan, 1.0]), pd.Series([1.0, np.nan])
    assert all(np.isnan(value) for value in evaluation.paired(*nothing).values())


def test_the_published_value_of_its_null_is_that_of_table_1(predicted, table, collection, test_artists):
    null = evaluation.published_null(predicted, collection.target, test_artists, [3, 5], n_permutations=19)
    for n in (3, 5):
        for method in ("chance", "popularity", "siamese"):
            wanted = cell(table, truth="as_published", method=method, metric="unordered", n=n)["value"]
            assert cell(null, method=method, n=n)["value"] == pytest.approx(wanted)
        chance = cell(null, method="chance", n=n)
        assert chance["null_mean"] == pytest.approx(chance["chance"])
        assert chance["p_value"] == 1


def test_the_loss_is_held_against_one_constant(predicted, truth, collection):
    table = evaluation.loss_table({"siamese": predicted["siamese"]}, {"corrected": truth}, 0.2)
    others = ~np.eye(8, dtype=bool)
    errors = [((run - truth).to_numpy()[others] ** 2).mean() for run in predicted["siamese"]]
    row = table.iloc[0]
    assert row["loss"] == pytest.approx(np.mean(errors))
    assert row["constant_loss"] == pytest.approx(((truth.to_numpy()[others] - 0.2) ** 2).mean())
    assert row["gain"] == pytest.approx(row["constant_loss"] - row["loss"])
    assert row["gain_low"] <= row["gain"] <= row["gain_high"]


def test_the_constant_is_the_mean_over_pairs_of_training_artists(collection):
    known = collection.target.iloc[:4, :4].to_numpy()
    wanted = np.mean([known[a, b] for a in range(4) for b in range(a)])
    assert evaluation.training_mean(collection.target, collection.artists[:4]) == pytest.approx(wanted)


def test_the_rank_table_is_perfect_for_the_truth_and_flat_for_chance(predicted, truth):
    ranks = evaluation.rank_table({"itself": [truth], "chance": predicted["chance"]}, truth + noise(truth))
    assert (ranks.loc["chance"] == 4).all()
    itself = evaluation.rank_table({"itself": [truth + noise(truth)]}, truth + noise(truth)).loc["itself"]
    assert itself.tolist() == [1, 2, 3, 4, 5, 6, 7]
    own = evaluation.rank_table({"itself": [truth]}, -truth, own_truths={"itself": truth + noise(truth)})
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
    curve = evaluation.clips_curve(
        {"m": [-np.abs(np.subtract.outer(heard, heard))], "deaf": [np.zeros((60, 60))]}, owners, truth, n=5
    )
    mine = curve[curve["method"] == "m"].set_index("clips")
    assert mine["value"].is_monotonic_increasing
    assert mine.loc[3, "gain_low"] > 0
    assert mine.loc[1, "gain"] == 0
    np.testing.assert_allclose(curve.loc[curve["method"] == "deaf", "value"], 5 / 19)
    everything = labelled_scores(
        -np.abs(np.subtract.outer(heard, heard)).reshape(20, 3, 20, 3).mean(axis=(1, 3)), ids
    )
    assert mine.loc[3, "value"] == pytest.approx(ranking.overlap_at_n(everything, truth, 5).mean())


def test_artists_with_too_few_clips_are_left_out_of_the_curve_or_lower_it(rng):
    ids = [f"a{k}" for k in range(8)]
    truth = labelled_scores(rng.random((8, 8)), ids)
    owners = np.repeat(np.arange(8), [2, 2, 2, 2, 2, 1, 3, 3])
    curve = evaluation.clips_curve({"m": [rng.random((17, 17))]}, owners, truth, n=3)
    assert curve["clips"].tolist() == [1, 2]
    assert (curve["n_queries"] == 7).all()


def test_folds_are_judged_apart_and_together(collection):
    split = splits.k_fold(collection.artists, n_folds=3, n_dev=2)
    fixed = baselines.Fixed("m", collection.target.T * 0.5 + noise(collection.target))
    scores = pd.concat(
        [
            evaluation.score_all(
                [(fixed, 0), (baselines.Chance(), 0)], collection, fold=fold,
                artists=splits.artists_of(split, "test", fold=fold),
            )
            for fold in (1, 2, 3)
        ]
    )  # fmt: skip
    table = evaluation.fold_table(scores, collection.target, split, list_lengths=[2, 4])
    assert set(table["n"].dropna()) == {2}  # three candidates a fold: lists of four do not fit
    mine = table[(table["method"] == "m") & (table["metric"] == "ndcg")]
    assert mine["fold"].tolist() == [pd.NA, 1, 2, 3]
    assert mine["n_queries"].tolist() == [12, 4, 4, 4]
    assert mine["value"].iloc[0] == pytest.approx(mine["value"].iloc[1:].mean())
    chance = table[(table["method"] == "chance") & (table["metric"] == "unordered")]
    np.testing.assert_allclose(chance["value"], 2 / 3)


def test_the_papers_table_2_stands_beside_artists_of_its_names():
    table = pd.DataFrame(
        {"query": ["the beatles", "2Pac", "2Pac", "Nobody"], "source": ["truth", "l2", "world", "l2"],
         "rank": [2, 5, 1, 1]}
    )  # fmt: skip
    found = evaluation.beside_the_paper(table)["paper_artist"]
    assert found.dropna().tolist() == ["coldplay", "king crimson"]
    assert found.isna().tolist() == [False, False, True, True]
