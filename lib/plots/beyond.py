"""Pictures of what goes beyond the paper (notebooks 07 and 07b)."""

from __future__ import annotations

import matplotlib.pyplot as plt

from lib import registry
from lib.plots.style import axes_of
from lib.ranking import words

MEASURES = {
    "ndcg": "nDCG",
    "unordered": "share of\ntrue neighbours found",
    "matched_concordance": "popularity-matched\nconcordance",
}


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
        The title counts the methods that are higher in the first one after Holm's correction.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"reference": "l2", "measure": "ndcg", "method": ["factor_sum", "siamese"]})
    >>> table = table.assign(difference=[0.1, 0.0], ci_low=[0.05, -0.05], ci_high=[0.15, 0.05])
    >>> figure = gains(table.assign(decision=["higher", "inconclusive"]), measures=["ndcg"])
    >>> figure.get_suptitle()
    '1 of 2 methods have a higher nDCG than L2 of spectrograms (p < .05, corrected)'
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]  # from below
    ['siamese network', 'factors: ridge and kernel']
    >>> plt.close(figure)
    """
    chosen = comparisons[comparisons["reference"] == reference]
    listed = list(chosen["method"].unique())[::-1]
    figure, axes = plt.subplots(
        1, len(measures), figsize=(10, 0.3 * len(listed) + 1.8), sharey=True, squeeze=False
    )
    for ax, measure in zip(axes.flat, measures, strict=True):
        part = chosen[chosen["measure"] == measure].set_index("method")
        for place, method in enumerate(listed):
            if method in part.index:
                _interval(ax, part.loc[method], "difference", place, method)
        ax.axvline(0, color="#999999", linestyle=":", label="no difference")
        ax.set_xlabel(f"gain in {MEASURES[measure]}")
    axes[0, 0].set_yticks(range(len(listed)), [words.method(method) for method in listed])
    first = chosen[chosen["measure"] == measures[0]]
    higher, name = (first["decision"] == "higher").sum(), MEASURES[measures[0]].replace("\n", " ")
    figure.suptitle(
        f"{higher} of {len(first)} methods have a higher {name} than {registry.label(reference)}"
        " (p < .05, corrected)"
    )
    handles, labels = axes[0, 0].get_legend_handles_labels()
    interval = plt.Line2D([], [], color="#444444", marker="o", linewidth=2)
    labels.append("difference and 95 % interval over artists and trainings")
    figure.legend([*handles, interval], labels, loc="outside lower center", ncols=2)
    return figure


def rows_of_forest(methods, best, elsewhere=()):
    """Which methods `beyond_forest` shows, at most ten: the paper's, the chosen one, and what bounds them.

    Parameters
    ----------
    methods : sequence of str
        That there are.
    best : str
        The method that the dev artists choose.
    elsewhere : sequence of str
        Methods with an encoder from elsewhere, the best first; the first one is shown.

    Returns
    -------
    list of str

    Examples
    --------
    >>> rows_of_forest(["siamese", "l2", "factor_cnn", "factor_sum", "spectrum"], "factor_sum")
    ['l2', 'siamese', 'factor_cnn', 'factor_sum']
    """
    wanted = ["popularity", "l2", "mfcc_gaussian", "siamese", "factor_cnn", "factor_ridge", best]
    wanted += ["chosen", *elsewhere[:1], "split_half", "all_factors"]
    rows = [name for name in dict.fromkeys(wanted) if name in set(methods)]
    for spare in ("factor_ridge", "split_half", "mfcc_gaussian"):
        if len(rows) > 10 and spare in rows:
            rows.remove(spare)
    return rows[:10]


def beyond_forest(table, *, n, best, elsewhere=()):
    """nDCG and matched concordance of at most ten methods with their intervals, beside chance.

    Parameters
    ----------
    table : pd.DataFrame
        From notebook 07, in the schema of Table 1.
    n : int
        Length of the lists that nDCG looks at.
    best, elsewhere
        As in `rows_of_forest`; the first one's label is bold.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"method": "l2", "metric": ["ndcg", "matched_concordance"], "n": [10, None]})
    >>> table = table.assign(truth="corrected", candidates="test", fold=0, chance=0.25)
    >>> table = table.assign(value=[0.3, 0.6], ci_low=0.2, ci_high=0.7)
    >>> figure = beyond_forest(table, n=10, best="l2")
    >>> figure.get_suptitle()
    'nDCG@10: 0.30 for L2 of spectrograms, 0.25 by chance'
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['nDCG@10', 'popularity-matched concordance']
    >>> plt.close(figure)
    """
    chosen = table[(table["truth"] == "corrected") & (table["candidates"] == "test")]
    chosen = chosen[chosen["fold"].isna() if chosen["fold"].isna().any() else chosen["fold"] == 0]
    panels = {
        f"nDCG@{n}": chosen[(chosen["metric"] == "ndcg") & (chosen["n"] == n)],
        "popularity-matched concordance": chosen[chosen["metric"] == "matched_concordance"],
    }
    listed = rows_of_forest(chosen["method"].unique(), best, elsewhere)[::-1]
    figure, axes = plt.subplots(1, 2, figsize=(10, 0.33 * len(listed) + 1.8), sharey=True)
    for ax, (label, part) in zip(axes, panels.items(), strict=True):
        part = part.drop_duplicates("method").set_index("method")
        for place, method in enumerate(listed):
            if method in part.index:
                _interval(ax, part.loc[method], "value", place, method)
        ax.axvline(part["chance"].iloc[0], color="#999999", linestyle=":", label="chance")
        ax.set_xlabel(label)
    axes[0].set_yticks(range(len(listed)), [words.method(method) for method in listed])
    for label, method in zip(axes[0].get_yticklabels(), listed, strict=True):
        label.set_fontweight("bold" if method == best else "normal")
    first = next(iter(panels.values())).drop_duplicates("method").set_index("method")
    values = [
        f"{first['value'][name]:.2f} for {words.method(name)}"
        for name in dict.fromkeys((best, "siamese"))
        if name in first.index
    ]
    values.append(f"{first['chance'].iloc[0]:.2f} by chance")
    figure.suptitle(f"nDCG@{n}: {', '.join(values)}")
    handles, labels = axes[0].get_legend_handles_labels()
    interval = plt.Line2D([], [], color="#444444", marker="o", linewidth=2)
    handles, labels = [*handles, interval], [*labels, "value and 95 % interval over artists and trainings"]
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def popularity_weight(table, *, chosen, ax=None):
    """What popularity adds on the dev artists, weight by weight.

    Parameters
    ----------
    table : pd.DataFrame
        From `adjust.weights_on_dev`.
    chosen : float
        Marked.
    ax : matplotlib axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"weight": [0, 0.5, 1], "ndcg": [0.3, 0.4, 0.35]})
    >>> figure = popularity_weight(table, chosen=0.5)
    >>> figure.axes[0].get_title()
    'dev artists: nDCG 0.400 with weight 0.5, 0.300 without popularity'
    >>> curve, mark, alone = figure.axes[0].lines
    >>> list(mark.get_xdata()), float(alone.get_ydata()[0])
    ([0.5, 0.5], 0.3)
    >>> plt.close(figure)
    """
    figure, ax = axes_of(ax, (7, 3.4))
    ndcg = table.set_index("weight")["ndcg"]
    ax.plot(ndcg.index, ndcg, marker="o", markersize=4, color="#0072B2")
    ax.axvline(chosen, color="#D55E00", linestyle="--", label="weight that is chosen")
    ax.axhline(ndcg[0], color="#777777", linestyle=":", label="audio alone")
    ax.set(xlabel="weight of popularity (audio has weight 1)", ylabel="nDCG, dev artists")
    ax.set_title(
        f"dev artists: nDCG {ndcg[chosen]:.3f} with weight {chosen:g}, {ndcg[0]:.3f} without popularity"
    )
    ax.legend(loc="best")
    return figure


TARGET_COLOURS = {"pairs": "#D55E00", "factors": "#117733", "none": "#999999"}
ENCODERS = {"paper": "the paper's encoder", "features": "fixed features"}


def target_and_encoder(summary, crossed, *, ax=None):
    """Each variant's nDCG with its interval: colour says what is learnt, a hollow point fixed features.

    Parameters
    ----------
    summary : pd.DataFrame
        ``method, encoder, target, value, ci_low, ci_high``, in the order from top to bottom.
    crossed : sequence of str
        The variants in which each target meets each encoder: on top, on grey, with both written beside.
    ax : matplotlib axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> summary = pd.DataFrame({"method": ["l2", "siamese"], "encoder": ["none", "paper"]})
    >>> summary = summary.assign(target=["none", "pairs"], value=[0.3, 0.4], ci_low=0.2, ci_high=0.5)
    >>> figure = target_and_encoder(summary, ["siamese"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]  # from below
    ['L2 of spectrograms', 'siamese network']
    >>> [text.get_text() for text in figure.axes[0].texts]
    ["the paper's encoder × pairs"]
    >>> plt.close(figure)
    """
    figure, ax = axes_of(ax, (9, 0.3 * len(summary) + 1.8))
    rows = summary.set_index("method")
    others = [name for name in rows.index if name not in crossed]
    listed = [*others[::-1], *crossed[::-1]]
    ax.axhspan(len(listed) - len(crossed) - 0.5, len(listed) - 0.5, color="#EEEEEE", zorder=0)
    for place, (method, row) in enumerate(rows.loc[listed].iterrows()):
        colour = TARGET_COLOURS[row["target"]]
        ax.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=2)
        face = "white" if row["encoder"] == "features" else colour
        ax.plot(row["value"], place, "o", color=face, markeredgecolor=colour, markersize=6)
        if method in crossed:
            text = f"{ENCODERS[row['encoder']]} × {row['target']}"
            ax.text(1.01, place, text, transform=ax.get_yaxis_transform(), va="center", fontsize=9)
    ax.set_yticks(range(len(listed)), [words.method(method) for method in listed])
    labels = {
        "pairs": "learns the similarity of pairs",
        "factors": "learns listening factors",
        "none": "learns nothing",
    }
    for target, label in labels.items():
        ax.plot([], [], "o-", color=TARGET_COLOURS[target], label=label)
    ax.plot([], [], "o", color="white", markeredgecolor="black", label="fixed features of clips")
    ax.plot([], [], "o", color="black", label="the paper's encoder")
    ax.fill_between([], [], color="#EEEEEE", label="2 × 2: each target with each encoder")
    ax.set_ylim(-0.5, len(listed) - 0.5)
    ax.set_xlabel("nDCG@10 of test artists, 95 % interval over artists and trainings")
    ax.set_title("Does the target or the encoder make the difference?")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _interval(ax, row, column, place, method):
    colour = colour_of(method)
    ax.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=2)
    ax.plot(row[column], place, "o", color=colour, markeredgecolor="black", markeredgewidth=0.6, markersize=5)
