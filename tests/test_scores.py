"""Wide scores: what a union keeps, in which order, what a file holds, and what cannot be asked."""

import numpy as np
import pandas as pd
import pytest

from lib.methods import labelled_scores
from lib.ranking import scores as ranking_scores
from lib.ranking.scores import Scores

IDS = ["a", "b", "c", "d"]
L2, FIRST, SECOND, FOLD = ("l2", 0, 0), ("siamese", 0, 0), ("siamese", 0, 1), ("siamese", 2, 0)


def frame(rng, ids=IDS):
    """Scores of some artists."""
    return labelled_scores(rng.random((len(ids), len(ids))), ids)


@pytest.fixture
def frames(rng):
    ids = {L2: IDS, SECOND: IDS, FIRST: IDS, FOLD: ["d", "b", "a"]}
    return {run: frame(rng, of_run) for run, of_run in ids.items()}


@pytest.fixture
def scores(frames):
    return Scores.of_frames(frames)


def test_a_frame_comes_back_as_it_was_in_any_order_of_its_artists(scores, frames):
    for run, wanted in frames.items():
        pd.testing.assert_frame_equal(scores.frame(run), wanted, check_exact=True)
        assert scores.ids(run) == list(wanted.index)
    some = scores.frame(L2, ["d", "a"])
    assert (some.index.tolist(), some.columns.tolist()) == (["d", "a"], ["d", "a"])
    assert some.loc["d", "a"] == frames[L2].loc["d", "a"]
    assert (some.index.name, some.columns.name) == ("query", "candidate")
    assert np.isnan(np.diag(some)).all()


def test_runs_and_methods_keep_the_order_in_which_they_came(scores, frames):
    assert scores.runs == list(frames)
    assert scores.methods == ["l2", "siamese"]
    assert scores.table().to_numpy().tolist() == [
        ["l2", 0, 0, 4], ["siamese", 0, 1, 4], ["siamese", 0, 0, 4], ["siamese", 2, 0, 3],
    ]  # fmt: skip


def test_a_union_keeps_the_first_of_two_and_then_the_order_of_the_second(scores, frames, rng):
    other = {("chance", 0, 0): frame(rng), L2: frame(rng), FIRST: frame(rng)}
    both = Scores.of_frames(other) | scores
    assert both.runs == [*other, SECOND, FOLD]
    for run, wanted in {**frames, **other}.items():
        pd.testing.assert_frame_equal(both.frame(run), wanted, check_exact=True)
    assert (Scores() | scores).runs == scores.runs == (scores | Scores()).runs
    pd.testing.assert_frame_equal(scores.frame(L2), frames[L2])  # the parts are left as they were


def test_some_runs_are_chosen_by_method_or_fold(scores):
    assert scores.only(["siamese"]).runs == [SECOND, FIRST, FOLD]
    assert scores.only(fold=0).runs == [L2, SECOND, FIRST]
    assert scores.only(["siamese"], fold=2).runs == [FOLD]
    assert scores.without("siamese").runs == [L2]
    assert scores.without().runs == scores.runs
    assert scores.only([]).runs == []


def test_trainings_come_by_seed_and_their_mean_is_over_them(scores, frames):
    first, second = scores.trainings("siamese", ["c", "a"])
    pd.testing.assert_frame_equal(first, scores.frame(FIRST, ["c", "a"]))
    pd.testing.assert_frame_equal(second, scores.frame(SECOND, ["c", "a"]))
    mean = (frames[FIRST] + frames[SECOND]) / 2
    pd.testing.assert_frame_equal(scores.mean("siamese"), mean)
    row = scores.row("siamese", "b").drop("b")
    np.testing.assert_array_equal(row, mean.loc["b"].drop("b")[row.index])
    assert scores.trainings("siamese", fold=1) == []


def test_a_file_gives_the_same_scores_and_the_same_bytes(scores, frames, tmp_path):
    scores.save(tmp_path / "scores.npz")
    loaded = ranking_scores.load(tmp_path / "scores.npz")
    assert loaded.runs == scores.runs
    for run, wanted in frames.items():
        assert loaded.ids(run) == scores.ids(run)
        pd.testing.assert_frame_equal(loaded.frame(run), wanted, check_exact=True)
    loaded.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "scores.npz").read_bytes()


def test_scores_keep_every_bit_in_memory_and_in_the_file(tmp_path):
    third = labelled_scores(np.full((2, 2), 1 / 3), ["a", "b"])
    scores = Scores.of_frames({L2: third})
    assert scores.frame(L2).loc["a", "b"] == 1 / 3
    scores.save(tmp_path / "scores.npz")
    with np.load(tmp_path / "scores.npz", allow_pickle=False) as stored:
        assert stored["0"].dtype == np.float64


def test_frames_lie_row_by_row_in_memory_whatever_the_order_of_their_artists(rng):
    """Sums over candidates are rounded in the order of memory: tables of another order would differ in it."""
    frame = labelled_scores(rng.random((9, 9)), list("abcdefghi"))
    scores = Scores.of_frames({L2: frame})
    for artists in (None, list("abcdefghi"), list("ihgfedcba")):
        assert scores.frame(L2, artists).to_numpy().flags.c_contiguous


def test_arrays_are_read_from_a_file_when_they_are_used(scores, tmp_path, monkeypatch):
    scores.save(tmp_path / "scores.npz")
    kind, read = np.lib.npyio.NpzFile, []
    get = kind.__getitem__
    monkeypatch.setattr(kind, "__getitem__", lambda file, name: read.append(name) or get(file, name))
    loaded = ranking_scores.load(tmp_path / "scores.npz")
    chosen = (loaded.only(["siamese"]) | loaded).without("l2")
    assert chosen.table()["artists"].tolist() == [4, 4, 3]
    assert read == ["about"]
    chosen.frame(FIRST)
    assert read == ["about", "2"]


def test_a_row_is_read_alone_and_is_the_row_of_the_frames_mean(scores, tmp_path, monkeypatch):
    scores.save(tmp_path / "scores.npz")
    loaded = ranking_scores.load(tmp_path / "scores.npz")
    kind = np.lib.npyio.NpzFile
    with monkeypatch.context() as patch:
        patch.setattr(kind, "__getitem__", lambda file, name: pytest.fail(f"array {name} was read whole"))
        rows = {(method, query): loaded.row(method, query) for method in loaded.methods for query in IDS}
    for (method, query), row in rows.items():
        wanted = loaded.mean(method).loc[query].drop(query)
        pd.testing.assert_series_equal(row.drop(query), wanted, check_exact=True, check_names=False)
    rows["l2", "a"][:] = 0  # a copy: what is stored stays
    assert (loaded.row("l2", "a").drop("a") != 0).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_rows_are_right_however_the_file_was_written(scores, tmp_path, write, order):
    scores.save(tmp_path / "scores.npz")
    with np.load(tmp_path / "scores.npz") as stored:
        write(tmp_path / "other.npz", **{name: np.array(stored[name], order=order) for name in stored.files})
    loaded = ranking_scores.load(tmp_path / "other.npz")
    for method in scores.methods:
        pd.testing.assert_series_equal(loaded.row(method, "c"), scores.row(method, "c"), check_exact=True)


def test_rows_of_runs_with_other_artists_are_laid_on_the_first_runs(rng):
    other = frame(rng, ["d", "b", "a"])
    first = frame(rng)
    row = Scores.of_frames({FIRST: first, SECOND: other}).row("siamese", "b")
    assert row.index.tolist() == IDS
    assert row["d"] == (first.loc["b", "d"] + other.loc["b", "d"]) / 2
    assert np.isnan(row["c"])


def test_rows_of_a_file_that_was_written_over_are_the_old_ones(scores, tmp_path, rng):
    scores.save(tmp_path / "scores.npz")
    loaded = ranking_scores.load(tmp_path / "scores.npz")
    Scores.of_frames({L2: frame(rng)}).save(tmp_path / "scores.npz")
    pd.testing.assert_series_equal(loaded.row("siamese", "a"), scores.row("siamese", "a"), check_exact=True)


def test_scores_can_be_written_over_the_file_that_they_are_read_from(scores, frames, tmp_path, rng):
    scores.save(tmp_path / "scores.npz")
    more = Scores.of_frames({("late", 0, 0): frame(rng)})
    (ranking_scores.load(tmp_path / "scores.npz") | more).save(tmp_path / "scores.npz")
    again = ranking_scores.load(tmp_path / "scores.npz")
    assert again.runs == [*frames, ("late", 0, 0)]
    pd.testing.assert_frame_equal(again.frame(FIRST), frames[FIRST])


def test_predictions_are_laid_on_the_axes_of_the_truth(scores, frames):
    truth = pd.DataFrame(0.0, index=["c", "b"], columns=["b", "d", "c"])
    found = ranking_scores.predictions(scores, truth)
    assert {method: len(runs) for method, runs in found.items()} == {"l2": 1, "siamese": 2}
    np.testing.assert_array_equal(found["siamese"][1], frames[SECOND].loc[["c", "b"], ["b", "d", "c"]])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda scores: scores.frame(FOLD, ["a", "c"]),
            "1 of 2 artists have no scores of siamese, the first is 'c': run the notebook again",
        ),
        (lambda scores: scores.row("l2", "z"), "1 of 1 artists have no scores of l2, the first is 'z'"),
        (lambda scores: scores.mean("magic"), "no scores of magic in fold 0, but those of l2, siamese"),
        (lambda scores: scores.row("l2", "a", fold=2), "no scores of l2 in fold 2, but those of siamese"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(scores, ask, message):
    with pytest.raises(ValueError, match=message) as error:
        ask(scores)
    assert "\n" not in str(error.value)


def test_a_score_that_is_not_finite_ranks_nothing(rng):
    spoilt = frame(rng)
    spoilt.loc["a", "b"] = np.nan
    with pytest.raises(ValueError, match="1 of 16 scores are not finite"):
        Scores.of_frames({L2: spoilt}).frame(L2)


def test_a_file_that_holds_no_scores_is_named(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.arange(3))
    with pytest.raises(
        ValueError, match=r"other\.npz holds no scores, or is damaged: notebooks 05 and 07 write them"
    ):
        ranking_scores.load(tmp_path / "other.npz")
