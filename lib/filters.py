"""What the first layer listens for (paper, section 5, Figures 3 and 4).

Conventions
-----------
- A kernel has the axes (frame, band) = (3, 64): frame 0 is the earliest, band 0 the lowest; a positive weight
  asks for loudness.
- The response of a filter at frame *t* is what the first layer gives there: the kernel over frames *t* - 1 to
  *t* + 1, plus its bias, negative values cut to 0. Frames at either end of a clip, which see padding, are
  left out of all that follows.
- Responses are computed clip by clip and never kept: memory does not grow with the number of clips.
- A filter is *selected* by a stated criterion. Its null is the highest value among all filters of an
  untrained network, over several such networks, so that picking one of 128 filters is part of the null.
- A filter that answers to less than `MIN_ACTIVE` of all frames is taken for silent: its criteria are blank.
- What training *added* to a kernel is the kernel minus its own first value; a network that is built, not
  trained, from the same seed is that first value (`lib.training.Untrained`).
- Two kernels of two networks are *twins* if the best assignment of all kernels pairs them, and they agree
  more than pairs of untrained networks do.

References
----------
Allen (2018), section 5. Vinje & Gallant (2000) for sparseness. Westfall & Young (1993) for the null of the
highest value. Kuhn (1955) for the assignment.
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

from lib import spectrograms

BASS = 200.0  # Hz; the bands centred below are "low"
MIN_ACTIVE = 0.01  # share of frames
ROUNDING = 1e-5  # a spread below this share of a response's square is rounding
N_SIGNALS = 4  # columns of `_signals`
BATCH = 8  # clips whose responses are held at a time
NOISE_BATCH = 25  # networks of noise held at a time
LEVEL = 0.05  # of significance, after correction
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


def stability(trained, starts, untrained, covariance):
    """Twins between all pairs of trainings, and between all pairs of untrained networks.

    Parameters
    ----------
    trained, starts : dict of int to Layer
        By seed: after and before training.
    untrained : sequence of Layer
        At least two; what they agree in is chance.
    covariance : np.ndarray
        From `window_covariance`.

    Returns
    -------
    pd.DataFrame
        ``measure`` (of `MEASURES`), ``networks`` (trained, untrained), ``pair`` (such as "0 and 1"),
        ``filter, twin, correlation``. Nothing is added to untrained networks; what training added is held
        against their kernels.
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
        tables += [chance.assign(measure=measure, networks="untrained")]
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
        One row a measure: ``limit`` (correlation that `LEVEL` of the pairs of untrained kernels exceed: that
        share of twins is chance), ``share`` of filters above it, mean over pairs of trainings, with
        ``share_low`` and ``share_high`` (its range), ``correlation`` and ``untrained_correlation`` (medians),
        ``n_pairs``. With one training there is no pair, and all but the limit is blank.
    """
    rows = []
    for measure, part in matches.groupby("measure", sort=False):
        chance = part[part["networks"] == "untrained"]["correlation"]
        found, limit = part[part["networks"] == "trained"], chance.quantile(1 - LEVEL)
        shares = (found["correlation"] > limit).groupby(found["pair"]).mean()
        rows.append({
            "measure": measure, "limit": limit, "chance": LEVEL, "share": shares.mean(),
            "share_low": shares.min(), "share_high": shares.max(), "n_pairs": len(shares),
            "correlation": found["correlation"].median(), "untrained_correlation": chance.median(),
        })  # fmt: skip
    return pd.DataFrame(rows)


def select(trained, untrained):
    """For each criterion the filter that meets it best, and what untrained networks have to say to that.

    Parameters
    ----------
    trained, untrained : pd.DataFrame
        From `describe`; one network, and several.

    Returns
    -------
    pd.DataFrame
        Indexed by criterion: ``filter``, ``value``, ``untrained_typical`` (median over untrained networks of
        their highest value), ``untrained_limit`` (the highest of all), ``p_value`` (of `value`, the choice
        among all filters being part of the null; at least 1 / (untrained networks + 1)), and
        ``filters_beyond`` (how many trained filters lie above the limit).

    Raises
    ------
    ValueError
        If a criterion is blank for all trained filters.
    """
    rows = {}
    for criterion in CRITERIA:
        values = trained.set_index("filter")[criterion]
        if values.isna().all():
            raise ValueError(
                f"{criterion} is blank for all {len(values)} filters: they are silent or constant. "
                "Has the network collapsed? See its losses in 04."
            )
        best = values.max()
        null = untrained.groupby("network")[criterion].max().fillna(-1.0)
        rows[criterion] = {
            "filter": int(values.idxmax()), "value": best,
            "untrained_typical": null.median(), "untrained_limit": null.max(),
            "p_value": (1 + (null >= best).sum()) / (1 + len(null)),
            "filters_beyond": (values > null.max()).sum(),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("criterion")


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
