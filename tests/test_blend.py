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
