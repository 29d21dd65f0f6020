"""The whole way at miniature scale, as a person would go it: from nothing to every figure and table."""

import contextlib
import functools
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import last_fm_2k
import numpy as np
import pandas as pd
import pytest

import demo
from lib.beyond import similar_artists
from lib.cli import runner
from lib.listening import plays
from tests.processes import doing, left_by, until

ROOT = Path(__file__).resolve().parents[1]
MINIATURE = ROOT / "tests" / "miniature.yml"
RUN_ALL = [sys.executable, str(ROOT / "run_all.py")]
KERNEL = "ipykernel_launcher"
# Which stage is killed, what of it, and how many seconds after its kernel was there.
KILLS = [
    (stage, whom, moment)
    for stage in ("04", "05", "06", "07", "08")
    for whom in ("door", "kernel", "all")
    for moment in np.random.default_rng(int(stage)).uniform(1, 20, size=2).round(1).tolist()
]
TRIED = KILLS if os.environ.get(runner.EVERYTHING) else random.Random(20).sample(KILLS, 1)


def below(folder):
    """An environment whose data and figures are below `folder`."""
    tops = {"MUSIC_SIMILARITY_DATA": "data", "MUSIC_SIMILARITY_FIGURES": "figures"}
    return os.environ | {name: str(folder / top) for name, top in tops.items()}


def run(folder, *arguments, check=True):
    """`run_all.py` with its data and figures below `folder`."""
    command = [*RUN_ALL, *map(str, arguments)]
    settings = {"env": below(folder), "cwd": folder, "timeout": 600}
    done = subprocess.run(command, capture_output=True, text=True, **settings)
    assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def contents(folder):
    """Every table and picture by name."""
    files = [path for path in folder.rglob("*") if path.suffix in {".csv", ".md", ".png"}]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of the miniature."""
    folder = tmp_path_factory.mktemp("first")
    run(folder, "--profile", MINIATURE)
    return folder


def test_a_run_leaves_every_figure_and_table_of_the_paper(finished):
    made = contents(finished / "figures" / "miniature")
    pictures = ["figure1_network", "figure2_loss", "figure3_filters", "figure4_selected_filters", "overview"]
    tables = ["table1_ranking", "table2_similar_artists", "ledger", "search", "clip_sources"]
    assert {f"{name}.png" for name in pictures} | {f"{name}.csv" for name in tables} <= set(made)


def test_it_leaves_what_goes_beyond_the_paper_in_one_table_and_one_model(finished):
    table = pd.read_csv(finished / "figures" / "miniature" / "beyond_ranking.csv")
    assert {"l2", "siamese", "factor_ridge", "factor_kernel", "factor_sum", "factor_cnn"} <= set(
        table["method"]
    )
    assert {"ndcg", "unordered", "matched_concordance"} <= set(table["metric"])
    found = similar_artists.load(finished / "data" / "miniature" / "models" / "beyond.npz")
    clip = next((finished / "data" / "miniature" / "clips").rglob("*.mp3"))
    assert len(found.of_file(clip, n=5)) == 5


def test_table_1_has_both_truths_and_their_chance_for_six_test_artists(finished):
    table = pd.read_csv(finished / "figures" / "miniature" / "table1_ranking.csv")
    chance = table.query("method == 'chance' and metric == 'unordered' and candidates == 'test'")
    assert set(table["truth"]) == {"corrected", "as_published"}
    assert chance.set_index(["truth", "n"])["value"].to_dict() == pytest.approx(
        {("corrected", n): n / 5 for n in (2, 4)}
        | {("as_published", n): n / 6 for n in (2, 4)}  # every place counts
    )
    assert {"popularity", "l2", "siamese", "split_half", "world"} <= set(table["method"])


def test_a_second_run_gives_the_same_bytes_in_every_table_and_picture(finished, tmp_path):
    run(tmp_path, "--profile", MINIATURE)
    first, second = contents(finished / "figures"), contents(tmp_path / "figures")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_afterwards_all_is_fresh_and_other_epochs_would_run_training_and_what_depends_on_it(finished):
    listed = run(finished, "--profile", MINIATURE, "--list").stdout
    assert "would run" not in listed
    listed = run(finished, "--profile", MINIATURE, "-p", "04_siamese_training.epochs=1", "--list").stdout
    stale = {line.split()[0] for line in listed.splitlines() if "would run" in line}
    assert {stage[:2] for stage in stale} == {"04", "05", "06", "07", "08"}


def results(folder):
    """Bytes of every stored array and table by name, but for those of times and what is kept."""
    files = [path for path in folder.rglob("*") if path.suffix in {".npy", ".npz", ".parquet"}]
    names = {path: path.relative_to(folder).as_posix() for path in files if path.stem != "beyond_seconds"}
    return {name: path.read_bytes() for path, name in names.items() if "/kept/" not in name}


@pytest.mark.parametrize(("stage", "whom", "moment"), TRIED)
def test_what_was_killed_gives_the_same_results_when_it_runs_again(finished, tmp_path, stage, whom, moment):
    for top in ("data", "figures"):
        shutil.copytree(finished / top, tmp_path / top)
    shutil.rmtree(tmp_path / "data" / "miniature" / "kept")
    wanted = ["--profile", str(MINIATURE), "--force", "--only", stage]
    with left_by([*RUN_ALL, *wanted], env=below(tmp_path), cwd=tmp_path) as (door, left):
        until(lambda: doing(KERNEL, left()) or door.poll() is not None)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a stage that is done by then stays as it is
            door.wait(moment)
        for pid in {"door": [door.pid], "kernel": doing(KERNEL, left()), "all": left()}[whom]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        door.wait(60)
        until(lambda: not left(), 5)
    run(tmp_path, "--profile", MINIATURE)
    assert contents(tmp_path / "figures") == contents(finished / "figures")
    made, undisturbed = results(tmp_path / "data"), results(finished / "data")
    assert made.keys() == undisturbed.keys()
    assert [name for name in made if made[name] != undisturbed[name]] == []


def own_world(folder):
    """The simulated world as somebody's own plays and music."""
    world = [sys.executable, "-m", "demo", "--folder", folder / "own"]
    size = ["--artists", "30", "--listeners", "1000", "--clips", "1"]
    subprocess.run([*world, *size], cwd=ROOT, check=True, capture_output=True, timeout=300)


def test_own_music_goes_from_a_table_of_files_to_table_1_in_every_fold(tmp_path):
    own_world(tmp_path)
    given = [f"{name}={tmp_path / 'own' / file}" for name, file in OWN["table"].items()]
    overrides = [part for value in [*given, *SMALL, "04.n_folds=2"] for part in ("-p", value)]
    run(tmp_path, "--profile", "own", *overrides, "--only", "01", "02", "03", "04", "05")
    for name in ["table1_ranking", "kfold_ranking"]:
        table = pd.read_csv(tmp_path / "figures" / "own" / f"{name}.csv")
        assert {"l2", "siamese"} <= set(table["method"])
    assert table["n_queries"].max() > 2 * 5  # every artist is a query once, though a single split tests five
    table = pd.read_csv(tmp_path / "figures" / "own" / "table1_ranking.csv")
    assert "world" not in set(table["method"])  # files do not say what perfect hearing would know


def test_of_own_music_that_the_plays_know_in_part_the_known_artists_go_all_the_way(tmp_path):
    own_world(tmp_path)
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

N_ARTISTS, N_LISTENERS = 30, 1_000
PUBLISHED = {"6090214": "lastfm-dataset-360K.tar.gz", "13939205": "MERGE_Audio_Complete.zip"}
SMALL_DATA = "hetrec2011-lastfm-2k.zip"
MEMBERS = {"plays.tsv": "usersha1-artmbid-artname-plays.tsv", "profile.tsv": "usersha1-profile.tsv"}


@pytest.fixture(scope="module")
def zenodo(tmp_path_factory):
    """The address of a small Last.fm-360K, Last.fm-2K and MERGE, with their records."""
    folder = tmp_path_factory.mktemp("zenodo")
    own, served = folder / "own", folder / "served"
    music = demo.write_folder(demo.World(N_ARTISTS, N_LISTENERS), own, clips=1)
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
