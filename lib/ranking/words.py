"""What a notebook says came out, computed from the tables: no sentence about a result is typed.

This file is long because each sentence has an example.

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
UNDECIDED = "is not shown to rank better or worse than"
MEASURES = {"ndcg": "nDCG"}  # in sentences


def method(name):
    """A method as pictures and sentences call it, what was done to its scores included.

    Examples
    --------
    >>> method("l2+popularity")
    'L2 of spectrograms + popularity'
    """
    plain, *done = name.split("+")
    return " + ".join([registry.label(plain), *done])


def losses(summary):
    """When the loss is lowest, where it ends, and whether that is below one constant's, split by split.

    Parameters
    ----------
    summary : pd.DataFrame
        From `lib.training.losses.loss_summary`.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"split": "test", "last": 0.031, "last_sd": 0.001, "n_seeds": 3, "constant": 0.035}
    >>> table = pd.DataFrame([row | {"best": 0.03, "best_epoch": 7}])
    >>> print(losses(table))  # doctest: +NORMALIZE_WHITESPACE
    test: the mean loss is lowest in epoch 7 (0.03000) and ends at 0.03100 (standard deviation 0.00100
    over 3 trainings), below the 0.03500 of one constant.
    """
    lines = []
    for row in summary.to_dict("records"):
        word = "below" if row["last"] < row["constant"] else "above"
        lines.append(
            f"{row['split']}: the mean loss is lowest in epoch {row['best_epoch']} ({row['best']:.5f}) and"
            f" ends at {row['last']:.5f} (standard deviation {row['last_sd']:.5f} over {row['n_seeds']}"
            f" trainings), {word} the {row['constant']:.5f} of one constant."
        )
    return "\n".join(lines)


def estimates(claims):
    """On which side of its border the interval of each claim lies, before p-values are corrected.

    Parameters
    ----------
    claims : pd.DataFrame
        In the columns of the ledger; see `lib.ranking.claims`.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"claim": "A is best", "decided_by": "loss of B - of A", "border": 0.0}
    >>> row |= {"value": 0.00012, "ci_low": -0.00005, "ci_high": 0.00029}
    >>> print(estimates(pd.DataFrame([row])))  # doctest: +NORMALIZE_WHITESPACE
    "A is best": not decided, the interval contains 0. Loss of B - of A: +0.00012 (95 % interval -0.00005
    to +0.00029).
    """
    lines = []
    for row in claims.to_dict("records"):
        measure, border = row["decided_by"][:1].upper() + row["decided_by"][1:], f"{row['border']:g}"
        low, high = row["ci_low"], row["ci_high"]
        if not low < high:  # without a figure, or of one training
            lines.append(f'"{row["claim"]}": not decided, there is no interval. {measure}.')
            continue
        if low > row["border"]:
            side = f"supported, the interval lies above {border}"
        elif high < row["border"]:
            side = f"contradicted, the interval lies below {border}"
        else:
            side = f"not decided, the interval contains {border}"
        digits = max(3, 1 - int(np.floor(np.log10(high - low))))
        value, low, high = (f"{each:+.{digits}f}" for each in (row["value"], low, high))
        lines.append(f'"{row["claim"]}": {side}. {measure}: {value} (95 % interval {low} to {high}).')
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

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"kind": "primary", "method": "siamese", "reference": "l2", "measure": "unordered", "n": 10}
    >>> row |= {"difference": 0.05, "ci_low": 0.02, "ci_high": 0.08, "p_corrected": 0.002}
    >>> table = pd.DataFrame([row | {"detectable": 0.04, "decision": "higher"}])
    >>> print(comparisons(table))  # doctest: +NORMALIZE_WHITESPACE
    n = 10: the siamese network ranks better than L2 of spectrograms (+0.050, 95 % interval +0.020 to
    +0.080, p = 0.002; a true difference of 0.040 would be found in four of five repetitions).
    """
    lines = []
    for row in table[table["kind"] == kind].to_dict("records"):
        first, second = method(row["method"]), method(row["reference"])
        figures = _figures(row["difference"], row["ci_low"], row["ci_high"])
        evidence = (
            f"{figures}, p = {row['p_corrected']:.2g}; a true difference of {row['detectable']:.3f} would be"
            " found in four of five repetitions"
        )
        if row["measure"] == compare.LEAD:
            words = {"higher": "is larger", "lower": "is smaller"}.get(
                row["decision"], "cannot be shown to be larger"
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
    """How the published arm compares with permuted names.

    Parameters
    ----------
    null : pd.DataFrame
        From `lib.ranking.compare.published_null`.
    n : int

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"method": "l2", "n": 10, "value": 0.22, "null_low": 0.18, "null_high": 0.24}
    >>> print(published(pd.DataFrame([row]), n=10))
    L2 of spectrograms: 0.220, inside 0.180 to 0.240, the range of 95 % of the permutations.
    """
    lines = []
    for row in null[(null["n"] == n) & (null["method"] != "chance")].to_dict("records"):
        inside = row["null_low"] <= row["value"] <= row["null_high"]
        lines.append(
            f"{method(row['method'])}: {row['value']:.3f}, {'inside' if inside else 'outside'}"
            f" {row['null_low']:.3f} to {row['null_high']:.3f}, the range of 95 % of the permutations."
        )
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

    Examples
    --------
    >>> from lib.ranking import paper
    >>> print(counts(paper.published_counts()).partition(". The")[0])  # doctest: +NORMALIZE_WHITESPACE
    Hits of model and baseline: 19 : 11 of 147 (n = 3), 44 : 34 of 245 (n = 5), 155 : 148 of 490 (n =
    10), 702 : 679 of 1,225 (n = 25)
    """
    parts = [
        f"{row['model']} : {row['baseline']} of {row['of']:,} (n = {row['n']})"
        for row in table.to_dict("records")
    ]
    lowest = table["p_corrected"].min()
    limits = ", ".join(
        f"{row['p_most_favourable']:.2g} and {row['p_least_favourable']:.2g} (n = {row['n']})"
        for row in table.to_dict("records")
    )
    return (
        f"Hits of model and baseline: {', '.join(parts)}. The model is ahead at"
        f" {(table['difference'] > 0).sum()} of {len(table)} lengths. If all hits were independent, the"
        f" lowest p after correction would be {lowest:.2f}. The lists of four lengths contain each other, so"
        f" they are not four separate results. The counts do not show how often both methods hit, and the"
        f" paired test depends on that: its p lies between {limits}."
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

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"method": "l2", "measure": "popularity_correlation", "value": 0.3}
    >>> row |= {"ci_low": 0.2, "ci_high": 0.4}
    >>> print(dependence(pd.DataFrame([row]), "l2"))  # doctest: +NORMALIZE_WHITESPACE
    L2 of spectrograms: the scores follow the candidates' listeners (+0.300, 95 % interval +0.200 to
    +0.400).
    """
    properties = {
        "popularity_correlation": "the candidates' listeners",
        "source_correlation": "the catalogue that a clip is from",
        "loudness_correlation": "the level of the clips",
    }
    own = table[table["method"] == name].set_index("measure")
    parts = []
    for measure, what in properties.items():
        if measure in own.index:
            row = own.loc[measure]
            clear = row["ci_low"] > 0 or row["ci_high"] < 0
            verb = "follow" if clear else "cannot be shown to follow"
            parts.append(f"{verb} {what} ({_figures(row['value'], row['ci_low'], row['ci_high'])})")
    return f"{method(name)}: the scores {'; '.join(parts)}."


def references(table):
    """What the other half of the listeners says of the truth's own reliability.

    Parameters
    ----------
    table : pd.DataFrame
        From `lib.ranking.tables.table1`, with ``split_half``.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> values = pd.DataFrame({"method": ["split_half", "siamese"], "value": [0.6, 0.3]})
    >>> table = values.assign(truth="corrected", candidates="test", metric="spearman")
    >>> print(references(table).partition(". ")[0])  # doctest: +NORMALIZE_WHITESPACE
    Two halves of the listeners agree with a rank correlation of 0.600; two whole audiences of this
    size would agree with 0.750 (Spearman-Brown)
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
    beyond = f"{', '.join(passed)} {'do' if len(passed) > 1 else 'does'}" if passed else "none does"
    return (
        f"Two halves of the listeners agree with a rank correlation of {half:.3f}; two"
        f" whole audiences of this size would agree with {whole:.3f} (Spearman-Brown). A predictor without"
        f" noise could reach {bound:.3f}, the square root of that. A method may lie above the half, because a"
        f" half of the listeners is a noisy measure of taste, and sound does not have this noise. Here"
        f" {beyond}."
    )


def coverage(table):
    """How often the intervals contain a value that is known, in simulated studies.

    Parameters
    ----------
    table : pd.DataFrame
        ``benchmarks/coverage.csv``: ``coverage, coverage_of_queries, worlds``.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"coverage": [0.94, 0.96], "coverage_of_queries": [0.65, 0.9]})
    >>> print(coverage(table.assign(worlds=1000)))  # doctest: +NORMALIZE_WHITESPACE
    In up to 1,000 simulated studies whose answer is known, the 95 % intervals contain it in 94 to 96 % of
    cases; those of a bootstrap over queries in 65 to 90 % (python -m benchmarks.coverage).
    """
    ours, of_queries = (
        f"{100 * table[name].min():.0f} to {100 * table[name].max():.0f} %"
        for name in ("coverage", "coverage_of_queries")
    )
    return (
        f"In up to {table['worlds'].max():,} simulated studies whose answer is known, the 95 % intervals"
        f" contain it in {ours} of cases; those of a bootstrap over queries in {of_queries} (python -m"
        " benchmarks.coverage)."
    )


def places(table, names, listeners):
    """Where some artists stand among the neighbours of another, by each source.

    Parameters
    ----------
    table : pd.DataFrame
        From `lib.ranking.examples.places_of`.
    names, listeners : pd.Series
        Of all artists; index: artist id.

    Returns
    -------
    str
        One line an artist.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"artist": "x", "source": ["truth", "l2"], "place": [39.0, 2.5], "of": 199})
    >>> print(places(table, pd.Series({"x": "The Copy"}), pd.Series({"x": 22})))
    The Copy, 22 listeners: place 39 of 199 by the truth itself, 2.5 of 199 by L2 of spectrograms.
    """
    lines = []
    for artist, own in table.groupby("artist", sort=False):
        each = (f"{row.place:g} of {row.of} by {method(row.source)}" for row in own.itertuples())
        lines.append(f"{names[artist]}, {listeners[artist]:,} listeners: place {', '.join(each)}.")
    return "\n".join(lines)


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

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"method": "factor_ridge", "reference": "l2", "measure": "ndcg", "decision": "higher"}
    >>> row |= {"difference": 0.1, "ci_low": 0.05, "ci_high": 0.15, "p_corrected": 0.001}
    >>> compared = pd.DataFrame([row | {"n_queries": 49, "n_seeds": 1}])
    >>> print(chosen(compared, "factor_ridge"))  # doctest: +NORMALIZE_WHITESPACE
    factors by ridge, chosen on the dev artists, ranks better than L2 of spectrograms on the test
    artists: +0.100, 95 % interval +0.050 to +0.150 in nDCG, p = 0.001 after correction (49 artists, 1
    training).
    """
    rows = compared[
        (compared["method"] == name) & (compared["measure"] == measure) & (compared["reference"] == reference)
    ]
    (row,) = rows.to_dict("records")
    verb = WORSE_OR_BETTER.get(row["decision"], UNDECIDED)
    return (
        f"{method(name)}, chosen on the dev artists, {verb} {method(reference)} on the test artists:"
        f" {_figures(row['difference'], row['ci_low'], row['ci_high'])} in {MEASURES.get(measure, measure)},"
        f" p = {row['p_corrected']:.2g} after correction ({row['n_queries']} artists, {row['n_seeds']}"
        f" training{'s' if row['n_seeds'] > 1 else ''})."
    )


def tracks(table, names=("siamese", "l2")):
    """Whether methods rank tracks better than random orders do, question by question.

    Parameters
    ----------
    table : pd.DataFrame
        From `lib.ranking.track_results.table`.
    names : sequence of str
        Methods.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"question": "listeners", "input": "track", "method": "l2", "measure": "ndcg", "n": 10}
    >>> row |= {"value": 0.15, "chance": 0.1, "over_chance": 0.05, "over_low": 0.02, "over_high": 0.08}
    >>> row |= {"p_value": 0.003, "n_tracks": 140, "n_queries": 49}
    >>> print(tracks(pd.DataFrame([row]), ["l2"]))  # doctest: +NORMALIZE_WHITESPACE
    Tracks by their artists' listeners (140 tracks of 49 artists, chance 0.100 in nDCG): L2 of
    spectrograms 0.150, better than chance (+0.050, 95 % interval +0.020 to +0.080, p = 0.003).
    """
    questions = {
        ("listeners", "ndcg"): ("Tracks by their artists' listeners", "nDCG"),
        ("same artist", "average_precision"): ("Other tracks of the same artist", "average precision"),
        ("same style", "average_precision"): (
            "Tracks of the same style by other artists, simulated",
            "average precision",
        ),
    }
    verbs = {1: "better than chance", -1: "worse than chance", 0: "not shown to differ from chance"}
    lines = []
    for (question, measure), (what, unit) in questions.items():
        own = table[
            (table["question"] == question) & (table["measure"] == measure) & (table["input"] == "track")
        ]
        own = own[own["method"].isin(names)].set_index("method")
        parts = []
        for name in (name for name in names if name in own.index):
            row = own.loc[name]
            figures = _figures(row["over_chance"], row["over_low"], row["over_high"])
            verb = verbs[compare.side(row["over_chance"], row["p_value"])]
            parts.append(f"{method(name)} {row['value']:.3f}, {verb} ({figures}, p = {row['p_value']:.2g})")
        if parts:
            row = own.iloc[0]
            lines.append(
                f"{what} ({row['n_tracks']} tracks of {row['n_queries']} artists, chance"
                f" {row['chance']:.3f} in {unit}): {'; '.join(parts)}."
            )
    return "\n".join(lines)


def verdicts(claims):
    """How many claims hold; by name the primary ones or, where there are none, all.

    Parameters
    ----------
    claims : pd.DataFrame
        The ledger.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> claims = pd.DataFrame({"claim": ["A beats B", "B beats C"], "kind": ["primary", "secondary"]})
    >>> print(verdicts(claims.assign(verdict=["holds", "inconclusive"])))
    primary claims, 1: 1 × holds.
    secondary claims, 1: 1 × inconclusive.
    A beats B: holds.
    """
    lines = []
    for kind, part in claims.groupby("kind", sort=False):
        counted = part["verdict"].value_counts()
        tally = ", ".join(f"{counted[verdict]} × {verdict}" for verdict in counted.index)
        lines.append(f"{kind} claims, {len(part)}: {tally}.")
    primary = claims[claims["kind"] == "primary"]
    named = claims if primary.empty else primary
    lines += [f"{row['claim']}: {row['verdict']}." for row in named.to_dict("records")]
    return "\n".join(lines)


def _figures(value, low, high):
    return f"{value:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
