"""Arithmetic that many steps share: vectors of length 1, and an interval by resampling."""

import numpy as np
import pytest
import scipy.stats

from lib import numerics


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_keep_direction_and_type_and_get_length_1(rng, axis, dtype):
    vectors = rng.normal(size=(4, 6)).astype(dtype)
    found = numerics.unit(vectors, axis=axis)
    assert found.dtype == dtype
    np.testing.assert_allclose(np.linalg.norm(found, axis=axis), 1, rtol=1e-6)
    np.testing.assert_allclose(found * np.linalg.norm(vectors, axis=axis, keepdims=True), vectors, rtol=1e-5)


def test_what_is_too_short_to_have_a_direction_becomes_0():
    rows = np.array([[3.0, 4], [0, 0], [1e-9, 0]])
    assert numerics.unit(rows).tolist() == [[0.6, 0.8], [0, 0], [1, 0]]
    assert numerics.unit(rows, least=1e-6).tolist() == [[0.6, 0.8], [0, 0], [0, 0]]
    assert numerics.unit(rows, least=np.array([[9], [0], [0]])).tolist() == [[0, 0], [0, 0], [1, 0]]


def test_the_bootstrap_interval_is_scipys_percentile_interval(rng):
    values = rng.random(49)
    wanted = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=9999, rng=1
    ).confidence_interval
    assert numerics.bootstrap_interval(values, n_resamples=9999) == pytest.approx(tuple(wanted), abs=0.005)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says(rng):
    intervals = [
        numerics.bootstrap_interval(rng.normal(size=49), n_resamples=400, seed=k) for k in range(200)
    ]
    assert 0.88 <= np.mean([low <= 0 <= high for low, high in intervals]) <= 0.99


def test_blank_values_are_left_out_of_the_interval():
    assert numerics.bootstrap_interval([1, 1, np.nan, 1]) == (1.0, 1.0)
    with pytest.raises(ValueError, match="no value to resample"):
        numerics.bootstrap_interval([np.nan, np.nan])


def test_a_seed_gives_the_same_interval_and_another_one_another(rng):
    values = rng.random(20)
    first, again, other = (numerics.bootstrap_interval(values, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_another_statistic_is_resampled_with_what_belongs_to_a_query(rng):
    values = rng.random((40, 2))
    values[3, 1] = np.nan
    found = numerics.bootstrap_interval(
        values, statistic=lambda drawn: np.median(drawn[..., 0] - drawn[..., 1], axis=1), n_resamples=9999
    )
    whole = np.delete(values, 3, axis=0)
    wanted = scipy.stats.bootstrap(
        (whole[:, 0] - whole[:, 1],), np.median, method="percentile", n_resamples=9999, rng=1
    ).confidence_interval
    assert found == pytest.approx(tuple(wanted), abs=0.02)


def test_with_scipys_quantiles_the_interval_is_scipys_to_the_last_bit(rng):
    values = rng.random(49)
    wanted = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=2000, rng=np.random.default_rng(3)
    ).confidence_interval
    assert numerics.bootstrap_interval(values, seed=3, quantile=scipy.stats.quantile) == tuple(wanted)
