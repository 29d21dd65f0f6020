"""Ranks and correlations by blocks of rows, against plain ones; metrics in place, against their formulas."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from lib.listening import factors, labels, matrix, metrics, ranks, targets, trust
from lib.plots import listening as plots


def plain_ranks(values):
    """With scipy, on the whole matrix at once."""
    n = len(values)
    others = scipy.stats.rankdata(values[~np.eye(n, dtype=bool)].reshape(n, n - 1), axis=1)
    return others - n / 2


def plain_correlations(first, second):
    both = plain_ranks(first), plain_ranks(second)
    with np.errstate(invalid="ignore"):
        lengths = np.prod([np.linalg.norm(each, axis=1) for each in both], axis=0)
        return np.clip(np.einsum("ij,ij->i", *both) / lengths, -1, 1)


def world(seed, n_users=400, n_artists=120):
    """Popularity falls with the rank; the last artist is heard by nobody."""
    rng = np.random.default_rng(seed)
    shares = np.append(0.5 / (1 + np.arange(n_artists - 1)) ** 0.7, 0)
    counts = (rng.random((n_users, n_artists)) < shares) * rng.integers(1, 99, (n_users, n_artists))
    ids = [f"a{place:04d}" for place in range(n_artists)]
    artists = pd.DataFrame({"artist_id": ids, "name": ids, "listeners": (counts > 0).sum(axis=0)})
    return matrix.ListeningMatrix(scipy.sparse.csr_array(counts), artists)


VALUES = {
    "a few, with ties": lambda rng, shape: rng.integers(-2, 3, shape).astype(float),
    "no ties": lambda rng, shape: rng.standard_normal(shape),
    "apart in the last bits only": lambda rng, shape: 0.7 + rng.integers(0, 9, shape) * 2.0**-53,
    "and below 0": lambda rng, shape: -0.7 - rng.integers(0, 9, shape) * 2.0**-53,
    "zeros with signs": lambda rng, shape: rng.choice([0.0, -0.0, 1e-300], shape),
    "infinite ones": lambda rng, shape: rng.choice([-np.inf, -1, 2, np.inf], shape),
    "one value": lambda rng, shape: np.full(shape, 0.3),
}


@pytest.mark.parametrize("kind", VALUES)
@given(seed=st.integers(0, 1000), n=st.integers(2, 20), block=st.sampled_from([1, 40, 2**17]))
def test_ranks_are_scipys_whatever_the_values_and_the_blocks(kind, seed, n, block):
    values = VALUES[kind](np.random.default_rng(seed), (n, n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "BLOCK", block)
        centred = ranks.centred(values)
        correlations = ranks.correlations(centred, ranks.centred(values[::-1]))
    np.testing.assert_array_equal(trust.without_diagonal(centred), plain_ranks(values))
    assert not centred.diagonal().any()
    np.testing.assert_array_equal(correlations, plain_correlations(values, values[::-1]))


def test_a_row_with_a_value_missing_has_no_correlation(rng):
    values = rng.random((5, 5))
    values[1, 3] = values[2, 2] = np.nan  # the second one lies on the diagonal
    assert np.isnan(ranks.correlations(ranks.centred(values), ranks.centred(values.T))).tolist() == [
        False, True, False, True, False,
    ]  # fmt: skip


def plain_summary(listening, seed, n_halvings):
    """Split-half agreement and correlation with popularity, by whole matrices and scipy."""
    popularity = np.tile(listening.artists["listeners"].to_numpy(dtype=float), (len(listening.artists), 1))
    rows = []
    for name, metric in metrics.METRICS.items():
        halved = [
            pd.Series(plain_correlations(*(metric(half).to_numpy() for half in halves))).mean()
            for halves in (matrix.halves(listening, seed=seed + k) for k in range(n_halvings))
        ]
        target = metric(listening).to_numpy()
        others = target[~np.eye(len(target), dtype=bool)]
        rows.append({
            "metric": name,
            "median": np.median(others),
            "spread": np.subtract(*np.quantile(others, [0.75, 0.25])),
            "popularity_correlation": pd.Series(plain_correlations(target, popularity)).mean(),
            "split_half": np.mean(halved),
            "split_half_low": np.quantile(halved, 0.025),
        })  # fmt: skip
    return pd.DataFrame(rows)


def test_the_summary_has_the_very_numbers_of_a_plain_one():
    listening = world(seed=3)
    table = trust.summary(listening, n_halvings=2, seed=7, progress=False)
    plain = plain_summary(listening, seed=7, n_halvings=2)
    pd.testing.assert_frame_equal(table[plain.columns], plain, check_exact=True)
    assert table["left_out"].eq(1).all()  # nobody hears the last


def scaled(values):
    low, high = np.nanmin(values), np.nanmax(values)
    return (values - low) / (high - low)


def formulas(listening):
    """The metrics as they are written down, a new array at each step."""
    plays = listening.plays.toarray()
    heard = (plays > 0).astype(np.int64)
    together, diagonal = heard.T @ heard, np.eye(plays.shape[1], dtype=bool)
    n = np.diag(together)
    product = np.multiply.outer(n, n)
    shares = np.where(diagonal, 0, together / np.maximum(n, 1)[:, None])
    widest = np.maximum(shares.max(axis=1) - shares.min(axis=1), 1e-300)
    shared = (heard.T @ plays) / np.maximum(plays.sum(axis=0), 1)
    lift = np.log((together + 10.0) / (product / len(plays) + 10.0))
    return {
        "min_conditional": scaled(
            np.where(diagonal, 0, together / np.maximum(np.maximum.outer(n, n), 1))
        ),
        "conditional": (shares - shares.min(axis=1, keepdims=True)) / widest[:, None],
        "plays_min": scaled(np.where(diagonal, 0, np.minimum(shared, shared.T))),
        "cosine": together / np.sqrt(np.maximum(product, 1)),
        "jaccard": together / np.maximum(np.add.outer(n, n) - together, 1),
        "pmi": scaled(np.where(diagonal, np.nan, lift)).round(12),
    }  # fmt: skip


def test_metrics_in_place_have_the_very_values_of_their_formulas_and_leave_the_counts_alone():
    listening = world(seed=5)
    counts = listening.co_listeners.copy()
    for name, values in formulas(listening).items():
        np.fill_diagonal(values, np.nan)
        found = metrics.METRICS[name](listening)
        np.testing.assert_array_equal(found.to_numpy(), values, err_msg=name)
        np.testing.assert_array_equal(listening.co_listeners, counts, err_msg=name)


@pytest.mark.parametrize(("n_users", "n_artists"), [(300, 120), (90, 120)])
def test_factors_of_many_artists_are_those_of_the_dense_svd(n_users, n_artists, monkeypatch):
    listening = world(seed=1, n_users=n_users, n_artists=n_artists)
    dense = factors.bm25_factors(listening, n_factors=10)
    alike = metrics.latent(listening, n_factors=10)
    monkeypatch.setattr(factors, "DENSE", 50)
    many = factors.bm25_factors(listening, n_factors=10)
    assert many.shape == dense.shape
    np.testing.assert_allclose(many @ many.T, dense @ dense.T, atol=1e-10)
    pd.testing.assert_frame_equal(many, factors.bm25_factors(listening, n_factors=10), check_exact=True)
    assert metrics.latent(listening, n_factors=10).sub(alike).abs().max(axis=None) <= 1e-9


@pytest.mark.parametrize(
    "counts", [np.zeros((60, 70), int), np.ones((60, 70), int), np.eye(60, 70, dtype=int)]
)
def test_factors_of_many_artists_with_fewer_directions_than_factors(counts, monkeypatch):
    ids = [f"a{place}" for place in range(70)]
    listening = matrix.ListeningMatrix(scipy.sparse.csr_array(counts), pd.DataFrame({"artist_id": ids}))
    dense = factors.bm25_factors(listening, n_factors=5)
    monkeypatch.setattr(factors, "DENSE", 50)
    many = factors.bm25_factors(listening, n_factors=5)
    lengths = np.linalg.norm(many, axis=1)
    assert set(lengths.round(9)) <= {0, 1}
    assert (lengths == 0)[counts.sum(axis=0) == 0].all()
    if len(np.unique(counts)) == 1:  # otherwise all directions are equally strong, and any five will do
        np.testing.assert_allclose(many @ many.T, dense @ dense.T, atol=1e-9)


def test_an_audit_by_blocks_names_the_pair_that_lies_farthest_apart(monkeypatch):
    target = metrics.cosine(world(seed=2))
    monkeypatch.setattr(ranks, "BLOCK", 500)
    with pytest.warns(UserWarning, match="1 of 120 artists are equally similar to all others.*a0119"):
        assert targets.audit(target)["without_neighbours"] == ["a0119"]
    wrong = target.copy()
    wrong.loc["a0003", "a0004"], wrong.loc["a0090", "a0080"] = 0.99, 1
    farthest = (wrong - wrong.T).abs().max()
    a, b = sorted(farthest.nlargest(2).index)
    with pytest.raises(ValueError, match=f"should be symmetric and is not: {a} to {b}"):
        targets.audit(wrong)


def test_similarities_are_made_when_they_are_taken(miniature):
    similarities = metrics.Similarities(miniature)
    assert list(similarities) == list(metrics.METRICS)
    assert len(similarities) == len(metrics.METRICS)
    for name, frame in similarities.items():
        pd.testing.assert_frame_equal(frame, metrics.METRICS[name](miniature))
        assert similarities[name] is not frame


@given(seed=st.integers(0, 1000), n=st.integers(1, 30))
def test_the_nearest_that_are_drawn_are_those_of_a_stable_sort(seed, n):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 4, (25, 25)).astype(float)
    np.fill_diagonal(target, np.nan)
    popularity, lot = rng.permutation(25) + 0.5, rng.permutation(25)
    values = np.nan_to_num(target, nan=-1)[:, lot]
    plain = popularity[lot[np.argsort(-values, axis=1, kind="stable")[:, :n]]].mean(axis=1)
    np.testing.assert_array_equal(plots._mean_of_nearest(target, popularity, lot, n), plain)


def test_frames_are_labelled_without_a_copy():
    values = np.zeros((3, 3))
    assert np.shares_memory(labels.labelled(values, list("abc")).to_numpy(), values)
