"""Similarities in blocks against the network's own, pair by pair."""

import numpy as np
import pytest

from benchmarks import nearest
from lib import methods
from lib.ranking import lists
from lib.training import network

ARTISTS = [f"a{k}" for k in range(7)]
OWNERS = np.array([0, 0, 1, 2, 2, 2, 3, 4, 5, 5, 6, 6])


@pytest.fixture
def clips(rng):
    embeddings = rng.random((12, 16)).astype(np.float32)
    return embeddings, (rng.normal(size=(16, 1)).astype(np.float32), np.array([0.3], dtype=np.float32))


def test_artists_are_as_similar_as_the_mean_over_their_clip_pairs_says(clips):
    wanted = methods.mean_over_clips(network.similarities(*clips), OWNERS, 7)
    found = nearest.artist_similarities(clips[0], OWNERS, clips[1])
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    some = nearest.artist_similarities(clips[0], OWNERS, clips[1], slice(2, 5))
    np.testing.assert_array_equal(some, found[2:5])


@pytest.mark.parametrize("block", [1, 3, 100])
def test_the_nearest_are_those_of_the_whole_matrix_whatever_the_block(block, clips):
    whole = methods.labelled_scores(nearest.artist_similarities(clips[0], OWNERS, clips[1]), ARTISTS)
    found = nearest.top(clips[0], OWNERS, clips[1], ARTISTS, 3, block=block)
    assert found.equals(lists.top(whole, 3))


@pytest.mark.parametrize("owners", [[0, 2, 2], [1, 0, 0]])
def test_owners_that_do_not_ascend_are_an_error(owners, clips):
    with pytest.raises(ValueError, match="owners must ascend from 0 and leave out no artist"):
        nearest.artist_similarities(clips[0][:3], np.array(owners), clips[1])
