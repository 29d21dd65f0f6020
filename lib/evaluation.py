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

import numpy as np
import pandas as pd

from lib import methods, names, ranking, significance, similarity

# Allen (2018), Table 1: (n, metric) -> (model after 25 epochs, L2 baseline).
PAPER_TABLE_1 = {
    (3, "sequence_matcher"): (0.1224, 0.0748), (3, "unordered"): (0.1293, 0.0748),
    (5, "sequence_matcher"): (0.1469, 0.1143), (5, "unordered"): (0.1796, 0.1388),
    (10, "sequence_matcher"): (0.1796, 0.1653), (10, "unordered"): (0.3163, 0.3020),
    (25, "sequence_matcher"): (0.1633, 0.1543), (25, "unordered"): (0.5731, 0.5543),
}  # fmt: skip
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


def score_all(scorers, collection, *, fold=0):
    """Scores of several fitted methods over all artists of the collection, long.

    Parameters
    ----------
    scorers : sequence of (lib.methods.Method, int)
        Fitted methods and their seeds.
    collection : lib.methods.Collection
    fold : int

    Returns
    -------
    pd.DataFrame
        ``method, fold, seed, query, candidate, score``.
    """
    artists = collection.artists
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
        chance = _per_query(_constant(shared_truth), shared_truth, lengths, seed)
        for method, runs in scores.groupby("method", sort=False):
            truth = own_arms[method][place][2] if method in own_arms else shared_truth
            predicted = {run: frame.reindex_like(truth) for run, frame in _runs(runs, target.index)}
            per_run = {run: _per_query(frame, truth, lengths, seed) for run, frame in predicted.items()}
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


def per_query(scores, truth, method, metric, n, *, seed=0):
    """One value for each query, averaged over a method's trainings.

    Parameters
    ----------
    scores : pd.DataFrame
        Long scores.
    truth : pd.DataFrame
    method, metric : str
    n : int or None
    seed : int

    Returns
    -------
    pd.Series, shape=(n_queries,)
    """
    chosen = scores[scores["method"] == method]
    results = [
        _per_query(frame.reindex_like(truth), truth, [n], seed, metrics=(metric,))
        for _, frame in _runs(chosen, None)
    ]
    return pd.concat([next(iter(result.values())) for result in results], axis=1).mean(axis=1)


def compare(scores, truth, first, second, *, metric="unordered", n, seed=0):
    """Paired difference of two methods over the queries.

    Returns
    -------
    dict
        ``difference`` (first - second), ``ci_low``, ``ci_high``, ``p_value``.
    """
    a, b = (per_query(scores, truth, method, metric, n, seed=seed) for method in (first, second))
    low, high = significance.bootstrap_interval(a - b, seed=seed)
    p_value = significance.paired_randomisation(a, b, seed=seed)
    return {"difference": float((a - b).mean()), "ci_low": low, "ci_high": high, "p_value": p_value}


def mean_scores(scores, method, artists):
    """Scores of one method as a frame, averaged over its trainings."""
    frames = [frame for _, frame in _runs(scores[scores["method"] == method], artists)]
    return sum(frames) / len(frames)


def table2(scores, target, splits, queries, *, sources, n=5):
    """The artists most similar to some queries, by the truth and by each source (the paper's Table 2).

    Candidates are all artists, as the paper's text says; the split of each query is named, because a method
    has heard the training artists before.

    Parameters
    ----------
    scores : pd.DataFrame
        Long scores over all artists.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    splits : pd.DataFrame
        ``artist_id``, ``split``.
    queries : sequence of str
        Artist ids.
    sources : sequence of str
        Method names.
    n : int

    Returns
    -------
    pd.DataFrame
        ``query, query_split, truth, rank, source, artist, score``; ids, not names.
    """
    split_of = splits.set_index("artist_id")["split"]
    frames = {"truth": target.loc[list(queries)]}
    frames |= {source: mean_scores(scores, source, target.index).loc[list(queries)] for source in sources}
    tables = [ranking.top(frame, n).assign(source=source) for source, frame in frames.items()]
    table = pd.concat(tables, ignore_index=True)
    table["query_split"], table["truth"] = table["query"].map(split_of), "corrected"
    return table[["query", "query_split", "truth", "rank", "source", "artist", "score"]]


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


def _per_query(predicted, truth, lengths, seed, metrics=tuple(ranking.METRICS)):
    results = {}
    for metric in metrics:
        function = ranking.METRICS[metric]
        seeded = {"seed": seed} if metric in ranking.ORDERED else {}
        if metric in ranking.WITHOUT_LENGTH:
            results[metric, pd.NA] = function(predicted, truth)
        else:
            results |= {(metric, n): function(predicted, truth, n, **seeded) for n in lengths}
    return results


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
