"""Pictures of first-layer kernels: their weights, and what training changed in them (notebooks 06, 06b)."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from lib import registry
from lib.filters import kernels as filters_kernels
from lib.plots.style import SIGNED, axes_of, mel_ticks
from lib.spectrograms import picture

FRAME = 1000 * picture.HOP_LENGTH / picture.SAMPLE_RATE  # ms
BEFORE = "#777777"  # before training


def figure3_filters(kernels, order, *, what, example=None, limit=None, marked=(), rows=5):
    """Figure 3: all first-layer kernels on one scale; on request, one of them as the author would draw it.

    In his, time runs backwards, low bands are at the top, and red raises the response to quiet cells
    (`lib.filters.kernels.as_published`).

    Parameters
    ----------
    kernels : np.ndarray, shape=(3, N_MELS, n_filters)
    order : sequence of int
        Filters from left to right and top to bottom; their numbers stand below.
    what : str
        For the title, which counts the marked filters.
    example : int, optional
        Filter that is drawn large at the right, twice; without it the kernels take the whole width.
    limit : float, optional
        Weight at which the colours end, so that figures can be compared; the largest if not given.
    marked : sequence of int
        Filters that have more shape than noise; their numbers are set in colour and bold.
    rows : int

    Examples
    --------
    >>> kernels = np.random.default_rng(0).normal(size=(3, 64, 4))
    >>> figure = figure3_filters(kernels, [2, 0, 3, 1], what="after training", example=3, rows=2)
    >>> figure.get_suptitle()
    'after training: 0 of 4 kernels have more shape than noise'
    >>> [[label.get_text() for label in ax.get_xticklabels()] for ax in figure.axes[:2]]
    [['2', '0'], ['3', '1']]
    >>> plt.close(figure)
    """
    width, bands, _ = kernels.shape
    columns, limit = -(-len(order) // rows), limit or np.abs(kernels).max()
    figure = plt.figure(figsize=(10, 1.45 * rows + 1.2))
    if example is None:
        left, right = figure.subfigures(1, 1), None
    else:
        left, right = figure.subfigures(1, 2, width_ratios=(5.6, 1))
    for ax, part in zip(left.subplots(rows, 1), np.array_split(np.asarray(order), rows), strict=True):
        picture = np.full((bands, columns * (width + 1)), np.nan)
        for place, number in enumerate(part):
            picture[:, place * (width + 1) :][:, :width] = kernels[..., number].T
        image = _kernel(ax, picture, limit, extent=(-0.5, picture.shape[1] - 0.5, 0, bands))
        ax.set_xticks(np.arange(len(part)) * (width + 1) + (width - 1) / 2, part, fontsize=9)
        for label, number in zip(ax.get_xticklabels(), part, strict=True):
            if number in set(marked):
                label.set(color=registry.colour("siamese"), fontweight="bold")
        ax.tick_params(axis="x", length=0, pad=1)
        ax.tick_params(axis="y", labelsize=9)
        ax.spines[["left", "bottom"]].set_visible(False)
    left.supylabel("frequency (Hz)", fontsize=10)
    ax.set_xlabel(f"number of the filter; {width} frames each, {FRAME:.0f} ms apart, earliest on the left")
    label = "weight (positive: raises the response to loud cells)"
    left.colorbar(image, ax=left.axes, label=label, location="bottom", shrink=0.7, aspect=45, extend="both")
    shaped = len(set(marked) & {int(number) for number in order})
    figure.suptitle(f"{what}: {shaped} of {len(order)} kernels have more shape than noise")
    if right is not None:
        _example(right, kernels[..., example], limit, example)
    return figure


def _example(subfigure, values, limit, number):
    """One filter as this project draws it, and as the author would."""
    ours, published = subfigure.subplots(2, 1)
    kernel(values, limit, ax=ours)
    ours.set_title(f"filter {number},\nhere", fontsize=10)
    picture, bands = filters_kernels.as_published(values).T, values.shape[1]
    _kernel(published, picture, limit, extent=(-1.5 * FRAME, 1.5 * FRAME, bands, 0), cmap="RdBu_r")
    published.set_xticks([-FRAME, 0, FRAME], [f"{time:.0f}" for time in (FRAME, 0, -FRAME)])
    published.set_xlabel("← time (ms)")
    published.set_title("as the paper\ndraws it", fontsize=10)
    for ax in (ours, published):
        ax.tick_params(labelsize=9)


def before_and_after(kernels, start, chosen):
    """Some kernels before and after training, and the difference, which has a scale of its own.

    Parameters
    ----------
    kernels, start : np.ndarray, shape=(3, N_MELS, n_filters)
    chosen : sequence of int
        Filters, one column each.

    Examples
    --------
    >>> start, kernels = np.random.default_rng(0).normal(size=(2, 3, 64, 4))
    >>> figure = before_and_after(kernels, start, [1, 3])
    >>> [ax.get_title() for ax in figure.axes[:2]], len(figure.axes)  # three rows, and two bars of colours
    (['filter 1', 'filter 3'], 8)
    >>> plt.close(figure)
    """
    rows = {"before": start, "after": kernels, "added": kernels - start}
    figure, axes = plt.subplots(
        3, len(chosen), figsize=(1.6 + 1.05 * len(chosen), 7.2), squeeze=False, sharex=True, sharey=True
    )
    chosen = list(chosen)
    whole = max(np.abs(values[..., chosen]).max() for values in (start, kernels))
    for place, (line, (name, values)) in enumerate(zip(axes, rows.items(), strict=True)):
        limit = np.abs(values[..., chosen]).max() if name == "added" else whole
        for ax, number in zip(line, chosen, strict=True):
            image = kernel(values[..., number], limit, ax=ax).axes and ax.images[0]
            ax.set_xlabel("time (ms)" if place == 2 else "")
            if place == 0:
                ax.set_title(f"filter {number}", fontsize=10)
        line[0].set_ylabel(
            f"{name}\nfrequency (Hz)" if name != "added" else "what training added\nfrequency (Hz)"
        )
        if name != "before":
            bars = axes[:2] if name == "after" else line
            figure.colorbar(
                image, ax=bars, label="weight", pad=0.02, shrink=0.7, aspect=30 if name == "after" else 15
            )
    return figure


def kernel_structure(structure, limit):
    """How far each kernel moved, and how smooth it is before, after, and in what training added.

    Parameters
    ----------
    structure : pd.DataFrame
        From `lib.filters.kernels.structure`.
    limit : float
        From `lib.filters.kernels.smoothness_limit`.

    Examples
    --------
    >>> import pandas as pd
    >>> structure = pd.DataFrame({"moved": [0.2, 0.9], "p_value": [0.8, 0.01], "smoothness": [0.0, 0.6]})
    >>> structure = structure.assign(start_smoothness=0.0, added_smoothness=structure["smoothness"])
    >>> figure = kernel_structure(structure, 0.25)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['more than noise (1)', 'not more than noise (1)']
    >>> figure.axes[1].get_title().splitlines()
    ['after training:', '1 of 2 smoother than noise']
    >>> plt.close(figure)
    """
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3.6))
    shaped = structure["p_value"] <= filters_kernels.LEVEL
    ranked = structure["moved"].rank(method="first")
    groups = {
        "more than noise": (shaped, registry.colour("siamese")),
        "not more than noise": (~shaped, BEFORE),
    }
    for name, (mask, colour) in groups.items():
        style = {"s": 14, "color": colour, "label": f"{name} ({mask.sum()})", "linewidth": 0, "alpha": 0.8}
        left.scatter(ranked[mask], structure["moved"][mask], **style)
        middle.scatter(structure["start_smoothness"][mask], structure["smoothness"][mask], **style)
    left.set(xlabel="filters, least moved first", ylabel="distance from own start\n(relative to its length)")
    left.set_ylim(0, structure["moved"].max() * 1.45)
    left.set_title(f"movement:\nmedian distance {structure['moved'].median():.2f}")
    left.legend(loc="upper left", title="shape of the kernel", fontsize=9, title_fontsize=9)
    ends = [
        min(middle.get_xlim()[0], middle.get_ylim()[0]),
        max(limit, *middle.get_xlim(), *middle.get_ylim()) * 1.08,
    ]
    middle.plot(ends, ends, color="#BBBBBB", linewidth=0.8, zorder=0)
    middle.axhline(limit, color="#444444", linestyle=":")
    middle.set(xlim=ends, ylim=ends, xlabel="smoothness before training", ylabel="smoothness after training")
    middle.set_title(f"after training:\n{_beyond(structure['smoothness'], limit)}")
    bins = np.linspace(-0.4, 1, 36)
    for column, colour, label in (
        ("start_smoothness", BEFORE, "before"),
        ("smoothness", registry.colour("siamese"), "after"),
        ("added_smoothness", registry.colour("spectrum"), "what training added"),
    ):
        right.hist(
            structure[column].dropna(), bins, histtype="step", linewidth=1.6, color=colour, label=label
        )
    right.axvline(limit, color="#444444", linestyle=":", label="limit of noise")
    right.set(xlabel="smoothness (correlation)", ylabel="number of filters", xlim=(-0.4, 1))
    right.set_title(f"what training added:\n{_beyond(structure['added_smoothness'], limit)}")
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9, handlelength=1.2)
    return figure


def _beyond(values, limit):
    return f"{(values > limit).sum()} of {len(values)} smoother than noise"


def kernel(values, limit, *, ax=None):
    """One first-layer kernel, time to the right, low bands at the bottom.

    Parameters
    ----------
    values : np.ndarray, shape=(3, N_MELS)
    limit : float
        Weight at which the colours end.
    """
    figure, ax = axes_of(ax, (1.6, 3))
    _kernel(ax, values.T, limit, extent=(-1.5 * FRAME, 1.5 * FRAME, 0, picture.N_MELS))
    ax.set_xticks([-FRAME, 0, FRAME], [f"{time:.0f}" for time in (-FRAME, 0, FRAME)], fontsize=9)
    ax.set_xlabel("time (ms)", fontsize=9)
    return figure


def _kernel(ax, picture, limit, *, extent, cmap=SIGNED):
    style = {"cmap": cmap, "vmin": -limit, "vmax": limit, "origin": "upper" if extent[2] else "lower"}
    image = ax.imshow(picture, aspect="auto", extent=extent, interpolation="nearest", **style)
    mel_ticks(ax)
    return image
