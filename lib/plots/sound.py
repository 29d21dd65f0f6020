"""Pictures of clips and their spectrograms (notebooks 02 and 03)."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from lib.plots import style
from lib.plots.style import axes_of, mel_ticks
from lib.spectrograms import picture as spectrograms_picture
from lib.spectrograms import store

LEVEL = "level (1: loudest cell,\n0: 80 dB below)"


def sources_bar(clips, sources=None, *, ax=None):
    """Clips by the number that their artist has, and which source gave them.

    Parameters
    ----------
    clips : pd.DataFrame
        ``clip_id``, ``artist_id``, ``source``; one row a clip.
    sources : sequence of str or None
        In the order in which they were asked, which is that of the colours; None: by name.

    Examples
    --------
    >>> import pandas as pd
    >>> clips = pd.DataFrame({"clip_id": ["x", "y", "z"], "artist_id": ["a", "a", "b"], "source": "itunes"})
    >>> figure = sources_bar(clips)
    >>> [int(bar.get_width()) for bar in figure.axes[0].patches]  # of artists with one clip, with two
    [1, 2]
    >>> [label.get_text().replace("\\n", " ") for label in figure.axes[0].get_yticklabels()]
    ['1 artist has 1 clip', '1 artist has 2 clips']
    >>> plt.close(figure)
    """
    figure, ax = axes_of(ax, (8, 2.9))
    per_artist = clips.groupby("artist_id").size()
    counts = clips.groupby([clips["artist_id"].map(per_artist), "source"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=counts.columns if sources is None else list(sources), fill_value=0)
    left, longest = np.zeros(len(counts)), counts.sum(axis=1).max()
    for colour, (source, values) in zip(sns.color_palette("colorblind"), counts.items()):
        label = f"{style.name(source)}: {values.sum():,} clips"
        bars = ax.barh(range(len(counts)), values, left=left, color=colour, label=label)
        wide = [f"{value:,}" if value > 0.04 * longest else "" for value in values]
        ax.bar_label(bars, wide, label_type="center", color="black" if sum(colour) > 1.3 else "white")
        left += values.to_numpy()
    artists = per_artist.value_counts()
    rows = [
        f"{_counted(artists[number], 'artist')}\n{'has' if artists[number] == 1 else 'have'}"
        f" {_counted(number, 'clip')}"
        for number in counts.index
    ]
    ax.set_yticks(range(len(counts)), rows)
    ax.set(xlabel="clips", title="Which source gave the clips, by the number of clips of the artist")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _counted(number, what):
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def spectrogram(values, *, title="", ax=None, colourbar=True):
    """One log-mel spectrogram, time to the right, low bands at the bottom.

    Parameters
    ----------
    values : np.ndarray, shape=(256, 64)
        In [0, 1], loud = 1.

    Examples
    --------
    >>> figure = spectrogram(np.zeros((256, 64)), title="silence")
    >>> figure.axes[0].get_title(), figure.axes[0].images[0].get_array().shape  # bands, time steps
    ('silence', (64, 256))
    >>> plt.close(figure)
    """
    figure, ax = axes_of(ax, (6, 2.4))
    image = ax.imshow(
        np.asarray(values, dtype=float).T,
        aspect="auto",
        cmap="magma",
        vmin=0,
        vmax=1,
        interpolation="nearest",  # exact, and a smaller picture
        extent=(
            0,
            spectrograms_picture.SECONDS,
            0,
            spectrograms_picture.N_MELS,
        ),  # mel bands are evenly spaced, however many
    )
    mel_ticks(ax)
    ax.set(xlabel="time (s)", ylabel="frequency (Hz)")
    ax.set_title(title, parse_math=False)
    if colourbar:
        figure.colorbar(image, ax=ax, label=LEVEL)
    return figure


def clip_portraits(items):
    """Several clips: the waveform above, the spectrogram below.

    Parameters
    ----------
    items : sequence of (str, np.ndarray, np.ndarray)
        Title, mono signal of `picture.SECONDS` at any rate, spectrogram.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> figure = clip_portraits([("Abba: Waterloo", rng.uniform(-1, 1, 9000), rng.random((256, 64)))])
    >>> figure.axes[0].get_title(), sum(ax.get_visible() for ax in figure.axes)
    ('Abba: Waterloo', 3)
    >>> plt.close(figure)
    """
    figure, axes = plt.subplots(
        4, 2, figsize=(9.4, 5.6), height_ratios=[1, 2.6] * 2, sharex=True, squeeze=False
    )
    for ax in axes.flat:
        ax.set_visible(False)
    for place, (title, signal, values) in enumerate(items[:4]):
        row, column = 2 * (place // 2), place % 2
        wave, picture = axes[row : row + 2, column]
        parts = np.array_split(np.asarray(signal), 600)  # more than the picture has columns
        time = (np.arange(600) + 0.5) * spectrograms_picture.SECONDS / 600
        wave.fill_between(
            time, [part.min() for part in parts], [part.max() for part in parts], color="#0072B2", linewidth=0
        )
        limit = 1.05 * max(np.abs(signal).max(), 1e-3)
        wave.set(ylim=(-limit, limit), yticks=[0], yticklabels=["pressure"])
        wave.spines[["left", "bottom"]].set_visible(False)
        wave.tick_params(length=0)
        _set_short_title(wave, title, longest=0.4 * figure.bbox.width)
        spectrogram(values, ax=picture, colourbar=False)
        for ax in (wave, picture):
            ax.set_visible(True)
        picture.set_xlabel("time (s)" if row == 2 or len(items) <= 2 else "")
        if column:
            picture.set(ylabel="", yticklabels=[])
            wave.set(yticklabels=[""])
    _level_bar(figure, axes[:, -1])
    return figure


def kept_and_lost(fine, values, *, start, seconds=6.0):
    """A few seconds in a fine picture, and what the network's input keeps of them.

    Parameters
    ----------
    fine : np.ndarray, shape=(n_frames, 128)
        From `picture.fine`.
    values : np.ndarray, shape=(256, 64)
    start, seconds : float
        What is shown, in seconds of the clip.

    Examples
    --------
    >>> figure = kept_and_lost(np.zeros((1292, 128)), np.zeros((256, 64)), start=10, seconds=6)
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['the sound: 128 bands, every 23 ms', 'what is kept: 64 bands, every 117 ms']
    >>> plt.close(figure)
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.4, 3), sharex=True)
    pictures = [
        (
            fine / 80 + 1,
            f"{fine.shape[1]} bands, every {1000 * spectrograms_picture.SECONDS / len(fine):.0f} ms",
        ),
        (
            values,
            f"{values.shape[1]} bands, every {1000 * spectrograms_picture.SECONDS / len(values):.0f} ms",
        ),
    ]
    for ax, (picture, what) in zip(axes, pictures):
        spectrogram(picture, title=what, ax=ax, colourbar=False)
        ax.set_xlim(start, start + seconds)
    axes[0].set_title(f"the sound: {pictures[0][1]}")
    axes[1].set(title=f"what is kept: {pictures[1][1]}", ylabel="", yticklabels=[])
    _level_bar(figure, axes)
    return figure


def _level_bar(figure, axes):
    """One colour bar for all spectrograms of a figure."""
    image = next(ax.images[0] for ax in figure.axes if ax.images)
    figure.colorbar(image, ax=axes, label=LEVEL, shrink=0.9, aspect=30)


def _set_short_title(ax, title, longest):
    """A title that is cut where it would be wider than `longest`, in pixels."""
    text = ax.set_title(title[:100], parse_math=False)
    for length in range(99, 0, -1):
        if text.get_window_extent().width <= longest:
            break
        text.set_text(title[:length] + "…")


def two_readings(ours, published):
    """One clip as this project reads it and as the author's screenshot did.

    Parameters
    ----------
    ours, published : np.ndarray, shape=(256, 64)

    Examples
    --------
    >>> figure = two_readings(np.zeros((256, 64)), np.ones((256, 64)))
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['here: time forward, loud = 1', 'as published: time backwards, loud = 0']
    >>> plt.close(figure)
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.4, 2.9), sharey=True)
    spectrogram(ours, title="here: time forward, loud = 1", ax=axes[0], colourbar=False)
    spectrogram(published, title="as published: time backwards, loud = 0", ax=axes[1], colourbar=False)
    axes[1].set(xlabel="time before the end of the clip (s)", ylabel="")
    figure.colorbar(axes[0].images[0], ax=axes, label="value given to the network", aspect=30)
    return figure


def mean_spectrum(array, *, ax=None):
    """Mean level of a clip in each band: that of the median clip, and the spread between clips.

    Parameters
    ----------
    array : np.ndarray, shape=(n_clips, 256, 64)

    Examples
    --------
    >>> figure = mean_spectrum(np.full((3, 256, 64), 0.5))
    >>> set(figure.axes[0].lines[0].get_ydata().tolist())  # all clips have one level
    {0.5}
    >>> plt.close(figure)
    """
    figure, ax = axes_of(ax, (7, 3.4))
    levels = np.concatenate([part.mean(axis=1) for part in store.batches(array)])
    hertz = spectrograms_picture.mel_frequencies()
    low, middle, high = np.quantile(levels, [0.1, 0.5, 0.9], axis=0)
    ax.fill_between(hertz, low, high, color="#56B4E9", alpha=0.4, linewidth=0, label="80 % of clips")
    ax.plot(hertz, middle, color="#0072B2", label="median of the clips")
    ax.set(xlabel="frequency (Hz)", ylabel="mean level (1: loudest cell)", xscale="log")
    widest = int(np.argmax(high - low))
    ax.set_title(
        f"the range is widest at {hertz[widest]:,.0f} Hz: level {low[widest]:.2f} to {high[widest]:.2f}"
    )
    ticks = (100, 500, 1000, 2000, 5000, 10000)
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.legend()
    return figure
