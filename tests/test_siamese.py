"""The network's size, symmetry and files; the tile model against the plain pair model."""

import keras
import numpy as np
import pytest
import scipy.special
from keras.ops import convert_to_numpy

from lib.training import network


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(4)
    model = network.tile_model(network.encoder())
    rng = np.random.default_rng(4)
    model.set_weights(
        [weight + rng.normal(0, 0.02, weight.shape) for weight in model.get_weights()]
    )  # no bias at zero
    return model


@pytest.fixture(scope="module")
def clips():
    return np.random.default_rng(5).random((7, 256, 64), dtype=np.float32)


def judge(model, clips, left, right, **options):
    return convert_to_numpy(model([clips[None], np.array([left]), np.array([right])], **options))[0, :, 0]


def test_the_encoder_has_the_authors_141_312_parameters():
    encoder = network.encoder()
    assert encoder.count_params() == 141_312
    assert sum(np.prod(weight.shape) for weight in encoder.trainable_weights) == 140_544
    kinds = [type(layer).__name__ for layer in encoder.layers]
    assert kinds.count("Conv1D") == kinds.count("BatchNormalization") == 3
    assert [layer.pool_size for layer in encoder.layers if isinstance(layer, keras.layers.MaxPooling1D)] == [
        (4,),
        (2,),
    ]
    assert encoder.get_layer("convolution_1").kernel.shape == (3, 64, 128)
    assert encoder.output.shape == (None, 128)
    assert encoder.get_layer("batch_norm_1").momentum == 0.99
    assert network.encoder(batch_norm_momentum=0.5).get_layer("batch_norm_3").momentum == 0.5


def test_the_text_of_the_paper_has_five_convolutions():
    encoder = network.encoder(n_convolutions=5, n_filters=16)
    assert [layer.name for layer in encoder.layers if isinstance(layer, keras.layers.Conv1D)] == [
        f"convolution_{k}" for k in range(1, 6)
    ]
    with pytest.raises(ValueError, match=r"n_convolutions must be one of \[3, 5\], got 4"):
        network.encoder(n_convolutions=4)


def test_an_untrained_embedding_is_the_convolutions_written_out(clips):
    """Padding, convolution, ReLU, batch norm with its first statistics, pooling, in NumPy."""
    keras.utils.set_random_seed(0)
    encoder = network.encoder(n_filters=8)
    x = clips[:2].astype(np.float64)
    for number, pool in ((1, 4), (2, 2), (3, 1)):
        kernel, bias = encoder.get_layer(f"convolution_{number}").get_weights()
        padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
        x = np.maximum(sum(padded[:, k : k + x.shape[1]] @ kernel[k] for k in range(3)) + bias, 0) / np.sqrt(
            1 + 1e-3
        )
        x = x.reshape(2, -1, pool, 8).max(axis=2)
    kernel, bias = encoder.get_layer("embedding").get_weights()
    wanted = np.maximum(x.max(axis=1) @ kernel + bias, 0)
    np.testing.assert_allclose(
        convert_to_numpy(encoder(clips[:2], training=False)), wanted, rtol=1e-4, atol=1e-6
    )


def test_similarity_is_symmetric(model, clips):
    left, right = np.triu_indices(7, k=1)
    one_way, other_way = judge(model, clips, left, right), judge(model, clips, right, left)
    np.testing.assert_array_equal(one_way, other_way)
    assert np.ptp(one_way) > 1e-3


def test_a_clip_against_itself_gives_the_same_whatever_the_clip(model, clips):
    bias = float(model.get_layer("head").get_weights()[1][0])
    np.testing.assert_allclose(judge(model, clips, range(7), range(7)), scipy.special.expit(bias), rtol=1e-5)


def test_the_tile_model_equals_the_pair_model_on_the_same_weights(model, clips):
    left, right = [0, 0, 1, 5, 3], [1, 6, 4, 2, 0]
    plain = network.pair_model(network.encoder())
    plain.set_weights(model.get_weights())
    by_pairs = convert_to_numpy(plain([clips[left], clips[right]], training=False))[:, 0]
    np.testing.assert_allclose(judge(model, clips, left, right), by_pairs, rtol=1e-4)


def test_in_training_a_tile_is_one_encoding_of_its_clips(model, clips):
    """So batch norm sees each clip once, however many pairs it is in."""
    state = model.get_weights()
    judged = judge(model, clips, [0, 0, 0, 1], [1, 2, 3, 6], training=True)
    embedded = convert_to_numpy(model.get_layer("encoder")(clips, training=True))
    distances = np.abs(embedded[[0, 0, 0, 1]] - embedded[[1, 2, 3, 6]])
    by_hand = convert_to_numpy(model.get_layer("head")(distances))[:, 0]
    model.set_weights(state)
    np.testing.assert_allclose(judged, by_hand, rtol=1e-4)
    assert np.abs(judged - judge(model, clips, [0, 0, 0, 1], [1, 2, 3, 6])).max() > 1e-3


def test_similarities_of_embeddings_equal_the_networks_own(model, clips):
    embeddings = convert_to_numpy(model.get_layer("encoder")(clips, training=False))
    head = model.get_layer("head").get_weights()
    matrix = network.similarities(embeddings, head)
    left, right = np.indices((7, 7)).reshape(2, -1)
    np.testing.assert_allclose(matrix.ravel(), judge(model, clips, left, right), rtol=1e-4)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-5)


def test_similarities_worked_by_hand():
    embeddings, head = np.array([[1.0, 0], [0, 2], [1, 2]]), (np.array([[-1.0], [0.5]]), np.array([0.25]))
    logits = [[0.25, 0.25, 1.25], [0.25, 0.25, -0.75], [1.25, -0.75, 0.25]]
    np.testing.assert_allclose(network.similarities(embeddings, head), scipy.special.expit(logits))


def test_layers_are_described_for_figure_1(model):
    layers, head = network.describe(model)
    assert sum(layer["parameters"] for layer in layers) == 141_312
    assert layers[0]["shape"] == "256 × 64"
    assert layers[-1] == {"name": "embedding", "kind": "Dense", "shape": "128", "parameters": 16_512}
    assert [layer["parameters"] for layer in head] == [0, 129]


@pytest.mark.parametrize(
    "configuration", [{}, {"n_convolutions": 5, "n_filters": 16, "batch_norm_momentum": 0.9}]
)
def test_what_is_saved_is_loaded_and_judges_the_same(tmp_path, clips, configuration):
    model = network.tile_model(network.encoder(**configuration))
    model.set_weights([weight + 0.01 for weight in model.get_weights()])
    for name in ("a.npz", "b.npz"):
        network.save(model, tmp_path / name, configuration=configuration)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = network.load(tmp_path / "a.npz")
    assert network.configuration_of(tmp_path / "a.npz") == configuration
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(judge(model, clips, [0, 1], [2, 3]), judge(loaded, clips, [0, 1], [2, 3]))
    network.save(loaded, tmp_path / "b.npz", configuration=configuration)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_weights_file_needs_no_pickle(tmp_path, model):
    network.save(model, tmp_path / "a.npz", configuration={})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "fU" for name in stored.files)
        assert len(stored.files) == 1 + len(model.weights)


def test_missing_weights_are_an_error_that_names_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"seed0\.npz"):
        network.load(tmp_path / "seed0.npz")
