"""What the network makes of each moment of a clip, before its maximum over time.

The maximum keeps of each filter how strongly it answers, and drops when; the frames before it still say when.
"""

from __future__ import annotations

import keras
import numpy as np

from lib.spectrograms.store import batches

MAXIMUM = "max_over_time"  # the layer of `network.encoder` behind the frames


def before_maximum(model, clips):
    """Output of the layer before the maximum over time.

    Parameters
    ----------
    model : keras.Model
        A tile model (`lib.training.network`).
    clips : np.ndarray, shape=(n_clips, 256, 64)
        May be memory-mapped.

    Returns
    -------
    np.ndarray, shape=(n_clips, n_frames, n_filters), dtype=float32
        32 frames for three convolutions, 16 for five, each of an equal part of the clip.

    Examples
    --------
    >>> from lib.training import network
    >>> model = network.tile_model(network.encoder(n_filters=8))
    >>> before_maximum(model, np.zeros((3, 256, 64))).shape
    (3, 32, 8)
    """
    encoder = model.get_layer("encoder")
    frames = keras.Model(encoder.input, encoder.get_layer(MAXIMUM).input)
    return np.concatenate(
        [keras.ops.convert_to_numpy(frames(batch, training=False)) for batch in batches(clips)]
    )
