"""Sentences say what the tables say: each is made from a small table whose result is known."""

import re

import numpy as np
import pandas as pd
import pytest

from lib.listening import words as listening_words
from lib.ranking import compare, paper, words


def compared(decision, *, measure="unordered", n=10, kind="primary", difference=0.05):
    return pd.DataFrame([
        {"kind": kind, "method": "siamese", "reference": "l2", "measure": measure, "n": n,
         "difference": difference, "ci_low": difference - 0.02, "ci_high": difference + 0.02,
         "p_corrected": 0.0123, "detectable": 0.031, "decision": decision},
    ])  # fmt: skip


FIGURES = (
    "(+0.050, 95 % interval +0.030 to +0.070, p = 0.012;"
    " a true difference of 0.031 would be found in four of five repetitions)."
)


@pytest.mark.parametrize(
    ("decision", "verb"),
    [
        ("higher", "ranks better than"),
        ("lower", "ranks worse than"),
        ("inconclusive", "is not shown to rank better or worse than"),
    ],
)
def test_a_comparison_is_said_with_its_figures(decision, verb):
    said = words.comparisons(compared(decision))
    assert said == f"n = 10: the siamese network {verb} L2 of spectrograms {FIGURES}"


@pytest.mark.parametrize(
    ("decision", "verb"),
    [("higher", "is larger"), ("lower", "is smaller"), ("inconclusive", "cannot be shown to be larger")],
)
def test_the_lead_at_small_n_is_said_as_a_lead(decision, verb):
    said = words.comparisons(compared(decision, measure=compare.LEAD, n=None))
    assert said == (
        f"The lead of the siamese network over L2 of spectrograms {verb} at the smallest n than at the"
        f" largest {FIGURES}"
    )


def test_primary_and_secondary_comparisons_are_said_apart():
    table = pd.concat([compared("higher"), compared("lower", kind="secondary", n=3)])
    assert words.comparisons(table).startswith("n = 10:")
    assert words.comparisons(table, kind="secondary").startswith("n = 3:")
    assert len(words.comparisons(table).splitlines()) == 1


def test_a_method_without_a_name_keeps_its_own():
    assert (words.method("l2"), words.method("unlisted")) == ("L2 of spectrograms", "unlisted")


def test_losses_lie_above_or_below_the_constant():
    summary = pd.DataFrame([
        {"split": "dev", "constant": 0.3, "best_epoch": 2, "best": 0.1, "last": 0.2, "last_sd": 0.01,
         "n_seeds": 5},
        {"split": "test", "constant": 0.3, "best_epoch": 1, "best": 0.31, "last": 0.4, "last_sd": 0.02,
         "n_seeds": 5},
    ])  # fmt: skip
    first, second = words.losses(summary).splitlines()
    assert first == (
        "dev: the mean loss is lowest in epoch 2 (0.10000) and ends at 0.20000 (standard deviation 0.01000"
        " over 5 trainings), below the 0.30000 of one constant."
    )
    assert "0.40000" in second and "above the 0.30000" in second


@pytest.mark.parametrize(("low", "high", "words_of_it"), [
    (0.001, 0.003, "supported, the interval lies above 0. Loss: +0.0020 (95 % interval +0.0010 to +0.0030)."),
    (-0.3, -0.1, "contradicted, the interval lies below 0. Loss: -0.200 (95 % interval -0.300 to -0.100)."),
    (-0.1, 0.3, "not decided, the interval contains 0. Loss: +0.100 (95 % interval -0.100 to +0.300)."),
    (np.nan, np.nan, "not decided, there is no interval. Loss."),
])  # fmt: skip
def test_an_estimate_names_the_side_of_the_border(low, high, words_of_it):
    row = {"claim": "a", "decided_by": "loss", "value": (low + high) / 2, "ci_low": low, "ci_high": high}
    assert words.estimates(pd.DataFrame([row | {"border": 0.0}])) == f'"a": {words_of_it}'


def null_of(value, **row):
    return {"method": "siamese", "n": 10, "value": value, "null_low": 0.1, "null_high": 0.3} | row


def test_a_published_value_is_inside_or_outside_the_permutations():
    null = pd.DataFrame([
        null_of(0.2), null_of(0.4, method="popularity"), null_of(0.2, method="chance"),
        null_of(0.2, n=3),
    ])  # fmt: skip
    first, second = words.published(null, n=10).splitlines()
    assert first == "siamese network: 0.200, inside 0.100 to 0.300, the range of 95 % of the permutations."
    assert second == "popularity alone: 0.400, outside 0.100 to 0.300, the range of 95 % of the permutations."


def test_the_published_counts_are_said_as_counts():
    said = words.counts(paper.published_counts())
    assert said.startswith("Hits of model and baseline: 19 : 11 of 147 (n = 3), 44 : 34 of 245 (n = 5),")
    assert "702 : 679 of 1,225 (n = 25)" in said
    assert "ahead at 4 of 4 lengths" in said
    assert re.search(r"its p lies between [\d.e-]+ and [\d.e-]+ \(n = 3\), .*\(n = 25\)\.$", said)


def confounds(low):
    rows = [
        ("siamese", "popularity_correlation", 0.3, 0.2, 0.4),
        ("siamese", "source_correlation", -0.1, -0.2, -0.05),
        ("siamese", "loudness_correlation", 0.1, low, 0.2),
        ("l2", "popularity_correlation", 0.9, 0.8, 1.0),
    ]
    return pd.DataFrame(rows, columns=["method", "measure", "value", "ci_low", "ci_high"])


def test_scores_follow_what_their_interval_excludes_0_for():
    said = words.dependence(confounds(-0.01))
    assert said == (
        "siamese network: the scores follow the candidates' listeners (+0.300, 95 % interval +0.200 to"
        " +0.400); follow the catalogue that a clip is from (-0.100, 95 % interval -0.200 to -0.050); cannot"
        " be shown to follow the level of the clips (+0.100, 95 % interval -0.010 to +0.200)."
    )
    assert "cannot be shown" not in words.dependence(confounds(0.01))
    assert words.dependence(confounds(0), "l2").count("follow") == 1


def reliability(**values):
    rows = [
        {"truth": truth, "candidates": "test", "metric": "spearman", "method": method, "value": value}
        for method, value in values.items()
        for truth in ("corrected", "as_published")
    ]
    table = pd.DataFrame(rows)
    table.loc[table["truth"] == "as_published", "value"] = 0.99
    return table


def test_the_other_half_of_the_listeners_is_a_reference_that_a_method_may_pass():
    said = words.references(reliability(split_half=0.5, siamese=0.4, world=0.6))
    assert "correlation of 0.500; two whole" in said
    assert "with 0.667 (Spearman-Brown)" in said
    assert "could reach 0.816" in said
    assert said.endswith("Here reference: perfect hearing does.")
    both = words.references(reliability(split_half=0.5, siamese=0.7, world=0.6))
    assert both.endswith("Here siamese network, reference: perfect hearing do.")
    assert words.references(reliability(split_half=0.5, siamese=0.4)).endswith("Here none does.")


@pytest.mark.parametrize(
    ("decision", "verb"), [*words.WORSE_OR_BETTER.items(), ("inconclusive", words.UNDECIDED)]
)
def test_the_chosen_method_is_said_with_its_decision(decision, verb):
    table = compared(decision, measure="ndcg").assign(method="factor_sum", n_queries=49, n_seeds=1)
    said = words.chosen(table, "factor_sum")
    assert f"on the dev artists, {verb} " in said
    assert (
        "+0.050, 95 % interval +0.030 to +0.070 in nDCG, p = 0.012 after correction (49 artists, 1 training)."
        in said
    )  # noqa: E501
    with pytest.raises(ValueError, match="values to unpack"):
        words.chosen(table, "absent")


def test_verdicts_are_counted_by_kind_and_the_primary_ones_named():
    claims = pd.DataFrame(
        [("a", "primary", "holds"), ("b", "secondary", "holds"), ("c", "secondary", "inconclusive"),
         ("d", "secondary", "holds")],
        columns=["claim", "kind", "verdict"],
    )  # fmt: skip
    assert words.verdicts(claims).splitlines() == [
        "primary claims, 1: 1 × holds.",
        "secondary claims, 3: 2 × holds, 1 × inconclusive.",
        "a: holds.",
    ]


def test_without_primary_claims_all_are_named():
    claims = pd.DataFrame([("a", "secondary", "holds")], columns=["claim", "kind", "verdict"])
    assert words.verdicts(claims).splitlines() == ["secondary claims, 1: 1 × holds.", "a: holds."]


@pytest.mark.parametrize(
    ("low", "high", "verb"),
    [
        (0.1, 0.3, "follows popularity"),
        (-0.3, -0.1, "is opposed to popularity"),
        (-0.1, 0.3, "cannot be shown to follow popularity"),
    ],
)
def test_a_metric_follows_popularity_only_where_its_interval_says_so(low, high, verb):
    row = {
        "metric": "pmi",
        "popularity_correlation": (low + high) / 2,
        "popularity_low": low,
        "popularity_high": high,
    }
    row |= {"split_half": 0.5, "split_half_by_chance": 0.2}
    assert listening_words.trust(pd.DataFrame([row]), "pmi").startswith(f"pmi {verb} (")


def test_a_file_whose_rows_are_all_kept_has_none_rejected():
    outcomes = pd.DataFrame({"outcome": ["kept"], "rows": [3]})
    assert listening_words.rows(outcomes).endswith("and 0 (0.0 %) are rejected.")
