"""Hearing who listens: a planted world in which it can be heard, and proofs that nothing else is used."""

import functools
import types

import numpy as np
import planted_world
import pytest
import scipy.sparse
from sklearn.linear_model import Ridge

from lib import study as studies
from lib.beyond import factor_models
from lib.beyond.audio_features import AudioFeatures
from lib.beyond.factor_models import (
    FactorKernel,
    FactorRidge,
    FactorSum,
    SegmentKernel,
    SegmentRidge,
    TagRidge,
)
from lib.listening.matrix import ListeningMatrix
from lib.ranking import baselines, metrics

KINDS = [FactorRidge, FactorKernel, SegmentRidge, SegmentKernel]
build = functools.cache(planted_world.build)


@pytest.fixture(scope="module")
def world():
    return build()


@functools.cache
def features(describing):
    """Shared by the methods that `fitted` makes."""
    return describing(n_atoms=16)


@functools.cache
def fitted(kind):
    matrix, study = build()
    train, dev, _ = planted_world.parts(study)
    return kind(matrix, features(kind.describing)).fit(study, train, dev)


def reached(method, study, artists):
    scores = method.score(study, artists)
    return metrics.ndcg(scores, study.target.loc[artists, artists], 3).mean()


@pytest.mark.parametrize("kind", KINDS)
def test_it_beats_a_plain_distance_where_audio_says_who_shares_listeners(world, kind):
    _, study = world
    train, dev, test = planted_world.parts(study)
    unheard = [*dev, *test]
    l2 = reached(baselines.L2().fit(study, train, dev), study, unheard)
    assert reached(fitted(kind), study, unheard) > l2 + 0.1


@pytest.mark.parametrize("kind", [FactorRidge, FactorKernel, SegmentKernel])
def test_neither_listeners_nor_clips_of_dev_and_test_artists_reach_a_fit(world, kind, rng):
    matrix, study = world
    train, dev, _ = planted_world.parts(study)
    method = fitted(kind)
    held_out = ~matrix.artists["artist_id"].isin(train).to_numpy()
    plays = matrix.plays.toarray()
    plays[:, held_out] = rng.integers(0, 9, (len(plays), held_out.sum()))
    listening = ListeningMatrix(scipy.sparse.csr_array(plays), matrix.artists)
    kept = np.isin(study.clip_artists, train)[:, None, None]
    spoilt = studies.of_arrays(
        np.where(kept, study.spectrograms, rng.random((1, 256, 64))),
        study.clip_artists, study.target, study.listeners,
    )  # fmt: skip
    other = kind(listening, kind.describing(n_atoms=16)).fit(spoilt, train, dev, seed=0)
    assert all((value == other.arrays()[name]).all() for name, value in method.arrays().items())


def test_the_linear_fit_is_scikit_learns_weighted_ridge(world):
    matrix, study = world
    train = planted_world.parts(study)[0]
    method = fitted(FactorRidge)
    target, trust = method.targets(study, train)
    features, owners = method.features.of(study, train)
    weights = trust[owners] / np.bincount(owners)[owners]
    centre = np.average(target[owners], axis=0, weights=weights)
    ridge = Ridge(alpha=method.strength, fit_intercept=False)
    ridge.fit(features, target[owners] - centre, sample_weight=weights / weights.mean())
    wanted = centre + ridge.predict(features)
    np.testing.assert_allclose(method.predict(features), wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


def test_one_decomposition_serves_every_strength(rng):
    features, target, weights = rng.normal(size=(20, 6)), rng.normal(size=(20, 3)), rng.uniform(0.1, 1, 20)
    asked = rng.normal(size=(4, 6))
    path = factor_models._RidgePath(features @ features.T, target, weights)
    path.project(asked @ features.T)
    for strength in (0.01, 1.0, 30.0):
        alone = factor_models._ridge(features @ features.T, target, weights, strength)
        np.testing.assert_allclose(path.predict(strength), asked @ features.T @ alone, atol=1e-8)


def test_the_strength_is_the_best_of_the_inner_folds():
    method = fitted(FactorKernel)
    best = method.chosen.loc[method.chosen["cosine"].idxmax()]
    assert (method.strength, method.width) == (best["strength"], best["width"])
    assert method.chosen["cosine"].between(-1, 1).all()


def test_scores_are_symmetric_cosines(world):
    _, study = world
    scores = fitted(FactorRidge).score(study, study.ids).to_numpy()
    np.testing.assert_allclose(scores, scores.T, atol=1e-9)
    assert np.nanmin(scores) >= -1 - 1e-12
    assert np.nanmax(scores) <= 1 + 1e-12


def test_a_sum_is_the_mean_of_its_parts_cosines(world):
    _, study = world
    parts = [fitted(kind) for kind in (FactorRidge, SegmentKernel)]
    wanted = sum(part.score(study, study.ids) for part in parts) / 2
    np.testing.assert_allclose(FactorSum(parts).score(study, study.ids), wanted, atol=1e-9)


def test_one_seed_gives_the_same_bits(world):
    matrix, study = world
    train, dev, _ = planted_world.parts(study)
    again = FactorKernel(matrix, AudioFeatures(n_atoms=16)).fit(study, train, dev)
    assert again.score(study, study.ids).equals(fitted(FactorKernel).score(study, study.ids))


def test_an_artist_heard_alone_is_where_it_stands_among_the_others(world):
    _, study = world
    for kind in KINDS:
        method = fitted(kind)
        clips, _ = study.clips_of(study.ids[30:31])
        among = method.vectors(study, study.ids)[30]
        heard = method.hear(clips)  # features are float32 sums, whose order depends on how many are added
        np.testing.assert_allclose(heard, among, rtol=1e-3, atol=1e-4 * np.abs(among).max())


@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_method_hears_the_same(world, kind):
    _, study = world
    method = fitted(kind)
    clips, _ = study.clips_of(study.ids[30:31])
    restored = kind.restore(method.arrays())
    np.testing.assert_allclose(restored.hear(clips), method.hear(clips), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_method_is_made_of_the_features_of_its_family(miniature, kind):
    features = {describing: describing(n_atoms=8) for describing in {one.describing for one in KINDS}}
    made = kind.made(types.SimpleNamespace(listening=miniature, features=features, n_factors=3))
    assert made.features is features[kind.describing]
    assert type(kind(miniature).features) is kind.describing


def test_where_tags_say_how_artists_sound_they_can_be_learnt(world):
    _, study = world
    train, dev, test = planted_world.parts(study)
    method = TagRidge(planted_world.called(), AudioFeatures(n_atoms=16)).fit(study, train, dev)
    unheard = [*dev, *test]
    chance = reached(baselines.Chance().fit(study, train, dev), study, unheard)
    assert reached(method, study, unheard) > chance + 0.1


def test_neither_tags_of_held_out_artists_nor_artists_without_tags_reach_the_ridge(world):
    _, study = world
    train, dev, _ = planted_world.parts(study)
    counts = planted_world.called()
    ear = AudioFeatures(n_atoms=16)
    before = TagRidge(counts, ear).fit(study, train, dev).arrays()
    spoilt = counts.assign(tag=counts["tag"].where(counts["artist_id"].isin(train), "style 0"))
    after = TagRidge(spoilt, ear).fit(study, train, dev).arrays()
    assert all((value == after[name]).all() for name, value in before.items())
    taught, target, trust = TagRidge(counts).lesson(study, train)
    assert taught == [artist for place, artist in enumerate(train) if place % 5]
    assert len(target) == len(trust) == len(taught)
    np.testing.assert_allclose(trust, 4 / 9)  # four counts each


def test_an_artist_that_nobody_listens_to_is_an_error(world):
    matrix, study = world
    train, dev, _ = planted_world.parts(study)
    fewer = ListeningMatrix(matrix.plays[:, 1:], matrix.artists.iloc[1:])
    with pytest.raises(ValueError, match="1 training artists are not in the listening matrix"):
        FactorRidge(fewer).fit(study, train, dev)


def test_twelve_artists_and_24_clips_are_enough_to_run(miniature, study):
    train, dev = study.ids[:8], study.ids[8:10]
    scores = FactorKernel(miniature, AudioFeatures(n_atoms=8)).fit(study, train, dev).score(study, study.ids)
    assert scores.notna().sum().sum() == 12 * 11
