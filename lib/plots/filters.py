"""Pictures of filters: the best ones, their strongest responses, the order of frames (notebook 06)."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker

from lib import registry
from lib.filters import criteria as filters_criteria
from lib.filters import kernels as filters_kernels
from lib.filters import time_order
from lib.plots.kernels import BEFORE, FRAME, kernel
from lib.spectrograms import picture

REFERENCES = {  # networks that the trained ones are compared with
    "control": (registry.colour("spectrum"), "trained on permuted targets"),
    "untrained": (BEFORE, "untrained"),
}
FAILED = "#B22222"  # titles of criteria that controls meet as well


def best_filters(trained, references, criteria, compared):
    """Each network's best filter, one dot a network; the bars are means, the titles give the p-value.

    Parameters
    ----------
    trained : pd.DataFrame
        From `lib.filters.criteria.describe`, all trainings.
    references : dict of str to pd.DataFrame
        By name, of ``control`` and ``untrained``.
    criteria : sequence of str
    compared : pd.DataFrame
        From `lib.filters.criteria.against`, for the first of the references.

    Examples
    --------
    >>> import pandas as pd
    >>> trained = pd.DataFrame({"network": [0, 0, 1, 1], "onset": [0.1, 0.6, 0.5, 0.2]})
    >>> control = trained.assign(onset=0.3)
    >>> compared = filters_criteria.against(trained, control)
    >>> figure = best_filters(trained, {"control": control}, ["onset"], compared)
    >>> figure.axes[0].get_title().splitlines()
    ['onset', 'p = 0.33']
    >>> figure.axes[0].lines[0].get_ydata().tolist()  # of the two trained networks
    [0.6, 0.5]
    >>> plt.close(figure)
    """
    groups = {"trained": (trained, registry.colour("siamese"), "trained on the target")}
    groups |= {name: (described, *REFERENCES[name]) for name, described in references.items()}
    figure, axes = plt.subplots(1, len(criteria), figsize=(1.6 * len(criteria) + 0.4, 3.5), squeeze=False)
    for ax, criterion in zip(axes.flat, criteria, strict=True):
        for place, (described, colour, label) in enumerate(groups.values()):
            values = filters_criteria.best(described)[criterion].dropna().to_numpy()
            across = place + np.linspace(-0.22, 0.22, max(len(values), 2))[: len(values)]
            ax.plot(across, values, ".", color=colour, markersize=6, alpha=0.8, label=label)
            ax.hlines(values.mean(), place - 0.35, place + 0.35, color=colour, linewidth=1.5)
        ax.set(xticks=[], xlim=(-0.6, len(groups) - 0.4))
        ax.yaxis.set_major_locator(ticker.MaxNLocator(4))
        ax.tick_params(labelsize=9)
        ax.set_title(f"{criterion.replace('_', ' ')}\np = {compared['p_holm'][criterion]:.2f}")
    axes[0, 0].set_ylabel("best filter of a network\n(value of the criterion)")
    against, level = REFERENCES[next(iter(references))][1], filters_kernels.LEVEL
    certain = int((compared["p_holm"].reindex(criteria) < level).sum())
    figure.suptitle(f"{certain} of {len(criteria)} criteria differ from networks {against} (p < {level:g})")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def figure4_selected_filters(portraits):
    """Figure 4: each selected filter beside the moments that excite it most; each kernel on its own scale.

    Titles are red where the criterion has a remark, that a higher best filter is not shown.

    Parameters
    ----------
    portraits : sequence of lib.filters.responses.Portrait

    Examples
    --------
    >>> from lib.filters.responses import Portrait
    >>> rng = np.random.default_rng(0)
    >>> moments = [("Abba: Waterloo", rng.random((9, 64))), ("Air: La femme d'argent", rng.random((9, 64)))]
    >>> one = Portrait("onset, filter 3", rng.normal(size=(3, 64)), moments, "not shown higher than controls")
    >>> figure = figure4_selected_filters([one])
    >>> [ax.get_title().splitlines() for ax in figure.axes[:2]]
    [['onset, filter 3', 'not shown higher than controls'], ['Abba: Waterloo']]
    >>> figure.get_suptitle()
    'in 1 of 1 criteria (red), trained networks are not shown to have a better best filter'
    >>> plt.close(figure)
    """
    rows, columns = len(portraits), max(len(one.moments) for one in portraits)
    hop, bands = FRAME / 1000, picture.N_MELS
    size, widths = (min(10, 2.4 + 1.9 * columns), 0.9 + 2 * rows), [0.85, *[1.75] * columns]
    figure, axes = plt.subplots(rows, 1 + columns, figsize=size, width_ratios=widths, squeeze=False)
    for place, (one, (first, *others)) in enumerate(zip(portraits, axes, strict=True)):
        last = place == rows - 1
        kernel(one.kernel, np.abs(one.kernel).max(), ax=first)
        first.set(ylabel="frequency (Hz)", xlabel="time (ms)" if last else "")
        colour = FAILED if one.remark else "black"
        first.set_title(f"{one.title}\n{one.remark}".strip(), fontsize=9, color=colour)
        first.tick_params(labelsize=9)
        for ax, (title, window) in zip(others, one.moments):
            half = len(window) * hop / 2
            style = {"extent": (-half, half, 0, bands), "interpolation": "nearest", "aspect": "auto"}
            image = ax.imshow(window.T, cmap="magma", vmin=0, vmax=1, **style)
            for edge in (-1.5 * hop, 1.5 * hop):  # the input of the kernel
                ax.axvline(edge, color="white", linewidth=0.8, linestyle=":")
            ax.set_title(title, fontsize=9, parse_math=False)
            ax.set(yticks=[], xlabel="time (s)" if last else "")
            ax.tick_params(axis="x", labelsize=9)
        for ax in others[len(one.moments) :]:
            ax.set_visible(False)
    label = "level (1: loudest cell of the clip, 0: 80 dB below)"
    figure.colorbar(image, ax=axes[:, -1], label=label, pad=0.04, shrink=0.5, aspect=40)
    failed = sum(bool(one.remark) for one in portraits)
    if failed:
        figure.suptitle(
            f"in {failed} of {rows} criteria (red), trained networks are not shown to have a better"
            " best filter",
            fontsize=11,
        )
    return figure


def time_order_losses(summary, *, n):
    """What remains of embeddings, neighbour lists and ranking when frames stand in another order.

    Parameters
    ----------
    summary : pd.DataFrame
        From `lib.filters.time_order.summary`, of one split.
    n : int
        Length of the lists.

    Examples
    --------
    >>> import pandas as pd
    >>> summary = pd.DataFrame({"order": ["unchanged", "reversed", "chance"], "cosine": [1, 0.8, 0.5]})
    >>> summary = summary.assign(overlap=[1, 0.6, 0.2], ndcg=[0.4, 0.3, 0.2])
    >>> ends = [summary.add_suffix(end) for end in ("_low", "_high")]
    >>> figure = time_order_losses(pd.concat([summary, *ends], axis=1).assign(n_trainings=5), n=10)
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['unchanged', 'reversed']
    >>> figure.get_suptitle()
    'after reordering, 60 % of the 10 nearest artists stay (pooling without time: all of them)'
    >>> plt.close(figure)
    """
    labels = {"cosine": "cosine with the embedding\nof the unchanged clip"}
    labels |= {"overlap": f"share of the {n} nearest\nthat stay", "ndcg": f"nDCG@{n}"}
    table = summary.set_index("order")
    changed, places = table.drop(time_order.CHANCE), np.arange(len(table) - 1)
    figure, axes = plt.subplots(1, 3, figsize=(10, 4), sharey=True)
    for ax, (measure, label) in zip(axes, labels.items(), strict=True):
        value = changed[measure]
        errors = [value - changed[f"{measure}_low"], changed[f"{measure}_high"] - value]
        name = f"mean and range of {table['n_trainings'].max():g} trainings"
        ax.errorbar(
            value, places, xerr=errors, fmt="o", color=registry.colour("siamese"), capsize=3, label=name
        )
        ax.axvline(value[time_order.UNCHANGED], color="#444444", linewidth=0.8, label="unchanged clips")
        by_chance = "chance (of the cosine: clips of different artists)"
        chance = {"color": registry.colour("chance"), "linestyle": ":", "label": by_chance}
        ax.axvline(table[measure][time_order.CHANCE], **chance)
        ax.set_xlabel(label)
    axes[0].set_yticks(places, changed.index)
    axes[0].set_ylim(len(places) - 0.5, -0.5)
    stay = changed["overlap"].drop(time_order.UNCHANGED)
    ends = dict.fromkeys(f"{100 * share:.0f} %" for share in (stay.min(), stay.max()))
    figure.suptitle(
        f"after reordering, {' to '.join(ends)} of the {n} nearest artists stay"
        " (pooling without time: all of them)",
        fontsize=11,
    )
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
