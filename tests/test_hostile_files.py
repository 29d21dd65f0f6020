"""Files of models, scores, weights and matrices from nobody knows whom: data, never code, or one sentence."""

import io
import json
import pathlib
import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.beyond import moments, similar_artists
from lib.beyond.factor_models import FactorSum
from lib.listening import matrix
from lib.methods import labelled_scores
from lib.ranking import scores
from lib.spectrograms import picture
from lib.training import checkpoints, network

ROOT = pathlib.Path(__file__).parents[1]
IDS = ["a", "b", "c"]


def read_scores(path):
    loaded = scores.load(path)
    return [(loaded.frame(run), loaded.row(run[0], loaded.ids(run)[0])) for run in loaded.runs]


def write_listening(path):
    names = {"artist_id": IDS, "name": IDS, "listeners": 1, "plays": 1}
    plays = scipy.sparse.csr_array(np.eye(3, dtype=int))
    matrix.save(matrix.ListeningMatrix(plays, pd.DataFrame(names)), path.parent)


def write_scores(path):
    frame = labelled_scores(np.arange(9.0).reshape(3, 3), IDS)
    scores.Scores.of_frames({("l2", 0, 0): frame}).save(path)


def write_model(path):
    artists = pd.DataFrame({"artist_id": IDS, "name": IDS})
    similar_artists.Finder(FactorSum([]), artists, np.eye(3), picture.Settings(), {}).save(path)


def write_moments(path):
    frames = np.random.default_rng(0).random((2, 4, 3))
    moments.of_frames(frames, ["x", "y"], np.array([True, True])).save(path)


def write_weights(path):
    model = network.tile_model(network.encoder(n_filters=2))
    network.save(model, path, configuration={"n_filters": 2})


KINDS = {  # name: how it is written, how read
    "scores.npz": (write_scores, read_scores),
    "model.npz": (write_model, similar_artists.load),
    "moments.npz": (write_moments, moments.load),
    "seed0.npz": (write_weights, network.load),
    "listening.npz": (write_listening, lambda path: matrix.load(path.parent)),
    "artists.parquet": (write_listening, lambda path: matrix.load(path.parent)),
    "all_artists.parquet": (write_listening, lambda path: matrix.load(path.parent)),
}
ARRAYS = [name for name in KINDS if name.endswith(".npz")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    for name, (write, _) in KINDS.items():
        write(folder / name)
    return {name: (folder / name).read_bytes() for name in KINDS}, folder


def refused(made, name, content, also=""):
    """Whether a file with this content is refused; if so, by one sentence that names it."""
    contents, folder = made
    (folder / name).write_bytes(content)
    try:
        KINDS[name][1](folder / name)
    except ValueError as error:
        assert type(error) is ValueError
        assert name in str(error)
        assert also in str(error)
        assert "\n" not in str(error)
        assert "allow_pickle" not in str(error)
        return True
    finally:
        (folder / name).write_bytes(contents[name])
    return False


class Canary:
    """An object whose loading would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


@pytest.mark.parametrize("name", ARRAYS)
def test_pickled_objects_are_refused_and_never_loaded(made, tmp_path, name):
    contents, _ = made
    objects = np.array([Canary(tmp_path / "run"), {}], dtype=object)
    sink = io.BytesIO()
    np.save(sink, objects, allow_pickle=True)
    assert refused(made, name, sink.getvalue())
    with np.load(io.BytesIO(contents[name])) as stored:
        arrays = {key: stored[key] for key in stored.files}
    for key in arrays:
        sink = io.BytesIO()
        np.savez(sink, **{**arrays, key: objects})
        assert refused(made, name, sink.getvalue())
    assert refused(made, name, b"\x80\x04cposix\nsystem\n(S'true'\ntR.")
    assert not (tmp_path / "run").exists()


def test_a_pickled_model_says_why_it_is_refused(made):
    sink = io.BytesIO()
    np.savez(sink, about=np.array([{}], dtype=object))
    assert refused(made, "model.npz", sink.getvalue(), also="it holds Python objects, which are never loaded")


def test_a_checkpoint_of_pickled_objects_is_none(tmp_path):
    objects = np.array([Canary(tmp_path / "run")], dtype=object)
    np.savez(tmp_path / "a.npz", configuration=objects, state=objects)
    assert checkpoints.read(tmp_path / "a.npz", configuration={}) == (None, None)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("about", [{}, [], 5, "x", None, {"runs": 7}, {"format": [1]}, {"format": 1}])
@pytest.mark.parametrize("name", ["scores.npz", "model.npz"])
def test_json_of_another_kind_is_refused(made, name, about):
    with np.load(io.BytesIO(made[0][name])) as stored:
        arrays = {key: stored[key] for key in stored.files}
    sink = io.BytesIO()
    np.savez(sink, **arrays | {"about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)})
    assert refused(made, name, sink.getvalue())
    np.savez(sink, **arrays | {"about": np.frombuffer(b"[" * 100_000, dtype=np.uint8)})
    assert refused(made, name, sink.getvalue())


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "content", [b"", b"# a text\n", b"PK\x03\x04", b"PAR1" * 20, b"\x93NUMPY\x01\x00v\x00"]
)
def test_another_file_is_refused(made, name, content):
    assert refused(made, name, content)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "seed0.npz"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 20), st.binary(max_size=9) | st.just(b"\xff\xff\xff\x7f")),
        min_size=1,
        max_size=3,
    )
)
def test_a_damaged_file_is_read_or_refused_by_one_sentence(made, name, changes):
    content = made[0][name]
    for where, removed, inserted in changes:
        place = int(where * len(content))
        content = content[:place] + inserted + content[place + removed :]
    refused(made, name, content)


def test_an_array_that_claims_to_be_larger_than_the_memory_is_refused(made):
    with np.load(io.BytesIO(made[0]["model.npz"])) as stored:
        arrays = {key: stored[key] for key in stored.files}
    sink = io.BytesIO()
    np.savez(sink, **arrays | {"vectors": np.zeros((3, 100_000_000), dtype="f2")[:, :3].copy()})
    content = sink.getvalue().replace(b"'shape': (3, 3)", b"'shape': (3,9**")
    assert refused(made, "model.npz", content)


RUNS_CODE = re.compile(
    r"\bimport (pickle|marshal|dill)|joblib\.load\(|allow_pickle=True|yaml\.load\(|load_model\(|torch\.load"
    r"|read_pickle|(?<![\w.])(eval|exec)\("
)


def test_nothing_in_the_library_loads_pickles_or_runs_code_from_files():
    """NumPy refuses pickles where nothing is said; YAML comes through the safe loader. The demo sends its
    world to its own child processes as a pickle, through a pipe and no file."""
    used = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for folder in ("lib", "demo", "examples")
        for path in (ROOT / folder).rglob("*.py")
        for match in RUNS_CODE.finditer(path.read_text(encoding="utf-8"))
    }
    assert used == {"lib/workflow/profiles.py: yaml.load(", "demo/apart.py: import pickle"}
    assert "class _StrictLoader(yaml.SafeLoader)" in (ROOT / "lib/workflow/profiles.py").read_text()
