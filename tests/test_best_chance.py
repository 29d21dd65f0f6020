"""The paper's network with its changes: each does what its name says, and no more."""

import numpy as np
import pandas as pd
import planted_world
import pytest

from lib.beyond import best_chance
from lib.beyond.best_chance import BestChance
from lib.training.siamese import Siamese


@pytest.fixture(scope="module")
def world():
    return planted_world.build()[1]


@pytest.fixture(scope="module")
def matrix():
    return planted_world.build()[0]


def test_a_target_of_full_rank_stays_and_one_of_less_is_calmer(world):
    train = world.ids[:12]
    plain = world.target.loc[train, train]
    same, calm = (best_chance.denoised_target(world.target, train, rank=rank) for rank in (12, 2))
    np.testing.assert_allclose(same.loc[train, train], plain, atol=1e-9)
    assert np.nanvar(calm.loc[train, train]) < np.nanvar(plain)


def test_a_denoised_target_is_still_one_and_leaves_dev_and_test_alone(world):
    train, dev, test = planted_world.parts(world)
    calm = best_chance.denoised_target(world.target, train, rank=3)
    block = calm.loc[train, train].to_numpy()
    np.testing.assert_allclose(block, block.T, atol=1e-9)
    assert np.isnan(block).tolist() == np.eye(24, dtype=bool).tolist()
    assert 0 <= np.nanmin(block) <= np.nanmax(block) <= 1
    others = [*dev, *test]
    pd.testing.assert_frame_equal(calm.loc[others], world.target.loc[others])


def test_a_jittered_clip_is_a_part_of_it_and_then_silence(rng):
    clips = np.tile(np.linspace(0.3, 0.7, 256)[None, :, None], (30, 1, 64)).astype(np.float32)
    heard = best_chance.jittered(clips, rng)
    lengths = (heard[:, :, 0] > 0).sum(axis=1)
    assert lengths.min() >= 128
    assert len(set(lengths)) > 15
    for clip, length in zip(heard, lengths, strict=True):
        np.testing.assert_allclose(np.diff(clip[:length, 0]), 0.4 / 255, atol=1e-6)
        assert not clip[length:].any()


def test_without_changes_it_is_the_papers_network_to_the_bit(world):
    train, dev, _ = planted_world.parts(world)
    asked = {"batch_size": 256, "epochs": 1, "batch_norm_momentum": 0.9}
    plain = Siamese(**asked).fit(world, train, dev, seed=0)
    same = BestChance("same", **asked).fit(world, train, dev, seed=0)
    assert all(
        (a == b).all() for a, b in zip(plain.model.get_weights(), same.model.get_weights(), strict=True)
    )


def test_every_variant_is_fitted_and_the_plain_one_is_the_longer_one_stopped(world, matrix):
    train, dev, test = planted_world.parts(world)
    asked = {
        "batch_size": 256, "learning_rate": 0.001, "n_convolutions": 3, "batch_norm_momentum": 0.9
    }  # fmt: skip
    scores = {
        name: method.score(world, test)
        for name, method in best_chance.fitted(matrix, world, train, dev, seed=0, epochs=1, **asked)
    }
    assert set(scores) == set(best_chance.VARIANTS)
    for name, epochs in (("siamese", 1), ("siamese_longer", 2)):
        alone = Siamese(epochs=epochs, **asked).fit(world, train, dev, seed=0)
        assert alone.score(world, test).equals(scores[name])
    some = best_chance.fitted(matrix, world, train, dev, seed=0, epochs=1, todo=["l2", "siamese"], **asked)
    assert [name for name, _ in some] == ["siamese", "l2"]


def test_the_steps_are_those_of_notebook_04(world):
    train, _, _ = planted_world.parts(world)
    assert best_chance.steps_of(world, train, epochs=3, batch_size=2048) == 3  # 48 clips are one triangle
    assert set(best_chance.TWO_BY_TWO) <= set(best_chance.VARIANTS)
