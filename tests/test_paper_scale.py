"""The account of the run at the paper's size is made from its table of stages."""

import pandas as pd

from benchmarks import paper_scale
from lib.workflow import paths

STAGES = pd.DataFrame({
    "stage": ["04_siamese_training", "04_siamese_training", "05_ranking_evaluation"],
    "seconds": [600, 3000, 30], "processor_seconds": [500.0, 2500.0, 28.0], "peak_gb": [2.0, 1.9, 3.4],
})  # fmt: skip


def test_the_account_adds_up_the_attempts_and_says_how_many_trainings_there_were():
    by_stage = STAGES.groupby("stage").agg({"seconds": "sum", "processor_seconds": "sum", "peak_gb": "max"})
    text = paper_scale.account(by_stage, {"": 2e9}, {"cpu": "a Xeon"}, [0], ["-p", "04.seeds=[0]"])
    assert "| 04\\_siamese\\_training | 60 | 3000 | 2 |" in text
    assert "trainings: 1," in text
    assert "`python -m benchmarks.paper_scale -p '04.seeds=[0]'`" in text
    assert "All: 1.0 hours, 3,028 processor seconds, at most 3.4 GB of memory." in text
    assert "everything 2.00 GB" in text


def test_the_kept_account_is_that_of_the_kept_table():
    folder = paths.root() / "figures" / paper_scale.PROFILE
    rows, text = pd.read_csv(folder / "stages.csv"), (folder / "README.md").read_text(encoding="utf-8")
    assert f"{rows['processor_seconds'].sum():,.0f} processor seconds" in text
    assert set(rows.loc[rows["finished"], "stage"]) == set(rows["stage"])
