"""The other two cells of target × encoder: they learn what can be learnt, and from training artists alone."""

from dataclasses import replace

import numpy as np
import planted_world
import pytest

from lib.beyond.audio_features import AudioFeatures
from lib.beyond.target_encoder import EncoderFactors, FeatureSiamese, PairRidge
from lib.ranking import metrics
from lib.training.siamese import Siamese

SETTINGS = {"batch_size": 256, "batch_norm_momentum": 0.9}


@pytest.fixture(scope="module")
def world():
    return planted_world.build()


@pytest.fixture(scope="module")
def ear():
    return AudioFeatures(n_atoms=16)


def made(name, matrix, ear):
    return {
        "encoder_factors": lambda: EncoderFactors(matrix, steps=40, n_factors=4, **SETTINGS),
        "feature_siamese": lambda: FeatureSiamese(ear, epochs=30, **SETTINGS),
        "pair_ridge": lambda: PairRidge(ear),
    }[name]()


@pytest.mark.parametrize("name", ["encoder_factors", "feature_siamese", "pair_ridge"])
def test_it_ranks_unheard_artists_better_than_chance_and_symmetrically(name, world, ear):
    matrix, study = world
    train, dev, test = planted_world.parts(study)
    method = made(name, matrix, ear).fit(study, train, dev, seed=0)
    held_out = [*dev, *test]
    truth, scores = study.target.loc[held_out, held_out], method.score(study, held_out)
    chance = metrics.ndcg(truth * 0, truth, 5).mean()
    assert metrics.ndcg(scores, truth, 5).mean() > chance + 0.1
    np.testing.assert_allclose(scores, scores.T, atol=1e-5)
    assert method.name == name


@pytest.mark.parametrize("name", ["encoder_factors", "feature_siamese", "pair_ridge"])
def test_nothing_of_the_test_artists_takes_part(name, world):
    matrix, study = world
    train, dev, test = planted_world.parts(study)
    clips, target = np.array(study.spectrograms), study.target.copy()
    clips[np.isin(study.clip_artists, test)] = 0.5
    target.loc[test] = np.nan
    plays = matrix.plays.tolil(copy=True)
    plays[:, np.flatnonzero(matrix.artists["artist_id"].isin(test))] = 7
    blind = replace(matrix, plays=plays.tocsr()), replace(study, spectrograms=clips, target=target)
    found = []
    for listening, study in (world, blind):
        method = made(name, listening, AudioFeatures(n_atoms=16))
        for knob in ("steps", "epochs"):
            if hasattr(method, knob):
                setattr(method, knob, 2)
        found.append(method.fit(study, train, dev, seed=0).score(study, dev))
    assert found[0].equals(found[1])


def test_networks_of_other_layers_are_trained_one_after_the_other(world):
    """None takes the compiled step of another one (`lib.training.siamese`)."""
    train, dev, test = planted_world.parts(world[1])
    asked = {"epochs": 1, "learning_rate": 0.01, **SETTINGS}
    makers = [
        lambda: Siamese(**asked),
        lambda: FeatureSiamese(AudioFeatures(n_atoms=16), **asked),
        lambda: FeatureSiamese(AudioFeatures(n_atoms=8), **asked),
    ]
    first, second = (
        [maker().fit(world[1], train, dev, seed=0).score(world[1], test) for maker in makers]
        for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        assert one.equals(other)


def test_the_ridge_of_pairs_is_the_bilinear_least_squares_fit(rng):
    """With hardly any strength and as many features as clips, the similarities of training are met."""
    from lib.beyond import target_encoder

    features = rng.normal(size=(6, 9))
    target = rng.random((6, 6))
    target = (target + target.T) / 2
    kernel = 1 + features @ features.T
    mean, coefficients = target_encoder._two_sided(kernel, np.arange(6), target, 1e-9)
    np.testing.assert_allclose(mean + kernel @ coefficients @ kernel, target, atol=1e-5)


def test_a_step_encodes_as_many_clips_as_a_tile(world):
    assert EncoderFactors(world[0], steps=1, batch_size=2048).clips_a_step == 32 + 64
