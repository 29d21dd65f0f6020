"""What the tables of `lib.ranking.longer_runs` say: gains, designs, equivalence, and a sentence on each.

Conventions
-----------
All of it is computed from the committed tables alone: no spectrograms, no scores, no training.
"""

from __future__ import annotations

import pandas as pd

from lib.ranking import compare, significance, words

LOSS_MARGIN, NDCG_MARGIN = 0.05, 0.03  # a share of the constant's loss; nDCG


def estimate_of(table, first, second, *, measure, part="test"):
    """One line of `longer_runs.differences` as an estimate.

    Returns
    -------
    significance.Estimate

    Raises
    ------
    ValueError
        If there is no such line.
    """
    second_is = table["second"].isna() if second is None else table["second"] == second
    rows = table[
        (table["first"] == first) & second_is & (table["measure"] == measure) & (table["part"] == part)
    ]
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} lines compare {first} with {second} in {measure}, {part} artists")
    row = rows.iloc[0]
    return significance.Estimate(
        *(float(row[name]) for name in ("value", "error", "freedom")),
        *(int(row[name]) for name in ("n_queries", "n_trainings")),
    )


def summary(table, *, reference, part="test"):
    """What each kind of training reaches, and what it gains over one of them.

    Parameters
    ----------
    table : pd.DataFrame
        From `longer_runs.differences`: means, and differences to `reference`.
    reference
        A kind.
    part : str

    Returns
    -------
    pd.DataFrame
        ``method, measure, value, ci_low, ci_high, gain, gain_low, gain_high, p_value, p_holm`` (of the gains
        in one measure), ``n_queries, n_trainings``; gains are NaN in the rows of the reference.

    Examples
    --------
    >>> row = {"part": "test", "measure": "ndcg", "n_queries": 49, "n_trainings": 3, "p_value": 0.01}
    >>> table = pd.DataFrame([
    ...     row | {"first": "paper", "second": None, "value": 0.4, "ci_low": 0.3, "ci_high": 0.5},
    ...     row | {"first": "longer", "second": None, "value": 0.5, "ci_low": 0.4, "ci_high": 0.6},
    ...     row | {"first": "longer", "second": "paper", "value": 0.1, "ci_low": 0.02, "ci_high": 0.18},
    ... ])
    >>> summary(table, reference="paper")[["method", "value", "gain", "gain_low", "gain_high"]]
       method  value  gain  gain_low  gain_high
    0   paper    0.4   NaN       NaN        NaN
    1  longer    0.5   0.1      0.02       0.18
    """
    chosen = table[table["part"] == part].rename(columns={"first": "method"})
    keys = ["method", "measure"]
    means = chosen[chosen["second"].isna()]
    means = means[[*keys, "value", "ci_low", "ci_high", "n_queries", "n_trainings"]]
    names = {"value": "gain", "ci_low": "gain_low", "ci_high": "gain_high"}
    gains = chosen[chosen["second"] == reference].rename(columns=names)
    joined = means.merge(gains[[*keys, *names.values(), "p_value"]], on=keys, how="left")
    joined["p_holm"] = joined.groupby("measure")["p_value"].transform(significance.holm)
    columns = [name for name in joined if not name.startswith("n_")]
    return joined[[*columns, "n_queries", "n_trainings"]]


def gain_sentence(summary, name, *, reference, measure="ndcg"):
    """What one kind of training gains over another by the corrected p-value.

    Parameters
    ----------
    summary : pd.DataFrame
        From `summary`.
    name, reference : str
        Kinds; the gains are over the reference.
    measure : str

    Returns
    -------
    str

    Examples
    --------
    >>> row = {"measure": "ndcg", "gain": 0.086, "gain_low": 0.037, "gain_high": 0.136, "p_holm": 0.016}
    >>> table = pd.DataFrame({"method": ["siamese", "siamese_longer"], "value": [0.25, 0.336], **row})
    >>> table["n_trainings"] = [3, 2]
    >>> print(gain_sentence(table, "siamese_longer", reference="siamese"))  # doctest: +NORMALIZE_WHITESPACE
    siamese, twice the epochs (0.336 in nDCG, 2 trainings) ranks better than siamese network (0.250, 3
    trainings): +0.086, 95 % interval +0.037 to +0.136, p = 0.016 after correction.
    """
    rows = summary[summary["measure"] == measure].set_index("method")
    row, other = rows.loc[name], rows.loc[reference]
    decision = compare.DECISIONS[compare.side(row["gain"], row["p_holm"])]
    p_value = f"p = {row['p_holm']:.2g}" if row["p_holm"] else "p < 0.0001"  # stored with six digits
    return (
        f"{words.method(name)} ({row['value']:.3f} in {words.MEASURES.get(measure, measure)},"
        f" {row['n_trainings']} trainings) {words.WORSE_OR_BETTER.get(decision, words.UNDECIDED)}"
        f" {words.method(reference)} ({other['value']:.3f}, {other['n_trainings']} trainings):"
        f" {row['gain']:+.3f}, 95 % interval {row['gain_low']:+.3f} to {row['gain_high']:+.3f}, {p_value}"
        " after correction."
    )


def pairs_of(cells):
    """The four comparisons of a 2 × 2 design, each with what changes and what is given.

    Parameters
    ----------
    cells : sequence of str
        Variants of: the paper's encoder and pairs, the paper's encoder and factors, features and pairs,
        features and factors (`lib.beyond.best_chance.TWO_BY_TWO`).

    Returns
    -------
    dict of (str, str) to (str, str)
        ``(change, given)`` to ``(first, second)``.
    """
    paper_pairs, paper_factors, features_pairs, features_factors = cells
    target, encoder = "factors in place of pairs", "features in place of the paper's encoder"
    return {
        (target, "the paper's encoder"): (paper_factors, paper_pairs),
        (target, "features"): (features_factors, features_pairs),
        (encoder, "pairs"): (features_pairs, paper_pairs),
        (encoder, "factors"): (features_factors, paper_factors),
    }


def two_by_two(table, cells, *, measure="ndcg", part="test"):
    """What another target changes with each encoder, and another encoder with each target.

    Parameters
    ----------
    table : pd.DataFrame
        From `longer_runs.differences`.
    cells : sequence of str
        As for `pairs_of`.
    measure, part : str

    Returns
    -------
    pd.DataFrame
        ``change, given, difference, ci_low, ci_high, p_value``.

    Examples
    --------
    >>> cells = ["siamese", "encoder_factors", "feature_siamese", "factor_ridge"]
    >>> pairs = [{"first": first, "second": second} for first, second in pairs_of(cells).values()]
    >>> row = {"part": "test", "measure": "ndcg", "error": 0.01, "freedom": 30}
    >>> table = pd.DataFrame(pairs).assign(**row, value=[0.1, 0.08, 0.05, 0.03], n_queries=49, n_trainings=3)
    >>> two_by_two(table, cells)[["given", "difference", "ci_low"]].round(2)
                     given  difference  ci_low
    0  the paper's encoder        0.10    0.08
    1             features        0.08    0.06
    2                pairs        0.05    0.03
    3              factors        0.03    0.01
    """
    return pd.DataFrame(
        [
            {"change": change, "given": given}
            | estimate_of(table, *pair, measure=measure, part=part).row("difference")
            for (change, given), pair in pairs_of(cells).items()
        ]
    )


def two_by_two_sentence(differences, *, measure="nDCG@10"):
    """What `two_by_two` found, in a sentence for each row.

    Examples
    --------
    >>> row = {"change": "features in place of the paper's encoder", "given": "pairs"}
    >>> row |= {"difference": 0.05, "ci_low": 0.03, "ci_high": 0.07}
    >>> print(two_by_two_sentence(pd.DataFrame([row])))  # doctest: +NORMALIZE_WHITESPACE
    With pairs, features in place of the paper's encoder gain +0.050 in nDCG@10 (95 % interval 0.030 to
    0.070).
    """
    sentences = []
    for row in differences.to_dict("records"):
        if row["ci_low"] > 0:
            verdict = "gain"
        elif row["ci_high"] < 0:
            verdict = "lose"
        else:
            verdict = "make an inconclusive difference of"
        sentences.append(
            f"With {row['given']}, {row['change']} {verdict} {row['difference']:+.3f} in {measure}"
            f" (95 % interval {row['ci_low']:.3f} to {row['ci_high']:.3f})."
        )
    return "\n".join(sentences)


def equivalence(table, *, reference="plain pairs"):
    """Whether other ways of taking pairs end where plain pairs do.

    Parameters
    ----------
    table : pd.DataFrame
        Of ``benchmarks.equivalence``: ``way, seed, step, dev_loss, dev_ndcg, constant``.
    reference : str

    Returns
    -------
    pd.DataFrame
        One row for each other way and measure, after the last step: ``way, measure``, the columns of
        `significance.equivalence` (margins: `LOSS_MARGIN` of the constant's loss, `NDCG_MARGIN`), and the
        numbers of trainings, ``n`` and ``n_reference``.

    Examples
    --------
    >>> ways = pd.DataFrame({"way": ["plain pairs", "tiles"] * 3, "step": 100, "constant": 0.04})
    >>> losses = {"dev_loss": [0.0300, 0.0301, 0.0302, 0.0299, 0.0301, 0.0300]}
    >>> table = ways.assign(**losses, dev_ndcg=[0.40, 0.45, 0.45, 0.40, 0.50, 0.50])
    >>> equivalence(table)[["way", "measure", "margin", "equivalent", "n"]]
         way   measure  margin  equivalent  n
    0  tiles  dev_loss   0.002        True  3
    1  tiles  dev_ndcg   0.030       False  3
    """
    last = table[table["step"] == table["step"].max()]
    margins = {"dev_loss": LOSS_MARGIN * last["constant"].iloc[0], "dev_ndcg": NDCG_MARGIN}
    plain = last[last["way"] == reference]
    rows = []
    for way, part in last[last["way"] != reference].groupby("way", sort=False):
        for measure, margin in margins.items():
            test = significance.equivalence(part[measure], plain[measure], margin=margin)
            rows.append({"way": way, "measure": measure, **test, "n": len(part), "n_reference": len(plain)})
    return pd.DataFrame(rows)


def equivalence_sentence(tests, *, reference="plain pairs"):
    """What the tests of `equivalence` allow to say, in a sentence for each row.

    Parameters
    ----------
    tests : pd.DataFrame
        From `equivalence`.
    reference : str

    Returns
    -------
    str

    Examples
    --------
    >>> row = {"way": "tiles", "measure": "dev_ndcg", "ci_low": -0.01, "ci_high": 0.02, "margin": 0.03}
    >>> tests = pd.DataFrame([row | {"equivalent": True, "n": 3, "n_reference": 3}])
    >>> print(equivalence_sentence(tests))  # doctest: +NORMALIZE_WHITESPACE
    tiles, nDCG@10: equivalent to plain pairs within ± 0.030 (90 % interval -0.010 to 0.020, 3 against 3
    trainings).
    """
    names = {"dev_loss": ("dev loss", 6), "dev_ndcg": ("nDCG@10", 3)}
    sentences = []
    for row in tests.to_dict("records"):
        name, digits = names[row["measure"]]
        low, high, margin = (f"{row[key]:.{digits}f}" for key in ("ci_low", "ci_high", "margin"))
        if row["equivalent"]:
            verdict = f"equivalent to {reference} within ± {margin}"
        elif row["ci_low"] > 0 or row["ci_high"] < 0:
            verdict = f"different from {reference}"
        else:
            verdict = f"not decided: neither equal to {reference} within ± {margin} nor different"
        trainings = f"{row['n']} against {row['n_reference']} trainings"
        sentences.append(f"{row['way']}, {name}: {verdict} (90 % interval {low} to {high}, {trainings}).")
    return "\n".join(sentences)
