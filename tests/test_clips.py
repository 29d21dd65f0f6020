"""Clips: who is accepted, what passes the gate, and that neither faults nor kills change the result."""

import collections
import email.utils
import io
import os
import re
import time
import types
import wave
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
import soundfile
import tiny_world
from hostile_server import (
    NAMES,
    Clock,
    HostileServer,
    bomb,
    cut_short,
    drip,
    drip_headers,
    flood,
    redirect,
    reply,
)
from tiny_world import RATE, TinyWorld, collected, sound

from demo import catalogue_server
from lib.audio import sandbox
from lib.clips import available, gate, lists
from lib.clips import collect as clips_collect
from lib.clips.sources import limits, registry
from lib.clips.sources.faults import Unavailable
from lib.clips.sources.source import Candidate, Fetched, Source, Track

ORDER = ["spotify", "itunes", "deezer"]


class Shelf(Source):
    """A source from memory: artist's name → the bytes of its tracks, or what is raised for them."""

    def __init__(self, name, holdings, links=()):
        self.name, self._holdings, self._links = name, holdings, dict(links)
        self.fetched = []

    def candidates(self, artist):
        return [Candidate(f"{self.name}:{name}", name) for name in self._holdings]

    def linked(self, artist_id):
        return self._links.get(artist_id, [])

    def tracks(self, candidate):
        name = candidate.id.partition(":")[2]
        return [
            Track(f"{name}/{n}", f"Song {n} of {name} on {self.name}")
            for n in range(len(self._holdings[name]))
        ]

    def fetch(self, track):
        name, _, n = track.id.rpartition("/")
        content = self._holdings[name][int(n)]
        self.fetched.append(track.id)
        if isinstance(content, Exception):
            raise content
        return Fetched(content, "shelf", "2020-01-01T00:00:00+00:00")


def artists(*names):
    return pd.DataFrame({"artist_id": [f"id-{number}" for number in range(len(names))], "name": names})


def songs(first, n):
    return [sound(first + number) for number in range(n)]


def taken(found):
    """Artist → [(source, track)], which is all that may differ."""
    return {
        artist: list(zip(own["source"], own["source_track_id"], strict=True))
        for artist, own in found.clips.groupby("artist", sort=False)
    }


def collect(table, sources, folder, **options):
    return collected(table, sources, folder, **({"n_jobs": 2, "clips_per_artist": 2} | options))


# Who is accepted


@pytest.mark.parametrize(
    ("offered", "linked", "shared", "chosen", "because"),
    [
        (["Abba"], [], False, "Abba", "the only artist of this name"),
        (["ABBA Tribute", " aBBa", "Karaoke: Abba"], [], False, " aBBa", "the only artist of this name"),
        (["Abba Gold", "Abba (Karaoke)", "A.B.B.A."], [], False, None, "no artist of this name"),
        ([], [], False, None, "no artist of this name"),
        (
            ["Abba", "ABBA"],
            [],
            False,
            None,
            "several artists of this name in x, and no link of MusicBrainz tells which",
        ),
        (["Abba", "ABBA"], ["x:ABBA"], False, "ABBA", "linked by MusicBrainz"),
        (["Abba", "ABBA"], ["x:gone", "x:Abba"], False, "Abba", "linked by MusicBrainz"),
        (["Abba", "ABBA"], ["x:elsewhere"], False, "x:elsewhere", "linked by MusicBrainz"),
        (["Abba"], ["x:Abba"], True, "Abba", "linked by MusicBrainz"),
        (["Abba"], ["x:elsewhere"], True, "x:elsewhere", "linked by MusicBrainz"),
        (["Abba"], [], True, None, "several artists of this name in the listening data, and no link"),
        (["ID-0", "Abba"], [], True, "ID-0", "equal MBID"),
    ],
)
def test_only_an_equal_name_is_accepted_and_only_if_it_is_told_apart(
    offered, linked, shared, chosen, because
):
    source = Shelf("x", {name: [] for name in offered}, {"id-0": linked})
    choice = clips_collect.choose(types.SimpleNamespace(artist_id="id-0", name="Abba"), source, shared)
    assert choice.because.startswith(because)
    if chosen is None:
        assert choice.candidate is None
        assert [candidate.name for candidate in choice.rejected] == offered
    else:
        assert choice.candidate.id == (chosen if chosen.startswith("x:") else f"x:{chosen}")


def test_an_artist_without_a_name_is_nobody():
    source = Shelf("x", {" ": songs(200, 1)})
    assert clips_collect.choose(types.SimpleNamespace(artist_id="id-0", name=" "), source).candidate is None


# The gate


def float_wav(samples):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype="FLOAT")
    return file.getvalue()


def noise(value):
    samples = np.random.default_rng(0).normal(0, 0.1, 11 * RATE)
    samples[1234] = value
    return samples


@pytest.mark.parametrize(
    ("content", "objection"),
    [
        (sound(440), None),
        (sound(440, seconds=10), None),
        (sound(440, seconds=9.9), "9.9 s long, at least 10 s wanted"),
        (sound(440, level=0), "silent"),
        (sound(440, level=0.0005), "silent"),
        (sound(440, level=0.005), None),
        (float_wav(noise(np.nan)), "samples that are not finite"),
        (float_wav(noise(-np.inf)), "samples that are not finite"),
    ],
)
def test_the_gate_says_what_is_wrong(content, objection):
    assert gate.objection(gate.examine(content), min_seconds=10) == objection


def test_an_examination_holds_what_the_file_is():
    content = sound(440, level=0.5)
    examination = gate.examine(content)
    assert examination["seconds"] == tiny_world.SECONDS
    assert (examination["codec"], examination["sample_rate"], examination["channels"]) == ("wav", RATE, 1)
    assert examination["bytes"] == len(content)
    assert examination["peak"] == pytest.approx(0.5, abs=1e-3)
    assert examination["loudness"] == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.05)  # of a sine


def test_the_same_sound_in_another_file_is_known_again():
    plain = sound(440)
    file = io.BytesIO()
    with wave.open(io.BytesIO(plain)) as source, wave.open(file, "wb") as copy:
        copy.setparams(source.getparams())
        copy.writeframes(source.readframes(-1))
    other = file.getvalue() + b"LIST\4\0\0\0junk"
    assert gate.examine(other)["sha256"] != gate.examine(plain)["sha256"]
    assert gate.examine(other)["content"] == gate.examine(plain)["content"]
    assert gate.examine(sound(441))["content"] != gate.examine(plain)["content"]


def test_what_is_rejected_is_written_down_and_the_next_track_is_tried(tmp_path):
    bad = [
        b"<html>",
        sound(1, seconds=3),
        sound(1)[:-999],
        sound(1, level=0),
        b"",
        Unavailable("host is busy"),
    ]
    shelf = Shelf("x", {"Abba": [*bad, *songs(300, 2)], "Cher": songs(400, 2)})
    found = collect(artists("Abba", "Cher"), [shelf], tmp_path)
    assert taken(found)["Abba"] == [("x", "Abba/6"), ("x", "Abba/7")]
    (reason,) = found.missing["reason"]
    for number, word in enumerate(
        ["no sound file", "3.0 s long", "cut short", "silent", "is empty", "host is busy"]
    ):
        assert f"'Song {number} of Abba on x': " in reason
        assert word in reason


def test_an_examination_in_a_child_is_the_same(tmp_path):
    content = sound(440, seconds=40)
    (tmp_path / "clip.wav").write_bytes(content)
    for given in (content, tmp_path / "clip.wav"):
        assert gate.examine_apart(given) == gate.examine(given)


def boasting(kind):
    """A file whose header announces more sound than any memory holds."""
    opened = io.BytesIO()
    soundfile.write(opened, 0.1 * np.random.default_rng(0).normal(size=11 * RATE), RATE, format=kind)
    content = bytearray(opened.getvalue())
    if kind == "FLAC":  # its number of samples has 36 bits
        content[21:26] = bytes([content[21] | 0xF]) + b"\xff" * 4
    else:  # the number of frames stands behind the mark and four bytes of flags
        frames = content.find(b"Xing") + 8
        content[frames : frames + 4] = b"\x7f" + b"\xff" * 3
    return bytes(content)


@pytest.mark.parametrize("kind", ["FLAC", "MP3"])
def test_a_header_that_announces_more_than_any_memory_holds_is_one_clip_rejected(tmp_path, kind):
    shelf = Shelf("x", {"Abba": [boasting(kind), *songs(300, 2)], "Cher": songs(400, 2)})
    found = collect(artists("Abba", "Cher"), [shelf], tmp_path)
    assert taken(found)["Abba"] == [("x", "Abba/1"), ("x", "Abba/2")]
    (reason,) = found.missing["reason"]
    assert reason.startswith("2 of 2 clips; 'Song 0 of Abba on x': its header announces ")


def test_a_file_that_never_ends_is_one_clip_rejected(tmp_path, monkeypatch):
    """A pipe that nobody writes to stands for a decoder that hangs."""
    music(tmp_path / "music", "Abba", "Cher")
    pipe = tmp_path / "music/Abba/2.wav"
    pipe.touch()
    sources = registry.connect(["folder"], music_folder=str(tmp_path / "music"))
    pipe.unlink()
    os.mkfifo(pipe)
    gate.examine_apart(sound(440))  # a child is there before the clock runs
    monkeypatch.setattr(gate, "GATE_SECONDS", 1.0)
    found = collect(artists("Abba", "Cher"), sources, tmp_path, n_jobs=1)
    assert found.clips["artist"].tolist() == ["Abba", "Cher"]
    assert "'Abba/2': stopped after 1 s" in found.missing["reason"][0]


def test_a_file_that_crashes_the_decoder_is_one_clip_rejected(tmp_path, monkeypatch):
    shelf = Shelf("x", {"Abba": [b"bad", *songs(300, 2)], "Cher": songs(400, 2)})
    call = sandbox.call

    def told(function, path, whole, **limits):
        if Path(path).read_bytes() == b"bad":
            return call("tests.test_sandbox:crash", **limits)
        return call(function, path, whole, **limits)

    monkeypatch.setattr(sandbox, "call", told)
    found = collect(artists("Abba", "Cher"), [shelf], tmp_path)
    assert taken(found)["Abba"] == [("x", "Abba/1"), ("x", "Abba/2")]
    assert found.missing["reason"][0].endswith("'Song 0 of Abba on x': the decoder crashed (SIGSEGV)")


def test_a_copy_of_an_earlier_artists_clip_is_replaced(tmp_path):
    shared = sound(500)
    shelf = Shelf(
        "x", {"Abba": [shared, sound(501)], "Cher": [shared, sound(502), sound(503)], "Dido": [sound(503)]}
    )
    found = collect(artists("Abba", "Cher", "Dido"), [shelf], tmp_path)
    assert taken(found) == {
        "Abba": [("x", "Abba/0"), ("x", "Abba/1")],
        "Cher": [("x", "Cher/1"), ("x", "Cher/2")],
    }
    reasons = found.missing.set_index("artist")["reason"]
    assert reasons["Cher"] == "2 of 2 clips; 'Song 0 of Cher on x': the same sound as a clip of Abba"
    assert "the same sound as a clip of Cher" in reasons["Dido"]


def test_an_artist_does_not_get_the_same_sound_twice(tmp_path):
    shelf = Shelf("x", {"Abba": [sound(500), sound(500), sound(501)], "Cher": songs(510, 2)})
    assert taken(collect(artists("Abba", "Cher"), [shelf], tmp_path))["Abba"] == [
        ("x", "Abba/0"),
        ("x", "Abba/2"),
    ]


# Filling up


def test_the_next_source_fills_up_and_is_not_asked_where_there_is_enough(tmp_path):
    first = Shelf("first", {"Abba": songs(200, 3), "Cher": songs(210, 1)})
    second = Shelf("second", {"Abba": songs(220, 2), "Cher": songs(230, 2), "Dido": songs(240, 1)})
    found = collect(artists("Abba", "Cher", "Dido", "Enya"), [first, second], tmp_path)
    assert taken(found) == {
        "Abba": [("first", "Abba/0"), ("first", "Abba/1")],
        "Cher": [("first", "Cher/0"), ("second", "Cher/0")],
        "Dido": [("second", "Dido/0")],
    }
    assert sorted(second.fetched) == ["Cher/0", "Dido/0"]
    assert found.clips["clip_id"].str.endswith(("-0", "-1")).all()
    assert found.clips["clip_id"].is_unique
    assert found.missing[["artist", "source"]].to_numpy().tolist() == [
        ["Cher", "first"],
        ["Dido", "first"],
        ["Dido", "second"],
        ["Enya", "first"],
        ["Enya", "second"],
    ]


def test_a_song_that_two_sources_have_is_taken_once(tmp_path):
    class SameTitles(Shelf):
        def tracks(self, candidate):
            return [
                Track(track.id, track.title.partition(" of")[0].upper())
                for track in super().tracks(candidate)
            ]

    first = SameTitles("first", {"Abba": songs(200, 1), "Cher": songs(210, 2)})
    second = SameTitles("second", {"Abba": songs(220, 2)})
    found = collect(artists("Abba", "Cher"), [first, second], tmp_path)
    assert taken(found)["Abba"] == [("first", "Abba/0"), ("second", "Abba/1")]


def test_the_summary_counts_what_came_from_where(tmp_path):
    first = Shelf("first", {"Abba": songs(200, 2), "Cher": songs(210, 1)})
    second = Shelf("second", {"Cher": songs(230, 1)}, {"id-1": ["second:Cher"]})
    found = collect(artists("Abba", "Cher", "Enya", "Dido"), [first, second], tmp_path)
    summary = clips_collect.summary(found.clips, ["first", "second"], 4).set_index(["source", "quantity"])[
        "value"
    ]
    assert summary["first", "clips"] == 3
    assert summary["second", "artists"] == 1
    assert summary["all", "missing_artists"] == 2
    assert summary["all", "missing_share"] == 0.5
    assert summary["all", "fallback_share"] == 0.25


def test_every_gap_is_counted_and_the_artists_without_a_clip_are_named(tmp_path):
    names = [f"Nobody {number:02}" for number in range(lists.NAMED + 2)]
    wanted = artists("Abba", "Cher", *names).assign(listeners=[90, 70, *[5] * len(names)])
    first = Shelf("first", {"Abba": songs(200, 3), "Cher": songs(210, 1), "Nobody": songs(220, 1)})
    found = collect(wanted, [first], tmp_path)
    counted = lists.reasons(found.missing, found.clips)
    assert counted["artists"].sum() == len(found.missing) == len(names) + 1
    assert counted["without any clip"].sum() == len(names)
    summary = clips_collect.summary(found.clips, ["first"], len(wanted))
    sentences = lists.outcome(summary, found.clips, found.missing, wanted)
    assert sentences[0] == "2 of the 14 artists have clips, 3 in all; 1 of them have the most clips, 2."
    lost, listeners = sentences[-2:]
    assert (
        lost.startswith("12 of the artists have no clip") and f"{names[9]} and 2 more (missing.tsv)" in lost
    )
    assert listeners == "The median number of listeners is 5 for them and 80 for those with clips."


def test_tables_are_as_they_are_read_again(tmp_path):
    name = 'A/../C & "D"\t🎸\n'
    found = collect(
        artists(name, "Cher", "Enya"), [Shelf("x", {name: songs(200, 2), "Cher": songs(210, 1)})], tmp_path
    )
    assert list(found.clips.columns) == list(clips_collect.COLUMNS)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "clips.parquet"), found.clips)
    missing = pd.read_csv(tmp_path / "missing.tsv", sep="\t", dtype="str", keep_default_na=False)
    pd.testing.assert_frame_equal(missing, found.missing)
    assert tuple(found.retrievals.columns) == clips_collect.RETRIEVALS
    assert found.retrievals["clip_id"].tolist() == found.clips["clip_id"].tolist()
    for row in found.clips.itertuples():
        assert (tmp_path / row.file).stat().st_size == row.bytes
    assert {path.name for path in tmp_path.iterdir()} == {
        "clips",
        "clips.parquet",
        "missing.tsv",
        "retrievals.tsv",
    }


def test_a_clip_comes_with_the_album_where_its_source_names_one(tmp_path):
    class Albums(Shelf):
        def tracks(self, candidate):
            first, *others = super().tracks(candidate)
            return [Track(first.id, first.title, "Early Songs"), *others]

    found = collect(
        artists("Abba", "Cher"), [Albums("x", {"Abba": songs(200, 2), "Cher": songs(210, 1)})], tmp_path
    )
    assert pd.read_parquet(tmp_path / "clips.parquet")["album"].tolist() == ["Early Songs", "", "Early Songs"]
    assert found.clips["album"].tolist() == ["Early Songs", "", "Early Songs"]


def test_files_of_an_earlier_run_do_not_stay(tmp_path):
    holdings = {"Abba": songs(200, 3), "Cher": songs(210, 3)}
    collect(artists("Abba", "Cher"), [Shelf("x", holdings)], tmp_path, clips_per_artist=3)
    (tmp_path / "clips/mine.txt").write_text("not ours to remove")
    found = collect(artists("Abba", "Cher"), [Shelf("x", holdings)], tmp_path, clips_per_artist=1)
    assert {path.name for path in (tmp_path / "clips").iterdir()} == {
        *(found.clips["file"].str[6:]),
        "mine.txt",
    }


def test_the_result_does_not_depend_on_the_number_of_threads(tmp_path):
    names = [f"Artist {number}" for number in range(12)]
    shared = sound(999)
    holdings = {name: [shared, *songs(1_000 + 10 * number, 3)] for number, name in enumerate(names)}
    one = collect(artists(*names), [Shelf("x", holdings)], tmp_path / "one", n_jobs=1)
    many = collect(artists(*names), [Shelf("x", holdings)], tmp_path / "many", n_jobs=6)
    pd.testing.assert_frame_equal(one.clips, many.clips)
    pd.testing.assert_frame_equal(one.missing, many.missing)
    first, second = ((tmp_path / run / "clips.parquet").read_bytes() for run in ("one", "many"))
    assert first == second


@pytest.mark.parametrize("holdings", [{}, {"Abba": [b"text"]}, {"Abba": songs(200, 2)}])
def test_with_fewer_than_two_artists_nothing_is_written(tmp_path, holdings):
    with pytest.raises(
        ValueError, match=r"of 2 artists got a clip, at least 2 are needed(.|\n)*Cher in x: 0 of 2"
    ):
        collect(artists("Abba", "Cher"), [Shelf("x", holdings)], tmp_path)
    assert not list(tmp_path.glob("*.*"))


def test_an_artist_that_occurs_twice_is_an_error(tmp_path):
    table = pd.concat([artists("Abba"), artists("Cher")])
    with pytest.raises(ValueError, match="'id-0' occurs more than once"):
        collect(table, [Shelf("x", {})], tmp_path)


# One's own music


def test_own_files_stay_where_they_are_and_only_their_middle_is_heard(tmp_path):
    music = tmp_path / "music"
    for artist, pitch in (("Abba", 200), ("Cher", 300)):
        (music / artist).mkdir(parents=True)
        (music / artist / "1.wav").write_bytes(sound(pitch, seconds=40))
        (music / artist / "2.mp3").write_bytes(b"lyrics, not music")
        (music / artist / "3.flac").write_bytes(sound(pitch + 1, format="FLAC"))
    sources = registry.connect(["folder"], music_folder=str(music))
    found = collect(artists("abba", "CHER", "Enya"), sources, tmp_path / "data", clips_per_artist=3)
    own = [str(path) for path in music.rglob("*") if path.suffix in (".wav", ".flac")]
    assert sorted(found.clips["file"]) == sorted(own)
    assert found.clips.set_index("file")["seconds"][str(music / "Abba/1.wav")] == 40
    assert not (tmp_path / "data/clips").exists()
    assert "no sound file of a kind that is read here, whatever its name says" in found.missing["reason"][0]


def music(root, *names):
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        (root / name / "1.wav").write_bytes(sound(200 + number))
    return registry.connect(["folder"], music_folder=str(root))


def test_of_artists_who_share_a_name_only_the_first_gets_what_the_folder_has(tmp_path):
    sources = music(tmp_path / "music", "Nirvana", "Cher")
    found = collect(artists("Nirvana", "Cher", "NIRVANA"), sources, tmp_path, clips_per_artist=1)
    assert found.clips["artist_id"].tolist() == ["id-0", "id-1"]
    assert found.missing[["artist_id", "reason"]].to_numpy().tolist() == [
        ["id-2", "0 of 1 clips; ambiguous: an artist before this one has the same name"]
    ]


def test_artists_have_music_by_the_rule_by_which_they_then_get_clips(tmp_path):
    sources = music(tmp_path / "music", "Nirvana", "Cher", "CHER", "Dido")
    table = artists("nirvana", "Cher", "Nirvana", "Enya", "ENYA")
    with_music = available.of_plays(table, {source.name: source.offers() for source in sources})
    found = collect(table, sources, tmp_path)
    assert found.clips["artist_id"].unique().tolist() == with_music.artist_ids
    reasons = found.missing.set_index("artist_id")["reason"]
    assert "ambiguous" in reasons["id-2"]
    assert "no artist of this name" in reasons["id-3"] and "no artist of this name" in reasons["id-4"]


# Over HTTP: the demo's catalogues, faults, kills


@pytest.fixture(scope="module")
def served():
    with catalogue_server.serve(TinyWorld(), render=tiny_world.beep, n_workers=1) as server:
        yield server


def connect(server, cache):
    return registry.connect(ORDER, cache=cache, addresses=server.addresses)


def test_the_demo_catalogues_give_each_artist_its_own(served, tmp_path):
    table = tiny_world.table(TinyWorld())
    found = collected(table, connect(served, tmp_path / "answers"), tmp_path, n_jobs=4)
    by_artist = found.clips.groupby("artist_id")
    assert by_artist["source"].unique().map(list).to_dict() == {
        tiny_world.mbid(1): ["spotify"],
        tiny_world.mbid(2): ["itunes"],
        tiny_world.mbid(4): ["spotify"],
        tiny_world.mbid(5): ["spotify"],
        tiny_world.mbid(6): ["deezer"],
    }
    for artist_id, own in by_artist:
        assert own["title"].str.endswith(f"of {int(artist_id[:8])}").all()
    assert by_artist.size().tolist() == [3, 3, 3, 3, 2]
    again = len(served.requests)
    repeated = collected(table, connect(served, tmp_path / "answers"), tmp_path, n_jobs=4)
    assert len(served.requests) == again
    pd.testing.assert_frame_equal(repeated.clips, found.clips)
    pd.testing.assert_frame_equal(repeated.retrievals, found.retrievals)


def test_after_a_kill_nothing_that_succeeded_is_asked_again(served, tmp_path, monkeypatch):
    table = tiny_world.table(TinyWorld())
    whole = collected(table, connect(served, tmp_path / "x"), tmp_path / "whole", n_jobs=1)
    begin = len(served.requests)
    examine, calls = gate.examine_apart, []

    def killed(content):
        calls.append(content)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return examine(content)

    monkeypatch.setattr(gate, "examine_apart", killed)
    with pytest.raises(KeyboardInterrupt):
        collected(table, connect(served, tmp_path / "y"), tmp_path / "resumed", n_jobs=1)
    assert not (tmp_path / "resumed/clips.parquet").exists()
    resumed = collected(table, connect(served, tmp_path / "y"), tmp_path / "resumed", n_jobs=1)
    pd.testing.assert_frame_equal(resumed.clips, whole.clips)
    asked = collections.Counter(path.partition("?hdnea")[0] for path in served.requests[begin:])
    twice = {path for path, n in asked.items() if n > 1}
    assert len(calls) == len(whole.clips) + 1
    assert {path.split("/")[1].partition("?")[0] for path in twice} <= {"spotify_accounts", "preview"}
    assert sum(path.startswith("/preview") for path in twice) == 1  # the one whose clip was being examined


def test_a_damaged_clip_on_disk_is_fetched_again(served, tmp_path):
    table = tiny_world.table(TinyWorld())
    found = collected(table, connect(served, tmp_path / "answers"), tmp_path, n_jobs=2)
    path = tmp_path / found.clips["file"][0]
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    again = collected(table, connect(served, tmp_path / "answers"), tmp_path, n_jobs=2)
    assert path.read_bytes() == content
    pd.testing.assert_frame_equal(again.clips, found.clips)


def deezer(server, names=("Abba", "Cher")):
    """Artists of three tracks each on Deezer: path → answer."""
    script, found = {}, [{"id": 9, "name": f"{names[0]} Karaoke"}]
    for artist, name in enumerate(names, start=1):
        rows = [
            {
                "id": 10 * artist + n,
                "title": f"Song {n} of {name}",
                "preview": f"{server.address}/clip/{10 * artist + n}?hdnea=SECRET",
                "artist": {"id": artist},
                "album": {"title": "One"},
            }
            for n in range(3)
        ]
        found.append({"id": artist, "name": name})
        script[f"/deezer/artist/{artist}/top"] = reply({"data": rows})
        for row in rows:
            script[f"/deezer/track/{row['id']}"] = reply(row)
            script[f"/clip/{row['id']}"] = reply(sound(10 * row["id"]))
    return script | {"/deezer/search/artist": reply({"data": found})}


def itunes(server):
    """The same two artists on iTunes."""
    songs = [
        {
            "wrapperType": "track",
            "kind": "song",
            "artistId": artist,
            "artistName": name,
            "trackId": 10 * artist + n,
            "trackName": f"Song {n} of {name}",
            "previewUrl": f"{server.address}/clip/{10 * artist + n}",
        }
        for artist, name in enumerate(("Abba", "Cher"), start=1)
        for n in range(3)
    ]
    clips_served = {f"/clip/{song['trackId']}": reply(sound(10 * song["trackId"])) for song in songs}
    return clips_served | {"/itunes/search": reply({"resultCount": len(songs), "results": songs})}


def patient(server, source, cache, **options):
    """A source on a server, whose waiting takes no time."""
    clock = Clock()
    addresses = {key: f"{server.address}/{key}" for key in registry.ADDRESSES}
    limiter = limits.Limiter({}, clock=clock, sleep=clock.sleep)
    return registry.connect([source], addresses=addresses, cache=cache, http={"limiter": limiter} | options)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """What is found where nothing goes wrong: source → clips."""
    found = {}
    for source, catalogue in (("deezer", deezer), ("itunes", itunes)):
        folder = tmp_path_factory.mktemp(source)
        with HostileServer() as server:
            server.script = {path: [answer] for path, answer in catalogue(server).items()}
            found[source] = collect(artists("Abba", "Cher"), patient(server, source, None), folder).clips
        assert found[source]["source_track_id"].tolist() == ["10", "11", "20", "21"]
    return found


FAULTS = {  # the first answer to every path that begins so
    "429, wait 0 s": ("/", reply(status=429, Retry_After="0")),
    "429, wait 7 s": ("/", reply(status=429, Retry_After="7")),
    "429, wait until a date": (
        "/",
        lambda _: reply(status=429, Retry_After=email.utils.formatdate(time.time() + 5)),
    ),
    "429, wait nonsense": ("/", reply(status=429, Retry_After="soon, +99999999999999999999")),
    "500": ("/", reply(status=500)),
    "503": ("/", reply(status=503)),
    "empty": ("/", reply(b"")),
    "cut short": ("/", cut_short(b'{"data": []')),
    "HTML": ("/deezer", reply(b"<html>later</html>")),
    "half JSON": ("/deezer", reply(b'{"data": [{"id": 1, "na')),
    "null": ("/deezer", reply(b"null")),
    "Deezer's quota": ("/deezer", reply({"error": {"code": 4}})),
    "Deezer busy": ("/deezer", reply({"error": {"code": 700}})),
    "expired": ("/clip", reply(status=403)),
    "gone": ("/clip", reply(status=404)),
    "dripping": ("/clip", lambda _: drip(bytes(1_000))),
    "dripping headers": ("/clip", lambda _: drip_headers()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_leaves_the_same_manifest(tmp_path, manifest, fault):
    where, bad = FAULTS[fault]
    with HostileServer() as server:
        server.script = {
            path: [bad, answer] if path.startswith(where) else [answer]
            for path, answer in deezer(server).items()
        }
        sources = patient(server, "deezer", tmp_path / "answers", deadline=1.0 if "drip" in fault else 60)
        found = collect(artists("Abba", "Cher"), sources, tmp_path)
    pd.testing.assert_frame_equal(found.clips, manifest["deezer"])
    assert found.missing.empty
    written = b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.suffix in (".json", ".tsv", ".parquet")
    )
    assert b"SECRET" not in written


@pytest.mark.parametrize("body", [b"", b'{"errorMessage": "later"}'])
def test_apples_403_leaves_the_same_manifest(tmp_path, manifest, body):
    with HostileServer() as server:
        server.script = {path: [reply(body, 403), answer] for path, answer in itunes(server).items()}
        found = collect(artists("Abba", "Cher"), patient(server, "itunes", tmp_path / "answers"), tmp_path)
    pd.testing.assert_frame_equal(found.clips, manifest["itunes"])
    assert found.missing.empty


STAYING = {  # for ever instead of one of Abba's clips, and what is said of it
    "HTML": (reply(b"<html>gone</html>"), "no sound file"),
    "403": (reply(status=403), "refused"),
    "404": (reply(status=404), "no such file"),
    "500": (reply(status=500), "HTTP 500"),
    "empty": (reply(b""), "empty file"),
    "half": (reply(sound(100)[:-999]), "cut short"),
    "cut short": (cut_short(sound(100)), "broke off"),
    "gzip bomb": (bomb(50_000_000), "sent more than"),
    "a gigabyte": (lambda _: flood(2**30, announced=True), "announced more than"),
    "a gigabyte unannounced": (lambda _: flood(2**30, announced=False), "sent more than"),
    "a part": (reply(sound(100)[:99], status=206), "HTTP 206"),
    "to another host": (redirect("https://example.org/clip"), "led to https://example.org"),
    "to a file": (redirect("file:///etc/hostname"), "led to file://"),
    "in circles": (redirect("/clip/10"), "redirects more than"),
    "dripping": (lambda _: drip(bytes(1_000)), "took more than"),
    "dripping headers": (lambda _: drip_headers(), "took more than"),
}


@pytest.mark.parametrize("fault", STAYING)
def test_a_clip_that_cannot_be_had_is_named_and_the_next_one_taken(tmp_path, manifest, fault):
    bad, said = STAYING[fault]
    with HostileServer() as server:
        server.script = {path: [answer] for path, answer in deezer(server).items()} | {"/clip/10": [bad]}
        options = {"deadline": 1.0, "patience": 0.0} if "drip" in fault else {}
        found = collect(artists("Abba", "Cher"), patient(server, "deezer", None, **options), tmp_path)
    assert taken(found) == {
        "Abba": [("deezer", "11"), ("deezer", "12")],
        "Cher": [("deezer", "20"), ("deezer", "21")],
    }
    pd.testing.assert_frame_equal(found.clips.iloc[2:], manifest["deezer"].iloc[2:])
    (reason,) = found.missing["reason"]
    assert reason.startswith("2 of 2 clips; 'Song 0 of Abba': ")
    assert said in reason


@pytest.mark.parametrize("preview", ["", None, 7, {}, "file:///etc/hostname", "https://example.org/x.mp3"])
def test_a_preview_that_leads_nowhere_is_named_and_the_next_one_taken(tmp_path, preview):
    with HostileServer() as server:
        server.script = {path: [answer] for path, answer in deezer(server).items()}
        server.script["/deezer/track/10"] = [reply({"id": 10, "preview": preview})]
        found = collect(artists("Abba", "Cher"), patient(server, "deezer", None), tmp_path)
        assert "/clip/10" not in "".join(server.paths)
    assert taken(found)["Abba"] == [("deezer", "11"), ("deezer", "12")]
    assert found.missing["reason"].str.startswith("2 of 2 clips; 'Song 0 of Abba': ").tolist() == [True]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_leaves_the_same_manifest(tmp_path, manifest, name):
    with HostileServer() as server:
        server.script = {path: [answer] for path, answer in deezer(server, (name, "Cher")).items()}
        found = collect(
            artists(name, "Cher"), patient(server, "deezer", tmp_path / "answers"), tmp_path / "clips of it"
        )
        asked = [parse_qs(urlsplit(path).query).get("q") for path in server.paths]
    assert asked.count([name]) == 1
    named = ["artist", "title", "matched_name"]
    pd.testing.assert_frame_equal(found.clips.drop(columns=named), manifest["deezer"].drop(columns=named))
    assert found.clips["matched_name"].tolist() == [name] * 2 + ["Cher"] * 2
    assert found.clips["title"][0] == f"Song 0 of {name}"
    written = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    ours = r"answers/deezer/[0-9a-f]{40}\.json|clips of it/(clips/[0-9a-f]{16}\.wav|[a-z]+\.(tsv|parquet))"
    assert [path for path in written if not re.fullmatch(ours, path)] == []
    assert len(written) == 2 + 2 + 4 + 4 + 3  # searches, lists of tracks, examinations, clips, tables
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "clips of it/clips.parquet"), found.clips)


def test_half_a_character_in_a_title_stops_nothing(tmp_path):
    with HostileServer() as server:
        server.script = {path: [answer] for path, answer in deezer(server, ("Abba \ud83d", "Cher")).items()}
        found = collect(artists("Abba ?", "Cher"), patient(server, "deezer", tmp_path / "answers"), tmp_path)
    assert found.clips["title"].tolist()[:2] == ["Song 0 of Abba ?", "Song 1 of Abba ?"]


def test_faults_that_stay_are_named_and_not_taken_for_no_clips(tmp_path):
    with HostileServer() as server:
        fine = {path: [answer] for path, answer in deezer(server).items()}
        server.script = fine | {"/deezer/artist/1/top": [reply(status=429, Retry_After="86400")]}

        def run():
            sources = patient(server, "deezer", tmp_path / "answers")
            return collect(artists("Cher", "Abba"), sources, tmp_path, n_jobs=1)

        with pytest.raises(ValueError, match="Abba in deezer: 0 of 2 clips; .*asked to wait 86400 s"):
            run()
        server.script = fine
        assert set(taken(run())) == {"Abba", "Cher"}
