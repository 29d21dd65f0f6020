"""Pictures of what goes beyond the paper (notebook 07)."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from lib import registry
from lib.plots.style import axes_of

MEASURES = {
    "ndcg": "nDCG",
    "unordered": "share of\ntrue neighbours found",
    "matched_concordance": "popularity-matched\nconcordance",
}


def name_of(method):
    """Name of a method for reading, what was done to its scores included."""
    plain, *done = method.split("+")
    return " + ".join([registry.label(plain), *done])


def colour_of(method):
    """Colour of a method, whatever was done to its scores."""
    return registry.colour(method.partition("+")[0])


def gains(comparisons, *, reference="l2", measures=("ndcg", "unordered", "matched_concordance")):
    """What each method gains over one of the paper's, with its interval over queries.

    Parameters
    ----------
    comparisons : pd.DataFrame
        From `tables.comparisons`.
    reference : str
    measures : sequence of str

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"reference": "l2", "measure": "ndcg", "method": ["factor_sum", "siamese"]})
    >>> table = table.assign(difference=[0.1, 0.0], ci_low=[0.05, -0.05], ci_high=[0.15, 0.05])
    >>> figure = gains(table, measures=["ndcg"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]  # from below
    ['siamese network', 'factors: ridge and kernel']
    >>> plt.close(figure)
    """
    chosen = comparisons[comparisons["reference"] == reference]
    listed = list(chosen["method"].unique())[::-1]
    figure, axes = plt.subplots(
        1, len(measures), figsize=(3.1 * len(measures) + 2, 0.28 * len(listed) + 1.3), sharey=True
    )
    for ax, measure in zip(np.atleast_1d(axes), measures, strict=True):
        part = chosen[chosen["measure"] == measure].set_index("method")
        for place, method in enumerate(listed):
            if method in part.index:
                _interval(ax, part.loc[method], "difference", place, method)
        ax.axvline(0, color="#999999", linestyle=":")
        ax.set_xlabel(f"gain in {MEASURES[measure]}")
    np.atleast_1d(axes)[0].set_yticks(range(len(listed)), [name_of(method) for method in listed])
    figure.suptitle(f"difference to {registry.label(reference)}, 95 % interval over artists and trainings")
    return figure


def beyond_forest(table, *, n):
    """Each method's nDCG and matched concordance with their intervals, beside chance.

    Parameters
    ----------
    table : pd.DataFrame
        From notebook 07, in the schema of Table 1.
    n : int
        Length of the lists that nDCG looks at.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"method": "l2", "metric": ["ndcg", "matched_concordance"], "n": [10, None]})
    >>> table = table.assign(truth="corrected", candidates="test", fold=0, chance=0.25)
    >>> table = table.assign(value=[0.3, 0.6], ci_low=0.2, ci_high=0.7)
    >>> figure = beyond_forest(table, n=10)
    >>> [ax.get_xlabel().partition(",")[0] for ax in figure.axes]
    ['nDCG of the first 10', 'popularity-matched concordance']
    >>> plt.close(figure)
    """
    chosen = table[(table["truth"] == "corrected") & (table["candidates"] == "test")]
    chosen = chosen[chosen["fold"].isna() if chosen["fold"].isna().any() else chosen["fold"] == 0]
    panels = {
        f"nDCG of the first {n}": chosen[(chosen["metric"] == "ndcg") & (chosen["n"] == n)],
        "popularity-matched concordance": chosen[chosen["metric"] == "matched_concordance"],
    }
    listed = [name for name in chosen["method"].unique() if name != "chance"][::-1]
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 0.27 * len(listed) + 1.4), sharey=True)
    for ax, (label, part) in zip(axes, panels.items(), strict=True):
        part = part.drop_duplicates("method").set_index("method")
        for place, method in enumerate(listed):
            if method in part.index:
                _interval(ax, part.loc[method], "value", place, method)
        ax.axvline(part["chance"].iloc[0], color="#999999", linestyle=":", label="chance")
        ax.set_xlabel(f"{label},\n95 % interval over artists and trainings")
    axes[0].set_yticks(range(len(listed)), [name_of(method) for method in listed])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", fontsize=8)
    return figure


def popularity_weight(table, *, chosen, ax=None):
    """What popularity adds on the dev artists, weight by weight.

    Parameters
    ----------
    table : pd.DataFrame
        From `tables.weights_on_dev`.
    chosen : float
        Marked.
    ax : matplotlib axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"weight": [0, 0.5, 1], "ndcg": [0.3, 0.4, 0.35]})
    >>> figure = popularity_weight(table, chosen=0.5)
    >>> curve, mark = figure.axes[0].lines
    >>> list(mark.get_xdata())
    [0.5, 0.5]
    >>> plt.close(figure)
    """
    figure, ax = axes_of(ax, (6, 3))
    ax.plot(table["weight"], table["ndcg"], marker="o", markersize=4, color="#0072B2")
    ax.axvline(chosen, color="#D55E00", linestyle="--", label="chosen")
    ax.set(xlabel="weight of popularity in the blend", ylabel="nDCG, dev artists")
    ax.legend(loc="best")
    return figure


TARGET_COLOURS = {"pairs": "#D55E00", "factors": "#117733", "none": "#999999"}


def target_and_encoder(summary, *, ax=None):
    """Each variant's nDCG with its interval: colour says what is learnt, a hollow point fixed features.

    Parameters
    ----------
    summary : pd.DataFrame
        ``method, encoder, target, value, ci_low, ci_high``, in the order from top to bottom.
    ax : matplotlib axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> summary = pd.DataFrame({"method": ["siamese", "l2"], "encoder": ["network", "features"]})
    >>> summary = summary.assign(target=["pairs", "none"], value=[0.4, 0.3], ci_low=0.2, ci_high=0.5)
    >>> figure = target_and_encoder(summary)
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]  # from below
    ['L2 of spectrograms', 'siamese network']
    >>> plt.close(figure)
    """
    figure, ax = axes_of(ax, (7, 0.27 * len(summary) + 1.2))
    for place, row in enumerate(summary.iloc[::-1].to_dict("records")):
        colour = TARGET_COLOURS[row["target"]]
        ax.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=2)
        face = "white" if row["encoder"] == "features" else colour
        ax.plot(row["value"], place, "o", color=face, markeredgecolor=colour, markersize=6)
    ax.set_yticks(range(len(summary)), [name_of(method) for method in summary["method"].iloc[::-1]])
    labels = {
        "pairs": "learns the similarity of pairs",
        "factors": "learns listening factors",
        "none": "learns nothing",
    }
    for target, label in labels.items():
        ax.plot([], [], "o-", color=TARGET_COLOURS[target], label=label)
    ax.plot([], [], "o", color="white", markeredgecolor="black", label="fixed features of clips")
    ax.plot([], [], "o", color="black", label="the paper's encoder")
    ax.set_xlabel("nDCG@10 of test artists, 95 % interval over artists and trainings")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _interval(ax, row, column, place, method):
    colour = colour_of(method)
    ax.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=2)
    hollow = "white" if "+" in method else colour
    ax.plot(row[column], place, "o", color=hollow, markeredgecolor="black", markeredgewidth=0.6, markersize=5)
