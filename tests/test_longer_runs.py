"""Tables of longer runs: what is kept, what is taken up again, and what is read from them."""

import numpy as np
import pandas as pd
import pytest

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
    found = longer_runs.per_query(method, collection, parts, n=2)
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


def test_trainings_are_averaged_for_each_query(table):
    found = longer_runs.as_values(table, "variant", part="dev")
    ndcg = found[(found["measure"] == "ndcg") & (found["method"] == "b")].set_index("query")["value"]
    assert ndcg.to_dict() == pytest.approx({"p": 0.35, "q": 0.36, "r": 0.37})
    assert set(found["n_seeds"]) == {2}
    assert set(found["measure"]) == {"ndcg", "unordered", "matched_concordance"}


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
