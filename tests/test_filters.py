"""Planted kernels are described as what they are; responses agree with Keras, criteria with plain NumPy."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lib import filters, plots, spectrograms, training

N_MELS = spectrograms.N_MELS
LOW = spectrograms.mel_frequencies() < filters.BASS


@pytest.fixture
def clips(rng):
    """Twelve clips of sixteen voices, four bands wide, whose levels jump about independently."""
    voices = np.repeat(rng.random((12, 256, N_MELS // 4)), 4, axis=-1)
    return (0.7 * voices + 0.3 * rng.random((12, 256, N_MELS))).astype(np.float16)


def noise(rng, n_filters=16):
    """A layer as Keras starts it: uniform weights, no bias."""
    limit = np.sqrt(6 / (3 * (N_MELS + n_filters)))
    kernels = rng.uniform(-limit, limit, (3, N_MELS, n_filters)).astype(np.float32)
    return filters.Layer(kernels, np.zeros(n_filters, dtype=np.float32))


def planted(rng):
    """Noise, but filter 3 hears onsets, 5 the low bands, 7 offsets; 11 is silent."""
    layer = noise(rng)
    layer.kernels[..., 3] = np.array([-1, 0, 1])[:, None] / N_MELS
    layer.kernels[..., 5] = np.array([0, 1, 0])[:, None] * (LOW / LOW.sum() - 1 / N_MELS)
    layer.kernels[..., 7] = np.array([1, 0, -1])[:, None] / N_MELS
    layer.kernels[..., 11] = -0.1
    return layer


def test_planted_detectors_are_found_and_noise_is_not(clips, rng):
    trained = filters.describe(clips, [planted(rng)])
    untrained = filters.describe(clips, [noise(rng) for _ in range(19)])
    selected = filters.select(trained, untrained)
    assert selected["filter"][["onset", "low_band", "offset"]].tolist() == [3, 5, 7]
    assert selected["filters_beyond"][["onset", "low_band", "offset"]].tolist() == [1, 1, 1]
    assert (selected["p_value"][["onset", "low_band", "offset"]] == 1 / 20).all()
    assert (
        trained.set_index("filter").loc[[3, 5, 7], ["onset", "low_band", "offset"]].to_numpy().diagonal()
        > 0.8
    ).all()


def test_a_layer_of_noise_stays_within_the_spread_of_other_noise(clips, rng):
    described = filters.describe(clips, [noise(rng) for _ in range(40)])
    null = described[described["network"] > 0]
    p_values = [
        filters.select(described[described["network"] == network], null[null["network"] != network])[
            "p_value"
        ]
        for network in range(1, 21)
    ]
    assert (np.concatenate(p_values) <= 0.1).mean() < 0.25  # 0.1 is expected


def test_a_silent_filter_meets_no_criterion(clips, rng):
    silent = filters.describe(clips, [planted(rng)]).set_index("filter").loc[11]
    assert silent["active"] == 0
    assert silent[list(filters.SELECTED)].isna().all()


def test_a_filter_that_always_answers_alike_follows_nothing(clips):
    layer = filters.Layer(np.zeros((3, N_MELS, 1), dtype=np.float32), np.array([0.5], dtype=np.float32))
    described = filters.describe(clips, [layer]).iloc[0]
    assert described["active"] == 1
    assert described["sparseness"] == pytest.approx(0, abs=1e-4)
    assert described[["low_band", "onset", "offset", "smoothness"]].isna().all()


def test_criteria_agree_with_a_plain_computation_over_all_frames(clips, rng):
    layer = planted(rng)
    described = filters.describe(clips, [layer]).set_index("filter")
    described = described[described["active"] > filters.MIN_ACTIVE]
    assert len(described) > 8
    values = clips.astype(float)
    level = values.mean(axis=-1)
    low, rise = values[..., LOW].mean(axis=-1) - level, level[:, 2:] - level[:, :-2]
    for number, row in described.iterrows():
        kernel, bias = layer.kernels[..., number], layer.bias[number]
        answer = sum(values[:, k : k + 254] @ kernel[k].astype(float) for k in range(3)) + bias
        answer = np.maximum(answer, 0).ravel()
        assert row["active"] == pytest.approx((answer > 1e-7).mean(), abs=1e-3)
        assert row["onset"] == pytest.approx(np.corrcoef(answer, rise.ravel())[0, 1], abs=1e-4)
        assert row["low_band"] == pytest.approx(np.corrcoef(answer, low[:, 1:-1].ravel())[0, 1], abs=1e-4)
        lifetime = (1 - answer.mean() ** 2 / (answer**2).mean()) / (1 - 1 / len(answer))
        assert row["sparseness"] == pytest.approx(lifetime, abs=1e-4)


def test_sparseness_runs_from_always_alike_to_once():
    clip = np.zeros((1, 258, N_MELS), dtype=np.float32)
    clip[0, 100] = 1  # one loud frame
    kernels = np.zeros((3, N_MELS, 2), dtype=np.float32)
    kernels[1, :, 0] = 1 / N_MELS  # answers in that frame alone
    layer = filters.Layer(kernels, np.array([0, 1], dtype=np.float32))
    answers = filters.responses(clip, layer)
    assert answers[0, 0, 99] == pytest.approx(1)
    assert np.count_nonzero(answers[0]) == 1
    assert filters.describe(clip, [layer])["sparseness"][1] == pytest.approx(0, abs=1e-6)


def test_responses_are_those_of_the_first_layer_of_the_network(clips):
    model = training.Untrained().build(seed=0).model
    layer = filters.first_layer(model)
    layer.bias[:] = np.linspace(-0.1, 0.1, len(layer.bias))
    convolution = model.get_layer("encoder").get_layer("convolution_1")
    convolution.set_weights(list(layer))
    batch = clips[:2].astype(np.float32)
    ours, keras = filters.responses(batch, layer), np.asarray(convolution(batch))
    np.testing.assert_allclose(ours.transpose(1, 2, 0), keras, atol=1e-5)  # the layer itself does not pad


def test_an_untrained_network_is_the_noise_that_the_null_takes_it_for(rng):
    layer = filters.first_layer(training.Untrained().build(seed=3).model)
    drawn = noise(rng, n_filters=len(layer.bias))
    assert scipy.stats.ks_2samp(layer.kernels.ravel(), drawn.kernels.ravel()).pvalue > 0.01
    smooth = filters.smoothness(layer.kernels)
    assert abs(smooth.mean()) < 0.03
    assert smooth.std() == pytest.approx(1 / np.sqrt(3 * (N_MELS - 1)), rel=0.3)


def test_smoothness_tells_a_shape_from_noise(rng):
    kernels = noise(rng, 3).kernels
    kernels[..., 1] = np.sin(np.arange(N_MELS) / 8)
    kernels[..., 2] = (-1.0) ** np.arange(N_MELS)
    noisy, smooth, jagged = filters.smoothness(kernels)
    assert abs(noisy) < 0.3
    assert smooth > 0.9
    assert jagged == pytest.approx(-1)


def test_the_strongest_moment_is_where_the_event_was_put(rng):
    clips = np.full((6, 256, N_MELS), 0.2, dtype=np.float16)
    clips[2, 100:] = 0.9  # an onset: frame 99 hears silence before and sound after
    clips[4, 30:] = 0.5
    clips[5, 60:] = 0.7
    artists = ["a", "a", "b", "b", "c", "c"]
    moments = filters.strongest_moments(clips, artists, planted(rng), [3], n=5)
    assert moments["row"].tolist() == [
        2,
        5,
    ]  # the weaker one of artist c, and clips without onset, are left out
    assert moments["frame"].tolist() == [99, 59]
    assert moments["rank"].tolist() == [1, 2]
    assert moments["seconds"][0] == pytest.approx(99 * spectrograms.HOP_LENGTH / spectrograms.SAMPLE_RATE)


def test_surroundings_are_blank_beyond_the_clip(clips):
    window = filters.surroundings(clips[0], 2, half_width=5)
    assert window.shape == (11, N_MELS)
    assert np.isnan(window[:3]).all()
    np.testing.assert_array_equal(window[3:], clips[0, :8].astype(np.float32))


def test_like_kernels_stand_side_by_side(rng):
    one, other = rng.random((3, N_MELS)), rng.random((3, N_MELS))
    kernels = np.stack([one, other, one + 0.01 * rng.random((3, N_MELS)), 1 - one, other * 2], axis=-1)
    order = filters.cluster_order(kernels).tolist()
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(4)) == 1


def test_the_published_orientation_gives_the_same_response_up_to_a_constant(clips, rng):
    kernel = noise(rng, 1).kernels
    ours = sum(clips[0, 50 + k].astype(float) @ kernel[k, :, 0] for k in range(3))
    picture = 1 - clips[0, ::-1].astype(float)  # time backwards, loud is 0
    theirs = sum(picture[255 - 52 + k] @ filters.as_published(kernel)[k, :, 0] for k in range(3))
    assert theirs == pytest.approx(ours - kernel.sum(), abs=1e-6)


def test_clips_of_other_bands_are_refused(rng):
    with pytest.raises(ValueError, match="32 bands, kernels 64"):
        filters.responses(np.zeros((1, 256, 32)), noise(rng))


def test_a_network_without_any_response_is_refused(clips):
    dead = filters.Layer(np.full((3, N_MELS, 4), -0.1, dtype=np.float32), np.zeros(4, dtype=np.float32))
    described = filters.describe(clips, [dead])
    with pytest.raises(ValueError, match="blank for all 4 filters"):
        filters.select(described, described)


def test_figure_3_shows_every_filter_by_its_number(rng):
    layer = planted(rng)
    figure = plots.figure3_filters(layer.kernels, filters.cluster_order(layer.kernels), example=3, rows=2)
    shown = {label.get_text() for ax in figure.axes[:2] for label in ax.get_xticklabels()}
    assert shown == {str(number) for number in range(16)}


def test_figure_4_shows_each_selected_filter_with_its_moments(clips, rng):
    layer = planted(rng)
    selected = pd.DataFrame({"filter": [3, 5]}, index=pd.Index(["onset", "low_band"], name="criterion"))
    moments = filters.strongest_moments(clips, range(12), layer, [3, 5], n=2)
    portraits = filters.portraits(clips, layer, selected, moments, ["$un$ <b>balanced $"] * 4)
    figure = plots.figure4_selected_filters(portraits)
    figure.canvas.draw()  # a name with unbalanced dollars must not raise
    assert [ax.get_title() for ax in figure.axes[::3]] == ["onset\nfilter 3", "low band\nfilter 5"]
