"""The recorder of a notebook: where files go, what is listed, and what is refused."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import toy_repository

from lib.ranking.scores import Scores
from lib.workflow import artifacts, figures, machine, paths, stage, stages

FRAME = pd.DataFrame({"artist": ["AC/DC", "b"], "value": [0.5, 0.25]})
NAMESPACE = {"profile": "demo", "factor": 2.0, "name": None}


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """A repository of two stages; the first one is done."""
    folder = toy_repository.enter(monkeypatch, toy_repository.build(tmp_path / "toy"))
    first = stage.start("01_numbers", {"profile": "demo", "count": 3, "numbers_file": ""})
    first.save([0, 1, 2], "numbers.json")
    first.finish()
    return folder


@pytest.fixture
def run(toy):
    return stage.start("02_scaled", NAMESPACE)


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    monkeypatch.setattr(figures, "display", shown.append)
    return shown


def test_every_kind_of_file_is_written_under_its_name_and_listed_once(run, displayed):
    assert run.table(FRAME, "short") is FRAME
    run.table(FRAME, "long", markdown=False)
    run.figure(plt.figure(), "curve")
    artifacts.write_text("<!doctype html>", run.page("shown"))
    assert run.save(FRAME, "frame.parquet") == run.data / "frame.parquet"
    run.save(FRAME, "frame.tsv")
    run.save({"x": 1}, "value.json")
    run.save(Scores.of_frames({("l2", 0, 0): pd.DataFrame(np.eye(2), list("ab"), list("ab"))}), "s.npz")
    run.made_with("how", {"01_numbers": run.parameters("01")})
    artifacts.write_text("else", run.data / "audio" / "a.txt")
    run.wrote("audio")
    assert run.finish() == [
        "data/demo/audio", "data/demo/frame.parquet", "data/demo/frame.tsv", "data/demo/s.npz",
        "data/demo/value.json", "figures/curve.png", "figures/how.json", "figures/long.csv",
        "figures/short.csv", "figures/short.md", "figures/shown.html",
    ]  # fmt: skip
    made = artifacts.manifest("demo", "02_scaled")
    assert made.parameters == {"profile": "demo", "factor": 2.0, "name": None}
    pd.testing.assert_frame_equal(pd.read_parquet(run.data / "frame.parquet"), FRAME)
    pd.testing.assert_frame_equal(pd.read_csv(run.data / "frame.tsv", sep="\t"), FRAME)
    pd.testing.assert_frame_equal(pd.read_csv(run.figures / "long.csv"), FRAME)
    assert "| AC/DC | 0.5 |" in (run.figures / "short.md").read_text()
    assert artifacts.why_stale("02_scaled", "demo", made.parameters) is None


def test_records_are_kept_but_are_no_outputs(run):
    run.save(FRAME, "seconds.parquet", record=True)
    artifacts.write_text("log", run.data / "retrievals.tsv")
    run.record("retrievals.tsv")
    assert run.finish() == []
    made = artifacts.manifest("demo", "02_scaled")
    assert list(made.records) == ["data/demo/retrievals.tsv", "data/demo/seconds.parquet"]


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda run: run.table(FRAME, "x"), "figures/x.csv"),
        (lambda run: run.figure(plt.figure(), "x"), "figures/x.png"),
        (lambda run: run.save(1, "x.json"), "data/demo/x.json"),
        (lambda run: run.wrote("x.json"), "data/demo/x.json"),
        (lambda run: run.made_with("x", {}), "figures/x.json"),
    ],
)
def test_a_name_given_twice_is_one_sentence(run, displayed, write, name):
    write(run)
    with pytest.raises(ValueError, match=f"{name} is written twice: give each .* its own name") as error:
        write(run)
    assert "\n" not in str(error.value)
    plt.close("all")


def test_what_was_announced_and_is_not_there_is_named(run):
    run.wrote("nothing.tsv")
    with pytest.raises(artifacts.MissingArtifact, match=r"data/demo/nothing\.tsv should have been written"):
        run.finish()


def test_a_stage_that_was_not_run_before_is_named_with_its_command(toy):
    paths.manifest("demo", "01_numbers").unlink()
    with pytest.raises(artifacts.MissingArtifact, match=r"run_all\.py --only 01"):
        stage.start("02_scaled", NAMESPACE)


def test_what_earlier_stages_ran_with_and_wrote_is_at_hand(run):
    assert run.parameters("01") == {"profile": "demo", "count": 3, "numbers_file": ""}
    assert run.outputs("01") == {"data/demo/numbers.json"}
    assert run.kept.folder == paths.kept("demo")


def test_only_notebook_01_says_whether_the_data_are_simulated(run, monkeypatch):
    assert run.simulated is None
    needs = {"01_listening_data": [], "02_scaled": ["01_listening_data"], "03_apart": ["02_scaled"]}
    run.finish()
    monkeypatch.setattr(stages, "NEEDS", needs)
    for simulated in (True, False):
        given = {"parameters": {"simulate": simulated}}
        made = artifacts.Manifest("01_listening_data", "demo", given, "", {}, {}, {})
        artifacts.write_manifest(made, paths.manifest("demo", "01_listening_data"))
        assert stage.start("02_scaled", NAMESPACE).simulated is simulated
        assert stage.start("03_apart", NAMESPACE).simulated is simulated  # which reads 02 alone


def test_how_results_were_made_is_written_with_the_parameters(run):
    run.made_with("run", {"01_numbers": run.parameters("01")})
    found = json.loads((run.figures / "run.json").read_text())
    assert found.pop("parameters") == {"01_numbers": {"profile": "demo", "count": 3, "numbers_file": ""}}
    assert found == machine.made_with()


def test_a_figure_is_shown_and_closed_whole_or_reduced(run, displayed):
    whole, half = plt.figure(figsize=(4, 2)), plt.figure(figsize=(4, 2))
    run.figure(whole, "whole")
    run.figure(half, "half", reduced=True)
    assert displayed[0] is whole
    assert repr(displayed[1]) == "Reduced('half.png')"
    assert plt.get_fignums() == []
    assert (run.figures / "whole.png").read_bytes() == (run.figures / "half.png").read_bytes()


@pytest.mark.parametrize(
    ("simulate", "of_data", "marked"), [(True, True, 1), (True, False, 0), (False, True, 0)]
)
def test_pictures_and_tables_of_simulated_data_say_so(toy, displayed, simulate, of_data, marked):
    run = stage.start("02_scaled", NAMESPACE)
    run._parameters["01_listening_data"] = {"simulate": simulate}
    figure, ax = plt.subplots(figsize=(4, 3))
    run.figure(figure, "curve", of_data=of_data)
    assert [text.get_text() for text in figure.texts] == ["simulated data"] * marked
    (words,) = [text.get_window_extent() for text in figure.texts] or [None]
    if words is not None:
        assert figure.get_size_inches()[1] > 3
        assert figure.bbox.contains(*words.min) and figure.bbox.contains(*words.max)
        assert not words.overlaps(ax.get_tightbbox())
    run.table(FRAME, "short", of_data=of_data)
    text = (run.figures / "short.md").read_text()
    assert text.startswith("*Simulated data.*\n\n| artist |") == bool(marked)
    assert text.endswith(artifacts.markdown(FRAME))
