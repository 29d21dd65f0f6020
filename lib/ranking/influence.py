"""A metric of ranking query by query, with what each candidate adds to it: what intervals over artists
need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Measured:
    """A metric of one prediction, query by query, and the influence of each candidate on it.

    Attributes
    ----------
    values : pd.Series, shape=(n_queries,)
        NaN for a query on which the metric is not defined.
    influence : pd.DataFrame, shape=(n_queries, n_candidates)
        By how much a query's value would rise if there were more candidates like this one, to first order;
        each row sums to 0. NaN where an artist is no candidate of the query.
    """

    values: pd.Series
    influence: pd.DataFrame

    @classmethod
    def of(cls, values, shares, target):
        """From the values and what each other artist adds to them.

        Parameters
        ----------
        values : np.ndarray, shape=(n_queries,)
        shares : np.ndarray, shape=(n_queries, n_others)
            Without each query's own cell, as `validate` leaves it.
        target : pd.DataFrame, shape=(n_queries, n_candidates)
            Of which labels and own cells are taken.

        Returns
        -------
        Measured
        """
        whole = np.full(target.shape, np.nan)
        whole[~own_cells(target)] = (shares - shares.mean(axis=1, keepdims=True)).ravel()
        return cls(
            pd.Series(values, index=target.index),
            pd.DataFrame(whole, index=target.index, columns=target.columns),
        )

    def of_queries(self, queries):
        """Some of the queries, among all candidates."""
        return Measured(self.values.loc[queries], self.influence.loc[queries])

    def __sub__(self, other):
        return Measured(self.values - other.values, self.influence - other.influence)


def mean(parts):
    """The mean of several measures over the same queries and candidates, such as drawn choices of clips."""
    total = parts[0]
    for part in parts[1:]:
        total = Measured(total.values + part.values, total.influence + part.influence)
    return Measured(total.values / len(parts), total.influence / len(parts))


def stacked(parts):
    """One measure of the queries of several folds, each with its own candidates.

    Parameters
    ----------
    parts : sequence of Measured
        No artist may be in two of them.

    Returns
    -------
    Measured
    """
    if len(parts) == 1:
        return parts[0]
    return Measured(pd.concat([part.values for part in parts]), pd.concat([part.influence for part in parts]))


def own_cells(target):
    """Where a query meets itself among the candidates: boolean, of the target's shape."""
    place = target.columns.get_indexer(target.index)
    if not ((place >= 0).all() or (place < 0).all()):
        raise ValueError("either every query is among the candidates, once, or none is")
    own = np.zeros(target.shape, dtype=bool)
    own[np.flatnonzero(place >= 0), place[place >= 0]] = True
    return own


def of_correlation(first, second, values):
    """What each candidate adds to a correlation of two rows, which it also scales.

    Parameters
    ----------
    first, second : np.ndarray, shape=(n_queries, n_others)
        Centred rows of length 1.
    values : np.ndarray, shape=(n_queries,)
        Their products: the correlations.

    Returns
    -------
    np.ndarray, shape=(n_queries, n_others)
        0 where the two rows are the same.
    """
    return first * second - values[:, None] / 2 * (first**2 + second**2)
