"""The same kernel in two networks (paper, section 5, Figure 3).

Conventions
-----------
- Kernels are those of `lib.filters.kernels`.
- Two kernels of two networks are *twins* if the best assignment of all kernels pairs them, and they agree
  more than pairs of untrained networks do.

References
----------
Kuhn (1955) for the assignment.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import scipy.optimize

from lib.filters.kernels import BATCH, LEVEL, all_windows, centred, flat
from lib.spectrograms import picture, store

MEASURES = {  # in what two filters may agree
    "kernel": "weights as they are",
    "added": "what training added",
    "response": "responses to these clips",  # before negative values are cut
}


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

    Examples
    --------
    >>> clips = np.zeros((2, 256, picture.N_MELS), np.float32)
    >>> clips[:, ::2] = 1  # loud and silent in turn
    >>> covariance, kernel = window_covariance(clips), np.repeat([0, 1 / picture.N_MELS, 0], picture.N_MELS)
    >>> covariance.shape, round(float(kernel @ covariance @ kernel), 2)  # and the variance of the level
    ((192, 192), 0.25)
    """
    size = 3 * picture.N_MELS
    n, total, squares = 0, np.zeros(size), np.zeros((size, size))
    for batch in store.batches(clips, BATCH):
        windows = all_windows(batch, 3)
        n, total, squares = n + len(windows), total + windows.sum(axis=0), squares + windows.T @ windows
    return squares / n - np.outer(total, total) / n**2


def between(first, second, *, covariance=None):
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
    return _matched(*(centred(flat(kernels), _root(covariance)) for kernels in (first, second)))


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

    Examples
    --------
    >>> from lib.filters.kernels import Layer
    >>> rng = np.random.default_rng(0)
    >>> noise = [Layer(rng.uniform(-1, 1, (3, picture.N_MELS, 4)), np.zeros(4)) for _ in range(3)]
    >>> trained = {0: noise[0], 1: Layer(noise[0].kernels[..., ::-1], np.zeros(4))}  # in another order
    >>> results = stability(trained, {0: noise[1], 1: noise[2]}, noise, np.eye(3 * picture.N_MELS))
    >>> results.head(4)[["measure", "networks", "pair", "filter", "twin", "correlation"]].round(2)
      measure networks     pair  filter  twin  correlation
    0  kernel  trained  0 and 1       0     3          1.0
    1  kernel  trained  0 and 1       1     2          1.0
    2  kernel  trained  0 and 1       2     1          1.0
    3  kernel  trained  0 and 1       3     0          1.0
    """
    kernels = {seed: layer.kernels for seed, layer in trained.items()}
    added = {seed: layer.kernels - starts[seed].kernels for seed, layer in trained.items()}
    noise = {place: layer.kernels for place, layer in enumerate(untrained)}
    root = _root(covariance)
    weights, responses = _all_twins(noise, None), _all_twins(noise, root)
    matches_and_chance = {
        "kernel": (_all_twins(kernels, None), weights),
        "added": (_all_twins(added, None), weights),
        "response": (_all_twins(kernels, root), responses),
    }
    tables = []
    for measure, (matches, chance) in matches_and_chance.items():
        tables += [matches.assign(measure=measure, networks="trained")]
        of_chance = "untrained"
        if measure == "added" and controls is not None and controls["twin_added"].notna().any():
            chance, of_chance = _twins_of_controls(controls), "control"
        tables += [chance.assign(measure=measure, networks=of_chance)]
    table = pd.concat(tables, ignore_index=True)
    return table[["measure", "networks", "pair", "filter", "twin", "correlation"]]


def summary(matches):
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

    Examples
    --------
    >>> trained = pd.DataFrame({"networks": "trained", "correlation": [0.9, 0.8, 0.1, 0.2]})
    >>> chance = pd.DataFrame({"networks": "untrained", "correlation": [0.1, 0.2, 0.3, 0.3]})
    >>> matches = pd.concat([trained, chance]).assign(measure="kernel", pair="0 and 1")
    >>> summary(matches)[["measure", "reference", "limit", "share"]].round(2)
      measure  reference  limit  share
    0  kernel  untrained    0.3    0.5
    """
    rows = []
    for measure, part in matches.groupby("measure", sort=False):
        reference = part[part["networks"] != "trained"]
        chance = reference["correlation"]
        trained, limit = part[part["networks"] == "trained"], chance.quantile(1 - LEVEL)
        shares = (trained["correlation"] > limit).groupby(trained["pair"]).mean()
        rows.append({
            "measure": measure, "reference": reference["networks"].iloc[0], "limit": limit,
            "chance": LEVEL, "share": shares.mean(),
            "share_low": shares.min(), "share_high": shares.max(), "n_pairs": len(shares),
            "correlation": trained["correlation"].median(), "reference_correlation": chance.median(),
        })  # fmt: skip
    return pd.DataFrame(rows)


def in_words(summary):
    """What share of filters has a twin in another training, beside chance.

    Parameters
    ----------
    summary : pd.DataFrame
        From `summary`.

    Returns
    -------
    str

    Examples
    --------
    >>> row = {"measure": "added", "share": 0.07, "share_low": 0.04, "share_high": 0.1, "n_pairs": 10}
    >>> print(in_words(pd.DataFrame([row | {"chance": 0.05, "reference": "control"}])))
    Filters with a twin in another training, over 10 pairs of trainings, where chance is 5 %:
    by what training added 7 % (4 % to 10 %, chance from pairs of controls).
    """
    if not summary["n_pairs"].max():
        return "With one training, no filter can have a twin."
    networks = {"control": "controls", "untrained": "untrained networks"}
    parts = [
        f"by {MEASURES[row['measure']]} {100 * row['share']:.0f} % ({100 * row['share_low']:.0f} % to"
        f" {100 * row['share_high']:.0f} %, chance from pairs of {networks[row['reference']]})"
        for row in summary.to_dict("records")
    ]
    first = (
        f"Filters with a twin in another training, over {summary['n_pairs'].max()} pairs of trainings, where"
        f" chance is {100 * summary['chance'].iloc[0]:.0f} %:\n"
    )
    return first + ",\n".join(parts) + "."


def _root(covariance):
    """Matrix that turns kernels into vectors whose inner products are covariances of responses."""
    if covariance is None:
        return None
    values, vectors = np.linalg.eigh(covariance)
    return np.sqrt(values.clip(0))[:, None] * vectors.T


def _matched(a, b):
    correlation = a.T @ b
    rows, columns = scipy.optimize.linear_sum_assignment(correlation, maximize=True)
    return pd.DataFrame({"filter": rows, "twin": columns, "correlation": correlation[rows, columns]})


def _all_twins(kernels, root):
    """Twins of all pairs of networks; a frame without rows where there is no pair."""
    columns = {name: centred(flat(values), root) for name, values in kernels.items()}
    tables = [
        _matched(columns[a], columns[b]).assign(pair=f"{a} and {b}") for a, b in combinations(columns, 2)
    ]
    empty = pd.DataFrame({"filter": [], "twin": [], "correlation": [], "pair": []})
    return pd.concat(tables, ignore_index=True) if tables else empty


def _twins_of_controls(controls):
    """Matches of each control with the next one, as `_all_twins` gives them."""
    numbers = list(pd.unique(controls["network"]))
    after = dict(zip(numbers, [*numbers[1:], *numbers[:1]], strict=True))
    matched = controls.dropna(subset="twin_added")
    pairs = [f"{one} and {after[one]}" for one in matched["network"]]
    return pd.DataFrame({
        "filter": matched["filter"], "twin": matched["twin"],
        "correlation": matched["twin_added"], "pair": pairs,
    })  # fmt: skip
