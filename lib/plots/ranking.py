"""Pictures of rankings and how sure they are (notebook 05).

This file is long because each picture of notebook 05 has an example.
"""

from __future__ import annotations

import textwrap

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator

from lib import registry
from lib.plots.listening import cluster_order
from lib.plots.style import AMOUNT, SIGNED
from lib.ranking.metrics import METRICS
from lib.workflow import sizes


def mislabelled_truth(truths, names=None):
    """Both truths of the test artists in one order, with the mistake pointed at.

    Parameters
    ----------
    truths : dict of str to pd.DataFrame
        ``corrected`` and ``as_published``, over the same test artists.
    names : mapping of str to str, optional
        Of the artists; their ids where there are none.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> truth = labelled_scores([[0, 0.9, 0.1], [0.9, 0, 0.2], [0.1, 0.2, 0]], ["a", "b", "c"])
    >>> figure = mislabelled_truth({"as_published": truth.iloc[:, ::-1], "corrected": truth})
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['truth, as published (wrong names)', 'truth, corrected (right names)']
    >>> plt.close(figure)
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.8, 4.9), sharey=True)
    image, _ = (_truth_panel(ax, truth, truths) for ax, truth in zip(axes, TRUTH_TITLES, strict=True))
    _similarity_bar(figure, image, axes)
    ids = truths["corrected"].index[truth_order(truths)]
    own = np.argwhere(np.ma.getmaskarray(image.get_array()))  # the query's own places
    elsewhere = [place for place in own if place[0] != place[1]]
    title = "Is each value under the name of its own artist?"
    if elsewhere:
        middle = len(ids) / 2
        row, column = min(elsewhere, key=lambda place: np.hypot(*(place - middle)))
        query, carried = (artist if names is None else names[artist] for artist in ids[[row, column]])
        title = (
            f"As published, the column named {carried[:30]} holds the similarities of {query[:30]} (arrow)"
        )
        reach = len(ids) / 7 * np.where(np.array([column, row]) > middle, -1, 1)
        _arrow(axes[0], (column, row), (column, row) + reach)
    figure.suptitle(title, fontsize="medium", parse_math=False)
    return figure


def truth_order(truths):
    """Places of the test artists so that those alike by the corrected truth stand side by side."""
    return cluster_order(np.sqrt(truths["corrected"].clip(lower=0)))


def overlap_by_length(table, *, truth="corrected", metric="unordered"):
    """What each method gains over chance in a metric of lists, by their length: one panel a method.

    Parameters
    ----------
    table : pd.DataFrame
        Table 1.
    truth, metric : str

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"method": ["l2", "l2", "chance", "chance"], "n": [5, 10, 5, 10]})
    >>> table = table.assign(value=[0.2, 0.35, 0.1, 0.2], ci_low=0.1, ci_high=0.4, metric="unordered")
    >>> figure = overlap_by_length(table.assign(truth="corrected", candidates="test"))
    >>> figure.axes[0].get_title(), figure.axes[0].lines[-1].get_ydata().round(2).tolist()
    ('L2 of spectrograms', [0.1, 0.15])
    >>> plt.close(figure)
    """
    chosen = table[(table["truth"] == truth) & (table["candidates"] == "test") & (table["metric"] == metric)]
    chance = chosen[chosen["method"] == "chance"].set_index("n")["value"]
    gains = chosen[["value", "ci_low", "ci_high"]].sub(chosen["n"].map(chance).to_numpy(), axis=0)
    gains = gains.assign(method=chosen["method"], n=chosen["n"].astype(int)).query("method != 'chance'")
    methods = gains["method"].unique()
    columns = min(4, len(methods))
    rows = -(-len(methods) // columns)
    size = (max(4, min(10, 2.5 * columns)), 2.3 * rows + 0.6)
    figure, axes = plt.subplots(rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False)
    for place, ax in enumerate(axes.flat[len(methods) :], start=len(methods)):
        ax.axis("off")
        axes.flat[place - columns].xaxis.set_tick_params(labelbottom=True)  # lowest of its column
    for ax, method in zip(axes.flat, methods):
        for other, part in gains.groupby("method", sort=False):
            if other != method:
                ax.plot(part["n"], part["value"], color="#DDDDDD", linewidth=1, zorder=0)
        part, colour = gains[gains["method"] == method], registry.colour(method)
        ax.axhline(0, color="#777777", linestyle=":")
        ax.fill_between(part["n"], part["ci_low"], part["ci_high"], color=colour, alpha=0.25, linewidth=0)
        ax.plot(part["n"], part["value"], color=colour, marker="o", markersize=4, linewidth=1.8)
        ax.set_title(textwrap.fill(registry.label(method), 22), fontsize="small")
        ax.set_xticks(sorted(set(gains["n"])))
    figure.supxlabel("length n of the lists (artists)", fontsize="medium")
    figure.supylabel(f"{METRICS[metric].label}: gain over chance", fontsize="medium")
    figure.suptitle(
        "What does each method gain over chance? Shaded: 95 % interval; grey: the other methods",
        fontsize="medium",
    )
    return figure


def forest(table, *, metric, n=None, truths=("as_published", "corrected")):
    """Each method's value with its interval, under both truths, beside chance.

    Parameters
    ----------
    table : pd.DataFrame
        Table 1.
    metric : str
    n : int, optional
        None for a metric of the whole ranking.
    truths : sequence of str

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"method": ["siamese", "l2"], "value": [0.3, 0.2], "ci_low": 0.1})
    >>> table = table.assign(ci_high=0.4, chance=0.15, paper_value=float("nan"))
    >>> table = table.assign(truth="corrected", candidates="test", metric="ndcg", n=10)
    >>> figure = forest(table, metric="ndcg", n=10, truths=["corrected"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]  # from below
    ['L2 of spectrograms', 'siamese network']
    >>> plt.close(figure)
    """
    figure, axes = plt.subplots(1, len(truths), figsize=(4.6 * len(truths), 3.8), sharey=True, sharex=True)
    for ax, truth in zip(np.atleast_1d(axes), truths, strict=True):
        _forest_panel(ax, table, truth, metric, n)
        ax.set_xlabel(METRICS[metric].label + ("" if n is None else f", n = {n}"))
    figure.suptitle(
        "Which methods rank better than chance? (95 % interval over artists and trainings)", fontsize="medium"
    )
    _forest_legend(np.atleast_1d(axes)[0])
    return figure


def lists_to_choose(table):
    """`forest` of one truth, with a slider for the length of the lists and a menu for the truth.

    Parameters
    ----------
    table : pd.DataFrame
        Table 1.

    Returns
    -------
    ipywidgets.interactive
        It shows its picture in a notebook with a running kernel.

    Examples
    --------
    >>> import contextlib, io
    >>> import pandas as pd
    >>> table = pd.DataFrame({"method": ["siamese", "l2"], "value": [0.3, 0.2], "ci_low": 0.1})
    >>> table = table.assign(ci_high=0.4, chance=0.15, paper_value=float("nan"))
    >>> table = table.assign(truth="corrected", candidates="test", metric="unordered", n=10)
    >>> with contextlib.redirect_stdout(io.StringIO()):  # without a notebook, the picture is a line of text
    ...     widget = lists_to_choose(table)
    >>> [(child.description, child.value) for child in widget.children[:2]]
    [('length n', 10), ('truth', 'corrected')]
    """
    lengths = sorted(set(table.loc[table["metric"] == "unordered", "n"].astype(int)))
    truths = [(TRUTH_TITLES[truth], truth) for truth in TRUTH_TITLES if truth in set(table["truth"])]

    def show(n, truth):
        figure = forest(table, metric="unordered", n=n, truths=[truth])
        display(figure)
        plt.close(figure)

    return widgets.interactive(
        show,
        n=widgets.SelectionSlider(options=lengths, value=sizes.reported(lengths), description="length n"),
        truth=widgets.Dropdown(options=truths, description="truth"),
    )


OVERVIEW = ("popularity", "l2", "siamese", "split_half")  # and chance


def overview(table, truths, *, n=None):
    """The picture of the README: the mistake, and what Table 1 says without it.

    Parameters
    ----------
    table : pd.DataFrame
        Table 1.
    truths : dict of str to pd.DataFrame
        ``corrected`` and ``as_published``.
    n : int, optional
        List length shown; the one of Table 1 that is nearest to 10.

    Examples
    --------
    >>> import pandas as pd
    >>> from lib.methods import labelled_scores
    >>> truth = labelled_scores([[0, 0.9, 0.1], [0.9, 0, 0.2], [0.1, 0.2, 0]], ["a", "b", "c"])
    >>> table = pd.DataFrame({"truth": ["corrected"], "method": "siamese", "value": 0.5})
    >>> table = table.assign(candidates="test", metric="unordered", n=1, ci_low=0.1, ci_high=0.6, chance=0.5)
    >>> table = table.assign(paper_value=0.3, n_queries=3, n_seeds=1)
    >>> figure = overview(table, {"as_published": truth.iloc[:, ::-1], "corrected": truth})
    >>> figure.subfigs[1].get_suptitle()
    'By the corrected truth, the siamese network finds 50 % (10 to 60 %) of the nearest artists; chance: 50 %'
    >>> plt.close(figure)
    """
    lengths = table["n"].dropna().astype(int).unique()
    n = n or int(min(lengths, key=lambda length: abs(length - 10)))
    figure = plt.figure(figsize=(9, 6.6))
    above, below = figure.subfigures(2, 1, height_ratios=(2.1, 1))
    axes = above.subplots(1, 2, sharey=True)
    for ax, truth in zip(axes, TRUTH_TITLES, strict=True):
        image = _truth_panel(ax, truth, truths)
    _similarity_bar(above, image, axes)
    ax = below.subplots()
    _forest_panel(ax, table[table["method"].isin(OVERVIEW)], "corrected", "unordered", n)
    chosen = table[(table["truth"] == "corrected") & (table["candidates"] == "test") & (table["n"] == n)]
    chosen = chosen[chosen["metric"] == "unordered"].set_index("method")
    if "siamese" in chosen.index:
        value, low, high, chance = 100 * chosen.loc["siamese", ["value", "ci_low", "ci_high", "chance"]]
        below.suptitle(
            f"By the corrected truth, the siamese network finds {value:.0f} % ({low:.0f} to {high:.0f} %)"
            f" of the nearest artists; chance: {chance:.0f} %",
            fontsize="medium",
        )
    ax.set_title("")
    ax.set_ylim(-0.6, ax.get_ylim()[1] + 0.3)
    row = table.iloc[0]
    ax.set_xlabel(
        f"share of the {n} true neighbours found\n"
        f"(95 % interval over {row['n_queries']} artists and {_trainings(table)})"
    )
    ax.legend(*_entries([ax]), loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


MEASURES = {  # question and unit
    "popularity_correlation": (
        "Do the scores follow\npopularity?",
        "rank correlation of scores\nwith listeners",
    ),
    "source_correlation": (
        "... the catalogue\nof the clips?",
        "rank correlation of scores\nwith sharing a catalogue",
    ),
    "loudness_correlation": (
        "... the loudness\nof the clips?",
        "rank correlation of scores\nwith similarity in loudness",
    ),
    "matched_concordance": ("Is the order right\nat similar popularity?", "share of pairs\nin true order"),
    "partial_spearman": ("... and after controlling\nfor popularity?", "rank correlation\nwith the truth"),
    "never_named": ("How many artists are\non no list?", "share of artists"),
}


def published_null(table, *, n):
    """The published arm beside what permuted names of the candidates give, and the paper's own values.

    Parameters
    ----------
    table : pd.DataFrame
        From `compare.published_null`.
    n : int

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"method": ["siamese", "l2"], "n": 10, "value": [0.3, 0.2], "paper_value": 0.3})
    >>> table = table.assign(null_low=0.1, null_high=0.3, chance=0.2)
    >>> figure = published_null(table, n=10)
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]  # from below
    ['L2 of spectrograms', 'siamese network']
    >>> plt.close(figure)
    """
    figure, ax = plt.subplots(figsize=(9, 4))
    chosen = table[(table["n"] == n) & (table["method"] != "chance")].iloc[::-1].reset_index(drop=True)
    for place, row in chosen.iterrows():
        ax.plot(
            [row["null_low"], row["null_high"]], [place, place], color="#BBBBBB", linewidth=7,
            solid_capstyle="butt", label="95 % of permuted names" if place == 0 else None,
        )  # fmt: skip
        colour = registry.colour(row["method"])
        ax.plot(row["value"], place, "o", color=colour, markeredgecolor="black", markeredgewidth=0.4)
        ax.plot(row["paper_value"], place, "x", color="black")
    ax.plot([], [], "x", color="black", label="the paper's value (its own data)")
    ax.axvline(chosen["chance"].iloc[0], color="#999999", linestyle=":", label="chance, n / places")
    ax.set_yticks(range(len(chosen)), _names(chosen["method"]))
    ax.set_xlabel(f"share of the {n} candidates that the published truth puts first")
    ax.set_title("Is a value larger than permuted names give?")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def published_values(table):
    """All sixteen values of the published Table 1 beside those of this run.

    Parameters
    ----------
    table : pd.DataFrame
        From `paper.beside_the_published`.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"method": ["l2", "siamese"] * 2})
    >>> table["metric"] = ["unordered", "unordered", "sequence_matcher", "sequence_matcher"]
    >>> figure = published_values(table.assign(n=10, paper=0.3, epoch_5=0.2, chance=0.2))
    >>> [line.get_label() for line in figure.axes[0].lines][:2]
    ['L2 of spectrograms, paper', 'siamese network, paper']
    >>> plt.close(figure)
    """
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.8), sharex=True)
    lengths = sorted(table["n"].unique())
    titles = {
        "unordered": "unordered accuracy:\nshare of the n true neighbours found",
        "sequence_matcher": '"edit distance" accuracy:\nSequenceMatcher ratio',
    }
    for ax, (metric, title) in zip(axes, titles.items(), strict=True):
        part = table[table["metric"] == metric]
        for side, method in ((-1, "l2"), (1, "siamese")):
            rows = part[part["method"] == method].sort_values("n")
            x, colour = np.arange(len(lengths)) + 0.09 * side, registry.colour(method)
            name = registry.label(method)
            ax.plot(x + 0.06 * side, rows["paper"], "x", color=colour, markersize=7, label=f"{name}, paper")
            if method == "siamese":
                ax.plot(
                    x + 0.06 * side, rows["epoch_5"], "d", markerfacecolor="none", color=colour,
                    label=f"{name}, epoch 5",
                )  # fmt: skip
            for shift, truth, marker in ((0.12, "as_published", "s"), (0.2, "corrected", "o")):
                if truth in rows:
                    error = [rows[truth] - rows[f"{truth}_low"], rows[f"{truth}_high"] - rows[truth]]
                    ax.errorbar(
                        x + shift * side, rows[truth], yerr=np.clip(error, 0, None), fmt=marker, color=colour,
                        markersize=4, linewidth=1, label=f"{name}, this run, {truth.replace('_', ' ')}",
                    )  # fmt: skip
        chance = part.drop_duplicates("n").sort_values("n")
        places = np.arange(len(lengths))
        ax.hlines(
            chance["chance"], places - 0.36, places + 0.36, color="#777777", linestyle=":",
            label="chance, as published", zorder=0,
        )  # fmt: skip
        ax.set_xticks(range(len(lengths)), lengths)
        ax.set(title=title, xlabel="length n of the lists (artists)", ylabel="accuracy (1: best)")
    figure.suptitle(
        "How do this run's values (95 % intervals) compare with the published ones (crosses)?",
        fontsize="medium",
    )
    _forest_legend(axes[0], ncols=3)
    return figure


def rank_heatmap(ranks):
    """Which place each method gives, on average, to near and to far true neighbours.

    Parameters
    ----------
    ranks : pd.DataFrame, shape=(n_methods, n_others)
        From `compare.rank_table`. Its columns are put together: 1, 2 to 3, 4 to 7, and so on.

    Examples
    --------
    >>> import pandas as pd
    >>> figure = rank_heatmap(pd.DataFrame([[1.5, 2, 3.0], [2, 2, 2]], ["siamese", "chance"], [1, 2, 3]))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]  # chance is the colours' middle
    ['siamese network']
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1.5', '2.5']
    >>> plt.close(figure)
    """
    chance = (ranks.shape[1] + 1) / 2
    ranks = ranks.drop(index="chance", errors="ignore")
    doubling = np.floor(np.log2(np.arange(1, ranks.shape[1] + 1)))
    means = ranks.T.groupby(doubling).mean().T
    firsts = [int(2**k) for k in means.columns]
    lasts = [first - 1 for first in firsts[1:]] + [ranks.shape[1]]
    figure, ax = plt.subplots(figsize=(8.5, 0.36 * len(means) + 1.5))
    far = max(1, np.abs(means.to_numpy() - chance).max())
    image = ax.imshow(
        means, cmap=SIGNED, vmin=chance - far, vmax=chance + far, aspect="auto", origin="upper",
        interpolation="nearest",
    )  # fmt: skip
    for (row, column), value in np.ndenumerate(means.to_numpy()):
        colour = "white" if abs(value - chance) > 0.6 * far else "black"
        ax.text(column, row, f"{value:.1f}", ha="center", va="center", color=colour, fontsize="small")
    ax.set_yticks(range(len(means)), _names(means.index))
    ticks = [f"{first}" if first == last else f"{first}–{last}" for first, last in zip(firsts, lasts)]
    ax.set_xticks(range(len(ticks)), ticks)
    ax.set(
        xlabel="true places of the candidates (1: nearest)", title="Do near artists get places near the top?"
    )
    bar = figure.colorbar(image, ax=ax, label=f"mean place by the method\n(line: chance, {chance:g})")
    bar.ax.axhline(chance, color="black", linewidth=1)
    bar.ax.invert_yaxis()
    return figure


def strata_dots(table):
    """Results by popularity: of queries in each stratum, and among the candidates of each stratum only.

    Parameters
    ----------
    table : pd.DataFrame
        From `strata.table`.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"strata_of": ["queries"] * 2 + ["candidates"] * 2, "stratum": [1, 2] * 2})
    >>> table = table.assign(method="l2", n=10, value=0.3, ci_low=0.2, ci_high=0.4, chance=0.2)
    >>> figure = strata_dots(table.assign(listeners_high=[5000, 99] * 2, listeners_low=[100, 1] * 2))
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['queries with\\n100 to 5,000 listeners', 'queries with\\n1 to 99 listeners']
    >>> plt.close(figure)
    """
    shown = table[table["method"] != "chance"]
    methods, strata = list(shown["method"].unique())[::-1], sorted(shown["stratum"].unique())
    size = (min(10, 2.6 * len(strata) + 2.2), 0.42 * len(methods) + 3)
    figure, axes = plt.subplots(2, len(strata), figsize=size, sharex="row", sharey=True, squeeze=False)
    units = {
        "queries": f"share of the {int(shown['n'].max())} true neighbours found",
        "candidates": "rank correlation with the truth",
    }
    for row, (kind, unit) in zip(axes, units.items(), strict=True):
        for ax, stratum in zip(row, strata, strict=True):
            part = shown[(shown["strata_of"] == kind) & (shown["stratum"] == stratum)]
            _dots(ax, part.set_index("method"), methods)
            first = part.iloc[0]
            listeners = f"{first['listeners_low']:,} to {first['listeners_high']:,} listeners"
            ax.set_title(f"{kind} with\n{listeners}")
            ax.set_xlabel(textwrap.fill(unit, 24))
    axes[0, 0].set_yticks(range(len(methods)), _names(methods))
    _forest_legend(axes[0, 0])
    return figure


def confound_dots(table, *, measures=tuple(MEASURES)):
    """What each method's scores follow, what is left without popularity, and its hubs, with intervals.

    Parameters
    ----------
    table : pd.DataFrame
        From `confounds.table`.
    measures : sequence of str

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"method": ["siamese", "l2"], "measure": "never_named", "value": [0.2, 0.4]})
    >>> figure = confound_dots(table.assign(ci_low=0.1, ci_high=0.5, chance=0.1), measures=["never_named"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]  # from below
    ['L2 of spectrograms', 'siamese network']
    >>> plt.close(figure)
    """
    methods = [name for name in table["method"].unique() if name != "chance"][::-1]
    columns = min(3, len(measures))
    rows = -(-len(measures) // columns)
    size = (2.5 * columns + 2.5, (0.22 * len(methods) + 1.3) * rows + 0.4)
    figure, axes = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False)
    for ax in axes.flat[len(measures) :]:
        ax.axis("off")
    for ax, measure in zip(axes.flat, measures):
        _dots(ax, table[table["measure"] == measure].set_index("method"), methods)
        title, unit = MEASURES.get(measure, ("", measure.replace("_", " ")))
        ax.set_title(title)
        ax.set_xlabel(unit)
    axes[0, 0].set_yticks(range(len(methods)), _names(methods))
    _forest_legend(axes[0, 0])
    return figure


def _dots(ax, rows, methods):
    """Value and interval of each method that has them, from below, and the line of chance."""
    for place, method in enumerate(methods):
        if method in rows.index:
            row, colour = rows.loc[method], registry.colour(method)
            ax.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=2)
            ax.plot(row["value"], place, "o", color=colour, markeredgecolor="black", markeredgewidth=0.4)
    ax.plot([], [], color="#777777", linewidth=2, label="95 % interval")
    ax.axvline(rows["chance"].iloc[0], color="#777777", linestyle=":", zorder=0, label="chance")
    ax.xaxis.set_major_locator(MaxNLocator(4))


def clips_curve(table):
    """Overlap against the clips of each artist that a method averages over.

    Parameters
    ----------
    table : pd.DataFrame
        From `compare.clips_curve`.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"method": "l2", "clips": [1, 2, 3], "value": [0.2, 0.3, 0.35]})
    >>> figure = clips_curve(table.assign(ci_low=0.1, ci_high=0.5, chance=0.1, n=10))
    >>> figure.axes[0].get_xticks().tolist(), figure.axes[0].get_ylabel()
    ([1, 2, 3], 'share of 10 true neighbours found')
    >>> plt.close(figure)
    """
    figure, ax = plt.subplots(figsize=(8, 3.8))
    methods = list(table["method"].unique())
    for place, (method, marker) in enumerate(zip(methods, "os^Dv<>*" * len(methods))):
        rows = table[table["method"] == method]
        x = rows["clips"] + (place - (len(methods) - 1) / 2) * 0.06  # side by side, so that intervals show
        error = [rows["value"] - rows["ci_low"], rows["ci_high"] - rows["value"]]
        change = rows["value"].iloc[-1] - rows["value"].iloc[0]
        ax.errorbar(
            x, rows["value"], yerr=np.clip(error, 0, None), color=registry.colour(method), marker=marker,
            markersize=5, linewidth=1.4, label=f"{registry.label(method)}: {change:+.3f}",
        )  # fmt: skip
    ax.axhline(table["chance"].iloc[0], color="#777777", linestyle=":", label="chance")
    ax.set(
        xlabel="clips of each artist",
        ylabel=f"share of {table['n'].iloc[0]} true neighbours found",
        xticks=sorted(table["clips"].unique()),
        title="Does it help to average over more clips? (95 % intervals)",
    )
    first, last = table["clips"].min(), table["clips"].max()
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), title=f"change from {first} to {last}")
    return figure


TRUTH_TITLES = {  # in the order in which pictures show both
    "as_published": "truth, as published (wrong names)",
    "corrected": "truth, corrected (right names)",
}


def _truth_panel(ax, truth, truths):
    """One truth as a picture, in the order and on the colours of the corrected one."""
    order = truth_order(truths)
    highest = np.nanquantile(truths["corrected"].to_numpy(), 0.99)
    values = truths[truth].to_numpy()[np.ix_(order, order)]
    ax.set_title(TRUTH_TITLES[truth])
    ax.set(xlabel="candidates, by name", xticks=[], yticks=[])
    if ax.get_subplotspec().is_first_col():
        ax.set_ylabel("queries, similar artists side by side")
    return ax.imshow(
        np.where(values < 0, np.nan, values), cmap=AMOUNT, norm=PowerNorm(0.5, 0, highest), origin="upper",
        interpolation="nearest",
    )  # fmt: skip


def _similarity_bar(figure, image, axes):
    label = "similarity by shared listeners\n(white: the query itself)"
    highest = image.norm.vmax
    ticks = [tick for tick in (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8) if tick <= highest]
    figure.colorbar(image, ax=axes, label=label, extend="max", ticks=ticks, shrink=0.9)


def _arrow(ax, place, start):
    style = {"arrowstyle": "-|>", "color": "white", "linewidth": 1.8, "mutation_scale": 14, "shrinkB": 3}
    ax.annotate("", place, start, arrowprops=style)


def _trainings(table):
    n = int(table["n_seeds"].max())
    return f"{n} training{'s' if n > 1 else ''}"


def _names(methods):
    return [registry.label(method) for method in methods]


def _forest_panel(ax, table, truth, metric, n):
    chosen = table[
        (table["truth"] == truth)
        & (table["candidates"] == "test")
        & (table["metric"] == metric)
        & (table["n"].isna() if n is None else table["n"] == n)
    ]
    chosen = chosen[chosen["method"] != "chance"].iloc[::-1].reset_index(drop=True)
    for place, row in chosen.iterrows():
        colour = registry.colour(row["method"])
        ax.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=2)
        ax.plot(row["value"], place, "o", color=colour, markeredgecolor="black", markeredgewidth=0.4)
        if not np.isnan(row["paper_value"]):
            ax.plot(row["paper_value"], place, "x", color="black", label="the paper's value (its own data)")
    ax.axvline(chosen["chance"].iloc[0], color="#999999", linestyle=":", label="chance")
    ax.set_yticks(range(len(chosen)), [registry.label(method) for method in chosen["method"]])
    ax.set_title(TRUTH_TITLES[truth])


def _forest_legend(ax, ncols=None):
    """Below the whole figure, each entry once, whichever panel has it."""
    artists, names = _entries(ax.figure.axes)
    ax.figure.legend(artists, names, loc="outside lower center", ncols=ncols or len(names))


def _entries(axes):
    """Artists and names of a legend of several panels, each name once."""
    entries = {}
    for panel in axes:
        entries |= dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    return list(entries.values()), list(entries)
