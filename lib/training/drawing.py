"""What Figure 1 says of each layer (paper, section 4).

Apart from `lib.training.network`, because kept trainings depend on the text of that module.
"""

from __future__ import annotations


def details(model):
    """Kernel, pool and activation of each layer of a tile model's encoder and head, in words.

    Parameters
    ----------
    model : keras.Model
        From `lib.training.network.tile_model`.

    Returns
    -------
    dict of str to str
        By the layer's name; empty where there is nothing to choose.

    Examples
    --------
    >>> from lib.training import network
    >>> words = details(network.tile_model(network.encoder(n_filters=8)))
    >>> words["convolution_1"], words["max_pool_1"]
    ('8 kernels of 3 frames, ReLU', 'over 4 frames')
    >>> words["embedding"], words["pad_1"], words["batch_norm_1"]
    ('8 units, ReLU', '1 frame of zeros on both sides', '')
    """
    return {layer.name: _words(type(layer).__name__, layer) for layer in model.get_layer("encoder").layers}


def _words(kind, layer):
    if kind == "Conv1D":
        return f"{layer.filters} kernels of {layer.kernel_size[0]} frames, {_activation(layer)}"
    if kind == "MaxPooling1D":
        return f"over {layer.pool_size[0]} frames"
    if kind == "GlobalMaxPooling1D":
        return "over all frames"
    if kind == "Dense":
        return f"{layer.units} units, {_activation(layer)}"
    if kind == "ZeroPadding1D":
        return f"{layer.padding[0]} frame of zeros on both sides"
    return ""


def _activation(layer):
    name = layer.activation.__name__
    return {"relu": "ReLU", "linear": "no activation"}.get(name, name)
