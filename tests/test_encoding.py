"""A training step's own way through the encoder gives what Keras's layers give, gradients included."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy

from lib.training import encoding, network

tensorflow = pytest.importorskip("tensorflow")


def gradients(model, clips, upstream):
    """Output in training, gradients of weights and clips, and all weights behind the step."""
    clips = tensorflow.constant(clips)
    with tensorflow.GradientTape() as tape:
        tape.watch(clips)
        output = model(clips, training=True)
        total = keras.ops.sum(output * upstream)
    found = tape.gradient(total, [*model.trainable_variables, clips])
    return [convert_to_numpy(each) for each in (output, *found, *model.get_weights())]


def assert_same(made, rng, *, clips=None):
    """The encoder against the same layers in a plain Keras model."""
    weights = [rng.uniform(-1, 1, each.shape) + 0.1 for each in made.get_weights()]  # scales of both signs
    clips = rng.random((5, *made.input_shape[1:])) if clips is None else clips
    clips = clips.astype(np.float32)
    upstream = rng.normal(size=made(clips).shape).astype(np.float32)
    results = []
    for model in (made, keras.Model(made.input, made.output)):
        model.set_weights([np.abs(w) if "variance" in v.path else w for w, v in zip(weights, model.weights)])
        results.append(gradients(model, clips, upstream))
    largest = max(np.abs(each).max() for each in results[1])  # some gradients are 0 but for rounding
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5 * largest)


@pytest.mark.parametrize("n_convolutions", [3, 5])
def test_outputs_gradients_and_statistics_are_those_of_keras(rng, n_convolutions):
    assert_same(network.encoder(n_convolutions=n_convolutions, n_filters=8), rng)


def test_clips_with_equal_frames_have_the_same_gradients_too(rng):
    """Of equal frames in one pool, the first has the gradient."""
    clips = rng.random((5, 256, 64))
    clips[0], clips[1], clips[2, 40:90] = 0, clips[1, :1], clips[2, 40]
    assert_same(network.encoder(n_filters=8), rng, clips=clips)


def chain(*layers):
    clip = keras.Input((18, 6))
    x = clip
    for layer in layers:
        x = layer(x)
    return encoding.Encoder(clip, x)


FROZEN = {"trainable": False}
CONVOLUTION, NORM, POOL = keras.layers.Conv1D, keras.layers.BatchNormalization, keras.layers.MaxPooling1D


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [CONVOLUTION(4, 3), NORM(), POOL(2)],
        lambda: [CONVOLUTION(4, 1), NORM(), POOL(6)],
        lambda: [CONVOLUTION(4, 3, padding="same"), NORM(), POOL(3)],
        lambda: [CONVOLUTION(4, 3, strides=2), NORM(epsilon=0.1), POOL(4)],
        lambda: [CONVOLUTION(4, 3, use_bias=False), NORM(scale=False), POOL(2)],
        lambda: [CONVOLUTION(4, 3, dilation_rate=2), NORM(center=False), POOL(2)],
        lambda: [CONVOLUTION(4, 2, groups=2, activation="tanh"), NORM(**FROZEN), POOL(2)],
        lambda: [CONVOLUTION(4, 3), NORM(axis=1), POOL(2)],
        lambda: [CONVOLUTION(4, 3), NORM(), POOL(3)],  # one frame is left over
        lambda: [CONVOLUTION(4, 3), NORM(), POOL(4, strides=2)],
        lambda: [CONVOLUTION(4, 3), NORM(), POOL(3, padding="same")],
        lambda: [CONVOLUTION(4, 3), POOL(2), NORM(momentum=0.3)],
        lambda: [CONVOLUTION(4, 3), NORM(), keras.layers.LayerNormalization()],
    ],
)
def test_layers_that_somebody_changes_are_still_those_of_keras(rng, layers):
    assert_same(chain(*layers()), rng)


def test_without_training_nothing_is_done_otherwise(rng):
    made = network.encoder(n_filters=8)
    clips = rng.random((3, 256, 64), dtype=np.float32)
    plain = keras.Model(made.input, made.output)
    np.testing.assert_array_equal(*(convert_to_numpy(model(clips)) for model in (made, plain)))


def test_plain_pairs_are_trained_with_the_gradients_of_keras():
    plain = network.pair_model(network.encoder(n_filters=8)).get_layer("encoder")
    assert not isinstance(plain, encoding.Encoder)
