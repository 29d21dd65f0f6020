"""Metrics against loops over users; the author's relabelling, down to his own count of pairs."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from lib import listening, similarity, splits


def listening_of(plays):
    """Users × artists, as nested lists or an array."""
    plays = np.asarray(plays)
    ids = [f"a{k}" for k in range(plays.shape[1])]
    artists = pd.DataFrame(
        {"artist_id": ids, "name": ids, "listeners": (plays > 0).sum(axis=0), "plays": plays.sum(axis=0)}
    )
    return listening.ListeningMatrix(scipy.sparse.csr_array(plays), artists)


def min_conditional_by_loop(plays):
    users = [set(np.flatnonzero(column)) for column in np.asarray(plays).T]
    return [
        [0 if i == j else len(a & b) / max(len(a), len(b), 1) for j, b in enumerate(users)]
        for i, a in enumerate(users)
    ]


def conditional_by_loop(plays):
    users = [set(np.flatnonzero(column)) for column in np.asarray(plays).T]
    return [
        [0 if i == j else len(a & b) / max(len(b), 1) for j, b in enumerate(users)]
        for i, a in enumerate(users)
    ]


def plays_min_by_loop(plays):
    plays = np.asarray(plays)

    def share(a, b):
        return sum(row[b] for row in plays if row[a]) / max(plays[:, b].sum(), 1)

    artists = range(plays.shape[1])
    return [[0 if a == b else min(share(a, b), share(b, a)) for b in artists] for a in artists]


def scaled(values, axis=None):
    values = np.array(values, dtype=float)
    low, high = values.min(axis=axis), values.max(axis=axis)
    values = (values - low) / np.where(high > low, high - low, 1)
    np.fill_diagonal(values, np.nan)
    return values


# Four users: a0 is heard by three, a1 by two, a2 by one, a3 by one.
FOUR = [[9, 1, 0, 0], [5, 0, 2, 0], [1, 3, 0, 0], [0, 0, 0, 4]]


def test_cooccurrence_counts_users_not_plays():
    assert similarity.cooccurrence(listening_of(FOUR)).to_numpy().tolist() == [
        [3, 2, 1, 0],
        [2, 2, 0, 0],
        [1, 0, 1, 0],
        [0, 0, 0, 1],
    ]


def test_the_papers_metric_worked_by_hand():
    frame = similarity.min_conditional(listening_of(FOUR))
    assert frame.loc["a0", "a1"] == 1.0  # two of three, the largest of all
    assert frame.loc["a0", "a2"] == pytest.approx(0.5)  # one of three
    assert frame.loc["a0", "a3"] == 0.0


def test_conditional_is_the_share_of_the_candidates_listeners_scaled_by_column():
    frame = similarity.conditional(listening_of(FOUR))
    assert frame.loc["a0", ["a1", "a2"]].tolist() == [1.0, 1.0]  # all listeners of a1, and of a2, hear a0
    assert frame.loc[["a1", "a2"], "a0"].tolist() == [
        1.0,
        0.5,
    ]  # two and one of three, scaled by the column's largest


def test_plays_min_worked_by_hand():
    frame = similarity.plays_min(listening_of(FOUR))
    # All 4 plays of a1 come from listeners of a0, but 10 of 15 of a0 from those of a1. For a2: 5 of 15.
    assert frame.loc["a0", "a1"] == 1.0
    assert frame.loc["a0", "a2"] == pytest.approx((5 / 15) / (10 / 15))


@pytest.mark.parametrize(("metric", "loop", "axis"), [
    ("min_conditional", min_conditional_by_loop, None), ("conditional", conditional_by_loop, 0),
    ("plays_min", plays_min_by_loop, None),
])  # fmt: skip
@given(seed=st.integers(0, 1000), n_users=st.integers(1, 12), n_artists=st.integers(2, 7))
def test_each_metric_equals_a_loop_over_users(metric, loop, axis, seed, n_users, n_artists):
    rng = np.random.default_rng(seed)
    plays = (rng.random((n_users, n_artists)) < 0.4) * rng.integers(
        1, 9, (n_users, n_artists)
    )  # some artists are heard by nobody
    frame = similarity.METRICS[metric](listening_of(plays))
    np.testing.assert_allclose(frame.to_numpy(), scaled(loop(plays), axis), atol=1e-12)
    assert list(frame.index) == list(frame.columns) == [f"a{k}" for k in range(n_artists)]


@pytest.mark.parametrize("metric", similarity.METRICS)
def test_the_order_of_artists_and_users_does_not_matter(metric, miniature, rng):
    order, users = rng.permutation(12), rng.permutation(60)
    shuffled = listening.ListeningMatrix(
        miniature.plays[users][:, order], miniature.artists.iloc[order].reset_index(drop=True)
    )
    frame = similarity.METRICS[metric](miniature)
    pd.testing.assert_frame_equal(similarity.METRICS[metric](shuffled).reindex_like(frame), frame)


@pytest.mark.parametrize("metric", ["min_conditional", "conditional"])
def test_rows_given_twice_change_no_metric_of_listeners(metric, tmp_path, rng):
    """The author counted rows, so duplicates made artists more alike."""
    rows = [
        f"{user:040x}\tid{artist}\tname\t3" for user in range(9) for artist in range(5) if rng.random() < 0.5
    ]
    frames = []
    for lines in (rows, [*rows, *rows[:15], *rows[:4]]):
        (tmp_path / "plays.tsv").write_text("\n".join(lines))
        frames.append(
            similarity.METRICS[metric](listening.matrix(listening.read_plays(tmp_path / "plays.tsv"), 5))
        )
    pd.testing.assert_frame_equal(*frames)


def test_symmetric_metrics_are_symmetric_and_the_other_is_not(miniature):
    for name, metric in similarity.METRICS.items():
        values = metric(miniature).to_numpy()
        assert np.array_equal(values, values.T, equal_nan=True) == (name in similarity.SYMMETRIC)


def test_two_artists_without_listeners_do_not_blank_the_others():
    plays = np.hstack([FOUR, np.zeros((4, 2), dtype=int)])
    for metric in similarity.METRICS.values():
        frame = metric(listening_of(plays))
        pd.testing.assert_frame_equal(frame.iloc[:4, :4], metric(listening_of(FOUR)))
        assert (frame.iloc[4:, :4] == 0).all(axis=None)


def test_audit_reports_range_and_artists_without_neighbours():
    found = similarity.audit(similarity.min_conditional(listening_of(FOUR)))
    assert found == {"artists": 4, "lowest": 0.0, "highest": 1.0, "without_neighbours": ["a3"]}


def relabelled_as_the_author_did(target, test):
    """The rows get a new index, test artists first, which is assigned instead of reindexed."""
    return target.set_axis([*test, *(artist for artist in target.index if artist not in test)], axis=0)


def test_audit_catches_the_authors_relabelling(miniature):
    target = similarity.min_conditional(miniature)
    wrong = relabelled_as_the_author_did(target, ["artist-07", "artist-03"])
    with pytest.raises(ValueError, match="in another order: reindex it"):
        similarity.audit(wrong)
    with pytest.raises(
        ValueError,
        match="8 blank values lie off the diagonal and 8 diagonal ones are filled: the index was probably",
    ):
        similarity.audit(wrong.reindex(columns=wrong.index).reindex(index=target.index, columns=target.index))


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda f: f.set_axis(["a0", "a0", "a2", "a3"], axis=0), r"repeats artists: \['a0'\]"),
    (lambda f: f.set_axis(["a0", "a0", "a2", "a3"], axis=1), r"repeats artists: \['a0'\]"),
    (lambda f: f.fillna(0), "0 blank values lie off the diagonal and 4 diagonal ones are filled"),
    (lambda f: f * 2, r"must lie in \[0, 1\], got 0 to 2"),
    (lambda f: f - 1, r"must lie in \[0, 1\], got -1 to 0"),
    (lambda f: f * 0, "all similarities are 0: there is nothing to rank"),
    (lambda f: f.where(np.triu(np.ones((4, 4))) > 0, f / 2), "should be symmetric and is not"),
])  # fmt: skip
def test_audit_refuses_what_cannot_be_a_target(spoil, message):
    with pytest.raises(ValueError, match=message):
        similarity.audit(spoil(similarity.min_conditional(listening_of(FOUR))))


def test_audit_takes_an_asymmetric_metric_if_told():
    frame = similarity.conditional(listening_of(FOUR))
    assert similarity.audit(frame, symmetric=False)["artists"] == 4
    with pytest.raises(ValueError, match="should be symmetric"):
        similarity.audit(frame)


def test_as_published_judges_the_kth_test_artist_by_the_kth_most_popular_one():
    ids = list("abcde")
    target = pd.DataFrame(np.arange(25.0).reshape(5, 5), index=ids, columns=ids)
    np.fill_diagonal(values := target.to_numpy(copy=True), np.nan)
    target = pd.DataFrame(values, index=ids, columns=ids)
    frame = similarity.as_published(target, ["d", "b"])
    assert frame.index.tolist() == frame.columns.tolist() == ["d", "b"]
    assert frame.loc["d", "b"] == target.loc["a", "b"]
    assert (
        frame.loc["b", "d"] == target.loc["b", "d"]
    )  # b is the second most popular: by chance judged by itself
    assert np.isnan([frame.loc["d", "d"], frame.loc["b", "b"]]).all()
    shifted = similarity.as_published(target, ["b", "a", "c"])
    assert shifted.loc["a", "b"] == 0.0  # b's own row lent to a: its blank counts as 0


def test_the_relabelling_leaves_the_46_504_pairs_of_the_authors_own_output():
    """Proof that he assigned the index: in correct order a 975 × 49 matrix has 46,550 below the diagonal."""
    artists = [f"{place:03d}" for place in range(975)]
    test = splits.artists_of(splits.paper_split(artists), "test")
    target = pd.DataFrame(1.0, index=artists, columns=artists).where(~np.eye(975, dtype=bool))
    test_first = [*test, *(artist for artist in artists if artist not in set(test))]

    def pairs_below_the_diagonal(frame):
        return int(np.tril(frame.notna().to_numpy(), k=-1).sum())

    assert pairs_below_the_diagonal(target.reindex(test_first)[test]) == 46_550
    assert pairs_below_the_diagonal(relabelled_as_the_author_did(target, test)[test]) == 46_504


def test_summary_compares_metrics_with_fame_and_with_each_other(miniature):
    targets = {name: metric(miniature) for name, metric in similarity.METRICS.items()}
    listeners = miniature.artists.set_index("artist_id")["listeners"]
    halves = [similarity.min_conditional(half) for half in listening.halves(miniature, seed=0)]
    table = similarity.summary(targets, listeners, halves).set_index("metric")
    assert table.loc["min_conditional", "agreement"] == pytest.approx(1)
    assert table["split_half"].notna().tolist() == [True, False, False]
    by_pandas = [
        row.drop(artist).corr(listeners.drop(artist), method="spearman")
        for artist, row in targets["conditional"].iterrows()
    ]
    assert table.loc["conditional", "fame_correlation"] == pytest.approx(np.mean(by_pandas))
    assert table.loc["conditional", "median"] == pytest.approx(np.nanmedian(targets["conditional"]))


def test_factors_are_unit_vectors_that_tell_the_camps_apart(miniature):
    vectors = similarity.factors(miniature, n_factors=4)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    camp = miniature.plays[::2].sum(axis=0) > miniature.plays[1::2].sum(axis=0)
    alike = (vectors @ vectors.T).to_numpy()
    same = np.equal.outer(camp, camp)
    others = ~np.eye(12, dtype=bool)
    assert alike[same & others].mean() > alike[~same].mean() + 0.2
    pd.testing.assert_frame_equal(vectors, similarity.factors(miniature, n_factors=4))


def test_factors_of_an_artist_without_company_are_zero():
    assert similarity.factors(listening_of(FOUR), n_factors=2).loc["a3"].tolist() == [0.0, 0.0]
