"""Pictures of listening and similarity (notebook 01)."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.cluster.hierarchy
import scipy.spatial.distance
from matplotlib import ticker

from lib.plots import style
from lib.plots.style import AMOUNT, FIRST, OTHERS, axes_of


def popularity_curve(artists, *, marked=None, ax=None):
    """Listeners of each artist by rank, both axes logarithmic.

    Parameters
    ----------
    artists : pd.DataFrame
        ``name``, ``listeners``; most listeners first.
    marked : sequence of str, optional
        Names that are pointed at.

    Examples
    --------
    >>> import pandas as pd
    >>> artists = pd.DataFrame({"name": ["Abba", "Air", "ZZ Top"], "listeners": [30, 20, 10]})
    >>> figure = popularity_curve(artists, marked=["Air"])
    >>> figure.axes[0].lines[1].get_xydata().tolist()  # the mark
    [[2.0, 20.0]]
    >>> plt.close(figure)
    """
    figure, ax = axes_of(ax, (7, 3.6))
    ranks = np.arange(1, len(artists) + 1)
    ax.loglog(ranks, artists["listeners"], color="#0072B2")
    tenth = -(-len(artists) // 10)
    share = artists["listeners"].iloc[:tenth].sum() / artists["listeners"].sum()
    ax.set_title(f"one tenth of the artists has {100 * share:.0f} % of all listener–artist pairs")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.set_minor_locator(ticker.NullLocator())
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
    ax.set(xlabel="artist, by rank (1: most listeners)", ylabel="listeners")
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
    figure, ax = axes_of(ax, (5, 4.2))
    values = _ordered(target, cluster_order(target) if order is None else order)
    image = ax.imshow(
        values, cmap=AMOUNT, origin="upper", vmax=np.nanquantile(values, 0.99), interpolation="nearest"
    )
    figure.colorbar(image, ax=ax, label="similarity (colours end at 99th percentile)", extend="max")
    ax.set(xlabel="artist, in cluster order", ylabel="artist, in cluster order")
    ax.set_title(title)
    return figure


def cooccurrence_heatmap(co_listeners, *, order=None, title="", ax=None):
    """Co-listeners of each pair of artists, colours on a logarithmic scale; grey where a pair has none.

    Parameters
    ----------
    co_listeners : pd.DataFrame, shape=(n_artists, n_artists)
        From `lib.listening.labels.cooccurrence`. Its diagonal, the listeners of one artist, is left blank.
    order : sequence of int, optional
        Places of the artists; as they come if there is none.
    """
    figure, ax = axes_of(ax, (5, 4.2))
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
    bar = figure.colorbar(image, ax=ax, label="co-listeners (number; grey: none)", extend="min")
    bar.set_ticks(ticks, labels=[f"{count:,}" for count in ticks], minor=False)
    bar.ax.minorticks_off()
    ax.set(xlabel="artist", ylabel="artist")
    ax.set_title(title)
    return figure


def cooccurrence_and_similarity(
    co_listeners, target, *, titles=("listeners of both artists", "similarity: the target")
):
    """What was counted and what the metric makes of it, side by side, both in the target's cluster order.

    Parameters
    ----------
    co_listeners : pd.DataFrame, shape=(n_artists, n_artists)
        From `lib.listening.labels.cooccurrence`.
    target : pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric; diagonal blank.
    titles : pair of str

    Examples
    --------
    >>> from lib.listening import labels
    >>> counts = labels.labelled(np.array([[9, 4, 1], [4, 5, 1], [1, 1, 3]]), ["a", "b", "c"])
    >>> target = labels.finish(counts / 10)
    >>> figure = cooccurrence_and_similarity(counts, target)
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['listeners of both artists', 'similarity: the target']
    >>> plt.close(figure)
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.3), sharex=True, sharey=True)
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


def metrics_and_popularity(targets, listeners, *, n=10):
    """For each metric: how popular the neighbours are that it gives to popular and to obscure artists.

    Titles give Spearman's ρ of the two ranks.

    Parameters
    ----------
    targets : mapping of str to pd.DataFrame
        The first one is drawn in another colour: the paper's.
    listeners : pd.Series
        Over the targets' artists.
    n : int
        Neighbours whose mean rank of popularity is drawn; equally near ones are drawn by lot, the same for
        all metrics.

    Examples
    --------
    >>> import pandas as pd
    >>> from lib.listening import labels
    >>> values = [[np.nan, 0.9, 0.1], [0.9, np.nan, 0.2], [0.1, 0.2, np.nan]]
    >>> target = labels.labelled(values, ["a", "b", "c"])
    >>> figure = metrics_and_popularity({"jaccard": target}, pd.Series({"a": 30, "b": 20, "c": 10}), n=1)
    >>> figure.axes[0].get_title().splitlines()
    ["Jaccard (the paper's)", 'ρ = 0.00']
    >>> figure.axes[0].collections[0].get_offsets().tolist()  # rank of each artist, and of its nearest
    [[1.0, 2.0], [2.0, 1.0], [3.0, 2.0]]
    >>> plt.close(figure)
    """
    rows = 1 if len(targets) < 4 else 2
    columns = -(-len(targets) // rows)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(2.4 * columns + 0.4, 2.9 * rows + 0.4),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    popularity = listeners.rank(ascending=False)
    by_lot = np.random.default_rng(0).permutation(len(popularity))
    drawn = list(zip(axes.flat, targets))
    for ax, name in drawn:
        target = targets[name].reindex(index=popularity.index, columns=popularity.index).to_numpy()
        ranks = _mean_of_nearest(target, popularity.to_numpy(), by_lot, n)
        first = ax is drawn[0][0]
        colour = FIRST if first else OTHERS
        ax.scatter(
            popularity,
            ranks,
            s=9,
            color=colour,
            alpha=0.45,
            linewidths=0,
            label=f"an artist and its {n} nearest",
        )
        ax.plot(*_medians(popularity, ranks), color="black", linewidth=1.6, label="their median, by twelfths")
        ax.axhline(popularity.mean(), color="#777777", linestyle=":", label="mean rank of all artists")
        of_ranks = popularity.corr(pd.Series(ranks, popularity.index), method="spearman")
        title = style.name(name) + (" (the paper's)" if first else "")
        ax.set_title(
            f"{title}\nρ = {of_ranks:.2f}".replace("-0", "−0"), color=colour, weight="bold" if first else None
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
        axes.flat[-1].legend(handles, labels, loc="center", title="rank 1: most listeners", fontsize=9)
    else:
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _mean_of_nearest(target, of, by_lot, n):
    """Mean of a quantity over the n artists nearest to each; equally near ones in the order of the lot."""
    n, means = min(n, len(target)), np.empty(len(target))
    for start in range(0, len(target), 100):  # rows at a time
        values = np.nan_to_num(target[start : start + 100], nan=-1)[:, by_lot]
        least = np.partition(values, -n, axis=1)[:, [-n]]
        above, equal = values > least, values == least
        room = n - np.count_nonzero(above, axis=1, keepdims=True)
        nearest = above | (equal & (np.cumsum(equal, axis=1) <= room))
        means[start : start + 100] = nearest @ of[by_lot] / n
    return means


def _medians(x, y, n_parts=12):
    """Medians of both in parts of equally many points, from low to high `x`."""
    parts = np.array_split(np.argsort(np.asarray(x), kind="stable"), min(n_parts, len(x)))
    return [[np.median(np.asarray(values)[part]) for part in parts] for values in (x, y)]


def metric_summary(summary):
    """For each metric, how much it follows popularity and how much it agrees with itself.

    Parameters
    ----------
    summary : pd.DataFrame
        From `lib.listening.trust.summary`; the first metric is at the top, in another colour: the paper's.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import pandas as pd
    >>> ends = ["_low", "_high", "_by_chance"]
    >>> names = [f"{name}{end}" for name in ("popularity", "split_half") for end in ends]
    >>> summary = pd.DataFrame(0.5, range(2), ["popularity_correlation", "split_half", *names])
    >>> figure = metric_summary(summary.assign(metric=["min_conditional", "jaccard"], n_halvings=10))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ["min-conditional (the paper's)", 'Jaccard']
    >>> plt.close(figure)
    """
    figure, axes = plt.subplots(1, 2, figsize=(10, 0.36 * len(summary) + 1.8), sharey=True)
    halvings = f"{summary['n_halvings'].iloc[0]} halvings of the listeners"
    panels = {
        "popularity": (
            "popularity_correlation",
            "correlation with candidates' popularity",
            "bootstrap of artists",
        ),
        "split_half": ("split_half", "agreement of two halves of listeners", halvings),
    }
    places = np.arange(len(summary))[::-1]
    colours = [FIRST, *[OTHERS] * (len(summary) - 1)]
    for ax, (interval, (value, title, source)) in zip(axes, panels.items(), strict=True):
        low, high = summary[f"{interval}_low"], summary[f"{interval}_high"]
        ax.hlines(places, low, high, color=colours, linewidth=9, alpha=0.35)
        ax.scatter(summary[value], places, c=colours, s=14, zorder=3)
        ax.scatter(
            summary[f"{interval}_by_chance"], places, marker="|", s=120, color="black", zorder=2,
            label="the same for listeners without taste",
        )  # fmt: skip
        ax.axvline(0, color="#777777", linestyle=":", linewidth=1)
        ax.set_title(title)
        ax.set_xlabel(f"Spearman's ρ, mean over queries\n(band: 95 %, {source})")
        ax.margins(x=0.08)
        ax.grid(axis="y", color="#EEEEEE")
        ax.set_axisbelow(True)
    names = [style.name(name) + ("" if k else " (the paper's)") for k, name in enumerate(summary["metric"])]
    axes[0].set_yticks(places, names)
    axes[0].set_ylim(-0.6, len(summary) - 0.4)
    axes[0].get_yticklabels()[0].set(color=FIRST, weight="bold")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", frameon=False)
    return figure
