"""Which method is better (paper, section 5): every comparison is decided here.

This file is long because each of its tables has an example.

Conventions
-----------
- Every value, difference, interval and p-value of a mean over queries comes from `significance.estimate`,
  over artists and trainings.
- There are a few primary comparisons, named in `PRIMARY` before any result; all others are secondary, and
  their p-values are corrected.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from lib import methods
from lib.listening import published as listening_published
from lib.ranking import confounds, influence, lists, metrics, paper, significance

# The comparisons that the paper's argument rests on, at n = 10 (or the list length next to it) and under the
# corrected truth; and the lead of the network over the baseline at the smallest n against that at the
# largest.
PRIMARY = (("siamese", "l2"), ("siamese", "chance"), ("l2", "chance"))
PRIMARY_METRIC, PRIMARY_LENGTH = "unordered", 10
LEAD = "unordered, smallest n - largest n"
DECISIONS = {1: "higher", -1: "lower", 0: "inconclusive"}


def truths(target, test):
    """The two truths of Table 1 over the test artists.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
        Most listeners first.
    test : sequence of str

    Returns
    -------
    dict of str to pd.DataFrame, shape=(n_test, n_test)
        ``corrected`` and ``as_published``; of the latter the columns are places (`published.every_place`).

    Examples
    --------
    >>> place, ids = np.array([0, 1, 3, 7]), ["b", "a", "d", "c"]
    >>> target = methods.labelled_scores(-abs(place - place[:, None]), ids)
    >>> both = truths(target, ["d", "a"])
    >>> both["corrected"].to_numpy().tolist(), both["as_published"].to_numpy().tolist()
    ([[nan, -2.0], [-2.0, nan]], [[-2.0, -3.0], [-1.0, -1.0]])
    """
    published = listening_published.every_place(listening_published.as_published(target, test), blank=-1.0)
    return {"corrected": target.loc[test, test], "as_published": published}


def under(truth, run, test):
    """A prediction on the axes of one of the two truths.

    Parameters
    ----------
    truth : pd.DataFrame, shape=(n_test, n_test)
        From `truths`.
    run : pd.DataFrame
        Scores over the test artists and perhaps others.
    test : sequence of str

    Returns
    -------
    pd.DataFrame, shape=(n_test, n_test)
    """
    if truth.columns.isin(run.columns).all():
        return run.reindex_like(truth)
    return listening_published.every_place(run.loc[list(test), list(test)], blank=0.0)


def measured(runs, truth, measure, n=None, *, listeners=None, seed=0):
    """One measure of each training: a metric of `ranking`, or one that controls for popularity.

    Parameters
    ----------
    runs : list of pd.DataFrame, shape=(n_queries, n_candidates)
    truth : pd.DataFrame, shape=(n_queries, n_candidates)
    measure : str
        One of `metrics.METRICS` or `confounds.AGAINST_TRUTH`.
    n : int, optional
        Length of the lists, where the measure has one.
    listeners : pd.Series, optional
        For `confounds.AGAINST_TRUTH`.
    seed : int

    Returns
    -------
    list of ranking.Measured
    """
    if measure in confounds.AGAINST_TRUTH:
        return [confounds.AGAINST_TRUTH[measure](run, truth, listeners) for run in runs]
    results = [metrics.measure(run, truth, [n] if n else [], seed=seed, metrics=(measure,)) for run in runs]
    return [next(iter(result.values())) for result in results]


def comparisons(predicted, truths, test, *, references, measures, listeners, seed=0):
    """Every method against the ones that matter, over artists and trainings.

    Parameters
    ----------
    predicted : dict of str to list of pd.DataFrame, shape=(n_test, n_test)
        From `predictions`; references that know the listeners are better left out.
    truths : dict of str to pd.DataFrame, shape=(n_test, n_test)
    test : sequence of str
    references : sequence of str
        Methods that all others are compared with.
    measures : sequence of (str, int or None)
        Name and list length, see `measured`.
    listeners : pd.Series
    seed : int

    Returns
    -------
    pd.DataFrame
        ``truth, candidates, kind`` (primary, see `PRIMARY`, or secondary), ``reference, method, measure, n,
        difference`` (method - reference), ``ci_low, ci_high, p_value`` (two-sided), ``p_corrected`` (of a
        secondary comparison: by Holm among those of one truth, reference and measure; of a primary one:
        ``p_value``), ``decision`` (higher, lower, inconclusive; by ``p_corrected`` < .05), ``n_queries,
        n_seeds, detectable`` (the true difference that is found in four of five repetitions).

    Examples
    --------
    >>> rng, ids = np.random.default_rng(0), list("abcdefgh")
    >>> truth, noise = (methods.labelled_scores(rng.random((8, 8)), ids) for _ in range(2))
    >>> how = {"references": ["l2"], "measures": [("unordered", 2)], "listeners": pd.Series(10, index=ids)}
    >>> table = comparisons({"siamese": [truth], "l2": [noise]}, {"corrected": truth}, ids, **how)
    >>> table[["kind", "method", "reference", "measure", "n", "decision"]].values.tolist()
    [['primary', 'siamese', 'l2', 'unordered', 2, 'higher']]
    """
    lengths = sorted({n for measure, n in measures if measure == PRIMARY_METRIC})
    middle = min(lengths, key=lambda n: abs(n - PRIMARY_LENGTH), default=None)
    rows = []
    for truth_name, truth in truths.items():
        own = {method: [under(truth, run, test) for run in runs] for method, runs in predicted.items()}
        controlled = set(truth.columns) <= set(listeners.index)  # places have no listeners
        values = {
            (measure, n): {
                method: measured(runs, truth, measure, n, listeners=listeners, seed=seed)
                for method, runs in own.items()
            }
            for measure, n in measures
            if controlled or measure not in confounds.AGAINST_TRUTH
        }
        if len(lengths) > 1:
            ends = values[PRIMARY_METRIC, lengths[0]], values[PRIMARY_METRIC, lengths[-1]]
            values[LEAD, None] = {
                method: [short - long for short, long in zip(*(end[method] for end in ends), strict=True)]
                for method in own
            }
        for (measure, n), by_method in values.items():
            for reference, method in itertools.product(references, by_method):
                if reference == method or (measure == LEAD and (method, reference) != PRIMARY[0]):
                    continue
                first = (method, reference) in PRIMARY and (measure, n) == (PRIMARY_METRIC, middle)
                primary = truth_name == "corrected" and (first or measure == LEAD)
                result = significance.estimate(by_method[method], by_method[reference])
                rows.append(
                    {
                        "truth": truth_name, "candidates": "test",
                        "kind": "primary" if primary else "secondary",
                        "reference": reference, "method": method, "measure": measure,
                        "n": pd.NA if n is None else n, **result.table_row("difference"),
                        "detectable": significance.detectable(result.error, result.freedom),
                    }
                )  # fmt: skip
    table = pd.DataFrame(rows).astype({"n": "Int64"})
    return decided(table, "difference", families=["truth", "reference", "measure"])


def decided(table, value, *, families, border=0.0):
    """Correct the secondary p-values of a table and say what each row decides: the one place that does.

    Parameters
    ----------
    table : pd.DataFrame
        With ``kind``, ``p_value`` and the column `value`.
    value : str
    families : list of str
        Columns whose equal values make a family of secondary tests; none: all are one.
    border : float or pd.Series
        What `value` is held against.

    Returns
    -------
    pd.DataFrame
        With ``p_corrected`` and ``decision`` behind ``p_value``.
    """
    corrected = table["p_value"].copy()
    secondary = table["kind"] == "secondary"
    groups = table[secondary].groupby(families, sort=False) if families else [(None, table[secondary])]
    for _, family in groups:
        corrected[family.index] = significance.holm(family["p_value"])
    borders = np.broadcast_to(border, len(table))
    decisions = [DECISIONS[side(*each)] for each in zip(table[value], corrected, borders, strict=True)]
    place = table.columns.get_loc("p_value") + 1
    table = table.copy()
    table.insert(place, "p_corrected", corrected)
    table.insert(place + 1, "decision", decisions)
    return table


def side(value, p_value, border=0.0):
    """On which side of a border a value lies: the one rule behind every verdict.

    Returns
    -------
    int
        1 above, -1 below, 0 if the p-value is not below .05, or there is none.
    """
    return int(np.sign(value - border)) if p_value < significance.ALPHA else 0


def reliability(half):
    """Reliability of the whole truth from the agreement of two halves of the listeners, and what it allows.

    Parameters
    ----------
    half : float
        Correlation between the two halves.

    Returns
    -------
    whole, bound : float
        Spearman and Brown's step to the full number of listeners, ``2 r / (1 + r)``; and its square root, the
        correlation that a predictor without noise could reach with the truth.
    """
    whole = 2 * half / (1 + half)
    return whole, float(np.sqrt(max(whole, 0)))


def published_null(predicted, truth, test, list_lengths, *, n_permutations=199, seed=0):
    """The published arm against its own null: the same truth under permuted names of the candidates.

    Parameters
    ----------
    predicted : dict of str to list of pd.DataFrame, shape=(n_test, n_test)
    truth : pd.DataFrame, shape=(n_test, n_test)
        ``as_published`` of `truths`.
    test : sequence of str
    list_lengths : sequence of int
    n_permutations, seed : int

    Returns
    -------
    pd.DataFrame
        ``method, n, value, null_mean, null_low, null_high, p_value, chance`` (n of the places),
        ``paper_value`` and ``paper_above`` (share of the permutations that the published value lies above),
        ``n_queries``: unordered overlap.

    Examples
    --------
    >>> rng, ids = np.random.default_rng(0), list("abcdefgh")
    >>> target, run = (methods.labelled_scores(rng.random((8, 8)), ids) for _ in range(2))
    >>> null = published_null({"l2": [run]}, truths(target, ids)["as_published"], ids, [2], n_permutations=99)
    >>> null[["method", "n", "value", "chance", "p_value"]].round(3)
      method  n  value  chance  p_value
    0     l2  2  0.375    0.25     0.19
    """
    runs = {method: [under(truth, run, test) for run in frames] for method, frames in predicted.items()}
    tables = []
    for n in list_lengths:
        given = paper.PAPER_TABLE_1.get((n, "unordered"))
        published = {method: given[place] for method, place in paper.PAPER_METHODS.items()} if given else {}
        table = significance.name_permutation(
            runs, truth, n, n_permutations=n_permutations, seed=seed, others=published
        ).rename(columns={"other": "paper_value", "other_above": "paper_above"})
        tables.append(table.assign(n=n, chance=n / truth.shape[1], n_queries=len(truth)))
    table = pd.concat(tables, ignore_index=True)
    return table[["method", "n", *(name for name in table if name not in ("method", "n"))]]


def loss_table(runs, truth, constant):
    """Squared error of what predicts on the scale of the truth, against one constant, over pairs of artists.

    Parameters
    ----------
    runs : list of pd.DataFrame, shape=(n_queries, n_candidates)
        Scores of a method's trainings that are meant as similarities.
    truth : pd.DataFrame, shape=(n_queries, n_candidates)
    constant : float
        The training artists' mean similarity, from `losses.training_mean`.

    Returns
    -------
    significance.Estimate
        By how much the method's error is smaller than the constant's.

    Examples
    --------
    >>> truth = methods.labelled_scores([[0, 0.2, 0.4], [0.2, 0, 0.6], [0.4, 0.6, 0]], list("abc"))
    >>> round(loss_table([truth + 0.1], truth, constant=0.4).value, 4)  # (0.04 + 0 + 0.04) / 3 - 0.01
    0.0167
    """
    once = np.triu(np.ones(truth.shape, dtype=bool), k=1)
    flat = ((truth - constant) ** 2).where(once)
    gains = [flat - ((run - truth) ** 2).where(once) for run in runs]
    return significance.pairs_estimate(gains, flat.notna().astype(float))


def rank_table(predicted, truth, *, own_truths=None):
    """The mean place that each method gives to the nearest, second nearest, ... true neighbour.

    Parameters
    ----------
    predicted : dict of str to list of pd.DataFrame, shape=(n_queries, n_candidates)
    truth : pd.DataFrame, shape=(n_queries, n_candidates)
    own_truths : dict of str to pd.DataFrame, optional
        Of methods that are judged by another truth.

    Returns
    -------
    pd.DataFrame, shape=(n_methods, n_others)
        Index: method; columns: true rank from 1; chance is ``(n_others + 1) / 2`` everywhere.

    Examples
    --------
    >>> truth = methods.labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], list("abc"))
    >>> rank_table({"siamese": [truth], "l2": [-truth], "chance": [truth * 0]}, truth).T.to_dict("list")
    {'siamese': [1.0, 2.0], 'l2': [2.0, 1.0], 'chance': [1.5, 1.5]}
    """
    means = {
        method: sum(lists.predicted_ranks(run, (own_truths or {}).get(method, truth)).mean() for run in runs)
        / len(runs)
        for method, runs in predicted.items()
    }
    return pd.DataFrame(means).T.rename_axis(index="method", columns="true rank")


def clips_curve(clip_scores, owners, truth, *, n, most=3, n_draws=10, seed=0):
    """How well artists are ranked by one, two or three of their clips each.

    An artist is what its clips say on average. If the tracks of an artist differ, one of them alone misleads,
    and more of them help. All points are over the same artists: those with `most` clips.

    Parameters
    ----------
    clip_scores : dict of str to list of np.ndarray, shape=(n_clips, n_clips)
        Of each method's trainings.
    owners : np.ndarray of int, shape=(n_clips,)
        Place of each clip's artist in `truth`.
    truth : pd.DataFrame, shape=(n_artists, n_artists)
    n : int
        Length of the lists.
    most : int
        Clips of an artist; lowered to what at least ``n + 2`` artists have.
    n_draws : int
        Random choices of clips that are averaged.
    seed : int

    Returns
    -------
    pd.DataFrame
        ``method, clips, measure, n, value, ci_low, ci_high, p_value, gain_value`` (over one clip),
        ``gain_ci_low, gain_ci_high, gain_p_value, chance, n_queries, n_seeds``.

    Examples
    --------
    >>> rng, owners, place = np.random.default_rng(0), np.repeat(np.arange(5), 2), np.array([0, 1, 3, 7, 15])
    >>> truth = methods.labelled_scores(-abs(place - place[:, None]), list("abcde"))
    >>> clip_scores = truth.fillna(0).to_numpy()[np.ix_(owners, owners)] + rng.normal(0, 4, (10, 10))
    >>> curve = clips_curve({"siamese": [clip_scores]}, owners, truth, n=2)
    >>> curve[["clips", "value", "chance", "n_queries"]].round(2)
       clips  value  chance  n_queries
    0      1   0.73     0.5          5
    1      2   0.90     0.5          5
    """
    counts = np.bincount(owners, minlength=len(truth))
    most = max((k for k in range(1, most + 1) if (counts >= k).sum() >= n + 2), default=1)
    kept = np.flatnonzero(counts >= most)
    small = truth.iloc[kept, kept]
    values = {}
    for k in range(1, most + 1):
        rng = np.random.default_rng([seed, k])
        draws = [
            np.concatenate([rng.permutation(np.flatnonzero(owners == artist))[:k] for artist in kept])
            for _ in range(n_draws if k < counts[kept].max() else 1)
        ]
        for method, runs in clip_scores.items():
            values[method, k] = [
                influence.mean([
                    measured([_of_clips(run, draw, k, small.index)], small, "unordered", n)[0] for draw in
                    draws
                ])
                for run in runs
            ]  # fmt: skip
    rows = []
    for (method, k), runs in values.items():
        result = significance.estimate(runs)
        gain = significance.estimate([more - one for more, one in zip(runs, values[method, 1], strict=True)])
        gained = {f"gain_{name}": value for name, value in gain.row("value").items()}
        rows.append(
            {
                "method": method, "clips": k, "measure": "unordered", "n": n,
                **result.table_row(**gained, chance=n / (len(kept) - 1)),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def constant(truth):
    own = np.equal.outer(truth.index.to_numpy(dtype=object), truth.columns.to_numpy(dtype=object)).astype(
        bool
    )
    return pd.DataFrame(np.where(own, np.nan, 0.0), index=truth.index, columns=truth.columns)


def _of_clips(clip_scores, chosen, k, artists):
    """Artist scores from the chosen clips, `k` of each artist in turn."""
    owners = np.repeat(np.arange(len(artists)), k)
    scores = methods.mean_over_clips(clip_scores[np.ix_(chosen, chosen)], owners, len(artists))
    return methods.labelled_scores(scores, artists)
