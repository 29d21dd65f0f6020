"""Pictures of the network, its tiles, its search and its loss (notebooks 04 and 04b)."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.ticker import FormatStrFormatter, MaxNLocator

from lib.plots.style import AMOUNT, SPLIT_COLOURS, axes_of

WAYS = {"#D55E00": "-", "#0072B2": "--", "#009E73": "-.", "#E69F00": (0, (1, 1))}  # of taking the same pairs


def network(layers, head, details=None):
    """Figure 1: the siamese network, drawn from its own layers.

    Parameters
    ----------
    layers : sequence of dict
        ``name``, ``kind``, ``shape`` (of the output), ``parameters``; the encoder, from the input on.
    head : sequence of dict
        The same for what comes after the two encoders meet.
    details : dict of str to str, optional
        Kernel, pool and activation by the layer's name (`lib.training.drawing.details`).

    Examples
    --------
    >>> layers = [{"name": "convolution_1", "kind": "Conv1D", "shape": "256 × 8", "parameters": 1544}]
    >>> head = [{"name": "similarity", "kind": "Dense", "shape": "1", "parameters": 9}]
    >>> figure = network(layers, head, {"convolution_1": "8 kernels of 3 frames, ReLU"})
    >>> words = [text.get_text() for text in figure.axes[0].texts]
    >>> words.count("convolution 1"), words.count("8 kernels of 3 frames, ReLU")  # clips a and b; once
    (2, 1)
    >>> plt.close(figure)
    """
    details = details or {}
    figure, ax = plt.subplots(figsize=(9.6, 0.31 * (len(layers) + len(head) + 3)))
    for row, layer in enumerate(layers):
        _box(ax, 0, -row, 7.2, layer, details.get(layer["name"], ""))
        _box(ax, 7.9, -row, 2.1, layer, faded=True)
    for x, column in ((0.1, "clip a"), (1.75, "kernel, pool, activation"), (7.95, "clip b")):
        ax.text(x, 0.9, column, va="center", weight="bold")
    for x, column in ((5.85, "frames × channels"), (7.1, "parameters")):
        ax.text(x, 0.9, column, ha="right", va="center", weight="bold")
    centred = {"ha": "center", "va": "center", "color": "#444444"}
    ax.text(7.55, 0.5 - len(layers) / 2, "the same weights", rotation=90, **centred)
    for row, layer in enumerate(head, start=len(layers)):
        _box(ax, 0, -row - 0.7, 7.2, layer, details.get(layer["name"], ""))
    for x, meets in ((3.6, 3.6), (8.95, 6.5)):
        start, end = (x, -len(layers) + 0.62), (meets, -len(layers) - 0.32)
        ax.add_patch(FancyArrowPatch(start, end, arrowstyle="->", mutation_scale=12, color="#444444"))
    ax.set_xlim(-0.05, 10.05)
    ax.set_ylim(-len(layers) - len(head) - 0.2, 1.4)
    ax.axis("off")
    return figure


def _box(ax, x, y, width, layer, detail="", *, faded=False):
    """One layer; of clip b only its name, for the rest is the same."""
    colours = {"Conv1D": "#56B4E9", "Dense": "#E69F00", "InputLayer": "#DDDDDD", "distance": "#CC79A7"}
    colour = colours.get(layer["kind"], "#F4F4F4")
    style = {"facecolor": colour, "edgecolor": "#444444", "linewidth": 0.6, "alpha": 0.45 if faded else 1}
    ax.add_patch(
        FancyBboxPatch((x, y - 0.38), width, 0.76, boxstyle="round,pad=0,rounding_size=0.06", **style)
    )
    ax.text(x + 0.1, y, layer["name"].replace("_", " "), va="center", fontsize="medium")
    if not faded:
        ax.text(x + 1.75, y, detail, va="center", fontsize="small")
        ax.text(x + 5.85, y, layer["shape"], va="center", ha="right", fontsize="small")
        if layer["parameters"]:
            ax.text(x + 7.1, y, f"{layer['parameters']:,}", va="center", ha="right", fontsize="small")


def tile_picture(tiles, owners, *, ax=None):
    """The pair matrix and the tiles that cover it, each in its own shade; pairs of one artist stay white.

    Parameters
    ----------
    tiles : sequence of lib.training.pairs.Tile
    owners : np.ndarray of int, shape=(n_clips,)

    Examples
    --------
    >>> from lib.training import pairs
    >>> figure = tile_picture(pairs.tiles(5, batch_size=4, seed=0, epoch=1), np.array([0, 0, 1, 2, 3]))
    >>> int(np.isfinite(figure.axes[0].images[0].get_array()).sum())  # ten pairs, one of them of one artist
    9
    >>> plt.close(figure)
    """
    figure, ax = axes_of(ax, (4.6, 4.2))
    place = np.empty(
        len(owners), dtype=int
    )  # where each clip stands once the epoch's blocks lie side by side
    triangles = sorted(
        (tile for tile in tiles if len(tile.left) == len(tile.clips) * (len(tile.clips) - 1) // 2),
        key=lambda tile: tile.clips[0],
    )
    walked = np.concatenate([tile.clips for tile in triangles])
    alone = np.setdiff1d(np.arange(len(owners)), walked)  # a block of one clip has no pairs of its own
    place[np.concatenate([walked, alone])] = np.arange(len(owners))
    picture = np.full((len(owners), len(owners)), np.nan)
    for number, tile in enumerate(tiles):
        left, right = tile.clips[tile.left], tile.clips[tile.right]
        different = owners[left] != owners[right]
        a, b = place[left[different]], place[right[different]]
        picture[np.minimum(a, b), np.maximum(a, b)] = number
    image = ax.imshow(picture, cmap=AMOUNT, origin="upper", interpolation="nearest")
    figure.colorbar(image, ax=ax, label="step of the epoch", shrink=0.8)
    ax.set(
        title="Which step takes which pairs?",
        xlabel="clip, in the epoch's shuffled order",
        ylabel="clip, in the epoch's shuffled order",
    )
    return figure


# What can be read from the paper's Figure 2: (epoch, loss). Its test loss is "as published".
PAPER_LOSSES = {
    "train": ((1, 0.0038), (25, 0.0022)),
    "test, as published": ((1, 0.0048), (2, 0.0061), (8, 0.0036), (25, 0.0044)),
}
LINES = {  # of the splits, besides their colours
    "train": {"linestyle": "-", "marker": "o"},
    "dev": {"linestyle": "--", "marker": "s"},
    "test": {"linestyle": "-.", "marker": "^"},
    "test, as published": {"linestyle": (0, (1, 1)), "marker": "D"},
}


def loss_curves(history, constants):
    """Figure 2: loss by epoch for train, dev and test artists, beside what the paper's figure shows.

    A fourth split, ``test, as published``, is the author's test loss: pairs of a test artist with any other
    under wrong names.

    Parameters
    ----------
    history : pd.DataFrame
        ``seed, epoch, split, loss``. Lines are means over trainings, shades their range.
    constants : dict of str to float
        Loss of the constant predictor on each split.

    Examples
    --------
    >>> import pandas as pd
    >>> history = pd.DataFrame({"seed": 0, "epoch": [1, 2], "split": "dev", "loss": [0.05, 0.04]})
    >>> figure = loss_curves(history, {"dev": 0.06})
    >>> figure.get_suptitle()
    'The mean loss is lowest in epoch 2 (dev)'
    >>> plt.close(figure)
    """
    figure, (ax, beside) = plt.subplots(1, 2, figsize=(10, 4.4), width_ratios=(2, 1))
    lowest, last = {}, history["epoch"].max()
    for split, part in history.groupby("split", sort=False):
        wide = part.pivot(index="epoch", columns="seed", values="loss")
        mean, colour = wide.mean(axis=1), SPLIT_COLOURS[split]
        lowest[split] = mean.idxmin()
        ax.fill_between(wide.index, wide.min(axis=1), wide.max(axis=1), color=colour, alpha=0.15, linewidth=0)
        ax.plot(
            mean.index, mean, color=colour, linewidth=2, markersize=5, label=split, **LINES[split],
            markevery=max(1, len(mean) // 5),
        )  # fmt: skip
    for split, loss in constants.items():
        style = {"color": SPLIT_COLOURS[split], "marker": LINES[split]["marker"], "markerfacecolor": "white"}
        ax.plot([1, last], [loss, loss], linestyle=":", linewidth=1, markersize=5, markevery=[1], **style)
    ax.plot([], [], color="#444444", linestyle=":", marker="o", markerfacecolor="white", label="one constant")
    if history["seed"].nunique() > 1:
        ax.fill_between([], [], [], color="#444444", alpha=0.15, linewidth=0, label="all trainings")
    for split, points in PAPER_LOSSES.items():
        beside.plot(*zip(*points), color=SPLIT_COLOURS[split], **LINES[split])
    later = history.loc[(history["epoch"] > 2) | (history["epoch"] == last), "loss"]
    low, high = min([*later, *constants.values()]), max([*constants.values(), later.quantile(0.98)])
    ax.set_ylim(low - 0.1 * (high - low), high + (0.1 * (high - low) or high))
    above = history["loss"].max() > 2 * high
    n = history["seed"].nunique()
    run = f"this run, {n} training{'s' if n > 1 else ''}"
    titles = {ax: run + (" (first epochs above the picture)" if above else "")}
    titles |= {beside: "the paper (its own data; own scale)"}
    for panel, title in titles.items():
        panel.axvline(5, color="#999999", linewidth=1, zorder=0)
        panel.text(5.3, 0.02, "epoch 5", transform=panel.get_xaxis_transform(), color="#444444")
        panel.set(xlabel="epoch", title=title)
    ax.set_ylabel("mean squared error")
    epochs = ", ".join(f"{epoch} ({split})" for split, epoch in lowest.items())
    figure.suptitle(f"The mean loss is lowest in epoch {epochs}", fontsize="medium")
    figure.legend(loc="outside lower center", ncols=5)
    return figure


def search_heatmaps(search):
    """Loss and ranking of the dev artists over the grid: one column of panels for each depth and length.

    Parameters
    ----------
    search : pd.DataFrame
        From `lib.training.search.grid`. A setting that was not trained with a depth is a grey cell; the best
        cell of a row of panels has a frame.

    Examples
    --------
    >>> import pandas as pd
    >>> search = pd.DataFrame({"batch_size": [512, 2048], "learning_rate": 0.001, "epochs": 25})
    >>> search = search.assign(n_convolutions=3, dev_loss=[0.012, 0.013], dev_ndcg=[0.41, 0.42])
    >>> figure = search_heatmaps(search)
    >>> [[text.get_text() for text in ax.texts] for ax in figure.axes[:2]]
    [['12', '13'], ['0.41', '0.42']]
    >>> plt.close(figure)
    """
    search = search.assign(dev_loss=1000 * search["dev_loss"])
    low, high = (
        search["dev_loss"].min(),
        max(search["dev_loss"].median() * 1.5, search["dev_loss"].min() * 1.5),
    )
    ndcg = search["dev_ndcg"]
    measures = {
        "dev_loss": ("1,000 × loss\n(lower is better)", ".3g", AMOUNT + "_r", LogNorm(low, high), min),
        "dev_ndcg": ("nDCG\n(higher is better)", ".2f", AMOUNT, Normalize(ndcg.min(), ndcg.max()), max),
    }
    parts = list(search.groupby(["n_convolutions", "epochs"]))
    every = {"index": sorted(set(search["learning_rate"])), "columns": sorted(set(search["batch_size"]))}
    size = (min(10, 2.4 + 1.9 * len(parts)), 0.9 * len(every["index"]) + 2.7)
    figure, axes = plt.subplots(2, len(parts), figsize=size, squeeze=False, sharex=True, sharey=True)
    for row, (values, (title, digits, colours, norm, best)) in zip(axes, measures.items(), strict=True):
        for ax, (_, part) in zip(row, parts, strict=True):
            wide = part.pivot(index="learning_rate", columns="batch_size", values=values).reindex(**every)
            image = _annotated(ax, wide, digits, colours, norm, best=best(search[values]))
        row[0].set_ylabel("learning rate")
        extend = "max" if best is min and search[values].max() > norm.vmax else "neither"
        bar = figure.colorbar(image, ax=row, extend=extend, label=title)
        bar.ax.yaxis.set_major_locator(MaxNLocator(4))
        bar.ax.yaxis.set_major_formatter(FormatStrFormatter("%.2g"))
        bar.ax.minorticks_off()
    for ax, ((depth, epochs), _) in zip(axes[0], parts, strict=True):
        ax.set_title(f"{depth} convolutions\n{epochs} epoch{'s' if epochs > 1 else ''}")
    for ax in axes[-1]:
        ax.set_xlabel("clip pairs a step")
    figure.suptitle("Which settings are best for the dev artists? (frame: the best)", fontsize="medium")
    return figure


def _annotated(ax, wide, digits, colours, norm, *, best):
    """A table as colours and numbers; grey and in words where there is no number."""
    cells = np.ma.masked_invalid(wide.to_numpy(dtype=float))
    image = ax.imshow(
        cells, cmap=mpl.colormaps[colours].with_extremes(bad="#DDDDDD"), norm=norm, aspect="auto"
    )
    for (row, column), value in np.ndenumerate(wide.to_numpy()):
        text, colour = "not\ntrained", "#444444"
        if not np.isnan(value):
            text = f"{value:{digits}}"
            colour = "black" if sum(image.cmap(norm(value))[:3]) > 1.5 else "white"
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")
        if value == best:
            frame = {"fill": False, "edgecolor": "#D55E00", "linewidth": 3}
            ax.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, **frame))
    ax.set_xticks(range(wide.shape[1]), [f"{size:,}" for size in wide.columns])
    ax.set_yticks(range(wide.shape[0]), [f"{rate:g}" for rate in wide.index])
    return image


def equivalence(table):
    """Loss and ranking of the dev artists by step, for several ways of taking the same pairs.

    Parameters
    ----------
    table : pd.DataFrame
        ``way, seed, step, dev_loss, dev_ndcg``, as ``benchmarks.equivalence`` writes them.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"way": ["tiles", "tiles", "rows", "rows"], "seed": 0, "step": [1, 2, 1, 2]})
    >>> figure = equivalence(table.assign(dev_loss=[0.05, 0.04, 0.05, 0.03], dev_ndcg=[0.3, 0.4, 0.3, 0.4]))
    >>> [line.get_label() for line in figure.axes[1].lines]
    ['tiles', 'rows']
    >>> plt.close(figure)
    """
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6))
    measures = {"dev_loss": "mean squared error, dev artists", "dev_ndcg": "nDCG@10, dev artists"}
    for ax, (values, label) in zip(axes, measures.items(), strict=True):
        for (way, part), (colour, line) in zip(table.groupby("way", sort=False), WAYS.items(), strict=False):
            wide = part.pivot(index="step", columns="seed", values=values)
            ax.plot(wide.index, wide.mean(axis=1), color=colour, linestyle=line, linewidth=2, label=way)
            ax.fill_between(wide.index, wide.min(axis=1), wide.max(axis=1), color=colour, alpha=0.15, lw=0)
        ax.set(xlabel="step", ylabel=label)
    axes[0].set_yscale("log")
    figure.suptitle("Do tiles train as well as plain pairs? Mean and range over trainings", fontsize="medium")
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def training_clips(table):
    """Ranking of dev and test artists by the number of clips an artist that a network was trained with.

    Parameters
    ----------
    table : pd.DataFrame
        ``clips, seed, part, query, overlap, ndcg``, as ``benchmarks.clips_per_artist`` writes them. A point
        is the mean over queries of one training, a line the mean over trainings.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"clips": [1, 3], "overlap": [0.2, 0.3], "ndcg": [0.3, 0.4]})
    >>> figure = training_clips(table.assign(seed=0, part="test"))
    >>> figure.axes[0].get_xticks().tolist(), figure.axes[0].lines[1].get_ydata().tolist()
    ([1, 3], [0.2, 0.3])
    >>> plt.close(figure)
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    figure.suptitle(
        "Does it harm training that an artist's tracks differ? (points: one training; lines: means)",
        fontsize="medium",
    )
    measures = {"overlap": "overlap@10", "ndcg": "nDCG@10"}
    for ax, (values, label) in zip(axes, measures.items(), strict=True):
        for shift, (part, rows) in zip((-0.04, 0.04), table.groupby("part", sort=False)):
            trainings = rows.groupby(["clips", "seed"])[values].mean()
            mean = trainings.groupby("clips").mean()
            clips = trainings.index.get_level_values("clips")
            colour, line = SPLIT_COLOURS[part], LINES[part]
            ax.plot(clips + shift, trainings, line["marker"], color=colour, alpha=0.5, markersize=5)
            ax.plot(mean.index, mean, color=colour, linewidth=2, label=f"{part} artists", **line)
        ax.set(xlabel="clips of each training artist", ylabel=label, xticks=sorted(table["clips"].unique()))
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
