"""The study that every method is given: what notebooks wrote, joined by id, refused where it does not fit."""

import re

import numpy as np
import pandas as pd
import pytest

from lib import study as studies
from lib.listening import matrix, metrics, targets
from lib.spectrograms import picture
from lib.workflow import artifacts, paths, stages

SPLITS = ["train"] * 6 + ["dev"] * 3 + ["test"] * 2
SIZES = np.tile([2, 1, 3], 4)[:11]  # clips of each artist; the last artist has none


def write_manifest(stage, parameters=()):
    inputs = {"parameters": dict(parameters)}
    made = artifacts.Manifest(stage, "demo", inputs, key="", outputs={}, records={}, made_with={})
    artifacts.write_manifest(made, paths.manifest("demo", stage))


@pytest.fixture
def folder(tmp_path, monkeypatch, miniature):
    """What notebooks 01 to 04 leave behind; row k of the spectrograms holds k / 100."""
    monkeypatch.setenv(paths.MOVABLE["data"], str(tmp_path))
    folder = paths.data("demo")
    folder.mkdir()
    matrix.save(miniature, folder)
    ids = miniature.artists["artist_id"].tolist()[:11]
    owners = np.repeat(ids, SIZES)
    index = pd.DataFrame({"clip_id": [f"clip-{k:02d}" for k in range(len(owners))], "artist_id": owners})
    clips = index.assign(title=[f"Song {k}" for k in range(len(owners))], file="clips/tone.wav")
    clips.sample(frac=1, random_state=0).to_parquet(folder / "clips.parquet")
    index.rename_axis("row").reset_index().to_parquet(folder / "spectrograms.parquet")
    numbers = np.arange(len(owners), dtype=np.float16)[:, None, None] / 100
    np.save(folder / "spectrograms.npy", np.broadcast_to(numbers, (len(owners), *picture_shape())))
    splits = pd.DataFrame({"fold": 0, "artist_id": ids, "split": SPLITS})
    splits.to_parquet(folder / "splits.parquet")
    write_manifest("01_listening_data", {"simulate": True})
    write_manifest("02_preview_clips")
    write_manifest("03_spectrograms")
    write_manifest("04_siamese_training", {"metric": "min_conditional"})
    return folder


def picture_shape():
    return picture.N_FRAMES, picture.N_MELS


def test_clips_are_joined_by_their_id_whatever_the_order_of_their_table(folder):
    study = studies.load("demo")
    assert study.clips["clip_id"].tolist() == [f"clip-{k:02d}" for k in range(len(study.clips))]
    assert study.clips["title"].tolist() == [f"Song {k}" for k in range(len(study.clips))]
    assert study.clips.index.tolist() == list(range(len(study.clips)))
    np.testing.assert_array_equal(study.clip_artists, np.repeat(study.ids, SIZES))
    spectrograms, owners = study.clips_of(study.ids[2:3])
    assert (owners == 0).all()
    np.testing.assert_allclose(spectrograms[:, 0, 0], [0.03, 0.04, 0.05], atol=1e-4)


def test_a_study_is_made_of_what_the_notebooks_wrote(folder, miniature):
    study = studies.load("demo")
    assert study.ids == miniature.artists["artist_id"].tolist()[:11]  # the last one has no clip
    wanted = metrics.min_conditional(miniature).loc[study.ids, study.ids]
    np.testing.assert_array_equal(study.target, wanted)
    assert study.listeners.tolist() == miniature.artists["listeners"].tolist()[:11]
    assert (study.train, study.dev, study.test) == (study.ids[:6], study.ids[6:9], study.ids[9:])
    assert study.simulated is True
    assert study.folder == folder
    assert study.listening.artists.equals(miniature.artists)  # all of them
    assert study.chosen_listening.artists.equals(miniature.artists)
    assert isinstance(study.spectrograms, np.memmap)


def test_the_target_is_of_the_chosen_artists_and_listening_is_of_all(folder, miniature):
    chosen = matrix.top(miniature, 11)
    matrix.save(chosen, folder, everybody=miniature)
    study = studies.load("demo")
    np.testing.assert_array_equal(study.target, metrics.min_conditional(chosen))
    pd.testing.assert_frame_equal(study.chosen_listening.artists, chosen.artists)
    pd.testing.assert_frame_equal(study.listening.artists, miniature.artists)
    assert (study.listening.plays != miniature.plays).nnz == 0


def test_a_metric_that_is_given_is_taken_and_splits_are_left_to_draw(folder, miniature):
    paths.manifest("demo", "04_siamese_training").unlink()
    (folder / "splits.parquet").unlink()
    study = studies.load("demo", metric="cosine")
    assert study.splits is None
    np.testing.assert_array_equal(
        study.target, metrics.METRICS["cosine"](miniature).loc[study.ids, study.ids]
    )
    with pytest.raises(ValueError, match="there is no metric 'magic' of similarity; choose among"):
        studies.load("demo", metric="magic")


@pytest.mark.parametrize(
    "stage", ["01_listening_data", "02_preview_clips", "03_spectrograms", "04_siamese_training"]
)
def test_a_stage_that_was_not_run_is_named_with_its_command(folder, stage):
    paths.manifest("demo", stage).unlink()
    command = re.escape(f"run_all.py --only {stages.number(stage)}")
    with pytest.raises(artifacts.MissingArtifact, match=f"{stage} has not been run .*{command}"):
        studies.load("demo")


def changed(name, change):
    def spoil(folder):
        path = folder / f"{name}.parquet"
        change(pd.read_parquet(path)).to_parquet(path)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (changed("clips", lambda clips: clips.iloc[1:]), "not of one run: run 03 again"),
        (
            changed("clips", lambda clips: clips.assign(artist_id=clips["artist_id"].to_numpy()[::-1])),
            "not of one run: run 03 again",
        ),
        (changed("clips", lambda clips: pd.concat([clips, clips])), "not of one run: run 03 again"),
        (changed("spectrograms", lambda index: index.iloc[1:]), "do not fit an index of .*: run 03 again"),
        (changed("splits", lambda splits: splits.iloc[1:]), "name other artists: run 04 again"),
        (changed("artists", lambda artists: artists.iloc[1:]), "the 12 chosen artists of .*: run 01 again"),
    ],
)
def test_what_does_not_fit_is_one_sentence_with_the_command(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ValueError, match=message) as error:
        studies.load("demo")
    assert "\n" not in str(error.value)


def test_artists_are_found_by_name_or_id_the_famous_one_of_two():
    ids, names = list("abcd"), ["Nirvana", "ABBA", "nirvana ", "Enya"]
    artists = pd.DataFrame({"artist_id": ids, "name": names, "listeners": [4, 3, 2, 1]})
    target = pd.DataFrame(0.5, index=ids, columns=ids)
    study = studies.aligned(target, artists, np.zeros((4, 2, 2)), pd.DataFrame({"artist_id": ids}))
    assert study.find(["NIRVANA", "b", "abba"]) == ["a", "b"]  # each once
    assert study.find(["c", "nirvana", "nobody"]) == ["c", "a"]  # an id is never taken for a name
    assert study.find(["Silent", "nobody"]) == ["a", "b", "c"]  # the most listeners, where nobody is found


def test_fewer_clips_are_numbered_anew(study):
    fewer = study.with_clips([5, 3, 4])
    assert fewer.clips.index.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(fewer.clip_artists, study.clip_artists[[5, 3, 4]])
    np.testing.assert_array_equal(fewer.spectrograms, study.spectrograms[[5, 3, 4]])


def test_plain_arrays_make_a_study(rng):
    target = pd.DataFrame(0.5, index=list("ab"), columns=list("ab"))
    features, listeners = rng.random((3, 5)), pd.Series([2, 1], index=list("ab"))
    study = studies.of_arrays(features, np.array(list("bab"), dtype=object), target, listeners)
    found, owners = study.clips_of(["b", "a"])
    np.testing.assert_allclose(found, features[[0, 2, 1]].astype(np.float32))
    assert (owners.tolist(), study.listeners.tolist()) == ([0, 0, 1], [2, 1])


def test_two_halves_of_the_listeners_make_two_targets_of_all_artists(miniature):
    first, second = targets.halves(miniature, seed=1)
    for half, wanted in zip((first, second), matrix.halves(miniature, seed=1), strict=True):
        pd.testing.assert_frame_equal(half, metrics.min_conditional(wanted), check_exact=True)
        assert half.index.tolist() == miniature.artists["artist_id"].tolist()
    assert not first.equals(second)
    again = targets.halves(miniature, seed=1)
    pd.testing.assert_frame_equal(first, again[0], check_exact=True)
    assert not first.equals(targets.halves(miniature, seed=2)[0])
