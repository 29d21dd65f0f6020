"""The common ground of all methods: who owns which clip, and how clip scores become artist scores."""

import numpy as np
import pandas as pd
import pytest

from lib import methods
from lib import study as studies

IDS = ["a", "b", "c"]
TARGET = pd.DataFrame([[np.nan, 0.1, 0.2], [0.1, np.nan, 0.3], [0.2, 0.3, np.nan]], index=IDS, columns=IDS)
ARTISTS = pd.DataFrame({"artist_id": IDS, "listeners": [30, 20, 10]})


def test_a_study_holds_artists_with_clips_in_the_order_of_fame():
    index = pd.DataFrame({"row": range(3), "artist_id": ["c", "a", "c"]})
    study = studies.aligned(TARGET, ARTISTS, np.zeros((3, 256, 64)), index)
    assert study.ids == ["a", "c"]
    assert study.listeners.to_dict() == {"a": 30, "c": 10}
    assert study.target.loc["a", "c"] == 0.2
    assert study.target.shape == (2, 2)


def test_clips_come_in_the_order_of_the_artists_asked_for():
    index = pd.DataFrame({"row": range(5), "artist_id": ["c", "a", "b", "a", "c"]})
    clips = np.arange(5, dtype=np.float16)[:, None, None] * np.ones((1, 256, 64), dtype=np.float16)
    study = studies.aligned(TARGET, ARTISTS, clips, index)
    chosen, owners = study.clips_of(["c", "a"])
    assert chosen[:, 0, 0].tolist() == [0, 4, 1, 3]
    assert owners.tolist() == [0, 0, 1, 1]
    assert chosen.dtype == np.float32


def test_artists_without_clips_are_an_error():
    index = pd.DataFrame({"row": [0, 1], "artist_id": ["a", "b"]})
    study = studies.aligned(TARGET, ARTISTS, np.zeros((2, 256, 64)), index)
    with pytest.raises(ValueError, match="1 artists have no clip, the first is c"):
        study.clips_of(["a", "c"])


@pytest.mark.parametrize(("change", "message"), [
    (
        {"clips": pd.DataFrame({"row": [0], "artist_id": ["a"]}), "spectrograms": np.zeros((1, 256, 64))},
        "1 artists have both",
    ),
    ({"target": TARGET.drop(index="b", columns="b")}, "1 artists with clips are not in the target"),
    ({"spectrograms": np.zeros((2, 256, 64))}, "2 spectrograms have an index of 3 rows"),
])  # fmt: skip
def test_tables_that_do_not_fit_are_an_error(change, message):
    tables = {
        "target": TARGET, "artists": ARTISTS, "spectrograms": np.zeros((3, 256, 64)),
        "clips": pd.DataFrame({"row": range(3), "artist_id": IDS}),
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        studies.aligned(**tables | change)


def test_labelled_scores_blank_only_the_diagonal():
    frame = methods.labelled_scores(np.ones((3, 3)), IDS)
    assert frame.isna().to_numpy().tolist() == np.eye(3, dtype=bool).tolist()
    assert (frame.index.name, frame.columns.name) == ("query", "candidate")


def test_a_score_that_is_not_finite_is_an_error():
    with pytest.raises(ValueError, match="2 of 9 scores are not finite"):
        methods.labelled_scores([[0, 1, np.nan], [1, 0, np.inf], [1, 1, 0]], IDS)


def test_artist_scores_are_means_over_all_clip_pairs(rng):
    owners = np.array([0, 0, 1, 2, 2, 2])
    scores = rng.random((6, 6))
    wanted = [[scores[np.ix_(owners == a, owners == b)].mean() for b in range(3)] for a in range(3)]
    np.testing.assert_allclose(methods.mean_over_clips(scores, owners, 3), wanted)


def test_a_mean_over_clips_takes_any_order_of_clips_and_no_artist_without_one(rng):
    values, owners = rng.random((7, 7)), np.array([2, 0, 1, 0, 2, 2, 1])
    wanted = [[values[np.ix_(owners == a, owners == b)].mean() for b in range(3)] for a in range(3)]
    np.testing.assert_allclose(methods.mean_over_clips(values, owners, 3), wanted)
    with pytest.raises(ValueError, match="1 of 4 artists have no clip"):
        methods.mean_over_clips(values, owners, 4)
