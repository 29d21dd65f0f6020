"""Listening factors: counted by hand, and deaf to the listeners of held-out artists."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lib.beyond import factors
from lib.listening.matrix import ListeningMatrix

# Listeners in common of four artists; the diagonal must not count.
TOGETHER = np.array([[9, 4, 1, 0], [4, 9, 0, 1], [1, 0, 9, 3], [0, 1, 3, 9]])


def listening_of(plays):
    plays = np.asarray(plays)
    ids = [f"a{k}" for k in range(plays.shape[1])]
    artists = pd.DataFrame({
        "artist_id": ids, "name": ids, "listeners": (plays > 0).sum(axis=0), "plays": plays.sum(axis=0),
    })  # fmt: skip
    return ListeningMatrix(scipy.sparse.csr_array(plays), artists)


def test_discounted_ppmi_of_one_pair_by_hand():
    rows = np.array([5, 5, 4, 4])
    context = rows**0.75
    wanted = np.log(4 * context.sum() / (5 * context[1])) * (4 / 5) * (5 / 6)
    assert factors.discounted_ppmi(TOGETHER)[0, 1] == pytest.approx(wanted)


def test_pairs_that_share_fewer_listeners_than_by_chance_count_nothing():
    found = factors.discounted_ppmi(TOGETHER).toarray()
    assert found[0, 2] == 0  # 1 in common, where 5 * 4 / 18 are expected
    assert found[0, 3] == 0  # nobody
    assert np.diag(found).tolist() == [0] * 4


def test_a_single_shared_listener_counts_less_than_many_at_the_same_ratio():
    few, many = factors.discounted_ppmi(TOGETHER), factors.discounted_ppmi(TOGETHER * 100)
    assert 0 < few[0, 1] < many[0, 1]


@pytest.mark.parametrize("held_out", [["artist-03"], ["artist-00", "artist-05", "artist-11"]])
def test_listening_of_held_out_artists_cannot_reach_the_factors(miniature, rng, held_out):
    columns = np.flatnonzero(miniature.artists["artist_id"].isin(held_out))
    before = factors.listening_factors(miniature, leave_out=held_out, n_factors=4)
    for fill in (0, 1, rng.integers(0, 1000, (miniature.plays.shape[0], len(columns)))):
        plays = miniature.plays.toarray()
        plays[:, columns] = fill
        other = ListeningMatrix(scipy.sparse.csr_array(plays), miniature.artists)
        pd.testing.assert_frame_equal(
            factors.listening_factors(other, leave_out=held_out, n_factors=4), before, check_exact=True
        )
    assert before.index.intersection(held_out).empty


def test_listening_of_artists_that_stay_does_reach_them(miniature):
    plays = miniature.plays.toarray()
    plays[:, 0] = 1
    other = ListeningMatrix(scipy.sparse.csr_array(plays), miniature.artists)
    one, two = (
        factors.listening_factors(each, leave_out=["artist-03"], n_factors=4) for each in (miniature, other)
    )
    assert not np.allclose(one, two)


def test_factors_are_unit_vectors_that_tell_the_camps_apart(miniature):
    vectors = factors.listening_factors(miniature, n_factors=4)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    plays = miniature.plays.toarray() > 0
    camp = np.sign(np.corrcoef(plays.T)[0])  # who is heard together with the first artist more than by chance
    alike = vectors.to_numpy() @ vectors.to_numpy()[0]
    assert alike[1:][camp[1:] > 0].mean() > alike[1:][camp[1:] < 0].mean() + 0.3


def test_factors_rebuild_the_matrix_as_well_as_the_best_of_their_rank():
    matrix = factors.discounted_ppmi(TOGETHER).toarray()
    left, strength, _ = np.linalg.svd(matrix)
    found = factors._truncated(matrix, 2)
    np.testing.assert_allclose(found @ found.T, (left[:, :2] * strength[:2]) @ left[:, :2].T, atol=1e-9)


@given(
    npst.arrays(np.int64, st.integers(2, 7).map(lambda n: (9, n)), elements=st.integers(0, 1)),
)
def test_sparse_ppmi_is_the_dense_formula(listened):
    together = listened.T @ listened
    off = together * (1 - np.eye(len(together)))
    rows = off.sum(axis=1)
    context = rows**0.75
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(off * context.sum() / np.outer(rows, context))
    smaller = np.minimum.outer(rows, rows)
    wanted = np.where(off > 0, np.maximum(information, 0) * off / (off + 1) * smaller / (smaller + 1), 0)
    for given_as in (np.asarray, scipy.sparse.csr_array, scipy.sparse.csc_array):
        found = factors.discounted_ppmi(given_as(together))
        assert scipy.sparse.issparse(found)
        np.testing.assert_allclose(found.toarray(), wanted, atol=1e-12)


def test_columns_beyond_the_company_change_nothing(miniature, rng, monkeypatch):
    monkeypatch.setattr(factors, "COMPANY", 8)
    plays = miniature.plays.toarray()
    before = factors.listening_factors(listening_of(plays[:, :8]), n_factors=4)
    extra = np.hstack([plays[:, :8], rng.integers(0, 2, (len(plays), 30))])
    after = factors.listening_factors(listening_of(extra), n_factors=4)
    pd.testing.assert_frame_equal(after, before, check_exact=True)


def test_artists_left_out_make_room_for_the_next_and_cannot_reach_the_others(miniature, rng, monkeypatch):
    """The company is counted after the held-out artists are gone."""
    monkeypatch.setattr(factors, "COMPANY", 8)
    ids = miniature.artists["artist_id"].tolist()
    before = factors.listening_factors(miniature, leave_out=ids[1:3], n_factors=4)
    assert before.index.tolist() == [ids[0], *ids[3:10]]
    plays = miniature.plays.toarray()
    plays[:, 1:3] = rng.integers(0, 1000, (len(plays), 2))
    other = ListeningMatrix(scipy.sparse.csr_array(plays), miniature.artists)
    after = factors.listening_factors(other, leave_out=ids[1:3], n_factors=4)
    pd.testing.assert_frame_equal(after, before, check_exact=True)


def test_an_artist_without_company_has_no_direction():
    plays = [[1, 1, 1, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    assert factors.listening_factors(listening_of(plays), n_factors=2).loc["a3"].tolist() == [0.0, 0.0]


def test_there_are_fewer_factors_where_there_are_fewer_artists(miniature):
    assert factors.listening_factors(miniature, n_factors=40).shape == (12, 11)


def test_what_cannot_be_learnt_from_is_an_error(miniature):
    with pytest.raises(ValueError, match="2 artists are left"):
        factors.listening_factors(miniature, leave_out=miniature.artists["artist_id"][2:])
    with pytest.raises(ValueError, match="no two of 3 artists share listeners"):
        factors.listening_factors(listening_of(np.eye(3, dtype=int)))


def test_five_listeners_are_trusted_half():
    assert factors.trust([5, 0, 95]).tolist() == [0.5, 0.0, 0.95]
