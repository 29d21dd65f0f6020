"""Metrics against loops over users; the author's relabelling, down to his own count of pairs."""

import difflib
import math
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from lib import methods
from lib import study as studies
from lib.listening import factors, labels, matrix, plays, published, targets, trust
from lib.listening import metrics as listening_metrics
from lib.ranking import compare, lists, metrics


def listening_of(plays):
    """Users × artists, as nested lists or an array."""
    plays = np.asarray(plays)
    ids = [f"a{k}" for k in range(plays.shape[1])]
    artists = pd.DataFrame(
        {"artist_id": ids, "name": ids, "listeners": (plays > 0).sum(axis=0), "plays": plays.sum(axis=0)}
    )
    return matrix.ListeningMatrix(scipy.sparse.csr_array(plays), artists)


def min_conditional_by_loop(plays):
    users = [set(np.flatnonzero(column)) for column in np.asarray(plays).T]
    return [
        [0 if i == j else len(a & b) / max(len(a), len(b), 1) for j, b in enumerate(users)]
        for i, a in enumerate(users)
    ]


def conditional_by_loop(plays):
    users = [set(np.flatnonzero(column)) for column in np.asarray(plays).T]
    return [
        [0 if i == j else len(a & b) / max(len(a), 1) for j, b in enumerate(users)]
        for i, a in enumerate(users)
    ]


def plays_min_by_loop(plays):
    plays = np.asarray(plays)

    def share(a, b):
        return sum(row[b] for row in plays if row[a]) / max(plays[:, b].sum(), 1)

    artists = range(plays.shape[1])
    return [[0 if a == b else min(share(a, b), share(b, a)) for b in artists] for a in artists]


def audiences(plays):
    return [{user for user, row in enumerate(plays) if row[artist]} for artist in range(len(plays[0]))]


def cosine_by_loop(plays):
    users = audiences(plays)
    return [[len(a & b) / math.sqrt(len(a) * len(b) or 1) for b in users] for a in users]


def jaccard_by_loop(plays):
    users = audiences(plays)
    return [[len(a & b) / (len(a | b) or 1) for b in users] for a in users]


def pmi_by_loop(plays, shrinkage=10):
    users = audiences(plays)
    lifts = [
        [math.log((len(a & b) + shrinkage) / (len(a) * len(b) / len(plays) + shrinkage)) for b in users]
        for a in users
    ]
    others = [lifts[a][b] for a in range(len(users)) for b in range(len(users)) if a != b]
    low, high = min(others), max(others)
    return [[(lift - low) / (high - low or 1) for lift in row] for row in lifts]


def bm25_by_loop(plays):
    """Artists × users, written down from the formula."""
    lengths = [sum(row[artist] for row in plays) for artist in range(len(plays[0]))]
    documents = [length for length in lengths if length]
    weights = np.zeros((len(lengths), len(plays)))
    for user, row in enumerate(plays):
        n = sum(count > 0 for count in row)
        for artist, tf in enumerate(row):
            if tf:
                rarity = math.log(1 + (len(documents) - n + 0.5) / (n + 0.5))
                length = lengths[artist] / (sum(documents) / len(documents))
                weights[artist, user] = rarity * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length))
    return weights


def latent_by_loop(plays):
    """As many factors as artists: the cosines of the BM25 vectors themselves."""
    vectors = bm25_by_loop(plays)
    return [[(1 + a @ b / (math.sqrt(a @ a) * math.sqrt(b @ b) or 1)) / 2 for b in vectors] for a in vectors]


def unscaled(loop):
    def by_loop(plays):
        values = np.array(loop(plays))
        np.fill_diagonal(values, np.nan)
        return values

    return by_loop


def scaled(values, axis=None):
    values = np.array(values, dtype=float)
    low, high = values.min(axis=axis, keepdims=True), values.max(axis=axis, keepdims=True)
    values = (values - low) / np.where(high > low, high - low, 1)
    np.fill_diagonal(values, np.nan)
    return values


# Four users: a0 is heard by three, a1 by two, a2 by one, a3 by one.
FOUR = [[9, 1, 0, 0], [5, 0, 2, 0], [1, 3, 0, 0], [0, 0, 0, 4]]


def test_cooccurrence_counts_users_not_plays():
    assert labels.cooccurrence(listening_of(FOUR)).to_numpy().tolist() == [
        [3, 2, 1, 0],
        [2, 2, 0, 0],
        [1, 0, 1, 0],
        [0, 0, 0, 1],
    ]


def test_the_papers_metric_worked_by_hand():
    frame = listening_metrics.min_conditional(listening_of(FOUR))
    assert frame.loc["a0", "a1"] == 1.0  # two of three, the largest of all
    assert frame.loc["a0", "a2"] == pytest.approx(0.5)  # one of three
    assert frame.loc["a0", "a3"] == 0.0


def test_conditional_is_the_share_of_the_querys_listeners_scaled_by_row():
    frame = listening_metrics.conditional(listening_of(FOUR))
    assert frame.loc[["a1", "a2"], "a0"].tolist() == [1.0, 1.0]  # all listeners of a1, and of a2, hear a0
    # Two and one of the three listeners of a0, scaled by the row's largest.
    assert frame.loc["a0", ["a1", "a2"]].tolist() == [1.0, 0.5]


def test_conditional_puts_the_famous_first_for_the_obscure_and_not_the_other_way_round():
    audiences = {"a0": range(100), "a1": range(70, 120), "a2": range(3), "a3": [98, 99]}  # a0: the famous one
    plays = np.zeros((120, 4), dtype=int)
    for artist, users in enumerate(audiences.values()):
        plays[list(users), artist] = 1
    frame = listening_metrics.conditional(listening_of(plays))
    assert frame.loc["a2"].idxmax() == "a0"
    # Both listeners of a3 hear a0 and a1; of the listeners of a0, 30 hear a1, 3 hear a2, and 2 hear a3.
    assert frame.loc["a3", ["a0", "a1"]].tolist() == [1.0, 1.0]
    assert frame.loc["a0"].drop("a0").sort_values(ascending=False).index.tolist() == ["a1", "a2", "a3"]
    assert frame.loc["a0", "a3"] == pytest.approx(2 / 30)


def test_plays_min_worked_by_hand():
    frame = listening_metrics.plays_min(listening_of(FOUR))
    # All 4 plays of a1 come from listeners of a0, but 10 of 15 of a0 from those of a1. For a2: 5 of 15.
    assert frame.loc["a0", "a1"] == 1.0
    assert frame.loc["a0", "a2"] == pytest.approx((5 / 15) / (10 / 15))


BY_LOOP = {
    "min_conditional": lambda plays: scaled(min_conditional_by_loop(plays)),
    "conditional": lambda plays: scaled(conditional_by_loop(plays), axis=1),
    "plays_min": lambda plays: scaled(plays_min_by_loop(plays)),
    "cosine": unscaled(cosine_by_loop),
    "jaccard": unscaled(jaccard_by_loop),
    "pmi": unscaled(pmi_by_loop),
    "latent": unscaled(latent_by_loop),
}


def small_world(seed, n_users, n_artists):
    """Some artists are heard by nobody."""
    rng = np.random.default_rng(seed)
    return (rng.random((n_users, n_artists)) < 0.4) * rng.integers(1, 9, (n_users, n_artists))


@pytest.mark.parametrize("metric", listening_metrics.METRICS)
@given(seed=st.integers(0, 1000), n_users=st.integers(1, 12), n_artists=st.integers(2, 7))
def test_each_metric_equals_a_loop_over_users(metric, seed, n_users, n_artists):
    plays = small_world(seed, n_users, n_artists)
    frame = listening_metrics.METRICS[metric](listening_of(plays))
    np.testing.assert_allclose(frame.to_numpy(), BY_LOOP[metric](plays.tolist()), atol=1e-9)
    assert list(frame.index) == list(frame.columns) == [f"a{k}" for k in range(n_artists)]


@pytest.mark.parametrize("metric", listening_metrics.METRICS)
@given(seed=st.integers(0, 1000), n_users=st.integers(1, 12), n_artists=st.integers(2, 7))
def test_each_metric_keeps_the_modules_conventions(metric, seed, n_users, n_artists):
    values = listening_metrics.METRICS[metric](listening_of(small_world(seed, n_users, n_artists))).to_numpy()
    diagonal = np.eye(n_artists, dtype=bool)
    assert np.array_equal(np.isnan(values), diagonal)
    assert values[~diagonal].min() >= 0
    assert values[~diagonal].max() <= 1
    if listening_metrics.METRICS[metric].symmetric:
        assert np.array_equal(values, values.T, equal_nan=True)


def test_the_metrics_stand_in_the_order_of_the_tables():
    assert list(listening_metrics.METRICS) == [
        "min_conditional",
        "conditional",
        "plays_min",
        "cosine",
        "jaccard",
        "pmi",
        "latent",
    ]
    assert [name for name, metric in listening_metrics.METRICS.items() if not metric.symmetric] == [
        "conditional"
    ]


def test_cosine_and_jaccard_worked_by_hand():
    cosine, jaccard = (
        listening_metrics.cosine(listening_of(FOUR)),
        listening_metrics.jaccard(listening_of(FOUR)),
    )
    assert cosine.loc["a0", "a1"] == pytest.approx(2 / math.sqrt(6))  # two of three and of two
    assert jaccard.loc["a0", "a1"] == pytest.approx(2 / 3)
    assert (cosine.loc["a1", "a2"], jaccard.loc["a1", "a2"]) == (0, 0)


def test_shrinkage_keeps_one_shared_listener_of_two_obscure_artists_below_a_well_attested_pair():
    """1 of 1 × 1 listeners among 400 users is a lift of 400; 30 of 40 × 40 a lift of 7.5, often seen."""
    plays = np.zeros((400, 4), dtype=int)
    plays[:40, 0] = plays[10:50, 1] = 1
    plays[399, 2:] = 1

    def pairs(shrinkage):
        frame = listening_metrics.pmi(listening_of(plays), shrinkage=shrinkage)
        return frame.loc["a2", "a3"], frame.loc["a0", "a1"]

    obscure, attested = pairs(10)
    assert attested == 1
    assert obscure < 0.5
    obscure, attested = pairs(0.01)
    assert obscure == 1
    assert attested < 1
    with pytest.raises(ValueError, match="shrinkage must be above 0 co-listeners, got 0"):
        listening_metrics.pmi(listening_of(plays), shrinkage=0)


def test_pmi_expects_by_all_users_of_the_matrix_also_those_with_one_artist():
    few = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]])
    many = np.vstack([few, np.tile([0, 0, 1], (50, 1))])
    for users in (few, many):
        expected = pmi_by_loop(users.tolist(), shrinkage=2)
        found = listening_metrics.pmi(listening_of(users), shrinkage=2).fillna(0)
        np.testing.assert_allclose(found, np.where(np.eye(3), 0, expected))


def test_latent_keeps_the_strongest_factors_of_a_full_svd(miniature):
    left, strength, _ = np.linalg.svd(bm25_by_loop(miniature.plays.toarray().tolist()), full_matrices=False)
    vectors = left[:, :3] * strength[:3]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    frame = listening_metrics.latent(miniature, n_factors=3)
    expected = np.where(np.eye(12, dtype=bool), np.nan, (1 + vectors @ vectors.T) / 2)
    np.testing.assert_allclose(frame, expected, atol=1e-9)
    pd.testing.assert_frame_equal(frame, listening_metrics.latent(miniature, n_factors=3), check_exact=True)


def test_latent_sees_the_likeness_of_two_artists_who_share_no_listener():
    """a0 and a1 have no listener in common, but the same companions; a4 and a5 keep to themselves."""
    plays = np.array([[5, 0, 5, 5, 0, 0]] * 6 + [[0, 5, 5, 5, 0, 0]] * 6 + [[0, 0, 0, 0, 5, 5]] * 6)
    assert listening_metrics.cosine(listening_of(plays)).loc["a0", "a1"] == 0
    frame = listening_metrics.latent(listening_of(plays), n_factors=2)
    assert frame.loc["a0", "a1"] > 0.9
    assert frame.loc["a0", "a4"] == pytest.approx(0.5)


def test_bm25_factors_are_unit_vectors_and_zero_without_plays():
    plays = np.hstack([FOUR, np.zeros((4, 1), dtype=int)])
    vectors = factors.bm25_factors(listening_of(plays), n_factors=2)
    assert vectors.shape == (5, 2)
    assert np.linalg.norm(vectors, axis=1)[4] == 0
    # Two factors hold the circle of a0 and one of the artists by herself: the others have no direction left.
    assert set(np.linalg.norm(vectors, axis=1).round(9)) == {0, 1}
    nobody = factors.bm25_factors(listening_of(np.zeros((3, 4), dtype=int)))
    assert (nobody == 0).all(axis=None)


@pytest.mark.parametrize("metric", listening_metrics.METRICS)
def test_the_order_of_artists_and_users_does_not_matter(metric, miniature, rng):
    order, users = rng.permutation(12), rng.permutation(60)
    shuffled = matrix.ListeningMatrix(
        miniature.plays[users][:, order], miniature.artists.iloc[order].reset_index(drop=True)
    )
    frame = listening_metrics.METRICS[metric](miniature)
    pd.testing.assert_frame_equal(listening_metrics.METRICS[metric](shuffled).reindex_like(frame), frame)


def metric_of_file(metric, lines, folder):
    (folder / "plays.tsv").write_text("\n".join(lines))
    read = plays.read(folder / "plays.tsv", registered_only=False)
    return listening_metrics.METRICS[metric](matrix.top(read.listening, 5))


def some_rows(rng, count):
    heard = [(user, artist) for user in range(9) for artist in range(5) if rng.random() < 0.5]
    return [f"{user:040x}\tid{artist}\tname {artist}\t{count}" for user, artist in heard]


@pytest.mark.parametrize(
    "metric", [name for name in listening_metrics.METRICS if name not in ("plays_min", "latent")]
)
def test_rows_given_twice_change_no_metric_of_listeners(metric, tmp_path, rng):
    """The author counted rows, so duplicates made artists more alike."""
    rows = some_rows(rng, 3)
    pd.testing.assert_frame_equal(
        metric_of_file(metric, rows, tmp_path),
        metric_of_file(metric, [*rows, *rows[:15], *rows[:4]], tmp_path),
    )


@pytest.mark.parametrize("metric", listening_metrics.METRICS)
def test_plays_given_in_several_rows_are_as_good_as_in_one(metric, tmp_path, rng):
    whole = some_rows(rng, 3)
    parts = [row[:-1] + count for row in whole[:15] for count in "12"]
    pd.testing.assert_frame_equal(
        metric_of_file(metric, whole, tmp_path), metric_of_file(metric, [*parts, *whole[15:]], tmp_path)
    )


def test_symmetric_metrics_are_symmetric_and_the_other_is_not(miniature):
    for name, metric in listening_metrics.METRICS.items():
        values = metric(miniature).to_numpy()
        assert np.array_equal(values, values.T, equal_nan=True) == metric.symmetric, name


def test_two_artists_without_listeners_do_not_blank_the_others():
    plays = np.hstack([FOUR, np.zeros((4, 2), dtype=int)])
    for name, metric in listening_metrics.METRICS.items():
        frame = metric(listening_of(plays))
        pd.testing.assert_frame_equal(frame.iloc[:4, :4], metric(listening_of(FOUR)))
        for artist in ("a4", "a5"):
            assert frame.loc[artist].dropna().nunique() == 1  # equally similar to all
            assert frame.loc[artist].notna().sum() == 5
        if name not in ("pmi", "latent"):
            assert (frame.iloc[4:, :4] == 0).all(axis=None)


def test_audit_reports_range_and_warns_of_artists_without_neighbours():
    with pytest.warns(UserWarning, match=r"1 of 4 artists are equally similar to all others.*to rank: a3\."):
        found = targets.audit(listening_metrics.min_conditional(listening_of(FOUR)))
    assert found == {"artists": 4, "lowest": 0.0, "highest": 1.0, "without_neighbours": ["a3"]}


def test_audit_names_the_first_few_of_many_artists_without_neighbours():
    plays = np.zeros((12, 10), dtype=int)
    plays[:, 0] = plays[:6, 1] = plays[:3, 2] = 1
    with pytest.warns(UserWarning, match="7 of 10 artists.*: a3, a4, a5, a6, a7 and 2 more"):
        found = targets.audit(listening_metrics.cosine(listening_of(plays)))
    assert found["without_neighbours"] == [f"a{k}" for k in range(3, 10)]


def audited(name, listening):
    metric = listening_metrics.METRICS[name]
    return targets.audit(metric(listening), symmetric=metric.symmetric)


@pytest.mark.parametrize("metric", listening_metrics.METRICS)
def test_no_metric_hides_an_artist_whom_nobody_hears(metric, miniature):
    unheard = matrix.ListeningMatrix(
        scipy.sparse.csr_array(miniature.plays.toarray() * (np.arange(12) != 4)), miniature.artists
    )
    with pytest.warns(UserWarning, match="artist-04"):
        found = audited(metric, unheard)
    assert found["without_neighbours"] == ["artist-04"]


@pytest.mark.parametrize("metric", listening_metrics.METRICS)
def test_audit_is_silent_about_every_metric_of_a_world_where_all_share_listeners(metric, miniature):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = audited(metric, miniature)
    assert found["without_neighbours"] == []


def relabelled_as_the_author_did(target, test):
    """The rows get a new index, test artists first, which is assigned instead of reindexed."""
    return target.set_axis([*test, *(artist for artist in target.index if artist not in test)], axis=0)


def test_audit_catches_the_authors_relabelling(miniature):
    target = listening_metrics.min_conditional(miniature)
    wrong = relabelled_as_the_author_did(target, ["artist-07", "artist-03"])
    message = (
        "8 values are blank where row and column name different artists, and 8 are filled where they name the"
        " same: the index was probably assigned where it should have been reindexed"
    )
    for order in (wrong, wrong.reindex_like(target), wrong[wrong.index]):
        with pytest.raises(ValueError, match=message):
            targets.audit(order)


def test_audit_asks_for_equal_axes_where_rows_were_only_put_in_another_order(miniature):
    target = listening_metrics.min_conditional(miniature)
    with pytest.raises(ValueError, match="the same artists in another order: reindex one like the other"):
        targets.audit(target.reindex(target.index[::-1]))
    with pytest.raises(
        ValueError, match="12 rows and 10 columns name different artists.*has artist-00, artist-01"
    ):
        targets.audit(target.iloc[:, 2:])


def cut(frame, labels=slice(None), *, row=None, value=np.nan):
    """A copy of the frame with other labels, or with one value in another row than its own."""
    frame = frame.copy()
    if row is not None:
        frame.loc[row, "a0"] = frame.loc["a0", row] = value
    return frame if labels == slice(None) else frame.set_axis(labels, axis=0).set_axis(labels, axis=1)


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda f: f.set_axis(["a0", "a0", "a2", "a3"], axis=0), "the rows of the target repeat artists.*: a0"),
    (lambda f: f.set_axis(["a0", "a0", "a2", "a3"], axis=1), "the columns of the target repeat .*: a0"),
    (lambda f: cut(f, ["a0", "", "a2", " "]), r"2 rows .* not labelled by an artist id but \['', ' '\]"),
    (lambda f: cut(f, ["a0", None, "a2", "a3"]), "1 rows .* not labelled by an artist id"),
    (lambda f: cut(f, range(4)), r"4 rows .* not labelled .* but \[0, 1, 2, 3\]: the index was prob"),
    (lambda f: f.iloc[:2, :2], r"at least 3 artists on each axis, got the shape \(2, 2\)"),
    (lambda f: f.iloc[:0, :0], r"at least 3 artists on each axis, got the shape \(0, 0\)"),
    (lambda f: f.fillna(0), "0 values are blank .* and 4 are filled .*: an artist is no candidate"),
    (lambda f: cut(f, row="a2"), "2 values are blank .* and 0 are filled .*: the metric left them blank"),
    (lambda f: cut(f, row="a2", value=np.inf), "2 similarities are infinite, .*: something was divided by 0"),
    (lambda f: cut(f, row="a2", value=-np.inf), "2 similarities are infinite"),
    (lambda f: f * 2, r"must lie in \[0, 1\], got 0 to 2: the metric was probably not scaled"),
    (lambda f: f - 1, r"must lie in \[0, 1\], got -1 to 0"),
    (lambda f: f * 0, "all similarities are 0, there is nothing to rank: probably no two artists share"),
    (lambda f: f.where(np.triu(np.ones((4, 4))) > 0, f / 2),
     "should be symmetric and is not: a0 to a1 is 1, back it is 0.5"),
])  # fmt: skip
def test_audit_refuses_what_cannot_be_a_target(spoil, message):
    with pytest.raises(ValueError, match=message):
        targets.audit(spoil(listening_metrics.min_conditional(listening_of(FOUR))))


@pytest.mark.filterwarnings("ignore:1 of 4 artists")
def test_audit_takes_an_asymmetric_metric_if_told():
    frame = listening_metrics.conditional(listening_of(FOUR))
    assert targets.audit(frame, symmetric=False)["artists"] == 4
    with pytest.raises(ValueError, match="should be symmetric"):
        targets.audit(frame)


@pytest.mark.parametrize("name", listening_metrics.METRICS)
def test_a_target_is_its_metric_audited(name, miniature, monkeypatch):
    target = listening_metrics.METRICS[name](miniature)
    pd.testing.assert_frame_equal(targets.of(miniature, name), target, check_exact=True)
    wrong = relabelled_as_the_author_did(target, ["artist-07", "artist-03"])
    mistaken = listening_metrics.Metric(name, lambda _: wrong, listening_metrics.METRICS[name].symmetric)
    monkeypatch.setitem(targets.METRICS, name, mistaken)
    with pytest.raises(ValueError, match="the index was probably assigned"):
        targets.of(miniature, name)


def test_no_target_should_be_symmetric_and_is_not(miniature, monkeypatch):
    mistaken = listening_metrics.Metric("cosine", listening_metrics.conditional, symmetric=True)
    monkeypatch.setitem(targets.METRICS, "cosine", mistaken)
    with pytest.raises(ValueError, match="should be symmetric"):
        targets.of(miniature, "cosine")


def test_an_unknown_metric_is_an_error_that_names_the_known_ones(miniature):
    with pytest.raises(ValueError, match="no metric 'euclid' of similarity; choose among min_conditional"):
        targets.of(miniature, "euclid")


def test_halves_of_the_listeners_share_none_of_them(miniature):
    first, second = targets.halves(miniature, seed=3)
    halves = matrix.halves(miniature, seed=3)
    pd.testing.assert_frame_equal(first, listening_metrics.min_conditional(halves[0]))
    pd.testing.assert_frame_equal(second, listening_metrics.min_conditional(halves[1]))


def world_of_the_author(rng, n_artists=12, n_test=4):
    """A target, most popular first, under random ids; test artists in the order drawn."""
    ids = [f"{number:04x}" for number in rng.permutation(16**4)[:n_artists]]
    values = rng.random((n_artists, n_artists))
    values = values + values.T
    np.fill_diagonal(values, np.nan)
    return pd.DataFrame(values, index=ids, columns=ids), list(rng.permutation(ids)[:n_test])


def author_assigns(target, test):
    """The author's steps, written anew: all artists × test artists, under the index that he assigned."""
    popular_first = pd.DataFrame(0.0, index=target.index, columns=target.columns)
    cross_table = target.sort_index().sort_index(axis=1)
    matrix = popular_first + cross_table
    assert matrix.index.is_monotonic_increasing, "adding frames in different orders sorts their labels"
    test_set = matrix[test]
    columns = test_set.columns
    test_set.index = columns.append(columns.append(test_set.index).drop_duplicates(keep=False))
    return test_set


@pytest.mark.parametrize("seed", range(20))
def test_the_published_truth_gives_the_lists_of_the_authors_own_steps(seed):
    target, test = world_of_the_author(np.random.default_rng(seed))
    test_set = author_assigns(target, test)
    truth = test_set.T[test_set.columns]
    ours = published.as_published(target, test)
    np.testing.assert_array_equal(ours.to_numpy(), truth.to_numpy())
    np.testing.assert_array_equal(np.argsort(-ours.to_numpy(), axis=1), np.argsort(-truth.to_numpy(), axis=1))
    assert ours.index.tolist() == ours.columns.tolist() == test


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("sign", [1, -1])  # a network's similarities are positive, the baseline's negative
def test_the_published_accuracies_are_those_of_the_authors_own_steps(seed, sign):
    rng = np.random.default_rng([seed, sign + 1])
    target, test = world_of_the_author(rng)
    test_set = author_assigns(target, test)
    true = np.argsort(-test_set.T[test_set.columns].to_numpy(), axis=1)
    predicted = methods.labelled_scores(sign * rng.random((4, 4)), test)
    given = np.argsort(-predicted.fillna(0).to_numpy(), axis=1)  # his matrix of predictions begins with zeros
    arm = compare.truths(target, test)["as_published"]
    run = compare.under(arm, predicted, test)
    for n in (1, 2, 3):
        shared = [len({*a[:n]} & {*b[:n]}) / n for a, b in zip(given, true, strict=True)]
        np.testing.assert_allclose(metrics.overlap_at_n(run, arm, n), shared)
        ratios = [
            difflib.SequenceMatcher(None, a[:n].tolist(), b[:n].tolist()).ratio()
            for a, b in zip(given, true, strict=True)
        ]
        np.testing.assert_allclose(metrics.sequence_matcher(run, arm, n), ratios)


@pytest.mark.parametrize("seed", range(10))
def test_the_published_test_loss_has_the_pairs_of_the_authors_own_steps(seed):
    target, test = world_of_the_author(np.random.default_rng(seed))
    test_set = author_assigns(target, test)
    below = test_set.where(~np.triu(np.ones(test_set.shape)).astype(bool)).stack().dropna()
    ours = published.test_pairs_as_published(target, test).stack().dropna()
    assert below.index.tolist() == ours.index.tolist()
    np.testing.assert_array_equal(below, ours)
    places = target.sort_index().index
    assert len(ours) == published.published_pairs(places, test)["assigned"]


def test_every_place_counts_and_the_querys_own_holds_what_the_author_put_there():
    ids = ["d", "b", "c"]
    frame = pd.DataFrame([[np.nan, 0.2, 0.1], [0.3, np.nan, 0.4], [0.5, 0.6, np.nan]], index=ids, columns=ids)
    network, baseline = (published.every_place(sign * frame, blank=0.0) for sign in (1, -1))
    assert lists.top(network, 3)["artist"].tolist()[2] == "in the place of d"
    assert lists.top(baseline, 3)["artist"].tolist()[0] == "in the place of d"


def test_the_pairs_of_the_authors_saved_output_are_those_of_renamed_rows():
    artists = [f"artist {place:03d}" for place in range(975)]
    test = studies.artists_of(studies.paper_split(artists, n_dev=49, n_test=49), "test")
    in_order = sum(974 - column for column in range(49))
    lost = sum(artists.index(artist) > column for column, artist in enumerate(test))
    found = published.published_pairs(artists, test)
    assert found == {"reindexed": in_order, "assigned": in_order - lost}
    assert found["reindexed"] == 46_550
    assert in_order - 46_504 == 46  # of 49 test artists, in the author's saved output


def test_the_saved_output_proves_the_assignment_and_says_little_of_the_order():
    shares = published.published_pairs_by_order(975, 49, n_orders=4000)
    assert shares.sum() == pytest.approx(1)
    assert shares.index.max() < 46_550  # reindexed rows are never met
    assert shares[46_504] == pytest.approx(0.095, abs=0.02)
    place = np.arange(
        49
    )  # each test artist stands anywhere: it loses its pair if its place is behind its column
    assert (shares.index * shares).sum() == pytest.approx(46_550 - (1 - (place + 1) / 975).sum(), abs=0.1)


def test_the_authors_relabelling_of_a_matrix_of_the_papers_shape_is_caught(rng):
    """His saved output has 46,504 pairs below the diagonal. In correct order there are 46,550."""
    artists = [f"artist {place:03d}" for place in range(975)]  # most listeners first
    values = rng.random((975, 975))
    np.fill_diagonal(values := (values + values.T) / 2, np.nan)
    target = pd.DataFrame(values, index=artists, columns=artists)
    test = studies.artists_of(studies.paper_split(artists, n_dev=49, n_test=49), "test")
    test_first = [*test, *(artist for artist in artists if artist not in set(test))]
    columns = target[test]  # 975 × 49, as his evaluation has it

    def pairs_below_the_diagonal(frame):
        return int(np.tril(frame.notna().to_numpy(), k=-1).sum())

    wrong = relabelled_as_the_author_did(columns, test)
    assert list(wrong.index) == test_first
    assert pairs_below_the_diagonal(columns.reindex(test_first)) == 46_550
    assert pairs_below_the_diagonal(wrong) == 46_504

    assigned = "the index was probably assigned where it should have been reindexed"
    targets.audit(target)
    for relabelled in (wrong, relabelled_as_the_author_did(target, test)):
        with pytest.raises(ValueError, match=assigned):
            targets.audit(relabelled)
    with pytest.raises(ValueError, match=assigned):
        targets.audit(wrong.loc[test])  # what he ranks: 49 × 49, the axes in the same order
    targets.audit(target.reindex(test_first)[test].loc[test])


def mean_by_scipy(first, second):
    """Mean over queries, in a loop."""
    return np.mean([
        scipy.stats.spearmanr(first.loc[query].drop(query), second.loc[query].drop(query)).statistic
        for query in first.index
    ])  # fmt: skip


def test_summary_has_the_numbers_of_a_loop_with_scipy(miniature):
    table = trust.summary(miniature, n_halvings=3, seed=5, progress=False).set_index("metric")
    assert list(table.index) == list(listening_metrics.METRICS)
    listeners = miniature.artists.set_index("artist_id")["listeners"]
    fame = pd.DataFrame([listeners] * 12, index=listeners.index)
    first = listening_metrics.min_conditional(miniature)
    for name, metric in listening_metrics.METRICS.items():
        target, row = metric(miniature), table.loc[name]
        similarities = target.to_numpy()[~np.eye(12, dtype=bool)]
        assert row["median"] == pytest.approx(np.median(similarities))
        assert row["spread"] == pytest.approx(scipy.stats.iqr(similarities))
        assert row["popularity_correlation"] == pytest.approx(mean_by_scipy(target, fame))
        assert row["popularity_low"] < row["popularity_correlation"] < row["popularity_high"]
        assert row["agreement"] == pytest.approx(mean_by_scipy(target, first))
        halved = [
            mean_by_scipy(*(metric(half) for half in matrix.halves(miniature, seed=seed)))
            for seed in (5, 6, 7)
        ]
        assert row["split_half"] == pytest.approx(np.mean(halved))
        assert row["split_half_low"] == pytest.approx(np.quantile(halved, 0.025))
        assert row["split_half_high"] == pytest.approx(np.quantile(halved, 0.975))
        assert row[["left_out", "left_out_halves", "n_halvings", "n_artists"]].tolist() == [0, 0, 3, 12]
    assert table.loc["min_conditional", "agreement"] == pytest.approx(1)


def test_summary_takes_other_metrics_and_the_same_seed_gives_the_same_table(miniature):
    metrics = {
        "jaccard": listening_metrics.jaccard,
        "again": listening_metrics.jaccard,
        "pmi": listening_metrics.pmi,
    }
    tables = [
        trust.summary(miniature, metrics=metrics, n_halvings=2, seed=seed, progress=False)
        for seed in (1, 1, 2)
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert tables[0]["split_half"].ne(tables[2]["split_half"]).all()
    assert tables[0].loc[1, "agreement"] == pytest.approx(1)
    assert tables[0].loc[0].drop("metric").equals(tables[0].loc[1].drop("metric"))
    with pytest.raises(ValueError, match="at least one halving is needed .* got 0"):
        trust.summary(miniature, n_halvings=0, progress=False)


def test_queries_without_any_order_are_left_out_and_counted():
    """Nobody who hears a3 hears anybody else; in halves of four users others fall out as well."""
    table = trust.summary(
        listening_of([*FOUR, [0, 1, 1, 0]]),
        metrics={"cosine": listening_metrics.cosine},
        n_halvings=4,
        progress=False,
    )
    assert table.loc[0, "left_out"] == 1
    assert table.loc[0, "left_out_halves"] >= 1
    assert np.isfinite(table.loc[0, "popularity_correlation"])


@given(seed=st.integers(0, 1000), n_artists=st.integers(3, 8), n_values=st.integers(1, 5))
def test_rank_correlations_equal_scipys_with_ties_and_constant_rows(seed, n_artists, n_values):
    rng = np.random.default_rng(seed)
    ids = [f"a{k}" for k in range(n_artists)]
    first, second = (
        pd.DataFrame(rng.integers(n_values, size=(n_artists, n_artists)), index=ids, columns=ids)
        for _ in "ab"
    )
    shuffled = second.reindex(index=rng.permutation(ids), columns=rng.permutation(ids))
    found = trust.rank_correlations(first, shuffled)
    assert found.index.tolist() == ids
    for query in ids:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", scipy.stats.ConstantInputWarning)
            expected = scipy.stats.spearmanr(
                first.loc[query].drop(query), second.loc[query].drop(query)
            ).statistic
        np.testing.assert_allclose(found[query], expected, atol=1e-12)


def test_popularity_correlations_look_listeners_up_by_their_labels(miniature):
    target = listening_metrics.conditional(miniature)
    listeners = miniature.artists.set_index("artist_id")["listeners"]
    by_pandas = [
        row.drop(artist).corr(listeners.drop(artist), method="spearman") for artist, row in target.iterrows()
    ]
    found = trust.popularity_correlations(target, listeners[::-1])
    np.testing.assert_allclose(found, by_pandas)


def test_neighbours_are_the_nearest_in_order_with_their_listeners(miniature):
    targets = {name: metric(miniature) for name, metric in listening_metrics.METRICS.items()}
    table = trust.neighbours(targets, miniature.artists, ["artist-09", "artist-00"], n=3)
    assert len(table) == 7 * 2 * 3
    listeners = miniature.artists.set_index("artist_id")["listeners"]
    for (metric, query), part in table.groupby(["metric", "query_id"]):
        nearest = targets[metric].loc[query].nlargest(3)
        assert part["similarity"].tolist() == nearest.tolist()
        assert part["rank"].tolist() == [1, 2, 3]
        assert part["listeners"].tolist() == listeners[part["artist_id"]].tolist()
        assert query not in part["artist_id"].tolist()
        names = dict(zip(miniature.artists["artist_id"], miniature.artists["name"], strict=True))
        assert part["artist"].tolist() == [names[artist] for artist in part["artist_id"]]
        assert set(part["query"]) == {names[query]}
    wide = table.pivot(index=["query", "rank"], columns="metric", values="artist")
    assert wide.shape == (6, 7)
    with pytest.raises(ValueError, match="the target min_conditional has no artists nobody"):
        trust.neighbours(targets, miniature.artists, ["nobody"])


def test_equally_near_neighbours_are_ordered_by_their_id():
    heard = listening_of([[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 1]])
    target = listening_metrics.cosine(heard).iloc[::-1, ::-1]
    table = trust.neighbours({"cosine": target}, heard.artists, ["a3"], n=9)
    assert table["artist_id"].tolist() == ["a0", "a1", "a2"]


def test_ppmi_factors_are_unit_vectors_that_tell_the_camps_apart(miniature):
    vectors = factors.ppmi_factors(miniature, n_factors=4)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    camp = miniature.plays[::2].sum(axis=0) > miniature.plays[1::2].sum(axis=0)
    alike = (vectors @ vectors.T).to_numpy()
    same = np.equal.outer(camp, camp)
    others = ~np.eye(12, dtype=bool)
    assert alike[same & others].mean() > alike[~same].mean() + 0.2
    pd.testing.assert_frame_equal(vectors, factors.ppmi_factors(miniature, n_factors=4))


def test_ppmi_factors_of_an_artist_without_company_are_zero():
    assert factors.ppmi_factors(listening_of(FOUR), n_factors=2).loc["a3"].tolist() == [0.0, 0.0]
