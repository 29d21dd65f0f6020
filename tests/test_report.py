"""What the README says of the results comes from the committed tables."""

import shutil

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
        [("a", "primary", "holds"), ("b", "secondary", "cannot be told"), ("c", "secondary", "holds"),
         ("d", "exact", "holds"), ("e", "primary", "does not hold")],
        columns=["claim", "kind", "verdict"],
    )  # fmt: skip
    said = report.verdicts(claims)
    assert said.startswith("Primary claims, on these data:\n\n- a: **holds**\n- e: **does not hold**\n\n")
    assert "Of 3 other claims that were checked, holds: 2, does not hold: 0, cannot be told: 1 " in said


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
    return ranked, compared.assign(n_queries=queries)


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
    assert row == ["–"] * 5


def test_claims_that_come_out_otherwise_are_listed_and_only_those_that_both_check_counted():
    claims = ledger_of(a="holds", b="holds", c="cannot be told", d="holds")
    claims["on_real_music"] = ["holds", "does not hold", "holds", "not checked"]
    assert report.disagreements(claims) == (
        "Of 3 claims that both can check, 2 come out otherwise on real music:\n\n"
        "- b: simulated *holds*, real **does not hold**\n- c: simulated *cannot be told*, real **holds**"
    )
    assert report.disagreements(claims[:1]) == (
        "Of 1 claims that both can check, 0 come out otherwise on real music."
    )


def test_the_real_table_shows_all_folds_together_beside_the_simulated_world():
    text = report.real_table(side(), side(folds=(1, 2, 3), queries=163))
    rows = cells(text)
    assert list(rows) == ["chance", "L2 of spectrograms", "siamese network", "factors by ridge"]
    assert rows["factors by ridge"] == [
        "0.310 (0.260 – 0.360)", "0.080", "0.610 (0.560 – 0.660)", "0.300 (0.250 – 0.350)", "0.080",
    ]  # fmt: skip
    assert rows["L2 of spectrograms"][1] == "–"
    assert "163 artists as queries, those that 3 folds test" in text
    assert "*simulated* world's 49 test artists" in text


def test_without_folds_the_real_table_says_that_there_was_one_split():
    text = report.real_table(side(), side(queries=40))
    assert "40 artists as queries, the test artists of one split" in text
    assert cells(text)["chance"][0] == "0.200 (0.150 – 0.250)"


def test_a_method_that_only_one_side_has_leaves_its_cells_empty():
    only = (("l2", 0.22), ("segment_sum", 0.3))
    rows = cells(report.real_table(side(), side(values=only)))
    assert list(rows) == ["L2 of spectrograms", "segments: ridge and kernel"]
    assert rows["segments: ridge and kernel"][3:] == ["–", "–"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A README with both markers, the committed figures of the demo's first table, and small others."""
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
    shutil.copy(committed, figures["simulated"])
    shutil.copy(figures["simulated"] / "ledger.csv", figures["simulated"] / "filter_claims.csv")
    (tmp_path / "README.md").write_text(
        "before\n<!-- table 1: begin -->\nold 1\n<!-- table 1: end -->\nbetween\n"
        "<!-- table 2: begin -->\nold 2\n<!-- table 2: end -->\nafter\n"
    )
    return tmp_path


def test_both_tables_stand_between_their_markers_and_a_second_refresh_changes_nothing(checkout):
    report.refresh_readme(checkout)
    text = (checkout / "README.md").read_text()
    first, second = text.split("\nbetween\n")
    assert first.startswith("before\n<!-- table 1: begin -->\n\n*Simulated listeners and music.*")
    assert "Of 2 claims that both can check, 1 come out otherwise" in second
    assert "- a: simulated *holds*, real **does not hold**" in second
    assert list(cells(second))[0] == "chance"
    assert second.endswith("\n<!-- table 2: end -->\nafter\n")
    assert "old 1" not in text
    assert "old 2" not in text
    report.refresh_readme(checkout)
    assert (checkout / "README.md").read_text() == text


@pytest.mark.parametrize("table", ["ledger", "beyond_ranking", "beyond_comparisons"])
def test_without_a_table_of_real_music_only_the_first_is_written(checkout, table):
    paths.real(table).unlink()
    report.refresh_readme(checkout)
    text = (checkout / "README.md").read_text()
    assert "old 1" not in text
    assert "<!-- table 2: begin -->\nold 2\n<!-- table 2: end -->" in text
