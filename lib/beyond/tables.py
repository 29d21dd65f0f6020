"""Results of stronger methods: chosen on dev artists, compared on test artists (beyond the paper).

Values come one row for each (fold, method, measure), which holds an `influence.Measured` for each training,
so that intervals cover artists and trainings (`lib.ranking.significance`).
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from lib import registry
from lib import study as studies
from lib.ranking import compare, influence, significance
from lib.ranking.scores import Scores, predictions

MEASURES = ("ndcg", "unordered", "matched_concordance")
CHOSEN, CHOSEN_ELSEWHERE = "chosen", "chosen_elsewhere"


def values(scores, target, split, listeners, *, n, part="test", seed=0):
    """How well each method ranks the artists of one part, query by query.

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
    target : pd.DataFrame, shape=(n_artists, n_artists)
    split : pd.DataFrame
    listeners : pd.Series
    n : int
        Length of the lists; shorter where a part is smaller.
    part : str
        ``dev`` or ``test``.
    seed : int
        Of drawn ties.

    Returns
    -------
    pd.DataFrame
        ``fold, method, measure, n_queries, runs``; measures are `MEASURES`, ``runs`` lists a
        `influence.Measured` for each training.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> truth = labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], ["a", "b", "c"])
    >>> split = pd.DataFrame({"fold": 0, "artist_id": ["a", "b", "c"], "split": "test"})
    >>> scores, listeners = Scores.of_frames({("l2", 0, 0): -truth}), pd.Series(10, index=["a", "b", "c"])
    >>> table = values(scores, truth, split, listeners, n=1)
    >>> table.assign(mean=[runs[0].values.mean() for runs in table["runs"]]).drop(columns="runs").round(2)
       fold method              measure  n_queries  mean
    0     0     l2                 ndcg          3   0.5
    1     0     l2            unordered          3   0.0
    2     0     l2  matched_concordance          3   0.0
    """
    rows = []
    for fold in sorted(set(split["fold"]) & {fold for _, fold, _ in scores.runs}):
        artists = studies.artists_of(split, part, fold=fold)
        truth = target.loc[artists, artists]
        length = min(n, len(artists) - 1)
        predicted = predictions(scores, truth, fold=fold)
        for method, measure in itertools.product(predicted, MEASURES):
            runs = compare.measured(predicted[method], truth, measure, length, listeners=listeners, seed=seed)
            rows.append((fold, method, measure, int(runs[0].values.notna().sum()), runs))
    return pd.DataFrame(rows, columns=["fold", "method", "measure", "n_queries", "runs"])


def pooled(part):
    """The trainings that a result rests on: over all folds behind the paper's split, or else its own.

    Parameters
    ----------
    part : pd.DataFrame
        Rows of `values` of one method and measure.

    Returns
    -------
    list of ranking.Measured
        Queries of several folds one below the other.
    """
    behind = part[part["fold"] > 0]
    runs = (behind if len(behind) else part)["runs"]
    return [influence.stacked(list(of_folds)) for of_folds in zip(*runs, strict=True)]


def choose(dev_values, names=None, *, measure="ndcg", fold=0):
    """How each method did on a fold's dev artists, the best one first.

    Parameters
    ----------
    dev_values : pd.DataFrame
        From `values` with ``part="dev"``.
    names : sequence of str, optional
        Methods to choose among, by default all of audio; of equal ones the first named is taken.
    measure : str
    fold : int

    Returns
    -------
    pd.Series
        Mean over the dev artists, indexed by method.

    Examples
    --------
    >>> run = influence.Measured(pd.Series([0.4, 0.6], ["a", "b"]), pd.DataFrame(0.0, ["a", "b"], ["a", "b"]))
    >>> table = pd.DataFrame({"fold": 0, "method": ["l2", "siamese"], "measure": "ndcg"})
    >>> table["runs"] = [[run], [run, influence.Measured(run.values + 0.2, run.influence)]]
    >>> choose(table, ["l2", "siamese"]).round(2).to_dict()
    {'siamese': 0.6, 'l2': 0.5}
    """
    names = registry.of_kind("audio", "tags") if names is None else names
    chosen = dev_values[(dev_values["measure"] == measure) & (dev_values["fold"] == fold)]
    means = chosen.set_index("method")["runs"].map(_mean)
    return means.reindex([name for name in names if name in means.index]).sort_values(
        ascending=False, kind="stable"
    )


def chosen_by_fold(scores, dev_values, names=None, *, called=CHOSEN):
    """Scores of whatever did best on each fold's own dev artists: a choice that no tested artist had part in.

    What is best on the dev artists of one fold cannot be reported on other folds, which test those artists.

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
    dev_values : pd.DataFrame
        From `values` with ``part="dev"``.
    names : sequence of str, optional
        Methods to choose among, see `choose`.
    called : str
        Name of the result.

    Returns
    -------
    lib.ranking.scores.Scores
        Of one training for each fold behind the first, the first one of the method; none without such folds.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> truth = labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], ["a", "b", "c"])
    >>> scores = Scores.of_frames({("l2", 1, 0): -truth, ("siamese", 1, 0): truth})
    >>> split = pd.DataFrame({"fold": 1, "artist_id": ["a", "b", "c"], "split": "dev"})
    >>> on_dev = values(scores, truth, split, pd.Series(10, ["a", "b", "c"]), n=1, part="dev")
    >>> own = chosen_by_fold(scores, on_dev, ["l2", "siamese"])
    >>> bool((own.frame(("chosen", 1, 0)).fillna(0) == truth.fillna(0)).all(axis=None))
    True
    """
    frames = {}
    for fold in sorted(set(dev_values["fold"]) - {0}):
        best = choose(dev_values, names, fold=fold).index[0]
        first = min(seed for _, each, seed in scores.only([best]).runs if each == fold)
        frames[called, fold, 0] = scores.frame((best, fold, first))
    return Scores.of_frames(frames)


def comparisons(test_values, *, references=("l2", "siamese")):
    """Every method against the paper's two, with Holm's correction.

    Parameters
    ----------
    test_values : pd.DataFrame
        From `values`.
    references : sequence of str

    Returns
    -------
    pd.DataFrame
        ``kind`` (secondary: the primary comparisons are those of `evaluation`), ``reference, method, measure,
        difference`` (method - reference), ``ci_low, ci_high, p_value`` (two-sided), ``p_corrected`` (Holm,
        within one reference and measure), ``decision, folds`` (how many, beside the paper's split, or 0),
        ``n_queries, n_seeds``.

    Examples
    --------
    >>> run = influence.Measured(pd.Series(0.4, list("abcd")), pd.DataFrame(0.0, list("abcd"), list("abcd")))
    >>> table = pd.DataFrame({"fold": 0, "method": ["l2", "factor_ridge"], "measure": "ndcg"})
    >>> table["runs"] = [[run], [influence.Measured(run.values + 0.2, run.influence)]]
    >>> comparisons(table, references=["l2"])[["method", "reference", "difference", "decision"]].round(2)
             method reference  difference decision
    0  factor_ridge        l2         0.2   higher
    """
    rows = []
    names = list(test_values["method"].unique())
    parts = dict(iter(test_values.groupby(["method", "measure"], sort=False)))
    for measure, reference, method in itertools.product(MEASURES, references, names):
        if method == reference or not {(method, measure), (reference, measure)} <= parts.keys():
            continue
        both = [parts[name, measure] for name in (method, reference)]
        shared = set(both[0]["fold"]) & set(both[1]["fold"])
        if not shared:
            continue
        result = significance.estimate(*(pooled(part[part["fold"].isin(shared)]) for part in both))
        if result.n_queries:
            rows.append(
                {
                    "kind": "secondary", "reference": reference, "method": method, "measure": measure,
                    **result.table_row("difference", folds=sum(fold > 0 for fold in shared)),
                }
            )  # fmt: skip
    return compare.decided(pd.DataFrame(rows), "difference", families=["reference", "measure"])


def summary(test_values):
    """Each method's mean with its interval.

    Parameters
    ----------
    test_values : pd.DataFrame
        From `values`.

    Returns
    -------
    pd.DataFrame
        ``method, measure, value, ci_low, ci_high, n_queries, n_seeds``.

    Examples
    --------
    >>> run = influence.Measured(pd.Series([0.4, 0.6], ["a", "b"]), pd.DataFrame(0.0, ["a", "b"], ["a", "b"]))
    >>> table = pd.DataFrame({"fold": [0], "method": "l2", "measure": "ndcg", "runs": [[run]]})
    >>> summary(table)[["method", "measure", "value", "n_queries", "n_seeds"]]
      method measure  value  n_queries  n_seeds
    0     l2    ndcg    0.5          2        1
    """
    rows = []
    for (method, measure), part in test_values.groupby(["method", "measure"], sort=False):
        result = significance.estimate(pooled(part))
        if result.n_queries:
            rows.append({"method": method, "measure": measure, **result.table_row()})
    columns = ["method", "measure", "value", "ci_low", "ci_high", "n_queries", "n_seeds"]
    return pd.DataFrame(rows, columns=columns)


def as_table1(test_values, *, n):
    """The same values as rows of Table 1: matched concordance, each further fold, and all folds together.

    Parameters
    ----------
    test_values : pd.DataFrame
        From `values`.
    n : int

    Returns
    -------
    pd.DataFrame
        In the columns of `evaluation.table1`; ``fold`` is NaN for all folds behind the paper's together. Fold
        0 has only what `evaluation.table1` lacks.

    Examples
    --------
    >>> run = influence.Measured(pd.Series([0.4, 0.6], ["a", "b"]), pd.DataFrame(0.0, ["a", "b"], ["a", "b"]))
    >>> rows = {"fold": [0, 1], "method": "l2", "measure": "matched_concordance", "runs": [[run], [run]]}
    >>> as_table1(pd.DataFrame(rows), n=10)[["fold", "method", "metric", "value", "chance"]]
       fold method               metric  value  chance
    0     0     l2  matched_concordance    0.5     0.5
    1     1     l2  matched_concordance    0.5     0.5
    2  <NA>     l2  matched_concordance    0.5     0.5
    """
    rows = []
    for (method, measure), part in test_values.groupby(["method", "measure"], sort=False):
        groups = [
            (fold, one) for fold, one in part.groupby("fold") if fold or measure == "matched_concordance"
        ]
        if (part["fold"] > 0).any():
            groups.append((pd.NA, part))
        for fold, one in groups:
            result, chance = significance.estimate(pooled(one)), _chance(test_values, measure, one)
            if result.n_queries:
                rows.append(
                    {
                        "truth": "corrected", "candidates": "test", "fold": fold, "method": method,
                        "metric": measure, "n": pd.NA if measure == "matched_concordance" else n,
                        **result.table_row(border=chance, chance=chance),
                        "seed_sd": result.seed_sd, "paper_value": np.nan,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows).astype({"n": "Int64", "fold": "Int64"})


def marked(table):
    """A table that says of each method where it was trained, if some were trained elsewhere.

    Parameters
    ----------
    table : pd.DataFrame
        With methods in a column ``method``, or else in its index.

    Returns
    -------
    pd.DataFrame
        With a column ``trained`` (*here* or *pre-trained elsewhere*); as it is where all were trained here.

    Examples
    --------
    >>> marked(pd.DataFrame({"method": ["l2", "musicnn_msd"]}))
            method                trained
    0           l2                   here
    1  musicnn_msd  pre-trained elsewhere
    >>> marked(pd.DataFrame({"method": ["l2"]})).columns.tolist()
    ['method']
    """
    methods = pd.Series(table.get("method", table.index), index=table.index)
    apart = methods.str.partition("+")[0].isin([*registry.of_kind("pre-trained"), CHOSEN_ELSEWHERE])
    if not apart.any():
        return table
    return table.assign(trained=np.where(apart, "pre-trained elsewhere", "here"))


def _chance(test_values, measure, one):
    if measure == "matched_concordance":
        return 0.5
    constant = test_values[(test_values["method"] == "chance") & (test_values["measure"] == measure)]
    return _mean(pooled(constant[constant["fold"].isin(one["fold"])]))


def _mean(runs):
    return float(np.mean([run.values.mean() for run in runs]))
