"""Step 6 of the paper (section 5): from scores to Table 1, Table 2 and the ledger of claims.

Conventions
-----------
- Tables are tidy, one observation a row.
- ``truth`` is *corrected* (the target as it is) or *as_published* (candidates under wrong names, each place
  counts, see `published.as_published`); ``candidates`` is *test* (Table 1) or *all* (Table 2).
- Every value, difference, interval and p-value of a mean over queries comes from `significance.estimate`,
  over artists and trainings. What a table decides is decided by `comparisons`: there are a few primary
  comparisons, named in `PRIMARY` before any result; all others are secondary, and their p-values are
  corrected.
"""

from __future__ import annotations

import pandas as pd

from lib import study as studies
from lib.ranking import compare, influence, metrics, paper, significance
from lib.ranking import scores as ranking_scores
from lib.workflow import sizes


def table1(scores, target, test, *, list_lengths, seed=0, fold=0, own_targets=None):
    """Every method, metric and list length under both truths (the paper's Table 1 and more).

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
        Over all artists.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    test : sequence of str
        In the order drawn.
    list_lengths : sequence of int
        n of "top n"; lengths beyond the candidates are left out.
    seed, fold : int
        Of the orders drawn where values tie; of the scores.
    own_targets : dict of str to pd.DataFrame, optional
        Methods that are judged by another target: one half of the listeners by the other.

    Returns
    -------
    pd.DataFrame
        ``truth, candidates, fold, method, metric, n, value, ci_low, ci_high, p_value`` (two-sided, against
        chance), ``chance, n_queries, n_seeds, seed_sd, paper_value``. ``n`` is NaN for metrics of the whole
        ranking.

    Raises
    ------
    ValueError
        If no list length fits, or the fold has no scores.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> truth = labelled_scores([[0, 3, 2, 1], [3, 0, 1, 2], [2, 1, 0, 3], [1, 2, 3, 0]], list("abcd"))
    >>> scores = ranking_scores.Scores.of_frames({("l2", 0, 0): -truth})
    >>> table = table1(scores, truth, list("abcd"), list_lengths=[1, 2])
    >>> own = table[(table["truth"] == "corrected") & (table["candidates"] == "test")]
    >>> own.loc[own["metric"] == "unordered", ["method", "n", "value", "chance"]].round(2)
      method  n  value  chance
    0     l2  1    0.0    0.33
    1     l2  2    0.5    0.67
    """
    lengths = [n for n in list_lengths if n < len(test)]
    if not list_lengths:
        raise ValueError(sizes.of(len(target)).not_evaluated())
    if not lengths:
        raise ValueError(f"no list length of {list(list_lengths)} is below the {len(test)} test artists")
    scores = scores.only(fold=fold)
    if not scores.runs:
        raise ValueError(f"there are no scores of fold {fold}")
    arms = _arms(target, test)
    own_arms = {method: _arms(own, test) for method, own in (own_targets or {}).items()}
    rows = []
    for place, (truth_name, candidates, shared_truth) in enumerate(arms):
        chance = metrics.evaluate(compare.constant(shared_truth), shared_truth, lengths, seed=seed)
        for method in scores.methods:
            truth = own_arms[method][place][2] if method in own_arms else shared_truth
            measured = [
                metrics.measure(compare.under(truth, frame, test), truth, lengths, seed=seed)
                for frame in scores.trainings(method, target.index, fold=fold)
            ]
            for key in chance:
                result = significance.estimate([one[key] for one in measured])
                by_chance = chance[key].mean()
                rows.append(
                    {
                        "truth": truth_name, "candidates": candidates, "fold": fold, "method": method,
                        "metric": key[0], "n": key[1],
                        **result.table_row(border=by_chance, chance=by_chance), "seed_sd": result.seed_sd,
                        "paper_value": paper.paper_value(method, key, truth_name, candidates),
                    }
                )  # fmt: skip
    return pd.DataFrame(rows).astype({"n": "Int64"})


def fold_table(scores, target, split, *, list_lengths, seed=0):
    """Table 1 over folds: every artist is a query once, among artists on which its fold was not trained.

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
        Of at least the dev and test artists of each fold.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    split : pd.DataFrame
        ``fold, artist_id, split``; folds from 1 on, as `study.k_fold` makes them.
    list_lengths : sequence of int
        For each kind of candidates, those that are well below their number in every fold
        (`lib.workflow.sizes.longest`); without any, these candidates are left out.
    seed : int

    Returns
    -------
    pd.DataFrame
        As `table1`, ``truth`` *corrected*, one row a fold and one, ``fold`` NaN, for all queries together.
        ``candidates`` are *test*, the fold's test artists, or *held out*, its dev and test artists. The
        training sets of folds overlap, which these intervals do not cover.

    Raises
    ------
    ValueError
        If no list length fits.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> ids, split = list("abcdefghijkl"), studies.k_fold("abcdefghijkl", n_folds=2, n_dev=2)
    >>> truth = labelled_scores([[k / 100 - abs(i - k) for k in range(12)] for i in range(12)], ids)
    >>> scores = ranking_scores.Scores.of_frames({("l2", fold, 0): truth for fold in (1, 2)})
    >>> table = fold_table(scores, truth, split, list_lengths=[2, 3])
    >>> columns = ["candidates", "n", "value", "n_queries"]
    >>> table.loc[table["metric"].eq("unordered") & table["fold"].isna(), columns]
       candidates  n  value  n_queries
    0        test  2    1.0         12
    21   held out  2    1.0         12
    24   held out  3    1.0         12
    """
    parts = {}
    for kind, of_fold in _candidates(split).items():
        fitting = sizes.longest(min(map(len, of_fold.values())) - 1)
        lengths = [n for n in list_lengths if n <= fitting]
        for fold, candidates in of_fold.items() if lengths else ():
            truth = target.loc[studies.artists_of(split, "test", fold=fold), candidates]
            chance = metrics.evaluate(compare.constant(truth), truth, lengths, seed=seed)
            for method, runs in ranking_scores.predictions(scores, truth, fold=fold).items():
                results = [metrics.measure(run, truth, lengths, seed=seed) for run in runs]
                for key in chance:
                    one = (fold, [result[key] for result in results], chance[key])
                    parts.setdefault((kind, method, *key), []).append(one)
    if not parts:
        raise ValueError(f"no list length of {list(list_lengths)} is well below the candidates of a fold")
    rows = []
    for (kind, method, metric, n), of_folds in parts.items():
        trainings = zip(*(runs for _, runs, _ in of_folds), strict=True)
        together = [influence.stacked(runs) for runs in trainings]
        everything = (pd.NA, together, pd.concat([chance for _, _, chance in of_folds]))
        for fold, runs, chance in [everything, *of_folds]:
            result = significance.estimate(runs)
            rows.append(
                {
                    "truth": "corrected", "candidates": kind, "fold": fold, "method": method,
                    "metric": metric, "n": n,
                    **result.table_row(border=chance.mean(), chance=chance.mean()),
                }
            )  # fmt: skip
    return pd.DataFrame(rows).astype({"n": "Int64", "fold": "Int64"})


def _candidates(split):
    """Artists that the queries of each fold are judged among, by kind and fold."""
    folds = sorted(set(split["fold"]) - {0})
    tests, devs = (
        {fold: studies.artists_of(split, name, fold=fold) for fold in folds} for name in ("test", "dev")
    )
    return {"test": tests, "held out": {fold: [*devs[fold], *tests[fold]] for fold in folds}}


def headline(table, *, truth="corrected", metric="unordered"):
    """Table 1 as the paper prints it: one row a method, one column a list length.

    Parameters
    ----------
    table : pd.DataFrame
        From `table1`.
    truth, metric : str

    Returns
    -------
    pd.DataFrame
        Index: method; columns: n; values: means over query artists and seeds.

    Examples
    --------
    >>> row = {"truth": "corrected", "candidates": "test", "metric": "unordered"}
    >>> table = pd.DataFrame({"method": ["l2", "l2", "siamese", "siamese"], "n": [3, 10, 3, 10]})
    >>> headline(table.assign(**row, value=[0.1, 0.2, 0.15, 0.3])).to_dict("index")
    {'l2': {3: 0.1, 10: 0.2}, 'siamese': {3: 0.15, 10: 0.3}}
    """
    chosen = table[(table["truth"] == truth) & (table["candidates"] == "test") & (table["metric"] == metric)]
    return chosen.pivot(index="method", columns="n", values="value").reindex(chosen["method"].unique())


def _arms(target, test):
    arms = [(name, "test", frame) for name, frame in compare.truths(target, test).items()]
    return [*arms, ("corrected", "all", target.loc[test])]
