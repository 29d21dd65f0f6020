"""Collections of 3, 8, 31 and 163 artists: the plan, what runs, and what is refused before anything runs."""

import os
import socket
from fractions import Fraction

import nbformat
import numpy as np
import pandas as pd
import pytest
import soundfile
import test_end_to_end
from hypothesis import given
from hypothesis import strategies as st

from lib import study as studies
from lib.cli import checks, collection, freshness, notebooks, runner
from lib.listening import plays
from lib.workflow import artifacts, paths, profiles, sizes, stages

RATE = 8_000  # Hz
PAPERS_SHARE = Fraction(25, 48)  # of the candidates, that its longest list takes
TRAINED, RANKED = "04 04b 05 05b 06 06b 07 07b 08", "05 05b 07 07b"  # notebooks that train, and that rank


def write_collection(folder, n_artists, *, clips=1, seconds=1):
    """Tones of some artists as a music folder, and plays of two camps of 120 listeners."""
    rng, artists = np.random.default_rng(n_artists), [f"Artist {k:03d}" for k in range(n_artists)]
    heard = rng.random((120, n_artists)) < np.where(
        np.equal.outer(np.arange(120) % 2, np.arange(n_artists) % 2), 0.8, 0.3
    )
    rows = [(f"user {user}", artists[artist], 3) for user, artist in np.argwhere(heard)]
    folder.mkdir(exist_ok=True)
    pd.DataFrame(rows, columns=["user", "artist", "plays"]).to_csv(folder / "plays.csv", index=False)
    time = np.arange(seconds * RATE) / RATE
    for number, artist in enumerate(artists):
        (folder / "music" / artist).mkdir(parents=True)
        for clip in range(clips):
            pitch = 150 * 2 ** (number % 24 / 6) * (1 + 0.05 * clip)  # Hz
            tone = 0.3 * np.sin(2 * np.pi * pitch * time) + 0.01 * rng.normal(size=len(time))
            soundfile.write(folder / "music" / artist / f"{clip}.wav", tone, RATE)
    return folder


def typed(folder):
    return [f"01.plays_file={folder / 'plays.csv'}", f"02.music_folder={folder / 'music'}"]


@pytest.fixture
def places(monkeypatch, tmp_path):
    """Data and figures below the test's own folder."""
    for top, variable in paths.MOVABLE.items():
        monkeypatch.setenv(variable, str(tmp_path / top))
    return tmp_path


@pytest.fixture
def eight(places):
    return write_collection(places / "collection", 8)


def resolved(folder, *overrides):
    return profiles.resolve("own", [*typed(folder), *overrides])[1]


def plan(n_artists, *overrides):
    count = collection.Count(n_artists, "with music and plays", exact=True)
    return collection.described(count, profiles.resolve("own", overrides)[1])


def refusal(parameters, todo=None):
    with pytest.raises(profiles.ProfileError) as refused:
        checks.check("own", parameters, todo or stages.names())
    return str(refused.value)


# --- sizes --------------------------------------------------------------------------------------------------


@given(st.integers(sizes.EVALUATED_FROM, 1_200))
def test_every_list_is_well_below_the_candidates_of_the_split_and_of_every_fold(n_artists):
    size, artists = sizes.of(n_artists), [str(k) for k in range(n_artists)]
    splits = studies.paper_split(artists, n_dev=size.n_dev, n_test=size.n_test)
    folds = studies.k_fold(artists, n_folds=size.n_folds, n_dev=size.n_dev)
    both = pd.concat([splits, folds])
    parts = both[both["split"] != "train"].groupby(["fold", "split"]).size().unstack()
    candidates = [parts.loc[0, "test"] - 1, *(parts.sum(axis=1).drop(0) - 1)]
    assert size.list_lengths
    assert max(size.list_lengths) <= PAPERS_SHARE * int(min(candidates))
    assert size.search_list_length == 1 or size.search_list_length <= PAPERS_SHARE * (size.n_dev - 1)
    assert sizes.list_lengths(both) == size.list_lengths  # the notebooks' own count of the same


@given(st.integers(1, 1_200))
def test_every_notebook_runs_or_says_why_not(n_artists):
    size = sizes.of(n_artists)
    assert bool(size.left_out()) == (n_artists < sizes.EVALUATED_FROM)
    assert all(size.left_out().values())
    assert not size.misfit()
    if n_artists >= sizes.TRAINED_FROM:
        assert n_artists - size.n_dev - size.n_test >= sizes.MINIMUM_TRAIN
        assert set(size.left_out()) <= set(sizes.EVALUATING)


@pytest.mark.parametrize(
    ("n_artists", "sentence"),
    [
        (8, "no folds, 4 training, 2 dev and 2 test artists; no ranking is evaluated below 24 artists"),
        (31, "5 folds, lists of 3 and 5; "),
        (163, "5 folds, lists of 3, 5, 10 and 25; "),
        (975, "no folds, lists of 3, 5, 10 and 25; the single split has 877 training, 49 dev and 49 test"),
    ],
)
def test_the_sizes_of_some_collections(n_artists, sentence):
    assert plan(n_artists)[0].startswith(f"{n_artists} artists with music and plays: {sentence}")


def test_what_is_given_is_taken_as_it_is():
    for profile in ("demo", "paper"):
        given = sizes.given(206, profiles.resolve(profile)[1])
        assert given == sizes.Sizes(206, 49, 49, 1, (3, 5, 10, 25), 10)
    few = sizes.of(12, n_dev=3, n_test=5, list_lengths=[2])
    assert few.evaluated
    assert not few.left_out() | few.shortened()


# --- the plan -----------------------------------------------------------------------------------------------


def left_out(lines):
    return [stages.number(line.split()[0]) for line in lines if "will not run" in line]


@pytest.mark.parametrize(
    ("n_artists", "numbers"), [(3, TRAINED), (8, RANKED), (23, RANKED), (24, ""), (163, "")]
)
def test_the_plan_names_each_notebook_that_will_not_run(n_artists, numbers):
    assert left_out(plan(n_artists)) == numbers.split()


@pytest.mark.parametrize(("n_artists", "numbers"), [(3, TRAINED), (8, RANKED), (31, "")])
def test_list_prints_the_plan_of_plays_and_music_before_anything_has_run(places, capsys, n_artists, numbers):
    parameters = resolved(write_collection(places / "collection", n_artists))
    assert runner.show("own", parameters, stages.names()) == 0
    lines = capsys.readouterr().out.splitlines()
    stated = [
        line for line in lines if line.startswith(f"at most {n_artists} artists with music and plays: ")
    ]
    assert len(stated) == 1
    assert set(left_out(lines)) == set(numbers.split())
    assert not any("chosen" in line or "Artist 0" in line for line in lines)  # what 01 prints is for 01


def test_artists_of_the_music_whom_nobody_plays_do_not_count(eight):
    for k in range(3):
        (eight / "music" / f"Artist {k:03d}").rename(eight / "music" / f"Stranger {k}")
    assert str(collection.counted("own", resolved(eight), stages.names())) == (
        "at most 5 artists with music and plays"
    )


def test_plays_too_large_to_be_read_twice_leave_the_number_of_the_music(eight, monkeypatch):
    monkeypatch.setattr(collection, "QUICK", 10)
    monkeypatch.setattr(plays, "read", lambda *_, **__: pytest.fail("they were read"))
    assert "at most 8 artists in the music (folder)" in str(
        collection.counted("own", resolved(eight), stages.names())
    )


def test_music_that_can_only_be_fetched_is_not_counted_beforehand(places):
    parameters = profiles.resolve("open")[1]
    assert collection.counted("open", parameters, stages.names()) is None


# --- refused beforehand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["01.n_artists=9"], "-p 01_listening_data.n_artists=9: there are at most 8 artists with music"),
        (["01.plays_file=none.csv"], "none.csv: there is no such file"),
        (["01.plays_file="], "-p 01_listening_data.plays_file=: it is empty"),
        (["02.music_folder=none"], "none: there is no such folder"),
        (["02.music_folder="], "-p 02_preview_clips.music_folder=: it is empty"),
        (["02.sources=[flder]"], "-p 02_preview_clips.sources=[flder]: known sources are spotify"),
        (["02.sources=[spotify]"], "spotify is off until you say that you may use it"),
        (["02.table_file=table.csv"], "02_preview_clips.artist_column"),
        (["04.n_test=49"], "lower -p 04_siamese_training.n_dev=2 or -p 04_siamese_training.n_test=49"),
        (
            ["05.list_lengths=[10]"],
            "no list of [10] is shorter than 2, the number of test artists: give -p 05_ranking",
        ),
        (["04.batch_size=100"], "-p 04_siamese_training.batch_size=100: expected is a power of two"),
        (["01.n_artists=-5"], "-p 01_listening_data.n_artists=-5: expected is 2 or more; 0 takes all."),
        (["02.clips_per_artist=0"], "-p 02_preview_clips.clips_per_artist=0: expected is 1 or more."),
        (["04.n_test=-3"], "-p 04_siamese_training.n_test=-3: expected is 2 or more; 0 computes it."),
        (["04.n_folds=100"], "100 folds need as many artists, here are 8: lower -p 04_siamese_training.n_f"),
        (["05.list_lengths=[0, 3]"], "-p 05_ranking_evaluation.list_lengths=[0, 3]: expected is 1 or more."),
        (["04.seeds=[]"], "-p 04_siamese_training.seeds=[]: give at least one seed"),
        (["07.tags_file=tags.csv"], "tags.csv: there is no such file"),
        (["08.history_file=table.csv"], "-p 08_artist_explorer.history_file="),
    ],
)
def test_what_cannot_run_is_refused_and_named_as_it_is_typed(eight, monkeypatch, overrides, message):
    monkeypatch.chdir(eight)
    (eight / "table.csv").write_text("performer,path\nArtist 000,Artist 000/0.wav\n")
    assert message in refusal(resolved(eight, *overrides))


def test_everything_that_is_wrong_is_said_at_once(eight, monkeypatch):
    monkeypatch.chdir(eight)
    refused = refusal(resolved(eight, "01.plays_file=a", "02.music_folder=b", "04.seeds=[]"))
    assert len(refused.splitlines()) == 3


def test_plays_in_no_known_layout_are_refused_by_their_parameter(eight):
    (eight / "plays.csv").write_text("colour,shape\nred,round\n")
    assert f"-p 01_listening_data.plays_file={eight / 'plays.csv'}: " in refusal(resolved(eight))


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(eight):
    (eight / "plays.csv").chmod(0)
    assert "you may not read it" in refusal(resolved(eight))


def test_a_scheduler_that_does_not_answer_is_refused_and_one_that_does_is_not(eight):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        given = [f"{stage}.dask={address}" for stage in ("01", "03")]
        assert not list(checks._cluster(resolved(eight, *given), stages.names()))
    refused = refusal(resolved(eight, *given))
    assert f"-p 01_listening_data.dask={address}: no Dask scheduler answers there" in refused


def test_a_disk_without_room_is_refused(eight, monkeypatch):
    full = type("usage", (), {"free": 100e6})
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: full)
    assert "This run needs about 0.3 GB of disk" in refusal(resolved(eight))


def test_only_what_is_about_to_run_is_checked(eight, monkeypatch):
    monkeypatch.chdir(eight)
    parameters = resolved(eight, "01.plays_file=none.csv", "08.history_file=none.csv")
    assert "08" not in refusal(parameters, todo=["01_listening_data"])


# --- the run ------------------------------------------------------------------------------------------------


def test_cells_on_rankings_are_left_out_of_a_copy_and_a_line_says_why(places):
    for stage in sizes.WITH_RANKINGS:
        parameters = profiles.resolve("own")[1][stage]
        notebooks.prepare(stage, "own", parameters, "too few")
        copy = nbformat.read(paths.executed("own", stage), as_version=4)
        tags = [cell.metadata.get("tags", []) for cell in copy.cells]
        assert [sizes.RANKING] not in tags
        lines = [cell for cell in copy.cells if notebooks.LEFT_OUT in cell.metadata.get("tags", [])]
        assert {line.source for line in lines} == {"*Cells are left out here: too few.*"}
        assert "run.finish()" in copy.cells[-1].source
        assert freshness.was_shortened(stage, "own")
        notebooks.prepare(stage, "own", parameters)
        assert not freshness.was_shortened(stage, "own")
        assert len(nbformat.read(paths.executed("own", stage), as_version=4).cells) > len(copy.cells)


@pytest.mark.parametrize(
    ("n_artists", "ran", "shortened"),
    [
        (3, "", ""),
        (8, "04 04b 06 06b 08", "04 06 06b"),
        (31, TRAINED, ""),
    ],
)
def test_the_runner_leaves_out_what_cannot_run(eight, monkeypatch, capsys, n_artists, ran, shortened):
    """As it does when 01 to 03 have run, whichever number of artists these have left."""
    executed = {}
    monkeypatch.setattr(
        notebooks,
        "execute",
        lambda stage, *_, left_out, **__: executed.setdefault(stages.number(stage), left_out),
    )
    monkeypatch.setattr(freshness, "check_needs", lambda *_: None)
    monkeypatch.setattr(runner, "_written", lambda *_: [])
    monkeypatch.setattr(
        collection, "exact", lambda profile: collection.Count(n_artists, "with music and plays", exact=True)
    )
    old = paths.manifest("own", "05_ranking_evaluation")
    artifacts.write_text("of a larger collection", old)
    assert runner.run("own", resolved(eight), [stage for stage in stages.names() if stage >= "04"]) == 0
    assert list(executed) == ran.split()
    assert [stage for stage, why in executed.items() if why] == shortened.split()
    assert old.exists() == ("05" in executed)
    assert f"{n_artists} artists with music and plays: " in capsys.readouterr().out


def test_a_notebook_that_was_shortened_runs_again_when_rankings_are_evaluated(places, monkeypatch):
    parameters = profiles.resolve("own")[1]
    monkeypatch.setattr(artifacts, "why_stale", lambda *_: None)
    for stage in sizes.WITH_RANKINGS:
        notebooks.prepare(stage, "own", parameters[stage], "too few")
        reasons = []
        for n_artists in (23, 24):
            count = collection.Count(n_artists, "with music and plays", exact=True)
            monkeypatch.setattr(collection, "exact", lambda profile, count=count: count)
            reasons.append(freshness.why_stale(stage, "own", parameters))
        assert reasons == [None, "its cells on rankings were left out"]


def test_eight_artists_go_from_their_plays_to_the_explorer(tmp_path):
    folder = write_collection(tmp_path / "collection", 8, clips=2, seconds=11)
    small = ["04.epochs=1", "04.seeds=[0]", "04.batch_size=256", "02.clips_per_artist=2"]
    overrides = [part for value in [*typed(folder), *small] for part in ("-p", value)]
    only = ["--only", *["01", "02", "03", "04", "04b", "05", "05b", "07", "07b", "08"]]
    printed = test_end_to_end.run(tmp_path, "--profile", "own", *overrides, *only).stdout
    before, _, _ = printed.partition("01_listening_data · done")
    assert "at most 8 artists with music and plays: no folds" in before
    assert left_out(before.splitlines()) == RANKED.split()
    assert "\n8 artists with music and plays: no folds" in printed
    done = {stages.number(file.stem) for file in (tmp_path / "data" / "own" / "manifests").iterdir()}
    assert done == {"01", "02", "03", "04", "04b", "08"}
    splits = pd.read_parquet(tmp_path / "data" / "own" / "splits.parquet")
    assert splits["split"].value_counts().to_dict() == {"train": 4, "dev": 2, "test": 2}
