"""Pictures of the network, its tiles, its search and its loss (notebook 04)."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from lib.plots.style import AMOUNT, SPLIT_COLOURS, axes_of

WAYS = ("#D55E00", "#0072B2", "#009E73", "#E69F00")  # of taking the same pairs


def network(layers, head):
    """Figure 1: the siamese network, drawn from its own layers.

    Parameters
    ----------
    layers : sequence of dict
        ``name``, ``kind``, ``shape`` (of the output), ``parameters``; the encoder, from the input on.
    head : sequence of dict
        The same for what comes after the two encoders meet.

    Examples
    --------
    >>> layers = [{"name": "convolution_1", "kind": "Conv1D", "shape": "256 × 8", "parameters": 1544}]
    >>> head = [{"name": "similarity", "kind": "Dense", "shape": "1", "parameters": 9}]
    >>> figure = network(layers, head)
    >>> [text.get_text() for text in figure.axes[0].texts].count("convolution 1")  # of clip a and of clip b
    2
    >>> plt.close(figure)
    """
    height = 0.33 * (len(layers) + len(head) + 2)
    figure, ax = plt.subplots(figsize=(8, height))
    for x, side in ((0.0, "clip a"), (1.15, "clip b")):
        for row, layer in enumerate(layers):
            _box(ax, x, -row, layer, faded=side == "clip b")
        ax.text(x + 0.5, 0.75, side, ha="center", va="bottom", weight="bold")
    ax.text(1.075, -len(layers) / 2, "shared weights", rotation=90, ha="center", va="center", color="#666666")
    for row, layer in enumerate(head, start=len(layers)):
        _box(ax, 0.575, -row - 0.6, layer)
    for x in (0.5, 1.65):
        ax.add_patch(
            FancyArrowPatch(
                (x, -len(layers) + 0.62),
                (1.075, -len(layers) - 0.2),
                arrowstyle="->",
                mutation_scale=12,
                color="#444444",
            )
        )
    ax.set_xlim(-0.05, 2.2)
    ax.set_ylim(-len(layers) - len(head) - 0.4, 1.4)
    ax.axis("off")
    return figure


def _box(ax, x, y, layer, *, faded=False):
    colours = {"Conv1D": "#56B4E9", "Dense": "#E69F00", "InputLayer": "#DDDDDD", "distance": "#CC79A7"}
    colour = colours.get(layer["kind"], "#F4F4F4")
    ax.add_patch(
        FancyBboxPatch(
            (x, y - 0.36),
            1,
            0.72,
            boxstyle="round,pad=0,rounding_size=0.04",
            facecolor=colour,
            edgecolor="#444444",
            linewidth=0.6,
            alpha=0.45 if faded else 1,
        )
    )
    ax.text(x + 0.03, y, layer["name"].replace("_", " "), va="center", fontsize=8)
    parameters = f"  {layer['parameters']:,} par." if layer["parameters"] else ""
    ax.text(
        x + 0.97, y, f"{layer['shape']}{parameters}", va="center", ha="right", fontsize=7, color="#333333"
    )


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
    figure.colorbar(image, ax=ax, label="step of the epoch")
    ax.set(xlabel="clip, in the epoch's shuffled order", ylabel="clip, in the epoch's shuffled order")
    return figure


def loss_curves(history, constants, *, ax=None):
    """Figure 2: loss by epoch for train, dev and test artists; thin lines are single trainings.

    A fourth split, ``test, as published``, is the author's test loss: pairs of a test artist with any other
    under wrong names.

    Parameters
    ----------
    history : pd.DataFrame
        ``seed, epoch, split, loss``.
    constants : dict of str to float
        Loss of the constant predictor on each split.

    Examples
    --------
    >>> import pandas as pd
    >>> history = pd.DataFrame({"seed": 0, "epoch": [1, 2], "split": "dev", "loss": [0.05, 0.04]})
    >>> figure = loss_curves(history, {"dev": 0.06})
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['dev', 'dev: one constant']
    >>> plt.close(figure)
    """
    figure, ax = axes_of(ax, (6.5, 3.8))
    for split, part in history.groupby("split", sort=False):
        wide = part.pivot(index="epoch", columns="seed", values="loss")
        ax.plot(wide.index, wide, color=SPLIT_COLOURS[split], alpha=0.3, linewidth=0.8)
        ax.plot(wide.index, wide.mean(axis=1), color=SPLIT_COLOURS[split], linewidth=2, label=split)
    for split, loss in constants.items():
        ax.axhline(
            loss, color=SPLIT_COLOURS[split], linestyle=":", linewidth=1.2, label=f"{split}: one constant"
        )
    ax.set(xlabel="epoch", ylabel="mean squared error")
    later = history.loc[history["epoch"] > history["epoch"].min(), "loss"]
    highest = 1.1 * max([*constants.values(), *later])
    if history["loss"].max() > highest:
        ax.set_ylim(0.8 * min([*constants.values(), *history["loss"]]), highest)
        ax.set_title("the first epoch begins above the picture", loc="left", fontsize="small")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def search_heatmaps(search):
    """Loss and ranking of the dev artists over the grid: one column of panels for each depth and length.

    Parameters
    ----------
    search : pd.DataFrame
        From `lib.training.search.grid`. A setting that was not trained with a depth is an empty cell.

    Examples
    --------
    >>> import pandas as pd
    >>> search = pd.DataFrame({"batch_size": [512, 2048], "learning_rate": 0.001, "epochs": 25})
    >>> search = search.assign(n_convolutions=3, dev_loss=[0.012, 0.013], dev_ndcg=[0.41, 0.42])
    >>> figure = search_heatmaps(search)
    >>> [[text.get_text() for text in ax.texts] for ax in figure.axes]
    [['12', '13'], ['0.41', '0.42']]
    >>> plt.close(figure)
    """
    search = search.assign(dev_loss=1000 * search["dev_loss"])
    measures = {
        "dev_loss": ("1,000 × loss\n(less is better)", ".3g", AMOUNT + "_r", LogNorm),
        "dev_ndcg": ("nDCG\n(more is better)", ".2f", AMOUNT, Normalize),
    }
    parts = list(search.groupby(["n_convolutions", "epochs"]))
    every = {"index": sorted(set(search["learning_rate"])), "columns": sorted(set(search["batch_size"]))}
    figure, axes = plt.subplots(
        2, len(parts), figsize=(1.5 + 2.1 * len(parts), 5), squeeze=False, sharex=True, sharey=True
    )
    for row, (values, (title, digits, colours, scale)) in enumerate(measures.items()):
        norm = scale(search[values].min(), search[values].max())
        for ax, ((depth, epochs), part) in zip(axes[row], parts, strict=True):
            wide = part.pivot(index="learning_rate", columns="batch_size", values=values).reindex(**every)
            sns.heatmap(wide, annot=True, fmt=digits, cmap=colours, ax=ax, cbar=False, norm=norm)
            ax.set(xlabel="", ylabel="")
            if row == 0:
                ax.set_title(f"{depth} convolutions\n{epochs} epoch{'s' if epochs > 1 else ''}", fontsize=9)
        axes[row, 0].set_ylabel(f"{title}\nlearning rate", fontsize=9)
    figure.supxlabel("batch size (clip pairs)", fontsize=9)
    return figure


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
        for (way, part), colour in zip(table.groupby("way", sort=False), WAYS, strict=False):
            wide = part.pivot(index="step", columns="seed", values=values)
            ax.plot(wide.index, wide.mean(axis=1), color=colour, linewidth=2, label=way)
            ax.fill_between(wide.index, wide.min(axis=1), wide.max(axis=1), color=colour, alpha=0.15, lw=0)
        ax.set(xlabel="step", ylabel=label)
    axes[0].set_yscale("log")
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
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.2))
    measures = {"overlap": "overlap@10", "ndcg": "nDCG@10"}
    for ax, (values, label) in zip(axes, measures.items(), strict=True):
        for shift, (part, rows) in zip((-0.04, 0.04), table.groupby("part", sort=False)):
            trainings = rows.groupby(["clips", "seed"])[values].mean()
            mean = trainings.groupby("clips").mean()
            clips = trainings.index.get_level_values("clips")
            ax.plot(clips + shift, trainings, "o", color=SPLIT_COLOURS[part], alpha=0.5, markersize=4)
            ax.plot(mean.index, mean, color=SPLIT_COLOURS[part], linewidth=2, label=f"{part} artists")
        ax.set(xlabel="clips of each training artist", ylabel=label, xticks=sorted(table["clips"].unique()))
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
