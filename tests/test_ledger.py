"""Verdicts come from intervals, and from nothing else."""

import numpy as np
import pandas as pd
import pytest

from lib import ledger


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.1, 0.2, "holds"), (-0.2, -0.1, "does not hold"), (-0.1, 0.1, "cannot be told")],
)
def test_a_claim_is_decided_by_the_side_on_which_its_interval_lies(low, high, said):
    assert ledger.verdict(low, high) == said


def test_what_is_no_interval_is_an_error():
    with pytest.raises(ValueError, match="not an interval: 2 to 1"):
        ledger.verdict(2, 1)


def test_a_loss_that_stays_above_the_constant_predictors_is_not_good():
    curves = {"dev": [0.3, 0.2, 0.4], "test": [0.5, 0.4, 0.3]}
    rows = [(seed, n, split, curves[split][n]) for seed in (0, 1) for split in curves for n in range(3)]
    history = pd.DataFrame(rows, columns=["seed", "epoch", "split", "loss"])
    claims = ledger.loss_claims(history, {"test": 0.2}).set_index("section")
    assert claims.loc["6", "verdict"] == "does not hold"
    assert claims.loc["6", "value"] == pytest.approx(-0.1)
    assert claims.loc["5, Figure 2", "value"] == pytest.approx(0.3 - 0.4)  # dev is best in the middle


def test_one_training_a_setting_decides_nothing_on_the_best_setting():
    search = pd.DataFrame(
        {"batch_size": [512, 2048], "learning_rate": 0.001, "dev_loss": [0.3, 0.1], "seed": 0}
    )
    (claim,) = ledger.search_claims(search).to_dict("records")
    assert claim["value"] == pytest.approx(0.2)
    assert np.isnan(claim["ci_low"])
    assert claim["verdict"] == "cannot be told"


def test_a_grid_without_the_papers_setting_says_nothing_of_it():
    search = pd.DataFrame({"batch_size": [512], "learning_rate": 0.01, "dev_loss": [0.3], "seed": 0})
    assert ledger.search_claims(search).empty


def filter_tables(shift):
    """Two trainings and three untrained networks of four filters; the trained ones are better by `shift`."""
    criteria = ["low_band", "bass_beat", "onset", "offset", "sparseness"]
    untrained = pd.DataFrame({"network": np.repeat(range(3), 4)})
    for criterion in criteria:
        untrained[criterion] = np.tile([0.1, 0.2, 0.3, 0.4], 3)
    described = untrained[untrained["network"] < 2].copy()
    described[criteria] += shift
    structure = pd.DataFrame({"seed": np.repeat([0, 1], 4), "p_value": [0.01, 1, 1, 1, 0.01, 0.01, 1, 1]})
    return structure, described, untrained


def test_filters_better_than_all_untrained_ones_make_the_papers_readings_hold():
    claims = ledger.filter_claims(*filter_tables(0.15)).set_index("claim")
    assert claims.loc["a filter answers to a sharp bassy sound", ["value", "verdict"]].tolist() == [
        pytest.approx(0.15),
        "holds",
    ]
    some = claims.loc["a selection of filters answers to specific patterns"]
    assert some["value"] == pytest.approx(2 / 4)  # those at .3 and .4
    assert some["verdict"] == "holds"


def test_filters_like_untrained_ones_decide_nothing_and_worse_ones_against_it():
    claims = ledger.filter_claims(*filter_tables(0)).set_index("claim")["verdict"]
    assert claims["a filter answers to what is followed by silence"] == "cannot be told"
    assert claims["a selection of filters answers to specific patterns"] == "cannot be told"
    worse = ledger.filter_claims(*filter_tables(-0.1)).set_index("claim")["verdict"]
    assert worse["a filter answers to what is followed by silence"] == "does not hold"


def test_most_filters_look_like_noise_if_more_than_half_lack_a_shape_in_every_training():
    structure, described, untrained = filter_tables(0)
    claim = ledger.filter_claims(structure, described, untrained).iloc[0]
    assert (claim["value"], claim["ci_low"], claim["ci_high"]) == pytest.approx((0.125, 0, 0.25))
    assert claim["verdict"] == "cannot be told"  # in one training it is just one half
    structure["p_value"] = [0.01, 1, 1, 1] * 2
    assert ledger.filter_claims(structure, described, untrained)["verdict"][0] == "holds"
