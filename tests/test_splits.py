"""Artists are held out as the author held them out, and none is in two parts."""

import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from lib import study as studies

ARTISTS = [f"artist-{place}" for place in range(975)]


def test_the_split_is_the_one_that_the_authors_two_calls_give():
    train, held_out = train_test_split(ARTISTS, test_size=0.10, random_state=1)
    dev, test = train_test_split(held_out, test_size=0.5, random_state=2)
    split = studies.paper_split(ARTISTS)
    assert [studies.artists_of(split, name) for name in studies.NAMES] == [
        train,
        dev,
        test,
    ]  # in the order drawn, too


def test_each_artist_is_in_one_part_of_the_size_asked_for():
    split = studies.paper_split(ARTISTS[:200])
    assert sorted(split["artist_id"]) == sorted(ARTISTS[:200])
    assert split["split"].value_counts().to_dict() == {"train": 102, "dev": 49, "test": 49}
    assert set(split["fold"]) == {0}


def test_other_seeds_hold_out_other_artists():
    first, second = (
        set(studies.artists_of(studies.paper_split(ARTISTS, seeds=seeds), "test"))
        for seeds in [(1, 2), (3, 2)]
    )
    assert first != second


def test_the_fewest_artists_that_work_work_and_one_less_is_an_error():
    assert len(studies.paper_split(ARTISTS[:9], n_dev=2, n_test=3)) == 9
    with pytest.raises(
        ValueError,
        match=r"8 artists have .* 2 dev \+ 3 test \+ at least 4 .* need 9: add artists, or lower -p 04",
    ):
        studies.paper_split(ARTISTS[:8], n_dev=2, n_test=3)


def test_a_part_or_fold_that_is_not_there_is_an_error():
    split = studies.paper_split(ARTISTS[:20], n_dev=3, n_test=3)
    with pytest.raises(ValueError, match="no split 'validation', only train, dev, test"):
        studies.artists_of(split, "validation")
    with pytest.raises(ValueError, match=r"fold 7 has no dev artists; folds: \[0\]"):
        studies.artists_of(split, "dev", fold=7)


@pytest.mark.parametrize(("n", "n_folds"), [(60, 5), (61, 7), (30, 2)])
def test_folds_test_every_artist_once_and_share_none_between_parts(n, n_folds):
    folds = studies.k_fold(ARTISTS[:n], n_folds=n_folds, n_dev=8)
    assert sorted(set(folds["fold"])) == [*range(1, n_folds + 1)]
    assert sorted(folds.loc[folds["split"] == "test", "artist_id"]) == sorted(ARTISTS[:n])
    for fold, part in folds.groupby("fold"):
        assert sorted(part["artist_id"]) == sorted(ARTISTS[:n])  # all, and each in one part
        assert len(studies.artists_of(folds, "dev", fold=fold)) == 8


def test_one_fold_is_the_papers_single_split_and_adds_nothing():
    single = studies.paper_split(ARTISTS)
    both = pd.concat([single, studies.k_fold(ARTISTS, n_folds=1)], ignore_index=True)
    pd.testing.assert_frame_equal(both, single)


def test_folds_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="n_folds=21: n_folds must be 1, or 2 to 20 artists"):
        studies.k_fold(ARTISTS[:20], n_folds=21)
    with pytest.raises(ValueError, match="fold 1 tests 10 of 20 artists and leaves 10, 7 dev"):
        studies.k_fold(ARTISTS[:20], n_folds=2, n_dev=7)
