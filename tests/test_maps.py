"""Items on a map, against groups that are there."""

import numpy as np
import pytest

from lib import maps, numerics


@pytest.mark.parametrize("n_items", [1, 2, 5, 6, 30])
def test_any_number_of_items_has_a_map(n_items, rng):
    places = maps.coordinates(numerics.unit(rng.normal(size=(n_items, 8))))
    assert places.shape == (n_items, 2) and np.isfinite(places).all() and np.abs(places).max() <= 1


def test_items_of_a_group_lie_together_beyond_the_landmarks_too(rng, monkeypatch):
    monkeypatch.setattr(maps, "LANDMARKS", 40)
    groups = np.arange(90) % 3
    places = maps.coordinates(numerics.unit(np.eye(3)[groups] + 0.1 * rng.normal(size=(90, 3))))
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (groups[distances.argmin(axis=1)] == groups).mean() > 0.95
