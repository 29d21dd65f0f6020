"""The protocol of notebook 07: on scores whose results can be read off, and once on the planted world."""

from dataclasses import replace

import numpy as np
import pandas as pd
import planted_world
import pytest

from lib import registry
from lib.beyond import adjust, protocol, tables, tags
from lib.beyond.audio_features import AudioFeatures
from lib.ranking import confounds, metrics, significance
from lib.ranking import tables as ranking_tables
from lib.ranking.scores import Scores
from lib.workflow.kept import Kept

IDS = [f"a{place:02d}" for place in range(30)]
LISTENERS = pd.Series(np.linspace(900, 30, 30), index=IDS)


def frame(values):
    values = np.array(values, dtype=float)
    np.fill_diagonal(values, np.nan)
    return pd.DataFrame(values, index=pd.Index(IDS, name="query"), columns=pd.Index(IDS, name="candidate"))


@pytest.fixture
def truth(rng):
    values = rng.random((30, 30))
    return frame(values + values.T)


@pytest.fixture
def split():
    parts = [("train", 14), ("dev", 8), ("test", 8)]
    return pd.DataFrame({
        "fold": 0, "artist_id": IDS, "split": [name for name, size in parts for _ in range(size)],
    })  # fmt: skip


def three_folds(split):
    """The paper's split, and three folds that test ten artists each."""
    parts = [split]
    for fold in (1, 2, 3):
        tests = IDS[(fold - 1) * 10 : fold * 10]
        others = [artist for artist in IDS if artist not in tests]
        names = ["train"] * 14 + ["dev"] * 6 + ["test"] * 10
        parts.append(pd.DataFrame({
            "fold": fold, "artist_id": [*others, *tests], "split": names,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def scores_of(truth, folds=(0,)):
    """The truth itself, its opposite, and a constant."""
    frames = {"good": truth, "l2": -truth, "chance": truth * 0}
    return Scores.of_frames({(name, fold, 0): one for fold in folds for name, one in frames.items()})


def test_values_are_the_metrics_of_the_part_alone(truth, split):
    found = tables.values(scores_of(truth), truth, split, LISTENERS, n=3, part="dev")
    dev = IDS[14:22]
    assert list(found.columns) == ["fold", "method", "measure", "n_queries", "runs"]
    assert not found.duplicated(["fold", "method", "measure"]).any()
    of = {key: run.values for key, (run,) in found.set_index(["method", "measure"])["runs"].items()}
    assert set(of["l2", "ndcg"].index) == set(dev)
    wanted = metrics.ndcg(-truth.loc[dev, dev], truth.loc[dev, dev], 3)
    np.testing.assert_allclose(of["l2", "ndcg"], wanted)
    matched = confounds.matched_concordance(truth.loc[dev, dev], truth.loc[dev, dev], LISTENERS)
    np.testing.assert_allclose(of["good", "matched_concordance"], matched)
    np.testing.assert_allclose(of["good", "ndcg"], 1)


def test_each_training_of_a_method_is_kept(truth, split):
    seeds = Scores.of_frames({("m", 0, 0): truth, ("m", 0, 1): -truth})
    found = tables.values(seeds, truth, split, LISTENERS, n=3)
    (runs,) = found[found["measure"] == "matched_concordance"]["runs"]
    first, second = (run.values.dropna() for run in runs)
    assert (first.unique().tolist(), second.unique().tolist()) == ([1], [0])
    summary = tables.summary(found).set_index("measure").loc["matched_concordance"]
    assert (summary["value"], summary["n_seeds"]) == (0.5, 2)
    assert summary["ci_high"] - summary["ci_low"] > 10  # two trainings that are each other's opposite


def test_the_best_on_dev_is_chosen_and_a_tie_goes_to_the_first_named(truth, split):
    dev = tables.values(scores_of(truth), truth, split, LISTENERS, n=3, part="dev")
    assert tables.choose(dev, ["l2", "chance", "good"]).index.tolist() == ["good", "chance", "l2"]
    assert tables.choose(dev, ["good"])["good"] == pytest.approx(1)
    twin = pd.concat([dev, dev[dev["method"] == "good"].assign(method="also")])
    assert tables.choose(twin, ["also", "good"]).index[0] == "also"
    assert tables.choose(twin, ["good", "also"]).index[0] == "good"


def test_each_folds_own_dev_artists_choose_and_fold_0_has_no_part(truth, split):
    """One method is good in fold 1, the other in folds 2 and 3; a third, which is best, is not among them."""
    good = {("x", 1), ("y", 2), ("y", 3), ("x", 0)}
    frames = {
        (name, fold, 7): truth if (name, fold) in good else -truth for name in "xy" for fold in range(4)
    }
    frames |= {("x", fold, 8): -truth + 1 for fold in range(4)} | {
        ("best", fold, 0): truth for fold in (2, 3)
    }
    scores, splits = Scores.of_frames(frames), three_folds(split)
    on_dev = tables.values(scores, truth, splits, LISTENERS, n=3, part="dev")
    chosen = tables.chosen_by_fold(scores, on_dev, ["x", "y"], called="mine")
    assert [tuple(run) for run in chosen.runs] == [("mine", 1, 0), ("mine", 2, 0), ("mine", 3, 0)]
    for fold, name in ((1, "x"), (2, "y"), (3, "y")):
        pd.testing.assert_frame_equal(chosen.frame(("mine", fold, 0)), scores.frame((name, fold, 7)))


def test_what_is_good_on_tested_artists_alone_is_not_chosen(truth, split):
    """Scores of pairs with a dev artist decide; all other scores may be spoilt or perfect."""
    splits = three_folds(split)
    frames = {}
    for fold in (1, 2, 3):
        part = splits[splits["fold"] == fold].set_index("artist_id")["split"].reindex(IDS).to_numpy() == "dev"
        dev = np.logical_and.outer(part, part)
        frames |= {("x", fold, 0): truth.where(dev, -truth), ("y", fold, 0): (-truth).where(dev, truth)}
    scores = Scores.of_frames(frames)
    on_dev = tables.values(scores, truth, splits, LISTENERS, n=3, part="dev")
    chosen = tables.chosen_by_fold(scores, on_dev, ["y", "x"])
    for fold in (1, 2, 3):
        pd.testing.assert_frame_equal(chosen.frame(("chosen", fold, 0)), scores.frame(("x", fold, 0)))


def test_the_papers_split_alone_leaves_nothing_to_choose_by_fold(truth, split):
    on_dev = tables.values(scores_of(truth), truth, split, LISTENERS, n=3, part="dev")
    assert list(tables.chosen_by_fold(scores_of(truth), on_dev, ["l2", "good"]).runs) == []


def test_comparisons_are_paired_corrected_and_know_their_direction(truth, split):
    test = tables.values(scores_of(truth), truth, split, LISTENERS, n=3)
    found = tables.comparisons(test, references=["l2", "absent"]).set_index(["measure", "method"])
    assert set(found["reference"]) == {"l2"}
    runs = test[test["measure"] == "ndcg"].set_index("method")["runs"]
    good = found.loc["ndcg", "good"]
    result = significance.estimate(runs["good"], runs["l2"])
    assert good["difference"] == pytest.approx((runs["good"][0].values - runs["l2"][0].values).mean())
    assert good[["ci_low", "ci_high"]].tolist() == pytest.approx(result.interval())
    assert 0 < good["ci_low"] < good["difference"] < good["ci_high"]
    assert good["p_value"] == pytest.approx(result.p_value())
    for _, family in found.groupby("measure"):
        np.testing.assert_array_equal(family["p_corrected"], significance.holm(family["p_value"]))
        assert len(family) == 2
    assert good["decision"] == "higher"
    assert set(found["kind"]) == {"secondary"}
    assert (good["n_queries"], good["folds"]) == (8, 0)


def test_the_other_way_round_the_decision_is_the_other_one(truth, split):
    test = tables.values(scores_of(truth), truth, split, LISTENERS, n=3)
    found = tables.comparisons(test, references=["good"]).set_index(["measure", "method"])
    assert found.loc[("ndcg", "l2"), "decision"] == "lower"
    opposite = tables.comparisons(test, references=["l2"]).set_index(["measure", "method"])
    assert found.loc[("ndcg", "l2"), "difference"] == -opposite.loc[("ndcg", "good"), "difference"]


def test_queries_of_further_folds_carry_the_comparison(truth, split):
    scores = scores_of(truth, range(4))
    test = tables.values(scores, truth, three_folds(split), LISTENERS, n=3)
    found = tables.comparisons(test, references=["l2"])
    assert set(found["folds"]) == {3}
    assert set(found[found["measure"] == "ndcg"]["n_queries"]) == {30}
    summary = tables.summary(test).set_index(["method", "measure"])
    assert summary.loc[("good", "ndcg"), ["value", "n_queries"]].tolist() == [1, 30]


def test_a_method_that_was_scored_on_the_papers_split_only_is_compared_there(truth, split):
    scores = scores_of(truth, range(4))
    scores = scores.only(fold=0) | scores.without("l2")
    test = tables.values(scores, truth, three_folds(split), LISTENERS, n=3)
    found = tables.comparisons(test, references=["l2"])
    assert set(found["folds"]) == {0}
    assert set(found[found["measure"] == "ndcg"]["n_queries"]) == {8}


def test_rows_of_table_1_hold_what_it_lacks(truth, split):
    scores = scores_of(truth, range(4))
    test = tables.values(scores, truth, three_folds(split), LISTENERS, n=3)
    rows = tables.as_table1(test, n=3)
    table = ranking_tables.table1(scores.only(fold=0), truth, IDS[22:], list_lengths=[3])
    assert list(rows.columns) == list(table.columns)
    assert rows.duplicated(["fold", "method", "metric"]).sum() == 0
    assert set(rows[rows["fold"] == 0]["metric"]) == {"matched_concordance"}
    chance = rows[rows["method"] == "chance"]
    np.testing.assert_allclose(chance["value"], chance["chance"])
    np.testing.assert_allclose(chance["p_value"], 1)
    l2 = rows[(rows["method"] == "l2") & (rows["metric"] == "ndcg")]
    together = l2["fold"].isna()
    assert l2.loc[together, "value"].item() == pytest.approx(l2.loc[~together, "value"].mean())
    assert l2.loc[together, "n_queries"].item() == 30
    assert rows["fold"].isna().sum() == 3 * 3  # all folds together, for each method and measure


def test_proximity_and_popularity_get_names_of_their_own(truth):
    near = adjust.with_proximity(scores_of(truth), ["good"])
    known = adjust.with_popularity(scores_of(truth), LISTENERS, "good", {0: 0.0})
    assert near.methods == ["good+proximity"]
    assert known.methods == ["good+popularity"]
    back = known.frame(("good+popularity", 0, 0), IDS)
    assert (back.rank(axis=1) == truth.rank(axis=1)).to_numpy()[~np.eye(30, dtype=bool)].all()


def test_the_weight_of_popularity_is_judged_on_dev_alone(truth, split, rng):
    scores = scores_of(truth)
    found = adjust.weights_on_dev(scores, truth, split, LISTENERS, "good", weights=(0, 1), n=3)
    spoilt = truth.copy()
    spoilt.iloc[22:], spoilt.iloc[:, 22:] = rng.random((8, 30)), rng.random((30, 8))
    spoilt = Scores.of_frames({("good", 0, 0): frame(spoilt)})
    again = adjust.weights_on_dev(spoilt, truth, split, LISTENERS, "good", weights=(0, 1), n=3)
    pd.testing.assert_frame_equal(found, again)
    assert found.loc[0, "ndcg"] == pytest.approx(1)
    assert found.loc[1, "ndcg"] < 0.99
    assert adjust.best_weights(found) == {0: 0}


def test_each_fold_has_a_weight_of_its_own():
    found = pd.DataFrame({"fold": [0, 0, 1, 1], "weight": [0, 1, 0, 1], "ndcg": [0.3, 0.3, 0.1, 0.2]})
    assert adjust.best_weights(found) == {0: 0, 1: 1}


def test_hubs_are_counted_before_and_after(truth):
    scores = scores_of(truth) | adjust.with_proximity(scores_of(truth), ["good"])
    (row,) = adjust.hubness_table(scores, truth, IDS, ["good", "l2"], n=3).to_dict("records")
    assert (row["method"], row["ndcg_before"]) == ("good", pytest.approx(1))
    assert row["ndcg_after"] < 1
    assert row["hubness_before"] == pytest.approx(adjust.hubness(truth, 3))


def test_every_method_is_fitted_scored_and_better_than_l2_where_that_can_be_heard(tmp_path):
    matrix, study = planted_world.build()
    train, dev, test = planted_world.parts(study)
    rows = [
        (0, artist, name)
        for name, part in (("train", train), ("dev", dev), ("test", test))
        for artist in part
    ]
    rows += [
        (1, artist, name)
        for name, part in (("train", train), ("dev", test), ("test", dev))
        for artist in part
    ]
    split = pd.DataFrame(rows, columns=["fold", "artist_id", "split"])
    given, kept = protocol.Given(matrix, n_factors=4, steps=30), Kept(tmp_path)
    scorers, scores, seconds = protocol.fit_and_score(
        study, split, given, seeds=[0], kept=kept, scored={("l2", 0)}
    )
    assert [method.name for method, _ in scorers] == registry.of_kind("audio")
    assert set(seconds["method"]) == {
        name for name in registry.of_kind("audio") if registry.METHODS[name].place
    }
    assert "l2" in scores.only(fold=1).methods
    assert "l2" not in scores.only(fold=0).methods  # notebook 05 has scored it
    assert all(set(scores.ids(run)) == {*dev, *test} for run in scores.only(fold=1).runs)
    assert all(scores.ids(run) == study.ids for run in scores.only(fold=0).runs)
    values = tables.values(scores, study.target, split, study.listeners, n=3)
    tagged = replace(given, steps=1, tagged=tags.Tags(planted_world.called(), None, None))
    with_tags, _ = protocol.fit_all(study, train, dev, tagged, seeds=[0], artists=study.ids, kept=kept)
    assert [method.name for method, _ in with_tags] == registry.of_kind("audio", "tags")
    same = with_tags[0][0].score(study, test)
    assert same.equals(scorers[0][0].score(study, test))  # tags leave the other methods alone
    gain = tables.comparisons(values, references=["l2"]).set_index(["measure", "method"])["difference"]
    assert min(gain["ndcg", "factor_sum"], gain["ndcg", "factor_ridge"]) > 0


def sums_of(monkeypatch, tmp_path, entries):
    """`fit_all` with a sum and two methods, in the order given."""
    monkeypatch.setattr(registry, "METHODS", entries)
    matrix, study = planted_world.build()
    train, dev, test = planted_world.parts(study)
    few = {AudioFeatures: AudioFeatures(lengths=(4,), n_atoms=8)}
    given = protocol.Given(matrix, few, n_factors=4)
    asked = {"seeds": [0], "artists": study.ids, "kept": Kept(tmp_path)}
    scorers, _ = protocol.fit_all(study, train, dev, given, **asked)
    return [method.name for method, _ in scorers], {
        method.name: method.score(study, test) for method, _ in scorers
    }


def test_a_sum_may_be_registered_before_its_parts(monkeypatch, tmp_path):
    parts = {name: registry.METHODS[name] for name in ("factor_ridge", "factor_kernel")}
    both = {"both": registry.Entry("both", kind="audio", parts=("factor_kernel", "factor_ridge"))}
    before, scores = sums_of(monkeypatch, tmp_path, both | parts)
    behind, same = sums_of(monkeypatch, tmp_path, parts | both)
    assert (before, behind) == (["both", *parts], [*parts, "both"])
    mean = (scores["factor_ridge"] + scores["factor_kernel"]) / 2
    pd.testing.assert_frame_equal(scores["both"], mean)
    pd.testing.assert_frame_equal(scores["both"], same["both"], check_exact=True)


@pytest.mark.parametrize("part", ["tag_ridge", "factor_rigde"])  # of another kind; misspelt
def test_a_sum_without_one_of_its_parts_is_refused_before_anything_is_fitted(part, monkeypatch, tmp_path):
    few = {name: registry.METHODS[name] for name in ("factor_ridge", "tag_ridge")}
    entries = few | {"both": registry.Entry("both", kind="audio", parts=("factor_ridge", part))}
    monkeypatch.setattr(registry.method("factor_ridge"), "fit", lambda *_, **__: pytest.fail("fitted"))
    message = f"the sum both has the part '{part}', which is not .* factor_ridge:"
    with pytest.raises(ValueError, match=message):
        sums_of(monkeypatch, tmp_path, entries)
