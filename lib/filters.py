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

References
----------
Allen (2018), section 5. Vinje & Gallant (2000) for sparseness. Westfall & Young (1993) for the null of the
highest value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.cluster.hierarchy
import scipy.spatial.distance

from lib import spectrograms

BASS = 200.0  # Hz; the bands centred below are "low"
MIN_ACTIVE = 0.01  # share of frames
ROUNDING = 1e-5  # a spread below this share of a response's square is rounding
BATCH = 8  # clips whose responses are held at a time
CRITERIA = {
    "low_band": f"follows the level below {BASS:.0f} Hz, the overall level aside (correlation)",
    "onset": "follows a rise of the overall level over its three frames (correlation)",
    "offset": "follows a fall of the overall level over its three frames (correlation)",
    "sparseness": "answers seldom, and strongly when it does (0: always alike, 1: once)",
    "smoothness": "neighbouring bands have like weights (correlation, of the kernel alone)",
}
SELECTED = ("low_band", "onset", "offset", "sparseness")  # criteria of the response; each chooses a filter


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
    windows = np.lib.stride_tricks.sliding_window_view(clips, width, axis=1).swapaxes(-1, -2)
    flat = windows.reshape(-1, width * bands).astype(np.float32, copy=False)
    answers = (
        layer.kernels.reshape(-1, n_filters).T @ flat.T
    )  # filters first: sums over time then run along memory
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
    active, squares, sums, signal_squares = (
        np.zeros(n_filters),
        np.zeros(n_filters),
        np.zeros((n_filters, 3)),
        np.zeros((3, 3)),
    )
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
        low_band, onset = (covariance / np.sqrt(np.outer(variance, signal_variance))).T
        sparseness = (1 - total**2 / n_frames / squares) / (1 - 1 / n_frames)
    sizes = [len(one.bias) for one in layers]
    described = pd.DataFrame({
        "network": np.repeat(np.arange(len(layers)), sizes),
        "filter": np.concatenate([np.arange(size) for size in sizes]),
        "active": active / n_frames, "low_band": low_band, "onset": onset, "offset": -onset,
        "sparseness": sparseness,
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


def surroundings(clip, frame, *, half_width=13):
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


def _peaks(answers):
    """Highest response of each clip and the frame it belongs to."""
    return answers.max(axis=-1), answers.argmax(axis=-1) + 1


def _signals(clips):
    """What responses are held against, shape=(n_clips * (n_frames - 2), 3), one row a frame.

    One; the level of the low bands without the overall level; the rise of the overall level over 3 frames.
    """
    level = clips.mean(axis=-1)
    low = clips[..., spectrograms.mel_frequencies() < BASS].mean(axis=-1) - level
    signals = [np.ones_like(level[:, 1:-1]), low[:, 1:-1], level[:, 2:] - level[:, :-2]]
    return np.stack(signals, axis=-1).reshape(-1, 3)
