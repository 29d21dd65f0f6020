"""A package in the shape of musicnn: the same files and names, small layers, weights drawn at random."""

import numpy as np

CONVOLUTIONS = [(7, 38, 5), (7, 67, 4), (128, 1, 3), (64, 1, 2), (32, 1, 2), (7, 16, 6), (7, 6, 6), (7, 6, 6)]
NORMALISED = [1, 5, 4, 3, 2, 2, 6, 6, 6, 68, 8]
CALLED = {"musicnn_mtt": "MTT_musicnn", "musicnn_msd": "MSD_musicnn"}


def weights(seed=0):
    """Arrays by their names in a checkpoint; some normalisations turn the order of values round."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for place, (length, height, n_filters) in enumerate(CONVOLUTIONS):
        layer = f"conv2d_{place}" if place else "conv2d"
        arrays[f"{layer}/kernel"] = rng.normal(0, 0.1, (length, height, 1, n_filters))
        arrays[f"{layer}/bias"] = rng.normal(0, 0.1, n_filters)
    for place, n in enumerate(NORMALISED):
        layer = f"batch_normalization_{place}" if place else "batch_normalization"
        arrays[f"{layer}/gamma"] = rng.normal(0, 1, n)
        arrays[f"{layer}/beta"] = rng.normal(0, 0.1, n)
        arrays[f"{layer}/moving_mean"] = rng.normal(0, 0.1, n)
        arrays[f"{layer}/moving_variance"] = rng.uniform(0.5, 2, n)
    for layer, n_in, n_out in (("dense", 68, 8), ("dense_1", 8, 50)):
        arrays[f"{layer}/kernel"] = rng.normal(0, 0.3, (n_in, n_out))
        arrays[f"{layer}/bias"] = rng.normal(0, 0.1, n_out)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def install(folder, *, names=tuple(CALLED)):
    """Write the package below a folder; it cannot be imported."""
    import tensorflow as tf

    package = folder / "musicnn"
    package.mkdir()
    (package / "__init__.py").write_text(
        "raise ImportError('nobody imports this package')\n", encoding="utf-8"
    )
    for seed, name in enumerate(names):
        arrays = weights(seed) | {
            "conv2d/kernel/Adam": np.zeros(3, np.float32),
            "beta1_power": np.float32(0.9),
        }
        checkpoint = package / CALLED[name]
        checkpoint.mkdir()
        tf.raw_ops.SaveV2(
            prefix=f"{checkpoint}/",
            tensor_names=list(arrays),
            shape_and_slices=[""] * len(arrays),
            tensors=list(arrays.values()),
        )
    return package
