"""Which spellings are one artist: the most plays decide, then the alphabet; what was decided is listed."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.listening import names


def resolved(*spellings, **options):
    """Artist id and name of each (mbid, name, plays), and the ambiguous cases as rows."""
    frame = pl.DataFrame(spellings, schema={"mbid": str, "name": str, "plays": int}, orient="row")
    artist, artists, ambiguous = names.resolve(frame, **options)
    found = artists.iloc[artist]
    assert artists["artist_id"].is_monotonic_increasing and artists["artist_id"].is_unique
    return list(zip(found["artist_id"], found["name"], strict=True)), ambiguous.to_dict("records")


def test_one_mbid_has_one_name_the_most_played_then_the_first():
    found, ambiguous = resolved(("m", "the beatles", 3), ("m", "beatles", 4), ("n", "b", 1), ("n", "a", 1))
    assert found == [("m", "beatles"), ("m", "beatles"), ("n", "a"), ("n", "a")]
    assert [tuple(case.values()) for case in ambiguous] == [
        ("one MBID, several names", "m", "beatles", 7, "the beatles", 3, "one artist"),
        ("one MBID, several names", "n", "a", 2, "b", 1, "one artist"),
    ]


def test_spellings_of_one_name_are_not_ambiguous():
    assert resolved(("m", "ABBA", 1), ("m", " abba ", 2), ("m", "Ａbba", 1))[1] == []


def test_one_name_has_one_mbid_the_most_played_then_the_first():
    spellings = [("m2", "Air", 5), ("m1", "AIR", 5), ("m3", "air", 4), ("m4", "aire", 9)]
    found, ambiguous = resolved(*spellings)
    assert found == [("m1", "AIR"), ("m1", "AIR"), ("m1", "AIR"), ("m4", "aire")]
    assert [tuple(case.values()) for case in ambiguous] == [
        ("one name, several MBIDs", "m1", "AIR", 5, "m2", 5, "one artist"),
        ("one name, several MBIDs", "m1", "AIR", 5, "m3", 4, "one artist"),
    ]


def test_artists_of_one_name_can_be_kept_apart_and_are_listed_all_the_same():
    found, ambiguous = resolved(("m1", "air", 5), ("m2", "air", 4), one_mbid_per_name=False)
    assert found == [("m1", "air"), ("m2", "air")]
    assert [(case["artist_id"], case["other"], case["decision"]) for case in ambiguous] == [
        ("m1", "m2", "kept apart")
    ]


@pytest.mark.parametrize("one_mbid_per_name", [True, False])
def test_a_row_without_mbid_joins_the_artist_of_its_name_that_has_most_plays_under_any_spelling(
    one_mbid_per_name,
):
    spellings = [
        ("m1", "Nirvana", 5),
        ("m1", "nirvana", 5),
        ("m2", "nirvana", 7),
        ("", "NIRVANA", 2),
        ("", "x", 1),
    ]
    found, _ = resolved(*spellings, one_mbid_per_name=one_mbid_per_name)
    assert [artist for artist, _ in found[3:]] == ["m1", "name:x"]


def test_a_name_without_any_mbid_is_an_artist_by_its_normal_form():
    assert resolved(("", "ABBA ", 2), (" ", "abba", 3))[0] == [("name:abba", "abba")] * 2


SPELLINGS = st.tuples(
    st.sampled_from(["", "m1", "m2", "m3"]),
    st.sampled_from(["a", "A", " a", "b", "ß", "SS", "c"]),
    st.integers(1, 3),
)


@given(st.lists(SPELLINGS, min_size=1, unique_by=lambda row: row[:2]))
def test_names_and_mbids_stand_for_each_other_whatever_the_file_holds(spellings):
    found, _ = resolved(*spellings)
    assert len({artist for artist, _ in found}) == len({names.normalise(name) for _, name in found})
    assert len({artist for artist, _ in found}) == len(set(found))
    backwards, _ = resolved(*reversed(spellings))
    assert backwards[::-1] == found
    apart, _ = resolved(*spellings, one_mbid_per_name=False)
    assert all(artist == mbid for (artist, _), (mbid, *_) in zip(apart, spellings, strict=True) if mbid)
