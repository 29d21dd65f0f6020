"""The picture of how well tracks are ranked (notebooks 05b and 07b)."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from lib import registry

PANELS = {
    ("listeners", "ndcg"): "tracks of other artists,\nby listeners: nDCG",
    ("same artist", "average_precision"): "other tracks\nof the same artist:\naverage precision",
    ("same style", "average_precision"): "tracks of the same style\nby other artists:\naverage precision",
}


def forest(table):
    """Each method's value for every question with its interval, beside chance.

    Parameters
    ----------
    table : pd.DataFrame
        From `lib.ranking.track_results.table`; scores of whole tracks are drawn.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"question": "listeners", "input": "track", "method": ["siamese", "l2"]})
    >>> table = table.assign(measure="ndcg", value=[0.3, 0.2], ci_low=0.1, ci_high=0.4, chance=0.15)
    >>> figure = forest(table.assign(n_seeds=5))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]  # from below
    ['L2 of spectrograms', 'siamese network']
    >>> plt.close(figure)
    """
    whole = table[table["input"] == "track"]
    measured = whole.set_index(["question", "measure"]).index
    panels = {key: label for key, label in PANELS.items() if key in measured}
    methods = list(whole["method"].unique())[::-1]
    size = (min(10, 3.4 * len(panels) + 1.8), 0.3 * len(methods) + 1.8)
    figure, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for ax, ((question, measure), label) in zip(axes[0], panels.items(), strict=True):
        part = whole[(whole["question"] == question) & (whole["measure"] == measure)].set_index("method")
        for place, method in enumerate(methods):
            row, colour = part.loc[method], registry.colour(method)
            ax.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=2)
            ax.plot(row["value"], place, "o", color=colour, markeredgecolor="black", markeredgewidth=0.4)
        ax.axvline(part["chance"].iloc[0], color="#999999", linestyle=":", label="chance")
        ax.set_xlabel(label)
        ax.xaxis.set_major_locator(MaxNLocator(4))
    axes[0, 0].set_yticks(range(len(methods)), [registry.label(method) for method in methods])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center")
    trainings = f"{int(whole['n_seeds'].max())} trainings of a network"
    figure.suptitle(f"Single tracks, 95 % interval over artists and up to {trainings}", fontsize=9)
    return figure
