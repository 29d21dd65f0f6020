"""Lists in which values tie: the expected value over all orders.

References
----------
McSherry, F. and Najork, M. (2008). Computing Information Retrieval Performance Measures Efficiently in the
Presence of Tied Scores. ECIR.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.stats

N_DRAWS = 20  # orders drawn where values of a list tie
TIES = 1  # keeps the draws apart from data that a caller made with the same seed


def inclusion(values, n):
    """Probability of each candidate to be among the first `n` when ties are broken at random.

    Parameters
    ----------
    values : np.ndarray, shape=(n_queries, n_candidates)
    n : int

    Returns
    -------
    np.ndarray, shape=(n_queries, n_candidates)
        Each row sums to `n`.
    """
    return sorted_inclusion(Sorted(values), n)


def sorted_inclusion(side, n):
    last = side.descending[:, n - 1 : n]  # whoever ties with the n-th shares what is left
    above, tied = side.values > last, side.values == last
    share = (n - above.sum(axis=1, keepdims=True)) / tied.sum(axis=1, keepdims=True)
    return np.where(above, 1.0, np.where(tied, share, 0.0))


class Sorted:
    """Values of one side, sorted once for all metrics that ask."""

    def __init__(self, values):
        self.values = values
        self._drawn = {}

    @cached_property
    def order(self):
        """Columns, highest value first; where values tie, any order."""
        return np.argsort(-self.values, axis=1)

    @cached_property
    def descending(self):
        return np.take_along_axis(self.values, self.order, axis=1)

    @cached_property
    def equal_to_next(self):
        return np.diff(self.descending, axis=1) == 0

    def tie(self, n):
        """Whether any row has a tie within its first `n` values or across their end."""
        return bool(self.equal_to_next[:, :n].any())

    def drawn(self, seed, side):
        """`order` with ties broken at random, drawn once for all metrics and lengths that ask.

        Parameters
        ----------
        seed : int
        side : int
            0 or 1: the two sides of a comparison draw apart from each other.

        Returns
        -------
        np.ndarray of int, shape=(N_DRAWS, n_queries, n_candidates)
        """
        tied = self.equal_to_next.any(axis=1)
        if not tied.any():
            return np.broadcast_to(self.order, (N_DRAWS, *self.order.shape))
        if (seed, side) not in self._drawn:
            orders, rng = np.repeat(self.order[None], N_DRAWS, axis=0), np.random.default_rng([seed, TIES])
            for order in orders:
                random = rng.random((2, *self.values.shape))[side]
                order[tied] = np.lexsort((random[tied], -self.values[tied]))
            self._drawn[seed, side] = orders
        return self._drawn[seed, side]

    @cached_property
    def ranks(self):
        """Rank of each value, the lowest first; ties share their mean rank."""
        if self.tie(self.values.shape[1]):
            return scipy.stats.rankdata(self.values, axis=1)
        ranks = np.empty(self.values.shape)
        np.put_along_axis(ranks, self.order, np.arange(float(ranks.shape[1]), 0, -1)[None], axis=1)
        return ranks


def sorted(values):
    return values if isinstance(values, Sorted) else Sorted(values)


def expected_discount(side, discount):
    """Mean discount over the places that a candidate's tie group takes."""
    n = np.count_nonzero(discount)
    if not side.tie(n):
        given = np.zeros_like(side.values)
        np.put_along_axis(given, side.order[:, :n], discount[None, :n], axis=1)
        return given
    cumulative = np.concatenate([[0.0], discount.cumsum()])
    first = scipy.stats.rankdata(-side.values, method="min", axis=1).astype(int) - 1
    last = scipy.stats.rankdata(-side.values, method="max", axis=1).astype(int)
    return (cumulative[last] - cumulative[first]) / (last - first)


def drawn_orders(p, t, n, n_ranked, seed):
    """The predicted first `n_ranked` and the true first `n`, as often as orders are drawn.

    Returns
    -------
    predicted, true : np.ndarray of int, shape=(n_draws, n_queries, n_ranked or n)
        One draw where neither side ties.
    """
    p, t = sorted(p), sorted(t)
    if p.tie(n_ranked) or t.tie(n):
        predicted, true = p.drawn(seed, 0), t.drawn(seed, 1)
    else:
        predicted, true = p.order[None], t.order[None]
    return predicted[..., :n_ranked], true[..., :n]


def over_orders(compare):
    """A metric of two lists as its mean over drawn orders; `compare` gets arrays of shape (n_lists, n)."""

    def core(p, t, n, seed):
        predicted, true = drawn_orders(p, t, n, n, seed)
        values = compare(predicted.reshape(-1, n), true.reshape(-1, n))
        return values.reshape(predicted.shape[:2]).mean(axis=0)

    return core
