"""The shapes of first-layer kernels, and the same kernel in two networks (paper, section 5, Figure 3).

Conventions
-----------
- A kernel has the axes (frame, band) = (3, 64): frame 0 is the earliest, band 0 the lowest; a positive weight
  asks for loudness.
- What training *added* to a kernel is the kernel minus its own first value; a network that is built, not
  trained, from the same seed is that first value (`lib.training.siamese.Untrained`).
- Two kernels of two networks are *twins* if the best assignment of all kernels pairs them, and they agree
  more than pairs of untrained networks do.

References
----------
Westfall & Young (1993) for the null of the highest value. Kuhn (1955) for the assignment.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.cluster.hierarchy
import scipy.optimize
import scipy.spatial.distance

from lib.spectrograms import picture, store

ROUNDING = 1e-5  # a spread below this share of a response's square is rounding
BATCH = 8  # clips whose responses are held at a time
NOISE_BATCH = 25  # networks of noise held at a time
LEVEL = 0.05  # of significance, after correction
STATISTICS = ("smoothness", "separability")  # of a kernel alone
MEASURES = {  # in what two filters may agree
    "kernel": "weights as they are",
    "added": "what training added to the weights",
    "response": "what they answer to these clips, before negative values are cut",
}


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
    """
    if layer.kernels.shape != start.kernels.shape:
        raise ValueError(
            f"kernels of {layer.kernels.shape} did not start from kernels of {start.kernels.shape}: another"
            " network?"
        )
    added = layer.kernels - start.kernels
    now, first = (_flat(values) for values in (layer.kernels, start.kernels))
    null = _highest_of_noise(layer.kernels.shape, n_networks, seed)
    described = pd.DataFrame({
        "filter": np.arange(now.shape[1]),
        "moved": np.linalg.norm(now - first, axis=0) / np.linalg.norm(first, axis=0),
        "kept": (_centred(now) * _centred(first)).sum(axis=0),
        "start_smoothness": smoothness(start.kernels),
    })  # fmt: skip
    for prefix, kernels in (("", layer.kernels), ("added_", added)):
        found = {"smoothness": smoothness(kernels), "separability": separability(kernels)}
        described = described.assign(**{prefix + name: values for name, values in found.items()})
        p_values = [_as_high(found[name], null[name]) for name in STATISTICS]
        described[prefix + "p_value"] = np.minimum(1, len(STATISTICS) * np.fmin(*p_values))
    return described


def smoothness_limit(n_filters, *, n_networks=999, seed=0):
    """Smoothness above which a kernel among so many is more than noise (for pictures)."""
    null = _highest_of_noise((3, picture.N_MELS, n_filters), n_networks, seed)
    return float(np.quantile(null["smoothness"], 1 - LEVEL / len(STATISTICS)))


def window_covariance(clips):
    """How the cells of the windows that a kernel sees vary together.

    Parameters
    ----------
    clips : np.ndarray, shape=(n_clips, n_frames, N_MELS)
        May be memory-mapped.

    Returns
    -------
    np.ndarray, shape=(3 * N_MELS, 3 * N_MELS)
        For kernels *a* and *b* as vectors, ``a @ covariance @ b`` is the covariance of their responses before
        negative values are cut.
    """
    size = 3 * picture.N_MELS
    n, total, squares = 0, np.zeros(size), np.zeros((size, size))
    for batch in store.batches(clips, BATCH):
        windows = all_windows(batch, 3)
        n, total, squares = n + len(windows), total + windows.sum(axis=0), squares + windows.T @ windows
    return squares / n - np.outer(total, total) / n**2


def twins(first, second, *, covariance=None):
    """Partner of each kernel in another network: the assignment whose correlations have the highest sum.

    Parameters
    ----------
    first, second : np.ndarray, shape=(3, N_MELS, n_filters)
    covariance : np.ndarray, shape=(3 * N_MELS, 3 * N_MELS), optional
        From `window_covariance`: correlation of the responses instead of that of the weights.

    Returns
    -------
    pd.DataFrame
        ``filter`` (of the first), ``twin`` (of the second), ``correlation``.
    """
    return _matched(*(_centred(_flat(kernels), _root(covariance)) for kernels in (first, second)))


def stability(trained, starts, untrained, covariance, *, controls=None):
    """Twins between all pairs of trainings, and between pairs of networks that share nothing but chance.

    Parameters
    ----------
    trained, starts : dict of int to Layer
        By seed: after and before training.
    untrained : sequence of Layer
        At least two; what they agree in is chance.
    covariance : np.ndarray
        From `window_covariance`.
    controls : pd.DataFrame, optional
        From `lib.filters.controls.describe`. What training added is smooth whatever it was trained on, and
        smooth additions agree more easily than random kernels do; so it is compared with what training on
        permuted targets added.

    Returns
    -------
    pd.DataFrame
        ``measure`` (of `MEASURES`), ``networks`` (trained, untrained, control), ``pair`` (such as "0 and 1"),
        ``filter, twin, correlation``. Without controls, what training added is compared with the kernels of
        untrained networks, to which nothing was added.
    """
    kernels = {seed: layer.kernels for seed, layer in trained.items()}
    added = {seed: layer.kernels - starts[seed].kernels for seed, layer in trained.items()}
    noise = {place: layer.kernels for place, layer in enumerate(untrained)}
    root = _root(covariance)
    weights, heard = _all_twins(noise, None), _all_twins(noise, root)
    found_and_chance = {
        "kernel": (_all_twins(kernels, None), weights),
        "added": (_all_twins(added, None), weights),
        "response": (_all_twins(kernels, root), heard),
    }
    tables = []
    for measure, (found, chance) in found_and_chance.items():
        tables += [found.assign(measure=measure, networks="trained")]
        of_chance = "untrained"
        if measure == "added" and controls is not None and controls["twin_added"].notna().any():
            chance, of_chance = _twins_of_controls(controls), "control"
        tables += [chance.assign(measure=measure, networks=of_chance)]
    table = pd.concat(tables, ignore_index=True)
    return table[["measure", "networks", "pair", "filter", "twin", "correlation"]]


def stability_summary(matches):
    """What share of filters has a twin in another training.

    Parameters
    ----------
    matches : pd.DataFrame
        From `stability`.

    Returns
    -------
    pd.DataFrame
        One row a measure: ``reference`` (the networks that chance is taken from: untrained or control),
        ``limit`` (correlation that `LEVEL` of their matches exceed: that share of twins is chance), ``share``
        of filters above it, mean over pairs of trainings, with ``share_low`` and ``share_high`` (its range),
        ``correlation`` and ``reference_correlation`` (medians), ``n_pairs``. With one training there is no
        pair, and all but the limit is NaN.
    """
    rows = []
    for measure, part in matches.groupby("measure", sort=False):
        reference = part[part["networks"] != "trained"]
        chance = reference["correlation"]
        found, limit = part[part["networks"] == "trained"], chance.quantile(1 - LEVEL)
        shares = (found["correlation"] > limit).groupby(found["pair"]).mean()
        rows.append({
            "measure": measure, "reference": reference["networks"].iloc[0], "limit": limit,
            "chance": LEVEL, "share": shares.mean(),
            "share_low": shares.min(), "share_high": shares.max(), "n_pairs": len(shares),
            "correlation": found["correlation"].median(), "reference_correlation": chance.median(),
        })  # fmt: skip
    return pd.DataFrame(rows)


def cluster_order(kernels):
    """Order that puts like kernels side by side: average linkage on their correlation.

    Parameters
    ----------
    kernels : np.ndarray, shape=(3, N_MELS, n_filters)

    Returns
    -------
    np.ndarray of int, shape=(n_filters,)
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


def _flat(kernels):
    """Kernels as columns, shape=(3 * N_MELS, n_filters)."""
    return kernels.reshape(-1, kernels.shape[-1]).astype(float)


def _root(covariance):
    """Matrix that turns kernels into vectors whose inner products are covariances of responses."""
    if covariance is None:
        return None
    values, vectors = np.linalg.eigh(covariance)
    return np.sqrt(values.clip(0))[:, None] * vectors.T


def _centred(columns, root=None):
    """Columns whose inner products are correlations: of themselves, or of their responses."""
    columns = columns - columns.mean(axis=0) if root is None else root @ columns
    length = np.linalg.norm(columns, axis=0)
    return np.divide(columns, length, out=np.zeros_like(columns), where=length > 1e-12)


def _matched(a, b):
    correlation = a.T @ b
    rows, columns = scipy.optimize.linear_sum_assignment(correlation, maximize=True)
    return pd.DataFrame({"filter": rows, "twin": columns, "correlation": correlation[rows, columns]})


def _all_twins(kernels, root):
    """`twins` of all pairs of networks; a frame without rows where there is no pair."""
    centred = {name: _centred(_flat(values), root) for name, values in kernels.items()}
    tables = [
        _matched(centred[a], centred[b]).assign(pair=f"{a} and {b}") for a, b in combinations(centred, 2)
    ]
    empty = pd.DataFrame({"filter": [], "twin": [], "correlation": [], "pair": []})
    return pd.concat(tables, ignore_index=True) if tables else empty


def _twins_of_controls(controls):
    """Matches of each control with the next one, as `_all_twins` gives them."""
    numbers = list(pd.unique(controls["network"]))
    after = dict(zip(numbers, [*numbers[1:], *numbers[:1]], strict=True))
    known = controls.dropna(subset="twin_added")
    pairs = [f"{one} and {after[one]}" for one in known["network"]]
    return pd.DataFrame({
        "filter": known["filter"], "twin": known["twin"],
        "correlation": known["twin_added"], "pair": pairs,
    })  # fmt: skip


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
