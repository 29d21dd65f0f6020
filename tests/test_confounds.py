"""What else could make a ranking look right: by hand, against loops, SciPy and scikit-learn."""

import itertools

import numpy as np
import pandas as pd
import pytest

from lib import confounds, methods


def frame(values):
    return methods.labelled_scores(values, [f"a{k}" for k in range(len(values))])


def random_frame(rng, n=49):
    return frame(rng.random((n, n)))


def test_concordance_compares_candidates_of_like_fame_only(rng):
    listeners = pd.Series([100, 110, 1000, 1200], index=["a0", "a1", "a2", "a3"])  # pairs (0, 1) and (2, 3)
    target = frame([[0, 1, 3, 2], [1, 0, 3, 2], [3, 2, 0, 1], [3, 2, 1, 0]])
    as_fame = frame(np.tile([0, 0, 9, 9], (4, 1)))
    assert confounds.matched_concordance(as_fame, target, listeners).tolist() == [0.5] * 4
    assert confounds.matched_concordance(target, target, listeners).tolist() == [1] * 4
    assert confounds.matched_concordance(-target, target, listeners).tolist() == [0] * 4
    lone = confounds.matched_concordance(target, target, listeners, ratio=1.15)  # only (0, 1) is left
    assert lone.isna().tolist() == [True, True, False, False]


def test_concordance_equals_a_loop_over_pairs(rng):
    predicted, target = random_frame(rng, 9).round(1), random_frame(rng, 9).round(1)
    listeners = pd.Series(rng.integers(50, 150, 9), index=target.index)
    wanted = []
    for query in target.index:
        values = [
            0.5
            + 0.5
            * np.sign(predicted.loc[query, a] - predicted.loc[query, b])
            * np.sign(target.loc[query, a] - target.loc[query, b])
            for a, b in itertools.combinations(target.index.drop(query), 2)
            if max(listeners[a], listeners[b]) / min(listeners[a], listeners[b]) <= 1.3
            and target.loc[query, a] != target.loc[query, b]
        ]
        wanted.append(np.mean(values) if values else np.nan)
    np.testing.assert_allclose(confounds.matched_concordance(predicted, target, listeners), wanted)


def test_concordance_without_listeners_is_an_error(rng):
    target = random_frame(rng, 4)
    with pytest.raises(ValueError, match="1 candidates have no listeners"):
        confounds.matched_concordance(target, target, pd.Series(5, index=["a0", "a1", "a2"]))


def test_a_factor_of_exactly_the_ratio_is_still_alike():
    listeners = pd.Series([100, 130, 169, 1000], index=["a0", "a1", "a2", "a3"])  # 1.3 apart, 1.3 apart
    target = frame([[0, 1, 2, 3], [1, 0, 2, 3], [2, 1, 0, 3], [3, 2, 1, 0]])
    found = confounds.matched_concordance(target, target, listeners)
    assert found.isna().tolist() == [False, True, False, False]  # without a1 nobody is alike


@pytest.mark.parametrize("n", [3, 12])
def test_a_constant_prediction_has_a_concordance_of_exactly_one_half(n, rng):
    listeners = pd.Series(rng.integers(50, 60, n), index=[f"a{k}" for k in range(n)])
    found = confounds.matched_concordance(frame(np.zeros((n, n))), random_frame(rng, n), listeners)
    assert (found == 0.5).all()


def test_queries_that_are_no_candidates_and_labels_that_differ(rng):
    truth = pd.DataFrame(rng.random((2, 5)), index=["x", "y"], columns=list("abcde"))
    listeners = pd.Series(7, index=list("abcde"))
    assert confounds.matched_concordance(truth, truth, listeners).tolist() == [1, 1]
    with pytest.raises(ValueError, match="different artists in their columns"):
        confounds.matched_concordance(truth.iloc[:, ::-1], truth, listeners)
