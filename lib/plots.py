"""All pictures of the project.

Conventions
-----------
- A plot takes data and an optional `ax`, and returns its figure; nothing here trains, scores or reads files.
- Colours are Okabe & Ito's, maps are viridis (amounts) and a blue-white-brown one (signed values): both read
  well with any colour vision.
- Names from outside are drawn as plain text, never as mathematics.
- `save_figure` is the only way to a file: PNG, the same bytes for the same figure.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import scipy.cluster.hierarchy
import scipy.spatial.distance
import seaborn as sns
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from lib import artifacts, filters, spectrograms

AMOUNT, SIGNED = "viridis", "BrBG_r"
FIRST, OTHERS = "#D55E00", "#0072B2"  # the paper's metric, the other ones
METHOD_COLOURS = {
    "chance": "#999999",
    "popularity": "#E69F00",
    "l2": "#56B4E9",
    "spectrum": "#0072B2",
    "mfcc_gaussian": "#CC79A7",
    "untrained": "#F0E442",
    "siamese": "#D55E00",
    "split_half": "#000000",
    "world": "#009E73",
}
METHOD_NAMES = {
    "chance": "chance",
    "popularity": "popularity alone",
    "l2": "L2 of spectrograms",
    "spectrum": "mean spectrum and spread",
    "mfcc_gaussian": "MFCC Gaussians",
    "untrained": "untrained network",
    "siamese": "siamese network",
    "split_half": "ceiling: other half of listeners",
    "world": "ceiling: perfect hearing",
}
SPLIT_COLOURS = {"train": "#0072B2", "dev": "#E69F00", "test": "#D55E00"}


def use_style():
    """Set fonts, grid and sizes for all figures."""
    sns.set_theme(style="ticks", font_scale=0.9)
    mpl.rcParams.update(
        {
            "figure.dpi": 100,
            "savefig.dpi": 150,
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "image.origin": "lower",
            "svg.hashsalt": "music-similarity",
        }
    )


def save_figure(figure, path):
    """Write a figure as PNG without time or version stamps; return the path.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
    """
    with artifacts.replacing(Path(path)) as partial, open(partial, "wb") as file:
        figure.savefig(file, format="png", metadata={"Software": None})
    return Path(path)


def popularity_curve(artists, *, marked=None, ax=None):
    """Listeners of each artist by rank, both axes logarithmic.

    Parameters
    ----------
    artists : pd.DataFrame
        ``name``, ``listeners``; most listeners first.
    marked : sequence of str, optional
        Names that are pointed at.
    """
    figure, ax = _axes(ax, (6, 3.2))
    ranks = np.arange(1, len(artists) + 1)
    ax.loglog(ranks, artists["listeners"], color="#0072B2")
    for name in marked or []:
        place = int(np.flatnonzero(artists["name"] == name)[0])
        ax.plot(ranks[place], artists["listeners"].iloc[place], "o", color="#D55E00")
        ax.annotate(
            name,
            (ranks[place], artists["listeners"].iloc[place]),
            xytext=(6, 6),
            textcoords="offset points",
            parse_math=False,
        )
    ax.set(xlabel="artist, by rank", ylabel="listeners")
    return figure


def similarity_heatmap(target, *, order=None, title="", ax=None):
    """Similarity matrix with artists in cluster order, so that circles of shared listeners show as blocks.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric; diagonal blank.
    order : sequence of int, optional
        Places of the artists; their cluster order if there is none.
    """
    figure, ax = _axes(ax, (5, 4.2))
    values = _ordered(target, cluster_order(target) if order is None else order)
    image = ax.imshow(
        values, cmap=AMOUNT, origin="upper", vmax=np.nanquantile(values, 0.99), interpolation="nearest"
    )
    figure.colorbar(image, ax=ax, label="similarity (colour stops at the 99th percentile)", extend="max")
    ax.set(xlabel="artist, in cluster order", ylabel="artist, in cluster order")
    ax.set_title(title)
    return figure


def cooccurrence_heatmap(co_listeners, *, order=None, title="", ax=None):
    """Co-listeners of each pair of artists, colours on a logarithmic scale; grey where a pair has none.

    Parameters
    ----------
    co_listeners : pd.DataFrame, shape=(n_artists, n_artists)
        From `lib.similarity.cooccurrence`. Its diagonal, the listeners of one artist, is left blank.
    order : sequence of int, optional
        Places of the artists; as they come if there is none.
    """
    figure, ax = _axes(ax, (5, 4.2))
    pairs = co_listeners.where(~np.eye(len(co_listeners), dtype=bool))
    values = _ordered(pairs, np.arange(len(pairs)) if order is None else order)
    highest = max(np.nanmax(values), 3)
    image = ax.imshow(
        np.where(values == 0, 0.5, values),  # 0 has no logarithm; 0.5 lies below the scale
        cmap=mpl.colormaps[AMOUNT].with_extremes(under="#DDDDDD"),
        norm=mpl.colors.LogNorm(1, highest),
        origin="upper",
        interpolation="nearest",
    )
    ticks = [step * 10**power for power in range(7) for step in (1, 3) if step * 10**power <= highest]
    bar = figure.colorbar(image, ax=ax, label="co-listeners (users; grey: none)", extend="min")
    bar.set_ticks(ticks, labels=[f"{count:,}" for count in ticks], minor=False)
    bar.ax.minorticks_off()
    ax.set(xlabel="artist", ylabel="artist")
    ax.set_title(title)
    return figure


def cooccurrence_and_similarity(co_listeners, target, *, titles=("how many listen to both", "the target")):
    """What was counted and what the metric makes of it, side by side, both in the target's cluster order.

    Parameters
    ----------
    co_listeners : pd.DataFrame, shape=(n_artists, n_artists)
        From `lib.similarity.cooccurrence`.
    target : pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric; diagonal blank.
    titles : pair of str
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.3), sharex=True, sharey=True)
    order = cluster_order(target)
    cooccurrence_heatmap(co_listeners.reindex_like(target), order=order, title=titles[0], ax=left)
    similarity_heatmap(target, order=order, title=titles[1], ax=right)
    left.set(xlabel="artist, in cluster order of the target", ylabel="artist, in cluster order of the target")
    right.set(xlabel="artist, in cluster order of the target", ylabel="")
    return figure


def _ordered(frame, order):
    return frame.to_numpy()[np.ix_(order, order)]


def cluster_order(target):
    """Order of artists by average-linkage clustering of a symmetric similarity."""
    values = np.nan_to_num(target.to_numpy(dtype=float))
    distance = scipy.spatial.distance.squareform(np.nanmax(values) - values, checks=False)
    tree = scipy.cluster.hierarchy.linkage(distance, method="average")
    return scipy.cluster.hierarchy.leaves_list(tree)


def metrics_and_fame(targets, listeners, *, n=10):
    """For each metric: how famous the neighbours are that it gives to famous and to obscure artists.

    Parameters
    ----------
    targets : dict of str to pd.DataFrame
        The first one is drawn in another colour: the paper's.
    listeners : pd.Series
        Over the targets' artists.
    n : int
        Neighbours whose mean rank of fame is drawn; equally near ones are drawn by lot, the same for all
        metrics.
    """
    rows = 1 if len(targets) < 4 else 2
    columns = -(-len(targets) // rows)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.9 * columns, 2.7 * rows), sharex=True, sharey=True, squeeze=False
    )
    fame = listeners.rank(ascending=False)
    by_lot = np.random.default_rng(0).permutation(len(fame))
    drawn = list(zip(axes.flat, targets.items()))
    for ax, (name, target) in drawn:
        values = np.nan_to_num(target.reindex(index=fame.index, columns=fame.index), nan=-1)[:, by_lot]
        nearest = by_lot[np.argsort(-values, axis=1, kind="stable")[:, :n]]
        ranks = fame.to_numpy()[nearest].mean(axis=1)
        first = ax is drawn[0][0]
        colour = FIRST if first else OTHERS
        ax.scatter(
            fame, ranks, s=9, color=colour, alpha=0.45, linewidths=0, label=f"an artist and its {n} nearest"
        )
        ax.plot(*_medians(fame, ranks), color="black", linewidth=1.6, label="their median, by twelfths")
        ax.axhline(fame.mean(), color="#777777", linestyle=":", label="without regard to fame")
        ax.set_title(
            f"{name} (the paper's)" if first else name, color=colour, weight="bold" if first else None
        )
    for ax in axes.flat[len(drawn) :]:
        ax.axis("off")
    for ax in axes[:, 0]:
        ax.set_ylabel(f"mean rank of its\n{n} nearest artists")
    for column in axes.T:
        lowest = [ax for ax in column if ax in [one for one, _ in drawn]][-1]
        lowest.set_xlabel("rank by listeners")
        lowest.tick_params(labelbottom=True)
    handles, labels = drawn[-1][0].get_legend_handles_labels()
    if len(drawn) < axes.size:
        axes.flat[-1].legend(handles, labels, loc="center", title="ranks: 1 has the most listeners")
    else:
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _medians(x, y, n_parts=12):
    """Medians of both in parts of equally many points, from low to high `x`."""
    parts = np.array_split(np.argsort(np.asarray(x), kind="stable"), min(n_parts, len(x)))
    return [[np.median(np.asarray(values)[part]) for part in parts] for values in (x, y)]


def metric_summary(summary):
    """For each metric, how much it follows fame and how much it agrees with itself.

    Parameters
    ----------
    summary : pd.DataFrame
        From `lib.similarity.summary`; the first metric is at the top, in another colour: the paper's.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 0.36 * len(summary) + 1.6), sharey=True)
    halvings = f"{summary['n_halvings'].iloc[0]} halvings of the listeners"
    panels = {
        "fame": ("fame_correlation", "correlation with the candidates' fame", "bootstrap of artists"),
        "split_half": ("split_half", "agreement of two halves of the listeners", halvings),
    }
    places = np.arange(len(summary))[::-1]
    colours = [FIRST, *[OTHERS] * (len(summary) - 1)]
    for ax, (interval, (value, title, source)) in zip(axes, panels.items(), strict=True):
        low, high = summary[f"{interval}_low"], summary[f"{interval}_high"]
        ax.hlines(places, low, high, color=colours, linewidth=9, alpha=0.35)
        ax.scatter(summary[value], places, c=colours, s=14, zorder=3)
        ax.scatter(
            summary[f"{interval}_by_chance"], places, marker="|", s=120, color="black", zorder=2,
            label="listeners without taste",
        )  # fmt: skip
        ax.axvline(0, color="#777777", linestyle=":", linewidth=1)
        ax.set_title(title)
        ax.set_xlabel(f"Spearman's ρ, mean over queries\n(band: 95 %, {source})")
        ax.margins(x=0.08)
        ax.grid(axis="y", color="#EEEEEE")
        ax.set_axisbelow(True)
    names = [f"{name} (the paper's)" if not k else name for k, name in enumerate(summary["metric"])]
    axes[0].set_yticks(places, names)
    axes[0].set_ylim(-0.6, len(summary) - 0.4)
    axes[0].get_yticklabels()[0].set(color=FIRST, weight="bold")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", frameon=False)
    return figure


def sources_bar(clips, *, ax=None):
    """Artists by the number of clips found, and which source gave the clips.

    Parameters
    ----------
    clips : pd.DataFrame
        ``artist_id``, ``source``; one row a clip.
    """
    figure, ax = _axes(ax, (6.5, 2.6))
    found = clips.groupby("artist_id")["clip_id"].transform("size")
    counts = clips.groupby([found, "source"]).size().unstack(fill_value=0)
    left = np.zeros(len(counts))
    for colour, (source, values) in zip(sns.color_palette("colorblind"), counts.items()):
        ax.barh(counts.index.astype(str), values, left=left, color=colour, label=source)
        left += values.to_numpy()
    ax.set(xlabel="clips", ylabel="clips an artist")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def spectrogram(values, *, title="", ax=None, colourbar=True):
    """One log-mel spectrogram, time to the right, low bands at the bottom.

    Parameters
    ----------
    values : np.ndarray, shape=(256, 64)
        In [0, 1], loud = 1.
    """
    figure, ax = _axes(ax, (6, 2.4))
    image = ax.imshow(
        np.asarray(values, dtype=float).T,
        aspect="auto",
        cmap="magma",
        vmin=0,
        vmax=1,
        interpolation="nearest",  # exact, and a smaller picture
        extent=(0, spectrograms.SECONDS, 0, spectrograms.N_MELS),
    )
    _mel_ticks(ax)
    ax.set(xlabel="time (s)", ylabel="frequency (Hz)")
    ax.set_title(title, parse_math=False)
    if colourbar:
        figure.colorbar(image, ax=ax, label="level (1 = loudest, 0 = 80 dB below)")
    return figure


def spectrogram_grid(items, *, columns=2):
    """Several spectrograms with their titles.

    Parameters
    ----------
    items : sequence of (str, np.ndarray)
    columns : int
    """
    rows = -(-len(items) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(4.2 * columns, 1.9 * rows), sharex=True, sharey=True, squeeze=False
    )
    for ax, (title, values) in zip(axes.flat, items):
        spectrogram(values, title=_shortened(title), ax=ax, colourbar=False)
        ax.label_outer()
    for ax in axes.flat[len(items) :]:
        ax.set_visible(False)
    return figure


def _shortened(title, longest=46):
    """A title that fits above a picture of half the width."""
    return title if len(title) <= longest else title[: longest - 1] + "…"


def two_readings(ours, published):
    """One clip as this project reads it and as the author's screenshot did.

    Parameters
    ----------
    ours, published : np.ndarray, shape=(256, 64)
    """
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 2.4), sharey=True)
    spectrogram(ours, title="here: time forward, loud = 1", ax=axes[0], colourbar=False)
    spectrogram(published, title="as published: time backwards, loud = 0", ax=axes[1], colourbar=False)
    axes[1].set(xlabel="seconds before the end of the clip", ylabel="")
    return figure


def mean_spectrum(array, *, ax=None):
    """Mean level in each band over all clips, and the spread between clips.

    Parameters
    ----------
    array : np.ndarray, shape=(n_clips, 256, 64)
    """
    figure, ax = _axes(ax, (6, 3))
    levels = np.asarray(array, dtype=np.float32).mean(axis=1)
    hertz = spectrograms.mel_frequencies()
    low, middle, high = np.quantile(levels, [0.1, 0.5, 0.9], axis=0)
    ax.fill_between(hertz, low, high, color="#56B4E9", alpha=0.4, linewidth=0, label="80 % of clips")
    ax.plot(hertz, middle, color="#0072B2", label="median clip")
    ax.set(xlabel="frequency (Hz)", ylabel="mean level (1 = loudest)", xscale="log")
    ax.legend()
    return figure


def network(layers, head):
    """Figure 1: the siamese network, drawn from its own layers.

    Parameters
    ----------
    layers : sequence of dict
        ``name``, ``kind``, ``shape`` (of the output), ``parameters``; the encoder, from the input on.
    head : sequence of dict
        The same for what comes after the two encoders meet.
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


def tile_picture(tiles, owners, *, ax=None):
    """The pair matrix and the tiles that cover it, each in its own shade; pairs of one artist stay white.

    Parameters
    ----------
    tiles : sequence of lib.pairs.Tile
    owners : np.ndarray of int, shape=(n_clips,)
    """
    figure, ax = _axes(ax, (4.6, 4.2))
    place = np.empty(
        len(owners), dtype=int
    )  # where each clip stands once the epoch's blocks lie side by side
    triangles = sorted(
        (tile for tile in tiles if len(tile.left) == len(tile.clips) * (len(tile.clips) - 1) // 2),
        key=lambda tile: tile.clips[0],
    )
    place[np.concatenate([tile.clips for tile in triangles])] = np.arange(len(owners))
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

    Parameters
    ----------
    history : pd.DataFrame
        ``seed, epoch, split, loss``.
    constants : dict of str to float
        Loss of the constant predictor on each split.
    """
    figure, ax = _axes(ax, (6.5, 3.8))
    for split, part in history.groupby("split", sort=False):
        wide = part.pivot(index="epoch", columns="seed", values="loss")
        ax.plot(wide.index, wide, color=SPLIT_COLOURS[split], alpha=0.3, linewidth=0.8)
        ax.plot(
            wide.index, wide.mean(axis=1), color=SPLIT_COLOURS[split], linewidth=2, label=f"{split} artists"
        )
    for split, loss in constants.items():
        ax.axhline(
            loss, color=SPLIT_COLOURS[split], linestyle=":", linewidth=1.2, label=f"{split}: always the mean"
        )
    ax.set(xlabel="epoch", ylabel="mean squared error")
    later = history.loc[history["epoch"] > history["epoch"].min(), "loss"]
    highest = 1.1 * max([*constants.values(), *later])
    if history["loss"].max() > highest:
        ax.set_ylim(top=highest)
        ax.set_title("the first epoch begins above the picture", loc="left", fontsize="small")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def search_heatmaps(search):
    """Loss and ranking of the dev artists over the grid of batch size and learning rate.

    Parameters
    ----------
    search : pd.DataFrame
        From `lib.search.grid`.
    """
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 3), sharey=True)
    shown = {
        "dev_loss": ("loss (lower is better)", AMOUNT + "_r"),
        "dev_overlap": ("overlap of top lists (higher is better)", AMOUNT),
    }
    for ax, (values, (title, colours)) in zip(axes, shown.items(), strict=True):
        wide = search.pivot(index="learning_rate", columns="batch_size", values=values)
        sns.heatmap(wide, annot=True, fmt=".3g", cmap=colours, ax=ax, cbar=False)
        ax.set(
            xlabel="batch size (clip pairs)",
            ylabel="learning rate" if ax is axes[0] else "",
            title=f"dev artists: {title}",
        )
    return figure


def mislabelled_truth(truths):
    """Both truths of the test artists side by side, and where the published rows come from.

    Parameters
    ----------
    truths : dict of str to pd.DataFrame
        ``corrected`` and ``as_published``, over the same test artists.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.2), sharey=True)
    highest = np.nanquantile(truths["corrected"].to_numpy(), 0.99)
    for ax, (name, frame) in zip(axes, truths.items(), strict=True):
        image = ax.imshow(
            frame.to_numpy(), cmap=AMOUNT, vmin=0, vmax=highest, origin="upper", interpolation="nearest"
        )
        ax.set_title(name.replace("_", " "))
        ax.set(xlabel="candidate")
    axes[0].set_ylabel("query")
    figure.colorbar(image, ax=axes, label="true similarity", extend="max")
    return figure


def overlap_by_length(table, *, truth="corrected", ax=None):
    """Unordered overlap against list length for every method, with chance.

    Parameters
    ----------
    table : pd.DataFrame
        Table 1.
    """
    figure, ax = _axes(ax, (7, 4))
    chosen = table[
        (table["truth"] == truth) & (table["candidates"] == "test") & (table["metric"] == "unordered")
    ]
    for method, part in chosen.groupby("method", sort=False):
        style = (
            {"linestyle": ":"}
            if method == "chance"
            else {"linestyle": "--"}
            if method in ("split_half", "world")
            else {}
        )
        n = part["n"].astype(int)
        ax.plot(
            n,
            part["value"],
            color=METHOD_COLOURS.get(method),
            label=METHOD_NAMES.get(method, method),
            marker="o",
            markersize=3,
            **style,
        )
        if method in ("siamese", "l2"):
            ax.fill_between(
                n, part["ci_low"], part["ci_high"], color=METHOD_COLOURS[method], alpha=0.15, linewidth=0
            )
    ax.set(
        xlabel="length n of the lists (artists)",
        ylabel="share of true neighbours found",
        xticks=sorted(set(chosen["n"].astype(int))),
    )
    ax.set_title(f"truth: {truth.replace('_', ' ')}")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def forest(table, *, metric, n, truths=("as_published", "corrected")):
    """Each method's value with its interval, under both truths, beside chance.

    Parameters
    ----------
    table : pd.DataFrame
        Table 1.
    metric : str
    n : int
    truths : sequence of str
    """
    figure, axes = plt.subplots(1, len(truths), figsize=(4.6 * len(truths), 3.6), sharey=True, sharex=True)
    for ax, truth in zip(np.atleast_1d(axes), truths, strict=True):
        _forest_panel(ax, table, truth, metric, n)
        ax.set_xlabel(f"{metric} @ {n}, 95 % interval over queries")
    _forest_legend(np.atleast_1d(axes)[0])
    return figure


def overview(table, truths, *, simulated, n=None):
    """The picture of the README: the mistake, and what Table 1 says with and without it.

    Parameters
    ----------
    table : pd.DataFrame
        Table 1.
    truths : dict of str to pd.DataFrame
        ``corrected`` and ``as_published``.
    simulated : bool
        Said in the title.
    n : int, optional
        List length shown; the one of Table 1 that is nearest to 10.
    """
    lengths = table["n"].dropna().astype(int).unique()
    n = n or int(min(lengths, key=lambda length: abs(length - 10)))
    figure, axes = plt.subplots(2, 2, figsize=(10, 6.6), height_ratios=(1, 0.9), sharey="row")
    highest = np.nanquantile(truths["corrected"].to_numpy(), 0.99)
    for column, truth in enumerate(("as_published", "corrected")):
        label = "as published: rows under wrong names" if truth == "as_published" else "corrected"
        axes[0, column].imshow(
            truths[truth].to_numpy(),
            cmap=AMOUNT,
            vmin=0,
            vmax=highest,
            origin="upper",
            interpolation="nearest",
        )
        axes[0, column].set(title=f"true similarity, {label}", xlabel="candidate")
        _forest_panel(axes[1, column], table, truth, "unordered", n)
        axes[1, column].set(title="", xlabel=f"share of the {n} true neighbours found")
    axes[0, 0].set_ylabel("query (test artists)")
    limits = [ax.get_xlim() for ax in axes[1]]
    for ax in axes[1]:
        ax.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
    _forest_legend(axes[1, 1])
    row = table.iloc[0]
    data = "simulated music and listeners" if simulated else "real music and listeners"
    figure.suptitle(
        f"{data}; {row['n_queries']} test artists, {int(table['n_seeds'].max())} trainings,"
        " 95 % intervals over artists"
    )
    return figure


def _forest_panel(ax, table, truth, metric, n):
    chosen = table[
        (table["truth"] == truth)
        & (table["candidates"] == "test")
        & (table["metric"] == metric)
        & (table["n"] == n)
    ]
    chosen = chosen[chosen["method"] != "chance"].iloc[::-1].reset_index(drop=True)
    for place, row in chosen.iterrows():
        colour = METHOD_COLOURS.get(row["method"], "#444444")
        ax.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=2)
        ax.plot(row["value"], place, "o", color=colour, markeredgecolor="black", markeredgewidth=0.4)
        if not np.isnan(row["paper_value"]):
            ax.plot(row["paper_value"], place, "x", color="black", label="the paper's value (its own data)")
    ax.axvline(chosen["chance"].iloc[0], color="#999999", linestyle=":", label="chance")
    ax.set_yticks(range(len(chosen)), [METHOD_NAMES.get(method, method) for method in chosen["method"]])
    ax.set_title(f"truth: {truth.replace('_', ' ')}")


def _forest_legend(ax):
    """Below the whole figure, each entry once, whichever panel has it."""
    entries = {}
    for panel in ax.figure.axes:
        entries |= dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    ax.figure.legend(
        entries.values(), entries.keys(), loc="outside lower center", ncols=len(entries), fontsize=8
    )


def _axes(ax, size):
    if ax is None:
        return plt.subplots(figsize=size)
    return ax.figure, ax


def _mel_ticks(ax, wanted=(100, 500, 1000, 2000, 5000, 10000)):
    centres = spectrograms.mel_frequencies()
    ax.set_yticks(
        np.interp(wanted, centres, np.arange(len(centres)) + 0.5), [f"{hertz:,}" for hertz in wanted]
    )


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
    figure, ax = _axes(ax, (1.6, 3))
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
    _mel_ticks(ax)
    return image
