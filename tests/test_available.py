"""Artists with music: joined by name, counted on both sides, and suggested where a spelling is near."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.clips import available
from lib.clips.sources import registry


def artists(*names):
    return pd.DataFrame({"artist_id": [f"id-{number}" for number in range(len(names))], "name": names})


PLAYS = artists("The Beatles", "Abba", "ABBA", "Air", "Cher", "Dido")


def test_artists_with_music_are_in_the_order_of_the_plays_and_all_others_are_counted():
    music = available.of_plays(PLAYS, {"folder": ["dido", "abba", "The Beatle", "Zyx", "AIR", "Air"]})
    assert music.artist_ids == ["id-1", "id-3", "id-5"]
    assert music.sentence == (
        "Of 5 artists in the music (folder), 3 are in the plays and 2 are not. The plays name 3 artists more."
    )
    columns = ["source", "side", "problem", "name", "artist_id", "nearest"]
    assert music.unresolved[columns].to_numpy().tolist() == [
        ["folder", "plays", "ambiguous", "ABBA", "id-2", ""],
        ["folder", "music", "unmatched", "The Beatle", "", "The Beatles"],
        ["folder", "music", "unmatched", "Zyx", "", ""],
        ["folder", "music", "ambiguous", "AIR", "", ""],
    ]
    assert tuple(music.unresolved.columns) == available.COLUMNS


def test_an_artist_of_two_sources_counts_once():
    music = available.of_plays(PLAYS, {"merge": ["Abba", "Nobody"], "folder": ["abba", "Cher", "nobody"]})
    assert music.artist_ids == ["id-1", "id-4"]
    assert music.sentence.startswith(
        "Of 3 artists in the music (merge, folder), 2 are in the plays and 1 is not. The plays name 4"
    )
    assert music.unresolved["source"].tolist() == ["merge", "merge", "folder", "folder"]


def test_an_artist_that_one_source_lacks_and_another_has_is_in_the_plays():
    music = available.of_plays(artists("Abba", "Air"), {"merge": ["Abba"], "folder": ["Air"]})
    assert music.artist_ids == ["id-0", "id-1"]
    assert music.unresolved.empty
    assert "2 are in the plays and 0 are not. The plays name 0 artists more." in music.sentence


def test_beside_a_service_any_artist_may_have_music_and_the_folder_is_still_reported():
    music = available.of_plays(PLAYS, {"folder": ["Abba", "The Beatle"], "itunes": None})
    assert music.artist_ids is None
    assert music.sentence == (
        "Of 2 artists in the music (folder), 1 is in the plays and 1 is not. The plays name 5 artists more."
        " Any artist of the plays may have music: itunes can only be searched, for one artist at a"
        " time."
    )
    assert music.unresolved["nearest"].tolist() == ["", "The Beatles"]


def test_services_alone_leave_nothing_to_report():
    music = available.of_plays(PLAYS, {"spotify": None, "itunes": None})
    assert music.artist_ids is None
    assert music.sentence.startswith("Any artist of the plays may have music: spotify, itunes can only be")
    assert music.unresolved.empty
    assert tuple(music.unresolved.columns) == available.COLUMNS


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        (["The Beatle", "Zyx"], r"0 of 2 .*\(folder\) are among the 6 of the plays, at least 2 are needed;"
         r" without a partner are 'The Beatle' \(nearest in the plays: 'The Beatles'\), 'Zyx': are these"),
        (["Abba", *map(str, range(9))], r"1 of 10 artists .* '0', '1', '2', '3', '4' and others: are these"),
    ],
)  # fmt: skip
def test_music_that_the_plays_do_not_hold_is_one_sentence_with_the_nearest_names(offered, message):
    with pytest.raises(ValueError, match=message) as error:
        available.of_plays(PLAYS, {"folder": offered})
    assert "\n" not in str(error.value)


@given(st.lists(st.sampled_from("aAbBcC")), st.lists(st.sampled_from("aAbBcCd")))
def test_every_artist_of_the_music_is_counted_on_one_side(plays, offered):
    music = available.of_plays(artists(*plays), {"folder": offered, "itunes": None})
    in_music, in_plays = {name.casefold() for name in offered}, {name.casefold() for name in plays}
    unmatched = music.unresolved[music.unresolved["problem"] == "unmatched"]
    assert {name.casefold() for name in unmatched["name"]} == in_music - in_plays
    assert f"Of {len(in_music)} artist" in music.sentence
    assert (
        f"{len(in_music & in_plays)} {'is' if len(in_music & in_plays) == 1 else 'are'} in" in music.sentence
    )


def test_local_sources_list_their_artists_and_services_are_not_opened(tmp_path):
    (tmp_path / "Abba").mkdir()
    (tmp_path / "Abba" / "song.mp3").touch()
    offers = registry.offers(["spotify", "folder", "itunes"], music_folder=str(tmp_path))
    assert offers == {"spotify": None, "folder": ["Abba"], "itunes": None}
    assert list(offers) == ["spotify", "folder", "itunes"]
    with pytest.raises(ValueError, match="unknown source 'tape'"):
        registry.offers(["tape"])
    with pytest.raises(
        ValueError, match="needs to know where the music is: set `-p 02_preview_clips.music_folder=...`"
    ):
        registry.offers(["itunes", "folder"])
