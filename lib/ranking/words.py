"""What a notebook says came out, computed from the tables: no sentence about a result is typed.

Conventions
-----------
- A verdict is never made here: it is read from the column that the table has for it (``decision``,
  ``verdict``, or an interval against a border that the sentence names).
- Numbers stand as in the tables, rounded.
"""

from __future__ import annotations

import numpy as np

from lib import registry
from lib.ranking import compare

WORSE_OR_BETTER = {"higher": "ranks better than", "lower": "ranks worse than"}
UNDECIDED = "cannot be told from"


def method(name):
    """A method as a sentence calls it."""
    return registry.label(name)


def losses(summary):
    """Whether the network gained over one constant, split by split.

    Parameters
    ----------
    summary : pd.DataFrame
        From `lib.training.losses.loss_summary`.

    Returns
    -------
    str
    """
    lines = []
    for row in summary.to_dict("records"):
        word = "below" if row["last"] < row["constant"] else "above"
        lines.append(
            f"{row['split']}: after the last epoch the loss is {row['last']:.5f} (standard deviation"
            f" {row['last_sd']:.5f} over {row['n_seeds']} trainings), {word} the {row['constant']:.5f} of one"
            f" constant; lowest {row['best']:.5f}, in epoch {row['best_epoch']}."
        )
    return "\n".join(lines)


def comparisons(table, *, kind="primary"):
    """The comparisons of one kind, one sentence each.

    Parameters
    ----------
    table : pd.DataFrame
        From `lib.ranking.compare.comparisons`.
    kind : str
        ``primary`` or ``secondary``.

    Returns
    -------
    str
    """
    lines = []
    for row in table[table["kind"] == kind].to_dict("records"):
        first, second = method(row["method"]), method(row["reference"])
        figures = _figures(row["difference"], row["ci_low"], row["ci_high"])
        evidence = (
            f"{figures}, p = {row['p_corrected']:.2g}; a difference of {row['detectable']:.3f} would be found"
        )
        if row["measure"] == compare.LEAD:
            words = {"higher": "is larger", "lower": "is smaller"}.get(
                row["decision"], "is not shown to be larger"
            )
            lines.append(
                f"The lead of the {first} over {second} {words} at the smallest n than at the largest"
                f" ({evidence})."
            )
        else:
            verb = WORSE_OR_BETTER.get(row["decision"], UNDECIDED)
            lines.append(f"n = {row['n']}: the {first} {verb} {second} ({evidence}).")
    return "\n".join(lines)


def published(null, *, n):
    """How the published arm compares with permuted names, and where the paper's own values lie among them.

    Parameters
    ----------
    null : pd.DataFrame
        From `lib.ranking.compare.published_null`.
    n : int

    Returns
    -------
    str
    """
    lines = []
    for row in null[(null["n"] == n) & (null["method"] != "chance")].to_dict("records"):
        inside = row["null_low"] <= row["value"] <= row["null_high"]
        line = (
            f"{method(row['method'])}: {row['value']:.3f}, {'inside' if inside else 'outside'} the"
            f" {row['null_low']:.3f} to {row['null_high']:.3f} of 95 % of the permutations"
        )
        if not np.isnan(row["paper_value"]):
            line += (
                f"; the published {row['paper_value']:.3f} lies above {row['paper_above']:.1%} of them"
                " (other artists and other music than here)"
            )
        lines.append(line + ".")
    return "\n".join(lines)


def counts(table):
    """What "consistently outperforms" can rest on, from the published counts.

    Parameters
    ----------
    table : pd.DataFrame
        From `lib.ranking.paper.published_counts`.

    Returns
    -------
    str
    """
    parts = [
        f"{row['model']} : {row['baseline']} of {row['of']:,} (n = {row['n']})"
        for row in table.to_dict("records")
    ]
    lowest = table["p_corrected"].min()
    return (
        f"Hits of model and baseline: {', '.join(parts)}. The model is ahead at"
        f" {(table['difference'] > 0).sum()} of {len(table)} lengths. As independent draws, the lowest p"
        f" after correction is {lowest:.2f}. The lists of four lengths contain each other, so they are not"
        f" four results; and the counts do not tell how often both hit, on which the paired test depends:"
        f" its p may lie anywhere between the last two columns."
    )


def dependence(table, name="siamese"):
    """Which other properties of the candidates the scores of a method follow.

    Parameters
    ----------
    table : pd.DataFrame
        From `lib.ranking.confounds.table`.
    name : str

    Returns
    -------
    str
    """
    properties = {
        "fame_correlation": "the candidates' listeners",
        "source_correlation": "the catalogue that a clip is from",
        "loudness_correlation": "the level of the clips",
    }
    own = table[table["method"] == name].set_index("measure")
    parts = []
    for measure, what in properties.items():
        if measure in own.index:
            row = own.loc[measure]
            clear = row["ci_low"] > 0 or row["ci_high"] < 0
            verb = "follow" if clear else "are not shown to follow"
            parts.append(f"{verb} {what} ({_figures(row['value'], row['ci_low'], row['ci_high'])})")
    return f"The scores of the {method(name)} {'; '.join(parts)}."


def references(table):
    """What the other half of the listeners says of the truth's own reliability.

    Parameters
    ----------
    table : pd.DataFrame
        From `lib.ranking.tables.table1`, with ``split_half``.

    Returns
    -------
    str
    """
    own = table[
        (table["truth"] == "corrected") & (table["candidates"] == "test") & (table["metric"] == "spearman")
    ]
    own = own.set_index("method")["value"]
    half = own["split_half"]
    if not half > 0:
        return f"Two halves of the listeners do not agree (rank correlation {half:.3f})."
    whole, bound = compare.reliability(half)
    passed = [
        method(name) for name, value in own.items() if value > half and name not in ("split_half", "chance")
    ]
    beyond = (
        f"{', '.join(passed)} {'lie' if len(passed) > 1 else 'lies'} above it"
        if passed
        else "no method lies above it"
    )
    return (
        f"Two halves of the listeners agree with a rank correlation of {half:.3f}; the whole audience"
        f" would agree with another one of its size with {whole:.3f} (Spearman-Brown). A predictor without"
        f" noise could reach {bound:.3f}, the square root of that. The half is therefore a reference and"
        f" no upper bound: {beyond}. A method may pass it because a half of the listeners is a noisy"
        f" measure of taste, while sound has no noise of that kind."
    )


def chosen(compared, name, *, measure="ndcg", reference="l2"):
    """What the method that was chosen on the dev artists reaches on the test artists.

    Parameters
    ----------
    compared : pd.DataFrame
        From `lib.beyond.tables.comparisons`.
    name : str
    measure, reference : str

    Returns
    -------
    str
    """
    rows = compared[
        (compared["method"] == name) & (compared["measure"] == measure) & (compared["reference"] == reference)
    ]
    (row,) = rows.to_dict("records")
    verb = WORSE_OR_BETTER.get(row["decision"], UNDECIDED)
    return (
        f"{method(name)}, chosen on the dev artists, {verb} {method(reference)} on the test artists:"
        f" {_figures(row['difference'], row['ci_low'], row['ci_high'])} in {measure}, p ="
        f" {row['p_corrected']:.2g} after correction ({row['n_queries']} artists, {row['n_seeds']}"
        f" training{'s' if row['n_seeds'] > 1 else ''})."
    )


def verdicts(claims):
    """How many claims hold, primary ones by name.

    Parameters
    ----------
    claims : pd.DataFrame
        The ledger.

    Returns
    -------
    str
    """
    lines = []
    for kind, part in claims.groupby("kind", sort=False):
        counted = part["verdict"].value_counts()
        tally = ", ".join(f"{verdict} {counted[verdict]}" for verdict in counted.index)
        lines.append(f"{len(part)} {kind} claims: {tally}.")
    primary = claims[claims["kind"] == "primary"]
    lines += [f"{row['claim']}: {row['verdict']}." for row in primary.to_dict("records")]
    return "\n".join(lines)


def _figures(value, low, high):
    return f"{value:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
