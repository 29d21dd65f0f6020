"""The table of the paper's statements names nothing that is not there."""

import re

import pandas as pd
import pytest

from lib.ranking import paper_text
from lib.workflow import artifacts, paths, stages

TABLE = paper_text.coverage()


def test_every_statement_has_a_section_a_known_status_and_stands_once():
    assert TABLE["section"].str.fullmatch(r"Abstract|[1-6](, (Figure|Table) \d)?").all()
    assert set(TABLE["status"]) <= set(paper_text.STATUSES)
    assert not TABLE.duplicated(["section", "statement"]).any()
    assert list(dict.fromkeys(TABLE["section"].str[:1])) == ["A", "1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("item", ["Figure 1", "Figure 2", "Figure 3", "Figure 4", "Table 1", "Table 2"])
def test_every_figure_and_table_of_the_paper_is_in_it(item):
    assert TABLE["section"].str.endswith(item).any()


@pytest.mark.parametrize("row", TABLE.to_dict("records"), ids=lambda row: row["statement"][:40])
def test_where_names_things_that_exist(row):
    named = [each for each in row["where"].split(", ") if each]
    assert bool(named) == (row["status"] != "not reproduced")
    assert named or row["remark"], "what is not reproduced says why"
    for each in named:
        if re.fullmatch(r"\d\db?", each):
            assert stages.find(each)
        else:
            assert (paths.root() / each).exists(), each


def test_what_is_decided_names_the_table_of_verdicts():
    decided = TABLE[TABLE["status"] == "decided"]
    assert decided["where"].str.contains("figures/ledger.csv|figures/filter_claims.csv").all()


def test_the_committed_table_is_the_one_that_the_source_makes():
    committed = pd.read_csv(paths.root() / "figures" / "paper_coverage.csv", keep_default_na=False, dtype=str)
    pd.testing.assert_frame_equal(committed, TABLE.astype(str), check_dtype=False)
    assert (paths.root() / "figures" / "paper_coverage.md").read_text(encoding="utf-8") == artifacts.markdown(
        TABLE
    )
