"""Results by popularity: of the queries in each stratum, and among the candidates of each (beyond the paper).

Conventions
-----------
A stratum holds artists of like popularity. Frames are those of `lib.ranking.metrics`.
"""

from __future__ import annotations

import pandas as pd

from lib.ranking import confounds, metrics
from lib.ranking import influence as ranking_influence


def groups(listeners, n_strata=3):
    """Artists in groups of like popularity and like size.

    Parameters
    ----------
    listeners : pd.Series
        Index: artist id.
    n_strata : int

    Returns
    -------
    pd.Series of int
        0 for those with the most listeners; artists of equal popularity are told apart by their order.
    """
    place = listeners.rank(ascending=False, method="first") - 1
    return (place * n_strata // len(listeners)).astype(int)


def within(candidates, measure, predicted, truth):
    """A measure of every query when only some candidates may be ranked.

    Parameters
    ----------
    candidates : sequence of str
    measure : function
        Of (predicted, truth), to a `influence.Measured`.
    predicted, truth : pd.DataFrame, shape=(n_queries, n_candidates)

    Returns
    -------
    ranking.Measured
        The queries that are candidates first.
    """
    inside = truth.index.isin(candidates)  # a frame has queries of one kind: candidates too, or not
    parts = [
        measure(predicted.loc[rows, candidates], truth.loc[rows, candidates])
        for rows in (inside, ~inside)
        if rows.any()
    ]
    return ranking_influence.stacked(parts)


def table(predicted, truth, listeners, *, n, n_strata=3, seed=0, own_truths=None):
    """Results by popularity: of queries in each stratum, and among the candidates of each stratum only.

    Parameters
    ----------
    predicted : dict of str to list of pd.DataFrame, shape=(n_artists, n_artists)
    truth : pd.DataFrame, shape=(n_artists, n_artists)
    listeners : pd.Series
    n : int
        Length of the lists of the queries' unordered overlap.
    n_strata : int
        Fewer where a stratum would have less than four artists.
    seed : int
    own_truths : dict of str to pd.DataFrame, optional

    Returns
    -------
    pd.DataFrame
        ``strata_of`` (queries, candidates), ``stratum`` (from 1, most listeners first), ``listeners_high,
        listeners_low, method, measure`` (unordered for queries, spearman among candidates), ``n, value,
        ci_low, ci_high, chance, n_queries, n_seeds``.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> truth = labelled_scores([[(i * k) % 11 for k in range(8)] for i in range(8)], list("abcdefgh"))
    >>> listeners = pd.Series([80, 70, 60, 50, 8, 7, 6, 5], index=list("abcdefgh"))
    >>> rows = table({"siamese": [truth]}, truth, listeners, n=2)
    >>> rows[["strata_of", "stratum", "listeners_high", "listeners_low", "measure", "value"]].round(2)
        strata_of  stratum  listeners_high  listeners_low    measure  value
    0     queries        1              80             50  unordered   0.82
    1  candidates        1              80             50   spearman   0.87
    2     queries        2               8              5  unordered   1.00
    3  candidates        2               8              5   spearman   0.87
    """
    own = listeners.reindex(truth.index)
    strata = groups(own, max(1, min(n_strata, len(own) // 4)))
    rows = []
    for stratum, part in own.groupby(strata):
        limits = {"stratum": stratum + 1, "listeners_high": part.max(), "listeners_low": part.min()}
        for method, runs in predicted.items():
            true = (own_truths or {}).get(method, truth)
            listed = [
                metrics.measure(run, true, [n], metrics=("unordered",))["unordered", n].of_queries(part.index)
                for run in runs
            ]
            among = [within(list(part.index), confounds.spearman, run, true) for run in runs]
            for kind, measure, length, values, chance in (
                ("queries", "unordered", n, listed, n / (len(truth) - 1)),
                ("candidates", "spearman", pd.NA, among, 0.0),
            ):
                row = confounds.row(method, measure, length, values, chance)
                rows.append({"truth": "corrected", "candidates": "test", "strata_of": kind, **limits, **row})
    return pd.DataFrame(rows).astype({"n": "Int64"}).drop(columns="seed_sd")
