"""Step 6 of the paper (section 5): from scores to Table 1, Table 2 and the ledger of claims.

Conventions
-----------
- Scores come long, one row for each (method, fold, seed, query, candidate); tables are tidy, one observation
  a row.
- ``truth`` is *corrected* (the target as it is) or *as_published* (right values under wrong query names, see
  `similarity.as_published`); ``candidates`` is *test* (Table 1) or *all* (Table 2).
- Several trainings of one method are averaged for each query before any interval is drawn.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from lib import confounds, methods, names, ranking, significance, similarity, splits

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
TESTED = (
    "unordered",
    "ndcg",
    "spearman",
)  # metrics whose p-value is computed; the ordered ones follow unordered


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
        ``corrected`` and ``as_published``.
    """
    return {"corrected": target.loc[test, test], "as_published": similarity.as_published(target, test)}


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


def table1(scores, target, test, *, list_lengths, seed=0, n_permutations=199, fold=0, own_targets=None):
    """Every method, metric and list length under both truths (the paper's Table 1 and more).

    Parameters
    ----------
    scores : pd.DataFrame
        Long scores over all artists.
    target : pd.DataFrame, shape=(n_artists, n_artists)
        Most listeners first.
    test : sequence of str
    list_lengths : sequence of int
        n of "top n"; lengths beyond the candidates are left out.
    seed, n_permutations, fold : int
    own_targets : dict of str to pd.DataFrame, optional
        Methods that are judged by another target: the split-half ceiling by the half of the listeners it has
        not seen.

    Returns
    -------
    pd.DataFrame
        ``truth, candidates, fold, method, metric, n, value, ci_low, ci_high, chance, p_value, n_queries,
        n_seeds, seed_sd, paper_value``. ``n`` is blank for metrics of the whole ranking.

    Raises
    ------
    ValueError
        If no list length fits, or the fold has no scores.
    """
    arms = _arms(target, test)
    own_arms = {method: _arms(own, test) for method, own in (own_targets or {}).items()}
    lengths = [n for n in list_lengths if n < len(test)]
    if not lengths:
        raise ValueError(f"no list length of {list(list_lengths)} is below the {len(test)} test artists")
    scores = scores[scores["fold"] == fold]
    if scores.empty:
        raise ValueError(f"there are no scores of fold {fold}")
    rows = []
    for place, (truth_name, candidates, shared_truth) in enumerate(arms):
        chance = ranking.evaluate(_constant(shared_truth), shared_truth, lengths, seed=seed)
        for method, runs in scores.groupby("method", sort=False):
            truth = own_arms[method][place][2] if method in own_arms else shared_truth
            predicted = {run: frame.reindex_like(truth) for run, frame in _runs(runs, target.index)}
            per_run = {
                run: ranking.evaluate(frame, truth, lengths, seed=seed) for run, frame in predicted.items()
            }
            for key in chance:
                values = pd.concat([result[key] for result in per_run.values()], axis=1)
                tested = key[0] in TESTED and candidates == "test" and method != "chance"
                p_value = (
                    _p_value(key, list(predicted.values()), truth, n_permutations, seed) if tested else np.nan
                )
                low, high = significance.bootstrap_interval(values.mean(axis=1), seed=seed)
                rows.append(
                    {
                        "truth": truth_name,
                        "candidates": candidates,
                        "fold": fold,
                        "method": method,
                        "metric": key[0],
                        "n": key[1],
                        "value": values.mean(axis=1).mean(),
                        "ci_low": low,
                        "ci_high": high,
                        "chance": chance[key].mean(),
                        "p_value": p_value,
                        "n_queries": int(values.notna().any(axis=1).sum()),
                        "n_seeds": values.shape[1],
                        "seed_sd": values.mean().std() if values.shape[1] > 1 else np.nan,
                        "paper_value": _paper_value(method, key, truth_name, candidates),
                    }
                )
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


def per_query(scores, truth, method, metric, n, *, seed=0, fold=0):
    """One value for each query, averaged over a method's trainings.

    Parameters
    ----------
    scores : pd.DataFrame
        Long scores.
    truth : pd.DataFrame
    method, metric : str
    n : int or None
    seed, fold : int

    Returns
    -------
    pd.Series, shape=(n_queries,)
    """
    runs = predictions(scores[scores["method"] == method], truth, fold=fold)[method]
    return mean_of_runs(runs, truth, metric, n, seed=seed)


def mean_of_runs(runs, truth, measure, n=None, *, listeners=None, seed=0):
    """One value for each query, averaged over trainings: a metric, or a measure that holds fame still.

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
    pd.Series, shape=(n_queries,)
    """
    if measure in confounds.AGAINST_TRUTH:
        values = [confounds.AGAINST_TRUTH[measure](run, truth, listeners) for run in runs]
    else:
        values = [
            next(iter(ranking.evaluate(run, truth, [n], seed=seed, metrics=(measure,)).values()))
            for run in runs
        ]
    return pd.concat(values, axis=1).mean(axis=1)


def compare(scores, truth, first, second, *, metric="unordered", n, seed=0):
    """Paired difference of two methods over the queries.

    Returns
    -------
    dict
        ``difference`` (first - second), ``ci_low``, ``ci_high``, ``p_value``.
    """
    a, b = (per_query(scores, truth, method, metric, n, seed=seed) for method in (first, second))
    return paired(a, b, seed=seed)


def paired(first, second, *, seed=0):
    """Mean difference of two values a query, its interval over queries, and how rarely luck gives as much.

    Parameters
    ----------
    first, second : pd.Series, shape=(n_queries,)
    seed : int

    Returns
    -------
    dict
        ``difference`` (first - second), ``ci_low``, ``ci_high``, ``p_value``; blank without any pair.
    """
    if not (first - second).notna().any():
        return dict.fromkeys(("difference", "ci_low", "ci_high", "p_value"), np.nan)
    low, high = significance.bootstrap_interval(first - second, seed=seed)
    p_value = significance.paired_randomisation(first, second, seed=seed)
    return {"difference": float((first - second).mean()), "ci_low": low, "ci_high": high, "p_value": p_value}


def comparisons(predicted, truths, *, references, measures, listeners, seed=0):
    """Every method against the ones that matter, query by query, with Holm's correction.

    Parameters
    ----------
    predicted : dict of str to list of pd.DataFrame, shape=(n_queries, n_candidates)
        From `predictions`; ceilings are better left out, for each method more costs all others.
    truths : dict of str to pd.DataFrame, shape=(n_queries, n_candidates)
    references : sequence of str
        Methods that all others are compared with.
    measures : sequence of (str, int or None)
        Name and list length, see `mean_of_runs`.
    listeners : pd.Series
    seed : int

    Returns
    -------
    pd.DataFrame
        ``truth, candidates, reference, method, measure, n, difference`` (method - reference, mean over
        queries), ``ci_low, ci_high, p_value`` (two-sided, paired randomisation), ``p_holm, n_queries``. The
        p-values of one truth, reference and measure at one n are corrected together.
    """
    rows = []
    for (truth_name, truth), (measure, n) in itertools.product(truths.items(), measures):
        values = {
            method: mean_of_runs(runs, truth, measure, n, listeners=listeners, seed=seed)
            for method, runs in predicted.items()
        }
        for reference in references:
            family = [
                {
                    "truth": truth_name, "candidates": "test", "reference": reference, "method": method,
                    "measure": measure, "n": pd.NA if n is None else n,
                    **paired(own, values[reference], seed=seed),
                    "n_queries": int((own - values[reference]).notna().sum()),
                }
                for method, own in values.items() if method != reference
            ]  # fmt: skip
            corrected = significance.holm([row["p_value"] for row in family])
            rows += [row | {"p_holm": p_value} for row, p_value in zip(family, corrected, strict=True)]
    order = ["p_value", "p_holm", "n_queries"]
    table = pd.DataFrame(rows).astype({"n": "Int64"})
    return table[[*(name for name in table if name not in order), *order]]


def published_null(predicted, target, test, list_lengths, *, n_permutations=199, seed=0):
    """The published arm against its own null: the same borrowed rows under permuted query names.

    Parameters
    ----------
    predicted : dict of str to list of pd.DataFrame, shape=(n_test, n_test)
    target : pd.DataFrame, shape=(n_artists, n_artists)
        Most listeners first.
    test : sequence of str
    list_lengths : sequence of int
    n_permutations, seed : int

    Returns
    -------
    pd.DataFrame
        ``method, n, value, null_mean, null_low, null_high, p_value, chance`` (n of the candidates, which the
        paper takes for the null) and ``n_queries``: unordered overlap.
    """
    rows = similarity.borrowed_rows(target, test)
    tables = [
        significance.query_permutation(
            predicted, rows, test, n, n_permutations=n_permutations, seed=seed
        ).assign(n=n, chance=n / (len(test) - 1), n_queries=len(test))
        for n in list_lengths
    ]
    table = pd.concat(tables, ignore_index=True)
    return table[["method", "n", *(name for name in table if name not in ("method", "n"))]]


def loss_table(predicted, truths, constant, *, seed=0):
    """Squared error of what predicts on the scale of the truth, against one constant for every pair.

    Parameters
    ----------
    predicted : dict of str to list of pd.DataFrame, shape=(n_queries, n_candidates)
        Methods whose scores are meant as similarities.
    truths : dict of str to pd.DataFrame, shape=(n_queries, n_candidates)
    constant : float
        The training artists' mean similarity, from `training_mean`.
    seed : int

    Returns
    -------
    pd.DataFrame
        ``truth, candidates, method, loss, constant_loss, gain`` (how much less the method's is, mean over
        queries), ``gain_low, gain_high, n_queries, n_seeds``.
    """
    rows = []
    for (name, truth), (method, runs) in itertools.product(truths.items(), predicted.items()):
        flat = ranking.squared_error(_constant(truth) + constant, truth)
        losses = pd.concat([ranking.squared_error(run, truth) for run in runs], axis=1).mean(axis=1)
        low, high = significance.bootstrap_interval(flat - losses, seed=seed)
        rows.append(
            {
                "truth": name, "candidates": "test", "method": method, "loss": losses.mean(),
                "constant_loss": flat.mean(), "gain": (flat - losses).mean(), "gain_low": low,
                "gain_high": high, "n_queries": len(losses), "n_seeds": len(runs),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def training_mean(target, train):
    """Mean similarity of two different training artists: all that the constant predictor knows."""
    return float(np.nanmean(target.loc[train, train].to_numpy(dtype=float)))


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
        ``method, clips, measure, n, value, ci_low, ci_high, gain`` (over one clip, paired), ``gain_low,
        gain_high, chance, n_queries, n_seeds``.
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
            found = [
                ranking.overlap_at_n(_of_clips(run, draw, k, small.index), small, n)
                for run in runs
                for draw in draws
            ]
            values[method, k] = pd.concat(found, axis=1).mean(axis=1)
    rows = []
    for (method, k), per_artist in values.items():
        low, high = significance.bootstrap_interval(per_artist, seed=seed)
        gain = per_artist - values[method, 1]
        gain_low, gain_high = significance.bootstrap_interval(gain, seed=seed)
        rows.append(
            {
                "method": method, "clips": k, "measure": "unordered", "n": n, "value": per_artist.mean(),
                "ci_low": low, "ci_high": high, "gain": gain.mean(), "gain_low": gain_low,
                "gain_high": gain_high, "chance": n / (len(kept) - 1), "n_queries": len(kept),
                "n_seeds": len(clip_scores[method]),
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
        As `table1` without p-values (training sets of folds overlap), ``truth`` *corrected*, one row a fold
        and one, ``fold`` blank, for all queries together.
    """
    folds = sorted(set(split["fold"]) - {0})
    tests = {fold: splits.artists_of(split, "test", fold=fold) for fold in folds}
    lengths = [n for n in list_lengths if n < min(map(len, tests.values()))]
    parts = {}
    for fold, test in tests.items():
        truth = target.loc[test, test]
        chance = ranking.evaluate(_constant(truth), truth, lengths, seed=seed)
        for method, runs in predictions(scores, truth, fold=fold).items():
            results = [ranking.evaluate(run, truth, lengths, seed=seed) for run in runs]
            for key in chance:
                values = pd.concat([result[key] for result in results], axis=1).mean(axis=1)
                parts.setdefault((method, *key), []).append((fold, len(runs), values, chance[key]))
    rows = []
    for (method, metric, n), found in parts.items():
        everything = (pd.NA, found[0][1], *(pd.concat([one[k] for one in found]) for k in (2, 3)))
        for fold, n_seeds, values, chance in [everything, *found]:
            low, high = significance.bootstrap_interval(values, seed=seed)
            rows.append(
                {
                    "truth": "corrected", "candidates": "test", "fold": fold, "method": method,
                    "metric": metric, "n": n, "value": values.mean(), "ci_low": low, "ci_high": high,
                    "chance": chance.mean(), "n_queries": int(values.notna().sum()), "n_seeds": n_seeds,
                }
            )  # fmt: skip
    return pd.DataFrame(rows).astype({"n": "Int64", "fold": "Int64"})


def mean_scores(scores, method, artists):
    """Scores of one method as a frame, averaged over its trainings on the paper's single split."""
    chosen = scores[(scores["method"] == method) & (scores["fold"] == 0)]
    frames = [frame for _, frame in _runs(chosen, artists)]
    return sum(frames) / len(frames)


def table2(scores, target, split, queries, *, sources, n=5):
    """The artists most similar to some queries, by the truth and by each source (the paper's Table 2).

    Candidates are all artists, as the paper's text says; the split of each query is named, because a method
    has heard the training artists before.

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
    n : int

    Returns
    -------
    pd.DataFrame
        ``query, query_split, truth, candidates, rank, source, artist, score``; ids, not names.
    """
    split_of = split[split["fold"] == 0].set_index("artist_id")["split"]
    frames = {"truth": target.loc[list(queries)]}
    frames |= {source: mean_scores(scores, source, target.index).loc[list(queries)] for source in sources}
    tables = [ranking.top(frame, n).assign(source=source) for source, frame in frames.items()]
    table = pd.concat(tables, ignore_index=True)
    table["query_split"], table["truth"] = table["query"].map(split_of), "corrected"
    table["candidates"] = "all"
    return table[["query", "query_split", "truth", "candidates", "rank", "source", "artist", "score"]]


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


def _p_value(key, predicted, truth, n_permutations, seed):
    n = None if key[0] in ranking.WITHOUT_LENGTH else key[1]
    return significance.label_permutation(
        key[0], predicted, truth, n, n_permutations=n_permutations, seed=seed
    )


def _paper_value(method, key, truth_name, candidates):
    metric, n = key
    given = PAPER_TABLE_1.get((n, metric)) if n is not pd.NA else None
    if method not in PAPER_METHODS or given is None or (truth_name, candidates) != ("as_published", "test"):
        return np.nan
    return given[PAPER_METHODS[method]]
