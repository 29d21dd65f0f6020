"""How a training step encodes its clips: Keras's layers and their results, in fewer passes over memory.

Where the backend derives all gradients, a step reads and writes the first convolution's output (12 MB for 96
clips) some twenty times, and its gradient of the kernels runs at half the speed of a matrix product.

Conventions
-----------
- The layers are those of `network.encoder` and own all weights. Only training takes another way: the gradient
  of a convolution's kernel is one matrix product over all frames of all clips, and batch normalisation is
  applied behind the max-pooling that follows it, to fewer frames.
- Normalising is monotone for each filter. So the maximum behind it comes from the maximum before it, or from
  the minimum where the filter's scale is negative. Mean and variance are still those of all frames.
- A layer with other settings than these (`USUAL`) runs as Keras has it.
"""

from __future__ import annotations

from functools import reduce

import keras
from keras import ops

USUAL = {
    keras.layers.Conv1D: {
        "strides": (1,), "padding": "valid", "dilation_rate": (1,), "groups": 1, "use_bias": True,
        "data_format": "channels_last", "activity_regularizer": None,
    },
    keras.layers.BatchNormalization: {
        "axis": -1, "center": True, "scale": True, "renorm": False, "synchronized": False, "trainable": True,
    },
    keras.layers.MaxPooling1D: {"padding": "valid", "data_format": "channels_last"},
}  # fmt: skip


class Encoder(keras.Model):
    """Layers one after the other, the first of them an input."""

    def call(self, inputs, training=None, mask=None):
        """Output of the last layer."""
        if not training:
            return super().call(inputs, training=training, mask=mask)
        values, layers = inputs, self.layers[1:]
        while layers:
            layer, *layers = layers
            if _usual(layer, keras.layers.Conv1D):
                values = layer.activation(convolved(values, ops.copy(layer.kernel)) + layer.bias)
            elif _usual(layer, keras.layers.BatchNormalization):
                together = bool(layers) and _pools(layers[0], values.shape[1])
                values = normalised(values, layer, layers.pop(0).pool_size[0] if together else 1)
            else:
                values = layer(values, training=True)
        return values


@ops.custom_gradient
def convolved(values, kernel):
    """Convolution along time without padding.

    Parameters
    ----------
    values : tensor, shape=(n_clips, n_frames, n_channels)
    kernel : tensor, shape=(width, n_channels, n_filters)

    Returns
    -------
    tensor, shape=(n_clips, n_frames - width + 1, n_filters)
    """
    width, n_channels, n_filters = kernel.shape

    def gradient(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        n_frames = upstream.shape[1]
        unfolded = ops.concatenate([values[:, k : k + n_frames] for k in range(width)], axis=-1)
        unfolded = ops.reshape(unfolded, (-1, width * n_channels))
        of_kernel = ops.matmul(ops.transpose(ops.reshape(upstream, (-1, n_filters))), unfolded)
        of_kernel = ops.reshape(ops.transpose(of_kernel), kernel.shape)
        return ops.conv_transpose(upstream, kernel, padding="valid"), of_kernel

    return ops.conv(values, kernel, padding="valid"), gradient


def normalised(values, layer, pool):
    """What a layer of batch normalisation and max-pooling behind it give in training.

    Parameters
    ----------
    values : tensor, shape=(n_clips, n_frames, n_filters)
    layer : keras.layers.BatchNormalization
        Its moving statistics are renewed.
    pool : int
        Frames of which the maximum is taken; it divides `n_frames`.

    Returns
    -------
    tensor, shape=(n_clips, n_frames / pool, n_filters)
    """
    parts = _normalised(pool, layer.epsilon)(values, ops.copy(layer.gamma), ops.copy(layer.beta))
    pooled, mean, variance = parts
    for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(moving * layer.momentum + ops.stop_gradient(value) * (1 - layer.momentum))
    return pooled


def _normalised(pool, epsilon):
    @ops.custom_gradient
    def forward(values, scale, offset):
        mean, variance = ops.moments(values, axes=(0, 1))
        inverse = ops.rsqrt(variance + epsilon)
        factor = scale * inverse
        grouped = ops.reshape(values, (-1, values.shape[1] // pool, pool, values.shape[2]))
        frames = ops.unstack(grouped, axis=2)
        extreme = ops.where(scale < 0, reduce(ops.minimum, frames), reduce(ops.maximum, frames))

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream[0]
            n = ops.cast(ops.shape(values)[0] * values.shape[1], values.dtype)
            of_offset = ops.sum(upstream, axis=(0, 1))
            of_scale = (ops.sum(upstream * extreme, axis=(0, 1)) - mean * of_offset) * inverse
            through_variance = -factor * inverse * of_scale / n
            through_mean = -factor * of_offset / n - through_variance * mean
            remaining, direct = factor * upstream, []
            for frame in frames:  # the first of equals takes all
                direct.append(ops.where(frame == extreme, remaining, 0))
                remaining = remaining - direct[-1]
            direct = ops.reshape(ops.stack(direct, axis=2), ops.shape(values))
            return direct + (through_variance * values + through_mean), of_scale, of_offset

        return (factor * extreme + (offset - mean * factor), mean, variance), gradient

    return forward


def _usual(layer, kind):
    return type(layer) is kind and all(getattr(layer, name) == value for name, value in USUAL[kind].items())


def _pools(layer, n_frames):
    """Whether a layer takes the maximum of groups of frames that leave none over."""
    if not _usual(layer, keras.layers.MaxPooling1D):
        return False
    return layer.strides == layer.pool_size and n_frames % layer.pool_size[0] == 0
