"""What the README says of the results comes from the committed tables."""

import shutil

import numpy as np
import pandas as pd
import pytest

from lib.cli import report
from lib.workflow import paths


def test_the_readme_says_what_the_committed_tables_say(tmp_path, monkeypatch):
    monkeypatch.delenv("MUSIC_SIMILARITY_FIGURES", raising=False)
    shutil.copy(paths.root() / "README.md", tmp_path)
    report.refresh_readme(tmp_path)
    assert (tmp_path / "README.md").read_text() == (paths.root() / "README.md").read_text()


def test_a_table_has_a_row_a_method_and_the_published_truth_in_its_last_column():
    rows = [("corrected", 3, 0.1), ("corrected", 9, 0.2), ("as_published", 3, 0.3), ("as_published", 9, 0.4)]
    table = pd.DataFrame(rows, columns=["truth", "n", "value"]).assign(
        candidates="test", metric="unordered", method="l2", n_queries=49, n_seeds=1
    )
    table = table.assign(ci_low=table["value"] - 0.05, ci_high=table["value"] + 0.05)
    table = pd.concat(
        [table, table.assign(method="mfcc_gaussian", value=0.9)]
    )  # stands in the full table only
    last = report.result_table(table).strip().splitlines()[-1]
    cells = [cell.strip() for cell in last.strip("|").split("|")]
    assert cells[1:] == ["0.100 (0.050 – 0.150)", "0.200 (0.150 – 0.250)", "0.400 (0.350 – 0.450)"]


def test_a_value_that_nothing_random_enters_has_no_interval():
    table = pd.DataFrame({
        "truth": ["corrected", "as_published"], "n": 3, "value": 0.25, "ci_low": 0.25, "ci_high": 0.25,
        "candidates": "test", "metric": "unordered", "method": "chance", "n_queries": 49, "n_seeds": 1,
    })  # fmt: skip
    last = report.result_table(table).strip().splitlines()[-1]
    assert [cell.strip() for cell in last.strip("|").split("|")] == ["chance", "0.250", "0.250"]


def test_primary_verdicts_are_named_and_the_others_counted():
    claims = pd.DataFrame(
        [("a", "primary", "holds"), ("b", "secondary", "inconclusive"), ("c", "secondary", "holds"),
         ("d", "exact", "holds"), ("e", "primary", "does not hold")],
        columns=["claim", "kind", "verdict"],
    )  # fmt: skip
    said = report.verdicts(claims)
    assert said.startswith(
        "The paper's primary claims, on these data:\n\n- a: **holds**\n- e: **does not hold**\n\n"
    )
    assert "The other 3 claims that were checked: holds: 2, does not hold: 0, inconclusive: 1 " in said


# The answer.


def comparisons(against_l2, against_chance, of_popularity, **counts):
    """``comparisons.csv``: the three comparisons that the answer names, and others that it does not."""
    first, by_overlap = ("primary", "corrected", 10), "unordered"
    rows = [(*first, "siamese", "l2", by_overlap, against_l2),
            (*first, "siamese", "chance", by_overlap, against_chance),
            ("secondary", "corrected", 10, "popularity", "siamese", by_overlap, of_popularity),
            (*first, "l2", "chance", by_overlap, "lower"),
            ("primary", "corrected", None, "siamese", "l2", "unordered, smallest n - largest n", "lower"),
            ("secondary", "corrected", 3, "siamese", "l2", by_overlap, "lower"),
            ("secondary", "as_published", 10, "siamese", "l2", by_overlap, "lower"),
            ("secondary", "corrected", 10, "siamese", "chance", "ndcg", "lower")]  # fmt: skip
    names = ["kind", "truth", "n", "method", "reference", "measure", "decision"]
    table = pd.DataFrame(rows, columns=names)
    table["difference"] = table["reference"].map({"l2": 0.09, "chance": -0.1, "siamese": 0.2})
    table = table.assign(ci_low=table["difference"] - 0.05, ci_high=table["difference"] + 0.05)
    return table.assign(**({"n_queries": 49, "n_seeds": 5} | counts))


def test_the_answer_has_the_shares_of_all_folds_where_there_are_some():
    rows = [
        ("siamese", "unordered", 10, np.nan, 0.33, 163), ("siamese", "unordered", 10, 1, 0.9, 33),
        ("siamese", "ndcg", 10, np.nan, 0.8, 163), ("siamese", "unordered", 5, np.nan, 0.7, 163),
        ("l2", "unordered", 10, np.nan, 0.32, 163), ("popularity", "unordered", 10, np.nan, 0.39, 163),
    ]  # fmt: skip
    folds = pd.DataFrame(rows, columns=["method", "metric", "n", "fold", "value", "n_queries"])
    folds = folds.assign(truth="corrected", candidates="test", chance=0.316)
    folds = folds.assign(ci_low=folds["value"] - 0.01, ci_high=folds["value"] + 0.01)
    both = [comparisons("higher", "higher", "higher")] * 2
    lines = report.answer(*both, folds).splitlines()
    assert lines[2] == (
        "- **The same real data, every artist tested once** (163 artists, lists of 10): share of true"
        " neighbours found by the siamese network 0.330 (0.320 to 0.340), the L2 baseline 0.320 (0.310 to"
        " 0.330), popularity alone 0.390 (0.380 to 0.400); chance 0.316."
    )
    assert "every artist" not in report.answer(*both)


def test_the_answer_is_one_sentence_for_each_world():
    real = comparisons("inconclusive", "lower", "inconclusive", n_queries=33, n_seeds=3)
    said = report.answer(comparisons("higher", "higher", "higher"), real)
    assert said.splitlines()[:2] == [
        "- **Simulated listeners and music** (49 test artists, lists of 10, 5 trainings): the siamese"
        " network ranks better than the L2 baseline (+0.090; +0.040 to +0.140); it ranks better than chance"
        " (-0.100; -0.150 to -0.050); it ranks worse than popularity alone (-0.200; -0.250 to -0.150).",
        "- **Real listeners and real music** (33 test artists, lists of 10, 3 trainings): the data do"
        " not decide whether the siamese network ranks better than the L2 baseline (+0.090; +0.040 to"
        " +0.140); it ranks worse than chance (-0.100; -0.150 to -0.050); the data do not decide whether it"
        " ranks better than popularity alone (-0.200; -0.250 to -0.150).",
    ]


# What holds on real music.


def ledger_of(**verdicts):
    claims = {"claim": verdicts.keys(), "kind": "secondary", "value": 0.1, "verdict": verdicts.values()}
    return pd.DataFrame(claims)


def side(
    folds=(), queries=49, values=(("chance", 0.2), ("l2", 0.22), ("siamese", 0.25), ("factor_ridge", 0.3))
):
    """``beyond_ranking.csv`` and ``beyond_comparisons.csv`` of a run; all folds together come last."""
    rows = [
        ("test", fold, method, metric, n, value + (fold is None) / 100)
        for fold in (0, *folds, *([None] if folds else []))
        for method, value in values
        for metric, n in (("ndcg", 10), ("ndcg", 3), ("matched_concordance", None), ("unordered", 10))
    ]
    ranked = pd.DataFrame(rows, columns=["candidates", "fold", "method", "metric", "n", "value"])
    ranked.loc[ranked["n"] == 3, "value"] = 0.9
    ranked.loc[ranked["metric"] == "matched_concordance", "value"] += 0.3
    ranked = ranked.assign(ci_low=ranked["value"] - 0.05, ci_high=ranked["value"] + 0.05, n_queries=queries)
    compared = pd.DataFrame([
        {"reference": reference, "method": method, "measure": measure, "difference": value - least}
        for reference, least in (("l2", 0.22), ("siamese", 0.25))
        for method, value in values
        for measure in ("unordered", "ndcg")
        if method != reference
    ])  # fmt: skip
    compared.loc[compared["measure"] != "ndcg", "difference"] = 0.9
    compared = compared.assign(ci_low=compared["difference"], ci_high=compared["difference"])
    return ranked, compared.assign(n_queries=queries, decision="higher")


def cells(table):
    """Cells of a Markdown table's rows by their first cell."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return {row[0]: row[1:] for row in rows}


def test_a_method_tested_on_fewer_artists_than_l2_has_dashes():
    ranked, compared = side(queries=163)
    ranked.loc[ranked["method"] == "siamese", "n_queries"] = 33
    compared.loc[compared["method"] == "siamese", "n_queries"] = 33
    row = cells(report.real_table((ranked, compared), (ranked, compared)))["siamese network"]
    assert row == ["–"] * 4


def test_gains_are_named_that_the_correction_for_many_methods_leaves_and_those_that_it_does_not():
    ranked, compared = side(values=(("l2", 0.22), ("factor_ridge", 0.3), ("chosen", 0.28)), queries=163)
    compared.loc[compared["method"] == "chosen", "decision"] = ""
    text = report.real_table((ranked, compared), (ranked, compared))
    assert (
        "the gain over L2 is shown for *factors by ridge*; not shown for *best on each fold's dev artists*."
        in text
    )
    assert "the intervals take this choice as fixed" in text
    text = report.real_table(side(), side())
    assert "not shown" not in text and "as fixed" not in text


def test_claims_with_another_verdict_are_counted_among_those_that_both_worlds_check():
    claims = ledger_of(a="holds", b="holds", c="inconclusive", d="holds")
    claims["on_real_music"] = ["holds", "does not hold", "holds", "not checked"]
    assert report.disagreements(claims).startswith(
        "Claims that both worlds can check: 3; with another verdict on real music: 2 "
    )
    assert report.disagreements(claims[:1]).startswith(
        "Claims that both worlds can check: 1; with another verdict on real music: 0 "
    )


def test_the_real_table_shows_all_folds_together_beside_the_simulated_world():
    text = report.real_table(side(), side(folds=(1, 2, 3), queries=163))
    rows = cells(text)
    assert list(rows) == ["chance", "L2 of spectrograms", "siamese network", "factors by ridge"]
    assert rows["factors by ridge"] == [
        "0.310 (0.260 – 0.360)", "0.080", "0.610 (0.560 – 0.660)", "0.300 (0.250 – 0.350)",
    ]  # fmt: skip
    assert rows["L2 of spectrograms"][1] == "–"
    assert "163 artists, tested in 3 [folds]" in text
    assert "the *simulated* world, 49 test artists" in text


def test_without_folds_the_real_table_says_that_there_was_one_split():
    text = report.real_table(side(), side(queries=40))
    assert "40 artists, the test artists of one split" in text
    assert cells(text)["chance"][0] == "0.200 (0.150 – 0.250)"


def test_a_method_that_only_one_side_has_leaves_its_cell_empty():
    only = (("l2", 0.22), ("segment_sum", 0.4), ("chosen", 0.3))
    rows = cells(report.real_table(side(), side(values=only)))
    assert list(rows) == [
        "L2 of spectrograms",
        "best on each fold's dev artists",
    ]  # the full table has the sum
    assert rows["best on each fold's dev artists"][3:] == ["–"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A README with all markers, the committed figures of the demo's first table, and small others."""
    monkeypatch.setenv("MUSIC_SIMILARITY_FIGURES", str(tmp_path / "figures"))
    committed = paths.root() / "figures" / "table1_ranking.csv"
    figures = {"simulated": tmp_path / "figures", "real": tmp_path / "figures" / "real"}
    monkeypatch.setattr(paths, "real", lambda table: figures["real"] / f"{table}.csv")
    for name, folder in figures.items():
        folder.mkdir()
        for table, frame in zip(("beyond_ranking", "beyond_comparisons"), side(), strict=True):
            frame.to_csv(folder / f"{table}.csv", index=False)
        verdict = "holds" if name == "simulated" else "does not hold"
        ledger_of(a=verdict, b="holds").to_csv(folder / "ledger.csv", index=False)
        comparisons("higher", "higher", "inconclusive").to_csv(folder / "comparisons.csv", index=False)
    shutil.copy(committed, figures["simulated"])
    shutil.copy(figures["simulated"] / "ledger.csv", figures["simulated"] / "filter_claims.csv")
    (tmp_path / "README.md").write_text(
        "before\n<!-- answer: begin -->\nformer answer\n<!-- answer: end -->\n"
        "<!-- table 1: begin -->\nformer 1\n<!-- table 1: end -->\nbetween\n"
        "<!-- table 2: begin -->\nformer 2\n<!-- table 2: end -->\nafter\n"
    )
    return tmp_path


def test_all_blocks_stand_between_their_markers_and_a_second_refresh_changes_nothing(checkout):
    report.refresh_readme(checkout)
    text = (checkout / "README.md").read_text()
    first, second = text.split("\nbetween\n")
    assert first.startswith("before\n<!-- answer: begin -->\n\n- **Simulated listeners and music** (49 test")
    assert (
        "<!-- answer: end -->\n<!-- table 1: begin -->\n\n**Table 1, simulated listeners and music.**"
        in first
    )
    assert "Claims that both worlds can check: 2; with another verdict on real music: 1 " in second
    assert list(cells(second))[0] == "chance"
    assert second.endswith("\n<!-- table 2: end -->\nafter\n")
    assert "former" not in text
    report.refresh_readme(checkout)
    assert (checkout / "README.md").read_text() == text


@pytest.mark.parametrize("table", ["ledger", "beyond_ranking", "beyond_comparisons"])
def test_without_a_table_of_real_music_only_the_first_is_written(checkout, table):
    paths.real(table).unlink()
    report.refresh_readme(checkout)
    text = (checkout / "README.md").read_text()
    assert "former 1" not in text
    assert "former answer" not in text
    assert "<!-- table 2: begin -->\nformer 2\n<!-- table 2: end -->" in text


@pytest.mark.parametrize("world", ["simulated", "real"])
def test_without_comparisons_of_both_worlds_the_answer_stays_as_it_is(checkout, world):
    (checkout / "figures" / ("real" if world == "real" else "") / "comparisons.csv").unlink()
    report.refresh_readme(checkout)
    text = (checkout / "README.md").read_text()
    assert "<!-- answer: begin -->\nformer answer\n<!-- answer: end -->" in text
    assert "former 1" not in text
