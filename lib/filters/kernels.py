"""The shapes of first-layer kernels (paper, section 5, Figure 3).

Conventions
-----------
- A kernel has the axes (frame, band) = (3, 64): frame 0 is the earliest, band 0 the lowest; a positive weight
  asks for loudness.
- What training *added* to a kernel is the kernel minus its own first value; a network that is built, not
  trained, from the same seed is that first value (`lib.training.siamese.Untrained`).

References
----------
Westfall & Young (1993) for the null of the highest value.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.cluster.hierarchy
import scipy.spatial.distance

from lib import numerics
from lib.spectrograms import picture

ROUNDING = 1e-5  # a spread below this share of a response's square is rounding
BATCH = 8  # clips whose responses are held at a time
NOISE_BATCH = 25  # networks of noise held at a time
LEVEL = 0.05  # of significance, after correction
STATISTICS = ("smoothness", "separability")  # of a kernel alone


class Layer(NamedTuple):
    """A first layer.

    Attributes
    ----------
    kernels : np.ndarray, shape=(3, N_MELS, n_filters)
    bias : np.ndarray, shape=(n_filters,)
    """

    kernels: np.ndarray
    bias: np.ndarray


def first_layer(model):
    """First convolution of a network.

    Parameters
    ----------
    model : keras.Model
        From `lib.training.network.tile_model`.

    Returns
    -------
    Layer

    Examples
    --------
    >>> from lib.training.siamese import Untrained
    >>> first_layer(Untrained().build(seed=0).model).kernels.shape
    (3, 64, 128)
    """
    weights = model.get_layer("encoder").get_layer("convolution_1").get_weights()
    return Layer(*(np.asarray(values, dtype=np.float32) for values in weights))


def smoothness(kernels):
    """Correlation of each weight with that of the next band: near 0 for noise, towards 1 for a shape.

    Parameters
    ----------
    kernels : np.ndarray, shape=(3, N_MELS, n_filters)

    Returns
    -------
    np.ndarray, shape=(n_filters,)
        In [-1, 1]; blank for a constant kernel.
    """
    parts = (kernels[:, :-1], kernels[:, 1:])
    lower, upper = (part.reshape(-1, kernels.shape[-1]).astype(float) for part in parts)
    lower, upper = lower - lower.mean(axis=0), upper - upper.mean(axis=0)
    spread = np.sqrt((lower**2).sum(axis=0) * (upper**2).sum(axis=0))
    undefined = np.full(len(spread), np.nan)
    return np.divide((lower * upper).sum(axis=0), spread, out=undefined, where=spread > 1e-12)


def separability(kernels):
    """Share of a kernel's energy that one profile over the bands, louder or softer in each frame, explains.

    An onset detector, one profile with - in the first frame and + in the last, has 1, and so has a kernel
    that asks for one colour of sound and no time; noise has a little more than a third.

    Parameters
    ----------
    kernels : np.ndarray, shape=(3, N_MELS, n_filters)

    Returns
    -------
    np.ndarray, shape=(n_filters,)
        In [1 / 3, 1]; blank for a kernel of zeros.
    """
    frames = kernels.transpose(2, 0, 1).astype(float)
    energies = np.linalg.eigvalsh(frames @ frames.swapaxes(1, 2))  # squares of the singular values
    undefined = np.full(len(frames), np.nan)
    total = energies.sum(axis=1)
    return np.divide(energies[:, -1], total, out=undefined, where=total > 1e-12)


def structure(layer, start, *, n_networks=999, seed=0):
    """How far each kernel is from its own first value, and whether it has a shape that noise does not have.

    The null are networks of noise: a p-value counts those whose *best* kernel does as well, so comparing
    many kernels is part of it, and is doubled because there are two `STATISTICS`.

    Parameters
    ----------
    layer, start : Layer
        After and before training.
    n_networks : int
        Networks of noise; no p-value is below 2 / (n_networks + 1).
    seed : int
        Of the noise.

    Returns
    -------
    pd.DataFrame
        ``filter``; ``moved`` (length of what training added, in lengths of the first kernel); ``kept``
        (correlation with the first kernel); `STATISTICS` of the kernel and ``p_value``; the same of what
        training added, under names that begin with ``added_`` (blank for a kernel that has not moved);
        ``start_smoothness``.

    Raises
    ------
    ValueError
        If the two layers differ in shape.

    Examples
    --------
    >>> rng, ramp = np.random.default_rng(0), np.linspace(-1, 1, picture.N_MELS)
    >>> start = Layer(rng.uniform(-1, 1, (3, picture.N_MELS, 2)), np.zeros(2))
    >>> after = Layer(start.kernels + 20 * ramp[:, None] * [1, 0], np.zeros(2))  # a shape added to filter 0
    >>> results = structure(after, start, n_networks=99)
    >>> results[["filter", "smoothness", "p_value", "added_smoothness"]].round(2)
       filter  smoothness  p_value  added_smoothness
    0       0        1.00     0.02               1.0
    1       1        0.12     0.12               NaN
    """
    if layer.kernels.shape != start.kernels.shape:
        raise ValueError(
            f"kernels of {layer.kernels.shape} did not start from kernels of {start.kernels.shape}: another"
            " network?"
        )
    added = layer.kernels - start.kernels
    now, first = (flat(values) for values in (layer.kernels, start.kernels))
    null = _highest_of_noise(layer.kernels.shape, n_networks, seed)
    described = pd.DataFrame({
        "filter": np.arange(now.shape[1]),
        "moved": np.linalg.norm(now - first, axis=0) / np.linalg.norm(first, axis=0),
        "kept": (centred(now) * centred(first)).sum(axis=0),
        "start_smoothness": smoothness(start.kernels),
    })  # fmt: skip
    for prefix, kernels in (("", layer.kernels), ("added_", added)):
        statistics = {"smoothness": smoothness(kernels), "separability": separability(kernels)}
        described = described.assign(**{prefix + name: values for name, values in statistics.items()})
        p_values = [_as_high(statistics[name], null[name]) for name in STATISTICS]
        described[prefix + "p_value"] = np.minimum(1, len(STATISTICS) * np.fmin(*p_values))
    return described


def in_words(kinds):
    """How many kernels have more shape than noise, and how many of the changes that training made.

    Parameters
    ----------
    kinds : dict of str to pd.DataFrame
        What the networks were trained on, and their ``p_value`` and ``added_p_value`` (from `structure`).

    Returns
    -------
    str

    Examples
    --------
    >>> p_values = pd.DataFrame({"p_value": [0.6, 0.02, 0.3, 0.8], "added_p_value": [0.01, 0.01, 0.01, 0.2]})
    >>> print(in_words({"the target": p_values}))
    More shape than noise: trained on the target, 25.0 % of the kernels and 75.0 % of what training added.
    """
    parts = []
    for name, described in kinds.items():
        own, added = (100 * (described[column] <= LEVEL).mean() for column in ("p_value", "added_p_value"))
        parts.append(
            f"trained on {name}, {own:.1f} % of the kernels and {added:.1f} % of what training added"
        )
    return f"More shape than noise: {'; '.join(parts)}."


def smoothness_limit(n_filters, *, n_networks=999, seed=0):
    """Smoothness above which a kernel among so many is more than noise (for pictures).

    Examples
    --------
    >>> few, many = (smoothness_limit(n_filters, n_networks=99) for n_filters in (1, 100))
    >>> 0 < few < many < 1  # the best of many kernels of noise is smoother
    True
    """
    null = _highest_of_noise((3, picture.N_MELS, n_filters), n_networks, seed)
    return float(np.quantile(null["smoothness"], 1 - LEVEL / len(STATISTICS)))


def cluster_order(kernels):
    """Order that puts like kernels side by side: average linkage on their correlation.

    Parameters
    ----------
    kernels : np.ndarray, shape=(3, N_MELS, n_filters)

    Returns
    -------
    np.ndarray of int, shape=(n_filters,)

    Examples
    --------
    >>> profiles = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [0, 1, 2, 4], [4, 2, 1, 0]])  # up, down, up, down
    >>> order = cluster_order(np.stack([profiles.T] * 3)).tolist()
    >>> sorted([sorted(order[:2]), sorted(order[2:])])
    [[0, 2], [1, 3]]
    """
    flat = kernels.reshape(-1, kernels.shape[-1]).T.astype(float)
    distance = scipy.spatial.distance.pdist(flat, metric="correlation")
    distance = np.nan_to_num(distance, nan=1.0)  # a constant kernel is like none
    tree = scipy.cluster.hierarchy.linkage(distance, method="average", optimal_ordering=True)
    return scipy.cluster.hierarchy.leaves_list(tree)


def colour_limit(*layers):
    """Weight at which the colours of a figure end; one in a thousand is beyond it.

    Parameters
    ----------
    *layers : Layer

    Returns
    -------
    float

    Examples
    --------
    >>> layer = Layer(np.linspace(-1, 1, 3 * 64 * 100).reshape(3, 64, 100), np.zeros(100))
    >>> round(colour_limit(layer), 3)
    0.999
    """
    return float(np.quantile(np.abs(np.concatenate([layer.kernels for layer in layers])), 0.999))


def as_published(kernels):
    """The same filters as a network would have them that is shown the author's pictures.

    There (`picture.as_published`) time runs backwards and loud is 0, so the frames are in reverse and
    every weight has the other sign.

    Parameters
    ----------
    kernels : np.ndarray, shape=(3, N_MELS, ...)

    Returns
    -------
    np.ndarray, of the same shape
    """
    return -kernels[::-1]


def all_windows(clips, width):
    """What a kernel sees, one row a frame, shape=(n_clips * (n_frames - width + 1), width * N_MELS)."""
    windows = np.lib.stride_tricks.sliding_window_view(clips, width, axis=1).swapaxes(-1, -2)
    return windows.reshape(-1, width * clips.shape[-1]).astype(np.float32, copy=False)


def flat(kernels):
    """Kernels as columns, shape=(3 * N_MELS, n_filters)."""
    return kernels.reshape(-1, kernels.shape[-1]).astype(float)


def centred(columns, root=None):
    """Columns whose inner products are correlations: of themselves, or of their responses."""
    columns = columns - columns.mean(axis=0) if root is None else root @ columns
    return numerics.unit(columns, axis=0, least=1e-12)


@lru_cache(maxsize=4)
def _highest_of_noise(shape, n_networks, seed):
    """The highest value of each of the `STATISTICS` in each of some networks of noise."""
    rng = np.random.default_rng(seed)
    n_filters, highest = shape[-1], {name: [] for name in STATISTICS}
    for start in range(0, n_networks, NOISE_BATCH):
        size = min(NOISE_BATCH, n_networks - start)
        kernels = rng.uniform(-1, 1, (*shape[:-1], size * n_filters)).astype(np.float32)
        for name, function in zip(STATISTICS, (smoothness, separability), strict=True):
            highest[name].append(function(kernels).reshape(size, n_filters).max(axis=1))
    return {name: np.concatenate(values) for name, values in highest.items()}


def _as_high(values, null):
    """p-value of each value against highest values of noise; blank stays blank."""
    p_values = (1 + (null >= values[:, None]).sum(axis=1)) / (1 + len(null))
    return np.where(np.isnan(values), np.nan, p_values)
