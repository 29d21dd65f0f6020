"""Verdicts come from one p-value each, and from nothing else."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lib import methods
from lib.cli import report
from lib.filters import claims as filters_claims
from lib.filters import time_order
from lib.listening import published
from lib.ranking import claims as ranking_claims
from lib.ranking import compare, ledger, significance, words


@pytest.mark.parametrize(
    ("value", "p_value", "border", "said"),
    [
        (0.1, 0.04, 0, "holds"),
        (-0.1, 0.04, 0, "does not hold"),
        (0.1, 0.06, 0, "inconclusive"),
        (0.1, np.nan, 0, "inconclusive"),
        (0.1, 0.04, 0.2, "does not hold"),
        (-0.1, 0.04, -0.2, "holds"),
    ],
)
def test_a_claim_is_decided_by_its_p_value_and_the_side_of_the_border(value, p_value, border, said):
    assert ledger.verdict(value, p_value, border) == said


def frame(values):
    return methods.labelled_scores(values, [f"a{k}" for k in range(len(values))])


def one(claims, beginning):
    (row,) = claims[claims["claim"].str.startswith(beginning)].to_dict("records")
    return row


def decided(*claims):
    return ledger.decided(claims)


def pairs_of_artists(rng, level, n_trainings=3, spread=0.01):
    """Losses of the pairs of ten artists, each once, near a level; two pairs of clips behind some of them."""
    once = np.triu(np.ones((10, 10), dtype=bool), k=1)
    ids = [f"a{k}" for k in range(10)]
    runs = [pd.DataFrame(level + spread * rng.normal(size=(10, 10)), ids, ids) for _ in range(n_trainings)]
    weights = pd.DataFrame(1.0 + np.add.outer(np.arange(10) % 2, np.zeros(10)), ids, ids)
    return [run.where(once) for run in runs], weights


def test_a_loss_that_falls_by_a_third_does_not_rise_and_the_fall_is_appreciable(rng):
    early, last = (pairs_of_artists(rng, level) for level in (0.3, 0.2))
    constant = pairs_of_artists(rng, 0.35, n_trainings=1)
    claims = decided(ranking_claims.loss_claims(early, last, constant, truth="as_published"))
    assert claims["claim"].str.endswith("truth as published").all()
    rise, small, good = claims.to_dict("records")

    def mean(runs, weights):
        return np.mean([np.nansum(run * weights) / np.nansum(weights.where(run.notna())) for run in runs])

    before, after, level = mean(*early), mean(*last), mean(*constant)
    assert rise["value"] == pytest.approx(after - before)
    assert small["value"] == pytest.approx(0.05 * level - (before - after))
    assert good["value"] == pytest.approx(level - after)
    verdicts = [row["verdict"] for row in (rise, small, good)]
    assert verdicts == ["does not hold", "does not hold", "holds"]
    assert rise["decided_by"].startswith("test loss after the last epoch - after epoch 5")


def test_a_loss_that_rises_a_little_rises_and_more_epochs_bring_no_appreciable_reduction(rng):
    early = pairs_of_artists(rng, 0.3)
    last = [run + 0.01 + 0.001 * rng.normal(size=(10, 10)) for run in early[0]], early[1]
    claims = decided(
        ranking_claims.loss_claims(early, last, pairs_of_artists(rng, 0.2, 1), truth="corrected")
    )
    assert claims["verdict"].tolist() == ["holds", "holds", "does not hold"]


def test_what_does_not_change_is_inconclusive(rng):
    same = pairs_of_artists(rng, 0.3)
    claims = decided(ranking_claims.loss_claims(same, same, (same[0][:1], same[1]), truth="corrected"))
    assert claims["value"][0] == 0
    assert claims["verdict"][0] == "inconclusive"


def test_a_gain_over_the_constant_decides_the_claim_on_artists():
    for value, verdict in ((0.1, "holds"), (-0.1, "does not hold"), (0.001, "inconclusive")):
        gain = significance.Estimate(value, 0.01, 20.0, 8, 3)
        claim = decided(ranking_claims.artist_loss_claim(gain)).loc[0]
        assert (claim["value"], claim["p_value"], claim["verdict"]) == (value, gain.p_value(), verdict)


# Ledger, comparisons, README and sentences.


def small_study(seed, noise):
    """Twelve artists, a network that knows the truth but for noise, in two trainings, and two baselines."""
    rng = np.random.default_rng(seed)
    truth = frame(rng.random((12, 12)))
    places = {
        name: methods.labelled_scores(rng.random((12, 12)), list(truth.index)) for name in ("l2", "other")
    }
    predicted = {
        "siamese": [truth + noise * rng.normal(size=(12, 12)) for _ in range(2)],
        "l2": [places["l2"]],
        "chance": [truth * 0],
    }
    truths = {"corrected": truth, "as_published": published.every_place(places["other"], blank=-1.0)}
    listeners = pd.Series(np.arange(12, 0, -1), index=truth.index)
    compared = compare.comparisons(
        predicted, truths, list(truth.index), references=["l2", "chance"],
        measures=[("unordered", n) for n in (3, 5, 8)], listeners=listeners,
    )  # fmt: skip
    return compared, predicted, truth


def claim_of(row):
    """The claim that a comparison decides, worded as in the ledger; None if there is none."""
    end = f", truth {row['truth'].replace('_', ' ')}"
    if row["measure"] == compare.LEAD:
        return "the model's lead is largest at small n" + end
    claims = {
        ("siamese", "l2"): "the model outperforms the baseline",
        ("l2", "chance"): "the baseline is better than random selection",
        ("siamese", "chance"): "the model is better than random selection",
    }
    claim = claims.get((row["method"], row["reference"]))
    return claim and f"{claim}, n = {row['n']}{end}"


VERDICTS = {"higher": "holds", "lower": "does not hold", "inconclusive": "inconclusive"}


@pytest.mark.parametrize(("seed", "noise"), itertools.product(range(4), (0.05, 0.6, 3)))
def test_ledger_comparisons_readme_and_sentences_never_disagree(seed, noise, tmp_path):
    compared, predicted, truth = small_study(seed, noise)
    compared.to_csv(tmp_path / "comparisons.csv", index=False)
    everything = ledger.decided([
        ranking_claims.comparison_claims(compared),
        ranking_claims.epoch_claims(predicted["siamese"], predicted["siamese"][::-1], truth, n=5),
    ])  # fmt: skip
    everything.to_csv(tmp_path / "ledger.csv", index=False)
    table, claims = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("comparisons", "ledger"))
    table = table.astype({"n": "Int64"})
    by_claim = claims.set_index("claim")
    assert by_claim.index.is_unique
    sentences = (
        words.comparisons(table).splitlines() + words.comparisons(table, kind="secondary").splitlines()
    )
    readme, listed = report.verdicts(claims), []
    for row in [*table.query("kind == 'primary'").to_dict("records"),
                *table.query("kind == 'secondary'").to_dict("records")]:  # fmt: skip
        sentence, claim = sentences.pop(0), claim_of(row)
        decision = row["decision"]
        if row["measure"] == compare.LEAD:
            verb = {"higher": " is larger ", "lower": " is smaller ", "inconclusive": " cannot be shown "}
        else:
            verb = {"higher": " ranks better ", "lower": " ranks worse ", "inconclusive": " is not shown "}
        assert [word in sentence for word in verb.values()] == [decision == word for word in verb]
        assert (
            decision
            == {1: "higher", -1: "lower", 0: "inconclusive"}[
                compare.side(row["difference"], row["p_corrected"])
            ]
        )
        if claim is None:
            continue
        listed.append(claim)
        line = by_claim.loc[claim]
        assert line["verdict"] == VERDICTS[decision], claim
        assert line["kind"] == row["kind"]
        for name, own in (("value", "difference"), ("ci_low", "ci_low"), ("ci_high", "ci_high"),
                          ("p_value", "p_value"), ("p_corrected", "p_corrected")):  # fmt: skip
            assert line[name] == row[own], (claim, name)
        assert (f"- {claim}: **{line['verdict']}**" in readme) == (row["kind"] == "primary")
    assert not sentences
    assert set(listed) == set(by_claim.index[:-1])  # the last claim is no comparison
    others = claims[claims["kind"] != "primary"]["verdict"]
    for verdict in ledger.MEANINGS.values():
        assert f"{verdict}: {(others == verdict).sum()}" in readme
        assert (
            words.verdicts(claims).count(f": {verdict}.")
            == (claims[claims["kind"] == "primary"]["verdict"] == verdict).sum()
        )


def test_ranking_claims_name_all_lengths_and_both_truths():
    claims = ranking_claims.comparison_claims(small_study(0, 0.05)[0])
    assert len(claims) == 2 * (3 * 3 + 1)
    assert (claims["kind"] == "primary").sum() == 4
    better = one(claims, "the model outperforms the baseline, n = 8, truth corrected")
    assert (better["kind"], better["verdict"]) == ("primary", "holds")
    assert claims.columns.tolist() == ledger.COLUMNS


def test_a_secondary_claim_needs_its_corrected_p_value(rng):
    ends = [significance.Estimate(value, 1.0, np.inf, 10, 1) for value in (2.1, 4, 0.1)]
    claims = decided(*(ranking_claims.artist_loss_claim(gain) for gain in ends))
    assert claims["p_value"].iloc[0] < 0.05 < claims["p_corrected"].iloc[0]
    assert claims["verdict"].tolist() == ["inconclusive", "holds", "inconclusive"]
    np.testing.assert_allclose(claims["p_corrected"], significance.holm(claims["p_value"]))


def test_the_order_of_claims_stays_and_comparisons_keep_their_verdict():
    compared = ranking_claims.comparison_claims(small_study(0, 0.6)[0])
    untold = ledger.untold("a claim", "5", "why")
    claims = decided(untold, compared, untold)
    assert claims["claim"].tolist() == ["a claim", *compared["claim"], "a claim"]
    assert claims["verdict"].tolist() == ["inconclusive", *compared["verdict"], "inconclusive"]
    assert claims.columns.tolist() == ledger.COLUMNS


def test_more_epochs_do_not_help_where_an_early_epochs_weights_rank_better(rng):
    truth = frame(rng.random((12, 12)))
    assert decided(ranking_claims.epoch_claims([-truth], [truth], truth, n=3))["verdict"].tolist() == [
        "holds"
    ]
    same = decided(ranking_claims.epoch_claims([truth], [truth], truth, n=3))
    assert (same["value"][0], same["verdict"][0]) == (0, "inconclusive")


# The search, the metric, clips and style.


def fresh(paper, rival):
    rows = [("paper", seed, loss) for seed, loss in enumerate(paper)]
    rows += [("rival", seed, loss) for seed, loss in enumerate(rival)]
    return pd.DataFrame(rows, columns=["setting", "seed", "dev_loss"])


def test_the_papers_setting_is_best_where_fresh_trainings_of_the_rival_lose_more():
    check = fresh([0.1, 0.101, 0.102], [0.3, 0.302, 0.304])
    claim = decided(ranking_claims.search_claims(check)).loc[0]
    oracle = scipy.stats.ttest_ind([0.3, 0.302, 0.304], [0.1, 0.101, 0.102], equal_var=False)
    assert claim["value"] == pytest.approx(0.201)
    assert claim["p_value"] == pytest.approx(oracle.pvalue)
    assert (claim["ci_low"], claim["ci_high"]) == pytest.approx(tuple(oracle.confidence_interval()))
    assert claim["verdict"] == "holds"
    swapped = check.assign(setting=check["setting"].map({"paper": "rival", "rival": "paper"}))
    assert decided(ranking_claims.search_claims(swapped))["verdict"].tolist() == ["does not hold"]


def test_one_fresh_training_a_setting_decides_nothing():
    claim = decided(ranking_claims.search_claims(fresh([0.1], [0.3]))).loc[0]
    assert claim["value"] == pytest.approx(0.2)
    assert np.isnan(claim["ci_low"])
    assert claim["verdict"] == "inconclusive"


def test_a_grid_without_the_papers_setting_or_without_another_one_cannot_tell():
    for check in (fresh([], []), fresh([0.1, 0.2], [])):
        claim = decided(ranking_claims.search_claims(check)).loc[0]
        assert claim["verdict"] == "inconclusive"
        assert "must hold the paper's setting and another one" in claim["decided_by"]


def test_the_metric_lifts_obscure_artists_where_their_nearest_have_fewer_listeners(rng):
    """Before, popular candidates are near to everybody; with the metric those of like popularity are."""
    listeners = pd.Series(2.0 ** np.linspace(10, 2, 30), index=[f"a{k}" for k in range(30)])
    fame = np.log2(listeners)
    before = frame(fame.to_numpy() + rng.normal(0, 2, (30, 30)))
    after = frame(-np.abs(np.subtract.outer(fame.to_numpy(), fame.to_numpy() + 1e-3)))
    lists = [
        [fame[frame.loc[query].drop(query).nlargest(4).index].mean() for query in fame.index[15:]]
        for frame in (before, after)
    ]
    claims = decided(ranking_claims.metric_claims(before, after, listeners, after, n=4))
    lifts = one(claims, "the metric lifts")
    assert lifts["value"] == pytest.approx(np.mean(np.subtract(*lists)))
    assert lifts["verdict"] == "holds"
    more = decided(ranking_claims.metric_claims(before, after, 1000 * listeners, after, n=4))
    figures = ["value", "ci_low", "ci_high"]
    assert [one(more, "the metric lifts")[name] for name in figures] == pytest.approx(
        [lifts[name] for name in figures]
    )
    back = decided(ranking_claims.metric_claims(after, before, listeners, after, n=4))
    assert one(back, "the metric lifts")["verdict"] == "does not hold"


def test_the_metric_is_symmetric_where_every_pair_is(rng):
    values = rng.random((8, 8))
    listeners = pd.Series(np.arange(8, 0, -1), index=[f"a{k}" for k in range(8)])
    both_ways = frame(values + values.T)
    claims = decided(ranking_claims.metric_claims(frame(values), both_ways, listeners, None, n=2))
    symmetric = one(claims, "the metric is symmetric")
    assert (symmetric["value"], symmetric["verdict"], symmetric["kind"]) == (0, "holds", "exact")
    both_ways.iloc[0, 1] += 0.5
    claims = decided(ranking_claims.metric_claims(frame(values), both_ways, listeners, None, n=2))
    lopsided = one(claims, "the metric is symmetric")
    assert (lopsided["value"], lopsided["verdict"]) == (pytest.approx(-0.5), "does not hold")


def test_the_lifted_artists_are_alike_in_style_where_the_metric_follows_style(rng):
    places = rng.random(20)
    style = frame(-np.abs(np.subtract.outer(places, places)))
    listeners = pd.Series(np.arange(20, 0, -1), index=style.index)
    random = frame(rng.random((20, 20)))
    claims = decided(ranking_claims.metric_claims(random, style, listeners, style, n=3))
    alike = one(claims, "the artists that the metric lifts")
    assert alike["verdict"] == "holds"
    obscure = style.index[10:]
    scaled = style.apply(lambda row: (row - row.mean()) / row.std(ddof=0), axis=1)
    nearest = [
        scaled.loc[query, style.loc[query].nlargest(3).index].mean()
        - scaled.loc[query, random.loc[query].drop(query).nlargest(3).index].mean()
        for query in obscure
    ]
    assert alike["value"] == pytest.approx(np.mean(nearest))
    unknown = decided(ranking_claims.metric_claims(random, style, listeners, None, n=3))
    assert one(unknown, "the artists that the metric lifts")["verdict"] == "inconclusive"


def test_the_less_known_of_two_alike_has_the_lower_similarity_where_popularity_adds_to_it(rng):
    places, fame = rng.random(25), np.linspace(2, 0, 25)
    style = frame(-np.abs(np.subtract.outer(places, places)))
    listeners = pd.Series(np.exp(fame), index=style.index)
    for weight, verdict in ((1, "holds"), (-1, "does not hold")):
        claims = ranking_claims.popularity_claims(style + weight * fame, listeners, style)
        assert decided(claims)["verdict"].tolist() == [verdict]
    assert decided(ranking_claims.popularity_claims(style, listeners, style))["verdict"].tolist() == [
        "inconclusive"
    ]
    assert decided(ranking_claims.popularity_claims(style, listeners, None))["verdict"].tolist() == [
        "inconclusive"
    ]


def test_more_clips_at_test_time_decide_by_the_gain_over_one():
    curve = pd.DataFrame(
        {"method": ["siamese", "l2", "siamese", "l2"], "clips": [1, 1, 3, 3], "n": 5,
         "value": [0.3, 0.3, 0.4, 0.2], "gain_value": [0, 0, 0.1, -0.1],
         "gain_ci_low": [0, 0, 0.05, -0.2], "gain_ci_high": [0, 0, 0.2, -0.05],
         "gain_p_value": [1, 1, 0.01, 0.02]}
    )  # fmt: skip
    claim = decided(ranking_claims.clip_claims(curve)).loc[0]
    assert claim[["value", "ci_low", "ci_high", "p_value"]].tolist() == [0.1, 0.05, 0.2, 0.01]
    assert claim["verdict"] == "holds"
    assert "with 3 clips an artist - with one" in claim["decided_by"]
    few = decided(ranking_claims.clip_claims(curve[curve["clips"] == 1]))
    assert few["verdict"].tolist() == ["inconclusive"]


@pytest.fixture
def styled(rng):
    places = rng.random(30)
    style = frame(-np.abs(np.subtract.outer(places, places)))
    return style, {"siamese": [style], "l2": [frame(rng.random((30, 30)))]}


def test_who_names_the_nearest_in_style_predicts_style(styled):
    style, predicted = styled
    test = [f"a{k}" for k in range(10, 30)]
    claims = decided(ranking_claims.style_claims(style, predicted, ["a0", "a1", "a2"], test))
    assert claims["verdict"].tolist() == ["holds", "holds"]
    scaled = style.loc[["a0", "a1", "a2"]].apply(lambda row: (row - row.mean()) / row.std(ddof=0), axis=1)
    nearest = np.mean([row.nlargest(5).mean() for _, row in scaled.iterrows()])
    assert claims.loc[0, "value"] == pytest.approx(nearest, abs=0.03)  # random lists lie near 0
    swapped = {"siamese": predicted["l2"], "l2": predicted["siamese"]}
    verdicts = decided(ranking_claims.style_claims(style, swapped, ["a0"], test))["verdict"]
    assert verdicts.tolist() == ["inconclusive", "does not hold"]


def test_a_constant_model_has_chances_closeness_in_style_without_error(styled):
    style, _ = styled
    constant = ranking_claims._closeness(style, frame(np.zeros((30, 30))), 5)
    np.testing.assert_allclose(constant.values, 0, atol=1e-12)
    np.testing.assert_allclose(constant.influence.fillna(0), 0, atol=1e-12)


def test_a_model_that_names_everybody_predicts_no_style_and_its_p_value_is_a_probability(styled):
    """Lists as long as there are candidates are those of chance: all random lists tie with them."""
    style, predicted = styled
    claims = decided(
        ranking_claims.style_claims(style, predicted, ["a0", "a1"], ["a2", "a3", "a4", "a5"], n=29)
    )
    assert claims["p_value"].tolist() == [1, 1]
    assert claims["verdict"].tolist() == ["inconclusive"] * 2


def test_without_a_world_that_knows_its_styles_they_are_inconclusive():
    claims = decided(ranking_claims.style_claims(None, {}, ["a0"], ["a1"]))
    assert claims["verdict"].tolist() == ["inconclusive"] * 2
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
    structure = pd.DataFrame({"network": np.repeat([0, 1], 4), "p_value": [0.01, 1, 1, 1, 0.01, 0.01, 1, 1]})
    return structure, described, controls


def decided_filters(*tables):
    return decided(filters_claims.filter_claims(*tables))


def test_filters_better_than_those_of_all_controls_make_the_papers_readings_hold():
    claims = decided_filters(*filter_tables(0.15)).set_index("claim")
    bass = claims.loc["a filter responds to a sharp bassy sound"]
    assert (bass["value"], bass["verdict"]) == (pytest.approx(0.15, abs=0.03), "holds")
    some = claims.loc["a selection of filters responds to specific patterns"]
    assert some["value"] == pytest.approx(2 / 4, abs=0.1)  # those at .3 and .4, less what a control has
    assert some["verdict"] == "holds"
    assert (claims["border"] == 0).all()


def test_filters_like_those_of_controls_decide_nothing_and_worse_ones_against_it():
    claims = decided_filters(*filter_tables(0)).set_index("claim")["verdict"]
    assert claims["a filter responds to what is followed by silence"] == "inconclusive"
    assert claims["a selection of filters responds to specific patterns"] == "inconclusive"
    worse = decided_filters(*filter_tables(-0.1)).set_index("claim")["verdict"]
    assert worse["a filter responds to what is followed by silence"] == "does not hold"


def test_without_controls_patterns_are_inconclusive_and_the_command_is_named():
    structure, described, controls = filter_tables(0.15)
    with_them, without = (
        decided_filters(structure, described, controls),
        decided_filters(structure, described),
    )
    assert with_them["claim"].tolist() == without["claim"].tolist()
    assert without["verdict"][1:].tolist() == ["inconclusive"] * 3
    assert without["decided_by"][1:].str.contains("benchmarks.filter_controls").all()
    same = ["claim", "value", "ci_low", "ci_high", "p_value", "verdict"]
    assert without.loc[0, same].equals(with_them.loc[0, same])


def test_most_filters_look_like_noise_if_more_than_half_lack_a_shape_in_every_training():
    structure, described, controls = filter_tables(0)
    claim = decided_filters(structure, described, controls).iloc[0]
    half = scipy.stats.t.ppf(0.975, 1) * 0.125  # shares of .75 and .5 in two trainings
    assert (claim["value"], claim["ci_high"]) == pytest.approx((0.125, 0.125 + half))
    assert claim["verdict"] == "inconclusive"
    structure["p_value"] = [0.01, 1, 1, 1] * 2
    assert decided_filters(structure, described, controls)["verdict"][0] == "holds"


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
        for order, mixed in {
            time_order.UNCHANGED: 0,
            time_order.SHIFTED: 0,
            time_order.SHUFFLED: loss,
        }.items()
    }
    return scores, pd.DataFrame(truth, names, names)


def test_time_is_removed_if_shuffled_frames_rank_as_well_and_not_if_they_rank_worse():
    unchanged = ledger.decided([filters_claims.time_order_claims(*time_order_frames(0), n=5)])
    assert unchanged["verdict"].tolist() == ["holds"] * 3
    assert unchanged["border"].tolist() == [0.9, 0.9, -0.01]
    worse = ledger.decided([filters_claims.time_order_claims(*time_order_frames(1), n=5)])
    assert worse["verdict"].tolist() == ["holds", "does not hold", "does not hold"]
    assert worse.columns.tolist() == ledger.COLUMNS


def test_real_verdicts_stand_beside_the_simulated_ones_by_the_words_of_the_claim():
    """Neither order nor a column from before matters; claims that the real ledger lacks are *not checked*."""
    simulated = pd.DataFrame({"claim": ["a", "b", "c"], "verdict": "holds", "on_real_music": "holds"})
    real = pd.DataFrame({"claim": ["z", "c", "a"], "verdict": ["holds", "inconclusive", "does not hold"]})
    real["value"] = [0.1, 0.2, -0.1]
    both = ledger.beside_real_music(simulated, real)
    assert both["on_real_music"].tolist() == ["does not hold", "not checked", "inconclusive"]
    pd.testing.assert_frame_equal(both[["claim", "verdict"]], simulated[["claim", "verdict"]])
    assert simulated["on_real_music"].tolist() == ["holds"] * 3


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
    hurts, helps = ranking_claims.training_clip_claims(table).to_dict("records")
    assert helps["value"] == -hurts["value"] == 0.1
    assert helps["ci_low"] == -hurts["ci_high"] == pytest.approx(0.1 - 0.02 * scipy.stats.t.ppf(0.975, 30))
    assert "with 3 minus with 1 clips an artist" in helps["decided_by"]
