"""The listening matrix: its artists, its halves, its files."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from lib.listening import matrix
from lib.listening.matrix import ListeningMatrix


@pytest.fixture
def heard():
    """Four users × four artists, by listeners; the fourth user hears nobody but the last one."""
    plays = scipy.sparse.csr_array(np.array([[21, 1, 0, 0], [22, 2, 12, 0], [23, 0, 13, 0], [0, 0, 0, 7]]))
    artists = {"artist_id": ["c", "a", "b", "d"], "name": ["C", "A", "B", "D"]}
    counts = {"listeners": [3, 2, 2, 1], "plays": [66, 3, 25, 7]}
    return ListeningMatrix(plays, pd.DataFrame(artists | counts))


def test_the_top_artists_are_the_first_ones_and_users_without_them_are_left_out(heard):
    top = matrix.top(heard, 3)
    assert top.artists["artist_id"].tolist() == ["c", "a", "b"]
    assert top.plays.toarray().tolist() == [[21, 1, 0], [22, 2, 12], [23, 0, 13]]
    assert top.listened.toarray().tolist() == [[1, 1, 0], [1, 1, 1], [1, 0, 1]]


def test_no_number_of_artists_means_all_of_them(heard):
    assert matrix.top(heard, 0).artists["artist_id"].tolist() == ["c", "a", "b", "d"]
    assert (matrix.top(heard, 0).plays != heard.plays).nnz == 0


def test_the_top_artists_among_some_are_the_most_listened_to_of_these(heard):
    top = matrix.top(heard, 2, among={"d", "b", "a", "a stranger"})
    assert top.artists["artist_id"].tolist() == ["a", "b"]
    assert top.artists.index.tolist() == [0, 1]
    assert top.plays.toarray().tolist() == [[1, 0], [2, 12], [0, 13]]
    assert matrix.top(heard, 0, among=["d", "b"]).artists["artist_id"].tolist() == ["b", "d"]
    with pytest.raises(
        ValueError,
        match=r"n_artists=3: the plays hold 2 artists with music \(names.tsv .*\): give at most that",
    ):
        matrix.top(heard, 3, among=["d", "b"])


@pytest.mark.parametrize("n_artists", [-1, 5])
def test_more_artists_than_there_are_is_an_error_that_names_the_parameter(heard, n_artists):
    with pytest.raises(ValueError, match=f"n_artists={n_artists}: the plays hold 4 artists: give at most"):
        matrix.top(heard, n_artists)


def test_co_listeners_are_counted_once_whatever_their_plays(heard, miniature):
    assert heard.co_listeners.tolist() == [[3, 2, 2, 0], [2, 2, 1, 0], [2, 1, 2, 0], [0, 0, 0, 1]]
    users = miniature.plays.toarray() > 0
    wanted = [[(users[:, a] & users[:, b]).sum() for b in range(12)] for a in range(12)]
    np.testing.assert_array_equal(miniature.co_listeners, wanted)
    assert miniature.co_listeners.dtype == np.int64


def test_the_halves_share_the_artists_and_part_the_users(miniature):
    first, second = matrix.halves(miniature, seed=3)
    assert [half.plays.shape for half in (first, second)] == [(30, 12), (30, 12)]
    for column in ("listeners", "plays"):
        assert (first.artists[column] + second.artists[column]).tolist() == miniature.artists[column].tolist()
    together = np.concatenate([first.plays.toarray(), second.plays.toarray()])
    assert sorted(map(tuple, together)) == sorted(map(tuple, miniature.plays.toarray()))
    assert (matrix.halves(miniature, seed=3)[0].plays != first.plays).nnz == 0
    assert (matrix.halves(miniature, seed=4)[0].plays != first.plays).nnz > 0


def dense():
    """Users who hear everything, an artist whom everybody hears, and some others."""
    heard = np.random.default_rng(0).random((40, 15)) < 0.2
    heard[:3], heard[:, 4] = True, True
    artists = pd.DataFrame({"artist_id": list("abcdefghijklmno"), "name": list("abcdefghijklmno")})
    artists["listeners"] = heard.sum(axis=0)
    return ListeningMatrix(scipy.sparse.csr_array(heard.astype(np.int64)), artists)


def test_shuffled_listeners_of_a_dense_world_keep_their_margins_too():
    shuffled = matrix.shuffled(dense(), seed=0)
    for axis in (0, 1):
        np.testing.assert_array_equal(shuffled.listened.sum(axis=axis), dense().listened.sum(axis=axis))
    assert (shuffled.listened != dense().listened).nnz > 40


def test_shuffling_one_pair_or_none_changes_nothing():
    for heard in ([[1, 0]], [[0, 0]]):
        artists = pd.DataFrame({"artist_id": ["a", "b"], "name": ["a", "b"]})
        world = ListeningMatrix(scipy.sparse.csr_array(np.array(heard)), artists)
        assert matrix.shuffled(world, seed=0).plays.toarray().tolist() == heard


def test_shuffled_listeners_keep_how_much_they_hear_and_how_often_each_artist_is_heard(miniature):
    shuffled = matrix.shuffled(miniature, seed=0)
    for axis in (0, 1):
        kept = shuffled.listened.sum(axis=axis), miniature.listened.sum(axis=axis)
        np.testing.assert_array_equal(*kept)
    assert shuffled.artists["listeners"].tolist() == miniature.artists["listeners"].tolist()
    assert shuffled.plays.sum() == miniature.plays.sum()
    assert (shuffled.plays != miniature.plays).nnz > miniature.plays.nnz / 4
    assert (matrix.shuffled(miniature, seed=0).plays != shuffled.plays).nnz == 0
    assert (matrix.shuffled(miniature, seed=1).plays != shuffled.plays).nnz > 0


def test_shuffled_listeners_have_no_taste():
    taste = np.kron(np.eye(2), np.ones((100, 5)))  # two circles of listeners and of artists
    taste[::7, 0] = 1
    artists = pd.DataFrame({"artist_id": list("abcdefghij"), "name": list("abcdefghij")})
    circles = ListeningMatrix(scipy.sparse.csr_array(taste.astype(np.int64)), artists)
    across = circles.co_listeners[1:5, 5:].mean() / circles.co_listeners[1:5, 1:5].mean()
    shuffled = matrix.shuffled(circles, seed=0).co_listeners
    assert across < 0.1
    apart = ~np.eye(4, dtype=bool)
    assert shuffled[1:5, 5:].mean() / shuffled[1:5, 1:5][apart].mean() == pytest.approx(1, abs=0.15)


def test_what_is_saved_is_loaded_and_twice_the_same_bytes(tmp_path, miniature):
    for folder in ("a", "b"):
        matrix.save(miniature, tmp_path / folder)
    for file in ("listening.npz", "artists.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    loaded = matrix.load(tmp_path / "a")
    assert (loaded.plays != miniature.plays).nnz == 0
    pd.testing.assert_frame_equal(loaded.artists, miniature.artists)


def test_listening_of_the_artists_who_were_not_chosen_is_kept_behind_the_chosen(tmp_path, heard):
    chosen = matrix.top(heard, 1, among=["b"])
    matrix.save(chosen, tmp_path, everybody=heard)
    loaded, everybody = matrix.load(tmp_path), matrix.load_all(tmp_path)
    pd.testing.assert_frame_equal(loaded.artists, chosen.artists)
    assert loaded.plays.toarray().tolist() == chosen.plays.toarray().tolist() == [[12], [13]]
    assert everybody.artists["artist_id"].tolist() == ["b", "c", "a"]  # d has one listener
    assert everybody.artists.columns.tolist() == heard.artists.columns.tolist()
    assert everybody.plays.toarray().tolist() == [[0, 21, 1], [12, 22, 2], [13, 23, 0]]


def test_what_is_loaded_of_the_chosen_is_to_the_bit_what_was_chosen(tmp_path, miniature):
    for among in (None, miniature.artists["artist_id"][::3]):
        chosen = matrix.top(miniature, 3, among=among)
        matrix.save(chosen, tmp_path, everybody=miniature)
        loaded = matrix.load(tmp_path).plays
        for part in ("indptr", "indices", "data"):
            wanted, found = getattr(chosen.plays, part), getattr(loaded, part)
            assert (wanted.dtype, wanted.tolist()) == (found.dtype, found.tolist())


def test_labels_and_matrix_that_do_not_fit_are_an_error(tmp_path, miniature):
    matrix.save(miniature, tmp_path)
    miniature.artists.head(3).to_parquet(tmp_path / "artists.parquet")
    with pytest.raises(ValueError, match="name the 12 chosen artists of listening.npz: run 01 again"):
        matrix.load(tmp_path)
    miniature.artists.iloc[::-1].to_parquet(tmp_path / "artists.parquet")
    with pytest.raises(ValueError, match="run 01 again"):
        matrix.load(tmp_path)
    miniature.artists.assign(chosen=True).head(3).to_parquet(tmp_path / "all_artists.parquet")
    with pytest.raises(ValueError, match="12 artists, all_artists.parquet 3: run 01 again"):
        matrix.load_all(tmp_path)
