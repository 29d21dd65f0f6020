"""Frames in another order are the same frames; a network that only pools does not notice."""

import keras
import numpy as np
import pandas as pd
import pytest

from lib.filters import time_order
from lib.plots import filters as plots
from lib.ranking import metrics, significance
from lib.training import network


@pytest.fixture
def clips(rng):
    return rng.random((5, 256, 64)).astype(np.float32)


def sorted_frames(clips):
    return np.take_along_axis(clips, clips[..., :1].argsort(axis=1), axis=1)


@pytest.mark.parametrize("order", time_order.ORDERS)
def test_each_clip_keeps_its_frames(clips, order):
    changed = time_order.reordered(clips, order)
    np.testing.assert_array_equal(sorted_frames(changed), sorted_frames(clips))
    assert (changed == clips).all() == (order == time_order.UNCHANGED)


@pytest.mark.parametrize(("order", "length"), time_order.BLOCKS.items())
def test_blocks_stay_whole(clips, order, length):
    ramp = np.tile(np.arange(256.0)[None, :, None], (5, 1, 2))
    places = time_order.reordered(ramp, order)[..., 0].reshape(5, -1, length)
    assert (np.diff(places, axis=2) == 1).all()
    assert (places[..., 0] % length == 0).all()
    assert len({tuple(one) for one in places[..., 0]}) > 1  # each clip has its own order


def test_a_shift_goes_round_in_a_circle_and_reversed_is_backwards():
    ramp = np.arange(7.0)[None, :, None]
    shifted = time_order.reordered(ramp, "shifted, any number of frames")[0, :, 0]
    assert set(np.diff(shifted) % 7) == {1}
    assert shifted[0] != 0
    ramp_of_clip = np.tile(np.arange(256.0)[None, :, None], (9, 1, 1))
    by_16 = time_order.reordered(ramp_of_clip, time_order.SHIFTED)[:, 0, 0]
    assert (by_16 % 16 == 0).all()
    assert (by_16 > 0).all()
    assert time_order.reordered(ramp, "reversed")[0, :, 0].tolist() == [6, 5, 4, 3, 2, 1, 0]


def test_an_unknown_order_is_refused(clips):
    with pytest.raises(ValueError, match="got 'sideways'"):
        time_order.reordered(clips, "sideways")


@pytest.mark.parametrize("n_convolutions", network.POOLS)
def test_the_receptive_field_is_how_far_a_pooled_value_can_see(n_convolutions, rng):
    keras.utils.set_random_seed(1)
    encoder = network.encoder(n_convolutions=n_convolutions, n_filters=4)
    before = keras.Model(encoder.input, encoder.get_layer("max_over_time").input)
    clip = rng.random((1, 256, 64)).astype(np.float32)
    places = before.output.shape[1] // 2
    changes = np.repeat(clip, 256, axis=0)
    changes[np.arange(256), np.arange(256)] += 50  # one frame made loud, each in turn
    values = before.predict(np.concatenate([clip, changes]), verbose=0)[:, places]
    seen = np.flatnonzero((np.abs(values[1:] - values[0]) > 1e-3).any(axis=1))  # less is rounding
    assert seen[-1] - seen[0] + 1 == time_order.receptive_field(network.POOLS[n_convolutions])


def test_three_convolutions_see_34_frames():
    assert time_order.receptive_field(network.POOLS[3]) == 34


def test_cosines_are_those_of_rows_and_of_clips_of_different_artists():
    a = np.array([[1.0, 0], [1, 1], [0, 0]])
    b = np.array([[0.0, 2], [2, 2], [1, 0]])
    assert time_order.cosines(a, b).tolist() == pytest.approx([0, 1, 0])
    owners = np.array([0, 0, 1])
    embeddings = np.array([[1.0, 0], [0, 1], [1, 1]])
    assert time_order.cosine_of_others(embeddings, owners) == pytest.approx(np.sqrt(0.5))


def frames(rng, n_artists=15, n_trainings=4, noise=0.1):
    """A truth, and trainings that rank by it with some noise."""
    names = [f"a{k}" for k in range(n_artists)]
    truth = rng.random((n_artists, n_artists))
    truth = (truth + truth.T) / 2
    np.fill_diagonal(truth, np.nan)
    runs = [truth + rng.normal(0, noise, truth.shape) for _ in range(n_trainings)]
    return [pd.DataFrame(run, names, names) for run in runs], pd.DataFrame(truth, names, names)


def test_quality_ends_with_chance(rng):
    (run, other, *_), truth = frames(rng)
    table = time_order.quality({time_order.UNCHANGED: run, "reversed": other}, truth, 4).set_index("order")
    assert table.index[-1] == time_order.CHANCE
    assert table["overlap"][time_order.UNCHANGED] == 1
    assert table["overlap"][time_order.CHANCE] == pytest.approx(4 / 14)
    assert table["ndcg"]["reversed"] == metrics.ndcg(other, truth, 4).mean()


def test_what_stays_is_the_overlap_and_equal_lists_vary_by_nothing(rng):
    (run, other, *_), _ = frames(rng)
    found = time_order.kept(other, run, 4)
    pd.testing.assert_series_equal(found.values, metrics.overlap_at_n(other, run, 4))
    same = [time_order.kept(run, run, 4)] * 2
    assert significance.estimate(same).interval() == (1, 1)


def test_the_summary_has_the_range_of_trainings_and_the_picture_its_dots():
    measured = pd.DataFrame({
        "split": "test", "seed": np.repeat([0, 1], 3), "order": ["unchanged", "reversed", "chance"] * 2,
        "cosine": [1, 0.9, 0.5, 1, 0.7, 0.5], "overlap": [1, 0.6, 0.2, 1, 0.5, 0.2],
        "ndcg": [0.4, 0.3, 0.2, 0.5, 0.3, 0.2],
    })  # fmt: skip
    table = time_order.summary(measured)
    reverse = table.set_index("order").loc["reversed"]
    assert reverse[["cosine", "cosine_low", "cosine_high"]].tolist() == pytest.approx([0.8, 0.7, 0.9])
    assert (table["n_trainings"] == 2).all()
    figure = plots.time_order_losses(table, n=10)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["unchanged", "reversed"]
    assert "55 % of the 10 nearest artists stay" in figure.get_suptitle()
    assert figure.axes[2].lines[0].get_xdata().tolist() == pytest.approx([0.45, 0.3])
