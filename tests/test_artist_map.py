"""The map of artists: groups stay together, and the count of kept neighbours against brute force."""

import numpy as np
import pandas as pd
import pytest

from lib import maps
from lib.beyond import artist_map
from lib.methods import labelled_scores


def ids(n):
    return [f"a{place:03d}" for place in range(n)]


def grouped(n, rng, *, size=10):
    """Scores that are high within a group; rows differ in level and scale, as an asymmetric method's do."""
    groups = np.arange(n) // size
    values = (groups[:, None] == groups) + 0.2 * rng.random((n, n))
    return labelled_scores(rng.uniform(1, 5, (n, 1)) * values + rng.normal(size=(n, 1)), ids(n)), groups


def nearest(values, n):
    """Sets of the nearest, one artist after the other."""
    values = np.array(values, dtype=float)
    np.fill_diagonal(values, -np.inf)
    return [set(np.argsort(-row, kind="stable")[:n]) for row in values]


def test_groups_stay_together(rng):
    scores, groups = grouped(60, rng)
    artists = artist_map.of_scores(scores, "siamese")
    assert artists.columns.tolist() == ["artist_id", "x", "y", "of"]
    assert artists["artist_id"].tolist() == ids(60) and set(artists["of"]) == {"siamese network"}
    places = artists[["x", "y"]].to_numpy()
    assert np.abs(places).max() == pytest.approx(1)
    near = nearest(-np.linalg.norm(places[:, None] - places, axis=2), 5)
    assert np.mean([groups[list(each)] == groups[artist] for artist, each in enumerate(near)]) > 0.97


def test_groups_stay_together_beyond_the_landmarks(rng, monkeypatch):
    monkeypatch.setattr(maps, "LANDMARKS", 60)
    scores, groups = grouped(120, rng, size=20)
    places = artist_map.of_scores(scores, "siamese")[["x", "y"]].to_numpy()
    near = nearest(-np.linalg.norm(places[:, None] - places, axis=2), 5)
    assert np.mean([groups[list(each)] == groups[artist] for artist, each in enumerate(near)]) > 0.9


def test_the_same_scores_give_the_same_map(rng):
    scores, _ = grouped(40, rng)
    one, other = (artist_map.of_scores(scores, "l2") for _ in range(2))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("n", [2, 3, 6, 7, 12])
def test_few_artists_have_a_map(n, rng):
    artists = artist_map.of_scores(labelled_scores(rng.random((n, n)), ids(n)), "l2")
    assert np.isfinite(artists[["x", "y"]]).all(axis=None) and len(artists) == n


def test_a_method_that_tells_nobody_apart_has_a_map_all_the_same():
    artists = artist_map.of_scores(labelled_scores(np.zeros((8, 8)), ids(8)), "l2")
    assert np.isfinite(artists[["x", "y"]]).all(axis=None)


def test_kept_neighbours_against_brute_force(rng):
    scores = labelled_scores(rng.random((30, 30)), ids(30))
    artists = pd.DataFrame(rng.random((30, 2)), columns=["x", "y"]).assign(of="L2")
    places = artists[["x", "y"]].to_numpy()
    on_map = nearest(-np.linalg.norm(places[:, None] - places, axis=2), 7)
    wanted = [len(a & b) for a, b in zip(nearest(scores, 7), on_map, strict=True)]
    assert artist_map.kept_neighbours(scores, artists, n=7).tolist() == wanted


def test_the_sentence_counts_them_beside_chance():
    place = np.arange(21.0)
    scores = labelled_scores(-np.abs(place[:, None] - place) - 1e-3 * place, ids(21))
    artists = pd.DataFrame({"x": place, "y": 1e-3 * place**2}).assign(of="a line")
    shuffled = artists.sample(frac=1, random_state=0).reset_index(drop=True)
    text = artist_map.sentence(scores, artists)
    assert text.startswith("Of an artist's 10 nearest by a line, 10.0 on average are among its 10 nearest")
    assert text.endswith("by chance it would be 5.0.")
    assert 3.5 < artist_map.kept_neighbours(scores, shuffled).mean() < 6.5


def test_what_has_no_place_is_refused(rng):
    scores = labelled_scores(rng.random((4, 4)), ids(4))
    with pytest.raises(ValueError, match="name other artists"):
        artist_map.of_scores(scores.iloc[:, ::-1], "l2")
    scores.iloc[0, 1] = np.nan
    with pytest.raises(ValueError, match="1 scores of l2 are not finite"):
        artist_map.of_scores(scores, "l2")
