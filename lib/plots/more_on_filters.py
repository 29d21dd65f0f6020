"""More pictures of filters: twins, all filters, responses around moments, silenced ones (notebook 06b)."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from lib import registry
from lib.filters import kernels as filters_kernels
from lib.filters import twins
from lib.plots.filters import REFERENCES
from lib.plots.kernels import BEFORE

KINDS = {
    "onset": "onset after a pause",
    "silence": "beginning of silence",
    "sustained": "middle of a long tone",
}
UNITS = {"sparseness": "sparseness (0: constant, 1: one response)"}  # of criteria that are no correlations


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
        ax.set_title(f"{twins.MEASURES[one.measure]}:\n{'no pairs' if np.isnan(one.share) else shares}")
    axes[0, 0].set_ylabel("share of filters with at\nleast this correlation")
    by_label = {}
    for ax in axes.flat:
        handles, labels = ax.get_legend_handles_labels()
        by_label |= dict(zip(labels, handles, strict=True))
    figure.legend(by_label.values(), by_label, loc="outside lower center", ncols=2, fontsize=9)
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
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), width_ratios=(2.2, 1))
    colour = registry.colour("siamese")
    drawn, *others = (
        part.sort_values("change", kind="stable") for _, part in single.groupby("seed", sort=False)
    )
    rank, training = np.arange(1, len(drawn) + 1), drawn["seed"].iloc[0]
    left.plot(
        rank, drawn["change"], ".", color=colour, markersize=4, label=f"a filter of training {training}"
    )
    interval = {"color": "#F3BFA0", "linewidth": 1.4, "zorder": 1, "label": "its 95 % interval over artists"}
    left.vlines(rank, drawn["ci_low"], drawn["ci_high"], **interval)
    certain = (drawn["p_value"] <= filters_kernels.LEVEL).to_numpy()
    if certain.any():
        marks = {"color": "black", "markersize": 4, "label": "a change beyond chance"}
        left.plot(rank[certain], drawn["change"][certain], "D", **marks)
    for place, part in enumerate(others):
        label = "another training, sorted likewise" if not place else None
        left.plot(np.arange(1, len(part) + 1), part["change"], color=BEFORE, linewidth=1, label=label)
    left.axhline(0, color="#444444", linewidth=0.8)
    left.set(xlabel="filters, largest loss first", ylabel=f"change of {metric}\nwithout the filter")
    left.set_title(f"one filter silenced: {certain.sum()} of {len(drawn)} changes beyond chance")
    of_chance = groups[groups["name"] == "random"]["change"]
    named = groups[groups["name"] != "random"]
    places = np.arange(len(named))
    label = f"{len(of_chance)} random groups of that size,\nwhite: their mean"
    right.axhspan(of_chance.min(), of_chance.max(), color="#DDDDDD", label=label)
    right.axhline(of_chance.mean(), color="white", linewidth=1)
    errors = [named["change"] - named["ci_low"], named["ci_high"] - named["change"]]
    style = {"fmt": "o", "color": colour, "capsize": 3, "label": "a group, 95 % interval"}
    right.errorbar(places, named["change"], errors, **style)
    right.axhline(0, color="#444444", linewidth=0.8)
    right.set_xticks(places, named["name"])
    right.set(xlim=(-0.6, len(named) - 0.4), ylabel=f"change of {metric}\nwithout these filters")
    right.set_title("many filters silenced")
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, fontsize=9)
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), fontsize=9)
    return figure
