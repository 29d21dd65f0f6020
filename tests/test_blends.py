"""The quality of blended scores, against a loop over queries that is written out."""

import math

import numpy as np
import pandas as pd
import pytest

from lib.beyond import adjust, blends
from lib.methods import labelled_scores
from lib.ranking.scores import Scores

IDS = [f"a{place}" for place in range(12)]
TEST = [IDS[place] for place in (7, 2, 11, 0, 5, 9)]
N = 3


def standard(values):
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    return [(value - mean) / spread if spread > 1e-12 else 0.0 for value in values]


def by_hand(frames, listeners, shared, truth, share, weight):
    """Mean nDCG over queries and trainings, one query after the other, without the house's functions."""
    values = []
    for frame in frames:
        for query in TEST:
            others = [artist for artist in TEST if artist != query]
            parts = [
                standard([frame.at[query, other] for other in others]),
                standard([shared.at[query, other] for other in others]),
                standard([math.log(listeners[other]) for other in others]),
            ]
            blended = [(1 - share) * a + share * b + weight * c for a, b, c in zip(*parts, strict=True)]
            gains = [truth.at[query, other] for other in others]
            order = sorted(range(len(others)), key=lambda place: -blended[place])[:N]
            reached = sum(gains[place] / math.log2(rank + 2) for rank, place in enumerate(order))
            ideal = sum(g / math.log2(k + 2) for k, g in enumerate(sorted(gains, reverse=True)[:N]))
            values.append(reached / ideal)
    return sum(values) / len(values)


@pytest.fixture
def world(rng):
    frames = {(name, 0, seed): labelled_scores(rng.random((12, 12)), IDS)
              for name, seed in (("l2", 0), ("siamese", 0), ("siamese", 1))}  # fmt: skip
    shared, truth = (labelled_scores(rng.random((12, 12)), IDS) for _ in range(2))
    return Scores.of_frames(frames), pd.Series(rng.integers(1, 500, 12), IDS), shared, truth


def test_every_setting_is_what_a_loop_over_queries_gives(world):
    scores, listeners, shared, truth = world
    shares, weights = [0.0, 0.3, 1.0], [0.0, 0.5, 2.0]
    table = blends.measured(*world, TEST, n=N, shares=shares, weights=weights)
    assert len(table) == 2 * 9 and set(table["n_queries"]) == {6} and set(table["n"]) == {N}
    for row in table.itertuples():
        frames = scores.trainings(row.method)
        wanted = by_hand(frames, listeners, shared, truth, row.listeners, row.popularity)
        assert row.value == pytest.approx(wanted, abs=1e-12)
        assert row.ci_low <= row.value <= row.ci_high


def test_chance_is_the_mean_over_all_orders(world, rng):
    *_, truth = world
    table = blends.measured(*world, TEST, n=N, shares=[0.0], weights=[0.0])
    own = truth.loc[TEST, TEST].to_numpy()
    own = own[~np.eye(6, dtype=bool)].reshape(6, 5)
    discount = np.array([1, 1 / math.log2(3), 0.5])
    wanted = np.mean(own.mean(axis=1) * discount.sum() / (-np.sort(-own, axis=1)[:, :3] @ discount))
    assert set(table["chance"].round(10)) == {round(wanted, 10)}


def test_with_shared_listeners_alone_all_methods_are_equal(world):
    table = blends.measured(*world, TEST, n=N, shares=[1.0], weights=adjust.WEIGHTS)
    both = table.pivot(index="popularity", columns="method", values="value")
    np.testing.assert_allclose(both["l2"], both["siamese"])


def test_artists_that_are_not_tested_change_nothing(world):
    scores, listeners, shared, truth = world
    changed = shared.copy()
    others = [artist for artist in IDS if artist not in TEST]
    changed.loc[others, :], changed.loc[:, others] = 0.5, 0.5
    asked = {"n": N, "shares": [0.5], "weights": [0.5]}
    one = blends.measured(scores, listeners, shared, truth, TEST, **asked)
    other = blends.measured(scores, listeners, changed, truth, TEST, **asked)
    pd.testing.assert_frame_equal(one, other)


def test_methods_that_know_listeners_and_chance_have_no_slider():
    frame = labelled_scores(np.zeros((2, 2)), ["a", "b"])
    names = ("siamese", "split_half", "world", "chance", "l2", "l2+proximity", "factor_ridge")
    scores = Scores.of_frames({(name, 0, 0): frame for name in names} | {("spectrum", 1, 0): frame})
    assert blends.methods(scores) == ["l2", "siamese", "factor_ridge"]


def test_the_sentence_names_the_highest_setting_and_claims_nothing(world):
    table = blends.measured(*world, TEST, n=N, shares=[0.0, 0.5], weights=[0.0, 1.0])
    own = table[table["method"] == "siamese"]
    best, text = own.loc[own["value"].idxmax()], blends.sentence(table, "siamese")
    assert f"{best['value']:.2f}, at {best['listeners']:g} for shared listeners" in text
    assert "claims nothing" in text and "of siamese network is" in text
