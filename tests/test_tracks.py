"""Tracks as queries and candidates: values counted by hand, chance by permutation, intervals that cover."""

from dataclasses import replace

import numpy as np
import pandas as pd
import planted_world
import pytest
from sklearn.metrics import average_precision_score

from lib import methods, registry
from lib import study as studies
from lib.beyond import protocol
from lib.beyond.audio_features import AudioFeatures
from lib.ranking import claims, confounds, ledger, metrics, retrieval, track_results, tracks
from lib.ranking.scores import Scores, score_all
from lib.workflow.kept import Kept

# Tracks a1 a2 of artist a, b1 b2 b3 of b, c1 of c. a is near b, c is far from both.
IDS = ["a1", "a2", "b1", "b2", "b3", "c1"]
OWNERS = pd.Series(list("aabbbc"), IDS)
TARGET = methods.labelled_scores([[0, 0.8, 0.2], [0.8, 0, 0.4], [0.2, 0.4, 0]], list("abc"))
STYLES = pd.Series(["pop", "pop", "pop", "metal", "metal", "metal"], IDS)


def of_artists(target, owners):
    """Similarity of the artists of tracks, blank between tracks of one artist."""
    return target.loc[owners, owners].set_axis(owners.index).set_axis(owners.index, axis=1)


def held_out(**more):
    listeners = pd.Series([9.0, 9, 5, 5, 5, 5], IDS)
    return track_results.HeldOut(of_artists(TARGET, OWNERS), OWNERS, listeners, **({"n": 2} | more))


def scores(rows):
    frame = pd.DataFrame(np.nan, IDS, IDS)
    for query, row in rows.items():
        frame.loc[query, list(row)] = range(len(row), 0, -1)
    return frame.fillna(0.0)


def random_world(rng, n_artists=12):
    """Artists with one to three tracks, a truth between artists, and scores that know nothing."""
    counts = np.arange(n_artists) % 3 + 1
    ids = [f"{artist:02d}/{track}" for artist in range(n_artists) for track in range(counts[artist])]
    owners = pd.Series([name[:2] for name in ids], ids)
    names = sorted(set(owners))
    values = rng.random((n_artists, n_artists))
    target = methods.labelled_scores(values + values.T, names)
    listeners = pd.Series(rng.integers(5, 500, n_artists).astype(float), names).loc[owners].set_axis(ids)
    styles = pd.Series(rng.integers(3, size=len(ids)).astype(str), ids)
    own = track_results.HeldOut(of_artists(target, owners), owners, listeners, styles, n=5)
    noise = rng.normal(size=(len(ids), len(ids)))
    return own, methods.labelled_scores(noise + noise.T, ids)


# One query at a time, counted by hand.

ONE = scores({
    "a1": ["b1", "a2", "c1", "b2", "b3"],
    "a2": ["c1", "b1", "b2", "b3", "a1"],
    "b1": ["b2", "a1", "a2", "b3", "c1"],
    "b2": ["a1", "a2", "c1", "b1", "b3"],
    "b3": ["b1", "b2", "a1", "a2", "c1"],
    "c1": ["a1", "b1", "a2", "b2", "b3"],
})  # fmt: skip


def test_the_other_tracks_of_an_artist_are_relevant_among_all_other_tracks():
    values = {key: run.values for key, run in held_out().measure(ONE).items()}
    precision = values["same artist", "average_precision"]
    # a1 finds a2 in place 2, a2 finds a1 in place 5; b1, b2, b3 find theirs in places 1 4, 4 5 and 1 2.
    assert precision["a"] == pytest.approx((1 / 2 + 1 / 5) / 2)
    assert precision["b"] == pytest.approx(((1 + 2 / 4) / 2 + (1 / 4 + 2 / 5) / 2 + 1) / 3)
    assert np.isnan(precision["c"])  # has no other track
    assert values["same artist", "reciprocal_rank"]["b"] == pytest.approx((1 + 1 / 4 + 1) / 3)
    assert values["same artist", "hit_at_1"]["b"] == pytest.approx(2 / 3)
    assert values["same artist", "hit_at_1"]["a"] == 0


def test_of_the_truth_by_listeners_the_own_artist_is_left_out():
    values = held_out().measure(ONE)["listeners", "ndcg"].values
    discount = 1 / np.log2([2, 3])
    # a1 without a2: b1, c1; a2: c1, b1; the best two are of b.
    gains = np.array([[0.8, 0.2], [0.2, 0.8]]) @ discount
    assert values["a"] == pytest.approx((gains / (0.8 * discount.sum())).mean())
    # c1: a1, b1; the best two are of b.
    assert values["c"] == pytest.approx((np.array([0.2, 0.4]) @ discount) / (0.4 * discount.sum()))


def test_of_the_style_tracks_of_other_artists_are_relevant():
    values = held_out(styles=STYLES).measure(ONE)["same style", "average_precision"].values
    # a1: b1 first of b1, c1, b2, b3; a2: b1 second of c1, b1, b2, b3.
    assert values["a"] == pytest.approx((1 + 1 / 2) / 2)
    # c1: b2 and b3 fourth and fifth of a1, b1, a2, b2, b3.
    assert values["c"] == pytest.approx((1 / 4 + 2 / 5) / 2)
    assert ("same style", "hit_at_1") not in held_out().measure(ONE)


def test_matched_concordance_compares_tracks_of_artists_with_like_listeners():
    own = held_out()
    run = own.measure(ONE)["listeners", "matched_concordance"].values
    # For a1, b and c have like listeners: b1 before c1, c1 before b2 and b3. For a2 c1 is before all three.
    assert run["a"] == pytest.approx((1 / 3 + 0) / 2)
    block = (["a1", "a2"], ["b1", "b2", "b3", "c1"])
    parts = [frame.loc[block] for frame in (ONE, own.truth)]
    assert confounds.matched_concordance(*parts, own.listeners[block[1]]).mean() == pytest.approx(run["a"])


def test_ndcg_is_the_metric_of_table_1_without_the_own_tracks(rng):
    own, frame = random_world(rng)
    run = own.measure(frame)["listeners", "ndcg"].values
    for artist in run.index:
        mine = own.made_by == artist
        parts = [side.loc[mine, ~mine] for side in (frame, own.truth)]
        assert metrics.ndcg(*parts, own.n).mean() == pytest.approx(run[artist])


def test_average_precision_is_that_of_scikit_learn(rng):
    own, frame = random_world(rng)
    run = own.measure(frame)["same artist", "average_precision"].values
    for artist in run.dropna().index:
        mine = own.made_by.index[own.made_by == artist]
        oracle = []
        for query in mine:
            others = own.made_by.index != query
            oracle.append(average_precision_score(own.made_by[others] == artist, frame.loc[query, others]))
        assert np.mean(oracle) == pytest.approx(run[artist])


# Chance.


@pytest.mark.parametrize(("m", "r"), [(5, 1), (5, 2), (4, 4), (9, 3), (1, 1)])
def test_chance_of_retrieval_is_the_mean_over_random_orders(rng, m, r):
    relevant = np.zeros((1, m), dtype=bool)
    relevant[0, :r] = True
    drawn = [
        retrieval.retrieval(rng.random((1, m)), relevant, np.ones((1, m), dtype=bool), np.arange(m))[0][0]
        for _ in range(1000)
    ]
    error = 4 * np.std(drawn, axis=0) / np.sqrt(len(drawn)) + 1e-12
    assert (np.abs(np.mean(drawn, axis=0) - retrieval.expected(m, r)) <= error).all()


def test_chance_of_every_measure_is_the_mean_over_permuted_scores(rng):
    own, frame = random_world(rng)
    values = frame.to_numpy(copy=True)
    np.fill_diagonal(values, 0)
    sums = {}
    for _ in range(120):
        order = rng.permuted(values, axis=1)
        for key, run in own.measure(pd.DataFrame(order, own.ids, own.ids)).items():
            sums.setdefault(key, []).append(run.values.mean())
    assert sums.keys() == own.chance().keys()
    for key, run in own.chance().items():
        error = 4 * np.std(sums[key]) / np.sqrt(len(sums[key]))
        assert abs(np.mean(sums[key]) - run.values.mean()) < error, key


def test_mixed_ties_take_the_mean_over_orders():
    relevant = np.array([[False, True, True, False, False]])
    everyone = np.ones((1, 5), dtype=bool)
    tied, _ = retrieval.retrieval(np.array([[2.0, 2, 1, 0, 0]]), relevant, everyone, np.arange(5), seed=1)
    first, second = (
        retrieval.retrieval(np.array([row]), relevant, everyone, np.arange(5))[0]
        for row in ([4.0, 3, 2, 1, 0], [3.0, 4, 2, 1, 0])
    )
    assert (np.minimum(first, second) < tied).all()
    assert (tied < np.maximum(first, second)).all()


# Intervals.


def test_what_an_artist_adds_is_what_the_value_loses_without_its_tracks(rng):
    own, frame = random_world(rng, n_artists=5)
    _, relevant, candidates = next(own._retrieved())
    codes = own._codes
    values, changes = retrieval.retrieval(frame.to_numpy(), relevant, candidates, codes)
    for artist in range(5):
        kept = codes != artist
        fewer, _ = retrieval.retrieval(frame.to_numpy(), relevant & kept, candidates & kept, codes)
        others = kept & ~np.isnan(values[:, 0])
        np.testing.assert_allclose((values - changes[:, :, artist])[others], fewer[others])


def test_intervals_of_scores_that_know_nothing_cover_chance(rng):
    missed = {}
    for _ in range(60):
        own, frame = random_world(rng, n_artists=18)
        table = track_results.table(Scores.of_frames({("l2", 0, 0): frame}), {0: own})
        for row in table[table["input"] == "track"].to_dict("records"):
            missed.setdefault((row["question"], row["measure"]), []).append(row["p_value"] < 0.05)
    shares = {key: np.mean(each) for key, each in missed.items()}
    assert len(shares) == 8
    assert max(shares.values()) < 0.15, shares  # 5 %, and more than 3 standard errors of 60 draws


def test_a_value_is_the_mean_over_artists_whatever_their_number_of_tracks():
    table = track_results.table(Scores.of_frames({("l2", 0, 0): ONE}), {0: held_out()})
    own = table.set_index(["question", "input", "measure"])
    row = own.loc[("same artist", "track", "average_precision")]
    first, second = 0.35, (0.75 + 0.325 + 1) / 3
    assert row["value"] == pytest.approx((first + second) / 2)
    assert np.isclose(row["ci_high"] - row["value"], row["value"] - row["ci_low"])
    assert (row["n_tracks"], row["n_queries"], row["n_seeds"], row["folds"]) == (5, 2, 1, 1)
    assert row["over_chance"] == pytest.approx(row["value"] - row["chance"])
    assert np.isnan(row["gain"])
    assert own.loc[("listeners", "track", "ndcg"), "n"] == 2


def test_queries_of_all_folds_stand_together(rng):
    worlds = {fold: random_world(rng) for fold in (1, 2)}
    renamed = {}
    for fold, (own, frame) in worlds.items():
        ids = [f"{fold}:{name}" for name in own.ids]
        held = track_results.HeldOut(
            own.truth.set_axis(ids).set_axis(ids, axis=1),
            (f"{fold}:" + own.made_by).set_axis(ids),
            own.listeners.set_axis(ids),
            n=5,
        )
        renamed[fold] = held, frame.set_axis(ids).set_axis(ids, axis=1)
    of_runs = {("l2", fold, 0): frame for fold, (_, frame) in renamed.items()}
    table = track_results.table(Scores.of_frames(of_runs), {fold: own for fold, (own, _) in renamed.items()})
    (row,) = table[(table["measure"] == "ndcg") & (table["input"] == "track")].to_dict("records")
    alone = [own.measure(frame)["listeners", "ndcg"].values for own, frame in renamed.values()]
    assert row["value"] == pytest.approx(pd.concat(alone).mean())
    assert (row["folds"], row["n_queries"]) == (2, 24)


# What scores are made of.


def toy_study(rng, clip_ids=True):
    target = methods.labelled_scores([[0, 0.5, 0.1], [0.5, 0, 0.2], [0.1, 0.2, 0]], list("abc"))
    sounds = rng.random((5, 256, 64), dtype=np.float32)
    study = studies.of_arrays(sounds, list("babca"), target, pd.Series([30, 20, 10], list("abc")))
    return replace(study, clips=study.clips.assign(clip_id=list("vwxyz"))) if clip_ids else study


def test_every_clip_is_an_artist_of_its_own(rng):
    study = toy_study(rng)
    alone = tracks.alone(study)
    assert tracks.of_artists(alone, ["b", "a"]) == ["v", "x", "w", "z"]
    assert alone.target.loc["v", ["w", "x", "y"]].tolist()[::2] == [0.5, 0.2]
    assert np.isnan(alone.target.loc["v", "x"])
    assert alone.listeners.tolist() == [20, 30, 20, 10, 30]
    scored = registry.method("l2")().score(alone, ["y", "v"])
    distance = np.linalg.norm(study.spectrograms[3] - study.spectrograms[0])
    assert scored.loc["y", "v"] == pytest.approx(-distance, rel=1e-5)
    assert tracks.alone(toy_study(rng, clip_ids=False)).ids == list("01234")


def test_averages_of_tracks_are_the_artists_own_scores(rng):
    study, method = toy_study(rng), registry.method("l2")()
    alone = tracks.alone(study)
    frame = tracks.averaged(method.score(alone, alone.ids), alone.artists["made_by"])
    whole = method.score(study, ["a", "b", "c"])
    for one, other in [("v", "w"), ("x", "y"), ("y", "z")]:
        artists = alone.artists["made_by"]
        assert frame.loc[one, other] == pytest.approx(whole.loc[artists[one], artists[other]], rel=1e-5)


def test_two_clips_of_one_name_are_refused(rng):
    study = toy_study(rng)
    twice = replace(study, clips=study.clips.assign(clip_id=list("vvxyz")))
    with pytest.raises(ValueError, match="two clips are called v"):
        tracks.alone(twice)


def test_an_excerpt_is_a_third_of_the_clip_again_and_again(rng):
    study = toy_study(rng)
    parts = tracks.excerpts(tracks.alone(study), ["y", "v"])
    assert parts.ids == ["y/0", "y/1", "y/2", "v/0", "v/1", "v/2"]
    edges = [0, 86, 171, 256]
    for k, (start, end) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        third = study.spectrograms[3, start:end]
        np.testing.assert_array_equal(parts.spectrograms[k, : end - start], third)
        np.testing.assert_array_equal(parts.spectrograms[k, end - start : 2 * (end - start)], third)
    assert parts.target.loc["y/0", "v/2"] == 0.2


def test_scores_of_excerpts_are_means_over_their_pairs(rng):
    names = [f"{track}/{k}" for track in "xy" for k in range(3)]
    frame = methods.labelled_scores(rng.random((6, 6)), names)
    for k, count in ((1, 3), (2, 3), (3, 1)):
        assert len(tracks.of_excerpts(frame, ["x", "y"], k)) == count
    both = tracks.of_excerpts(frame, ["x", "y"], 2)[1].loc["x", "y"]  # the first and the last third
    assert both == pytest.approx(frame.loc[["x/0", "x/2"], ["y/0", "y/2"]].to_numpy().mean())


def test_excerpts_have_rows_beside_whole_tracks(rng):
    own, frame = random_world(rng)
    names = [f"{track}/{k}" for track in own.ids for k in range(3)]
    same = pd.DataFrame(np.repeat(np.repeat(frame.fillna(0), 3, axis=0), 3, axis=1), names, names)
    run = ("l2", 0, 0)
    table = track_results.table(
        Scores.of_frames({run: frame}), {0: own}, Scores.of_frames({run: same})
    ).set_index(["question", "input", "measure"])
    for made_of in ("1 excerpt", "2 excerpts", "3 excerpts"):
        for key in (("listeners", made_of, "ndcg"), ("same artist", made_of, "hit_at_1")):
            assert table.loc[key, "gain"] == pytest.approx(0)
    assert ("same artist", "artist average", "hit_at_1") not in table.index
    assert ("listeners", "artist average", "ndcg") in table.index


# Refusals, claims, and the methods of notebook 07.


def test_too_few_tracks_and_tracks_without_a_style_are_refused(rng):
    alone = tracks.alone(toy_study(rng))
    with pytest.raises(ValueError, match="2 tracks of 1 artists are too few"):
        track_results.HeldOut.of(alone, ["b"])
    styles = pd.Series(["pop"], ["v"])
    with pytest.raises(ValueError, match="4 of 5 tracks have no style"):
        track_results.HeldOut.of(alone, ["a", "b", "c"], styles=styles)


def test_claims_on_tracks_take_their_figures_from_the_table(rng):
    own, _ = random_world(rng, n_artists=20)
    near = own.truth.fillna(9.0)
    table = track_results.table(Scores.of_frames({("siamese", 0, seed): near for seed in (0, 1)}), {0: own})
    decided = ledger.decided([claims.track_claims(table)]).set_index("claim")
    assert decided["verdict"].tolist()[:2] == ["holds", "holds"]
    better = decided.loc["similarity between tracks is better suited than between artists"]
    assert better["value"] == pytest.approx(0, abs=1e-9)
    single = track_results.table(Scores.of_frames({("siamese", 0, 0): ONE}), {0: held_out()})
    some = claims.track_claims(single[single["question"] != "same artist"])
    assert some["decided_by"][1] == "too few artists have more than one clip"


def test_methods_of_audio_score_single_tracks_as_they_would_alone(tmp_path):
    listening, study = planted_world.build()
    train, dev, test = planted_world.parts(study)
    parts = ["train"] * len(train) + ["dev"] * len(dev) + ["test"] * len(test)
    split = pd.DataFrame({"fold": 0, "artist_id": [*train, *dev, *test], "split": parts})
    alone, kept = tracks.alone(study), Kept(tmp_path)
    given = protocol.Given(
        listening, {AudioFeatures: AudioFeatures(lengths=(4,), n_atoms=8)}, n_factors=4, steps=1
    )
    with pytest.MonkeyPatch.context() as patch:
        unused = set(registry.of_kind("audio")) - {"factor_ridge", "factor_kernel", "factor_sum"}
        used = {name: entry for name, entry in registry.METHODS.items() if name not in unused}
        patch.setattr(registry, "METHODS", used)  # deleting entries would put them back in another order
        protocol.fit_and_score(study, split, given, seeds=[0], kept=kept)
        before = len(kept.listed())
        scored = protocol.score_tracks(study, split, given, seeds=[0], kept=kept, folds=[0])
    assert len(kept.listed()) == before, "nothing is fitted again"
    assert scored.methods == ["factor_ridge", "factor_kernel", "factor_sum"]
    ridge = registry.method("factor_ridge").made(given).fit(study, train, dev, seed=0)
    ids = tracks.of_artists(alone, test)
    np.testing.assert_allclose(scored.frame(("factor_ridge", 0, 0)), ridge.score(alone, ids), atol=1e-6)
    both = [scored.frame((name, 0, 0), ids) for name in ("factor_ridge", "factor_kernel")]
    np.testing.assert_allclose(scored.frame(("factor_sum", 0, 0), ids), sum(both) / 2, atol=1e-6)
    table = track_results.table(
        scored | score_all([(registry.method("l2")(), 0)], alone, artists=ids),
        {0: track_results.HeldOut.of(alone, test)},
    ).set_index(["question", "input", "measure", "method"])
    key = ("listeners", "track", "ndcg")
    assert table.loc[(*key, "factor_sum"), "over_chance"] > 0
    assert table.loc[(*key, "factor_sum"), "value"] > table.loc[(*key, "l2"), "value"]
