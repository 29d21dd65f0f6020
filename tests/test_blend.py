"""What is heard and what is known, blended by hand."""

import numpy as np
import pandas as pd
import pytest

from lib.beyond import adjust

SCORES = pd.DataFrame([[np.nan, 1.0, 3.0]], index=["a"], columns=["a", "b", "c"])
LISTENERS = pd.Series({"a": 7, "b": 100, "c": 10})


@pytest.mark.parametrize(("weight", "wanted"), [(0, [-1, 1]), (0.5, [-0.5, 0.5]), (1, [0, 0]), (3, [2, -2])])
def test_both_sides_are_standardised_over_the_candidates(weight, wanted):
    found = adjust.blend(SCORES, LISTENERS, weight).loc["a"]
    np.testing.assert_allclose(found[["b", "c"]], wanted, atol=1e-12)
    assert np.isnan(found["a"])


def test_without_weight_every_order_stays(rng):
    scores = pd.DataFrame(rng.normal(size=(5, 3)), columns=["a", "b", "c"])
    assert (adjust.blend(scores, LISTENERS, 0).rank(axis=1) == scores.rank(axis=1)).all(axis=None)


def test_scores_that_are_all_equal_leave_popularity_alone():
    found = adjust.blend(SCORES * 0, LISTENERS, 1.0)
    assert found.loc["a", "b"] > found.loc["a", "c"]


@pytest.mark.parametrize(("listeners", "weight", "message"), [
    (LISTENERS.drop("c"), 1, "1 candidates have no listeners"), (LISTENERS * 0, 1, "3 candidates have no"),
    (LISTENERS, -1, "0 or more, got -1"), (LISTENERS, np.inf, "0 or more, got inf"),
])  # fmt: skip
def test_what_cannot_be_blended_is_an_error(listeners, weight, message):
    with pytest.raises(ValueError, match=message):
        adjust.blend(SCORES, listeners, weight)


TRUTH = pd.DataFrame([[np.nan, 0.2, 0.1]], index=["a"], columns=["a", "b", "c"])


@pytest.mark.parametrize(
    ("share", "weight", "wanted"),
    [(0, 0, [-1, 1]), (0.25, 0, [-0.5, 0.5]), (0.5, 0, [0, 0]), (1, 0, [1, -1]), (0.25, 1, [0.5, -0.5])],
)
def test_shared_listeners_take_the_place_of_the_score_by_their_share(share, weight, wanted):
    shuffled = TRUTH[["c", "a", "b"]]  # labels count, places do not
    blended = adjust.blend(SCORES, LISTENERS, weight, truth=shuffled, share=share)
    np.testing.assert_allclose(blended.loc["a", ["b", "c"]], wanted, atol=1e-12)
    assert np.isnan(blended.loc["a", "a"])


def test_a_truth_that_is_equal_for_all_leaves_the_order_of_the_scores():
    blended = adjust.blend(SCORES, LISTENERS, 0, truth=TRUTH * 0, share=0.9).loc["a"]
    np.testing.assert_allclose(blended[["b", "c"]], [-0.1, 0.1], atol=1e-12)


def test_without_a_share_the_truth_changes_no_bit(rng):
    scores = pd.DataFrame(rng.normal(size=(5, 3)), columns=["a", "b", "c"])
    with_truth = adjust.blend(scores, LISTENERS, 0.7, truth=scores**2)
    pd.testing.assert_frame_equal(with_truth, adjust.blend(scores, LISTENERS, 0.7), check_exact=True)


@pytest.mark.parametrize(("truth", "share", "message"), [
    (TRUTH, 1.5, "from 0 to 1, got 1.5"), (TRUTH, -0.1, "from 0 to 1, got -0.1"),
    (TRUTH, np.nan, "from 0 to 1, got nan"), (None, 0.5, "a share of 0.5 of the truth needs the truth"),
    (TRUTH[["b"]], 0.5, "the truth is NaN for 1 pairs that have a score"),
])  # fmt: skip
def test_a_truth_that_cannot_be_blended_in_is_an_error(truth, share, message):
    with pytest.raises(ValueError, match=message):
        adjust.blend(SCORES, LISTENERS, 0, truth=truth, share=share)
