"""The files of a music folder: whose they are, and that everything left out is counted and named."""

import os
import unicodedata
from pathlib import Path

import av
import mutagen
import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from mutagen import id3
from tiny_world import sound

from lib.clips import collect, music_files, tags
from lib.clips.sources import registry
from lib.spectrograms import store
from lib.workflow import artifacts, paths

CASES = paths.root().parent / "shared" / "cases"


def fill(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"sound")


def tagged(path, **fields):
    """A short FLAC file with these tags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(800), 8000)
    file = mutagen.File(path)
    for key, value in fields.items():
        file[key] = value
    file.save()


def artists_of(root):
    return music_files.scan(root).files.set_index("path")["artist"].to_dict()


def left_out_of(root):
    return music_files.scan(root).left_out.set_index("path")["reason"].to_dict()


# Whose a file is


def test_tags_go_before_folders(tmp_path):
    tagged(tmp_path / "Downloads/x.flac", artist="Abba", title="SOS", album="Abba")
    fill(tmp_path, "Cher/Believe/1.mp3")
    files = music_files.scan(tmp_path).files
    columns = ["path", "artist", "title", "album", "named_by", "titled"]
    assert files[columns].to_numpy().tolist() == [
        ["Cher/Believe/1.mp3", "Cher", "1", "Believe", "folder", False],
        ["Downloads/x.flac", "Abba", "SOS", "Abba", "tags", True],
    ]


@pytest.mark.parametrize(
    ("fields", "artist"),
    [
        ({"artist": "Abba", "albumartist": "Cher"}, "Abba"),
        ({"artist": "Various Artists", "albumartist": "Cher"}, "Cher"),
        ({"artist": "Abba feat. Cher", "albumartist": "Abba"}, "Abba"),
        ({"artist": "Abbey Featherstone", "albumartist": "Abb"}, "Abbey Featherstone"),
        ({"artist": ["Abba", "Cher"]}, "Abba"),
        ({"artist": "  \n", "title": "SOS"}, "Folder"),
        ({"artist": "Diverse", "musicbrainz_artistid": "89AD4AC3-39f7-470e-963a-56509c546377"}, "Folder"),
        ({"artist": "[unknown]"}, "Folder"),
    ],
)
def test_the_track_artist_goes_before_the_album_artist_and_nobody_is_passed_over(tmp_path, fields, artist):
    tagged(tmp_path / "Folder/1.flac", **fields)
    assert artists_of(tmp_path) == {"Folder/1.flac": artist}


def test_of_various_artists_only_the_tags_tell_who_it_is(tmp_path):
    tagged(tmp_path / "Various Artists/Best/1.flac", artist="Moby", albumartist="Various Artists")
    tagged(tmp_path / "Various Artists/Best/2.flac", artist="Various Artists")
    fill(tmp_path, "Vari artisti/3.mp3", "Unknown Artist/4.mp3", "Compilations/5.mp3")
    assert artists_of(tmp_path) == {"Various Artists/Best/1.flac": "Moby"}
    assert set(left_out_of(tmp_path).values()) == {music_files.NOBODY} and len(left_out_of(tmp_path)) == 4


def test_a_loose_file_counts_where_its_tags_name_an_artist(tmp_path):
    tagged(tmp_path / "1.flac", artist="Abba")
    fill(tmp_path, "2.mp3")
    assert artists_of(tmp_path) == {"1.flac": "Abba"}
    assert left_out_of(tmp_path) == {"2.mp3": music_files.LOOSE}


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".wav", ".aiff"])
def test_every_kind_of_tag_is_read(tmp_path, suffix):
    path, mbid = tmp_path / f"song{suffix}", "a74b1b7f-71a5-4011-9441-d0b5e4122711"
    soundfile.write(path, np.zeros(8000), 8000)
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, id3.ID3):
        for frame in (id3.TPE1, id3.TPE2, id3.TIT2, id3.TALB):
            file.tags.add(frame(encoding=3, text=[frame.__name__]))
        file.tags.add(id3.UFID(owner="http://musicbrainz.org", data=mbid.encode()))
        file.tags.add(id3.TXXX(encoding=3, desc="MusicBrainz Artist Id", text=[mbid.upper()]))
    else:
        file["artist"], file["ALBUMARTIST"], file["Title"], file["album"] = "TPE1", "TPE2", "TIT2", "TALB"
        file["MUSICBRAINZ_TRACKID"], file["musicbrainz_artistid"] = mbid, mbid
    file.save()
    (read,) = tags.read([path])
    assert list(read.values()) == ["TPE1", "TPE2", "TIT2", "TALB", mbid, mbid, ""]


def test_the_tags_of_m4a_are_read(tmp_path):
    path = tmp_path / "song.m4a"
    with av.open(path, "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode()])
    file = mutagen.File(path)
    file["\xa9ART"], file["aART"], file["\xa9nam"], file["\xa9alb"] = "Abba", "Host", "SOS", "Gold"
    file["----:com.apple.iTunes:MusicBrainz Artist Id"] = b"a74b1b7f-71a5-4011-9441-d0b5e4122711"
    file.save()
    (read,) = tags.read([path])
    assert list(read.values())[:4] == ["Abba", "Host", "SOS", "Gold"]
    assert read["artist_mbid"].startswith("a74b1b7f")


def test_a_wav_file_may_have_its_tags_as_riff_has_them(tmp_path):
    with soundfile.SoundFile(tmp_path / "1.wav", "w", 8000, 1) as file:
        file.artist, file.title = "Abba", "SOS"
        file.write(np.zeros(800))
    (read,) = tags.read([tmp_path / "1.wav"])
    assert (read["artist"], read["title"]) == ("Abba", "SOS")


def test_tags_that_cannot_be_read_fall_back_to_the_folder_and_are_counted(tmp_path, capsys):
    tagged(tmp_path / "Abba/1.flac", artist="Cher")
    content = (tmp_path / "Abba/1.flac").read_bytes()
    (tmp_path / "Abba/1.flac").write_bytes(content[:20] + b"\xff" * 40 + content[60:])
    fill(tmp_path, "Abba/2.mp3")
    files = music_files.scan(tmp_path).files
    assert files["artist"].tolist() == ["Abba", "Abba"]
    assert (files["fault"] != "").tolist() == [True, False]  # a file without tags is no fault
    registry.offers(["folder"], music_folder=str(tmp_path))
    assert "the tags of 1 of 2 files" in capsys.readouterr().out


@given(
    st.binary(max_size=200),
    st.sampled_from([b"fLaC", b"ID3\x03\x00\x00", b"OggS", b"RIFF", b"", b"\0\0\0\x20ftypM4A "]),
)
def test_no_content_stops_the_reading_of_tags(tmp_path_factory, content, magic):
    path = tmp_path_factory.mktemp("any") / "x.mp3"
    path.write_bytes(magic + content)
    read = tags._one(str(path))
    assert set(read) == {*tags.FIELDS, "fault"} and all(isinstance(text, str) for text in read.values())


def test_a_file_that_ends_the_child_costs_only_its_own_tags(tmp_path, monkeypatch):
    for number in range(4):
        tagged(tmp_path / f"{number}.flac", artist=f"Artist {number}")
    call = tags.sandbox.call

    def fragile(function, files, **limits):
        if any(file.endswith("2.flac") for file in files):
            raise tags.sandbox.Refused("the decoder crashed (SIGSEGV)")
        return call(function, files, **limits)

    monkeypatch.setattr(tags.sandbox, "call", fragile)
    read = tags.read(sorted(tmp_path.iterdir()))
    assert [each["artist"] for each in read] == ["Artist 0", "Artist 1", "", "Artist 3"]
    assert "SIGSEGV" in read[2]["fault"]


def test_a_file_that_takes_too_long_is_stopped(tmp_path, monkeypatch):
    def endless(file):
        while True:
            pass

    monkeypatch.setattr(tags, "FILE_SECONDS", 0.05)
    monkeypatch.setattr(tags, "_fields", endless)
    assert "TooSlow" in tags._one(str(tmp_path / "x.mp3"))["fault"]


# What is left out


def test_a_leading_dot_hides_nothing_but_files_of_the_system(tmp_path):
    fill(
        tmp_path,
        ".38 Special/1.mp3",
        "...And Justice/2.mp3",
        "Abba/._1.mp3",
        "Abba/.DS_Store",
        "@eaDir/3.mp3",
    )
    fill(tmp_path, ".Trash-1000/4.mp3", ".trash/5.mp3", "Abba/.hidden track.mp3", "._.38 Special")
    assert artists_of(tmp_path) == {
        ".38 Special/1.mp3": ".38 Special",
        "...And Justice/2.mp3": "...And Justice",
        "Abba/.hidden track.mp3": "Abba",
    }
    hidden = [".Trash-1000", "._.38 Special", ".trash", "@eaDir", "Abba/.DS_Store", "Abba/._1.mp3"]
    assert left_out_of(tmp_path) == dict.fromkeys(hidden, music_files.SYSTEM)


def test_suffixes_that_are_not_read_are_named_and_counted(tmp_path):
    fill(
        tmp_path,
        "A/1.wma",
        "A/2.WMA",
        "A/3.ape",
        "A/4.m4p",
        "A/5.dsf",
        "A/cover.JPG",
        "A/a.cue",
        "A/b",
        "A/6.mp3",
    )
    counted = music_files.reasons(music_files.scan(tmp_path).left_out)
    assert counted.to_numpy().tolist() == [
        [music_files.NO_SOUND, 2, "A/a.cue"],
        ["suffix .wma is not read", 2, "A/1.wma"],
        ["a name without suffix", 1, "A/b"],
        ["suffix .ape is not read", 1, "A/3.ape"],
        ["suffix .dsf is not read", 1, "A/5.dsf"],
        ["suffix .m4p is not read", 1, "A/4.m4p"],
    ]


def test_a_folder_that_cannot_be_entered_is_named_and_the_others_are_read(tmp_path, monkeypatch):
    fill(tmp_path, "Abba/1.mp3", "Cher/2.mp3")
    scandir = os.scandir

    def locked(path):
        if str(path).endswith("Cher"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    music = music_files.scan(tmp_path)
    assert music.files["path"].tolist() == ["Abba/1.mp3"]
    assert music.left_out.to_numpy().tolist() == [
        ["Cher", "a folder that cannot be entered (PermissionError)"]
    ]


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    fill(tmp_path, "Abba/1.mp3")
    fault = dict.fromkeys(tags.FIELDS, "") | {"fault": "PermissionError: [Errno 13] Permission denied"}
    monkeypatch.setattr(tags, "read", lambda files: [fault for _ in files])
    music = music_files.scan(tmp_path)
    assert music.files.empty
    assert music.left_out.to_numpy().tolist() == [["Abba/1.mp3", "may not be read (PermissionError)"]]


def test_links_that_lead_back_or_nowhere_are_named_and_real_folders_go_first(tmp_path):
    music = tmp_path / "music"
    fill(music, "Zappa/1.mp3", "Abba/2.mp3")
    fill(tmp_path, "elsewhere/3.mp3", "single.mp3")
    os.symlink(music / "Zappa", music / "Abba/again")
    os.symlink(music, music / "Abba/loop")
    os.symlink(tmp_path, music / "Abba/up")
    os.symlink(tmp_path / "gone", music / "Abba/gone.mp3")
    os.symlink(music / "Zappa/1.mp3", music / "Abba/1.mp3")
    os.symlink(tmp_path / "elsewhere", music / "Cher")
    os.symlink(tmp_path / "single.mp3", music / "Abba/single.mp3")
    os.mkfifo(music / "Abba/pipe.mp3")
    assert artists_of(music) == {
        "Abba/2.mp3": "Abba",
        "Abba/single.mp3": "Abba",
        "Cher/3.mp3": "Cher",
        "Zappa/1.mp3": "Zappa",
    }
    back = dict.fromkeys(["Abba/1.mp3", "Abba/again", "Abba/loop", "Abba/up"], music_files.BACK)
    others = {"Abba/gone.mp3": music_files.NOWHERE, "Abba/pipe.mp3": music_files.SPECIAL}
    assert left_out_of(music) == back | others


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(st.binary(min_size=1, max_size=20).filter(lambda name: not {0, 47} & set(name)))
def test_any_name_is_written_as_text_and_restored(name):
    text = music_files.written(os.fsdecode(name))
    text.encode()
    assert os.fsencode(music_files.restored(text)) == name


@given(NAMES)
def test_a_name_in_utf_8_is_written_as_it_is(name):
    assert music_files.written(name) == name or "\\x" in name


def test_a_file_whose_name_is_not_utf_8_becomes_a_clip_like_any_other(tmp_path):
    music = tmp_path / "music"
    music.mkdir()
    folder = os.fsencode(music) + b"/Bj\xf6rk"
    os.mkdir(folder)
    with open(folder + b"/J\xf3ga.wav", "wb") as file:
        file.write(sound(1))
    fill(music, os.fsdecode(b"Bj\xf6rk/cover\xe9.jpg"), "Air/x.txt")
    (music / "Air/1.wav").write_bytes(sound(2))
    scanned = music_files.scan(music)
    assert scanned.files[["artist", "title"]].to_numpy().tolist() == [["Air", "1"], ["Björk", "Jóga"]]
    assert "Bj\\xf6rk/cover\\xe9.jpg" in scanned.left_out["path"].map(music_files.written).tolist()
    print(music_files.reasons(scanned.left_out))
    artists = pd.DataFrame({"artist_id": ["a", "b"], "name": ["Air", "Björk"]})
    sources = registry.connect(["folder"], music_folder=str(music))
    clips, _ = collect.collect(artists, sources, tmp_path / "out", clips_per_artist=1, min_seconds=0.1)
    assert clips["artist"].tolist() == ["Air", "Björk"]
    assert clips["source_track_id"][1] == "Bj\\xf6rk/J\\xf3ga.wav"
    assert artifacts.sha256(tmp_path / "out" / clips["file"][1]) == clips["sha256"][1]
    _, failures = store.compute(clips, tmp_path / "out", store=tmp_path / "out", n_jobs=1)
    assert failures.empty
    assert Path(clips["file"][0]) == music / "Air/1.wav"


def test_composed_and_combining_letters_are_one_artist(tmp_path):
    fill(tmp_path, unicodedata.normalize("NFD", "Björk") + "/1.mp3", "Björk/2.mp3")
    (source,) = registry.connect(["folder"], music_folder=str(tmp_path))
    assert len(source.tracks(source.unite(source.offers()))) == 2


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere is missing, or is no folder"):
        music_files.scan(tmp_path / "nowhere")


def test_an_empty_folder_has_tables_with_all_columns(tmp_path):
    music = music_files.scan(tmp_path)
    assert tuple(music.files.columns) == music_files.COLUMNS and music.files.empty
    assert music_files.reasons(music.left_out).empty


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/cases")
def test_a_folder_of_compilations_has_one_artist():
    music = music_files.scan(CASES / "32-various-artists" / "music")
    assert set(music.files["artist"]) == {"Radiohead"}
    assert music_files.reasons(music.left_out)["files"].tolist() == [4]
