"""The siamese network (paper, section 4, Figure 1).

Conventions
-----------
- The encoder hears one clip, (256 frames, 64 mel bands), and gives an embedding of 128 values; convolutions
  run along time.
- The head takes the distance of two embeddings in each dimension, |a - b|, to one similarity in [0, 1]; it is
  symmetric by construction, and the same for any two equal clips.
- The author's code has three convolutions, the paper's text says five; both are built here.
- Weights are kept as plain arrays with their configuration (``.npz``): no pickle, no time stamp, the same
  bytes for the same weights.
"""

from __future__ import annotations

import json
import logging

import keras
import numpy as np

from lib.spectrograms.picture import N_FRAMES, N_MELS
from lib.training.encoding import Encoder
from lib.workflow import artifacts, stored

REFUSAL = "holds no weights of a network, or is damaged: notebook 04 writes them"
POOLS = {3: (4, 2, 1), 5: (4, 2, 2, 1, 1)}  # max-pooling after each convolution, frames


def encoder(*, n_convolutions=3, n_filters=128, batch_norm_momentum=0.99):
    """The half of the network that hears one clip.

    Parameters
    ----------
    n_convolutions : int
        3 as the author ran it (141,312 parameters), 5 as the paper's text says.
    n_filters : int
        Filters of each convolution and size of the embedding.
    batch_norm_momentum : float
        The author had Keras's default of 0.99, which needs some hundred steps to forget its start.

    Returns
    -------
    keras.Model
        (n, 256, 64) to (n, n_filters).

    Raises
    ------
    ValueError
        If there is no layout for `n_convolutions`.

    Examples
    --------
    >>> encoder().count_params()
    141312
    >>> encoder(n_convolutions=5, n_filters=16).output_shape
    (None, 16)
    """
    if n_convolutions not in POOLS:
        raise ValueError(f"n_convolutions must be one of {sorted(POOLS)}, got {n_convolutions}")
    clip = keras.Input((N_FRAMES, N_MELS), name="clip")
    x = clip
    for number, pool in enumerate(POOLS[n_convolutions], start=1):
        x = keras.layers.ZeroPadding1D(1, name=f"pad_{number}")(x)
        x = keras.layers.Conv1D(n_filters, 3, activation="relu", name=f"convolution_{number}")(x)
        x = keras.layers.BatchNormalization(momentum=batch_norm_momentum, name=f"batch_norm_{number}")(x)
        if pool > 1:
            x = keras.layers.MaxPooling1D(pool, name=f"max_pool_{number}")(x)
    x = keras.layers.GlobalMaxPooling1D(name="max_over_time")(x)
    embedding = keras.layers.Dense(n_filters, activation="relu", name="embedding")(x)
    return Encoder(clip, embedding, name="encoder")


def tile_model(clip_encoder):
    """The whole network on one tile: every clip is encoded once, every pair is judged.

    A tile is one Keras sample, so the stock ``train_on_batch`` trains on it.

    Parameters
    ----------
    clip_encoder : keras.Model
        From `encoder`, or another one of one input.

    Returns
    -------
    keras.Model
        Inputs ``clips`` (1, n_clips, 256, 64), ``left`` and ``right`` (1, n_pairs); output (1, n_pairs, 1) in
        [0, 1].

    Examples
    --------
    >>> model = tile_model(encoder(n_filters=8))
    >>> tile = [np.zeros((1, 3, 256, 64)), np.array([[0, 0, 1]]), np.array([[1, 2, 2]])]  # clips, left, right
    >>> model.predict(tile, verbose=0).shape  # a similarity for each of three pairs
    (1, 3, 1)
    """
    shape = clip_encoder.input_shape[1:]
    clips = keras.Input((None, *shape), name="clips")
    left = keras.Input((None,), dtype="int32", name="left")
    right = keras.Input((None,), dtype="int32", name="right")
    embeddings = clip_encoder(keras.ops.reshape(clips, (-1, *shape)))
    a, b = (keras.ops.take(embeddings, keras.ops.reshape(places, (-1,)), axis=0) for places in (left, right))
    similarity = keras.layers.Dense(1, activation="sigmoid", name="head")(keras.ops.absolute(a - b))
    return keras.Model([clips, left, right], keras.ops.reshape(similarity, (1, -1, 1)), name="siamese")


def pair_model(clip_encoder):
    """The network as the author wrote it: two inputs, each clip of each pair encoded anew (for comparison).

    Returns
    -------
    keras.Model
        Inputs ``a`` and ``b`` (n_pairs, 256, 64); output (n_pairs, 1) in [0, 1].
    """
    plain = keras.Model(clip_encoder.input, clip_encoder.output, name="encoder")  # with Keras's own gradients
    a = keras.Input((N_FRAMES, N_MELS), name="a")
    b = keras.Input((N_FRAMES, N_MELS), name="b")
    distance = keras.ops.absolute(plain(a) - plain(b))
    return keras.Model(
        [a, b], keras.layers.Dense(1, activation="sigmoid", name="head")(distance), name="siamese"
    )


def similarities(embeddings, head, others=None):
    """Similarity of all pairs of clips from their embeddings.

    Parameters
    ----------
    embeddings : np.ndarray, shape=(n_clips, n_filters)
    head : pair of np.ndarray
        Weights, shape=(n_filters, 1), and bias, shape=(1,), of the network's last layer.
    others : np.ndarray, shape=(n_others, n_filters), optional
        Pairs are made with these; with the clips themselves, if None.

    Returns
    -------
    np.ndarray, shape=(n_clips, n_others or n_clips), dtype=float64
        In [0, 1]; symmetric without `others`.
    """
    weights, bias = head
    others = embeddings if others is None else others
    logits = np.stack([np.abs(others - one) @ weights[:, 0] for one in embeddings]) + bias[0]
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def silence():
    """Keep TensorFlow's warnings out of notebooks: it takes many networks for one traced too often."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def describe(model):
    """Layers of a tile model for drawing.

    Parameters
    ----------
    model : keras.Model
        From `tile_model`.

    Returns
    -------
    encoder_layers, head_layers : list of dict
        ``name``, ``kind``, ``shape`` of the output without the batch, ``parameters``.

    Examples
    --------
    >>> layers, head = describe(tile_model(encoder(n_filters=8)))
    >>> [(each["name"], each["shape"], each["parameters"]) for each in layers if each["kind"] == "Conv1D"]
    [('convolution_1', '256 × 8', 1544), ('convolution_2', '64 × 8', 200), ('convolution_3', '32 × 8', 200)]
    >>> [each["name"] for each in head]
    ['|a − b|', 'similarity (sigmoid)']
    """
    layers = [
        {
            "name": layer.name,
            "kind": type(layer).__name__,
            "parameters": layer.count_params(),
            "shape": " × ".join(str(size) for size in layer.output.shape[1:]),
        }
        for layer in model.get_layer("encoder").layers
    ]
    head = model.get_layer("head")
    distance = {"name": "|a − b|", "kind": "distance", "shape": str(head.input.shape[-1]), "parameters": 0}
    similarity = {
        "name": "similarity (sigmoid)",
        "kind": "Dense",
        "shape": "1",
        "parameters": head.count_params(),
    }
    return layers, [distance, similarity]


def save(model, path, *, configuration, weights=None):
    """Write the weights of a tile model and how to build it again.

    Parameters
    ----------
    model : keras.Model
    path : path
        Ends in ``.npz``.
    configuration : dict
        Arguments of `encoder`.
    weights : sequence of np.ndarray, optional
        Other values of the model's weights, such as those of an earlier epoch.
    """
    values = model.get_weights() if weights is None else weights
    named = {
        f"{place:02d} {weight.path}".replace("/", "."): np.asarray(value)
        for place, (weight, value) in enumerate(zip(model.weights, values, strict=True))
    }
    with artifacts.replacing(path) as partial, open(partial, "wb") as file:
        np.savez(file, configuration=np.array(json.dumps(configuration, sort_keys=True)), **named)


def configuration_of(path):
    """Arguments of `encoder` that belong to the weights which `save` wrote."""
    arrays = stored.arrays(path, REFUSAL)
    with stored.reading(path, REFUSAL):
        return stored.value(arrays["configuration"])


def load(path):
    """Read what `save` wrote.

    Returns
    -------
    keras.Model
        A tile model; its encoder is ``model.get_layer("encoder")``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds no weights, is damaged, or holds Python objects, which are never loaded.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/seed0.npz"
    >>> save(tile_model(encoder(n_filters=8)), path, configuration={"n_filters": 8})
    >>> load(path).get_layer("encoder").output_shape
    (None, 8)
    """
    silence()
    configuration, arrays = configuration_of(path), stored.arrays(path, REFUSAL)
    with stored.reading(path, REFUSAL):
        model = tile_model(encoder(**configuration))
        model.set_weights([arrays[name] for name in sorted(arrays) if name != "configuration"])
    return model
