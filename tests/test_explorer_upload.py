"""A person's own file: scores, a place on the map, or one sentence under the name that the person gave it."""

import io
import os
import re
import tempfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
from explorer_world import IDS, parts

from lib.beyond import similar_artists
from lib.explorer import explorer, upload
from lib.spectrograms import picture

RATE = 8000
MAP = {"x": [0.0, 0.1, 0.2, 0.9, 0.8], "y": [0.0, 0.5, 0.0, -0.9, -0.8]}


@pytest.fixture
def study(tmp_path):
    return parts(tmp_path)[0]


@pytest.fixture
def noise(rng):
    """A recording of 40 s that gets quieter."""
    return recording(rng.uniform(-1, 1, 40 * RATE) * np.linspace(1, 0.01, 40 * RATE))


def recording(signal, kind="WAV"):
    with io.BytesIO() as file:
        soundfile.write(file, signal, RATE, format=kind)
        return file.getvalue()


def scores_of(buffers):
    return np.frombuffer(buffers[0], dtype="<f4")


def picture_of(content, settings=picture.DEFAULT):
    return picture.from_file(content, settings)


def test_without_a_model_the_nearest_artist_is_that_of_the_nearest_spectrograms(study, noise):
    spectrograms = study.spectrograms.astype(np.float32)
    spectrograms[6:8] = picture_of(noise)  # both clips of the fourth artist
    study = replace(study, spectrograms=spectrograms)
    answer, buffers = upload.Upload(study)("my song.wav", noise)
    scores = scores_of(buffers)
    assert scores.argmax() == 3
    assert scores[3] == pytest.approx(0, abs=1e-2)
    distances = np.linalg.norm((spectrograms - picture_of(noise)).reshape(10, -1), axis=1)
    np.testing.assert_allclose(scores, -distances.reshape(5, 2).mean(axis=1), atol=1e-3)
    assert answer["method"] == explorer.name("l2")
    assert answer["title"] == "my song.wav"
    assert answer["map"] is None
    assert (answer["type"], answer["seconds"], answer["start"]) == ("image/png", 30, 5)
    assert buffers[1].startswith(b"\x89PNG")


@pytest.fixture
def model(study, monkeypatch):
    """A model that lacks the second artist, and has one that the study lacks; with a list of its loads."""
    settings = picture.Settings(n_fft=3000)
    finder = SimpleNamespace(
        method=SimpleNamespace(name="siamese"),
        artists=pd.DataFrame({"artist_id": ["e", "d", "stranger", "c", "a"]}),
        vectors=np.array([[1.0, 0], [0.6, 0.8], [1, 0], [0, 1], [-1, 0]]),
        settings=settings,
        seen=[],
    )
    finder.vector = lambda clips: finder.seen.append(clips) or np.array([1.0, 0])
    (study.folder / "models").mkdir()
    (study.folder / upload.MODEL).write_bytes(b"a model")
    loads = []
    monkeypatch.setattr(similar_artists, "load", lambda path: loads.append(path) or finder)
    return finder, loads


def test_scores_of_the_model_are_matched_by_id_and_nan_where_it_lacks_an_artist(study, model, noise):
    finder, loads = model
    answers = upload.Upload(study, MAP)
    answer, buffers = answers("song.wav", noise)
    np.testing.assert_allclose(scores_of(buffers), [-1, np.nan, 0, 0.6, 1], atol=1e-6)
    assert answer["method"] == explorer.name("siamese")
    np.testing.assert_allclose(finder.seen[0], picture_of(noise, finder.settings)[None])
    answers("song.wav", noise)
    assert len(loads) == 1  # read once
    assert loads[0] == study.folder / upload.MODEL


def test_the_place_on_the_map_is_the_mean_of_the_nearest_weighted_by_their_scores(study, model, noise):
    """Weights are 0, 1, 1.6 and 2 above the lowest score; the second artist has no score."""
    answer, _ = upload.Upload(study, MAP)("song.wav", noise)
    weights = np.array([0, 1, 1.6, 2]) / 4.6
    wanted = [weights @ np.array(MAP[axis])[[0, 2, 3, 4]] for axis in "xy"]
    assert answer["map"] == pytest.approx(wanted, abs=1e-3)


def test_a_place_lies_among_the_five_nearest_and_equal_scores_count_equally():
    places = {"x": [0.0, 0, 0, 0, 1, 9, None], "y": [0.0] * 7}
    assert upload.place_among(np.ones(7), {**places, "x": [0.0, 0, 0, 0, 1, 9, 9]}) == [0.2, 0]
    assert upload.place_among(np.array([1.0, 1, 1, 1, 1, 0, 5]), places) == [0.2, 0]
    assert upload.place_among(np.full(7, np.nan), places) is None


def test_a_model_that_cannot_be_read_is_not_blamed_on_the_file(study, noise):
    (study.folder / "models").mkdir()
    (study.folder / upload.MODEL).write_bytes(b"no model")
    answer, buffers = upload.Upload(study)("song.wav", noise)
    assert answer["error"].startswith("models/beyond.npz is no model of similar artists, or is damaged")
    assert answer["error"].endswith(f"Run: python3 run_all.py --profile {study.folder.name} --only 07")
    assert "song.wav" not in answer["error"]
    assert buffers == []


def test_a_model_of_other_artists_answers_nothing(study, model, noise):
    finder, _ = model
    finder.artists["artist_id"] = ["v", "w", "x", "y", "z"]
    answer, buffers = upload.Upload(study, MAP)("song.wav", noise)
    assert answer["error"].startswith("models/beyond.npz holds none of the 5 artists here. Run: ")
    assert buffers == []


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"inputs": {"parameters": {"n_fft": "x"}}}'])
def test_settings_that_cannot_be_read_are_not_blamed_on_the_file(study, noise, text):
    (study.folder / "manifests").mkdir()
    (study.folder / "manifests" / "03_spectrograms.json").write_text(text)
    answer, _ = upload.Upload(study)("song.wav", noise)
    assert answer["error"].startswith("03_spectrograms.json is damaged. Run: python3 run_all.py")
    assert answer["error"].endswith(" --only 03")


def still():
    return recording(np.zeros(20 * RATE))


FAULTS = {
    "text.mp3": (lambda: b"some words", "begins with b'some words'.*a recording of 10 s or more as mp3, m4a"),
    "empty.flac": (lambda: b"", "is empty"),
    "cut.wav": (lambda: recording(np.ones(20 * RATE) / 9)[:9000], "damaged or cut short"),
    "short.wav": (lambda: recording(np.ones(3 * RATE) / 9), "3.0 s long, at least 10 s wanted"),
    "still.wav": (still, "silent: in its middle 30 s no sample reaches -60 dB"),
    "picture.png": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(50), "no sound file of a kind that is read here"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_a_file_is_one_sentence_under_its_own_name(study, name):
    content, reason = FAULTS[name]
    answer, buffers = upload.Upload(study)(f"C:\\fakepath\\{name}", content())
    assert list(answer) == ["error"]
    assert answer["error"].startswith(f"{name}: ")
    assert re.search(reason, answer["error"])
    assert tempfile.gettempdir() not in answer["error"]
    assert "\n" not in answer["error"]
    assert buffers == []


def test_a_file_that_is_too_large_is_refused_before_it_is_written_anywhere(study, monkeypatch):
    monkeypatch.setattr(upload, "LARGEST", 3_000_000)
    monkeypatch.setattr(tempfile, "TemporaryDirectory", None)
    answer, _ = upload.Upload(study)("opera.wav", bytes(3_000_001))
    assert answer == {"error": "opera.wav: 4 MB, at most 3 MB are read"}


HOSTILE = {
    "../../etc/passwd": "passwd",
    "/tmp/x/../y.mp3": "y.mp3",
    "..": "..",
    "a\x00b\nc.mp3": "a b c.mp3",
    "\u202egnp.exe": "gnp.exe",
    "": "the file",
    "x" * 5000 + ".mp3": "x" * 60 + "…" + "x" * 56 + ".mp3",
    "<img src=x onerror=alert(1)>.mp3": "<img src=x onerror=alert(1)>.mp3",
}


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_only_the_last_part_of_a_name_is_used_and_writes_nowhere_else(
    study, noise, name, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    before = sorted(os.listdir(study.folder))
    answer, buffers = upload.Upload(study)(name, noise)
    assert answer["title"] == HOSTILE[name]
    assert len(scores_of(buffers)) == len(IDS)
    assert sorted(os.listdir(study.folder)) == before
    assert os.listdir(tmp_path / "temporary") == []


def test_the_kind_is_that_of_the_content_and_a_short_clip_is_padded(study, noise, rng):
    sound = recording(rng.uniform(-1, 1, 12 * RATE), "FLAC")
    answer, _ = upload.Upload(study)("misnamed.mp3", sound)
    assert (answer["start"], answer["seconds"]) == (0, 30)
