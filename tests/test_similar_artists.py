"""A model in one file: it answers for a recording as the method did, and the example script prints it."""

import json
import subprocess
import sys

import numpy as np
import planted_world
import pytest
import soundfile

from lib.beyond import similar_artists
from lib.beyond.audio_features import AudioFeatures
from lib.beyond.factor_cnn import FactorCnn
from lib.beyond.factor_models import FactorKernel, FactorRidge, FactorSum, TagRidge
from lib.spectrograms import picture
from lib.workflow import paths

SETTINGS = picture.Settings(n_fft=3000)


@pytest.fixture(scope="module")
def made():
    """A finder of all four kinds, and its study."""
    matrix, study = planted_world.build()
    train, dev, _ = planted_world.parts(study)
    ear = AudioFeatures(n_atoms=16)
    parts = [FactorRidge(matrix, ear), FactorKernel(matrix, ear), FactorCnn(matrix, steps=2)]
    parts.append(TagRidge(planted_world.called(), ear))
    method = FactorSum(parts, "factor_all").fit(study, train, dev, seed=0)
    found = similar_artists.finder(method, study, settings=SETTINGS, provenance={"profile": "planted"})
    return found, study


@pytest.fixture
def recording(tmp_path, rng):
    path = tmp_path / "song.wav"
    soundfile.write(path, 0.1 * rng.normal(size=8_000 * 12), 8_000)
    return path


def test_a_known_artist_is_nearest_to_its_own_clips(made):
    found, study = made
    clips, _ = study.clips_of(study.ids[3:4])
    answer = found.of_clips(clips, n=4)
    assert answer["artist_id"][0] == study.ids[3]
    assert answer["rank"].tolist() == [1, 2, 3, 4]
    assert answer["score"][0] == pytest.approx(1, abs=1e-4)
    assert answer["score"].is_monotonic_decreasing


def test_its_scores_are_those_of_the_method(made):
    found, study = made
    scores = found.method.score(study, study.ids)
    clips, _ = study.clips_of(study.ids[7:8])
    answer = found.of_clips(clips, n=40).set_index("artist_id")["score"].drop(study.ids[7])
    np.testing.assert_allclose(answer, scores.loc[study.ids[7], answer.index], atol=1e-4)


def test_a_file_answers_as_the_method_did_and_is_the_same_bytes_again(made, recording, tmp_path):
    found, _ = made
    for name in ("one.npz", "two.npz"):
        found.save(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    loaded = similar_artists.load(tmp_path / "one.npz")
    wanted, answer = found.of_file(recording), loaded.of_file(recording)
    assert answer["artist_id"].tolist() == wanted["artist_id"].tolist()
    np.testing.assert_allclose(answer["score"], wanted["score"], atol=1e-4)
    assert (loaded.settings, loaded.provenance) == (SETTINGS, {"profile": "planted"})
    assert loaded.method.name == "factor_all"


def test_the_example_prints_the_most_similar_artists(made, recording, tmp_path):
    found, _ = made
    alone = similar_artists.finder(found.method.parts[0], made[1], settings=SETTINGS, provenance={})
    alone.save(tmp_path / "model.npz")
    command = [sys.executable, "-m", "examples.similar_artists", tmp_path / "model.npz", recording]
    said = subprocess.run(command, cwd=paths.root(), capture_output=True, text=True, check=True, timeout=300)
    wanted = alone.of_file(recording)
    assert [line.split("  ")[0] for line in said.stdout.splitlines()] == [
        f"{row.rank}. {row.name}" for row in wanted.itertuples()
    ]


def test_a_file_that_is_no_model_is_an_error(tmp_path):
    np.savez(tmp_path / "other.npz", numbers=np.arange(3))
    np.save(tmp_path / "array.npy", np.arange(3))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:100])
    (tmp_path / "text.npz").write_text("# a text\n")
    (tmp_path / "empty.npz").write_bytes(b"")
    for file in sorted(tmp_path.iterdir()):
        with pytest.raises(ValueError, match=f"{file.name} is no model of similar artists"):
            similar_artists.load(file)


@pytest.mark.parametrize(
    "changes",
    [{"kinds": None}, {"format": None}, {"settings": {"x": 1}}, {"kinds": "magic"}, {"artist_ids": ["a"]}],
)
def test_a_model_whose_parts_do_not_fit_is_an_error(made, tmp_path, changes):
    path = tmp_path / "model.npz"
    made[0].save(path)
    with np.load(path) as stored:
        arrays = dict(stored)
    about = json.loads(arrays["about"].tobytes()) | changes
    about = {name: value for name, value in about.items() if value is not None}
    np.savez(path, **arrays | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)})
    with pytest.raises(ValueError, match=r"model\.npz is no model of similar artists, or is damaged"):
        similar_artists.load(path)


def test_more_artists_than_it_knows_are_an_error(made):
    with pytest.raises(ValueError, match="41 artists were asked for, the model knows 40"):
        made[0].of_clips(np.zeros((1, 256, 64)), n=41)
