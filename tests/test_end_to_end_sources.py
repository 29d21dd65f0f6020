"""The whole way with plays and music from elsewhere: own files, open data sets, the paper's services."""

import functools
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import last_fm_2k
import pandas as pd
import pytest

import demo
from lib.listening import plays
from tests.whole_way import ROOT, run

N_ARTISTS, N_LISTENERS = 30, 1_000


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The simulated world as somebody's own plays and music."""
    folder = tmp_path_factory.mktemp("somebody") / "own"
    size = ["--artists", str(N_ARTISTS), "--listeners", str(N_LISTENERS), "--clips", "1"]
    command = [sys.executable, "-m", "demo", "--folder", folder, *size]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=3600)
    return folder


def test_own_music_goes_from_a_table_of_files_to_table_1_in_every_fold(own, tmp_path):
    given = [f"{name}={own / file}" for name, file in OWN["table"].items()]
    overrides = [part for value in [*given, *SMALL, "04.n_folds=2"] for part in ("-p", value)]
    run(tmp_path, "--profile", "own", *overrides, "--only", "01", "02", "03", "04", "05", "05b")
    for name in ["table1_ranking", "kfold_ranking"]:
        table = pd.read_csv(tmp_path / "figures" / "own" / f"{name}.csv")
        assert {"l2", "siamese"} <= set(table["method"])
    assert table["n_queries"].max() > 2 * 5  # every artist is a query once, though a single split tests five
    table = pd.read_csv(tmp_path / "figures" / "own" / "table1_ranking.csv")
    assert "world" not in set(table["method"])  # files do not say what perfect hearing would know


def test_of_own_music_that_the_plays_know_in_part_the_known_artists_go_all_the_way(own, tmp_path):
    shutil.copytree(own, tmp_path / "own")
    folders = sorted(path for path in (tmp_path / "own" / "music").iterdir() if path.is_dir())
    misspelt = {f"{folder.name}z": folder.name for folder in folders[::5]}
    for wrong, right in misspelt.items():
        (folders[0].parent / right).rename(folders[0].parent / wrong)
    given = [f"{name}={tmp_path / 'own' / file}" for name, file in OWN["folder"].items()]
    overrides = [part for value in [*given, *SMALL, "01.n_artists=0"] for part in ("-p", value)]
    run(tmp_path, "--profile", "own", *overrides, "--only", "01", "02", "03", "04", "05", "07", "08")
    data, figures = tmp_path / "data" / "own", tmp_path / "figures" / "own"
    chosen, clips = pd.read_parquet(data / "artists.parquet"), pd.read_parquet(data / "clips.parquet")
    assert set(chosen["artist_id"]) == set(clips["artist_id"])
    assert len(chosen) == len(folders) - len(misspelt)
    assert len(pd.read_parquet(data / "all_artists.parquet")) >= len(folders)
    names = pd.read_csv(data / "names.tsv", sep="\t").query("problem == 'unmatched'")
    assert dict(zip(names["name"], names["nearest"], strict=True)) == misspelt
    table = pd.read_csv(figures / "beyond_ranking.csv")
    assert {"l2", "siamese", "factor_ridge"} <= set(table["method"])
    listed = run(tmp_path, "--profile", "own", *overrides, "--list").stdout
    assert "01_listening_data        fresh" in listed
    other = ["-p", f"02_preview_clips.music_folder={tmp_path}", "-p", "01.n_artists=0"]
    listed = run(tmp_path, "--profile", "own", *overrides, *other, "--list", check=False).stdout
    assert "01_listening_data        would run: parameter music_folder" in listed


LISTENING = {"01_listening_data.plays_file": "plays.tsv", "01_listening_data.profile_file": "profile.tsv"}
OWN = {
    "folder": LISTENING | {"02_preview_clips.music_folder": "music"},
    "table": LISTENING
    | {"02_preview_clips.music_folder": "music", "02_preview_clips.table_file": "tracks.csv"},
}
SMALL = [
    "01_listening_data.n_artists=24",
    "02_preview_clips.clips_per_artist=1",
    "04_siamese_training.n_dev=5",
    "04_siamese_training.n_test=5",
    "04_siamese_training.n_folds=1",
    "04_siamese_training.batch_size=256",
    "04_siamese_training.epochs=1",
    "04_siamese_training.seeds=[0]",
    "04_siamese_training.search_batch_sizes=[256]",
    "04_siamese_training.search_learning_rates=[0.001]",
    "04_siamese_training.search_epochs=[1]",
    "04_siamese_training.search_depths=[3]",
    "04_siamese_training.search_list_length=3",
    "05_ranking_evaluation.list_lengths=[2]",
    "05_ranking_evaluation.n_permutations=19",
    "07_beyond_the_paper.network_steps=10",
    "07_beyond_the_paper.seeds=[0]",
    "07_beyond_the_paper.n_folds=3",
]


# `open` and `paper`, with the demo's world in the place of the services.

PUBLISHED = {"6090214": "lastfm-dataset-360K.tar.gz", "13939205": "MERGE_Audio_Complete.zip"}
SMALL_DATA = "hetrec2011-lastfm-2k.zip"
MEMBERS = {"plays.tsv": "usersha1-artmbid-artname-plays.tsv", "profile.tsv": "usersha1-profile.tsv"}


@pytest.fixture(scope="module")
def zenodo(own, tmp_path_factory):
    """The address of a small Last.fm-360K, Last.fm-2K and MERGE, with their records."""
    folder = tmp_path_factory.mktemp("zenodo")
    served, music = folder / "served", pd.read_csv(own / "tracks.csv")
    lastfm, merge = (served / "records" / record / "files" / file for record, file in PUBLISHED.items())
    for file in (lastfm, merge):
        file.parent.mkdir(parents=True)
    with tarfile.open(lastfm, "w:gz") as archive:
        for file, member in MEMBERS.items():
            archive.add(own / file, f"lastfm-dataset-360K/{member}")
    excerpts = music.assign(Song=[f"A{place:03d}" for place in music.index], Quadrant="Q1", Title="a song")
    with zipfile.ZipFile(merge, "w") as archive:
        table = excerpts.rename(columns={"artist": "Artist"}).drop(columns="file").to_csv(index=False)
        archive.writestr("MERGE_Audio_Complete/merge_audio_complete_metadata.csv", table)
        for file, song in zip(excerpts["file"], excerpts["Song"], strict=True):
            archive.write(own / "music" / file, f"MERGE_Audio_Complete/Q1/{song}.mp3")
    grouplens = served / "datasets" / "hetrec2011"
    grouplens.mkdir(parents=True)
    two_thousand = last_fm_2k.write(grouplens / SMALL_DATA, last_fm_2k.members(*listeners_and_tags(own)))
    two_thousand.with_name(f"{SMALL_DATA}.json").write_text(json.dumps(record(two_thousand)))
    (served / "api" / "records").mkdir(parents=True)
    for number, file in zip(PUBLISHED, (lastfm, merge), strict=True):
        (served / "api" / "records" / number).write_text(json.dumps(record(file)))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=served)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def record(file):
    """What a publisher's record says of a file."""
    content = file.read_bytes()
    checksum = f"md5:{hashlib.md5(content).hexdigest()}"
    return {"files": [{"key": file.name, "size": len(content), "checksum": checksum}]}


def listeners_and_tags(own):
    """Plays by name, and tags that the first listeners of an artist gave it."""
    listening = plays.read(own / "plays.tsv", require_mbid=False, registered_only=False).listening
    artists, cells = listening.artists["name"].tolist(), listening.plays.tocoo()
    triples = [
        (f"user {user}", artists[artist], count)
        for user, artist, count in zip(cells.row, cells.col, cells.data, strict=True)
    ]
    given = [
        (user, artist, f"tag {(len(artist) + number) % 7}")
        for number, (user, artist, _) in enumerate(triples[::20])
    ]
    return triples, given


def ends_in_table_1(folder, profile, given, also=()):
    overrides = [part for value in [*given, *SMALL] for part in ("-p", value)]
    run(folder, "--profile", profile, *overrides, "--only", "01", "02", "03", "04", "05", *also)
    table = pd.read_csv(folder / "figures" / profile / "table1_ranking.csv")
    assert {"l2", "siamese"} <= set(table["method"])
    return set(pd.read_parquet(folder / "data" / profile / "clips.parquet")["source"])


def test_open_goes_from_the_downloads_to_table_1(zenodo, tmp_path):
    given = [f"01_listening_data.zenodo={zenodo}", "07_beyond_the_paper.n_folds=1"]
    assert ends_in_table_1(tmp_path, "open", given, also=["07"]) == {"merge"}
    table = pd.read_csv(tmp_path / "figures" / "open" / "beyond_ranking.csv")
    assert {"tag_ridge", "factor_tags"} <= set(table["method"])  # the tags of the same zip
    downloads = {file.name for file in (tmp_path / "data" / "downloads").iterdir()}
    assert {SMALL_DATA, PUBLISHED["13939205"]} <= downloads
    assert PUBLISHED["6090214"] not in downloads
    assert not [name for name in downloads if ".part" in name]


def test_paper_goes_from_the_download_and_the_catalogues_to_table_1(zenodo, tmp_path):
    with demo.serve(demo.World(N_ARTISTS, N_LISTENERS)) as server:
        addresses = f"02_preview_clips.addresses={json.dumps(server.addresses)}"
        given = [f"01_listening_data.zenodo={zenodo}", addresses]
        assert ends_in_table_1(tmp_path, "paper", given) == {"spotify", "itunes"}
