"""Silencing a filter is what setting its weights to zero does; changes are tested by random signs."""

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lib.filters import ablation, time_order
from lib.methods import labelled_scores, mean_over_clips
from lib.ranking import metrics
from lib.training import network as training_network
from lib.training import siamese


@pytest.fixture(scope="module")
def network(study):
    """A network of 8 filters with statistics of batch normalisation that are not those of the start."""
    keras.utils.set_random_seed(4)
    method = siamese.Siamese()
    method.model = training_network.tile_model(training_network.encoder(n_filters=8))
    rng = np.random.default_rng(5)
    for name in ("batch_norm_1", "batch_norm_2"):
        norm = method.model.get_layer("encoder").get_layer(name)
        norm.set_weights([rng.uniform(0.2, 1, 8).astype(np.float32) for _ in range(4)])
    return method


def quality(method, study, artists):
    """nDCG of the whole network, by the plain way."""
    clips, owners = study.clips_of(artists)
    scores = labelled_scores(mean_over_clips(method.clip_similarities(clips), owners, len(artists)), artists)
    target = study.target.loc[artists, artists]
    return metrics.ndcg(scores.reindex_like(target), target, 3)


@pytest.mark.parametrize("group", [[0], [5], [1, 2, 7]])
def test_a_silent_filter_is_one_whose_weights_are_zero(network, study, group):
    artists = study.ids[:7]
    change = ablation.changes(network, study, artists, [[], group], n=3)
    whole = quality(network, study, artists)
    convolution = network.model.get_layer("encoder").get_layer("convolution_1")
    kernels, bias = convolution.get_weights()
    cut, cut_bias = kernels.copy(), bias.copy()
    cut[..., group], cut_bias[group] = 0, 0
    convolution.set_weights([cut, cut_bias])
    without = quality(network, study, artists)
    convolution.set_weights([kernels, bias])
    np.testing.assert_allclose(change[0], 0, atol=1e-6)
    np.testing.assert_allclose(change[1], without - whole, atol=1e-6)
    assert change.index.tolist() == artists


def test_a_filter_that_is_not_there_is_an_error(network, study):
    with pytest.raises(ValueError, match=r"filters 0 to 7, asked for \[8\]"):
        ablation.changes(network, study, study.ids[:5], [[8]], n=3)


def test_a_change_that_all_queries_share_is_found_and_noise_is_not(rng):
    noise = rng.normal(0, 1, (40, 60))
    noise[:, 7] += 1.5
    table = ablation.summary(pd.DataFrame(noise), n_draws=1999).set_index("group")
    assert table["p_value"].idxmin() == 7
    assert table["p_value"][7] == pytest.approx(1 / 2000)
    assert (table["p_value"].drop(7) > 0.05).all()
    assert table["ci_low"][7] < table["change"][7] < table["ci_high"][7]
    assert table["change"].to_numpy() == pytest.approx(noise.mean(axis=0))


def test_one_group_alone_has_the_p_value_of_a_paired_randomisation(rng):
    values = rng.normal(0.3, 1, 12)
    table = ablation.summary(pd.DataFrame({0: values}), n_draws=40_000)
    oracle = scipy.stats.permutation_test(
        (values,), np.mean, permutation_type="samples", alternative="two-sided", n_resamples=np.inf
    )
    assert table["p_value"][0] == pytest.approx(oracle.pvalue, abs=0.01)


def test_many_comparisons_are_paid_for(rng):
    values = rng.normal(0.5, 1, 20)
    others = rng.normal(0, 1, (20, 99))
    alone = ablation.summary(pd.DataFrame({0: values}))["p_value"][0]
    among = ablation.summary(pd.DataFrame(np.column_stack([values, others])))["p_value"][0]
    assert among > 5 * alone


def test_what_changes_nothing_has_p_one():
    table = ablation.summary(pd.DataFrame(np.zeros((9, 2))), n_draws=99)
    assert (table[["change", "ci_low", "ci_high"]] == 0).all(axis=None)
    assert (table["p_value"] == 1).all()


def test_random_groups_are_of_one_size_and_without_repetition():
    groups = ablation.random_groups(20, 5, 30)
    assert len(groups) == 30
    assert all(len(set(group)) == 5 and set(group) <= set(range(20)) for group in groups)
    assert len({tuple(group) for group in groups}) > 25


def test_clips_as_they_are_rank_as_the_network_ranks_and_another_order_changes_embeddings(network, study):
    artists = study.ids[:7]
    scores, measured = ablation.time_orders({3: network}, study, artists, n=3)
    assert list(scores) == list(time_order.ORDERS)
    measured = measured.set_index("order")
    assert measured.loc[time_order.UNCHANGED, ["cosine", "overlap"]].tolist() == pytest.approx([1, 1])
    assert measured.loc[time_order.UNCHANGED, "ndcg"] == pytest.approx(
        quality(network, study, artists).mean()
    )
    assert measured.loc[time_order.CHANCE, "overlap"] == pytest.approx(3 / 6)
    assert 0 < measured.loc[time_order.SHUFFLED, "cosine"] < 1 - 1e-4
    clips, owners = study.clips_of(artists)
    changed = network.embed(time_order.reordered(clips, "reversed"))
    oracle = [
        np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(network.embed(clips), changed)
    ]
    assert measured.loc["reversed", "cosine"] == pytest.approx(np.mean(oracle), abs=1e-6)


def test_maxima_at_the_ends_of_clips_are_counted(network, study):
    found = ablation.maxima_at_edges({3: network}, study, study.ids[:4]).iloc[0]
    encoder = network.model.get_layer("encoder")
    before = keras.Model(encoder.input, encoder.get_layer("max_over_time").input)
    clips, _ = study.clips_of(study.ids[:4])
    at_edges = []
    for clip in clips:
        for values in np.asarray(before(clip[None]))[0].T:
            if np.ptp(values) > 0:
                at_edges.append(values.argmax() in (0, 1, 30, 31))
    assert found["at_edges"] == pytest.approx(np.mean(at_edges), abs=0.02)
    assert found["expected"] == 4 / 32
