"""What is kept of a run on real music: its aggregate results and how it came about, whole or not at all."""

import hashlib
import re
import shlex
import shutil

import pandas as pd
import pytest

from lib.cli import real_results
from lib.workflow import artifacts, paths, profiles, stages

STAGES = [stage for stage in stages.names() if stage <= real_results.LAST]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run of the profile own, with stand-ins for its results; the folder of its inputs."""
    for top, variable in paths.MOVABLE.items():
        monkeypatch.setenv(variable, str(tmp_path / top))
    monkeypatch.setattr(stages, "modules", lambda *source: [])  # which code a stage ran is of no matter here
    monkeypatch.setattr(paths, "real", lambda table: tmp_path / "kept" / "real" / f"{table}.csv")
    private = tmp_path / "somebody's folder"
    private.mkdir()
    (tmp_path / "kept").mkdir()
    (private / "plays.tsv").write_text("user\tartist\n")
    for name in (*real_results.TABLES, "rank_lists"):
        artifacts.write_table(pd.DataFrame({"name": [name]}), paths.figures("own") / f"{name}.csv")
    for name in (*real_results.PICTURES, "spectrograms"):
        (paths.figures("own") / f"{name}.png").write_bytes(name.encode())
    clips = pd.DataFrame({"sha256": ["b", "a", "c"]})
    artifacts.write_parquet(clips, paths.data("own") / "clips.parquet")
    artifacts.write_parquet(pd.DataFrame({"artist_id": ["x", "y"]}), paths.data("own") / "artists.parquet")
    finish(private)
    return private


def finish(private, *overrides):
    """Write the manifests of all stages, as their last cells do."""
    given = [f"01.plays_file={private / 'plays.tsv'}", f"02.music_folder={private / 'music'}", *overrides]
    parameters = profiles.resolve("own", given)[1]
    for stage in STAGES:
        outputs = {"01_listening_data": "artists", "02_preview_clips": "clips"}.get(stage)
        files = [paths.data("own") / f"{outputs}.parquet"] if outputs else []
        artifacts.finish(stage, "own", parameters[stage], files)


def kept():
    return paths.real("ledger").parent


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_named_tables_and_pictures_are_copied_and_nothing_else(run):
    assert real_results.keep("own", "a survey") == kept()
    wanted = {f"{name}.{end}" for name in real_results.TABLES for end in ("csv", "md")}
    wanted |= {f"{name}.png" for name in real_results.PICTURES}
    assert set(contents(kept())) == wanted | {"README.md"}
    for name in wanted:
        assert (kept() / name).read_bytes() == (paths.figures("own") / name).read_bytes()
    assert [file.name for file in kept().parent.iterdir()] == ["real"]


def test_the_account_names_source_numbers_and_checksums(run):
    real_results.keep("own", "a survey of 1999")
    account = (kept() / "README.md").read_text()
    assert "2 artists, 3 clips. Source: a survey of 1999." in account
    assert artifacts.sha256(run / "plays.tsv") in account
    assert hashlib.sha256(b"a\nb\nc").hexdigest() in account
    assert "somebody" not in account


def test_a_later_run_takes_the_place_of_the_earlier_one(run):
    real_results.keep("own", "the first")
    (kept() / "leftover.csv").write_text("")
    real_results.keep("own", "the second")
    assert "Source: the second." in (kept() / "README.md").read_text()
    assert not (kept() / "leftover.csv").exists()


def test_the_optional_table_of_encoders_may_be_missing_and_no_other(run):
    for end in ("csv", "md"):
        (paths.figures("own") / f"beyond_encoders.{end}").unlink()
    real_results.keep("own", "a survey")
    assert not (kept() / "beyond_encoders.csv").exists()
    before = contents(kept())
    (paths.figures("own") / "ledger.md").unlink()
    (paths.figures("own") / "forest.png").unlink()
    place = re.escape(paths.place(paths.figures("own")))
    with pytest.raises(ValueError, match=f"^{place} lacks ledger.md, forest.png: run all notebooks of own$"):
        real_results.keep("own", "a survey")
    assert contents(kept()) == before


def test_a_simulated_run_is_refused(run):
    finish(run, "01.simulate=true")
    with pytest.raises(ValueError, match=r"^the profile own ran on the simulated world: [^\n]*$"):
        real_results.keep("own", "a survey")
    assert not kept().exists()


def test_a_profile_whose_own_figures_lie_there_is_refused_before_any_is_lost(run, monkeypatch):
    monkeypatch.setattr(paths, "real", lambda table: paths.figures("own") / f"{table}.csv")
    before = contents(kept())
    place = re.escape(paths.place(paths.figures("own")))
    with pytest.raises(ValueError, match=f"^the profile own writes into {place} itself: rename its file$"):
        real_results.keep("own", "a survey")
    assert contents(kept()) == before


def test_a_notebook_that_has_not_been_run_is_named_in_one_line_without_traceback(run, capsys):
    paths.manifest("own", "07_beyond_the_paper").unlink()
    assert real_results.main(["--source", "a survey"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("07_beyond_the_paper has not been run for the profile own")
    assert message.count("\n") == 1
    assert not kept().exists()


def test_results_of_two_runs_are_not_kept_as_one(run):
    artifacts.write_parquet(pd.DataFrame({"artist_id": list("xyz")}), paths.data("own") / "artists.parquet")
    parameters = artifacts.manifest("own", "01_listening_data").parameters
    artifacts.finish("01_listening_data", "own", parameters, [paths.data("own") / "artists.parquet"])
    with pytest.raises(ValueError, match="^02_preview_clips read the results of 01_listening_data, which"):
        real_results.keep("own", "a survey")


@pytest.mark.parametrize("change", ["write", "remove"])
def test_a_file_that_is_no_longer_what_was_read_has_no_checksum_to_state(run, change):
    if change == "write":
        (run / "plays.tsv").write_text("user\tartist\tplays\n")
    else:
        (run / "plays.tsv").unlink()
    with pytest.raises(ValueError, match="^01_listening_data read the file given as plays_file, which"):
        real_results.keep("own", "a survey")


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("fails", ["copying", "renaming"])
def test_nothing_half_is_left_if_it_fails(run, monkeypatch, there, fails):
    if there:
        real_results.keep("own", "the first")
    before = contents(kept()) if there else None

    def broken_copy(source, target):
        if source.name == "forest.png":
            raise OSError("the disk is full")
        return copy(source, target)

    def broken_rename(path, target):
        if path.name == "real" and path.parent != kept().parent:
            raise OSError("the disk is full")
        return rename(path, target)

    copy, rename = shutil.copyfile, type(run).rename
    if fails == "copying":
        monkeypatch.setattr(shutil, "copyfile", broken_copy)
    else:
        monkeypatch.setattr(type(run), "rename", broken_rename)
    with pytest.raises(OSError, match="the disk is full"):
        real_results.keep("own", "the second")
    assert (contents(kept()) if kept().exists() else None) == before
    assert [file.name for file in kept().parent.iterdir()] == (["real"] if there else [])


def test_the_command_names_what_differs_and_hides_folders(run):
    finish(run, "04.n_folds=5", "07.seeds=[0, 1]", "02.clips_per_artist=2", "02.table_file=")
    manifests = {stage: artifacts.manifest("own", stage) for stage in STAGES}
    command = real_results.command("own", manifests)
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:4] == ["python3", "run_all.py", "--profile", "own"]
    assert set(words[4::2]) == {"-p"}
    assert words[5::2] == [
        "01_listening_data.music_folder=music",
        "01_listening_data.plays_file=plays.tsv",
        "02_preview_clips.clips_per_artist=2",
        "04_siamese_training.n_folds=5",
        "07_beyond_the_paper.seeds=[0, 1]",
    ]


def test_the_command_gives_every_parameter_the_value_it_had(run):
    """Of each kind: a list of words, a number, a truth value, a text that looks like a number."""
    given = [
        "02.sources=[folder, table]",
        "01.n_artists=200",
        "01.require_mbid=true",
        "02.artist_column=2024",
    ]
    finish(run, *given)
    manifests = {stage: artifacts.manifest("own", stage) for stage in STAGES}
    words = shlex.split(real_results.command("own", manifests).replace("\\\n", " "))
    read = profiles.resolve("own", words[5::2])[1]
    for stage in STAGES:
        for name, value in manifests[stage].parameters.items():
            if not name.endswith(profiles.PATHS):
                assert read[stage][name] == value, name
