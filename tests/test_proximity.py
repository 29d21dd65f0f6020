"""Mutual proximity and hubness, by hand."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lib.beyond import adjust

IDS = list("abcd")
# Everybody is close to a; nobody else is close to anybody.
HUB = np.array([[np.nan, 9, 8, 7], [9, np.nan, 1, 2], [8, 1, np.nan, 3], [7, 2, 3, np.nan]])


def frame(values):
    ids = pd.Index(IDS[: len(values)], name="query")
    return pd.DataFrame(values, index=ids, columns=ids.rename("candidate"))


def test_it_is_the_product_of_how_close_each_side_finds_it():
    sides = [scipy.stats.norm.cdf(1, *moments([9, 1, 2])), scipy.stats.norm.cdf(1, *moments([8, 1, 3]))]
    assert adjust.mutual_proximity(frame(HUB)).loc["b", "c"] == pytest.approx(np.prod(sides))


def moments(values):
    return np.mean(values), np.std(values)


def test_it_is_symmetric_lies_between_0_and_1_and_is_blank_for_oneself():
    found = adjust.mutual_proximity(frame(HUB)).to_numpy()
    np.testing.assert_allclose(found, found.T)
    assert np.isnan(found).tolist() == np.eye(4, dtype=bool).tolist()
    assert 0 <= np.nanmin(found) <= np.nanmax(found) <= 1


def test_a_scale_or_a_shift_of_all_scores_changes_nothing():
    one, two = (adjust.mutual_proximity(frame(values)) for values in (HUB, 3 * HUB - 5))
    pd.testing.assert_frame_equal(one, two)


def test_an_artist_to_whom_all_are_equal_counts_a_half():
    equal = np.where(np.eye(3, dtype=bool), np.nan, 4.0)
    assert np.nanmin(adjust.mutual_proximity(frame(equal))) == 0.25


def test_it_takes_hubs_away_from_points_in_many_dimensions(rng):
    points = rng.normal(size=(200, 60)) * rng.uniform(0.7, 1.3, (200, 1))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    ids = pd.Index([f"a{k:03d}" for k in range(200)])
    scores = pd.DataFrame(np.where(np.eye(200, dtype=bool), np.nan, -distances), index=ids, columns=ids)
    before, after = adjust.hubness(scores, 10), adjust.hubness(adjust.mutual_proximity(scores), 10)
    assert before > 1.5
    assert after < before / 2


def test_scores_that_are_not_symmetric_are_refused():
    with pytest.raises(ValueError, match="needs symmetric scores"):
        adjust.mutual_proximity(frame(np.where(np.isnan(HUB), np.nan, HUB + np.arange(4))))


def test_hubness_is_the_skewness_of_how_often_one_is_named():
    # First of each list: a names b; b, c and d name a.
    assert adjust.hubness(frame(HUB), 1) == pytest.approx(scipy.stats.skew([3, 1, 0, 0]))


def test_where_all_are_named_equally_often_there_are_no_hubs():
    equal = np.where(np.eye(4, dtype=bool), np.nan, 1.0)
    assert adjust.hubness(frame(equal), 2) == 0
