"""Planted kernels are described as what they are; responses agree with Keras, criteria with plain NumPy."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lib.filters import criteria, responses
from lib.filters import kernels as filters_kernels
from lib.filters import twins as filters_twins
from lib.plots import filters as plots
from lib.plots import kernels as plots_kernels
from lib.plots import more_on_filters as more_plots
from lib.spectrograms import picture
from lib.training import network, siamese
from lib.workflow import figures

N_MELS = picture.N_MELS
LOW = picture.mel_frequencies() < criteria.BASS


@pytest.fixture
def clips(rng):
    """Twelve clips of sixteen voices, four bands wide, whose levels jump about independently."""
    voices = np.repeat(rng.random((12, 256, N_MELS // 4)), 4, axis=-1)
    return (0.7 * voices + 0.3 * rng.random((12, 256, N_MELS))).astype(np.float16)


def noise(rng, n_filters=16):
    """A layer as Keras starts it: uniform weights, no bias."""
    limit = np.sqrt(6 / (3 * (N_MELS + n_filters)))
    kernels = rng.uniform(-limit, limit, (3, N_MELS, n_filters)).astype(np.float32)
    return filters_kernels.Layer(kernels, np.zeros(n_filters, dtype=np.float32))


def planted(rng):
    """Noise, but filter 3 hears onsets, 5 the low bands, 7 offsets, 9 beats of the bass; 11 is silent."""
    layer = noise(rng)
    layer.kernels[..., 3] = np.array([-1, 0, 1])[:, None] / N_MELS
    layer.kernels[..., 5] = np.array([0, 1, 0])[:, None] * (LOW / LOW.sum() - 1 / N_MELS)
    layer.kernels[..., 7] = np.array([1, 0, -1])[:, None] / N_MELS
    layer.kernels[..., 9] = np.array([-1, 0, 1])[:, None] * (LOW / LOW.sum() - 1 / N_MELS)
    layer.kernels[..., 11] = -0.1
    return layer


def test_planted_detectors_are_found_and_noise_is_not(clips, rng):
    trained = criteria.describe(clips, [planted(rng)])
    untrained = criteria.describe(clips, [noise(rng) for _ in range(19)])
    selected = criteria.select(trained, untrained)
    detectors = {"onset": 3, "low_band": 5, "offset": 7, "bass_beat": 9}
    assert selected.loc[list(detectors), "filter"].to_dict() == detectors
    assert (selected.loc[list(detectors), "filters_beyond"] == 1).all()
    for criterion, number in detectors.items():
        assert trained.set_index("filter").loc[number, criterion] > 0.7


def test_a_network_set_by_hand_is_described_as_what_it_was_set_to(clips, rng):
    model = network.tile_model(network.encoder(n_filters=16))
    start = filters_kernels.first_layer(model)
    model.get_layer("encoder").get_layer("convolution_1").set_weights(list(planted(rng)))
    layer = filters_kernels.first_layer(model)
    described = criteria.describe(clips, [layer])
    selected = criteria.select(described, criteria.describe(clips, [noise(rng) for _ in range(19)]))
    table = filters_kernels.structure(layer, start, n_networks=199).set_index("filter")
    assert selected["filter"][["onset", "low_band", "offset", "bass_beat"]].tolist() == [3, 5, 7, 9]
    assert table.index[table["p_value"] <= filters_kernels.LEVEL].drop(11).tolist() == [
        3,
        5,
        7,
        9,
    ]  # 11 is flat
    assert described["active"][11] == 0


def of_networks(values, criterion="onset"):
    """Descriptions of networks whose best filter has these values; all have a second, lesser filter."""
    return pd.DataFrame({
        "network": np.repeat(range(len(values)), 2),
        criterion: np.column_stack([values, np.asarray(values) - 1]).ravel(),
    })  # fmt: skip


def of_noise(rng, n_networks, shift=0.0, n_filters=24):
    """Descriptions of networks that differ by chance, all values higher by `shift`."""
    described = pd.DataFrame({"network": np.repeat(range(n_networks), n_filters)})
    level = np.repeat(rng.normal(0, 0.2, n_networks), n_filters)
    for criterion in criteria.CRITERIA:
        described[criterion] = level + shift + rng.normal(size=len(described))
    return described


def test_networks_are_compared_by_their_best_filters():
    table = criteria.against(of_networks([0.5, 0.6]), of_networks([0.1, 0.2, 0.3])).loc["onset"]
    assert (table["trained"], table["reference"], table["difference"]) == pytest.approx((0.55, 0.2, 0.35))
    oracle = scipy.stats.ttest_ind([0.5, 0.6], [0.1, 0.2, 0.3], equal_var=False).confidence_interval()
    assert (table["ci_low"], table["ci_high"]) == pytest.approx((oracle.low, oracle.high))
    assert table["p_value"] == table["smallest_p_holm"] == 1 / 10  # one of the ten ways to choose two of five
    assert table["n_trained"] == 2


def test_five_networks_against_ten_can_be_significant_after_correction(rng):
    table = criteria.against(of_noise(rng, 5, shift=3), of_noise(rng, 10))
    assert (table["p_holm"] == 6 / 3003).all()
    assert (table["smallest_p_holm"] == 6 / 3003).all()
    assert (table["ci_low"] > 0).all()


def test_the_exact_permutation_test_agrees_with_scipys(rng):
    first, second = rng.normal(0.8, 1, 5), rng.normal(0, 2, 8)
    oracle = scipy.stats.permutation_test(
        (first, second), lambda a, b: abs(a.mean() - b.mean()), n_resamples=np.inf, alternative="greater"
    )
    assert criteria.permutation_test(first, second) == pytest.approx(oracle.pvalue)


def test_too_many_divisions_are_drawn_with_the_observed_one_among_them(monkeypatch, rng):
    first, second = rng.normal(0.5, 1, 5), rng.normal(0, 1, 8)
    exact = criteria.permutation_test(first, second)
    monkeypatch.setattr(criteria, "MOST_DIVISIONS", 1000)
    assert criteria.permutation_test(first, second) == pytest.approx(exact, abs=0.03)
    assert criteria.permutation_test(first + 99, second) >= 1 / 1000


def test_a_true_null_is_rejected_as_often_as_the_level_says():
    rng, p_values, intervals = np.random.default_rng(1), [], []
    for _ in range(50):
        table = criteria.against(of_noise(rng, 4), of_noise(rng, 8))
        p_values.append(table["p_holm"].min())
        intervals += list((table["ci_low"] <= 0) & (table["ci_high"] >= 0))
    assert np.mean(np.array(p_values) <= 0.05) <= 0.15  # .05 is expected, standard error .03
    assert np.mean(intervals) == pytest.approx(0.95, abs=0.04)


def test_a_network_without_a_value_is_left_out_and_an_empty_group_tests_nothing():
    table = criteria.against(of_networks([0.5, np.nan]), of_networks([0.1, 0.2])).loc["onset"]
    assert table["n_trained"] == 1
    assert np.isnan(table["ci_low"])
    assert table["p_value"] == 1 / 3
    table = criteria.against(of_networks([np.nan]), of_networks([0.1, 0.2])).loc["onset"]
    assert table[["difference", "p_value", "p_holm"]].isna().all()


def plain_beyond(described, limit):
    """Share of filters above the limit in any criterion, one filter after the other."""
    hits = [any(row[name] > limit[name] for name in criteria.SELECTED) for _, row in described.iterrows()]
    return np.mean(hits)


def test_shares_beyond_are_those_of_all_controls_but_one(rng):
    trained, controls = of_noise(rng, 2, shift=1), of_noise(rng, 3)
    highest = criteria.best(controls)
    limits = {left_out: highest.drop(left_out).max() for left_out in highest.index}
    found = criteria.beyond(trained, controls)
    theirs = [plain_beyond(controls.query("network == @k"), limit) for k, limit in limits.items()]
    ours = [plain_beyond(trained, limit) for limit in limits.values()]
    assert found["control"] == pytest.approx(np.mean(theirs))
    assert found["trained"] == pytest.approx(np.mean(ours))
    assert found["value"] == pytest.approx(np.mean(ours) - np.mean(theirs))


def test_the_border_of_shares_beyond_is_the_value_of_the_null():
    rng, found = np.random.default_rng(2), []
    for _ in range(100):
        found.append(criteria.beyond(of_noise(rng, 3), of_noise(rng, 6), n_divisions=99))
    found = pd.DataFrame(found)
    assert found["trained"].mean() > 0.01  # a border of 0 for this share would lie below its null
    error = found["value"].std() / np.sqrt(len(found))
    assert abs(found["value"].mean()) < 3 * error
    assert ((found["ci_low"] > 0) | (found["ci_high"] < 0)).mean() <= 0.11  # .05 is expected


def test_filters_that_exceed_all_controls_are_beyond(rng):
    found = criteria.beyond(of_noise(rng, 5, shift=6), of_noise(rng, 10))
    assert found["trained"] > 0.9
    assert found["ci_low"] > 0


def test_one_control_has_no_others(rng):
    with pytest.raises(ValueError, match="1 controls cannot be compared"):
        criteria.beyond(of_noise(rng, 2), of_noise(rng, 1))


def test_a_silent_filter_meets_no_criterion(clips, rng):
    silent = criteria.describe(clips, [planted(rng)]).set_index("filter").loc[11]
    assert silent["active"] == 0
    assert silent[list(criteria.SELECTED)].isna().all()


def test_a_filter_that_always_answers_alike_follows_nothing(clips):
    layer = filters_kernels.Layer(
        np.zeros((3, N_MELS, 1), dtype=np.float32), np.array([0.5], dtype=np.float32)
    )
    described = criteria.describe(clips, [layer]).iloc[0]
    assert described["active"] == 1
    assert described["sparseness"] == pytest.approx(0, abs=1e-4)
    assert described[["low_band", "bass_beat", "onset", "offset", "smoothness"]].isna().all()


def test_criteria_agree_with_a_plain_computation_over_all_frames(clips, rng):
    layer = planted(rng)
    described = criteria.describe(clips, [layer]).set_index("filter")
    described = described[described["active"] > criteria.MIN_ACTIVE]
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
        beat = (low[:, 2:] - low[:, :-2]).ravel()
        assert row["bass_beat"] == pytest.approx(np.corrcoef(answer, beat)[0, 1], abs=1e-4)
        lifetime = (1 - answer.mean() ** 2 / (answer**2).mean()) / (1 - 1 / len(answer))
        assert row["sparseness"] == pytest.approx(lifetime, abs=1e-4)


def test_sparseness_runs_from_always_alike_to_once():
    clip = np.zeros((1, 258, N_MELS), dtype=np.float32)
    clip[0, 100] = 1  # one loud frame
    kernels = np.zeros((3, N_MELS, 2), dtype=np.float32)
    kernels[1, :, 0] = 1 / N_MELS  # answers in that frame alone
    layer = filters_kernels.Layer(kernels, np.array([0, 1], dtype=np.float32))
    answers = criteria.responses(clip, layer)
    assert answers[0, 0, 99] == pytest.approx(1)
    assert np.count_nonzero(answers[0]) == 1
    assert criteria.describe(clip, [layer])["sparseness"][1] == pytest.approx(0, abs=1e-6)


def test_responses_are_those_of_the_first_layer_of_the_network(clips):
    model = siamese.Untrained().build(seed=0).model
    layer = filters_kernels.first_layer(model)
    layer.bias[:] = np.linspace(-0.1, 0.1, len(layer.bias))
    convolution = model.get_layer("encoder").get_layer("convolution_1")
    convolution.set_weights(list(layer))
    batch = clips[:2].astype(np.float32)
    ours, keras = criteria.responses(batch, layer), np.asarray(convolution(batch))
    np.testing.assert_allclose(ours.transpose(1, 2, 0), keras, atol=1e-5)  # the layer itself does not pad


def test_an_untrained_network_is_the_noise_that_the_null_takes_it_for(rng):
    layer = filters_kernels.first_layer(siamese.Untrained().build(seed=3).model)
    drawn = noise(rng, n_filters=len(layer.bias))
    assert scipy.stats.ks_2samp(layer.kernels.ravel(), drawn.kernels.ravel()).pvalue > 0.01
    smooth = filters_kernels.smoothness(layer.kernels)
    assert abs(smooth.mean()) < 0.03
    assert smooth.std() == pytest.approx(1 / np.sqrt(3 * (N_MELS - 1)), rel=0.3)


def test_smoothness_tells_a_shape_from_noise(rng):
    kernels = noise(rng, 3).kernels
    kernels[..., 1] = np.sin(np.arange(N_MELS) / 8)
    kernels[..., 2] = (-1.0) ** np.arange(N_MELS)
    noisy, smooth, jagged = filters_kernels.smoothness(kernels)
    assert abs(noisy) < 0.3
    assert smooth > 0.9
    assert jagged == pytest.approx(-1)


def test_separability_is_one_for_one_profile_and_a_third_at_least(rng):
    profile = rng.normal(size=N_MELS)
    kernels = np.zeros((3, N_MELS, 3))
    kernels[..., 0] = np.array([-1, 0.5, 2])[:, None] * profile
    kernels[:, :3, 1] = np.eye(3)  # three profiles, equally strong
    kernels[..., 2] = rng.normal(size=(3, N_MELS))
    one, third, noisy = filters_kernels.separability(kernels)
    assert (one, third) == pytest.approx((1, 1 / 3))
    assert noisy == pytest.approx(
        np.linalg.svd(kernels[..., 2], compute_uv=False)[0] ** 2 / (kernels[..., 2] ** 2).sum()
    )
    assert np.isnan(filters_kernels.separability(np.zeros((3, N_MELS, 1)))[0])


def test_detectors_have_a_shape_and_noise_has_not(rng):
    start, layer = noise(rng), planted(rng)
    table = filters_kernels.structure(layer, start, n_networks=199).set_index("filter")
    assert (table.loc[[3, 5, 7, 9], "p_value"] == 2 / 200).all()
    of_noise = table.drop([3, 5, 7, 9, 11])
    assert (of_noise["p_value"] > filters_kernels.LEVEL).all()


def test_noise_is_taken_for_a_shape_in_one_layer_of_twenty_at_most():
    rng = np.random.default_rng(1)
    layers = [noise(rng) for _ in range(80)]
    found = [
        (filters_kernels.structure(one, other, n_networks=199)["p_value"] <= filters_kernels.LEVEL).any()
        for one, other in zip(layers, layers[1:])
    ]
    assert np.mean(found) <= 0.12


def test_what_training_added_is_told_from_where_it_was_added(rng):
    start = noise(rng)
    moved = filters_kernels.Layer(start.kernels.copy(), start.bias)
    moved.kernels[..., 4] += 0.02 * np.sin(np.arange(N_MELS) / 8)
    table = filters_kernels.structure(moved, start, n_networks=199).set_index("filter")
    assert table["moved"].drop(4).eq(0).all()
    assert table["kept"].drop(4).to_numpy() == pytest.approx(1)
    assert table["added_p_value"].drop(4).isna().all()
    length = np.sqrt(3 * (0.02 * np.sin(np.arange(N_MELS) / 8)) ** 2 @ np.ones(N_MELS))
    assert table["moved"][4] == pytest.approx(length / np.linalg.norm(start.kernels[..., 4]), rel=1e-4)
    assert table["kept"][4] == pytest.approx(
        np.corrcoef(moved.kernels[..., 4].ravel(), start.kernels[..., 4].ravel())[0, 1], rel=1e-4
    )
    assert table["added_p_value"][4] == 2 / 200
    assert table["p_value"][4] > table["added_p_value"][4]


def test_kernels_of_another_network_are_no_start(rng):
    with pytest.raises(ValueError, match="did not start from"):
        filters_kernels.structure(noise(rng, 16), noise(rng, 8))


def test_the_smoothness_limit_is_passed_by_few_networks_of_noise():
    rng = np.random.default_rng(2)
    limit = filters_kernels.smoothness_limit(16, n_networks=199)
    passed = [(filters_kernels.smoothness(noise(rng).kernels) > limit).any() for _ in range(200)]
    assert np.mean(passed) < 0.08


def test_shuffled_filters_find_their_twins_again(rng):
    kernels, order = noise(rng).kernels, rng.permutation(16)
    shuffled = 2 * kernels[..., order] + 0.001 * rng.normal(size=kernels.shape)
    found = filters_twins.between(kernels, shuffled)
    assert order[found["twin"]].tolist() == found["filter"].tolist()
    assert (found["correlation"] > 0.99).all()


def test_twins_by_response_are_those_that_answer_alike(clips, rng):
    layer = noise(rng, 6)
    other = filters_kernels.Layer(layer.kernels[..., ::-1].copy(), layer.bias)
    # Bands of a voice sound alike in these clips, so weight may move between them and change little.
    other.kernels[:, 0::4] += other.kernels[:, 1::4]
    other.kernels[:, 1::4] = 0
    covariance = filters_twins.window_covariance(clips)
    found = filters_twins.between(layer.kernels, other.kernels, covariance=covariance)
    assert (found["filter"] + found["twin"] == 5).all()
    loud = [
        criteria.responses(
            clips.astype(np.float32), filters_kernels.Layer(one.kernels, one.bias + 50)
        ).reshape(6, -1)
        for one in (layer, other)
    ]  # a bias so high that nothing is cut
    for row in found.itertuples():
        oracle = np.corrcoef(loud[0][row.filter].astype(float), loud[1][row.twin].astype(float))[0, 1]
        assert row.correlation == pytest.approx(oracle, abs=2e-3)


def test_window_covariance_is_that_of_all_windows(clips):
    windows = np.concatenate([clips[:, k : k + 254].astype(float) for k in range(3)], axis=2).reshape(-1, 192)
    oracle = np.cov(windows.T, bias=True)
    np.testing.assert_allclose(filters_twins.window_covariance(clips), oracle, atol=1e-5)


def test_trainings_that_add_the_same_are_twins_in_what_they_added_only(clips, rng):
    starts = {seed: noise(rng) for seed in (0, 1, 2)}
    shapes = 0.01 * np.stack([np.cos(np.arange(N_MELS) * k / 20) for k in range(1, 17)], axis=-1)
    trained = {}
    for seed, layer in starts.items():
        order = rng.permutation(16)
        trained[seed] = filters_kernels.Layer(layer.kernels + shapes[:, order].astype(np.float32), layer.bias)
    untrained = [noise(rng) for _ in range(5)]
    covariance = filters_twins.window_covariance(clips)
    summary = filters_twins.summary(filters_twins.stability(trained, starts, untrained, covariance))
    summary = summary.set_index("measure")
    assert list(summary.index) == list(filters_twins.MEASURES)
    assert summary.loc["added", ["share", "share_low"]].tolist() == [1, 1]
    assert summary.loc["kernel", "share"] < 0.3
    assert (summary["n_pairs"] == 3).all()


def test_what_training_added_is_compared_with_what_controls_added(clips, rng):
    starts = {seed: noise(rng) for seed in (0, 1)}
    trained = {
        seed: filters_kernels.Layer(layer.kernels + 0.01, layer.bias) for seed, layer in starts.items()
    }
    controls = pd.DataFrame({"network": np.repeat([100, 101, 102], 16), "filter": np.tile(range(16), 3)})
    controls = controls.assign(twin=0, twin_added=rng.uniform(0.8, 0.9, 48))
    covariance, untrained = filters_twins.window_covariance(clips), [noise(rng), noise(rng)]
    matches = filters_twins.stability(trained, starts, untrained, covariance, controls=controls)
    summary = filters_twins.summary(matches).set_index("measure")
    assert summary["reference"].to_dict() == {
        "kernel": "untrained",
        "added": "control",
        "response": "untrained",
    }
    assert summary.loc["added", "limit"] == pytest.approx(controls["twin_added"].quantile(0.95))
    assert set(matches.query("networks == 'control'")["pair"]) == {
        "100 and 101",
        "101 and 102",
        "102 and 100",
    }
    figure = more_plots.filter_twins(matches, filters_twins.summary(matches))
    assert [len(ax.lines) for ax in figure.axes] == [1 + 1 + 1, 3 + 1 + 1, 1 + 1 + 1]


def test_untrained_networks_have_as_many_twins_as_chance_says(clips, rng):
    layers = [noise(rng) for _ in range(12)]
    starts = dict(enumerate(layers[:4]))
    matches = filters_twins.stability(starts, starts, layers[4:], filters_twins.window_covariance(clips))
    shares = filters_twins.summary(matches[matches["measure"] != "added"])["share"]
    assert (shares < 0.15).all()


def test_one_training_has_no_pair(clips, rng):
    only = {0: noise(rng)}
    matches = filters_twins.stability(
        only, only, [noise(rng), noise(rng)], filters_twins.window_covariance(clips)
    )
    summary = filters_twins.summary(matches)
    assert (summary["n_pairs"] == 0).all()
    assert summary["share"].isna().all()
    assert summary["limit"].notna().all()


def test_an_onset_detector_answers_at_onsets_and_not_elsewhere(rng):
    clips = np.full((4, 256, N_MELS), 0.2, dtype=np.float16)
    for clip, begin in enumerate((40, 80, 120, 160)):
        clips[clip, begin : begin + 30] = 0.9
    hop = picture.HOP_LENGTH / picture.SAMPLE_RATE
    moments = [(clip, "onset", 40 * (clip + 1) * hop) for clip in range(4)]
    moments += [(clip, "silence", (40 * (clip + 1) + 30) * hop) for clip in range(4)]
    happened = pd.DataFrame(moments, columns=["row", "kind", "seconds"])
    layers = {"trained": planted(rng)}
    found = responses.around(clips, layers, [3, 7], happened, ["a", "a", "b", "c"], half_width=4)
    peaks = found.loc[found.groupby(["filter", "kind"])["mean"].idxmax()].set_index(["filter", "kind"])
    # A kernel over three frames answers first in the frame before, and as strongly in the first one.
    assert peaks.loc[(3, "onset"), "frames"] in (-1, 0)
    assert peaks.loc[(7, "silence"), "frames"] in (-1, 0)
    assert peaks.loc[(3, "onset"), "mean"] > 3 > 0.5 > peaks.loc[(3, "silence"), "mean"]
    assert set(found["n_events"]) == {4}
    assert set(found["n_artists"]) == {3}


def test_responses_around_a_moment_are_those_of_the_frames_in_question(clips, rng):
    layer = noise(rng, 4)
    happened = pd.DataFrame({"row": [0, 0, 3], "kind": "onset", "seconds": [2.0, 0.1, 29.9]})
    found = responses.around(clips, {"trained": layer}, [2], happened, list("aabbccddeeff"), half_width=2)
    answers = criteria.responses(
        clips.astype(np.float32), filters_kernels.Layer(layer.kernels[..., [2]], layer.bias[:1])
    )[0]
    answers = (answers - answers.mean()) / answers.std()
    full = np.full((12, 256 + 4), np.nan)
    full[:, 3:-3] = answers  # by frame, two blank ones before and after; the padded frames are left out
    first = np.nanmean([full[0, 17:22], full[0, 1:6]], axis=0)  # frames 17 and 1 are nearest
    second = full[3, 255:260]
    expected = np.nanmean([first, second], axis=0)
    np.testing.assert_allclose(found["mean"], expected, atol=1e-4)


def test_intervals_of_means_shrink_with_the_rows_and_hold_the_mean(rng):
    values = rng.normal(size=(400, 3))
    values[:100, 2] = np.nan
    mean, low, high = responses.mean_and_interval(values)
    np.testing.assert_allclose(mean, np.nanmean(values, axis=0))
    np.testing.assert_allclose(high - low, 2 * 1.96 / np.sqrt([400, 400, 300]), rtol=0.15)
    assert ((low < mean) & (mean < high)).all()


def test_a_filter_that_two_criteria_select_is_named_once():
    selected = pd.DataFrame({"filter": [3, 5, 3]}, index=["onset", "low_band", "sparseness"])
    assert criteria.nicknames(selected) == {3: "filter 3\nonset\nsparseness", 5: "filter 5\nlow band"}


def test_the_strongest_moment_is_where_the_event_was_put(rng):
    clips = np.full((6, 256, N_MELS), 0.2, dtype=np.float16)
    clips[2, 100:] = 0.9  # an onset: frame 99 hears silence before and sound after
    clips[4, 30:] = 0.5
    clips[5, 60:] = 0.7
    artists = ["a", "a", "b", "b", "c", "c"]
    moments = responses.strongest_moments(clips, artists, planted(rng), [3], n=5)
    assert moments["row"].tolist() == [
        2,
        5,
    ]  # the weaker one of artist c, and clips without onset, are left out
    assert moments["frame"].tolist() == [99, 59]
    assert moments["rank"].tolist() == [1, 2]
    assert moments["seconds"][0] == pytest.approx(99 * picture.HOP_LENGTH / picture.SAMPLE_RATE)


def test_surroundings_are_blank_beyond_the_clip(clips):
    window = responses.surroundings(clips[0], 2, half_width=5)
    assert window.shape == (11, N_MELS)
    assert np.isnan(window[:3]).all()
    np.testing.assert_array_equal(window[3:], clips[0, :8].astype(np.float32))


def test_like_kernels_stand_side_by_side(rng):
    one, other = rng.random((3, N_MELS)), rng.random((3, N_MELS))
    kernels = np.stack([one, other, one + 0.01 * rng.random((3, N_MELS)), 1 - one, other * 2], axis=-1)
    order = filters_kernels.cluster_order(kernels).tolist()
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(4)) == 1


def test_the_published_orientation_gives_the_same_response_up_to_a_constant(clips, rng):
    kernel = noise(rng, 1).kernels
    ours = sum(clips[0, 50 + k].astype(float) @ kernel[k, :, 0] for k in range(3))
    picture = 1 - clips[0, ::-1].astype(float)  # time backwards, loud is 0
    theirs = sum(picture[255 - 52 + k] @ filters_kernels.as_published(kernel)[k, :, 0] for k in range(3))
    assert theirs == pytest.approx(ours - kernel.sum(), abs=1e-6)


def test_clips_of_other_bands_are_refused(rng):
    with pytest.raises(ValueError, match="32 bands, kernels 64"):
        criteria.responses(np.zeros((1, 256, 32)), noise(rng))


def test_a_network_without_any_response_is_refused(clips):
    dead = filters_kernels.Layer(
        np.full((3, N_MELS, 4), -0.1, dtype=np.float32), np.zeros(4, dtype=np.float32)
    )
    described = criteria.describe(clips, [dead])
    with pytest.raises(ValueError, match="blank for all 4 filters"):
        criteria.select(described, described)


def test_figure_3_shows_every_filter_by_its_number(rng):
    layer = planted(rng)
    figure = plots_kernels.figure3_filters(
        layer.kernels, filters_kernels.cluster_order(layer.kernels), what="after", example=3, rows=2
    )
    shown = {label.get_text() for ax in figure.axes[:2] for label in ax.get_xticklabels()}
    assert shown == {str(number) for number in range(16)}


def test_figure_4_shows_each_selected_filter_with_its_moments(clips, rng):
    layer = planted(rng)
    selected = pd.DataFrame({"filter": [3, 5]}, index=pd.Index(["onset", "low_band"], name="criterion"))
    moments = responses.strongest_moments(clips, range(12), layer, [3, 5], n=2)
    portraits = responses.portraits(clips, layer, selected, moments, ["$un$ <b>balanced $"] * 4)
    figure = plots.figure4_selected_filters(portraits)
    figure.canvas.draw()  # a name with unbalanced dollars must not raise
    assert [ax.get_title() for ax in figure.axes[:6:3]] == ["onset\nfilter 3", "low band\nfilter 5"]
    with_remark = selected.assign(remark=["not shown higher\nthan controls", ""])
    portraits = responses.portraits(clips, layer, with_remark, moments, ["a"] * 4)
    figure = plots.figure4_selected_filters(portraits)
    assert figure.axes[0].get_title() == "onset\nfilter 3\nnot shown higher\nthan controls"
    assert figure.axes[3].get_title() == "low band\nfilter 5"
    assert figure.get_suptitle().startswith("in 1 of 2 criteria (red)")


def test_a_criterion_is_remarked_upon_unless_trained_networks_are_higher():
    compared = pd.DataFrame(
        {"difference": [0.2, -0.2, 0.2], "p_holm": [0.01, 0.01, 0.3]}, ["onset", "offset", "low_band"]
    )
    remarks = criteria.remarks(compared, "control")
    failed = "not shown higher\nthan controls"
    assert remarks.to_dict() == {"onset": "", "offset": failed, "low_band": failed}


def test_figure_3_sets_marked_numbers_apart(rng):
    kernels = noise(rng).kernels
    figure = plots_kernels.figure3_filters(kernels, range(16), what="after", marked=[4, 9], limit=0.1, rows=2)
    assert figure.get_suptitle() == "after: 2 of 16 kernels have more shape than noise"
    labels = [label for ax in figure.axes[:2] for label in ax.get_xticklabels()]
    assert [label.get_text() for label in labels if label.get_fontweight() == "bold"] == ["4", "9"]
    assert figure.axes[0].images[0].get_clim() == (-0.1, 0.1)


def test_the_inset_is_the_example_as_the_author_would_see_it(rng):
    kernels = noise(rng).kernels
    figure = plots_kernels.figure3_filters(kernels, range(16), what="after", example=3, rows=2)
    ours, theirs = (ax.images[0] for ax in figure.axes[-2:])
    np.testing.assert_array_equal(ours.get_array(), kernels[..., 3].T)
    np.testing.assert_array_equal(theirs.get_array(), -kernels[::-1, :, 3].T)
    assert (ours.origin, theirs.origin) == ("lower", "upper")


def test_before_and_after_differ_by_what_was_added(rng):
    start, after = noise(rng).kernels, noise(rng).kernels
    figure = plots_kernels.before_and_after(after, start, [5, 2])
    pictures = np.array([ax.images[0].get_array() for ax in figure.axes[:6]]).reshape(3, 2, N_MELS, 3)
    np.testing.assert_allclose(pictures[0] + pictures[2], pictures[1], atol=1e-6)
    assert [ax.get_title() for ax in figure.axes[:2]] == ["filter 5", "filter 2"]


def test_references_are_drawn_behind_a_network_and_limit_it(rng):
    references = {"control": of_noise(rng, 3), "untrained": of_noise(rng, 2)}
    trained = of_noise(rng, 1)
    figure = more_plots.filters_against_references(trained, references, list(criteria.CRITERIA))
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert set(labels[:3]) == {"trained on the target", "trained on permuted targets", "untrained"}
    for ax, criterion in zip(figure.axes, criteria.CRITERIA, strict=True):
        (line,) = ax.lines
        limit = references["control"][criterion].max()
        assert line.get_xdata()[0] == limit
        beyond = (trained[criterion] > limit).sum()
        assert ax.get_title() == f"{criterion.replace('_', ' ')}: {beyond} of {len(trained)} beyond"


def test_each_network_has_a_dot_for_its_best_filter(rng):
    trained, references = of_noise(rng, 2), {"control": of_noise(rng, 3)}
    compared = criteria.against(trained, references["control"])
    figure = plots.best_filters(trained, references, ["onset", "offset"], compared)
    assert figure.axes[0].get_title() == f"onset\np = {compared['p_holm']['onset']:.2f}"
    for ax, criterion in zip(figure.axes, ("onset", "offset"), strict=True):
        drawn = [line.get_ydata().tolist() for line in ax.lines]
        expected = [
            criteria.best(described)[criterion].tolist() for described in (trained, *references.values())
        ]
        assert drawn == expected


def test_kernel_structure_counts_the_shapes_in_its_legend(rng):
    structure = filters_kernels.structure(planted(rng), noise(rng), n_networks=199)
    figure = plots_kernels.kernel_structure(structure, 0.25)
    found = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    shaped = (structure["p_value"] <= filters_kernels.LEVEL).sum()
    assert found == [f"more than noise ({shaped})", f"not more than noise ({16 - shaped})"]


def test_twins_are_drawn_pair_by_pair(clips, rng):
    starts = {seed: noise(rng) for seed in range(3)}
    matches = filters_twins.stability(
        starts, starts, [noise(rng), noise(rng)], filters_twins.window_covariance(clips)
    )
    figure = more_plots.filter_twins(matches, filters_twins.summary(matches))
    assert [len(ax.lines) for ax in figure.axes] == [1 + 3 + 1] * 3  # untrained, trained, chance line


def test_responses_around_have_a_panel_for_each_filter_and_kind(clips, rng):
    happened = pd.DataFrame(
        {"row": [0, 1, 2], "kind": ["onset", "onset", "silence"], "seconds": [3.0, 9.0, 20.0]}
    )
    layers = {"trained": noise(rng), "untrained": noise(rng)}
    found = responses.around(clips, layers, [1, 2], happened, range(12))
    figure = more_plots.responses_around(found, {1: "filter 1\nonset", 2: "filter 2\nlow band"})
    assert len(figure.axes) == 4  # no sustained tone, no column for it
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()  # one scale a row
    drawn = found.query("network == 'trained' and filter == 1 and kind == 'onset'")["mean"]
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_ydata(), drawn)


def test_ablations_are_drawn_in_order_and_random_groups_as_a_band():
    columns = {"ci_low": -0.02, "ci_high": 0.02, "p_value": [0.01, 1, 1]}
    single = pd.concat(
        [
            pd.DataFrame(
                {
                    "filter": range(3),
                    "change": np.array([-0.01, 0.01, 0]) * (1 + seed),
                    "seed": seed,
                    **columns,
                }
            )
            for seed in (0, 1)
        ]
    )
    groups = pd.DataFrame(
        {
            "name": ["moved", "random", "random"],
            "change": [-0.03, 0.01, -0.01],
            "ci_low": -0.05,
            "ci_high": 0.05,
        }
    )
    left, right = more_plots.ablations(single, groups, metric="nDCG@10").axes
    assert left.lines[0].get_ydata().tolist() == [-0.01, 0, 0.01]
    assert left.lines[1].get_xydata().tolist() == [[1, -0.01]]  # beyond chance
    band = right.patches[0].get_extents().transformed(right.transData.inverted())
    assert (band.y0, band.y1) == pytest.approx((-0.01, 0.01))


def test_a_reduced_picture_is_half_as_wide_and_the_whole_one_is_kept(tmp_path, monkeypatch):
    displayed = []
    monkeypatch.setattr(figures, "display", displayed.append)
    figure = plt.figure(figsize=(4, 2))
    figures.show(figure, tmp_path / "a.png", reduced=True)
    (shown,) = displayed
    whole, half = (plt.imread(file) for file in (tmp_path / "a.png", io.BytesIO(shown._repr_png_())))
    assert whole.shape[1] == 2 * half.shape[1]
    assert repr(shown) == "Reduced('a.png')"
    assert not plt.fignum_exists(figure.number)
