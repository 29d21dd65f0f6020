"""Every pair once an epoch, by counting."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.training import pairs


def pairs_of(tile):
    return [
        tuple(sorted(pair))
        for pair in zip(tile.clips[tile.left].tolist(), tile.clips[tile.right].tolist(), strict=True)
    ]


def counted(walked):
    return Counter(pair for tile in walked for pair in pairs_of(tile))


@given(
    n_clips=st.integers(2, 90), exponent=st.integers(2, 9), seed=st.integers(0, 9), epoch=st.integers(0, 9)
)
def test_each_unordered_pair_comes_exactly_once_and_no_tile_is_too_large(n_clips, exponent, seed, epoch):
    walked = pairs.tiles(n_clips, batch_size=2**exponent, seed=seed, epoch=epoch)
    assert counted(walked) == Counter((a, b) for b in range(n_clips) for a in range(b))
    for tile in walked:
        assert 0 < len(tile.left) == len(tile.right) <= 2**exponent
        assert len(set(tile.clips)) == len(tile.clips)
        assert set(tile.left) | set(tile.right) == set(range(len(tile.clips)))  # no clip is encoded in vain


def test_a_full_batch_of_2048_is_a_tile_of_32_by_64():
    assert pairs.tile_shape(2048) == (32, 64)
    assert [pairs.tile_shape(size) for size in (4, 8, 512, 1024)] == [(2, 2), (2, 4), (16, 32), (32, 32)]
    sizes = Counter(
        (len(tile.clips), len(tile.left)) for tile in pairs.tiles(256, batch_size=2048, seed=0, epoch=0)
    )
    assert sizes == {(96, 2048): 12, (64, 2016): 4}


def test_the_papers_epoch_has_few_small_batches():
    walked = pairs.tiles(2508, batch_size=2048, seed=0, epoch=0)
    assert sum(len(tile.left) for tile in walked) == 2508 * 2507 // 2
    assert len(walked) <= 1.05 * 2508 * 2507 / 2 / 2048
    assert min(len(tile.left) for tile in walked) > 1024


@pytest.mark.parametrize("batch_size", [0, 1, 2, 3, 48, 2047, -4])
def test_a_batch_size_that_is_no_power_of_two_is_an_error(batch_size):
    with pytest.raises(ValueError, match=f"power of two of at least 4, got {batch_size}"):
        pairs.tiles(10, batch_size=batch_size, seed=0, epoch=0)


@pytest.mark.parametrize("n_clips", [0, 1])
def test_one_clip_makes_no_pair(n_clips):
    with pytest.raises(ValueError, match=f"at least two clips, got {n_clips}"):
        pairs.tiles(n_clips, batch_size=16, seed=0, epoch=0)


def test_epochs_and_seeds_differ_and_the_same_ones_do_not():
    first, again, next_epoch, other_seed = (
        [pairs_of(tile) for tile in pairs.tiles(60, batch_size=64, seed=seed, epoch=epoch)]
        for seed, epoch in [(1, 1), (1, 1), (1, 2), (2, 1)]
    )
    assert first == again
    assert first != next_epoch != other_seed != first
    assert {frozenset(tile) for tile in first} != {
        frozenset(tile) for tile in next_epoch
    }  # not the same tiles in another order


def test_pairs_of_different_artists_worked_by_hand():
    assert pairs.n_pairs(np.array([7, 7, 7, 2, 2, 5])) == 3 * 2 + 3 * 1 + 2 * 1
    assert pairs.n_pairs(np.arange(877)) == 384_126  # pairs of the paper's 877 training artists
    assert pairs.n_pairs(np.zeros(5, dtype=int)) == 0


@given(st.lists(st.integers(0, 4), min_size=2, max_size=40))
def test_the_number_of_pairs_is_that_of_the_pairs_which_count_in_the_tiles(owners):
    owners, target = np.array(owners), np.zeros((5, 5))
    walked = pairs.tiles(len(owners), batch_size=16, seed=0, epoch=0)
    counted = sum((pairs.targets_and_weights(tile, owners, target)[1] > 0).sum() for tile in walked)
    assert pairs.n_pairs(owners) == counted


def test_a_batch_mixes_artists():
    owners = np.arange(300) // 3
    for tile in pairs.tiles(300, batch_size=2048, seed=0, epoch=1):
        assert len(set(owners[tile.clips])) > 30


def test_the_published_order_walks_the_rows_and_holds_few_clips_on_side_a():
    walked = pairs.as_published(50, batch_size=16)
    assert counted(walked) == Counter((a, b) for b in range(50) for a in range(b))
    assert pairs_of(walked[0]) == [(0, other) for other in range(1, 17)]
    assert len(set(walked[0].left)) == 1


def test_targets_are_looked_up_and_pairs_of_one_artist_weigh_nothing():
    # Clips 0 and 1 belong to artist 0, clip 2 to artist 1, clip 3 to artist 2.
    owners = np.array([0, 0, 1, 2])
    target = np.array([[np.nan, 0.2, 0.3], [0.2, np.nan, 0.6], [0.3, 0.6, np.nan]])
    tile = pairs.Tile(
        np.array([3, 0, 1, 2]), np.array([0, 1, 1, 2]), np.array([1, 2, 3, 3])
    )  # (3,0) (0,1) (0,2) (1,2)
    targets, weights = pairs.targets_and_weights(tile, owners, target)
    np.testing.assert_allclose(targets, [0.3, 0, 0.2, 0.2], rtol=1e-6)
    np.testing.assert_allclose(weights, [4 / 3, 0, 4 / 3, 4 / 3], rtol=1e-6)
    assert targets.dtype == weights.dtype == np.float32


@given(n_artists=st.integers(2, 12), clips_each=st.integers(1, 3), seed=st.integers(0, 99))
def test_weights_have_mean_one_and_targets_equal_a_loop(n_artists, clips_each, seed):
    rng = np.random.default_rng(seed)
    owners = rng.permutation(np.repeat(np.arange(n_artists), clips_each))
    target = rng.random((n_artists, n_artists))
    target += target.T
    np.fill_diagonal(target, np.nan)
    for tile in pairs.tiles(len(owners), batch_size=16, seed=seed, epoch=0):
        targets, weights = pairs.targets_and_weights(tile, owners, target)
        assert np.isfinite(targets).all()
        assert weights.mean() == pytest.approx(1) or not weights.any()
        for (a, b), said, weight in zip(pairs_of(tile), targets, weights, strict=True):
            assert (weight > 0) == (owners[a] != owners[b])
            assert said == pytest.approx(target[owners[a], owners[b]] if weight else 0)


def test_a_tile_of_one_artist_weighs_nothing_at_all():
    tile = pairs.Tile(np.array([0, 1]), np.array([0]), np.array([1]))
    _, weights = pairs.targets_and_weights(tile, np.array([5, 5]), np.zeros((6, 6)))
    assert weights.tolist() == [0]


@given(
    n_clips=st.integers(2, 90), exponent=st.integers(2, 7), cap=st.integers(1, 5000), seed=st.integers(0, 9)
)
def test_a_cap_takes_just_enough_of_the_same_tiles_without_repeating_a_pair(n_clips, exponent, cap, seed):
    every = pairs.tiles(n_clips, batch_size=2**exponent, seed=seed, epoch=1)
    some = pairs.tiles(n_clips, batch_size=2**exponent, seed=seed, epoch=1, pairs_per_epoch=cap)
    assert some.places == every.places[: len(some)]
    held = [len(tile.left) for tile in some]
    assert held == some.n_pairs().tolist()
    assert max(counted(some).values()) == 1
    assert sum(held) >= min(cap, n_clips * (n_clips - 1) // 2)
    assert sum(held[:-1]) < cap


def test_another_epoch_takes_other_pairs_under_a_cap():
    first, second = (
        set(counted(pairs.tiles(300, batch_size=64, seed=0, epoch=epoch, pairs_per_epoch=640)))
        for epoch in (1, 2)
    )
    assert len(first & second) < 0.1 * len(first)


def test_a_negative_cap_is_an_error():
    with pytest.raises(ValueError, match="pairs_per_epoch must be 0"):
        pairs.tiles(10, batch_size=4, seed=0, epoch=0, pairs_per_epoch=-1)
