"""Artists are held out as the author held them out, and none is in two parts."""

import pytest
from sklearn.model_selection import train_test_split

from lib import splits

ARTISTS = [f"artist-{place}" for place in range(975)]


def test_the_split_is_the_one_that_the_authors_two_calls_give():
    train, held_out = train_test_split(ARTISTS, test_size=0.10, random_state=1)
    dev, test = train_test_split(held_out, test_size=0.5, random_state=2)
    split = splits.paper_split(ARTISTS)
    assert [splits.artists_of(split, name) for name in splits.NAMES] == [
        train,
        dev,
        test,
    ]  # in the order drawn, too


def test_each_artist_is_in_one_part_of_the_size_asked_for():
    split = splits.paper_split(ARTISTS[:200])
    assert sorted(split["artist_id"]) == sorted(ARTISTS[:200])
    assert split["split"].value_counts().to_dict() == {"train": 102, "dev": 49, "test": 49}
    assert set(split["fold"]) == {0}


def test_other_seeds_hold_out_other_artists():
    first, second = (
        set(splits.artists_of(splits.paper_split(ARTISTS, seeds=seeds), "test")) for seeds in [(1, 2), (3, 2)]
    )
    assert first != second


def test_the_fewest_artists_that_work_work_and_one_less_is_an_error():
    assert len(splits.paper_split(ARTISTS[:9], n_dev=2, n_test=3)) == 9
    with pytest.raises(
        ValueError,
        match=r"8 artists have .* 2 dev \+ 3 test \+ at least 4 .* need 9: add artists, or lower n_dev",
    ):
        splits.paper_split(ARTISTS[:8], n_dev=2, n_test=3)


def test_a_part_or_fold_that_is_not_there_is_an_error():
    split = splits.paper_split(ARTISTS[:20], n_dev=3, n_test=3)
    with pytest.raises(ValueError, match="no split 'validation', only train, dev, test"):
        splits.artists_of(split, "validation")
    with pytest.raises(ValueError, match=r"fold 7 has no dev artists; folds: \[0\]"):
        splits.artists_of(split, "dev", fold=7)
