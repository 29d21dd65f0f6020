"""Features of clips: statistics by hand, dictionaries that find what is there, no look at other artists."""

import librosa
import numpy as np
import planted_world
import pytest

from lib import numerics
from lib import study as studies
from lib.beyond import audio_features
from lib.beyond.audio_features import AudioFeatures, Dictionary


@pytest.fixture(scope="module")
def world():
    return planted_world.build()


@pytest.fixture
def clips(rng):
    return rng.random((6, 256, 64), dtype=np.float32)


def test_kmeans_finds_the_directions_that_points_gather_around(rng):
    axes = np.eye(5)[rng.integers(5, size=500)]
    points = numerics.unit(axes + rng.normal(0, 0.05, (500, 5)))
    atoms = audio_features.spherical_kmeans(points, 12, rng)
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1)
    assert (np.eye(5) @ atoms.T).max(axis=1).min() > 0.99


def test_there_are_no_more_atoms_than_points(rng):
    assert audio_features.spherical_kmeans(np.eye(3), 256, rng).shape == (3, 3)


def test_answers_are_soft_thresholded_cosines_pooled_over_time(clips):
    dictionary = Dictionary(4, n_atoms=8).fit(clips, seed=0)
    clip, answers = clips[0], []
    for start in range(256 - 4 + 1):
        patch = (clip[start : start + 4].ravel() - dictionary.mean) @ dictionary.whiten
        answers.append(np.maximum(dictionary.atoms @ patch / np.linalg.norm(patch) - 0.1, 0))
    wanted = np.concatenate([np.mean(answers, axis=0), np.std(answers, axis=0), np.max(answers, axis=0)])
    np.testing.assert_allclose(dictionary.transform(clips[:1])[0], wanted, atol=1e-5)


def test_whitened_patches_are_uncorrelated_and_hardly_spread(clips):
    dictionary = Dictionary(4, n_atoms=8).fit(clips, seed=0)
    patches = dictionary._patches(clips).reshape(-1, 256)
    spread = np.cov(((patches - patches.mean(axis=0)) @ dictionary.whiten).T)
    assert np.abs(spread - np.diag(np.diag(spread))).max() < 0.15
    assert 0.8 < np.diag(spread).min() <= np.diag(spread).max() < 1.3


def test_statistics_of_a_band_by_hand():
    clip = np.zeros((1, 256, 64), dtype=np.float32)
    clip[0, ::2, 3] = 1  # half of the frames, in turns
    found = audio_features.band_statistics(clip)[0].reshape(5, 64)
    np.testing.assert_allclose(found[:, 3], [0.5, 0.5, 1.0, 0.0, 1.0])
    assert not found[:, 4].any()


def test_cepstra_are_librosas_without_the_loudness_term(clips):
    found = audio_features.cepstral_covariances(clips)
    mfcc = librosa.feature.mfcc(S=clips[2].T, n_mfcc=21)[1:]
    np.testing.assert_allclose(found[2, :20], mfcc.mean(axis=1), rtol=1e-4, atol=1e-4)
    upper = np.triu_indices(20)
    np.testing.assert_allclose(found[2, 20:230], np.cov(mfcc, bias=True)[upper], rtol=1e-4, atol=1e-4)
    assert found.shape == (6, 20 + 2 * 210)


def test_louder_by_a_constant_is_the_same_timbre(clips):
    soft, loud = (audio_features.cepstral_covariances(clips * 0.5 + gain) for gain in (0, 0.3))
    np.testing.assert_allclose(soft, loud, atol=1e-4)


def test_training_features_have_mean_0_and_views_of_one_weight(world):
    _, study = world
    train = study.ids[:24]
    ear = AudioFeatures(n_atoms=16).fit(study, train)
    features, owners = ear.of(study, train)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-6)
    squares = (features**2).sum(axis=1).mean()
    assert squares == pytest.approx(1, abs=0.05)  # four views of 1/4 each; what never varies has none
    assert len(features) == len(owners) == 48


def test_clips_of_other_artists_cannot_change_what_an_ear_has_learnt(world, rng):
    matrix, study = world
    train = study.ids[:24]
    before = AudioFeatures(n_atoms=16).fit(study, train).arrays()
    spoilt = np.where(np.isin(study.clip_artists, train)[:, None, None], study.spectrograms, 0.5)
    other = studies.of_arrays(spoilt, study.clip_artists, study.target, study.listeners)
    after = AudioFeatures(n_atoms=16).fit(other, train).arrays()
    assert all((before[name] == after[name]).all() for name in before)


def test_an_ear_hears_the_same_twice_and_otherwise_with_another_seed(world):
    _, study = world
    train = study.ids[:24]
    one, two, three = (AudioFeatures(n_atoms=16).fit(study, train, seed=seed).arrays() for seed in (0, 0, 1))
    assert all((one[name] == two[name]).all() for name in one)
    assert (one["dictionary0.atoms"] != three["dictionary0.atoms"]).any()


def test_a_shared_ear_learns_anew_for_other_training_artists(world):
    _, study = world
    ear = AudioFeatures(n_atoms=16).fit(study, study.ids[:24])
    before = ear.arrays()["view2.mean"]
    assert (ear.fit(study, study.ids[8:32]).arrays()["view2.mean"] != before).any()


def test_an_ear_of_plain_arrays_hears_the_same(world, clips):
    _, study = world
    ear = AudioFeatures(n_atoms=16).fit(study, study.ids[:24])
    np.testing.assert_array_equal(AudioFeatures.restore(ear.arrays()).transform(clips), ear.transform(clips))
