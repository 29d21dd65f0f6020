"""A person's own music: tracks, neighbours, map and playlists, on small folders of synthetic files."""

import os
import subprocess
import sys
import urllib.parse
from types import SimpleNamespace

import mutagen
import numpy as np
import pandas as pd
import pytest
import soundfile

import run_all
from lib.beyond import similar_artists
from lib.beyond.factor_models import FactorSum
from lib.cli import library, library_model
from lib.library import describe, features, neighbours, playlists, tracks
from lib.spectrograms import picture
from lib.workflow import paths

RATE = 8_000
AWKWARD = [
    "a, b.wav",
    "#1.wav",
    "line\nbreak.wav",
    os.fsdecode(b"caf\xe9.wav"),
    "100%41.wav",
    "http:x.wav",
    "ö ☃.wav",
]


def write(path, hertz, *, seconds=2.0, artist="", title="", seed=0):
    """A noisy tone with its overtones; FLAC where it has tags."""
    moments = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng([seed, int(hertz)]).standard_normal(len(moments))
    samples = sum(0.2 / k * np.sin(2 * np.pi * k * hertz * moments) for k in (1, 2, 3)) + 0.01 * noise
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:  # libsndfile takes no name that is not UTF-8
        soundfile.write(file, samples, RATE, format="FLAC" if artist else "WAV")
    if artist:
        tagged = mutagen.File(path)
        tagged["ARTIST"], tagged["TITLE"] = artist, title
        tagged.save()


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """Results of these tests outside the checkout."""
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path / "data"))


@pytest.fixture
def music(tmp_path):
    """Ten tracks: two artists of low and two of high tones, and two files that name nobody."""
    folder = tmp_path / "Music"
    for name, hertz in {"Low One": 100, "Low Two": 110, "High One": 1500, "High Two": 1600}.items():
        for k in range(2):
            write(folder / name / f"{k}.flac", hertz + 3 * k, artist=name, title=f"{name} {k}")
    write(folder / "loose.wav", 105)
    write(folder / "Various Artists" / "other.wav", 1550)
    (folder / "cover.jpg").write_bytes(b"")
    return folder


def given(music, **options):
    defaults = {"playlist": None, "length": None, "model": None, "excerpts": None, "dask": None}
    return SimpleNamespace(library=str(music), **defaults | options)


def stored(music):
    """All files of the results, by name."""
    folder = library.results(music)
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }


def parsed(file):
    """What a player opens: (seconds, label, path) of each entry of an extended M3U."""
    first, *lines = file.read_bytes().decode("utf-8").split("\n")
    assert first == "#EXTM3U" and lines.pop() == ""
    entries = []
    for info, address in zip(lines[::2], lines[1::2], strict=True):
        assert info.startswith("#EXTINF:") and not address.startswith("#")
        seconds, _, label = info.removeprefix("#EXTINF:").partition(",")
        if address.startswith("file://"):
            path = os.fsdecode(urllib.parse.unquote_to_bytes(address.removeprefix("file://")))
        else:
            path = os.path.join(file.parent, address)
        entries.append((int(seconds), label, path))
    return entries


def test_a_folder_becomes_a_table_neighbours_and_a_map(music, capsys):
    assert library.main(given(music)) == 0
    printed, folder = capsys.readouterr().out, library.results(music)
    assert "10 tracks of 4 artists: 10 new" in printed
    assert "figures/real/library_features.csv" in printed and "real dev data" in printed
    table = pd.read_parquet(folder / "tracks.parquet")
    assert len(table) == 10 and (table["artist"] == "").sum() == 2
    assert table["seconds"].round(1).eq(2).all()
    np.testing.assert_allclose(np.linalg.norm(np.stack(table["vector"]), axis=1), 1, atol=1e-5)
    near = pd.read_csv(folder / "nearest_artists.csv")
    first = near[near["rank"] == 1].set_index("artist")["near_artist"]
    assert first.to_dict() == {
        "Low One": "Low Two",
        "Low Two": "Low One",
        "High One": "High Two",
        "High Two": "High One",
    }
    assert pd.read_csv(folder / "left_out.tsv", sep="\t")["path"].tolist() == ["cover.jpg"]
    places = pd.read_csv(folder / "map.csv")
    assert places[["x", "y"]].abs().to_numpy().max() <= 1 and (folder / "map.png").stat().st_size


def test_two_runs_and_one_two_workers_write_the_same_bytes(music, tmp_path, monkeypatch):
    library.main(given(music))
    first = stored(music)
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    library.main(given(music))
    assert stored(music) == first
    library.main(given(music))
    assert stored(music) == first


def test_a_second_run_decodes_only_what_is_new_or_changed(music, monkeypatch, capsys):
    library.main(given(music))
    before = pd.read_parquet(library.results(music) / "tracks.parquet")
    decoded, really = [], describe.sandbox.call

    def call(function, path, *arguments, **limits):
        if function.startswith("lib.library"):
            decoded.append(os.path.relpath(path, music))
        return really(function, path, *arguments, **limits)

    monkeypatch.setattr(describe.sandbox, "call", call)
    os.utime(music / "loose.wav", ns=(1, 1))  # touched, the same sound
    (music / "Low One" / "0.flac").rename(music / "Low One" / "renamed.flac")
    (music / "Low Two" / "0.flac").unlink()
    write(music / "High One" / "new.flac", 1700, artist="High One", title="New")
    write(music / "Various Artists" / "other.wav", 1400)
    capsys.readouterr()
    assert library.main(given(music)) == 0
    assert sorted(decoded) == ["High One/new.flac", "Various Artists/other.wav"]
    assert "10 tracks of 4 artists: 2 new, 2 changed, 2 gone" in capsys.readouterr().out
    after = pd.read_parquet(library.results(music) / "tracks.parquet")
    assert set(after["path"]) - set(before["path"]) == {"Low One/renamed.flac", "High One/new.flac"}
    assert len(pd.read_parquet(library.results(music) / "features.parquet")) == 10


def test_a_file_that_cannot_be_read_is_listed_and_not_tried_again(music, monkeypatch, capsys):
    (music / "Low One" / "broken.flac").write_bytes(b"fLaC" + bytes(100))
    assert library.main(given(music)) == 0
    failures = pd.read_csv(library.results(music) / "failures.tsv", sep="\t")
    assert failures["path"].tolist() == ["Low One/broken.flac"] and failures["reason"].str.len().min() > 5
    monkeypatch.setattr(describe, "track", lambda *_: pytest.fail("tried again"))
    assert library.main(given(music)) == 0
    assert "1 unreadable as before" in capsys.readouterr().out


def test_a_run_that_is_interrupted_leaves_whole_files_and_goes_on(music, monkeypatch, capsys):
    really, done = describe.track, []

    def track(path, *arguments):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(path)
        return really(path, *arguments)

    monkeypatch.setattr(describe, "track", track)
    monkeypatch.setattr(tracks, "BLOCK", 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with pytest.raises(KeyboardInterrupt):
        library.main(given(music))
    left = [name for name in stored(music) if name != "left_out.tsv"]
    assert len(left) == 2 and all(name.startswith("features.parts/") for name in left)
    monkeypatch.setattr(describe, "track", really)
    capsys.readouterr()
    assert library.main(given(music)) == 0
    assert "10 tracks of 4 artists: 6 new" in capsys.readouterr().out
    assert not [name for name in stored(music) if "partial" in name or "parts" in name]


def test_a_damaged_block_is_computed_again(music):
    library.main(given(music))
    folder = library.results(music)
    (folder / "features.parquet").write_bytes(b"PAR1 cut short")
    assert library.main(given(music)) == 0
    assert len(tracks.load(folder).tracks) == 10


def test_a_playlist_begins_with_the_track_and_opens(music, capsys):
    assert library.main(given(music, playlist="low one - low one 1", length=5)) == 0
    (file,) = (library.results(music) / "playlists").glob("*.m3u8")
    entries = parsed(file)
    assert [os.path.exists(path) for _, _, path in entries] == [True] * 5
    assert entries[0][:2] == (2, "Low One - Low One 1")
    assert {label.split(" ")[0] for _, label, _ in entries[:4]} <= {"Low", "loose"}
    assert all(not os.path.isabs(line) for line in file.read_text().splitlines()[2::2])
    listed = pd.read_csv(file.with_suffix(".csv"))
    assert listed["similarity"].iloc[0] == 1 and listed["similarity"].is_monotonic_decreasing


def test_names_that_are_hard_to_write_down_can_be_opened(tmp_path):
    folder = tmp_path / "odd, # ☃"
    for place, name in enumerate(AWKWARD):
        write(folder / name, 200 + 150 * place)
    assert library.main(given(folder, playlist="#1.wav")) == 0
    (file,) = (library.results(folder) / "playlists").glob("*.m3u8")
    entries = parsed(file)
    assert sorted(os.path.basename(path) for _, _, path in entries) == sorted(AWKWARD)
    assert all(os.path.exists(path) for _, _, path in entries)
    addresses = [line for line in file.read_text().splitlines() if line.startswith("file:")]
    assert len(addresses) == 2  # of the line break, and of the bytes that are no UTF-8
    assert len(pd.read_csv(library.results(folder) / "map.csv")) == len(AWKWARD)


def test_results_that_an_interrupted_run_did_not_write_are_written_by_the_next(music, monkeypatch, capsys):
    library.main(given(music))
    write(music / "New" / "n.flac", 300, artist="New", title="n")
    monkeypatch.setattr(library, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        library.main(given(music))
    monkeypatch.undo()
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(music.parent / "data"))
    assert library.main(given(music)) == 0
    assert "Nothing has changed" not in capsys.readouterr().out.partition("0 new")[2]
    assert "New" in set(pd.read_csv(library.results(music) / "nearest_tracks.csv")["artist"])


def test_a_playlist_of_an_earlier_run_leaves_out_what_is_gone(music, capsys):
    library.main(given(music))
    (music / "Low One" / "1.flac").unlink()
    assert library.main(given(music, playlist="Low Two")) == 0
    assert "1 of its files are gone and left out" in capsys.readouterr().out
    (file,) = (library.results(music) / "playlists").glob("*.m3u8")
    assert all(os.path.exists(path) for _, _, path in parsed(file))


def test_a_file_that_could_not_be_opened_is_tried_again(music, monkeypatch, capsys):
    monkeypatch.setattr(describe.artifacts, "sha256", fails_for("loose.wav", describe.artifacts.sha256))
    library.main(given(music))
    assert "1 unreadable: 1 cannot be read" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(music.parent / "data"))
    assert library.main(given(music)) == 0
    assert len(tracks.load(library.results(music)).tracks) == 10


def fails_for(name, function):
    def called(path):
        if os.path.basename(path) == name:
            raise OSError(5, "Input/output error")
        return function(path)

    return called


def test_spellings_of_one_artist_are_one_and_listed(tmp_path, capsys):
    folder = tmp_path / "Music"
    for place, name in enumerate(
        ["AC_DC/a", "AC-DC/b", "AC_DC/c", "Bjo\u0308rk/d", "Bj\u00f6rk/e", "+_-/f", "And/g"]
    ):
        write(folder / f"{name}.wav", 200 + 90 * place)
    write(folder / ("new\nline " + "x" * 200) / "h.wav", 1000)
    assert library.main(given(folder)) == 0
    printed, results = capsys.readouterr().out, library.results(folder)
    assert "8 tracks of 5 artists" in printed
    assert (
        "1 artist is spelt in several ways, each taken for one artist: such as 'AC-DC' for 'AC_DC'" in printed
    )
    spelt = pd.read_csv(results / "spellings.tsv", sep="\t").to_numpy().tolist()
    assert spelt == [["AC_DC", "AC-DC", 1]]
    artists = set(pd.read_csv(results / "map.csv")["artist"])
    assert artists == {"AC_DC", "Bj\u00f6rk", "+_-", "And", "new line " + "x" * 200}


def test_playlists_of_different_names_are_different_files(tmp_path):
    folder = tmp_path / "Music"
    for place, name in enumerate(["!!!/a", "+_-/b", "Air/c"]):
        write(folder / f"{name}.wav", 200 + 90 * place)
    write(folder / "Air.wav", 900)
    for wanted in ("!!!", "+/-", "Air", "Air.wav"):
        assert library.main(given(folder, playlist=wanted)) == 0
    assert len(list((library.results(folder) / "playlists").glob("*.m3u8"))) == 4


def vectors_of(*rows):
    values = np.array(rows, dtype=np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def table_of(rows):
    """A table of (artist, title), each its own recording."""
    return pd.DataFrame(
        {
            "path": [f"{place}.mp3" for place in range(len(rows))],
            "artist": [artist for artist, _ in rows],
            "title": [title for _, title in rows],
            "album": "",
            "seconds": 200.0,
            "fingerprint": [
                np.random.default_rng(place).integers(0, 256, size_of_print(), dtype=np.uint8).tobytes()
                for place in range(len(rows))
            ],
        }
    )


def size_of_print():
    clip = np.random.default_rng(0).random((picture.N_FRAMES, picture.N_MELS), dtype=np.float32)
    return describe.copies.fingerprint(clip).nbytes


def test_an_artist_has_at_most_three_tracks_of_a_list_and_a_third_of_its_own():
    rows = (
        [("Abba", f"a{k}") for k in range(20)]
        + [("Beck", f"b{k}") for k in range(9)]
        + [("", "x"), ("", "y")]
    )
    table = table_of(rows)
    angles = np.linspace(0, 1, len(rows))
    whole = tracks.Library(table, vectors_of(*np.stack([np.cos(angles), np.sin(angles)], axis=1)))
    by_track = playlists.choose(whole, playlists.find("a0", table), length=12)
    assert by_track["artist"].value_counts().to_dict() == {"Abba": 3, "Beck": 3, "": 2}
    assert by_track["title"].tolist()[:3] == ["a0", "a1", "a2"]
    by_artist = playlists.choose(whole, playlists.find("abba", table), length=12)
    assert by_artist["artist"].value_counts().to_dict() == {"Abba": 4, "Beck": 3, "": 2}


def test_the_same_recording_comes_once():
    table = table_of([("Abba", "SOS"), ("ABBA", "SOS"), ("Beck", "Loser")])
    table.loc[1, "fingerprint"] = table.loc[0, "fingerprint"]
    whole = tracks.Library(table, vectors_of([1, 0], [1, 0], [0, 1]))
    seed = playlists.find("SOS", table)
    assert playlists.choose(whole, seed)["title"].tolist() == ["SOS", "Loser"]


def test_a_name_that_several_tracks_have_is_refused_with_the_candidates():
    table = table_of([("Abba", "Intro"), ("Beck", "Intro"), ("Cher", "Believe")])
    with pytest.raises(ValueError, match="'intro' may be 2 tracks: write one of Abba - Intro, Beck - Intro"):
        playlists.find("intro", table)
    with pytest.raises(ValueError, match="is called 'Beleive'; near are 'Believe'"):
        playlists.find("Beleive", table)
    assert playlists.find("beck - INTRO", table).places == [1]


def test_names_are_forgiven_their_typography():
    table = table_of([("AC/DC", "T.N.T."), ("Beyoncé", "Halo"), ("The Beatles", "Help!")])
    assert playlists.find("AC_DC", table).name == "AC/DC"
    assert playlists.find("beyonce", table).name == "Beyoncé"
    assert playlists.find("Beatles, The", table).name == "The Beatles"


def test_some_words_of_a_name_are_enough():
    table = table_of([("Karissa Hobbs", "Let's Go Fishin'"), ("Abba", "SOS"), ("Abba", "Let it be")])
    assert playlists.find("fishin", table).name == "Karissa Hobbs - Let's Go Fishin'"
    assert playlists.find("Hobbs", table).kind == "artist"
    assert playlists.find("hobbs fishin", table).kind == "track"
    with pytest.raises(ValueError, match="'let' may be 2 tracks"):
        playlists.find("let", table)


def test_exact_search_agrees_with_sorting_and_puts_the_first_of_equals_first(rng):
    values = vectors_of(*rng.normal(size=(50, 4)))
    values[7] = values[3]
    near = neighbours.Neighbours(values)
    places, scores = near.of_tracks(np.arange(50), 49)
    for track in range(50):
        products = values @ values[track]
        wanted = [place for place in np.argsort(-products, kind="stable") if place != track]
        np.testing.assert_allclose(products[places[track]], products[wanted], atol=1e-6)
        assert sorted(places[track]) == sorted(wanted)
    assert places[3][0] == 7 and scores[3][0] == pytest.approx(1)


def test_the_index_finds_what_exact_search_finds(rng):
    values = vectors_of(*rng.normal(size=(2000, 16)))
    exact, index = (neighbours.Neighbours(values, index_from=size) for size in (2001, 2000))
    assert exact.index is None and index.index is not None
    queries = np.arange(100)
    wanted, proposed = (way.of_tracks(queries, 10) for way in (exact, index))
    shared = [len(set(one) & set(other)) for one, other in zip(wanted[0], proposed[0], strict=True)]
    assert np.mean(shared) >= 9.8
    again = neighbours.Neighbours(values, index_from=2000).of_tracks(queries, 10)
    np.testing.assert_array_equal(again[0], proposed[0])


def test_the_space_of_a_library_is_that_of_its_standardised_principal_components(rng):
    values = rng.normal(size=(60, features.N_FEATURES)).astype(np.float32) * rng.uniform(
        1, 9, features.N_FEATURES
    )
    values[:, 5] = 3  # does not vary
    vectors = features.Space.of(values).vectors(values)
    spread = np.where(values.std(axis=0) > 1e-6, values.std(axis=0), np.inf)
    standard = (values - values.mean(axis=0)) / spread / np.sqrt(np.repeat(features.VIEWS, features.VIEWS))
    left, sizes, _ = np.linalg.svd(standard - standard.mean(axis=0), full_matrices=False)
    wanted = vectors_of(*(left * sizes)[:, : features.N_DIRECTIONS])
    np.testing.assert_allclose(vectors @ vectors.T, wanted @ wanted.T, atol=1e-4)


def model(tmp_path, provenance):
    """A model without parts: every clip has the vector of length 0."""
    artists = pd.DataFrame({"artist_id": ["a", "b"], "name": ["Abba", "Beck"]})
    file = tmp_path / "model.npz"
    similar_artists.Finder(FactorSum([]), artists, np.eye(2), picture.Settings(), provenance).save(file)
    return file


def test_a_model_of_the_simulated_world_is_not_published(tmp_path):
    file = model(tmp_path, {"simulated": True})
    with pytest.raises(ValueError, match="was not fitted on real listening"):
        library_model.publish(file, tmp_path / "out", source="x", licence="y")


def test_what_a_published_model_may_not_hold_is_refused():
    with pytest.raises(ValueError, match="'plays', which is neither of the method nor the artists'"):
        library_model.check({"plays": np.zeros(3), "vectors": np.zeros((2, 2))}, 2)
    with pytest.raises(ValueError, match="more than a method needs"):
        library_model.check({"method.x": np.zeros((1001, 1000)), "vectors": np.zeros((2, 2))}, 2)


def test_what_goes_wrong_is_one_sentence(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.npz").write_bytes(b"no model")
    write(tmp_path / "Music" / "a.wav", 100)
    for options, printed in [
        ({"library": tmp_path / "nowhere"}, "is a music folder, and"),
        ({"library": tmp_path / "empty"}, "holds no music file: it is empty"),
        ({"excerpts": 0}, "--excerpts must be 1 or more, got 0"),
        ({"playlist": "a", "length": 0}, "--length must be 1 or more, got 0"),
        ({"playlist": " "}, "came empty"),
        ({"library": ""}, "'' is none"),
        ({"model": str(tmp_path / "gone.npz")}, "gone.npz"),
    ]:
        options = vars(given(tmp_path / "Music")) | options
        assert library.main(SimpleNamespace(**options)) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
        assert printed in line


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["--playlist", "x"], "--playlist goes with --library MUSIC"),
        (["--library", "M", "--length", "3"], "--length goes with --playlist"),
        (["--library", "M", "--only", "05"], "--only is for the notebooks"),
        (["--library", "M", "--list"], "not allowed with"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, printed, capsys):
    with pytest.raises(SystemExit):
        run_all.parse(arguments)
    assert printed in capsys.readouterr().err


def test_a_cluster_writes_the_same_table(music, monkeypatch, tmp_path):
    from distributed import LocalCluster

    library.main(given(music))
    first = stored(music)
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path / "cluster"))
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        assert library.main(given(music, dask=cluster.scheduler_address)) == 0
    assert stored(music) == first


def test_the_command_works_from_the_door(music, tmp_path):
    command = [
        sys.executable,
        "run_all.py",
        "--library",
        str(music),
        "--playlist",
        "Low Two",
        "--length",
        "3",
    ]
    done = subprocess.run(
        command, cwd=paths.root(), env=os.environ, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "artist 'Low Two': 3 tracks" in done.stdout
