"""Notebook 08: stronger methods under the protocol of notebook 05 (beyond the paper).

Conventions
-----------
- Methods of audio alone are fitted on a fold's training artists; nothing of its dev and test artists, neither
  clips nor listening, takes part. What is left to choose is chosen on dev artists and reported on test
  artists, once.
- Fold 0 is the paper's single split. Where there are further folds, which test every artist once, results
  over all their queries stand beside it and carry the comparison.
- Values come long, one row for each (fold, method, measure, query), means over a method's trainings.
"""

from __future__ import annotations

import itertools
import time

import numpy as np
import pandas as pd

from lib import baselines, blend, confounds, evaluation, methods, proximity, ranking, significance, splits
from lib.audio_features import Ear
from lib.factor_cnn import FactorCnn
from lib.factor_models import FactorKernel, FactorRidge, FactorSum, TagRidge
from lib.factors import N_FACTORS, listening_factors

AUDIO_ALONE = ("factor_ridge", "factor_kernel", "factor_sum", "factor_cnn", "factor_all")
WITH_TAGS = ("tag_ridge", "factor_tags")  # audio alone, too: tags are a target, and not asked of new artists
MEASURES = ("ndcg", "unordered", "matched_concordance")
PROXIMITY, POPULARITY = "+proximity", "+popularity"


def fit_all(listening, collection, train, dev, *, seeds, steps, n_factors=N_FACTORS, tagged=None):
    """Fit every method of audio on the training artists.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix
    collection : lib.methods.Collection
    train, dev : sequence of str
    seeds : sequence of int
        One training of the network each; the other methods take the first.
    steps : int
        Of each training.
    n_factors : int
    tagged : lib.tags.Tags, optional
        A second target, of the methods `WITH_TAGS`.

    Returns
    -------
    scorers : list of (lib.methods.Method, int)
        Fitted methods and their seeds.
    seconds : pd.DataFrame
        ``method, seed, seconds``: wall clock of the fit. The kernel shares the ridge's features; a sum costs
        what its parts cost.
    """
    ear = Ear()
    fitted, seconds = [], []

    def timed(method, seed):
        start = time.perf_counter()
        method.fit(collection, train, dev, seed=seed)
        seconds.append((method.name, seed, time.perf_counter() - start))
        fitted.append((method, seed))
        return method

    parts = [
        timed(kind(listening, ear, n_factors=n_factors), seeds[0]) for kind in (FactorRidge, FactorKernel)
    ]
    fitted.append((FactorSum(parts), seeds[0]))
    networks = [timed(FactorCnn(listening, steps=steps, n_factors=n_factors), seed) for seed in seeds]
    fitted.append((FactorSum([*parts, *networks], "factor_all"), seeds[0]))
    if tagged is not None:
        called = timed(TagRidge(tagged.counts, ear, n_factors=n_factors), seeds[0])
        fitted.append((FactorSum([*parts, called], "factor_tags"), seeds[0]))
    return fitted, pd.DataFrame(seconds, columns=["method", "seed", "seconds"])


def fit_and_score(listening, collection, split, *, seeds, steps, n_factors=N_FACTORS, known=(), tagged=None):
    """Fit every method of audio on every fold, and score.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix
    collection : lib.methods.Collection
    split : pd.DataFrame
        ``fold, artist_id, split``.
    seeds, steps, n_factors
        As for `fit_all`.
    known : collection of (str, int)
        Methods and folds whose scores exist already: plain baselines are added to the other folds.
    tagged : lib.tags.Tags, optional
        As for `fit_all`.

    Returns
    -------
    scorers : list of (lib.methods.Method, int)
        Those of the first fold.
    scores : pd.DataFrame
        Long: all artists of fold 0, and the dev and test artists of further folds.
    seconds : pd.DataFrame
        ``fold, method, seed, seconds``.
    """
    first, scores, seconds = None, [], []
    for fold in sorted(split["fold"].unique()):
        train, dev, test = (splits.artists_of(split, name, fold=fold) for name in splits.NAMES)
        scorers, took = fit_all(
            listening, collection, train, dev, seeds=seeds, steps=steps, n_factors=n_factors, tagged=tagged
        )
        first = first or scorers
        plain = [
            (method.fit(collection, train, dev), 0)
            for method in baselines.untrained_baselines()
            if (method.name, fold) not in known
        ]
        asked = collection.artists if fold == 0 else [*dev, *test]
        scores.append(evaluation.score_all([*plain, *scorers], collection, fold=fold, artists=asked))
        seconds.append(took.assign(fold=fold))
    seconds = pd.concat(seconds, ignore_index=True)[["fold", "method", "seed", "seconds"]]
    return first, pd.concat(scores, ignore_index=True), seconds


def ceiling(listening, artists, *, n_factors=N_FACTORS):
    """What the factors themselves would say, made with everybody's listening: no audio can know as much.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix
    artists : sequence of str

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
    """
    vectors = listening_factors(listening, n_factors=n_factors).loc[list(artists)].to_numpy()
    return methods.labelled_scores(vectors @ vectors.T, artists)


def with_folds(split, artists, *, n_folds, n_dev):
    """The splits, with `n_folds` folds over all artists behind them where there are none yet.

    Parameters
    ----------
    split : pd.DataFrame
        ``fold, artist_id, split``.
    artists : sequence of str
        All artists, in a fixed order.
    n_folds : int
        0 or 1 adds none.
    n_dev : int
        Dev artists of a fold, at most a fifth of those that it does not test.

    Returns
    -------
    pd.DataFrame
    """
    if n_folds < 2 or split["fold"].nunique() > 1:
        return split
    held_out = len(artists) - len(artists) // n_folds
    return pd.concat(
        [split, splits.k_fold(artists, n_folds=n_folds, n_dev=min(n_dev, max(2, held_out // 5)))],
        ignore_index=True,
    )


def frames_of(scores, artists):
    """Score frames over some artists, by (method, fold, seed), in the order of the scores.

    Parameters
    ----------
    scores : pd.DataFrame
        Long.
    artists : sequence of str, optional
        All that a method has scored, if None.

    Yields
    ------
    tuple of (method, fold, seed), pd.DataFrame
    """
    if artists is not None:
        scores = scores[scores["query"].isin(artists) & scores["candidate"].isin(artists)]
    for run, part in scores.groupby(["method", "fold", "seed"], sort=False):
        yield run, methods.to_frame(part, part["query"].unique() if artists is None else list(artists))


def with_proximity(scores, names):
    """Scores of some methods after mutual proximity, among all artists that were scored together.

    Parameters
    ----------
    scores : pd.DataFrame
        Long.
    names : sequence of str
        Methods with symmetric scores.

    Returns
    -------
    pd.DataFrame
        Long; methods are called ``NAME+proximity``.
    """
    chosen = scores[scores["method"].isin(names)]
    return pd.concat(
        [
            methods.to_long(
                proximity.mutual_proximity(frame), method=f"{method}{PROXIMITY}", fold=fold, seed=seed
            )
            for (method, fold, seed), frame in frames_of(chosen, None)
        ],
        ignore_index=True,
    )


def with_popularity(scores, listeners, name, weights):
    """Scores of one method, blended with what a catalogue knows (`lib.blend`).

    Parameters
    ----------
    scores : pd.DataFrame
        Long.
    listeners : pd.Series
    name : str
        A method.
    weights : dict of int to float
        Of popularity, for each fold.

    Returns
    -------
    pd.DataFrame
        Long; the method is called ``NAME+popularity``.
    """
    return pd.concat(
        [
            methods.to_long(
                blend.blend(frame, listeners, weights[fold]),
                method=f"{name}{POPULARITY}",
                fold=fold,
                seed=seed,
            )
            for (_, fold, seed), frame in frames_of(scores[scores["method"] == name], None)
        ],
        ignore_index=True,
    )


def values(scores, target, split, listeners, *, n, part="test", seed=0):
    """How well each method ranks the artists of one part, query by query.

    Parameters
    ----------
    scores : pd.DataFrame
        Long.
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
        ``fold, method, measure, query, value, n_seeds``; measures are `MEASURES`.
    """
    rows = []
    for fold in sorted(set(split["fold"]) & set(scores["fold"])):
        artists = splits.artists_of(split, part, fold=fold)
        truth = target.loc[artists, artists]
        length = min(n, len(artists) - 1)
        runs = {}
        for (method, _, _), frame in frames_of(scores[scores["fold"] == fold], artists):
            predicted = frame.reindex_like(truth)
            found = {
                "ndcg": ranking.ndcg(predicted, truth, length),
                "unordered": ranking.overlap_at_n(predicted, truth, length),
                "matched_concordance": confounds.matched_concordance(predicted, truth, listeners),
            }
            for measure, per_query in found.items():
                runs.setdefault((method, measure), []).append(per_query)
        for (method, measure), found in runs.items():
            mean = pd.concat(found, axis=1).mean(axis=1)
            rows.append(
                pd.DataFrame(
                    {
                        "fold": fold, "method": method, "measure": measure, "query": mean.index,
                        "value": mean.to_numpy(), "n_seeds": len(found),
                    }
                )
            )  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def pooled(per_query):
    """The queries that a result rests on: those of all folds behind the paper's split, or else its own."""
    behind = per_query[per_query["fold"] > 0]
    return behind if len(behind) else per_query


def choose(dev_values, names=(*AUDIO_ALONE, *WITH_TAGS), *, measure="ndcg", fold=0):
    """How each method did on a fold's dev artists, the best one first.

    Parameters
    ----------
    dev_values : pd.DataFrame
        From `values` with ``part="dev"``.
    names : sequence of str
        Methods to choose among; of equal ones the first named is taken.
    measure : str
    fold : int

    Returns
    -------
    pd.Series
        Mean over the dev artists, indexed by method.
    """
    chosen = dev_values[(dev_values["measure"] == measure) & (dev_values["fold"] == fold)]
    means = chosen.groupby("method")["value"].mean()
    return means.reindex([name for name in names if name in means.index]).sort_values(
        ascending=False, kind="stable"
    )


def weights_on_dev(scores, target, split, listeners, name, *, weights=blend.WEIGHTS, n):
    """How one method does on each fold's dev artists with more and more popularity in it.

    Parameters
    ----------
    scores : pd.DataFrame
        Long.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    split : pd.DataFrame
    listeners : pd.Series
    name : str
        A method.
    weights : sequence of float
    n : int
        Length of the lists.

    Returns
    -------
    pd.DataFrame
        ``fold, weight, ndcg`` (mean over the dev artists and trainings).
    """
    own, rows = scores[scores["method"] == name], []
    for fold, weight in itertools.product(sorted(set(own["fold"])), weights):
        dev = splits.artists_of(split, "dev", fold=fold)
        truth, length = target.loc[dev, dev], min(n, len(dev) - 1)
        frames = [frame.reindex_like(truth) for _, frame in frames_of(own[own["fold"] == fold], dev)]
        reached = [
            ranking.ndcg(blend.blend(frame, listeners, weight), truth, length).mean() for frame in frames
        ]
        rows.append((fold, weight, np.mean(reached)))
    return pd.DataFrame(rows, columns=["fold", "weight", "ndcg"])


def best_weights(by_weight):
    """The weight that is best on each fold's dev artists, the smallest of equal ones.

    Parameters
    ----------
    by_weight : pd.DataFrame
        From `weights_on_dev`.

    Returns
    -------
    dict of int to float
    """
    best = by_weight.loc[by_weight.groupby("fold")["ndcg"].idxmax()]
    return dict(zip(best["fold"].tolist(), best["weight"].tolist(), strict=True))


def comparisons(test_values, *, references=("l2", "siamese"), seed=0):
    """Every method against the paper's two, query by query, with Holm's correction.

    Parameters
    ----------
    test_values : pd.DataFrame
        From `values`.
    references : sequence of str
    seed : int

    Returns
    -------
    pd.DataFrame
        ``reference, method, measure, difference`` (method - reference, mean over queries), ``ci_low``,
        ``ci_high, p_value`` (two-sided, paired randomisation), ``p_holm`` (within one reference and measure),
        ``folds`` (how many, beside the paper's split, or 0) and ``n_queries``.
    """
    rows = []
    for measure in MEASURES:
        wide = test_values[test_values["measure"] == measure].pivot(
            index=["fold", "query"], columns="method", values="value"
        )
        for reference in [name for name in references if name in wide]:
            family = []
            for method in [name for name in test_values["method"].unique() if name != reference]:
                both = wide[[method, reference]].dropna().reset_index()
                if both.empty:
                    continue
                both = pooled(both)
                low, high = significance.bootstrap_interval(both[method] - both[reference], seed=seed)
                p_value = significance.paired_randomisation(both[method], both[reference], seed=seed)
                family.append(
                    {
                        "reference": reference, "method": method, "measure": measure,
                        "difference": (both[method] - both[reference]).mean(), "ci_low": low, "ci_high": high,
                        "p_value": p_value,
                        "folds": int((np.unique(both["fold"]) > 0).sum()), "n_queries": len(both),
                    }
                )  # fmt: skip
            corrected = significance.holm([row["p_value"] for row in family])
            rows += [row | {"p_holm": float(p)} for row, p in zip(family, corrected, strict=True)]
    return pd.DataFrame(rows)


def summary(per_query, *, seed=0):
    """Each method's mean over queries with its interval.

    Parameters
    ----------
    per_query : pd.DataFrame
        From `values`.
    seed : int

    Returns
    -------
    pd.DataFrame
        ``method, measure, value, ci_low, ci_high, n_queries, n_seeds``.
    """
    rows = []
    for (method, measure), part in per_query.groupby(["method", "measure"], sort=False):
        part = pooled(part.dropna(subset="value"))
        if len(part):
            low, high = significance.bootstrap_interval(part["value"], seed=seed)
            found = (part["value"].mean(), low, high, len(part), int(part["n_seeds"].max()))
            rows.append((method, measure, *found))
    columns = ["method", "measure", "value", "ci_low", "ci_high", "n_queries", "n_seeds"]
    return pd.DataFrame(rows, columns=columns)


def as_table1(test_values, *, n, seed=0):
    """The same values as rows of Table 1: matched concordance, each further fold, and all folds together.

    Parameters
    ----------
    test_values : pd.DataFrame
        From `values`.
    n, seed : int

    Returns
    -------
    pd.DataFrame
        In the columns of `evaluation.table1`; ``fold`` is blank for all folds behind the paper's together.
        Fold 0 has only what `evaluation.table1` lacks.
    """
    rows = []
    for (method, measure), part in test_values.groupby(["method", "measure"], sort=False):
        groups = [
            (fold, one) for fold, one in part.groupby("fold") if fold or measure == "matched_concordance"
        ]
        if (part["fold"] > 0).any():
            groups.append((pd.NA, part[part["fold"] > 0]))
        for fold, one in groups:
            if one["value"].notna().sum() == 0:
                continue
            low, high = significance.bootstrap_interval(one["value"], seed=seed)
            rows.append(
                {
                    "truth": "corrected", "candidates": "test", "fold": fold, "method": method,
                    "metric": measure, "n": pd.NA if measure == "matched_concordance" else n,
                    "value": one["value"].mean(), "ci_low": low, "ci_high": high,
                    "chance": _chance(test_values, measure, one), "p_value": np.nan,
                    "n_queries": int(one["value"].notna().sum()), "n_seeds": int(one["n_seeds"].max()),
                    "seed_sd": np.nan, "paper_value": np.nan,
                }
            )  # fmt: skip
    return pd.DataFrame(rows).astype({"n": "Int64", "fold": "Int64"})


def hubs(scores, artists, names, *, n, fold=0):
    """Hubness of some methods among some artists, before and after mutual proximity.

    Parameters
    ----------
    scores : pd.DataFrame
        Long, with the methods' ``+proximity`` beside them.
    artists, names : sequence of str
    n, fold : int

    Returns
    -------
    pd.DataFrame
        ``method, before, after``: skewness of the n-occurrence, mean over trainings.
    """
    length = min(n, len(artists) - 1)
    found = {}
    for (method, _, _), frame in frames_of(scores[scores["fold"] == fold], artists):
        found.setdefault(method, []).append(proximity.hubness(frame, length))
    rows = [
        (name, np.mean(found[name]), np.mean(found[f"{name}{PROXIMITY}"]))
        for name in names
        if f"{name}{PROXIMITY}" in found
    ]
    return pd.DataFrame(rows, columns=["method", "before", "after"])


def _chance(test_values, measure, one):
    if measure == "matched_concordance":
        return 0.5
    constant = test_values[(test_values["method"] == "chance") & (test_values["measure"] == measure)]
    return constant[constant["fold"].isin(one["fold"].unique())]["value"].mean()
