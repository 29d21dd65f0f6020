"""The whole way at miniature scale, as a person would go it: from nothing to every figure and table."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
MINIATURE = ROOT / "tests" / "miniature.yml"


def run(folder, *arguments, check=True):
    """`run_all.py` with its data and figures below `folder`."""
    tops = {"MUSIC_SIMILARITY_DATA": "data", "MUSIC_SIMILARITY_FIGURES": "figures"}
    roots = {name: str(folder / top) for name, top in tops.items()}
    command = [sys.executable, str(ROOT / "run_all.py"), *map(str, arguments)]
    settings = {"env": os.environ | roots, "cwd": folder, "timeout": 600}
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


def test_table_1_has_both_truths_and_the_chance_of_six_test_artists(finished):
    table = pd.read_csv(finished / "figures" / "miniature" / "table1_ranking.csv")
    chance = table.query("method == 'chance' and metric == 'unordered' and candidates == 'test'")
    assert set(table["truth"]) == {"corrected", "as_published"}
    assert chance.set_index(["truth", "n"])["value"].to_dict() == pytest.approx(
        {(truth, n): n / 5 for truth in ("corrected", "as_published") for n in (2, 4)}
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
    assert {stage[:2] for stage in stale} == {"04", "05", "06", "07"}


@pytest.mark.parametrize("layout", ["folder", "table"])
def test_own_music_goes_from_files_to_table_1(layout, tmp_path):
    size = ["--artists", "30", "--listeners", "1000", "--clips", "1"]
    world = [sys.executable, "-m", "lib.demo", "--folder", tmp_path / "own", *size]
    subprocess.run(world, cwd=ROOT, check=True, capture_output=True, timeout=300)
    given = [f"{name}={tmp_path / 'own' / file}" for name, file in OWN[layout].items()]
    overrides = [part for value in [*given, *SMALL] for part in ("-p", value)]
    run(tmp_path, "--profile", "own", *overrides, "--only", "01", "02", "03", "04", "05")
    table = pd.read_csv(tmp_path / "figures" / "own" / "table1_ranking.csv")
    assert {"l2", "siamese"} <= set(table["method"])
    assert "world" not in set(table["method"])  # files do not say what perfect hearing would know


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
    "04_siamese_training.batch_size=256",
    "04_siamese_training.epochs=1",
    "04_siamese_training.seeds=[0]",
    "04_siamese_training.search_batch_sizes=[256]",
    "04_siamese_training.search_learning_rates=[0.001]",
    "04_siamese_training.search_epochs=1",
    "04_siamese_training.search_list_length=3",
    "05_ranking_evaluation.list_lengths=[2]",
    "05_ranking_evaluation.n_permutations=19",
]
