"""Pictures of filters: what they answer to, what silencing them costs, what controls have (notebook 06).

This file is long because each picture has an example.
"""

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
KINDS = {
    "onset": "onset after a pause",
    "silence": "beginning of silence",
    "sustained": "middle of a long tone",
}
UNITS = {"sparseness": "sparseness (0: constant, 1: one response)"}  # of criteria that are no correlations
FRAME_ORDERS = {  # of `lib.filters.time_order.ORDERS`
    "as they are": "unchanged",
    "shifted by 16s": "shifted, multiples of 16 frames",
    "shifted": "shifted, any number of frames",
    "reversed": "reversed",
    "blocks of 64": "shuffled, blocks of 64 frames",
    "blocks of 16": "shuffled, blocks of 16 frames",
    "blocks of 4": "shuffled, blocks of 4 frames",
    "frames shuffled": "shuffled, single frames",
}
MEASURES = {
    "kernel": "weights as they are",
    "added": "what training added",
    "response": "responses to these clips",
}


def filter_twins(matches, summary):
    """How much matched filters of two networks agree: pairs of trainings against pairs that chance made.

    Parameters
    ----------
    matches, summary : pd.DataFrame
        From `lib.filters.twins.stability` and `lib.filters.twins.summary`.

    Examples
    --------
    >>> import pandas as pd
    >>> matches = pd.DataFrame({"pair": ["0 and 1", "0 and 1", "1 and 2", "1 and 2"], "networks": "trained"})
    >>> matches = matches.assign(measure="added", correlation=[0.9, 0.2, 0.8, 0.4])
    >>> summary = pd.DataFrame({"measure": ["added"], "limit": [0.3], "share": 0.75, "chance": 0.05})
    >>> figure = filter_twins(matches, summary)
    >>> figure.axes[0].get_title().splitlines()
    ['what training added:', '75 % twins, 5 % by chance']
    >>> len(figure.axes[0].lines)  # a line for each pair of networks, and the limit of chance
    3
    >>> plt.close(figure)
    """
    measures = summary["measure"].tolist()
    figure, axes = plt.subplots(
        1, len(measures), figsize=(1 + 3 * len(measures), 3.5), sharex=True, sharey=True, squeeze=False
    )
    for ax, one in zip(axes.flat, summary.itertuples(), strict=True):
        part = matches[matches["measure"] == one.measure]
        for networks, colour, width, name in (
            ("untrained", BEFORE, 0.4, "pairs of untrained networks"),
            ("control", REFERENCES["control"][0], 0.8, "pairs trained on permuted targets"),
            ("trained", registry.colour("siamese"), 1.6, "pairs of trained networks"),
        ):
            pairs = part[part["networks"] == networks].groupby("pair")["correlation"]
            for place, (_, values) in enumerate(pairs):
                values, label = np.sort(values), name if not place else None
                ax.plot(
                    values,
                    1 - np.arange(len(values)) / len(values),
                    color=colour,
                    linewidth=width,
                    label=label,
                )
        ax.axvline(one.limit, color="#444444", linestyle=":", label="chance line")
        ax.set(xlabel="correlation with the matched filter", ylim=(0, 1.02))
        shares = f"{100 * one.share:.0f} % twins, {100 * one.chance:.0f} % by chance"
        ax.set_title(f"{MEASURES[one.measure]}:\n{'no pairs' if np.isnan(one.share) else shares}")
    axes[0, 0].set_ylabel("share of filters with at\nleast this correlation")
    by_label = {}
    for ax in axes.flat:
        handles, labels = ax.get_legend_handles_labels()
        by_label |= dict(zip(labels, handles, strict=True))
    figure.legend(by_label.values(), by_label, loc="outside lower center", ncols=2, fontsize=9)
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


def responses_around(means, titles):
    """Mean response of some filters around onsets, silences and long tones, after and before training.

    All panels of a filter have the same scale.

    Parameters
    ----------
    means : pd.DataFrame
        From `lib.filters.responses.around`; networks trained and untrained.
    titles : dict of int to str
        By filter.

    Examples
    --------
    >>> import pandas as pd
    >>> means = pd.DataFrame({"network": ["trained"] * 3 + ["untrained"] * 3, "seconds": [-1, 0, 1] * 2})
    >>> means = means.assign(filter=7, kind="onset", mean=[0, 2, 1, 0, 0, 0], ci_low=-1, ci_high=3)
    >>> figure = responses_around(means.assign(n_events=40, n_artists=12), {7: "filter 7"})
    >>> figure.axes[0].get_title().splitlines()
    ['onset after a pause', '40 moments of 12 artists']
    >>> plt.close(figure)
    """
    kinds = [kind for kind in KINDS if kind in set(means["kind"])]
    size = (2.9 * len(kinds) + 0.9, 1.4 * len(titles) + 1.1)
    axes_style = {"sharex": True, "sharey": "row", "squeeze": False}
    figure, axes = plt.subplots(len(titles), len(kinds), figsize=size, **axes_style)
    styles = {
        "untrained": (BEFORE, "--", "before training"),
        "trained": (registry.colour("siamese"), "-", "after training"),
    }
    for line, (number, title) in zip(axes, titles.items(), strict=True):
        for ax, kind in zip(line, kinds, strict=True):
            for network, (colour, dashes, label) in styles.items():
                part = means[
                    (means["filter"] == number) & (means["kind"] == kind) & (means["network"] == network)
                ]
                ax.plot(part["seconds"], part["mean"], dashes, color=colour, linewidth=1.5, label=label)
                band = {"color": colour, "alpha": 0.2, "linewidth": 0}
                ax.fill_between(part["seconds"], part["ci_low"], part["ci_high"], **band)
            ax.axvline(0, color="#444444", linestyle=":", linewidth=0.8)
            ax.axhline(0, color="#CCCCCC", linewidth=0.8, zorder=0)
        line[0].set_ylabel(title, fontsize=9)
    for ax, kind in zip(axes[0], kinds, strict=True):
        of_kind = means[means["kind"] == kind].iloc[0]
        ax.set_title(
            f"{KINDS[kind]}\n{of_kind['n_events']:,} moments of {of_kind['n_artists']:,} artists", fontsize=10
        )
    for ax in axes[-1]:
        ax.set_xlabel("time from the moment (s)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    handles.append(plt.Rectangle((0, 0), 1, 1, color="#777777", alpha=0.3, linewidth=0))
    labels.append("95 % interval over artists")
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.supylabel("response (standard deviations from the filter's mean)", fontsize=10)
    return figure


def ablations(single, groups, *, metric):
    """What silencing each filter changes, and what silencing many at once does.

    Parameters
    ----------
    single : pd.DataFrame
        From `lib.filters.ablation.summary`, with ``seed``; the first seed is drawn with its intervals.
    groups : pd.DataFrame
        From `lib.filters.ablation.summary`, with ``name``; rows named random are what any filters would cost.
    metric : str
        For the axis.

    Examples
    --------
    >>> import pandas as pd
    >>> single = pd.DataFrame({"seed": 0, "p_value": 1.0, "change": [0.01, -0.02]})
    >>> groups = pd.DataFrame({"name": ["onset", "random"], "change": [-0.04, 0.0]})
    >>> single, groups = (table.assign(ci_low=-0.06, ci_high=0.03) for table in (single, groups))
    >>> figure = ablations(single, groups, metric="nDCG@10")
    >>> [label.get_text() for label in figure.axes[1].get_xticklabels()]  # random ones are the band behind
    ['onset']
    >>> plt.close(figure)
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), width_ratios=(2.2, 1))
    for place, (seed, part) in enumerate(single.groupby("seed", sort=False)):
        part = part.sort_values("change", kind="stable")
        rank = np.arange(1, len(part) + 1)
        if place:
            label = "other trainings" if place == 1 else None
            left.plot(rank, part["change"], color=BEFORE, linewidth=1, label=label)
            continue
        left.vlines(rank, part["ci_low"], part["ci_high"], color="#F3BFA0", linewidth=1.4, zorder=1)
        left.plot(
            rank,
            part["change"],
            ".",
            color=registry.colour("siamese"),
            markersize=4,
            label=f"training {seed}, 95 % interval",
        )
        certain = (part["p_value"] <= filters_kernels.LEVEL).to_numpy()
        if certain.any():
            left.plot(
                rank[certain],
                part["change"][certain],
                "D",
                color="black",
                markersize=4,
                label="more than chance explains",
            )
    left.axhline(0, color="#444444", linewidth=0.8)
    left.set(xlabel="filters, largest loss first", ylabel=f"change of {metric}\nwithout the filter")
    left.legend(loc="upper left", fontsize=9, ncols=3)
    drawn = single[single["seed"] == single["seed"].iloc[0]]
    certain = int((drawn["p_value"] <= filters_kernels.LEVEL).sum())
    left.set_title(f"one filter silenced: {certain} of {len(drawn)} changes beyond chance")
    of_chance = groups[groups["name"] == "random"]["change"]
    named = groups[groups["name"] != "random"]
    places = np.arange(len(named))
    right.axhspan(of_chance.min(), of_chance.max(), color="#DDDDDD", label="as many random filters")
    right.axhline(of_chance.mean(), color="white", linewidth=1)
    errors = [named["change"] - named["ci_low"], named["ci_high"] - named["change"]]
    right.errorbar(places, named["change"], errors, fmt="o", color=registry.colour("siamese"), capsize=3)
    right.axhline(0, color="#444444", linewidth=0.8)
    right.set_xticks(places, named["name"])
    right.set(xlim=(-0.6, len(named) - 0.4), ylabel=f"change of {metric}\nwithout these filters")
    right.margins(y=0.25)
    right.set_title("many filters silenced")
    right.legend(loc="upper center", fontsize=9)
    return figure


def filters_against_references(trained, references, criteria):
    """Each criterion over all filters: of a trained network, of controls, of untrained networks.

    The dotted line is the highest value of any filter of the first reference.

    Parameters
    ----------
    trained : pd.DataFrame
        From `lib.filters.criteria.describe`.
    references : dict of str to pd.DataFrame
        By name, of ``control`` and ``untrained``.
    criteria : sequence of str

    Examples
    --------
    >>> import pandas as pd
    >>> trained, control = (pd.DataFrame({"onset": values}) for values in ([0.1, 0.6], [0.0, 0.3]))
    >>> figure = filters_against_references(trained, {"control": control}, ["onset"])
    >>> [float(x) for x in figure.axes[0].lines[0].get_xdata()]  # the highest of the control
    [0.3, 0.3]
    >>> plt.close(figure)
    """
    rows, columns = -(-len(criteria) // 3), min(3, len(criteria))
    figure, axes = plt.subplots(rows, columns, figsize=(0.7 + 3.1 * columns, 2.5 * rows + 0.7), squeeze=False)
    for ax in axes.flat[len(criteria) :]:
        ax.set_visible(False)
    limit_of = next(iter(references))
    parts = {name: (described, *REFERENCES[name]) for name, described in reversed(references.items())}
    parts["trained"] = (trained, registry.colour("siamese"), "trained on the target")
    for ax, criterion in zip(axes.flat, criteria):
        both = np.concatenate([described[criterion].dropna() for described, _, _ in parts.values()])
        bins = np.linspace(both.min(), both.max(), 26)
        for name, (described, colour, label) in parts.items():
            style = {"histtype": "step", "linewidth": 1.5, "color": colour, "label": label}
            if name == "untrained":
                style |= {"histtype": "stepfilled", "alpha": 0.35}
            ax.hist(described[criterion].dropna(), bins, density=True, **style)
        limit = references[limit_of][criterion].max()
        label = f"highest of all filters {REFERENCES[limit_of][1]}"
        ax.axvline(limit, color="#444444", linestyle=":", label=label)
        beyond = int((trained[criterion] > limit).sum())
        ax.set_title(f"{criterion.replace('_', ' ')}: {beyond} of {len(trained)} beyond")
        ax.set(xlabel=UNITS.get(criterion, "correlation"), yticks=[])
    for line in axes:
        line[0].set_ylabel("density of filters")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


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
    >>> summary = pd.DataFrame({"order": ["as they are", "reversed", "chance"], "cosine": [1, 0.8, 0.5]})
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
        ax.axvline(value["as they are"], color="#444444", linewidth=0.8, label="unchanged clips")
        chance = {"color": registry.colour("chance"), "linestyle": ":", "label": "chance"}
        ax.axvline(table[measure][time_order.CHANCE], **chance)
        ax.set_xlabel(label)
    axes[0].set_yticks(places, [FRAME_ORDERS.get(name, name) for name in changed.index])
    axes[0].set_ylim(len(places) - 0.5, -0.5)
    stay = changed["overlap"].drop("as they are")
    ends = dict.fromkeys(f"{100 * share:.0f} %" for share in (stay.min(), stay.max()))
    figure.suptitle(
        f"after reordering, {' to '.join(ends)} of the {n} nearest artists stay"
        " (pooling without time: all of them)",
        fontsize=11,
    )
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
