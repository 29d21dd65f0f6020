"""Step 6 of the paper (section 5): from scores to Table 1, Table 2 and the ledger of claims.

Conventions
-----------
- Scores come long, one row for each (method, fold, seed, query, candidate); tables are tidy, one observation
  a row.
- ``truth`` is *corrected* (the target as it is) or *as_published* (candidates under wrong names, each place
  counts, see `similarity.as_published`); ``candidates`` is *test* (Table 1) or *all* (Table 2).
- Every value, difference, interval and p-value of a mean over queries comes from `significance.estimate`,
  over artists and trainings. What a table decides is decided by `comparisons`: there are a few primary
  comparisons, named in `PRIMARY` before any result; all others are secondary, and their p-values are
  corrected.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import scipy.stats

from lib import confounds, methods, names, ranking, significance, similarity, splits

# The comparisons that the paper's argument rests on, at n = 10 (or the list length next to it) and under the
# corrected truth; and the lead of the network over the baseline at the smallest n against that at the
# largest.
PRIMARY = (("siamese", "l2"), ("siamese", "chance"), ("l2", "chance"))
PRIMARY_METRIC, PRIMARY_LENGTH = "unordered", 10
LEAD = "unordered, smallest n - largest n"
DECISIONS = {1: "higher", -1: "lower", 0: "cannot be told"}

# Allen (2018), Table 1: (n, metric) -> (model after 25 epochs, L2 baseline).
PAPER_TABLE_1 = {
    (3, "sequence_matcher"): (0.1224, 0.0748), (3, "unordered"): (0.1293, 0.0748),
    (5, "sequence_matcher"): (0.1469, 0.1143), (5, "unordered"): (0.1796, 0.1388),
    (10, "sequence_matcher"): (0.1796, 0.1653), (10, "unordered"): (0.3163, 0.3020),
    (25, "sequence_matcher"): (0.1633, 0.1543), (25, "unordered"): (0.5731, 0.5543),
}  # fmt: skip
# Table 2: query -> source -> its five neighbours.
PAPER_TABLE_2 = {
    "The Beatles": {
        "truth": ["radiohead", "coldplay", "bob dylan", "the rolling stones", "led zeppelin"],
        "siamese": ["the 69 eyes", "leonard cohen", "cat stevens", "death cab for cutie", "built to spill"],
        "l2": ["massive attack", "dj shadow", "klaus badelt", "era", "enya"],
    },
    "In Flames": {
        "truth": ["children of bodom", "slipknot", "disturbed", "dark tranquillity", "iron maiden"],
        "siamese": ["rhapsody of fire", "creed", "mudvayne", "marilyn manson", "cradle of filth"],
        "l2": ["immortal", "soilwork", "converge", "dark tranquillity", "thrice"],
    },
    "2Pac": {
        "truth": ["nas", "snoop dogg", "50 cent", "notorious b.i.g.", "dr. dre"],
        "siamese": ["akon", "jay-z", "50 cent", "lil wayne", "the pussycat dolls"],
        "l2": ["orbital", "flying lotus", "mr. scruff", "shpongle", "king crimson"],
    },
}
PAPER_METHODS = {"siamese": 0, "l2": 1}
PAPER_QUERIES = 49
# Beside the table, the author's notebooks hold results of an earlier model, after 5 epochs, that were not
# published: n -> (sequence matcher, unordered).
UNPUBLISHED_EPOCH_5 = {3: (0.0884, 0.0952), 5: (0.1592, 0.1878), 10: (0.2000, 0.3551), 25: (0.1502, 0.5976)}


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
        ``corrected`` and ``as_published``; of the latter the columns are places (`similarity.every_place`).
    """
    published = similarity.every_place(similarity.as_published(target, test), blank=-1.0)
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
    return similarity.every_place(run.loc[list(test), list(test)], blank=0.0)


def score_all(scorers, collection, *, fold=0, artists=None):
    """Scores of several fitted methods, long.

    Parameters
    ----------
    scorers : sequence of (lib.methods.Method, int)
        Fitted methods and their seeds.
    collection : lib.methods.Collection
    fold : int
    artists : sequence of str, optional
        Queries and candidates; all artists of the collection.

    Returns
    -------
    pd.DataFrame
        ``method, fold, seed, query, candidate, score``.
    """
    artists = collection.artists if artists is None else list(artists)
    frames = [
        methods.to_long(method.score(collection, artists), method=method.name, fold=fold, seed=seed)
        for method, seed in scorers
    ]
    return pd.concat(frames, ignore_index=True)


def table1(scores, target, test, *, list_lengths, seed=0, fold=0, own_targets=None):
    """Every method, metric and list length under both truths (the paper's Table 1 and more).

    Parameters
    ----------
    scores : pd.DataFrame
        Long scores over all artists.
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
    """
    lengths = [n for n in list_lengths if n < len(test)]
    if not lengths:
        raise ValueError(f"no list length of {list(list_lengths)} is below the {len(test)} test artists")
    scores = scores[scores["fold"] == fold]
    if scores.empty:
        raise ValueError(f"there are no scores of fold {fold}")
    arms = _arms(target, test)
    own_arms = {method: _arms(own, test) for method, own in (own_targets or {}).items()}
    rows = []
    for place, (truth_name, candidates, shared_truth) in enumerate(arms):
        chance = ranking.evaluate(_constant(shared_truth), shared_truth, lengths, seed=seed)
        for method, runs in scores.groupby("method", sort=False):
            truth = own_arms[method][place][2] if method in own_arms else shared_truth
            measured = [
                ranking.measure(under(truth, frame, test), truth, lengths, seed=seed)
                for _, frame in _runs(runs, target.index)
            ]
            for key in chance:
                result = significance.estimate([one[key] for one in measured])
                rows.append(
                    {
                        "truth": truth_name, "candidates": candidates, "fold": fold, "method": method,
                        "metric": key[0], "n": key[1],
                        **result.row(border=chance[key].mean()), "chance": chance[key].mean(),
                        "n_queries": result.n_queries, "n_seeds": result.n_trainings,
                        "seed_sd": result.seed_sd,
                        "paper_value": _paper_value(method, key, truth_name, candidates),
                    }
                )  # fmt: skip
    return pd.DataFrame(rows).astype({"n": "Int64"})


def predictions(scores, truth, *, fold=0):
    """Every method's trainings as frames over the queries and candidates of a truth.

    Parameters
    ----------
    scores : pd.DataFrame
        Long scores.
    truth : pd.DataFrame, shape=(n_queries, n_candidates)
    fold : int

    Returns
    -------
    dict of str to list of pd.DataFrame, shape=(n_queries, n_candidates)
        Methods in the order of `scores`, one frame a training.

    Raises
    ------
    ValueError
        If a pair has no score.
    """
    artists = truth.columns.union(truth.index, sort=False)
    chosen = scores[scores["fold"] == fold]
    chosen = chosen[chosen["query"].isin(artists) & chosen["candidate"].isin(artists)]
    return {
        method: [frame.reindex_like(truth) for _, frame in _runs(part, artists)]
        for method, part in chosen.groupby("method", sort=False)
    }


def measured(runs, truth, measure, n=None, *, listeners=None, seed=0):
    """One measure of each training: a metric of `ranking`, or one that controls for popularity.

    Parameters
    ----------
    runs : list of pd.DataFrame, shape=(n_queries, n_candidates)
    truth : pd.DataFrame, shape=(n_queries, n_candidates)
    measure : str
        One of `ranking.METRICS` or `confounds.AGAINST_TRUTH`.
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
    results = [ranking.measure(run, truth, [n] if n else [], seed=seed, metrics=(measure,)) for run in runs]
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
        ``p_value``), ``decision`` (higher, lower, cannot be told; by ``p_corrected`` < .05), ``n_queries,
        n_seeds, detectable`` (the true difference that is found in four of five repetitions).
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
                        "n": pd.NA if n is None else n, **result.row("difference"),
                        "n_queries": result.n_queries, "n_seeds": result.n_trainings,
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


def published_counts():
    """The published table as counts of hits, and what can be said of model and baseline from counts alone.

    Returns
    -------
    pd.DataFrame
        ``n, model, baseline`` (hits), ``of`` (49 queries times n), ``difference`` (of the shares),
        ``p_independent`` (two-sided Fisher test, which takes all hits for independent draws), ``p_corrected``
        (by Holm over the four lengths), ``p_most_favourable, p_least_favourable``: of a sign test on the hits
        of one side only, if these were as few, or as many, as the counts allow. None of them knows that the
        lists share their candidates.
    """
    rows = []
    for n in sorted({n for n, _ in PAPER_TABLE_1}):
        model, baseline = (round(value * PAPER_QUERIES * n) for value in PAPER_TABLE_1[n, "unordered"])
        of = PAPER_QUERIES * n
        table = [[model, of - model], [baseline, of - baseline]]
        few, many = abs(model - baseline), min(model + baseline, 2 * of - model - baseline)
        signs = [
            scipy.stats.binomtest((apart + model - baseline) // 2, apart).pvalue for apart in (few, many)
        ]
        rows.append(
            {
                "n": n, "model": model, "baseline": baseline, "of": of, "difference": (model - baseline) / of,
                "p_independent": scipy.stats.fisher_exact(table).pvalue,
                "p_most_favourable": signs[0], "p_least_favourable": signs[1],
            }
        )  # fmt: skip
    table = pd.DataFrame(rows)
    table.insert(6, "p_corrected", significance.holm(table["p_independent"]))
    return table


def beside_the_published(table, null):
    """All sixteen published values beside those of this run.

    Parameters
    ----------
    table : pd.DataFrame
        From `table1`.
    null : pd.DataFrame
        From `published_null`.

    Returns
    -------
    pd.DataFrame
        ``metric, n, method, paper`` (published), ``as_published, as_published_low, as_published_high,
        corrected, corrected_low, corrected_high, chance`` (of the published arm), ``null_low, null_high`` (95
        % of the permutations of the candidates' names, unordered only), ``epoch_5`` (the author's,
        unpublished; network only).
    """
    rows = []
    arms = [f"{truth}{end}" for truth in ("as_published", "corrected") for end in ("", "_low", "_high")]
    columns = ["metric", "n", "method", "paper", *arms, "chance", "null_low", "null_high", "epoch_5"]
    own = table[(table["candidates"] == "test")].set_index(["truth", "method", "metric", "n"])
    permuted = null.set_index(["method", "n"])
    for (n, metric), given in PAPER_TABLE_1.items():
        for method, place in PAPER_METHODS.items():
            row = dict.fromkeys(columns, np.nan)
            row |= {"metric": metric, "n": n, "method": method, "paper": given[place]}
            for truth in ("as_published", "corrected"):
                if (truth, method, metric, n) in own.index:
                    found = own.loc[(truth, method, metric, n)]
                    row |= {
                        truth: found["value"],
                        f"{truth}_low": found["ci_low"],
                        f"{truth}_high": found["ci_high"],
                    }
                    row |= {"chance": found["chance"]} if truth == "as_published" else {}
            if metric == "unordered" and (method, n) in permuted.index:
                row |= permuted.loc[(method, n), ["null_low", "null_high"]].to_dict()
            if method == "siamese":
                row["epoch_5"] = UNPUBLISHED_EPOCH_5[n][metric == "unordered"]
            rows.append(row)
    return pd.DataFrame(rows)


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
    """
    runs = {method: [under(truth, run, test) for run in frames] for method, frames in predicted.items()}
    tables = []
    for n in list_lengths:
        given = PAPER_TABLE_1.get((n, "unordered"))
        published = {method: given[place] for method, place in PAPER_METHODS.items()} if given else {}
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
        The training artists' mean similarity, from `training.training_mean`.

    Returns
    -------
    significance.Estimate
        By how much the method's error is smaller than the constant's.
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
    """
    means = {
        method: sum(
            ranking.predicted_ranks(run, (own_truths or {}).get(method, truth)).mean() for run in runs
        )
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
                ranking.mean([
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
                "method": method, "clips": k, "measure": "unordered", "n": n, **result.row(), **gained,
                "chance": n / (len(kept) - 1), "n_queries": len(kept), "n_seeds": len(runs),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def fold_table(scores, target, split, *, list_lengths, seed=0):
    """Table 1 over folds: every artist is a query once, among the test artists of its fold.

    Parameters
    ----------
    scores : pd.DataFrame
        Long scores with at least the test artists of each fold.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    split : pd.DataFrame
        ``fold, artist_id, split``; folds from 1 on, as `splits.k_fold` makes them.
    list_lengths : sequence of int
        Those that fit the smallest fold.
    seed : int

    Returns
    -------
    pd.DataFrame
        As `table1`, ``truth`` *corrected*, one row a fold and one, ``fold`` NaN, for all queries together.
        The training sets of folds overlap, which these intervals do not cover.
    """
    folds = sorted(set(split["fold"]) - {0})
    tests = {fold: splits.artists_of(split, "test", fold=fold) for fold in folds}
    lengths = [n for n in list_lengths if n < min(map(len, tests.values()))]
    parts = {}
    for fold, test in tests.items():
        truth = target.loc[test, test]
        chance = ranking.evaluate(_constant(truth), truth, lengths, seed=seed)
        for method, runs in predictions(scores, truth, fold=fold).items():
            results = [ranking.measure(run, truth, lengths, seed=seed) for run in runs]
            for key in chance:
                one = (fold, [result[key] for result in results], chance[key])
                parts.setdefault((method, *key), []).append(one)
    rows = []
    for (method, metric, n), of_folds in parts.items():
        trainings = zip(*(runs for _, runs, _ in of_folds), strict=True)
        together = [ranking.stacked(runs) for runs in trainings]
        everything = (pd.NA, together, pd.concat([chance for _, _, chance in of_folds]))
        for fold, runs, chance in [everything, *of_folds]:
            result = significance.estimate(runs)
            rows.append(
                {
                    "truth": "corrected", "candidates": "test", "fold": fold, "method": method,
                    "metric": metric, "n": n, **result.row(border=chance.mean()),
                    "chance": chance.mean(), "n_queries": result.n_queries, "n_seeds": result.n_trainings,
                }
            )  # fmt: skip
    return pd.DataFrame(rows).astype({"n": "Int64", "fold": "Int64"})


def mean_scores(scores, method, artists):
    """Scores of one method as a frame, averaged over its trainings on the paper's single split."""
    chosen = scores[(scores["method"] == method) & (scores["fold"] == 0)]
    frames = [frame for _, frame in _runs(chosen, artists)]
    return sum(frames) / len(frames)


def table2(scores, target, split, queries, *, sources, among=None, n=5):
    """The artists most similar to some queries, by the truth and by each source (the paper's Table 2).

    The split of each query is named, because a network has met the training artists before.

    Parameters
    ----------
    scores : pd.DataFrame
        Long scores over all artists.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    split : pd.DataFrame
        ``fold``, ``artist_id``, ``split``; fold 0 is the paper's.
    queries : sequence of str
        Artist ids.
    sources : sequence of str
        Method names.
    among : sequence of str, optional
        Candidates, the queries among them; all artists, if None. The paper's are training and test artists.
    n : int

    Returns
    -------
    pd.DataFrame
        ``query, query_split, truth, candidates, rank, source, artist, score``; ids, not names.
    """
    among = list(target.columns if among is None else among)
    split_of = split[split["fold"] == 0].set_index("artist_id")["split"]
    frames = {"truth": target.loc[list(queries), among]}
    frames |= {
        source: mean_scores(scores, source, target.index).loc[list(queries), among] for source in sources
    }
    tables = [ranking.top(frame, n).assign(source=source) for source, frame in frames.items()]
    table = pd.concat(tables, ignore_index=True)
    table["query_split"], table["truth"] = table["query"].map(split_of), "corrected"
    table["candidates"] = "all" if len(among) == len(target) else "train and test"
    return table[["query", "query_split", "truth", "candidates", "rank", "source", "artist", "score"]]


def album_neighbours(networks, collection, clips, query, *, n=5):
    """The nearest artists of one artist, found by the clips of each of its albums alone.

    Parameters
    ----------
    networks : sequence of lib.training.Siamese
        Trained; their similarities are averaged.
    collection : lib.methods.Collection
    clips : pd.DataFrame
        ``artist_id, album``, in the order of the collection's spectrograms.
    query : str
    n : int

    Returns
    -------
    pd.DataFrame
        ``album, clips`` (how many), ``rank, artist, score``; the album of the most popular clip first.

    Raises
    ------
    ValueError
        If the clips are not those of the spectrograms, one by one.
    """
    if not np.array_equal(clips["artist_id"].to_numpy(dtype=object), collection.clip_artists):
        raise ValueError(
            "the table of clips is in another order than the spectrograms: reindex it by clip_id"
        )
    others, owners = collection.clips_of(collection.artists)
    own = clips.reset_index(drop=True).fillna({"album": ""})
    own = own[own["artist_id"] == query]
    tables = []
    for album, part in own.groupby("album", sort=False):
        sound = np.asarray(collection.spectrograms[part.index.to_numpy()], dtype=np.float32)
        similar = np.mean([network.clip_similarities(sound, others) for network in networks], axis=0)
        scores = pd.Series(similar.mean(axis=0)).groupby(owners).mean().set_axis(collection.artists)
        frame = scores.drop(query).rename(query).to_frame().T.rename_axis(index="query", columns="candidate")
        tables.append(ranking.top(frame, n).assign(album=album, clips=len(part)))
    return pd.concat(tables, ignore_index=True)[["album", "clips", "rank", "artist", "score"]]


def diversity_around(style, distances, query, *, n=15):
    """How much the artists closest in style to one artist differ in sound, compared with those around others.

    Parameters
    ----------
    style, distances : pd.DataFrame, shape=(n_artists, n_artists)
        Closeness in style; scores of a distance, such as `l2`, higher is closer.
    query : str
    n : int
        Artists closest in style that make a neighbourhood.

    Returns
    -------
    float
        Share of the other artists whose neighbourhood differs less.
    """
    distances = distances.reindex_like(style).to_numpy()
    spreads = {}
    for artist, row in zip(style.index, style.to_numpy(), strict=True):
        near = np.argsort(-np.nan_to_num(row, nan=-np.inf), kind="stable")[:n]
        spreads[artist] = -np.nanmean(distances[np.ix_(near, near)])
    spreads = pd.Series(spreads)
    return float((spreads.drop(query) < spreads[query]).mean())


def places_of(scores, target, query, artists, *, sources):
    """Which place each source gives to some artists among all others, for one query.

    Parameters
    ----------
    scores : pd.DataFrame
        Long scores over all artists.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    query : str
    artists, sources : sequence of str

    Returns
    -------
    pd.DataFrame
        ``artist, source, place`` (1 is nearest; ties share their mean place), ``of`` (artists); no rows for
        artists without scores.
    """
    frames = {"truth": target} | {source: mean_scores(scores, source, target.index) for source in sources}
    present = [artist for artist in artists if artist in target.columns]
    rows = [
        (artist, source, frame.loc[query].rank(ascending=False)[artist], len(target) - 1)
        for artist in present
        for source, frame in frames.items()
    ]
    return pd.DataFrame(rows, columns=["artist", "source", "place", "of"])


def beside_the_paper(table):
    """Table 2 with the artists that the paper lists in the same place.

    Parameters
    ----------
    table : pd.DataFrame
        From `table2`, names in the place of ids.

    Returns
    -------
    pd.DataFrame
        With a column ``paper_artist``, blank where the paper has no such list.
    """
    listed = {names.normalise(query): lists for query, lists in PAPER_TABLE_2.items()}

    def of_paper(row):
        artists = listed.get(names.normalise(row["query"]), {}).get(row["source"], [])
        return artists[row["rank"] - 1] if row["rank"] <= len(artists) else None

    return table.assign(paper_artist=[of_paper(row) for row in table.to_dict("records")])


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
    """
    chosen = table[(table["truth"] == truth) & (table["candidates"] == "test") & (table["metric"] == metric)]
    return chosen.pivot(index="method", columns="n", values="value").reindex(chosen["method"].unique())


def find_artists(artists, names_or_ids, known):
    """Ids of artists given by name or id, among those that have clips.

    Parameters
    ----------
    artists : pd.DataFrame
        ``artist_id``, ``name``.
    names_or_ids : sequence of str
        Where none of them has clips, the three artists with the most listeners are taken.
    known : sequence of str
        Ids of artists with clips, most listeners first.

    Returns
    -------
    list of str
        Each once, in the order asked for.
    """
    named = artists[artists["artist_id"].isin(known)]
    by_name = dict(zip(named["name"].map(names.normalise)[::-1], named["artist_id"][::-1], strict=True))
    by_name |= {artist: artist for artist in known}
    wanted = [by_name.get(name, by_name.get(names.normalise(name))) for name in names_or_ids]
    found = list(dict.fromkeys(artist for artist in wanted if artist))
    return found or list(known[:3])


def _arms(target, test):
    arms = [(name, "test", frame) for name, frame in truths(target, test).items()]
    return [*arms, ("corrected", "all", target.loc[test])]


def _runs(scores, artists):
    for run, frame in scores.groupby(["fold", "seed"]):
        ids = frame["query"].unique() if artists is None else artists
        yield run, methods.to_frame(frame, ids)


def _constant(truth):
    own = np.equal.outer(truth.index.to_numpy(dtype=object), truth.columns.to_numpy(dtype=object)).astype(
        bool
    )
    return pd.DataFrame(np.where(own, np.nan, 0.0), index=truth.index, columns=truth.columns)


def _of_clips(clip_scores, chosen, k, artists):
    """Artist scores from the chosen clips, `k` of each artist in turn."""
    owners = np.repeat(np.arange(len(artists)), k)
    scores = methods.mean_over_clips(clip_scores[np.ix_(chosen, chosen)], owners, len(artists))
    return methods.labelled_scores(scores, artists)


def _paper_value(method, key, truth_name, candidates):
    metric, n = key
    given = PAPER_TABLE_1.get((n, metric)) if n is not pd.NA else None
    if method not in PAPER_METHODS or given is None or (truth_name, candidates) != ("as_published", "test"):
        return np.nan
    return given[PAPER_METHODS[method]]
