"""Verdicts come from intervals, and from nothing else."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lib import ledger, methods


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.1, 0.2, "holds"), (-0.2, -0.1, "does not hold"), (-0.1, 0.1, "cannot be told")],
)
def test_a_claim_is_decided_by_the_side_on_which_its_interval_lies(low, high, said):
    assert ledger.verdict(low, high) == said


def test_what_is_no_interval_is_an_error():
    with pytest.raises(ValueError, match="not an interval: 2 to 1"):
        ledger.verdict(2, 1)


HISTORY = pd.DataFrame(
    [
        (seed, epoch, split, value + 0.001 * seed)
        for seed in (0, 1, 2)
        for split, values in {"dev": [0.3, 0.2, 0.4], "test": [0.5, 0.4, 0.3]}.items()
        for epoch, value in enumerate(values, start=1)
    ],
    columns=["seed", "epoch", "split", "loss"],
)


def frame(values):
    return methods.labelled_scores(values, [f"a{k}" for k in range(len(values))])


def one(claims, beginning):
    (row,) = claims[claims["claim"].str.startswith(beginning)].to_dict("records")
    return row


def test_a_test_loss_that_falls_does_not_rise_and_a_gain_below_0_is_not_good():
    losses = pd.DataFrame(
        {"truth": ["corrected", "as_published"], "method": "siamese", "gain": [-0.1, 0.1],
         "gain_low": [-0.2, -0.1], "gain_high": [-0.05, 0.3]}
    )  # fmt: skip
    claims = ledger.loss_claims(HISTORY, 0.35, losses)
    rises = one(claims, "the test loss rises")
    assert rises["value"] == pytest.approx(
        0.3 - 0.4
    )  # only three epochs: the second one stands for the fifth
    assert rises["decided_by"] == "test loss after the last epoch - after epoch 2, over trainings"
    assert rises["verdict"] == "does not hold"
    good = one(claims, "the loss is good")
    assert good["value"] == pytest.approx(0.35 - 0.301)  # after the last epoch .300, .301 and .302
    assert good["verdict"] == "holds"
    of_artists = claims[claims["claim"].str.startswith("artists' scores are nearer")]["verdict"]
    assert of_artists.tolist() == ["does not hold", "cannot be told"]


def test_one_training_says_nothing_of_the_loss():
    losses = pd.DataFrame(columns=["truth", "method", "gain", "gain_low", "gain_high"])
    claims = ledger.loss_claims(HISTORY[HISTORY["seed"] == 0], 0.5, losses)
    assert claims["verdict"].tolist() == ["cannot be told"] * 2


def test_ranking_claims_are_paired_differences_and_the_lead_at_small_n(rng):
    truth = frame(rng.random((12, 12)))
    predicted = {"siamese": [truth], "l2": [-truth], "chance": [frame(np.zeros((12, 12)))]}
    claims = ledger.ranking_claims(predicted, {"corrected": truth}, list_lengths=[3, 8])
    assert len(claims) == 5
    beats = one(claims, "the model beats the baseline, n = 3")
    assert beats["value"] == pytest.approx(1)  # all three against none
    assert beats["verdict"] == "holds"
    assert one(claims, "the baseline beats random, n = 3")["verdict"] == "does not hold"
    lead = one(claims, "the model's lead is largest at small n")
    assert lead["value"] == pytest.approx(1 - 3 / 8)  # of eleven, lists of eight share at least five
    assert lead["verdict"] == "holds"


def test_more_epochs_do_not_help_where_the_best_ones_weights_rank_better(rng):
    truth = frame(rng.random((12, 12)))
    claims = ledger.epoch_claims([-truth], [truth], truth, n=3)
    assert claims["verdict"].tolist() == ["holds"]
    assert ledger.epoch_claims([truth], [truth], truth, n=3)["verdict"].tolist() == ["cannot be told"]


SEARCH = pd.DataFrame(
    {
        "batch_size": [512, 2048],
        "learning_rate": 0.001,
        "dev_loss": [0.3, 0.1],
        "epochs": 2,
        "seed": 0,
        "n_convolutions": 3,
    }
)


def test_one_training_a_setting_decides_nothing_on_the_best_setting():
    (claim,) = ledger.search_claims(SEARCH).to_dict("records")
    assert claim["value"] == pytest.approx(0.2)
    assert np.isnan(claim["ci_low"])
    assert claim["verdict"] == "cannot be told"


def test_the_spread_over_trainings_says_how_far_one_may_be_off():
    (claim,) = ledger.search_claims(SEARCH, HISTORY).to_dict("records")
    half = scipy.stats.t.ppf(0.975, 2) * 0.001 * np.sqrt(2)  # dev losses after epoch 2 scatter by .001
    assert (claim["ci_low"], claim["ci_high"]) == pytest.approx((0.2 - half, 0.2 + half))
    assert claim["verdict"] == "holds"


@pytest.mark.parametrize(
    "setting", [{"batch_size": 512, "learning_rate": 0.01}, {"batch_size": 2048, "learning_rate": 0.001}]
)
def test_a_grid_without_the_papers_setting_or_without_another_one_cannot_tell(setting):
    search = pd.DataFrame(
        {
            **{name: [value] for name, value in setting.items()},
            "dev_loss": [0.3],
            "epochs": 1,
            "n_convolutions": 3,
        }
    )
    (claim,) = ledger.search_claims(search, HISTORY).to_dict("records")
    assert claim["verdict"] == "cannot be told"
    assert "must hold the paper's setting and another one" in claim["decided_by"]


def test_other_depths_and_shorter_trainings_are_not_compared():
    others = pd.DataFrame({
        "batch_size": [512, 512], "learning_rate": 0.001, "dev_loss": [0.01, 0.02], "epochs": [2, 1],
        "n_convolutions": [5, 3], "seed": 0,
    })  # fmt: skip
    told = ledger.search_claims(pd.concat([SEARCH, others]), HISTORY)
    pd.testing.assert_frame_equal(told, ledger.search_claims(SEARCH, HISTORY))


def test_the_metric_lifts_obscure_artists_where_their_nearest_have_fewer_listeners():
    """Before, everybody's nearest is the most famous; with the metric it is the next in fame."""
    listeners = pd.Series(2.0 ** np.arange(8, 0, -1), index=[f"a{k}" for k in range(8)])
    fame = np.log2(listeners.to_numpy())
    before, after = frame(np.tile(fame, (8, 1))), frame(-np.abs(np.subtract.outer(fame, fame)))
    claims = ledger.metric_claims(before, after, listeners, n=1)
    assert one(claims, "the metric is symmetric")["verdict"] == "holds"
    lifts = one(claims, "the metric lifts")
    # Of the lesser half the nearest had 2 ** 8 listeners; now it is above or below, a tie, but for the last.
    assert lifts["value"] == pytest.approx(8 - np.mean([4, 3, 2, 2]))
    assert lifts["verdict"] == "holds"
    lopsided = after.copy()
    lopsided.iloc[0, 1] = 5
    assert (
        one(ledger.metric_claims(before, lopsided, listeners, n=1), "the metric is")["verdict"]
        == "does not hold"
    )


def test_more_clips_decide_whether_their_variance_hurts():
    curve = pd.DataFrame(
        {"method": ["siamese", "l2", "siamese", "l2"], "clips": [1, 1, 3, 3], "n": 5,
         "gain": [0, 0, 0.1, -0.1], "gain_low": [0, 0, 0.05, -0.2], "gain_high": [0, 0, 0.2, -0.05]}
    )  # fmt: skip
    (claim,) = ledger.clip_claims(curve).to_dict("records")
    assert (claim["value"], claim["verdict"]) == (0.1, "holds")
    assert ledger.clip_claims(curve[curve["clips"] == 1])["verdict"].tolist() == ["cannot be told"]


@pytest.fixture
def styled(rng):
    places = rng.random(30)
    style = frame(-np.abs(np.subtract.outer(places, places)))
    return style, {"siamese": [style], "l2": [frame(rng.random((30, 30)))]}


def test_who_names_the_nearest_in_style_predicts_style(styled):
    style, predicted = styled
    claims = ledger.style_claims(style, predicted, ["a0", "a1", "a2"], [f"a{k}" for k in range(10, 30)])
    assert claims["verdict"].tolist() == ["holds", "holds"]
    scaled = style.loc[["a0", "a1", "a2"]].apply(lambda row: (row - row.mean()) / row.std(ddof=0), axis=1)
    nearest = np.mean([row.nlargest(5).mean() for _, row in scaled.iterrows()])
    assert claims.loc[0, "value"] == pytest.approx(nearest, abs=0.03)  # random lists lie near 0
    swapped = {"siamese": predicted["l2"], "l2": predicted["siamese"]}
    verdicts = ledger.style_claims(style, swapped, ["a0"], [f"a{k}" for k in range(10, 30)])["verdict"]
    assert verdicts.tolist() == ["cannot be told", "does not hold"]


def test_without_a_world_that_knows_its_styles_they_cannot_be_told():
    claims = ledger.style_claims(None, {}, ["a0"], ["a1"])
    assert claims["verdict"].tolist() == ["cannot be told"] * 2
    assert claims["value"].isna().all()
    assert (claims["decided_by"] == "needs the styles of a simulated world").all()


def filter_tables(shift):
    """Five trainings and ten controls of four filters; the trained ones are better by `shift`."""
    rng = np.random.default_rng(3)
    values = np.array([0.1, 0.2, 0.3, 0.4]) + rng.normal(0, 0.01, (15, 1))
    described = pd.DataFrame({"network": np.repeat(range(15), 4)})
    for criterion in ("low_band", "bass_beat", "onset", "offset", "sparseness"):
        described[criterion] = values.ravel() + rng.normal(0, 0.01, 60)
    controls, described = described[described["network"] < 10], described[described["network"] >= 10].copy()
    described[["low_band", "bass_beat", "onset", "offset", "sparseness"]] += shift
    structure = pd.DataFrame({"seed": np.repeat([0, 1], 4), "p_value": [0.01, 1, 1, 1, 0.01, 0.01, 1, 1]})
    return structure, described, controls


def test_filters_better_than_those_of_all_controls_make_the_papers_readings_hold():
    claims = ledger.decided([ledger.filter_claims(*filter_tables(0.15))]).set_index("claim")
    bass = claims.loc["a filter answers to a sharp bassy sound"]
    assert (bass["value"], bass["verdict"]) == (pytest.approx(0.15, abs=0.03), "holds")
    some = claims.loc["a selection of filters answers to specific patterns"]
    assert some["value"] == pytest.approx(2 / 4, abs=0.1)  # those at .3 and .4, less what a control has
    assert some["verdict"] == "holds"
    assert (claims["border"] == 0).all()


def test_filters_like_those_of_controls_decide_nothing_and_worse_ones_against_it():
    claims = ledger.decided([ledger.filter_claims(*filter_tables(0))]).set_index("claim")["verdict"]
    assert claims["a filter answers to what is followed by silence"] == "cannot be told"
    assert claims["a selection of filters answers to specific patterns"] == "cannot be told"
    worse = ledger.decided([ledger.filter_claims(*filter_tables(-0.1))]).set_index("claim")["verdict"]
    assert worse["a filter answers to what is followed by silence"] == "does not hold"


def test_without_controls_patterns_cannot_be_told_and_the_command_is_named():
    structure, described, controls = filter_tables(0.15)
    with_them, without = (
        ledger.decided([ledger.filter_claims(structure, described, controls)]),
        ledger.decided([ledger.filter_claims(structure, described)]),
    )
    assert with_them["claim"].tolist() == without["claim"].tolist()
    assert without["verdict"][1:].tolist() == ["cannot be told"] * 3
    assert without["decided_by"][1:].str.contains("benchmarks.filter_controls").all()
    assert without.iloc[0]["value"] == with_them.iloc[0]["value"]


def test_most_filters_look_like_noise_if_more_than_half_lack_a_shape_in_every_training():
    structure, described, controls = filter_tables(0)
    claim = ledger.decided([ledger.filter_claims(structure, described, controls)]).iloc[0]
    half = scipy.stats.t.ppf(0.975, 1) * 0.125  # shares of .75 and .5 in two trainings
    assert (claim["value"], claim["ci_high"]) == pytest.approx((0.125, 0.125 + half))
    assert claim["verdict"] == "cannot be told"
    structure["p_value"] = [0.01, 1, 1, 1] * 2
    assert ledger.decided([ledger.filter_claims(structure, described, controls)])["verdict"][0] == "holds"


def time_order_frames(loss):
    """Three trainings that rank 20 artists well; shuffling the frames mixes so much of a wrong order in."""
    rng = np.random.default_rng(4)
    truth = rng.random((20, 20))
    truth = (truth + truth.T) / 2
    np.fill_diagonal(truth, np.nan)
    names = [f"a{k}" for k in range(20)]
    wrong = rng.random((20, 20))
    runs = [truth + rng.normal(0, 0.02, truth.shape) for _ in range(3)]
    scores = {
        order: [pd.DataFrame((1 - mixed) * run + mixed * wrong, names, names) for run in runs]
        for order, mixed in {"as they are": 0, "shifted by 16s": 0, "frames shuffled": loss}.items()
    }
    return scores, pd.DataFrame(truth, names, names)


def test_time_is_removed_if_shuffled_frames_rank_as_well_and_not_if_they_rank_worse():
    unchanged = ledger.decided([ledger.time_order_claims(*time_order_frames(0), n=5)])
    assert unchanged["verdict"].tolist() == ["holds"] * 3
    assert unchanged["border"].tolist() == [0.9, 0.9, -0.01]
    worse = ledger.decided([ledger.time_order_claims(*time_order_frames(1), n=5)])
    assert worse["verdict"].tolist() == ["holds", "does not hold", "does not hold"]
    assert worse.columns.tolist() == ledger.COLUMNS


def test_every_claim_has_the_columns_of_the_ledger():
    assert ledger.untold("a claim", "5", "why").columns.tolist() == ledger.COLUMNS


def test_training_with_more_clips_decides_two_claims_by_one_difference():
    table = pd.DataFrame(
        [
            (1, 3, "test", "unordered", -0.1, 0.02, 30.0, 49, 3),
            (3, 1, "test", "unordered", 0.1, 0.02, 30.0, 49, 3),
        ],
        columns=[
            "first",
            "second",
            "part",
            "measure",
            "value",
            "error",
            "freedom",
            "n_queries",
            "n_trainings",
        ],
    )
    hurts, helps = ledger.training_clip_claims(table).to_dict("records")
    assert helps["value"] == -hurts["value"] == 0.1
    assert helps["ci_low"] == -hurts["ci_high"] == pytest.approx(0.1 - 0.02 * scipy.stats.t.ppf(0.975, 30))
    assert "with 3 - with 1 clips an artist" in helps["decided_by"]
