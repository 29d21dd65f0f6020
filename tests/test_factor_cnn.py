"""The network that hears factors: what its steps are made of, the same bits by seed, and that it learns."""

import keras
import numpy as np
import planted_world
import pytest

from lib.beyond import factor_cnn
from lib.beyond.factor_cnn import FactorCnn
from lib.ranking import baselines, metrics


@pytest.fixture(scope="module")
def world():
    return planted_world.build()


@pytest.fixture(scope="module")
def trained(world):
    matrix, study = world
    train, dev, _ = planted_world.parts(study)
    return FactorCnn(matrix, steps=60, n_factors=4).fit(study, train, dev, seed=0)


def test_the_network_is_three_convolutions_two_pools_and_a_direction(rng):
    model = factor_cnn.network(40)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("Conv1D") == kinds.count("BatchNormalization") == kinds.count("ReLU") == 3
    pools = [layer.pool_size[0] for layer in model.layers if type(layer).__name__ == "MaxPooling1D"]
    assert pools == [4, 2]
    assert model.get_layer("batch_norm_1").momentum == 0.95
    assert model.get_layer("dropout").rate == 0.3
    said = np.asarray(model(rng.random((3, 256, 64), dtype=np.float32), training=False))
    assert said.shape == (3, 40)
    np.testing.assert_allclose(np.linalg.norm(said, axis=1), 1, rtol=1e-5)


def test_the_loss_is_0_in_the_same_direction_and_2_in_the_opposite_one():
    true = np.array([[1.0, 0], [1, 0], [1, 0]], dtype=np.float32)
    predicted = np.array([[1.0, 0], [-1, 0], [0, 1]], dtype=np.float32)
    assert np.asarray(factor_cnn.one_minus_cosine(true, predicted)).tolist() == [0, 2, 1]


def test_every_clip_is_drawn_before_any_comes_again(rng):
    batches = factor_cnn.drawn_batches(100, 3, rng)
    assert batches.shape == (3, 64)
    assert len(set(batches.ravel()[:100])) == 100
    assert factor_cnn.drawn_batches(10, 5, rng).shape == (5, 10)  # of a small collection, all clips a step


def test_a_crop_is_a_part_of_its_clip_as_a_whole_louder_or_softer(rng):
    clips = np.tile(np.linspace(0.3, 0.7, 256)[None, :, None], (50, 1, 64)).astype(np.float32)
    crops = factor_cnn.jittered_crops(clips, rng)
    assert crops.shape == (50, 128, 64)
    np.testing.assert_allclose(np.diff(crops[:, :, 0], axis=1), 0.4 / 255, atol=1e-6)
    gains = (
        crops[:, 0, 0] - clips[0, np.argmin(np.abs(clips[0, :129, 0][:, None] - crops[:, 0, 0]), axis=0), 0]
    )
    assert np.abs(gains).max() <= 6 / 80 + 1e-6
    assert len(np.unique(crops[:, 0, 0].round(5))) > 40


def test_crops_stay_between_silence_and_the_loudest(rng):
    crops = factor_cnn.jittered_crops(rng.random((20, 256, 64)), rng)
    assert (crops.min(), crops.max()) == (0, 1)


def test_it_learns_what_can_be_heard(world, trained):
    _, study = world
    train, dev, test = planted_world.parts(study)
    unheard = [*dev, *test]
    truth = study.target.loc[unheard, unheard]
    l2 = baselines.L2().fit(study, train, dev)
    reached, plain = (metrics.ndcg(one.score(study, unheard), truth, 3).mean() for one in (trained, l2))
    assert np.mean(trained.losses[-10:]) < np.mean(trained.losses[:10]) - 0.2
    assert reached > plain


def test_one_seed_gives_the_same_bits_and_another_does_not(world):
    matrix, study = world
    train, dev, _ = planted_world.parts(study)
    one, two, three = (
        FactorCnn(matrix, steps=3, n_factors=4).fit(study, train, dev, seed=seed) for seed in (0, 0, 1)
    )
    assert one.losses == two.losses != three.losses
    assert all((a == b).all() for a, b in zip(one.model.get_weights(), two.model.get_weights(), strict=True))


def test_a_network_of_plain_arrays_hears_the_same(trained, rng):
    clips = rng.random((3, 256, 64), dtype=np.float32)
    keras.utils.set_random_seed(9)
    np.testing.assert_array_equal(FactorCnn.restore(trained.arrays()).hear(clips), trained.hear(clips))
