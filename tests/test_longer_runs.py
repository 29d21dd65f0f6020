"""Tables of longer runs: what is kept, what is taken up again, and what is read from them."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lib import baselines, longer_runs, ranking


@pytest.fixture
def parts(collection):
    artists = collection.artists
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


def test_queries_are_ranked_among_their_own_part(collection, parts):
    method = baselines.L2().fit(collection, parts["train"], parts["dev"])
    found = longer_runs.per_query(longer_runs.scores_of(method, collection, parts), collection, n=2)
    assert found.groupby("part")["query"].agg(list).to_dict() == {
        part: parts[part] for part in ("dev", "test")
    }
    test = parts["test"]
    truth = collection.target.loc[test, test]
    wanted = ranking.ndcg(method.score(collection, test), truth, 2)
    np.testing.assert_allclose(found[found["part"] == "test"]["ndcg"], wanted, atol=1e-5)


def test_training_artists_lose_clips_and_the_others_none(collection, parts):
    train = parts["train"]
    counts = {}
    for clips in (1, 2, 3):
        fewer = longer_runs.with_at_most(collection, train, clips, seed=1)
        counts[clips] = pd.Series(fewer.clip_artists).value_counts()
        whole = pd.Series(collection.clip_artists).value_counts()
        assert counts[clips][train].tolist() == whole[train].clip(upper=clips).tolist()
        others = [*parts["dev"], *parts["test"]]
        assert counts[clips][others].equals(whole[others])
    one, two = (longer_runs.with_at_most(collection, train, clips, seed=1) for clips in (1, 2))
    rows_of = {clip.tobytes() for clip in two.spectrograms}
    assert {clip.tobytes() for clip in one.spectrograms} <= rows_of
    with pytest.raises(ValueError, match="at least one clip, got 0"):
        longer_runs.with_at_most(collection, train, 0, seed=1)


def test_an_interrupted_run_finds_what_it_has_done(collection, table, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path))
    kept = longer_runs.Kept("runs", ["variant", "seed"], collection, {"epochs": 2})
    rows = table[(table["variant"] == "a") & (table["seed"] == 0)].drop(columns=["variant", "seed"])
    kept.add(rows, "a", 0)
    again = longer_runs.Kept("runs", ["variant", "seed"], collection, {"epochs": 2})
    assert again.has("a", 0)
    assert not again.has("a", 1)
    again.add(rows, "a", 1)
    assert again.table()["seed"].tolist() == [0] * 6 + [1] * 6
    assert list(again.table().columns[:2]) == ["variant", "seed"]


def test_other_data_or_parameters_begin_anew(collection, table, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path))
    longer_runs.Kept("runs", ["seed"], collection, {"epochs": 2}).add(table.drop(columns="seed"), 0)
    assert not longer_runs.Kept("runs", ["seed"], collection, {"epochs": 3}).has(0)
    fewer = longer_runs.with_at_most(collection, collection.artists, 1, seed=0)
    assert not longer_runs.Kept("runs", ["seed"], fewer, {"epochs": 2}).has(0)


def test_a_summary_shows_what_each_kind_reaches_and_gains(table):
    found = longer_runs.summary(table.assign(concordance=0.5), "variant", reference="a", part="dev")
    rows = found.set_index(["method", "measure"])
    assert rows.loc[("b", "ndcg"), ["value", "gain"]].tolist() == pytest.approx([0.36, 0.2])
    assert np.isnan(rows.loc[("a", "ndcg"), "gain"])
    assert rows.loc[("b", "ndcg"), "p_holm"] == rows.loc[("b", "ndcg"), "p_value"]  # one comparison
    assert set(found["measure"]) == {"ndcg", "unordered", "matched_concordance"}
    assert set(found["n_trainings"]) == {2}


def test_a_difference_is_paired_and_its_interval_widens_with_the_spread_over_trainings(table, rng):
    found = longer_runs.difference(table, "variant", "b", "a", measure="ndcg")
    assert found["difference"] == pytest.approx(0.2)
    assert (found["n_queries"], found["n_trainings"]) == (3, 2)
    # no spread over queries; trainings .1 apart on each side: variances of .0025, one degree of freedom each
    half = scipy.stats.t.ppf(0.975, 2) * np.sqrt(2 * 0.0025)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((0.2 - half, 0.2 + half))
    one = table[table["seed"] == 0].assign(ndcg=rng.random(12))
    found = longer_runs.difference(one, "variant", "a", "b", measure="ndcg")
    wide = one[one["part"] == "test"].pivot(index="query", columns="variant", values="ndcg")
    wanted = scipy.stats.ttest_rel(wide["a"], wide["b"])
    assert found["p_value"] == pytest.approx(wanted.pvalue)
    assert found["ci_low"] == pytest.approx(wanted.confidence_interval().low)


def test_the_four_effects_of_target_and_encoder(table):
    cells = dict(zip(("pp", "pf", "fp", "ff"), (0.1, 0.3, 0.2, 0.6)))
    base = table[(table["variant"] == "a") & (table["seed"] == 0)]
    built = pd.concat([base.assign(variant=name, ndcg=base["ndcg"] + gain) for name, gain in cells.items()])
    found = longer_runs.two_by_two(built, list(cells))
    assert found["difference"].tolist() == pytest.approx([0.2, 0.4, 0.1, 0.3])
    first = longer_runs.two_by_two_sentence(found).splitlines()[0]
    assert first == (
        "With the paper's encoder, factors in place of pairs gain +0.200 in nDCG@10"
        " (95 % interval 0.200 to 0.200)."
    )
    unclear = longer_runs.two_by_two_sentence(found.assign(ci_low=-1.0))
    assert unclear.count("a difference that cannot be told from 0") == 4


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
    found = longer_runs.equivalence(ways(rng, 0))
    assert found["equivalent"].tolist() == [True, True]
    assert found["margin"].tolist() == pytest.approx([0.05 * 0.002, 0.03])
    assert found[["n", "n_reference"]].to_numpy().tolist() == [[6, 3]] * 2
    text = longer_runs.equivalence_sentence(found)
    assert text.startswith("tiles, dev loss: equivalent to plain pairs within ± 0.000100 (90 % interval ")
    assert text.count("6 against 3 trainings") == 2


def test_ways_that_differ_and_ways_that_scatter_are_told_apart(rng):
    different = longer_runs.equivalence_sentence(longer_runs.equivalence(ways(rng, 0.001)))
    assert "tiles, dev loss: different from plain pairs (90 %" in different
    table = ways(rng, 0)
    table["dev_loss"] += 1e-3 * (-1.0) ** table["seed"]
    assert "not decided" in longer_runs.equivalence_sentence(longer_runs.equivalence(table))
