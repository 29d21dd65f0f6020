"""Tables of longer runs: what is kept, what is taken up again, and what is read from them."""

import numpy as np
import pandas as pd
import pytest

from lib.ranking import baselines, compare, longer_results, longer_runs, metrics, significance
from lib.workflow import paths


@pytest.fixture
def parts(study):
    artists = study.ids
    return {"train": artists[:4], "dev": artists[4:8], "test": artists[8:]}


@pytest.fixture
def table():
    rows = [
        (variant, seed, part, query, base + seed / 10 + place / 100, 0.5, np.nan)
        for variant, base in (("a", 0.1), ("b", 0.3))
        for seed in (0, 1)
        for part in ("dev", "test")
        for place, query in enumerate("pqr")
    ]
    return pd.DataFrame(rows, columns=["variant", "seed", "part", "query", "ndcg", "overlap", "concordance"])


def test_queries_are_ranked_among_their_own_part(study, parts):
    method = baselines.L2().fit(study, parts["train"], parts["dev"])
    found = longer_runs.per_query(longer_runs.scores_of(method, study, parts), study, n=2)
    assert found.groupby("part")["query"].agg(list).to_dict() == {
        part: parts[part] for part in ("dev", "test")
    }
    test = parts["test"]
    truth = study.target.loc[test, test]
    wanted = metrics.ndcg(method.score(study, test), truth, 2)
    np.testing.assert_allclose(found[found["part"] == "test"]["ndcg"], wanted, atol=1e-5)


def test_training_artists_lose_clips_and_the_others_none(study, parts):
    train = parts["train"]
    counts = {}
    for clips in (1, 2, 3):
        fewer = longer_runs.with_at_most(study, train, clips, seed=1)
        counts[clips] = pd.Series(fewer.clip_artists).value_counts()
        whole = pd.Series(study.clip_artists).value_counts()
        assert counts[clips][train].tolist() == whole[train].clip(upper=clips).tolist()
        others = [*parts["dev"], *parts["test"]]
        assert counts[clips][others].equals(whole[others])
    one, two = (longer_runs.with_at_most(study, train, clips, seed=1) for clips in (1, 2))
    rows_of = {clip.tobytes() for clip in two.spectrograms}
    assert {clip.tobytes() for clip in one.spectrograms} <= rows_of
    with pytest.raises(ValueError, match="at least one clip, got 0"):
        longer_runs.with_at_most(study, train, 0, seed=1)


def test_an_interrupted_run_finds_what_it_has_done(study, table, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path))
    kept = longer_runs.Kept("runs", ["variant", "seed"], study, {"epochs": 2})
    rows = table[(table["variant"] == "a") & (table["seed"] == 0)].drop(columns=["variant", "seed"])
    kept.add(rows, "a", 0)
    again = longer_runs.Kept("runs", ["variant", "seed"], study, {"epochs": 2})
    assert again.has("a", 0)
    assert not again.has("a", 1)
    again.add(rows, "a", 1)
    assert again.table()["seed"].tolist() == [0] * 6 + [1] * 6
    assert list(again.table().columns[:2]) == ["variant", "seed"]


def test_other_data_or_parameters_begin_anew(study, table, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path))
    longer_runs.Kept("runs", ["seed"], study, {"epochs": 2}).add(table.drop(columns="seed"), 0)
    assert not longer_runs.Kept("runs", ["seed"], study, {"epochs": 3}).has(0)
    fewer = longer_runs.with_at_most(study, study.ids, 1, seed=0)
    assert not longer_runs.Kept("runs", ["seed"], fewer, {"epochs": 2}).has(0)


@pytest.fixture
def compared(study, parts, tmp_path, monkeypatch):
    """Two trainings of ``good`` (the truth with some noise), one of ``bad`` (noise), kept and compared."""
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path))
    rng = np.random.default_rng(3)
    kept = longer_runs.Kept("runs", ["kind", "seed"], study, {})
    for kind, seed, weight in (("good", 0, 0.1), ("good", 1, 0.2), ("bad", 0, 100)):
        noise = rng.normal(size=study.target.shape)
        method = baselines.Fixed(kind, study.target + weight * (noise + noise.T))
        scores = longer_runs.scores_of(method, study, parts)
        kept.add(longer_runs.per_query(scores, study), kind, seed, scores=scores)
    kept = longer_runs.Kept("runs", ["kind", "seed"], study, {})  # as a run that goes on
    wanted = [("good", None), ("bad", None), ("good", "bad"), ("good", "absent")]
    return kept, longer_runs.differences(kept, study, wanted)


def test_differences_are_the_estimates_that_decide_everywhere(study, parts, compared):
    kept, table = compared
    test = parts["test"]
    truth = study.target.loc[test, test]
    runs = [
        compare.measured([kept.scores(kind, seed)["test"].reindex_like(truth)], truth, "ndcg", 3)[0]
        for kind, seed in (("good", 0), ("good", 1), ("bad", 0))
    ]
    wanted = significance.estimate(runs[:2], runs[2:])
    found = longer_results.estimate_of(table, "good", "bad", measure="ndcg")
    assert found.interval() == pytest.approx(wanted.interval(), abs=1e-4)
    assert (found.value, found.n_queries) == pytest.approx((wanted.value, 4), abs=1e-6)
    assert set(table["measure"]) == {"ndcg", "unordered", "matched_concordance"}
    assert "absent" not in set(table["second"])
    with pytest.raises(ValueError, match="0 lines compare good with absent in ndcg, test artists"):
        longer_results.estimate_of(table, "good", "absent", measure="ndcg")


def test_means_agree_with_the_rows_by_query(compared):
    kept, table = compared
    rows = kept.table()
    mean = rows[(rows["kind"] == "good") & (rows["part"] == "dev")]["ndcg"].mean()
    found = longer_results.estimate_of(table, "good", None, measure="ndcg", part="dev")
    assert found.value == pytest.approx(mean, abs=1e-5)
    assert found.n_trainings == 2


def test_a_summary_shows_what_each_kind_reaches_and_gains(compared):
    found = longer_results.summary(compared[1], reference="bad").set_index(["method", "measure"])
    good, bad = found.loc[("good", "ndcg")], found.loc[("bad", "ndcg")]
    assert good["gain"] == pytest.approx(good["value"] - bad["value"], abs=1e-5)
    assert np.isnan(bad["gain"])
    assert good["p_holm"] == good["p_value"]  # one comparison


@pytest.mark.parametrize(
    ("p_holm", "says"),
    [
        (0.01, ") ranks better than L2 of spectrograms (0.200, 3 trainings): +0.100,"),
        (0.2, ") is not shown to rank better or worse than L2 of spectrograms (0.200, 3 trainings): +0.100,"),
        (0.0, "p < 0.0001 after correction."),
    ],
)
def test_a_gain_is_decided_by_its_corrected_p_value(p_holm, says):
    table = pd.DataFrame({"method": ["l2", "factor_ridge"], "measure": "ndcg", "value": [0.2, 0.3]})
    table = table.assign(gain=0.1, gain_low=0.02, gain_high=0.18, p_holm=p_holm, n_trainings=3)
    assert says in longer_results.gain_sentence(table, "factor_ridge", reference="l2")


def test_the_four_effects_of_target_and_encoder():
    cells = ["pp", "pf", "fp", "ff"]
    values = dict(zip(cells, (0.1, 0.3, 0.2, 0.6)))
    table = pd.DataFrame(
        [
            (first, second, "test", "ndcg", values[first] - values[second], 0.01, 30.0, 49, 3)
            for first, second in longer_results.pairs_of(cells).values()
        ],
        columns=[
            "first",
            "second",
            "part",
            "measure",
            "value",
            "error",
            "freedom",
            "n_queries",
            "n_trainings",
        ],
    )
    found = longer_results.two_by_two(table, cells)
    assert found["difference"].tolist() == pytest.approx([0.2, 0.4, 0.1, 0.3])
    first = longer_results.two_by_two_sentence(found).splitlines()[0]
    assert first == (
        "With the paper's encoder, factors in place of pairs gain +0.200 in nDCG@10"
        " (95 % interval 0.180 to 0.220)."
    )
    unclear = longer_results.two_by_two_sentence(found.assign(ci_low=-1.0))
    assert unclear.count("an inconclusive difference of") == 4


def ways(rng, gap):
    """Six trainings with tiles and three with plain pairs; losses scatter by 1e-5 of .002."""
    rows = [
        (way, seed, step, 0.002 + shift + 1e-5 * rng.normal(), 0.2 + 0.001 * rng.normal(), 0.002)
        for way, shift, n in (("tiles", gap, 6), ("plain pairs", 0, 3))
        for seed in range(n)
        for step in (10, 20)
    ]
    return pd.DataFrame(rows, columns=["way", "seed", "step", "dev_loss", "dev_ndcg", "constant"])


def test_ways_that_end_alike_are_equivalent_and_the_sentence_says_so(rng):
    found = longer_results.equivalence(ways(rng, 0))
    assert found["equivalent"].tolist() == [True, True]
    assert found["margin"].tolist() == pytest.approx([0.05 * 0.002, 0.03])
    assert found[["n", "n_reference"]].to_numpy().tolist() == [[6, 3]] * 2
    text = longer_results.equivalence_sentence(found)
    assert text.startswith("tiles, dev loss: equivalent to plain pairs within ± 0.000100 (90 % interval ")
    assert text.count("6 against 3 trainings") == 2


def test_ways_that_differ_and_ways_that_scatter_are_told_apart(rng):
    different = longer_results.equivalence_sentence(longer_results.equivalence(ways(rng, 0.001)))
    assert "tiles, dev loss: different from plain pairs (90 %" in different
    table = ways(rng, 0)
    table["dev_loss"] += 1e-3 * (-1.0) ** table["seed"]
    assert "not decided" in longer_results.equivalence_sentence(longer_results.equivalence(table))


STORED = sorted(paths.measured("x").parent.glob("*_differences.csv"))


@pytest.mark.parametrize("file", STORED, ids=lambda file: file.stem)
def test_stored_tables_fit_each_other(file):
    """Every training has the same queries, and the means of both tables agree."""
    found = pd.read_csv(file)
    table = pd.read_csv(file.with_name(file.name.replace("_differences", "")))
    kind = {"clips", "variant"}.intersection(table).pop()
    queries = table.groupby([kind, "seed", "part"])["query"].agg(lambda ids: tuple(sorted(ids)))
    assert (queries.groupby("part").nunique() == 1).all()
    means = table.groupby([kind, "part"])[list(longer_runs.MEASURES)].mean()
    for (first, part), row in means.iterrows():
        for column, measure in longer_runs.MEASURES.items():
            estimate = longer_results.estimate_of(found, first, None, measure=measure, part=part)
            assert estimate.value == pytest.approx(row[column], abs=1e-4)
            assert estimate.n_trainings == table[table[kind] == first]["seed"].nunique()
