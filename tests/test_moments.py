"""Moments of clips, against a forward pass of the network layer by layer and against scikit-learn."""

import json

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA

from lib.beyond import moments
from lib.training import frames as training_frames
from lib.training import network


@pytest.mark.parametrize(("n_convolutions", "n_frames"), [(3, 32), (5, 16)])
def test_frames_are_what_the_layers_give_one_after_the_other(n_convolutions, n_frames, rng):
    keras.utils.set_random_seed(0)
    model = network.tile_model(network.encoder(n_convolutions=n_convolutions, n_filters=8))
    clips = rng.random((70, 256, 64)).astype(np.float16)  # more than one batch
    frames = training_frames.before_maximum(model, clips)
    x = np.asarray(clips, dtype=np.float32)
    layers = model.get_layer("encoder").layers
    for layer in layers[1:-2]:
        x = layer(x, training=False)
    assert frames.shape == (70, n_frames, 8) and frames.dtype == np.float32
    np.testing.assert_allclose(frames, keras.ops.convert_to_numpy(x), atol=1e-5)
    embedded = keras.ops.convert_to_numpy(layers[-1](frames.max(axis=1)))
    whole = model.get_layer("encoder")(np.asarray(clips, dtype=np.float32), training=False)
    np.testing.assert_allclose(embedded, keras.ops.convert_to_numpy(whole), atol=1e-5)


@pytest.fixture
def frames(rng):
    return rng.normal(size=(20, 5, 40)).astype(np.float32) * np.linspace(3, 0.1, 40)


def test_products_of_moments_are_cosines_among_the_directions_of_training_clips(frames):
    training = np.arange(20) < 12
    short = moments.of_frames(frames, range(20), training).frames.reshape(100, -1).astype(int)
    turned = PCA(24).fit(frames[training].reshape(-1, 40)).transform(frames.reshape(-1, 40))
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    assert short.shape == (100, 24)
    np.testing.assert_allclose(short @ short.T / 127**2, turned @ turned.T, atol=0.02)


def test_other_clips_do_not_move_the_directions(frames):
    training = np.arange(20) < 12
    changed = np.where(training[:, None, None], frames, 7 * frames[::-1])
    one, other = (moments.of_frames(each, range(20), training).frames for each in (frames, changed))
    assert (one[training] == other[training]).all() and (one[~training] != other[~training]).any()


def test_a_moment_at_the_mean_is_all_zeros(frames):
    training = np.arange(20) < 12
    frames[15, 2] = frames[training].reshape(-1, 40).astype(np.float64).mean(axis=0)
    short = moments.of_frames(frames, range(20), training).frames
    assert not short[15, 2].any() and np.abs(short[15, 3]).max() > 30


def test_frames_that_never_differ_are_all_zeros():
    assert not moments.of_frames(np.ones((3, 4, 6)), range(3), np.ones(3, dtype=bool)).frames.any()


def test_what_was_written_is_read_again_and_has_the_same_bytes(frames, tmp_path):
    made = moments.of_frames(frames, [f"clip {k}" for k in range(20)], np.arange(20) < 12)
    for name in ("one", "two"):
        made.save(tmp_path / f"{name}.npz")
    read = moments.load(tmp_path / "one.npz")
    assert (read.frames == made.frames).all() and read.clip_ids == made.clip_ids
    assert read.about == {"of": moments.OF, "seconds": 6.0}
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


@pytest.mark.parametrize(("change", "message"), [
    ({"frames": np.zeros((2, 4, 3))}, "float64 frames of shape"),
    ({"frames": np.zeros((2, 4), dtype=np.int8)}, r"shape \(2, 4\)"),
    ({"clip_ids": np.array(["x"])}, r"clips of shape \(1,\)"),
    ({"clip_ids": np.array(["x", {}], dtype=object)}, "holds no moments"),
    ({"about": np.frombuffer(b"{", dtype=np.uint8)}, "holds no moments"),
    ({"frames": None}, "holds no moments"),
])  # fmt: skip
def test_a_file_that_is_no_such_file_is_refused(change, message, tmp_path):
    text = np.frombuffer(json.dumps({"of": "x", "seconds": 1.0}).encode(), dtype=np.uint8)
    arrays = {"frames": np.zeros((2, 4, 3), dtype=np.int8), "clip_ids": np.array(["x", "y"]), "about": text}
    kept = {name: array for name, array in (arrays | change).items() if array is not None}
    np.savez(tmp_path / "moments.npz", **kept)
    with pytest.raises(ValueError, match=message):
        moments.load(tmp_path / "moments.npz")


def test_a_cut_file_is_refused(frames, tmp_path):
    file = tmp_path / "moments.npz"
    moments.of_frames(frames, range(20), np.ones(20, dtype=bool)).save(file)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ValueError, match="holds no moments, or is damaged"):
        moments.load(file)


@pytest.mark.parametrize(("ids", "training", "message"), [
    (range(19), np.ones(20, dtype=bool), "20 clips have frames, 19 have ids"),
    (range(20), np.zeros(20, dtype=bool), "no clip is of a training artist"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(ids, training, message, frames):
    with pytest.raises(ValueError, match=message):
        moments.of_frames(frames, ids, training)


def test_frames_that_are_not_finite_are_refused(frames):
    frames[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 4000 values of frames are not finite"):
        moments.of_frames(frames, range(20), np.ones(20, dtype=bool))
