"""The paper's network with its changes: each does what its name says, and no more."""

import numpy as np
import pandas as pd
import planted_world
import pytest

from lib import best_chance
from lib.best_chance import BestChance
from lib.training import Siamese


@pytest.fixture(scope="module")
def world():
    return planted_world.build()[1]


def test_a_target_of_full_rank_stays_and_one_of_less_is_calmer(world):
    train = world.artists[:12]
    plain = world.target.loc[train, train]
    same, calm = (best_chance.denoised_target(world.target, train, rank=rank) for rank in (12, 2))
    np.testing.assert_allclose(same.loc[train, train], plain, atol=1e-9)
    assert np.nanvar(calm.loc[train, train]) < np.nanvar(plain)


def test_a_denoised_target_is_still_one_and_leaves_dev_and_test_alone(world):
    train, dev, test = planted_world.parts(world)
    calm = best_chance.denoised_target(world.target, train, rank=3)
    block = calm.loc[train, train].to_numpy()
    np.testing.assert_allclose(block, block.T)
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
    asked = {"batch_size": 256, "batch_norm_momentum": 0.9}
    plain = Siamese(epochs=1, pairs_per_epoch=20 * 256, **asked).fit(world, train, dev, seed=0)
    same = BestChance("same", steps=20, **asked).fit(world, train, dev, seed=0)
    assert all(
        (a == b).all() for a, b in zip(plain.model.get_weights(), same.model.get_weights(), strict=True)
    )


def test_every_variant_is_trained_and_scores_all_artists(world):
    train, dev, _ = planted_world.parts(world)
    scores = best_chance.scores(world, train, dev, seeds=[0], steps=2, longer=3, batch_size=64)
    assert scores["method"].nunique() == 5
    assert scores.groupby("method").size().unique().tolist() == [40 * 39]
    again = best_chance.scores(world, train, dev, seeds=[0], steps=2, longer=3, batch_size=64)
    pd.testing.assert_frame_equal(scores, again)
