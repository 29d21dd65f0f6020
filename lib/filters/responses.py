"""What the first layer listens for (paper, section 5, Figures 3 and 4).

Conventions
-----------
- A kernel has the axes (frame, band) = (3, 64): frame 0 is the earliest, band 0 the lowest; a positive weight
  asks for loudness.
- The response of a filter at frame *t* is what the first layer gives there: the kernel over frames *t* - 1 to
  *t* + 1, plus its bias, negative values cut to 0. Frames at either end of a clip, which see padding, are
  left out of all that follows.
- Responses are computed clip by clip and never kept: memory does not grow with the number of clips.

References
----------
Allen (2018), section 5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.filters import criteria, kernels
from lib.spectrograms import picture, store

MOMENTS = {  # of criteria: the kind of moment that they name, and its name in a sentence
    "onset": ("onset", "an onset"),
    "offset": ("silence", "the beginning of silence"),
}


class Portrait(NamedTuple):
    """A selected filter and what excites it, as Figure 4 draws it.

    Attributes
    ----------
    title : str
    kernel : np.ndarray, shape=(3, N_MELS)
    moments : list of (str, np.ndarray of shape (n_frames, N_MELS))
        Titles and spectrograms around the moment, which is the middle frame.
    remark : str
        On the criterion; empty where it distinguishes trained networks from the reference.
    """

    title: str
    kernel: np.ndarray
    moments: list
    remark: str = ""


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

    Examples
    --------
    >>> clips = np.zeros((2, 256, picture.N_MELS), np.float32)
    >>> clips[0, 100], clips[1, 50] = 1.0, 0.5  # one loud frame each
    >>> level = np.array([0, 1, 0], np.float32)[:, None, None] * np.ones((1, picture.N_MELS, 1), np.float32)
    >>> layer = kernels.Layer(level, np.zeros(1, np.float32))
    >>> strongest_moments(clips, ["a", "b"], layer, [0])[["rank", "row", "frame", "response"]]
       rank  row  frame  response
    0     1    0    100      64.0
    1     2    1     50      32.0
    """
    part = kernels.Layer(layer.kernels[..., list(chosen)], layer.bias[list(chosen)])
    by_batch = [_peaks(criteria.responses(batch, part)) for batch in store.batches(clips, kernels.BATCH)]
    peaks, frames = (np.concatenate(values, axis=1) for values in zip(*by_batch, strict=True))
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
    moments["seconds"] = picture.frame_times()[moments["frame"]]
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
        ``row`` (of the clip), ``kind``, ``seconds``; as from `lib.filters.events`.
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

    Examples
    --------
    >>> clips = np.zeros((2, 256, picture.N_MELS), np.float32)
    >>> clips[:, 100] = 1  # a loud frame
    >>> layer = kernels.Layer(np.ones((3, picture.N_MELS, 1), np.float32), np.zeros(1, np.float32))
    >>> events = pd.DataFrame({"row": [0, 1], "kind": "onset", "seconds": picture.frame_times()[100]})
    >>> results = around(clips, {"trained": layer}, [0], events, ["a", "b"], half_width=2)
    >>> results["frames"].tolist(), results["mean"].round(1).tolist()
    ([-2, -1, 0, 1, 2], [-0.1, 9.1, 9.1, 9.1, -0.1])
    """
    owners, names = pd.factorize(np.asarray(artists, dtype=object))
    offsets = np.arange(-half_width, half_width + 1)
    hop = picture.HOP_LENGTH / picture.SAMPLE_RATE
    tables = []
    for network, layer in layers.items():
        part = kernels.Layer(layer.kernels[..., list(chosen)], layer.bias[list(chosen)])
        answers = [criteria.responses(batch, part) for batch in store.batches(clips, kernels.BATCH)]
        for number, values in zip(chosen, np.concatenate(answers, axis=1), strict=True):
            if values.var() <= kernels.ROUNDING * np.square(values).mean():
                continue
            values = (values - values.mean()) / values.std()
            edge = ((0, 0), (half_width + 1, half_width + 1))  # frame 0 is left out by `responses`
            values = np.pad(values, edge, constant_values=np.nan)
            for kind, moments in events.groupby("kind", sort=False):
                frames = np.rint(moments["seconds"].to_numpy() / hop).astype(int).clip(0, clips.shape[1] - 1)
                rows = moments["row"].to_numpy()
                windows = values[rows[:, None], frames[:, None] + offsets + half_width]
                means = pd.DataFrame(windows).groupby(owners[rows]).mean().to_numpy()
                mean, low, high = mean_and_interval(means, n_resamples=n_resamples, seed=seed)
                tables.append(pd.DataFrame({
                    "network": network, "filter": number, "kind": kind, "frames": offsets,
                    "seconds": offsets * hop, "mean": mean, "ci_low": low, "ci_high": high,
                    "n_events": len(moments), "n_artists": len(means),
                }))  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def in_words(means, selected):
    """Whether filters respond more at the moments that their criterion names than before training.

    Parameters
    ----------
    means : pd.DataFrame
        From `around`; networks trained and untrained.
    selected : pd.DataFrame
        From `lib.filters.criteria.select`; criteria that name no kind of moment (`MOMENTS`) are passed over.

    Returns
    -------
    str
        The highest mean within a frame of the moment. *Higher* and *lower* where the 95 % intervals have no
        value in common.

    Examples
    --------
    >>> means = pd.DataFrame({"network": ["trained", "untrained"], "mean": [2.0, 0.5], "filter": 7})
    >>> means = means.assign(kind="onset", frames=0, ci_low=[1.8, 0.2], ci_high=[2.2, 0.8])
    >>> print(in_words(means, pd.DataFrame({"filter": [7]}, index=["onset"])))
    Filter 7 (onset), at an onset: 2.0 after training (1.8 to 2.2), 0.5 before (0.2 to 0.8): higher.
    """
    lines, near = [], means[means["frames"].abs() <= 1]
    for criterion, (kind, moment) in MOMENTS.items():
        number = int(selected["filter"][criterion]) if criterion in selected.index else None
        own = near[(near["filter"] == number) & (near["kind"] == kind)]
        if not {"trained", "untrained"} <= set(own["network"]):
            continue
        peaks = own.loc[own.groupby("network")["mean"].idxmax()].set_index("network")
        after, before = (peaks.loc[network] for network in ("trained", "untrained"))
        word = "not shown to differ"
        if after["ci_low"] > before["ci_high"]:
            word = "higher"
        if after["ci_high"] < before["ci_low"]:
            word = "lower"
        now, first = (f"({peak['ci_low']:.1f} to {peak['ci_high']:.1f})" for peak in (after, before))
        lines.append(
            f"Filter {number} ({criterion}), at {moment}: {after['mean']:.1f} after training {now},"
            f" {before['mean']:.1f} before {first}: {word}."
        )
    return "\n".join(lines)


def mean_and_interval(values, *, n_resamples=1000, seed=0):
    """Mean of each column over the rows and its 95 % percentile interval, rows drawn with replacement.

    What is drawn is how often each row counts, once for all columns, which may have blanks in other rows.
    `lib.numerics.bootstrap_interval` draws other resamples: it would give other values.

    Parameters
    ----------
    values : np.ndarray, shape=(n_units, n_columns)
        Blank values are left out.
    n_resamples, seed : int

    Returns
    -------
    mean, low, high : np.ndarray, shape=(n_columns,)
    """
    present = ~np.isnan(values)
    drawn = np.random.default_rng(seed).multinomial(
        len(values), np.full(len(values), 1 / len(values)), n_resamples
    )
    filled = np.where(present, values, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (drawn @ filled) / (drawn @ present)
        low, high = np.nanquantile(means, [0.025, 0.975], axis=0)
        return filled.sum(axis=0) / present.sum(axis=0), low, high


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
        From `select`, the rows to be shown; with a column ``remark`` (`lib.filters.criteria.remarks`), the
        title ends with it.
    moments : pd.DataFrame
        From `strongest_moments`.
    titles : sequence of str, shape=(n_moments,)

    Returns
    -------
    list of Portrait

    Examples
    --------
    >>> clips, selected = np.zeros((1, 256, picture.N_MELS)), pd.DataFrame({"filter": {"onset": 0}})
    >>> layer = kernels.Layer(np.ones((3, picture.N_MELS, 1)), np.zeros(1))
    >>> moments = pd.DataFrame({"filter": [0], "row": 0, "frame": 100})
    >>> (portrait,) = portraits(clips, layer, selected, moments, ["Song, 11.7 s"])
    >>> portrait.title.splitlines(), [(title, sound.shape) for title, sound in portrait.moments]
    (['onset', 'filter 0'], [('Song, 11.7 s', (17, 64))])
    """
    moments = moments.assign(title=list(titles))
    remarked = selected.get("remark", [""] * len(selected))
    return [
        Portrait(
            f"{criterion.replace('_', ' ')}\nfilter {number}",
            layer.kernels[..., number],
            [
                (one.title, surroundings(clips[one.row], one.frame))
                for one in moments[moments["filter"] == number].itertuples()
            ],
            remark,
        )
        for (criterion, number), remark in zip(selected["filter"].items(), remarked, strict=True)
    ]


def _peaks(answers):
    """Highest response of each clip and the frame it belongs to."""
    return answers.max(axis=-1), answers.argmax(axis=-1) + 1
