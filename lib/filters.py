"""What the first layer listens for (paper, section 5, Figures 3 and 4).

Conventions
-----------
- A kernel has the axes (frame, band) = (3, 64): frame 0 is the earliest, band 0 the lowest; a positive weight
  asks for loudness.
- The response of a filter at frame *t* is what the first layer gives there: the kernel over frames *t* - 1 to
  *t* + 1, plus its bias, negative values cut to 0. Frames at either end of a clip, which see padding, are
  left out of all that follows.
- Responses are computed clip by clip and never kept: memory does not grow with the number of clips.
- A filter is *selected* by a stated criterion. The statistic of a network is the value of its best filter, so
  that the choice of one of 128 filters is part of every comparison.
- Trained networks are compared with *controls*, which differ in one thing: the artists of their target were
  permuted (`lib.controls`). Untrained networks are a second reference. The unit of every test is the network.
- A filter that answers to less than `MIN_ACTIVE` of all frames is taken for silent: its criteria are blank.
- What training *added* to a kernel is the kernel minus its own first value; a network that is built, not
  trained, from the same seed is that first value (`lib.training.Untrained`).
- Two kernels of two networks are *twins* if the best assignment of all kernels pairs them, and they agree
  more than pairs of untrained networks do.

References
----------
Allen (2018), section 5. Vinje & Gallant (2000) for sparseness. Westfall & Young (1993) for the null of the
highest value. Kuhn (1955) for the assignment. Fisher (1935) for the permutation test. Holm (1979) for
the correction.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.cluster.hierarchy
import scipy.optimize
import scipy.spatial.distance

from lib import significance, spectrograms

BASS = 200.0  # Hz; the bands centred below are "low"
MIN_ACTIVE = 0.01  # share of frames
ROUNDING = 1e-5  # a spread below this share of a response's square is rounding
N_SIGNALS = 4  # columns of `_signals`
BATCH = 8  # clips whose responses are held at a time
NOISE_BATCH = 25  # networks of noise held at a time
LEVEL = 0.05  # of significance, after correction
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


class Portrait(NamedTuple):
    """A selected filter and what excites it, as Figure 4 draws it.

    Attributes
    ----------
    title : str
    kernel : np.ndarray, shape=(3, N_MELS)
    moments : list of (str, np.ndarray of shape (n_frames, N_MELS))
        Titles and spectrograms around the moment, which is the middle frame.
    """

    title: str
    kernel: np.ndarray
    moments: list


def first_layer(model):
    """First convolution of a network.

    Parameters
    ----------
    model : keras.Model
        From `lib.siamese.tile_model`.

    Returns
    -------
    Layer
    """
    weights = model.get_layer("encoder").get_layer("convolution_1").get_weights()
    return Layer(*(np.asarray(values, dtype=np.float32) for values in weights))


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
    flat = _windows(clips, width)
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
    """
    joined = Layer(
        np.concatenate([one.kernels for one in layers], axis=-1), np.concatenate([one.bias for one in layers])
    )
    n_filters = len(joined.bias)
    active, squares = np.zeros(n_filters), np.zeros(n_filters)
    sums, signal_squares = np.zeros((n_filters, N_SIGNALS)), np.zeros((N_SIGNALS, N_SIGNALS))
    for batch in spectrograms.batches(clips, BATCH):
        signals = _signals(batch)
        answers = responses(batch, joined).reshape(n_filters, -1)
        active += (answers > 0).sum(axis=1)
        squares += np.vecdot(answers, answers)
        sums += answers @ signals
        signal_squares += signals.T @ signals
    n_frames, total = signal_squares[0, 0], sums[:, 0]
    variance = squares - total**2 / n_frames
    variance[variance <= ROUNDING * squares] = np.nan  # silent, or always alike
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
    return described.assign(smoothness=smoothness(joined.kernels))


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
    null = _highest_of_noise((3, spectrograms.N_MELS, n_filters), n_networks, seed)
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
    size = 3 * spectrograms.N_MELS
    n, total, squares = 0, np.zeros(size), np.zeros((size, size))
    for batch in spectrograms.batches(clips, BATCH):
        windows = _windows(batch, 3)
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
        From `lib.controls.describe`. What training added is smooth whatever it was trained on, and smooth
        additions agree more easily than random kernels do; so it is compared with what training on permuted
        targets added.

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
    """
    certain = compared["p_holm"] < LEVEL
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


def strongest_moments(clips, artists, layer, chosen, *, n=3):
    """Where in all clips some filters answer most strongly, one moment an artist.

    Parameters
    ----------
    clips : np.ndarray, shape=(n_clips, n_frames, N_MELS)
        In [0, 1]; may be memory-mapped.
    artists : sequence of str, shape=(n_clips,)
        Artist id of each clip.
    layer : Layer
    chosen : sequence of int
        Filters, each once.
    n : int
        Moments of each filter.

    Returns
    -------
    pd.DataFrame
        ``filter, rank`` (from 1), ``row`` (of the clip), ``frame, seconds, response``; moments without any
        response are left out. Equal responses are taken in the order of the clips.
    """
    part = Layer(layer.kernels[..., list(chosen)], layer.bias[list(chosen)])
    found = [_peaks(responses(batch, part)) for batch in spectrograms.batches(clips, BATCH)]
    peaks, frames = (np.concatenate(values, axis=1) for values in zip(*found, strict=True))
    tables = []
    for place, number in enumerate(chosen):
        table = pd.DataFrame(
            {
                "row": np.arange(len(clips)),
                "frame": frames[place],
                "response": peaks[place],
                "artist": artists,
            }
        )
        table = (
            table[table["response"] > 0]
            .sort_values("response", ascending=False, kind="stable")
            .drop_duplicates("artist")
            .head(n)
        )
        tables.append(table.assign(filter=number, rank=range(1, len(table) + 1)))
    moments = pd.concat(tables, ignore_index=True)
    moments["seconds"] = spectrograms.frame_times()[moments["frame"]]
    return moments[["filter", "rank", "row", "frame", "seconds", "response"]]


def around(clips, layers, chosen, events, artists, *, half_width=8, n_resamples=1000, seed=0):
    """Mean response of some filters around moments of some kinds.

    A filter's responses are taken in its own standard deviations from its own mean over all these clips, so
    that filters can be compared, and so can a filter and what it was before training.

    Parameters
    ----------
    clips : np.ndarray, shape=(n_clips, n_frames, N_MELS)
    layers : dict of str to Layer
        By name, such as trained and untrained.
    chosen : sequence of int
        Filters, each once.
    events : pd.DataFrame
        ``row`` (of the clip), ``kind``, ``seconds``; as from `lib.events`.
    artists : sequence of str, shape=(n_clips,)
    half_width : int
        Frames before and after a moment.
    n_resamples, seed : int
        Of the 95 % intervals, over artists: an artist's moments are averaged first.

    Returns
    -------
    pd.DataFrame
        ``network, filter, kind, frames`` (from the moment), ``seconds, mean, ci_low, ci_high, n_events,
        n_artists``. Kinds that do not occur are left out, and so are filters that always answer alike.
    """
    owners, names = pd.factorize(np.asarray(artists, dtype=object))
    offsets = np.arange(-half_width, half_width + 1)
    hop = spectrograms.HOP_LENGTH / spectrograms.SAMPLE_RATE
    tables = []
    for network, layer in layers.items():
        part = Layer(layer.kernels[..., list(chosen)], layer.bias[list(chosen)])
        answers = [responses(batch, part) for batch in spectrograms.batches(clips, BATCH)]
        for number, values in zip(chosen, np.concatenate(answers, axis=1), strict=True):
            if values.var() <= ROUNDING * np.square(values).mean():
                continue
            values = (values - values.mean()) / values.std()
            edge = ((0, 0), (half_width + 1, half_width + 1))  # frame 0 is left out by `responses`
            values = np.pad(values, edge, constant_values=np.nan)
            for kind, found in events.groupby("kind", sort=False):
                frames = np.rint(found["seconds"].to_numpy() / hop).astype(int).clip(0, clips.shape[1] - 1)
                rows = found["row"].to_numpy()
                windows = values[rows[:, None], frames[:, None] + offsets + half_width]
                means = pd.DataFrame(windows).groupby(owners[rows]).mean().to_numpy()
                mean, low, high = mean_and_interval(means, n_resamples=n_resamples, seed=seed)
                tables.append(pd.DataFrame({
                    "network": network, "filter": number, "kind": kind, "frames": offsets,
                    "seconds": offsets * hop, "mean": mean, "ci_low": low, "ci_high": high,
                    "n_events": len(found), "n_artists": len(means),
                }))  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def mean_and_interval(values, *, n_resamples=1000, seed=0):
    """Mean of each column over the rows and its 95 % percentile interval, rows drawn with replacement.

    Parameters
    ----------
    values : np.ndarray, shape=(n_units, n_columns)
        Blank values are left out.
    n_resamples, seed : int

    Returns
    -------
    mean, low, high : np.ndarray, shape=(n_columns,)
    """
    known = ~np.isnan(values)
    drawn = np.random.default_rng(seed).multinomial(
        len(values), np.full(len(values), 1 / len(values)), n_resamples
    )
    filled = np.where(known, values, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (drawn @ filled) / (drawn @ known)
        low, high = np.nanquantile(means, [0.025, 0.975], axis=0)
        return filled.sum(axis=0) / known.sum(axis=0), low, high


def surroundings(clip, frame, *, half_width=8):
    """What a clip sounds like around a moment.

    Parameters
    ----------
    clip : np.ndarray, shape=(n_frames, N_MELS)
    frame : int
    half_width : int
        Frames before and after.

    Returns
    -------
    np.ndarray, shape=(2 * half_width + 1, N_MELS), dtype=float32
        Blank before the clip's beginning and after its end.
    """
    window = np.full((2 * half_width + 1, clip.shape[1]), np.nan, dtype=np.float32)
    first, last = max(0, frame - half_width), min(len(clip), frame + half_width + 1)
    window[first - frame + half_width : last - frame + half_width] = clip[first:last]
    return window


def portraits(clips, layer, selected, moments, titles):
    """Each selected filter with the pictures of its strongest moments.

    Parameters
    ----------
    clips : np.ndarray, shape=(n_clips, n_frames, N_MELS)
    layer : Layer
    selected : pd.DataFrame
        From `select`, the rows to be shown.
    moments : pd.DataFrame
        From `strongest_moments`.
    titles : sequence of str, shape=(n_moments,)

    Returns
    -------
    list of Portrait
    """
    moments = moments.assign(title=list(titles))
    return [
        Portrait(
            f"{criterion.replace('_', ' ')}\nfilter {number}",
            layer.kernels[..., number],
            [
                (one.title, surroundings(clips[one.row], one.frame))
                for one in moments[moments["filter"] == number].itertuples()
            ],
        )
        for criterion, number in selected["filter"].items()
    ]


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


def nicknames(selected):
    """Each selected filter with the criteria that selected it.

    Parameters
    ----------
    selected : pd.DataFrame
        From `select`, the rows to be shown.

    Returns
    -------
    dict of int to str
    """
    found = {}
    for criterion, number in selected["filter"].items():
        found.setdefault(int(number), [f"filter {number}"]).append(criterion.replace("_", " "))
    return {number: "\n".join(lines) for number, lines in found.items()}


def as_published(kernels):
    """The same filters as a network would have them that is shown the author's pictures.

    There (`spectrograms.as_published`) time runs backwards and loud is 0, so the frames are in reverse and
    every weight has the other sign.

    Parameters
    ----------
    kernels : np.ndarray, shape=(3, N_MELS, ...)

    Returns
    -------
    np.ndarray, of the same shape
    """
    return -kernels[::-1]


def _windows(clips, width):
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


def _peaks(answers):
    """Highest response of each clip and the frame it belongs to."""
    return answers.max(axis=-1), answers.argmax(axis=-1) + 1


def _signals(clips):
    """What responses are held against, shape=(n_clips * (n_frames - 2), N_SIGNALS), one row a frame.

    One; the level of the low bands without the overall level, and its rise over 3 frames; the rise of the
    overall level over 3 frames.
    """
    level = clips.mean(axis=-1)
    low = clips[..., spectrograms.mel_frequencies() < BASS].mean(axis=-1) - level
    rises = (values[:, 2:] - values[:, :-2] for values in (low, level))
    return np.stack([np.ones_like(level[:, 1:-1]), low[:, 1:-1], *rises], axis=-1).reshape(-1, N_SIGNALS)
