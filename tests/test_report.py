"""What the README says of the results comes from the committed tables."""

import shutil

import pandas as pd

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
