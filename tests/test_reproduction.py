"""Whether a run came out as the committed figures: folders that are equal, or differ in a known way."""

import json
import shutil
import subprocess

import pandas as pd
import pytest

from lib.cli import reproduction
from lib.workflow import artifacts, machine, paths

KEYS = {"truth": "corrected", "candidates": "test", "fold": 0, "metric": "unordered", "n": 10}


def write(folder, name, rows):
    pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)


def change(folder, name, row, column, value):
    """Put another value into one cell of a table."""
    table = pd.read_csv(folder / f"{name}.csv")
    table.loc[row, column] = value
    table.to_csv(folder / f"{name}.csv", index=False)


@pytest.fixture
def folders(tmp_path):
    """Committed figures, with one primary and twenty secondary claims, and a copy that a run has made."""
    committed = tmp_path / "committed"
    committed.mkdir()
    (committed / "run.json").write_text(json.dumps(machine.made_with()))
    (committed / "forest.png").write_bytes(b"\x89PNG")
    write(committed, "table1_ranking", [
        KEYS | {"method": "l2", "value": 0.3, "ci_low": 0.2, "ci_high": 0.4},
        KEYS | {"method": "chance", "value": 0.2, "ci_low": 0.2, "ci_high": 0.2},
        KEYS | {"method": "once", "metric": "spearman", "n": None, "value": 0.5},
    ])  # fmt: skip
    write(committed, "comparisons", [
        {"truth": "corrected", "reference": "l2", "method": "siamese", "measure": "unordered", "n": 10,
         "difference": 0.1, "ci_low": 0.05, "ci_high": 0.15},
    ])  # fmt: skip
    claims = [{"claim": "first", "kind": "primary", "verdict": "holds"}]
    claims += [{"claim": f"other {k}", "kind": "secondary", "verdict": "holds"} for k in range(15)]
    write(committed, "ledger", claims)
    of_filters = [{"claim": f"filter {k}", "kind": "secondary", "verdict": "holds"} for k in range(5)]
    write(committed, "filter_claims", of_filters)
    return committed, shutil.copytree(committed, tmp_path / "made")


def test_equal_folders_are_the_same_byte_for_byte(folders):
    found = reproduction.compare(*folders)
    assert (found.different, len(found.outside), len(found.changed), found.holds) == ([], 0, 0, True)
    assert (found.n_values, len(found.verdicts)) == (4, 21)
    assert found.in_words().startswith("The figures are the committed ones, byte for byte (made on ")


def test_a_picture_that_differs_or_is_missing_is_named(folders):
    (folders[0] / "other.png").write_bytes(b"\x89PNG")
    (folders[1] / "forest.png").write_bytes(b"\x89PNG ")
    (folders[0] / "notes.txt").write_text("neither a figure nor a table")
    found = reproduction.compare(*folders)
    assert found.different == ["forest.png", "other.png"]
    assert found.holds
    assert found.in_words().startswith("2 figures and tables differ from the committed ones")


@pytest.mark.parametrize(
    ("row", "value", "outside"),
    [(0, 0.39, 0), (0, 0.41, 1), (0, 0.19, 1), (1, 0.2 + 1e-12, 0), (1, 0.21, 1), (2, 0.52, 0), (2, 0.54, 1)],
)
def test_a_value_has_to_lie_within_its_committed_interval(folders, row, value, outside):
    """Without an interval .03 are allowed: the third row has none."""
    change(folders[1], "table1_ranking", row, "value", value)
    found = reproduction.compare(*folders)
    assert len(found.outside) == outside
    assert found.different == ["table1_ranking.csv"]
    for line in found.outside.to_dict("records"):
        assert (line["table"], line["now"]) == ("table1_ranking", value)
        assert pd.read_csv(folders[0] / "table1_ranking.csv")["method"][row] in line["row"]
    assert f"{outside} of 4 values lie outside" in found.in_words()


def test_a_difference_outside_its_interval_is_found_in_the_comparisons(folders):
    change(folders[1], "comparisons", 0, "difference", 0.2)
    (line,) = reproduction.compare(*folders).outside.to_dict("records")
    assert (line["table"], line["committed"], line["ci_low"], line["ci_high"], line["now"]) == (
        "comparisons", 0.1, 0.05, 0.15, 0.2,
    )  # fmt: skip


def test_a_row_that_is_gone_lies_outside(folders):
    table = pd.read_csv(folders[1] / "table1_ranking.csv").drop(index=0)
    table.to_csv(folders[1] / "table1_ranking.csv", index=False)
    (line,) = reproduction.compare(*folders).outside.to_dict("records")
    assert pd.isna(line["now"])


def test_rows_may_stand_in_another_order(folders):
    table = pd.read_csv(folders[1] / "table1_ranking.csv").iloc[::-1]
    table.to_csv(folders[1] / "table1_ranking.csv", index=False)
    found = reproduction.compare(*folders)
    assert (found.different, len(found.outside)) == (["table1_ranking.csv"], 0)


def test_no_primary_verdict_may_change(folders):
    change(folders[1], "ledger", 0, "verdict", "inconclusive")
    found = reproduction.compare(*folders)
    assert found.changed.to_dict("records") == [
        {"claim": "first", "kind": "primary", "committed": "holds", "now": "inconclusive"}
    ]
    assert not found.holds
    said = found.in_words()
    assert "1 of 21 verdicts changed, 1 of them primary." in said
    assert said.endswith("Changed: first.")


@pytest.mark.parametrize(("now", "n"), [("does not hold", 1), ("inconclusive", 0), ("missing", 0)])
def test_only_the_opposite_verdict_contradicts(now, n, folders):
    change(folders[1], "ledger", 0, "verdict", now)
    found = reproduction.compare(*folders)
    assert len(found.changed) == 1
    assert len(found.contradicted) == n


def test_one_in_twenty_of_the_other_verdicts_may_change_and_no_more(folders):
    change(folders[1], "ledger", 3, "verdict", "does not hold")
    found = reproduction.compare(*folders)
    assert found.holds  # one of twenty
    assert "1 of 21 verdicts changed, 0 of them primary." in found.in_words()
    change(folders[1], "filter_claims", 2, "verdict", "inconclusive")
    found = reproduction.compare(*folders)
    assert not found.holds  # two of twenty
    assert found.in_words().endswith("Changed: other 2; filter 2.")


def test_of_nineteen_others_none_may_change(folders):
    for folder in folders:
        table = pd.read_csv(folder / "filter_claims.csv")
        table.iloc[:-1].to_csv(folder / "filter_claims.csv", index=False)
    assert reproduction.compare(*folders).holds
    change(folders[1], "ledger", 3, "verdict", "does not hold")
    assert not reproduction.compare(*folders).holds


def test_a_claim_that_is_gone_has_changed(folders):
    table = pd.read_csv(folders[1] / "ledger.csv").iloc[1:]
    table.to_csv(folders[1] / "ledger.csv", index=False)
    found = reproduction.compare(*folders)
    assert found.changed["now"].tolist() == ["missing"]
    assert not found.holds


def test_without_the_ledger_nothing_can_be_compared(folders):
    (folders[1] / "ledger.csv").unlink()
    with pytest.raises(FileNotFoundError, match="ledger.csv"):
        reproduction.compare(*folders)


def test_a_table_that_is_missing_is_named_and_the_others_are_compared(folders):
    (folders[1] / "comparisons.csv").unlink()
    found = reproduction.compare(*folders)
    assert (found.different, found.n_values, found.holds) == (["comparisons.csv"], 3, True)


def test_another_processor_is_named(folders):
    made_with = machine.made_with() | {"cpu": "another one"}
    (folders[0] / "run.json").write_text(json.dumps(made_with))
    (folders[1] / "forest.png").unlink()
    assert f"made on another one; this is {machine.made_with()['cpu']}." in (
        reproduction.compare(*folders).in_words()
    )


# `run_all.py --verify`.


@pytest.fixture
def demo(folders, monkeypatch):
    """A finished run of the demo of one stage, beside what is committed."""
    committed, made = folders
    for folder in folders:
        (folder / "explorer.html").write_text("<!doctype html>")
    monkeypatch.setattr(reproduction, "committed_figures", lambda folder: committed)
    monkeypatch.setattr(paths, "figures", lambda profile: made)
    monkeypatch.setattr(paths, "executed", lambda profile, stage: committed / "run.json")
    manifest = artifacts.Manifest("05", "demo", {}, "", {"figures/forest.png": {}}, {}, {})
    monkeypatch.setattr(artifacts, "manifest", lambda profile, stage: manifest)
    return made


def elsewhere(folder, **other):
    (folder.parent / "committed" / "run.json").write_text(json.dumps(machine.made_with() | other))


def verified(capsys, stale=None):
    code = reproduction.verify({"05": {}}, stale or {})
    return code, capsys.readouterr().out


def test_a_run_is_verified_byte_for_byte_on_the_same_processor(demo, capsys):
    code, said = verified(capsys)
    assert code == 0
    assert said.startswith("1 of 1 executed notebooks, 1 results of this run.\n")
    assert said.endswith("Verified byte for byte.\n")
    (demo / "forest.png").write_bytes(b"another")
    code, said = verified(capsys)
    assert code == 1
    assert "Differ: forest.png.\nNot verified: expected was the committed run byte for byte." in said


def test_elsewhere_it_is_verified_within_the_intervals_and_says_what_lies_outside(demo, capsys):
    elsewhere(demo, cpu="another one")
    change(demo, "table1_ranking", 0, "value", 0.39)
    code, said = verified(capsys)
    assert code == 0
    assert said.endswith("Differ: table1_ranking.csv.\nVerified within the committed intervals.\n")
    change(demo, "table1_ranking", 0, "value", 0.41)
    code, said = verified(capsys)
    assert code == 1
    assert "  table1_ranking (corrected, test, 0, l2, unordered, 10.0): 0.41, not in 0.2 to 0.4\n" in said
    assert said.endswith("Not verified: expected was the committed run within the committed intervals.\n")


def test_elsewhere_no_primary_verdict_may_change_and_no_file_may_be_missing(demo, capsys):
    elsewhere(demo, threads=99)
    (demo / "explorer.html").unlink()
    code, said = verified(capsys)
    assert code == 1
    assert "Missing: explorer.html.\nNot verified" in said
    (demo / "explorer.html").write_text("<!doctype html>")
    change(demo, "ledger", 0, "verdict", "inconclusive")
    code, said = verified(capsys)
    assert code == 1
    assert "1 of 21 verdicts changed, 1 of them primary." in said


def test_a_run_without_a_ledger_is_not_verified(demo, capsys):
    (demo / "ledger.csv").unlink()
    code, said = verified(capsys)
    assert code == 1
    assert said.startswith("Not verified: ") and said.endswith(" lacks ledger.csv.\n")


def test_what_is_stale_is_not_compared(demo, capsys):
    code, said = verified(capsys, stale={"05": "no results yet"})
    assert code == 1
    assert said.startswith("Nothing was compared: ") and said.endswith("Run: python3 run_all.py\n")
    assert "05                       no results yet\n" in said


def test_without_committed_figures_nothing_is_verified(demo, capsys, monkeypatch):
    monkeypatch.setattr(reproduction, "committed_figures", lambda folder: None)
    assert verified(capsys)[0] == 1


# What is committed.


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with one committed figure."""
    folder = tmp_path / "checkout"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "ledger.csv").write_text("committed\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "figures")
    monkeypatch.setattr(paths, "root", lambda: folder)
    return folder


def test_the_committed_figures_are_those_of_the_last_commit(checkout, tmp_path):
    (checkout / "figures" / "ledger.csv").write_text("made by a run\n")
    (checkout / "figures" / "new.csv").write_text("made by a run\n")
    found = reproduction.committed_figures(tmp_path / "unpacked")
    assert found == tmp_path / "unpacked" / "figures"
    assert [path.name for path in found.iterdir()] == ["ledger.csv"]
    assert (found / "ledger.csv").read_text() == "committed\n"


def test_without_a_checkout_or_without_git_there_is_nothing_to_compare_with(checkout, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setattr(paths, "root", lambda: elsewhere)
    assert reproduction.committed_figures(tmp_path) is None
    monkeypatch.setattr(paths, "root", lambda: checkout)
    assert reproduction.committed_figures(tmp_path / "unpacked") is not None
    monkeypatch.setenv("PATH", str(elsewhere))
    assert reproduction.committed_figures(tmp_path) is None


def test_a_checkout_without_committed_figures_has_nothing_to_compare_with(checkout, tmp_path):
    git(checkout, "rm", "--quiet", "-r", "figures")
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "no figures")
    assert reproduction.committed_figures(tmp_path / "unpacked") is None
