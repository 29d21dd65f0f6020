"""The whole way at miniature scale, as a person would go it: from nothing to every figure and table."""

import contextlib
import os
import random
import shutil
import signal
import subprocess

import numpy as np
import pandas as pd
import pytest

from lib.beyond import similar_artists
from lib.cli import testing
from lib.workflow import stages
from tests.processes import doing, left_by, until
from tests.whole_way import ROOT, RUN_ALL, below, run

MINIATURE = ROOT / "tests" / "miniature.yml"
KERNEL = "ipykernel_launcher"
STAGES = ("04", "05", "06", "07", "08")
# Which stage is killed, what of it, and how many seconds after its kernel was there.
KILLS = [
    (stage, whom, moment)
    for stage in STAGES
    for part, whom in enumerate(("door", "kernel", "all"))
    for moment in np.random.default_rng([int(stage), part]).uniform(1, 20, size=2).round(1).tolist()
]
OF_TRAINING = [kill for kill in KILLS if kill[0] == STAGES[0]]  # all stages after it run again, too
TRIED = KILLS if os.environ.get(testing.EVERYTHING) else random.Random(20).sample(OF_TRAINING, 1)


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


def test_afterwards_all_is_fresh_and_other_epochs_would_run_training_and_what_depends_on_it(finished):
    listed = run(finished, "--profile", MINIATURE, "--list").stdout
    assert "would run" not in listed
    listed = run(finished, "--profile", MINIATURE, "-p", "04_siamese_training.epochs=1", "--list").stdout
    stale = {line.split()[0] for line in listed.splitlines() if "would run" in line}
    assert stale == {stage for stage in stages.names() if stage >= "04"}


def results(folder):
    """Bytes of every stored array and table by name, but for those of times and what is kept."""
    files = [path for path in folder.rglob("*") if path.suffix in {".npy", ".npz", ".parquet"}]
    names = {path: path.relative_to(folder).as_posix() for path in files if path.stem != "beyond_seconds"}
    return {name: path.read_bytes() for path, name in names.items() if "/kept/" not in name}


@pytest.mark.parametrize(("stage", "whom", "moment"), TRIED)
def test_what_was_killed_gives_the_same_results_when_it_runs_again(finished, tmp_path, stage, whom, moment):
    for top in ("data", "figures"):
        shutil.copytree(finished / top, tmp_path / top)
    data = tmp_path / "data" / "miniature"
    shutil.rmtree(data / "kept")
    for manifest in (data / "manifests").iterdir():
        if manifest.name >= stage:
            manifest.unlink()
    wanted = ["--profile", str(MINIATURE), "--only", stage]
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
