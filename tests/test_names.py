"""Names: what counts as the same one."""

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.listening import names
from lib.listening import spelling as names_of_nobody


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Beatles", "  the\tBEATLES\n"),
        ("Sigur Rós", "Sigur Ro\u0301s"),  # accent composed and combining
        ("ＡＢＢＡ", "Abba"),  # full-width letters
        ("Straße", "STRASSE"),
        ("a\u00a0b\u2028c", "A B C"),  # a no-break space, a line separator
    ],
)
def test_spellings_of_one_name_are_equal(one, other):
    assert names.normalise(one) == names.normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nirvana", "Nirvana Tribute"),
        ("The The", "The"),
        ("Bjork", "Björk"),
        ("AC/DC", "ACDC"),
        ("Air", "A i r"),
    ],
)
def test_other_names_stay_other_names(one, other):
    assert names.normalise(one) != names.normalise(other)


@given(st.text())
def test_normalising_twice_changes_nothing(name):
    assert names.normalise(names.normalise(name)) == names.normalise(name)


def artists(*names_):
    return pd.DataFrame({"artist_id": [f"id-{number}" for number in range(len(names_))], "name": names_})


def problems(joined):
    columns = ["side", "problem", "name", "artist_id"]
    return joined.unresolved[columns].to_numpy().tolist()


def test_names_that_both_sides_have_are_matched_in_the_order_of_the_plays():
    joined = names.join(artists("Abba", "Björk"), ["björk", " ABBA"])
    assert joined.matches.to_numpy().tolist() == [
        ["id-0", "Abba", " ABBA", names.NAME],
        ["id-1", "Björk", "björk", names.NAME],
    ]
    assert joined.unresolved.empty


def test_names_that_only_one_side_has_are_written_down():
    joined = names.join(artists("Abba", "Cher", " "), ["ABBA", "Dido", "Enya"])
    assert joined.matches["artist_id"].tolist() == ["id-0"]
    assert problems(joined) == [
        ["plays", "unmatched", "Cher", "id-1"],
        ["plays", "unmatched", " ", "id-2"],
        ["music", "unmatched", "Dido", ""],
        ["music", "unmatched", "Enya", ""],
    ]
    assert "no name" in joined.unresolved["detail"][1]


def test_of_several_artists_of_one_name_only_the_first_is_matched():
    joined = names.join(artists("Nirvana", "NIRVANA", "Nirvana "), ["nirvana"])
    assert joined.matches["artist_id"].tolist() == ["id-0"]
    assert problems(joined) == [
        ["plays", "ambiguous", "NIRVANA", "id-1"],
        ["plays", "ambiguous", "Nirvana ", "id-2"],
    ]
    assert joined.unresolved["detail"].str.contains("id-0").all()


def test_artists_who_share_a_name_that_the_music_has_not_are_simply_unmatched():
    assert [row[:2] for row in problems(names.join(artists("Air", "AIR"), ["Abba"]))] == [
        ["plays", "unmatched"],
        ["plays", "unmatched"],
        ["music", "unmatched"],
    ]


def test_several_spellings_in_the_music_are_one_artist_and_written_down():
    joined = names.join(artists("Abba"), ["abba", "ABBA", "abba"])
    assert joined.matches["offered"].tolist() == ["ABBA"]
    assert problems(joined) == [["music", "ambiguous", "ABBA", ""]]
    assert joined.unresolved["detail"].tolist() == ["taken for one artist: 'ABBA', 'abba'"]


def test_an_mbid_tells_artists_of_one_name_apart():
    joined = names.join(artists("Nirvana", "Nirvana"), ["ID-1", "nirvana"])
    assert joined.matches[["artist_id", "offered"]].to_numpy().tolist() == [
        ["id-0", "nirvana"],
        ["id-1", "ID-1"],
    ]
    assert joined.unresolved.empty


@given(st.lists(st.sampled_from("aAbBc")), st.lists(st.sampled_from("aAbBcd")))
def test_everybody_is_accounted_for_and_nobody_twice(asked, offered):
    joined = names.join(artists(*asked), offered)
    plays = joined.unresolved["artist_id"][joined.unresolved["side"] == "plays"]
    assert sorted([*joined.matches["artist_id"], *plays]) == sorted(artists(*asked)["artist_id"])
    matched = joined.matches["offered"].str.casefold()
    assert matched.is_unique
    music = joined.unresolved[
        (joined.unresolved["side"] == "music") & (joined.unresolved["problem"] == "unmatched")
    ]
    assert sorted([*matched, *music["name"].str.casefold()]) == sorted({name.casefold() for name in offered})


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("Beatles", "The Beatles"),
        ("Hendrix, Jimi", "Jimi Hendrix"),
        ("REM", "R.E.M."),
        ("AC-DC", "AC/DC"),
        ("Sigur Ros", "Sigur Rós"),
        ("Guns N Roses", "Guns N' Roses"),
        ("Nirvanna", "Nirvana"),
        ("", ""),
        ("!!!", ""),
        ("Zyklon", ""),
    ],
)
def test_a_name_without_a_partner_is_given_the_nearest_spelling(name, nearest):
    plays = ["The Beatles", "Jimi Hendrix", "R.E.M.", "AC/DC", "Sigur Rós", "Guns N' Roses", "Nirvana", "???"]
    assert names.nearest([name], plays) == [nearest]
    assert names.nearest(["Other", name, "Beetles"], plays)[1] == nearest


def test_of_two_spellings_as_near_the_first_is_suggested():
    assert names.nearest(["Radiohad"], ["Radioheads", "Radiohead", "RADIOHEAD"]) == ["Radiohead"]
    assert names.nearest(["Radiohad"], ["RADIOHEAD", "Radiohead"]) == ["RADIOHEAD"]


def test_nothing_is_near_where_there_is_nothing():
    assert names.nearest([], ["Abba"]) == []
    assert names.nearest(["Abba"], []) == [""]
    assert names.nearest(["Abba"], ["", "!!!"]) == [""]


@given(st.lists(st.text(max_size=8), max_size=12), st.lists(st.text(max_size=8), max_size=12))
def test_a_suggestion_is_always_one_of_the_spellings(missing, spellings):
    suggested = names.nearest(missing, spellings)
    assert len(suggested) == len(missing)
    assert set(suggested) <= {*spellings, ""}


# Second and third look at names of a music folder


@pytest.mark.parametrize(
    ("in_plays", "in_music", "how"),
    [
        ("Guns N' Roses", "Guns N’ Roses", names.FOLDED),
        ("a‐ha", "a-ha", names.FOLDED),
        ('"Weird Al" Yankovic', "“Weird Al” Yankovic", names.FOLDED),
        ("Simon & Garfunkel", "Simon and Garfunkel", names.FOLDED),
        ("Florence + the Machine", "Florence & the Machine", names.FOLDED),
        ("AC/DC", "AC_DC", names.FOLDED),
        ("AC/DC", "AC-DC", names.FOLDED),
        ("R.E.M.", "R.E.M_", names.FOLDED),
        ("R.E.M.", "R.E.M", names.FOLDED),
        (".38 Special", "_38 Special", names.FOLDED),
        ("Therapy?", "Therapy_", names.FOLDED),
        ("Sunn O)))", "Sunn O)))", names.NAME),
        ("The Beatles", "Beatles, The", names.FOLDED),
        ("Die Ärzte", "Ärzte, Die", names.FOLDED),
        ("The Beatles", "Beatles", names.LOOSE),
        ("Beatles", "The Beatles", names.LOOSE),
        ("Björk", "Bjork", names.LOOSE),
        ("Mø", "MO", names.LOOSE),
        ("Sigur Rós", "Sigur Ros", names.LOOSE),
        ("ABBA", "Abba Tribute", None),
        ("ガクト", "カクト", None),  # another letter, not a diacritic
        ("???", "!!!", None),
    ],
)
def test_a_name_of_a_folder_joins_and_says_how(in_plays, in_music, how):
    joined = names.join(artists("Somebody Else", in_plays), [in_music])
    assert joined.matches["how"].tolist() == ([how] if how else [])
    music = joined.unresolved[joined.unresolved["side"] == "music"]
    listed = {names.LOOSE: ["similar"], None: ["unmatched"]}
    assert music["problem"].tolist() == listed.get(how, [])


def test_two_artists_of_the_plays_with_one_folded_form_are_never_joined_in_silence():
    joined = names.join(artists("AC/DC", "AC DC"), ["AC_DC"])
    assert joined.matches.empty
    assert problems(joined) == [
        ["plays", "ambiguous", "AC/DC", "id-0"],
        ["plays", "ambiguous", "AC DC", "id-1"],
        ["music", "unmatched", "AC_DC", ""],
    ]
    assert "'AC/DC' (id-0), 'AC DC' (id-1)" in joined.unresolved["detail"].iloc[2]
    exact = names.join(artists("AC/DC", "AC DC"), ["ac/dc"])
    assert exact.matches["name"].tolist() == ["AC/DC"]


def test_the_loosest_form_is_only_for_artists_without_music():
    joined = names.join(artists("Bjork"), ["Bjork", "Björk"])
    assert joined.matches["offered"].tolist() == ["Bjork"]
    assert problems(joined) == [["music", "unmatched", "Björk", ""]]


def test_several_names_of_one_artist_are_all_the_artists_and_listed_together():
    joined = names.join(artists("AC/DC"), ["AC/DC", "AC_DC"])
    assert joined.matches["how"].tolist() == [names.NAME, names.FOLDED]
    assert problems(joined) == [["music", "ambiguous", "AC/DC", ""]]


@pytest.mark.parametrize(
    "name",
    ["Various Artists", "VARIOUS", "V.A.", "V/A", "VV.AA.", "Unknown Artist", "[unknown]", "<Unknown>", "OST"]
    + ["Soundtrack", "Verschiedene Interpreten", "Artistes divers", "Varios artistas", "Vari  artisti"]
    + ["Verschiedene Ku\u0308nstler", "Разные исполнители", "[no artist]", "Compilations"],
)
def test_nobody_has_many_names(name):
    assert names.nobody(name)
    frame = pl.DataFrame({"mbid": [""], "name": [name]})
    assert frame.select(names.is_nobody()).item()


@pytest.mark.parametrize("name", ["Abba", "Anonymous", "Unknown Mortal Orchestra", "The Various", "Data", ""])
def test_artists_are_somebody(name):
    assert not names.nobody(name)
    assert not pl.DataFrame({"mbid": [""], "name": [name]}).select(names.is_nobody()).item()


@pytest.mark.parametrize("mbid", names_of_nobody.NOBODY_MBIDS)
def test_nobody_has_mbids(mbid):
    assert names.nobody("Diverse acts", mbid.upper())


SPELT = st.text(st.sampled_from("aAÅéø &+-_/'’.,? theTHE"), max_size=10)


@given(SPELT)
def test_each_form_is_stable_and_joins_more_than_the_one_before(name):
    for form in (names.folded, names.loose):
        assert form(name) == form(names.normalise(name)) == form(name.upper().lower())
    assert names.loose(name) == names.loose(names.folded(name)) or "," in name


@given(st.lists(SPELT, unique=True, max_size=6), st.lists(SPELT, unique=True, max_size=6))
def test_no_name_of_the_music_has_two_owners_and_none_is_lost(plays, music):
    joined = names.join(artists(*plays), music)
    offered = [names.normalise(name) for name in joined.matches["offered"]]
    assert len(offered) == len(set(offered))
    alone = joined.unresolved.query("side == 'music' and problem == 'unmatched'")["name"]
    assert sorted([*offered, *map(names.normalise, alone)]) == sorted(set(map(names.normalise, music)))
    with_music = set(joined.matches["artist_id"])
    rest = joined.unresolved.query("side == 'plays'")["artist_id"]
    assert sorted([*with_music, *rest]) == sorted(artists(*plays)["artist_id"])
    for form, how in ((names.folded, names.FOLDED), (names.loose, names.LOOSE)):
        for row in joined.matches[joined.matches["how"] == how].itertuples():
            same = {names.normalise(name) for name in plays if form(name) == form(row.offered)}
            assert same == {names.normalise(row.name)}
