"""Criteria by which filters are selected, and how trained networks differ from controls (paper, section 5,
Figure 4).

This file is long because each step from responses to tests has an example.

Conventions
-----------
- A filter is *selected* by a stated criterion. The statistic of a network is the value of its best filter, so
  that the choice of one of 128 filters is part of every comparison.
- Trained networks are compared with *controls*, which differ in one thing: the artists of their target were
  permuted (`lib.filters.controls`). Untrained networks are a second reference. The unit of every test is the
  network.
- A filter that answers to less than `MIN_ACTIVE` of all frames is taken for silent: its criteria are blank.

References
----------
Vinje & Gallant (2000) for sparseness. Fisher (1935) for the permutation test. Holm (1979) for the correction.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd

from lib.filters import kernels
from lib.ranking import significance
from lib.spectrograms import picture, store

BASS = 200.0  # Hz; the bands centred below are "low"
MIN_ACTIVE = 0.01  # share of frames
N_SIGNALS = 4  # columns of `_signals`
CONTROLS_COMMAND = "python3 -m benchmarks.filter_controls"  # trains the controls of the demo
MOST_DIVISIONS = 100_000  # of networks into two groups that a permutation test lists; above, it draws
CRITERIA = {
    "low_band": f"follows the level below {BASS:.0f} Hz, the overall level aside (correlation)",
    "bass_beat": f"follows a rise of the level below {BASS:.0f} Hz, the overall rise aside (correlation)",
    "onset": "follows a rise of the overall level over its three frames (correlation)",
    "offset": "follows a fall of the overall level over its three frames (correlation)",
    "sparseness": "answers seldom, and strongly when it does (0: always alike, 1: once)",
    "smoothness": "neighbouring bands have like weights (correlation, of the kernel alone)",
}
SELECTED = (
    "low_band",
    "bass_beat",
    "onset",
    "offset",
    "sparseness",
)  # of the response; each chooses a filter


def responses(clips, layer):
    """What the first layer answers to some clips.

    Parameters
    ----------
    clips : np.ndarray, shape=(n_clips, n_frames, N_MELS)
        In [0, 1].
    layer : Layer

    Returns
    -------
    np.ndarray, shape=(n_filters, n_clips, n_frames - 2), dtype=float32
        At least 0. Place *i* along time belongs to frame *i* + 1: the frames that see padding are left out.

    Raises
    ------
    ValueError
        If clips and kernels differ in their bands.
    """
    width, bands, n_filters = layer.kernels.shape
    if clips.shape[-1] != bands:
        raise ValueError(f"clips have {clips.shape[-1]} bands, kernels {bands}: they do not belong together")
    flat = kernels.all_windows(clips, width)
    # Filters first: sums over time then run along memory.
    answers = layer.kernels.reshape(-1, n_filters).T @ flat.T
    answers += layer.bias[:, None]
    return np.maximum(answers, 0, out=answers).reshape(n_filters, len(clips), -1)


def describe(clips, layers):
    """Every criterion for every filter of some first layers.

    Parameters
    ----------
    clips : np.ndarray, shape=(n_clips, n_frames, N_MELS)
        In [0, 1]; may be memory-mapped.
    layers : sequence of Layer
        The trained one, or several untrained ones.

    Returns
    -------
    pd.DataFrame
        ``network`` (place in `layers`), ``filter``, ``active`` (share of frames it answers to), and the
        columns of `CRITERIA`: blank for a filter that is silent, or whose value is not defined.

    Examples
    --------
    >>> clip = np.zeros((1, 256, picture.N_MELS), np.float32)
    >>> clip[:, np.arange(256) % 16 < 8] = 1  # loud and silent in turn
    >>> rise = np.array([-1, 0, 1], np.float32)[:, None, None] * np.ones((1, picture.N_MELS, 1), np.float32)
    >>> layer = kernels.Layer(np.concatenate([rise, -rise], axis=2), np.zeros(2, np.float32))
    >>> describe(clip, [layer])[["filter", "active", "onset", "offset"]].round(2)
       filter  active  onset  offset
    0       0    0.12   0.75   -0.75
    1       1    0.13  -0.76    0.76
    """
    joined = kernels.Layer(
        np.concatenate([one.kernels for one in layers], axis=-1), np.concatenate([one.bias for one in layers])
    )
    n_filters = len(joined.bias)
    active, squares = np.zeros(n_filters), np.zeros(n_filters)
    sums, signal_squares = np.zeros((n_filters, N_SIGNALS)), np.zeros((N_SIGNALS, N_SIGNALS))
    for batch in store.batches(clips, kernels.BATCH):
        signals = _signals(batch)
        answers = responses(batch, joined).reshape(n_filters, -1)
        active += (answers > 0).sum(axis=1)
        squares += np.vecdot(answers, answers)
        sums += answers @ signals
        signal_squares += signals.T @ signals
    n_frames, total = signal_squares[0, 0], sums[:, 0]
    variance = squares - total**2 / n_frames
    variance[variance <= kernels.ROUNDING * squares] = np.nan  # silent, or always alike
    signal_variance = np.diag(signal_squares)[1:] - signal_squares[0, 1:] ** 2 / n_frames
    covariance = sums[:, 1:] - np.outer(total, signal_squares[0, 1:]) / n_frames
    with np.errstate(divide="ignore", invalid="ignore"):
        low_band, bass_beat, onset = (covariance / np.sqrt(np.outer(variance, signal_variance))).T
        sparseness = (1 - total**2 / n_frames / squares) / (1 - 1 / n_frames)
    sizes = [len(one.bias) for one in layers]
    described = pd.DataFrame({
        "network": np.repeat(np.arange(len(layers)), sizes),
        "filter": np.concatenate([np.arange(size) for size in sizes]),
        "active": active / n_frames, "low_band": low_band, "bass_beat": bass_beat,
        "onset": onset, "offset": -onset, "sparseness": sparseness,
    })  # fmt: skip
    described.loc[described["active"] < MIN_ACTIVE, list(SELECTED)] = np.nan
    return described.assign(smoothness=kernels.smoothness(joined.kernels))


def select(trained, reference):
    """For each criterion the filter that meets it best, beside the best filters of other networks.

    Parameters
    ----------
    trained, reference : pd.DataFrame
        From `describe`; one network, and several.

    Returns
    -------
    pd.DataFrame
        Indexed by criterion: ``filter``, ``value``, ``reference_typical`` (median over the reference networks
        of their highest value), ``reference_limit`` (the highest of all), and ``filters_beyond`` (how many
        trained filters lie above the limit). `against` tests the difference.

    Raises
    ------
    ValueError
        If a criterion is blank for all trained filters.

    Examples
    --------
    >>> trained = pd.DataFrame({"network": 0, "filter": [0, 1], **dict.fromkeys(CRITERIA, [0.2, 0.9])})
    >>> reference = pd.DataFrame({"network": [0, 1], "filter": 0, **dict.fromkeys(CRITERIA, [0.3, 0.5])})
    >>> select(trained, reference).loc["onset"].to_dict()
    {'filter': 1.0, 'value': 0.9, 'reference_typical': 0.4, 'reference_limit': 0.5, 'filters_beyond': 1.0}
    """
    rows, highest = {}, best(reference)
    for criterion in CRITERIA:
        values = trained.set_index("filter")[criterion]
        if values.isna().all():
            raise ValueError(
                f"{criterion} is blank for all {len(values)} filters: they are silent or constant. "
                "Has the network collapsed? See its losses in 04."
            )
        limit = highest[criterion].max()
        rows[criterion] = {
            "filter": int(values.idxmax()), "value": values.max(),
            "reference_typical": highest[criterion].median(), "reference_limit": limit,
            "filters_beyond": (values > limit).sum(),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("criterion")


def best(described):
    """Value of each network's best filter.

    Parameters
    ----------
    described : pd.DataFrame
        From `describe`.

    Returns
    -------
    pd.DataFrame, shape=(n_networks, n_criteria)
        Indexed by network; NaN where a criterion has no value in any filter.
    """
    return described.groupby("network")[[name for name in CRITERIA if name in described]].max()


def against(trained, reference, *, seed=0):
    """Best filters of trained networks against those of reference networks, criterion by criterion.

    Parameters
    ----------
    trained, reference : pd.DataFrame
        From `describe`, several networks each.
    seed : int
        Of the divisions drawn where there are more than `MOST_DIVISIONS`.

    Returns
    -------
    pd.DataFrame
        Indexed by criterion: ``trained``, ``reference`` (mean value of a network's best filter),
        ``difference``, ``ci_low``, ``ci_high`` (95 %, Welch), ``p_value``
        (two-sided, `permutation_test`), ``p_holm`` (corrected over the criteria), ``smallest_p_holm`` (the
        lowest that so many networks can reach), ``n_trained``, ``n_reference``.

    Examples
    --------
    >>> trained = pd.DataFrame({"network": [0, 1, 2, 3], "onset": [0.9, 0.8, 0.85, 0.95]})
    >>> reference = trained.assign(onset=[0.4, 0.5, 0.45, 0.55])
    >>> row = against(trained, reference).loc["onset"]
    >>> row[["trained", "reference", "difference", "p_holm"]].round(3).to_dict()
    {'trained': 0.875, 'reference': 0.475, 'difference': 0.4, 'p_holm': 0.029}
    """
    rows, (first, second) = {}, (best(trained), best(reference))
    for criterion in first:
        ours, theirs = (values[criterion].dropna().to_numpy() for values in (first, second))
        rows[criterion] = {
            "trained": ours.mean() if len(ours) else np.nan,
            "reference": theirs.mean() if len(theirs) else np.nan,
            **_difference(ours, theirs),
            "p_value": permutation_test(ours, theirs, seed=seed),
            "smallest_p_holm": min(1.0, len(first.columns) / _n_divisions(len(ours), len(theirs))),
            "n_trained": len(ours), "n_reference": len(theirs),
        }  # fmt: skip
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("criterion")
    table.insert(table.columns.get_loc("smallest_p_holm"), "p_holm", significance.holm(table["p_value"]))
    return table


def in_words(compared, reference):
    """One sentence on what `against` found.

    Parameters
    ----------
    compared : pd.DataFrame
        From `against`.
    reference : str
        Of what networks: ``control`` or ``untrained``.

    Returns
    -------
    str

    Examples
    --------
    >>> trained = pd.DataFrame({"network": [0, 1, 2, 3], "onset": [0.9, 0.8, 0.85, 0.95]})
    >>> reference = trained.assign(onset=[0.4, 0.5, 0.45, 0.55])
    >>> print(in_words(against(trained, reference), "control"))  # doctest: +NORMALIZE_WHITESPACE
    Best filter of 4 trained networks, against 4 networks trained on permuted targets: higher in onset
    (smallest possible p after correction: 0.014).
    """
    certain = compared["p_holm"] < kernels.LEVEL
    groups = {
        "higher in": compared.index[certain & (compared["difference"] > 0)],
        "lower in": compared.index[certain & (compared["difference"] < 0)],
        "not shown to differ in": compared.index[~certain],
    }
    parts = [f"{words} {', '.join(names)}" for words, names in groups.items() if len(names)]
    against_what = {"control": "networks trained on permuted targets", "untrained": "untrained networks"}
    n_trained, n_reference = int(compared["n_trained"].max()), int(compared["n_reference"].max())
    return (
        f"Best filter of {n_trained} trained networks, against {n_reference} {against_what[reference]}:"
        f" {'; '.join(parts).replace('_', ' ')}"
        f" (smallest possible p after correction: {compared['smallest_p_holm'].min():.2g})."
    )


def remarks(compared, reference):
    """What pictures of selected filters note on each criterion: nothing, or that it proves no learning.

    Parameters
    ----------
    compared : pd.DataFrame
        From `against`.
    reference : str
        Of what networks: ``control`` or ``untrained``.

    Returns
    -------
    pd.Series of str
        By criterion; empty where the best filters of trained networks are higher.

    Examples
    --------
    >>> compared = pd.DataFrame({"difference": [0.4, 0.1], "p_holm": [0.02, 0.6]}, ["onset", "offset"])
    >>> {name: remark.splitlines() for name, remark in remarks(compared, "control").items()}
    {'onset': [], 'offset': ['not shown higher', 'than controls']}
    """
    higher = (compared["p_holm"] < kernels.LEVEL) & (compared["difference"] > 0)
    than = {"control": "controls", "untrained": "untrained"}[reference]
    return pd.Series(np.where(higher, "", f"not shown higher\nthan {than}"), compared.index, dtype=object)


def permutation_test(first, second, *, seed=0):
    """Two-sided test of equal means: networks are divided anew into two groups of the same sizes.

    Parameters
    ----------
    first, second : np.ndarray, shape=(n_networks,)
        One value a network.
    seed : int
        Of the divisions drawn where there are more than `MOST_DIVISIONS`; else all are listed.

    Returns
    -------
    float
        Share of divisions, the observed one among them, with at least the observed absolute difference; NaN
        if a group is empty.
    """
    if not len(first) or not len(second):
        return np.nan
    values = np.concatenate([first, second])
    means = values[_divisions(len(first), len(second), MOST_DIVISIONS, seed)].mean(axis=1)
    # The difference of the two groups' means is a multiple of this one.
    apart = np.abs(means - values.mean())
    return float((apart >= apart[0] - 1e-12).mean())


def beyond(trained, controls, *, n_divisions=1999, seed=0):
    """Share of a trained network's filters beyond all controls, minus that of a control beyond the others.

    A filter is beyond if it exceeds the best filter of all controls but one in any criterion of `SELECTED`.
    The control that is left out is the one in question, or each in turn for a trained network: so both shares
    are compared with equally many networks, and the expected difference is 0 where training adds nothing.

    Parameters
    ----------
    trained, controls : pd.DataFrame
        From `describe`, equally many filters a network; at least one network and two networks.
    n_divisions : int
        The networks are divided anew into trained ones and controls: all ways, or so many random ones. The
        interval is the difference minus the 97.5 % and the 2.5 % quantile of what these divisions give.
    seed : int

    Returns
    -------
    dict
        ``trained``, ``control`` (shares), ``value`` (their difference), ``ci_low``, ``ci_high``, ``p_value``
        (two-sided, share of the divisions that differ as much).

    Raises
    ------
    ValueError
        If there are fewer than two controls.
    """
    values = np.stack([
        part[list(SELECTED)].to_numpy()
        for table in (trained, controls)
        for _, part in table.groupby("network")
    ])  # fmt: skip
    n_trained = trained["network"].nunique()
    n_controls = len(values) - n_trained
    if n_controls < 2:
        raise ValueError(f"{n_controls} controls cannot be compared with each other")
    highest = np.fmax.reduce(values, axis=1, initial=-np.inf)
    every, shares = np.arange(len(values)), []
    for chosen in _divisions(n_trained, n_controls, n_divisions, seed):
        others = np.setdiff1d(every, chosen)
        limits = np.array([highest[others[others != left_out]].max(axis=0) for left_out in others])
        ours = (values[chosen][:, None] > limits[None, :, None]).any(axis=-1).mean()
        theirs = (values[others] > limits[:, None]).any(axis=-1).mean()
        shares.append((ours, theirs))
    differences = np.subtract(*np.transpose(shares))
    low = np.quantile(differences, 0.025, method="lower")
    high = np.quantile(differences, 0.975, method="higher")
    as_far = np.abs(differences) >= abs(differences[0]) - 1e-12
    return {
        "trained": float(shares[0][0]), "control": float(shares[0][1]),
        "value": float(differences[0]), "ci_low": float(differences[0] - high),
        "ci_high": float(differences[0] - low), "p_value": float(as_far.mean()),
    }  # fmt: skip


def nicknames(selected):
    """Each selected filter with the criteria that selected it.

    Parameters
    ----------
    selected : pd.DataFrame
        From `select`, the rows to be shown.

    Returns
    -------
    dict of int to str

    Examples
    --------
    >>> named = nicknames(pd.DataFrame({"filter": [7, 7, 3]}, index=["low_band", "onset", "offset"]))
    >>> {number: name.splitlines() for number, name in named.items()}
    {7: ['filter 7', 'low band', 'onset'], 3: ['filter 3', 'offset']}
    """
    criteria_of = {}
    for criterion, number in selected["filter"].items():
        criteria_of.setdefault(int(number), [f"filter {number}"]).append(criterion.replace("_", " "))
    return {number: "\n".join(lines) for number, lines in criteria_of.items()}


def _difference(first, second):
    """Difference of two groups' means with its interval; NaN where a group is empty."""
    if not len(first) or not len(second):
        return dict.fromkeys(("difference", "ci_low", "ci_high"), np.nan)
    row = significance.trainings_estimate(first, second).row("difference")
    return {name: row[name] for name in ("difference", "ci_low", "ci_high")}


def _n_divisions(n_first, n_second):
    """How many divisions of networks `_divisions` gives a permutation test."""
    return min(math.comb(n_first + n_second, n_first), MOST_DIVISIONS)


def _divisions(n_first, n_second, n_most, seed):
    """Places of the first group in divisions of networks, the observed one first: all, or `n_most`."""
    n = n_first + n_second
    if math.comb(n, n_first) <= n_most:
        return np.array(list(combinations(range(n), n_first)))
    rng = np.random.default_rng(seed)
    drawn = rng.permuted(np.tile(np.arange(n), (n_most - 1, 1)), axis=1)[:, :n_first]
    return np.concatenate([np.arange(n_first)[None], drawn])


def _signals(clips):
    """What responses are held against, shape=(n_clips * (n_frames - 2), N_SIGNALS), one row a frame.

    One; the level of the low bands without the overall level, and its rise over 3 frames; the rise of the
    overall level over 3 frames.
    """
    level = clips.mean(axis=-1)
    low = clips[..., picture.mel_frequencies() < BASS].mean(axis=-1) - level
    rises = (values[:, 2:] - values[:, :-2] for values in (low, level))
    return np.stack([np.ones_like(level[:, 1:-1]), low[:, 1:-1], *rises], axis=-1).reshape(-1, N_SIGNALS)
