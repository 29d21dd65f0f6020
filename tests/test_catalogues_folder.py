"""One's own music: folders and tables, well and badly made."""

import dataclasses
import os
import types

import pandas as pd
import pytest

from lib.clips.sources import folder as module
from lib.clips.sources import registry
from lib.clips.sources.source import Candidate, Settings
from lib.workflow import profiles


def fill(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"sound")


def artist(name, artist_id="name:x"):
    return types.SimpleNamespace(name=name, artist_id=artist_id)


def folder(root="", **settings):
    return registry.connect(["folder"], music_folder=str(root), **settings)[0]


def tracks_of(source, name, artist_id="name:x"):
    (candidate,) = source.candidates(artist(name, artist_id))
    return [track.id for track in source.tracks(candidate)]


def test_artists_are_the_top_folders_and_only_sound_files_count(tmp_path):
    fill(
        tmp_path,
        "Abba/Gold/1.mp3",
        "Abba/loose.FLAC",
        "Abba/Gold/cover.jpg",
        "Abba/Gold/._1.mp3",
        "Abba/.hidden/2.mp3",
        ".trash/3.mp3",
        "Blondie/a/b/c/4.m4a",
        "lonely.mp3",
    )
    source = folder(tmp_path)
    assert set(tracks_of(source, "Abba")) == {"Abba/Gold/1.mp3", "Abba/loose.FLAC", "Abba/.hidden/2.mp3"}
    assert tracks_of(source, "Blondie") == ["Blondie/a/b/c/4.m4a"]
    assert source.candidates(artist("Cher")) == []
    track = source.tracks(Candidate("blondie", "Blondie"))[0]
    assert (track.title, track.album) == ("Blondie/a/b/c/4", "c")
    assert source.fetch(track).content == tmp_path / "Blondie/a/b/c/4.m4a"


def test_spellings_of_one_name_are_one_artist(tmp_path):
    fill(tmp_path, "Sigur Rós/1.mp3", "SIGUR  RO\u0301S/2.mp3")
    assert set(tracks_of(folder(tmp_path), "sigur rós")) == {"Sigur Rós/1.mp3", "SIGUR  RO\u0301S/2.mp3"}


def test_tracks_come_from_one_album_after_another_and_always_the_same(tmp_path):
    fill(
        tmp_path,
        *(f"Abba/{album}/{number:02d}.mp3" for album in "XYZ" for number in range(5)),
        "Abba/X/99.mp3",
    )
    chosen = tracks_of(folder(tmp_path), "Abba")
    assert [path.split("/")[1] for path in chosen] == list("XYZ" * 5 + "X")
    assert len(set(chosen)) == 16
    assert chosen == tracks_of(folder(tmp_path), "Abba")
    assert chosen[:3] != ["Abba/X/00.mp3", "Abba/Y/00.mp3", "Abba/Z/00.mp3"]  # not all of them openers


def test_links_that_lead_back_are_walked_once(tmp_path):
    fill(tmp_path, "Abba/Gold/1.mp3")
    os.symlink(tmp_path, tmp_path / "Abba/Gold/loop")
    os.symlink(tmp_path / "Abba", tmp_path / "Abba/again")
    assert tracks_of(folder(tmp_path), "Abba") == ["Abba/Gold/1.mp3"]


def test_linked_music_elsewhere_is_followed(tmp_path):
    fill(tmp_path / "disk", "Gold/1.mp3")
    (tmp_path / "music").mkdir()
    os.symlink(tmp_path / "disk", tmp_path / "music/Abba")
    assert tracks_of(folder(tmp_path / "music"), "Abba") == ["Abba/Gold/1.mp3"]


def test_a_table_maps_files_to_artists_by_a_template(tmp_path):
    fill(tmp_path, "Q1/A001.mp3", "Q2/A002.mp3", "Q2/B.mp3")
    rows = [("A001", "Q1", "Abba"), ("A002", "Q2", " ABBA"), ("B", "Q2", '"Weird" Al, Jr.')]
    pd.DataFrame(rows, columns=["Song", "Quadrant", "Artist"]).to_csv(tmp_path / "meta.csv", index=False)
    source = folder(
        tmp_path,
        table_file=str(tmp_path / "meta.csv"),
        artist_column="Artist",
        path_template="{Quadrant}/{Song}.mp3",
    )
    assert sorted(tracks_of(source, "Abba")) == ["Q1/A001.mp3", "Q2/A002.mp3"]
    assert tracks_of(source, '"weird" al, jr.') == ["Q2/B.mp3"]


def test_a_table_may_name_artists_by_mbid_and_lie_beside_its_files(tmp_path):
    fill(tmp_path, "one.mp3", "two.mp3")
    (tmp_path / "meta.tsv").write_text(f"artist\tfile\nB10BBBFC-1\tone.mp3\nAbba\t{tmp_path}/two.mp3\n")
    source = folder(table_file=str(tmp_path / "meta.tsv"))
    (candidate,) = source.candidates(artist("Abba", "b10bbbfc-1"))
    assert [track.id for track in source.tracks(candidate)] == ["one.mp3"]
    assert tracks_of(source, "Abba") == ["two.mp3"]


@pytest.mark.parametrize("name", ["NA", "null", "nan", "007", "True"])
def test_a_table_leaves_names_as_they_are(tmp_path, name):
    fill(tmp_path, "one.mp3")
    (tmp_path / "meta.csv").write_text(f"artist,file\n{name},one.mp3\n")
    assert tracks_of(folder(table_file=str(tmp_path / "meta.csv")), name) == ["one.mp3"]


@pytest.mark.parametrize("table", [
    "artist;file\r\nBjörk;a/1.mp3\r\n".encode("cp1252"),
    "\ufeffArtist,File\nBjörk,a/1.mp3,\n".encode(),
    "artist\tfile\r\nBjörk\ta/1.mp3\r\n".encode("utf-16"),
    "sep=,\n# mine\nartist, file\nBjörk, a\\1.mp3\n".encode(),
    'file,artist\ra/1.mp3,"Björk"\r'.encode(),
], ids=["Excel", "capitals, trailing comma", "UTF-16", "spaces, Windows path", "old Mac"])  # fmt: skip
def test_a_table_is_read_however_a_spreadsheet_wrote_it(tmp_path, table):
    fill(tmp_path, "a/1.mp3")
    (tmp_path / "meta.csv").write_bytes(table)
    assert tracks_of(folder(table_file=str(tmp_path / "meta.csv")), "björk") == ["a/1.mp3"]


def test_rows_with_other_fields_than_the_header_are_left_out_and_said(tmp_path, capsys):
    fill(tmp_path, "1.mp3")
    (tmp_path / "meta.csv").write_text("artist,file\nAbba,1.mp3\nAir,1.mp3,Moon Safari\n")
    assert folder(table_file=str(tmp_path / "meta.csv")).offers() == ["Abba"]
    assert "1 of 2 rows of music table" in capsys.readouterr().out
    (tmp_path / "meta.csv").write_text("artist,file\nAir,1.mp3,Moon Safari\n")
    with pytest.raises(ValueError, match="1 of 1 rows .* line 2: 'Air,1.mp3,Moon Safari'"):
        folder(table_file=str(tmp_path / "meta.csv"))


def test_a_playlist_is_no_table(tmp_path):
    (tmp_path / "list.m3u").write_text("#EXTM3U\n1.mp3\n")
    with pytest.raises(
        ValueError, match=r"is a playlist, which names no artists.*`-p 02_preview_clips\.table_file=\.\.\.`"
    ):
        folder(table_file=str(tmp_path / "list.m3u"))


@pytest.mark.parametrize("file", ["../secret.mp3", "/etc/secret.mp3", "a/../../secret.mp3"])
def test_a_table_cannot_lead_out_of_its_folder(tmp_path, file):
    fill(tmp_path, "secret.mp3", "music/one.mp3")
    (tmp_path / "music/meta.csv").write_text(f"artist,file\nAbba,{file}\n")
    with pytest.raises(ValueError, match=r"leads out of .*music.*`-p 02_preview_clips\.music_folder=\.\.\.`"):
        folder(table_file=str(tmp_path / "music/meta.csv"))


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        ("artist,artist,file\nAbba,Cher,x.mp3\n", {}, "more than one column 'artist'"),
        ("artist,file\n,a/1.mp3\n", {}, "no row of music table .* names an artist and a file"),
        ("artist,file\nAbba,.\n", {}, "no row of music table .* names an artist and a file"),
        (None, {}, r"is missing: set `-p 02_preview_clips\.table_file=\.\.\.`"),
        ("artist,file\n", {}, "no rows"),
        ("", {}, "cannot be read"),
        (
            "artist,file\nAbba,gone.mp3\n",
            {},
            r"none of the 1 files .*gone\.mp3.*`-p 02_preview_clips\.path_template=\.\.\.`",
        ),
        (
            "name,file\nAbba,one.mp3\n",
            {},
            r"`-p 02_preview_clips\.artist_column=artist`.*do not fit its columns 'name', 'file'",
        ),
        ("artist,file\nAbba,one.mp3\n", {"path_template": "{Song}.mp3"}, "={Song}.mp3` do not fit"),
        ("artist,file\nAbba,one.mp3\n", {"path_template": "{file"}, "do not fit"),
        ("artist,file\nAbba,one.mp3\n", {"path_template": "{}"}, "do not fit"),
    ],
)
def test_a_bad_table_is_explained(tmp_path, table, settings, message):
    fill(tmp_path, "one.mp3")
    if table is not None:
        (tmp_path / "meta.csv").write_text(table)
    with pytest.raises(ValueError, match=message):
        folder(table_file=str(tmp_path / "meta.csv"), **settings)


def test_a_bad_folder_is_explained(tmp_path):
    with pytest.raises(
        ValueError, match=r"nowhere is missing: set `-p 02_preview_clips\.music_folder=\.\.\.`"
    ):
        folder(tmp_path / "nowhere")
    with pytest.raises(
        ValueError, match=r"no \.mp3.*it is empty.*Artist/Album/track\.mp3.*clips\.table_file="
    ):
        folder(tmp_path)
    fill(tmp_path, "one.mp3", "two.mp3", "three.wma")
    with pytest.raises(
        ValueError, match=r"2 × no folder and no tag names its artist, such as one\.mp3; 1 × suffix \.wma"
    ):
        folder(tmp_path)
    with pytest.raises(
        ValueError,
        match=r"set `-p 02_preview_clips\.music_folder=\.\.\.` or `-p 02_preview_clips\.table_file=\.\.\.`",
    ):
        folder()


def test_what_messages_name_is_what_a_person_can_set():
    parameters = profiles.parameters_of("02_preview_clips")
    for shown in (module.FOLDER, module.TABLE, module.COLUMN, module.TEMPLATE):
        stage, _, parameter = shown.partition(".")
        assert stage == "02_preview_clips" and parameter in parameters
        assert parameter in {field.name for field in dataclasses.fields(Settings)}


def test_all_spellings_are_offered_and_a_catalogue_offers_none(tmp_path):
    fill(tmp_path, "Sigur Rós/1.mp3", "SIGUR RÓS/2.mp3", "Abba/1.mp3", "Abba/2.mp3")
    assert sorted(folder(tmp_path).offers()) == ["Abba", "SIGUR RÓS", "Sigur Rós"]
    assert registry.connect(["deezer"], contact="me@example.org")[0].offers() is None
