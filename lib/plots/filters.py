"""Pictures of the first layer's filters (notebook 06)."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from lib import filters, spectrograms
from lib.plots.style import METHOD_COLOURS, METHOD_NAMES, SIGNED, axes_of, mel_ticks


def figure3_filters(kernels, order, *, example, rows=4):
    """Figure 3: all first-layer kernels on one scale, and one of them as the author's figure would show it.

    In his, time runs backwards, low bands are at the top, red asks for silence (`lib.filters.as_published`).

    Parameters
    ----------
    kernels : np.ndarray, shape=(3, N_MELS, n_filters)
    order : sequence of int
        Filters from left to right and top to bottom; their numbers stand below.
    example : int
        Filter that is drawn large.
    """
    width, bands, _ = kernels.shape
    columns, limit = -(-len(order) // rows), np.abs(kernels).max()
    figure = plt.figure(figsize=(11.5, 1.65 * rows))
    left, right = figure.subfigures(1, 2, width_ratios=(6.2, 1))
    for ax, part in zip(left.subplots(rows, 1), np.array_split(np.asarray(order), rows), strict=True):
        picture = np.full((bands, columns * (width + 1)), np.nan)
        for place, number in enumerate(part):
            picture[:, place * (width + 1) :][:, :width] = kernels[..., number].T
        image = _kernel(ax, picture, limit, extent=(-0.5, picture.shape[1] - 0.5, 0, bands))
        ax.set_xticks(np.arange(len(part)) * (width + 1) + (width - 1) / 2, part, fontsize=7)
        ax.tick_params(axis="x", length=0)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.set_ylabel("frequency (Hz)")
    frame = 1000 * spectrograms.HOP_LENGTH / spectrograms.SAMPLE_RATE
    caption = f"filter, by its number; each has {width} frames, {frame:.0f} ms apart, earliest on the left"
    left.supxlabel(caption, fontsize=9)
    left.colorbar(image, ax=left.axes, label="weight (positive: asks for loudness)", shrink=0.6, pad=0.01)
    ours, published = right.subplots(2, 1)
    kernel(kernels[..., example], limit, ax=ours)
    ours.set_title(f"filter {example}, here", fontsize=8)
    picture = filters.as_published(kernels[..., example]).T
    _kernel(published, picture, limit, extent=(0, width, bands, 0), cmap="RdBu_r")
    published.set(xticks=[], xlabel="← time")
    published.set_title("as the paper\ndraws it", fontsize=8)
    return figure


def kernel(values, limit, *, ax=None):
    """One first-layer kernel, time to the right, low bands at the bottom.

    Parameters
    ----------
    values : np.ndarray, shape=(3, N_MELS)
    limit : float
        Weight at which the colours end.
    """
    figure, ax = axes_of(ax, (1.6, 3))
    frame = 1000 * spectrograms.HOP_LENGTH / spectrograms.SAMPLE_RATE  # ms
    _kernel(ax, values.T, limit, extent=(-1.5 * frame, 1.5 * frame, 0, spectrograms.N_MELS))
    ax.set_xticks([-frame, 0, frame], [f"{time:.0f}" for time in (-frame, 0, frame)], fontsize=7)
    ax.set_xlabel("time (ms)")
    return figure


def figure4_selected_filters(portraits):
    """Figure 4: each selected filter beside the moments that excite it most; each kernel on its own scale.

    Parameters
    ----------
    portraits : sequence of lib.filters.Portrait
    """
    rows, columns = len(portraits), max(len(one.moments) for one in portraits)
    hop, bands = spectrograms.HOP_LENGTH / spectrograms.SAMPLE_RATE, spectrograms.N_MELS
    size, widths = (2 + 2.3 * columns, 2 * rows), [1, *[2.5] * columns]
    figure, axes = plt.subplots(rows, 1 + columns, figsize=size, width_ratios=widths, squeeze=False)
    for one, (first, *others) in zip(portraits, axes, strict=True):
        kernel(one.kernel, np.abs(one.kernel).max(), ax=first)
        first.set_ylabel("frequency (Hz)")
        first.set_title(one.title, fontsize=8)
        for ax, (title, window) in zip(others, one.moments):
            half = len(window) * hop / 2
            extent = (-half, half, 0, bands)
            ax.imshow(
                window.T, aspect="auto", cmap="magma", vmin=0, vmax=1, extent=extent, interpolation="nearest"
            )
            for edge in (-1.5 * hop, 1.5 * hop):  # what the kernel sees
                ax.axvline(edge, color="white", linewidth=0.8, linestyle=":")
            ax.set_title(title, fontsize=8, parse_math=False)
            ax.set(yticks=[], xlabel="seconds from the moment")
        for ax in others[len(one.moments) :]:
            ax.set_visible(False)
    return figure


def filters_against_untrained(trained, untrained, criteria):
    """Each criterion over all filters, before and after training.

    The line is the highest value of any filter of any untrained network.

    Parameters
    ----------
    trained, untrained : pd.DataFrame
        From `lib.filters.describe`.
    criteria : sequence of str
    """
    figure, axes = plt.subplots(1, len(criteria), figsize=(2.6 * len(criteria), 2.6))
    for ax, criterion in zip(np.atleast_1d(axes), criteria, strict=True):
        both = np.concatenate([untrained[criterion].dropna(), trained[criterion].dropna()])
        bins = np.linspace(both.min(), both.max(), 26)
        for described, name, kind in ((untrained, "untrained", "stepfilled"), (trained, "siamese", "step")):
            style = {"histtype": kind, "color": METHOD_COLOURS[name], "label": METHOD_NAMES[name]}
            ax.hist(described[criterion].dropna(), bins, density=True, linewidth=1.5, **style)
        ax.axvline(untrained[criterion].max(), color="#444444", linestyle=":", label="untrained limit")
        ax.set(xlabel=criterion.replace("_", " "), yticks=[])
    np.atleast_1d(axes)[0].set_ylabel("density of filters")
    np.atleast_1d(axes)[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _kernel(ax, picture, limit, *, extent, cmap=SIGNED):
    style = {"cmap": cmap, "vmin": -limit, "vmax": limit, "origin": "upper" if extent[2] else "lower"}
    image = ax.imshow(picture, aspect="auto", extent=extent, interpolation="nearest", **style)
    mel_ticks(ax)
    return image
