"""How far a metric of similarity can be trusted: popularity in it, and how much two halves of the listeners
agree."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import scipy.stats
import threadpoolctl
from tqdm import tqdm

from lib import numerics
from lib.listening import labels, ranks
from lib.listening import metrics as listening_metrics
from lib.listening.matrix import halves, shuffled


def summary(listening, *, metrics=listening_metrics.METRICS, n_halvings=10, seed=0, progress=True):
    """How each metric relates to popularity, to the first metric and to luck, and would without taste.

    All correlations are Spearman's, between two rows of similarities of one query to all other artists, and
    their mean over queries. A query with a row of one value has no correlation and is left out. Every artist
    is a query and all values are exact, at any size: time and memory grow with the square of the artists
    (``python -m benchmarks.listening``).

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    metrics : dict of str to callable
        By name, each from a listening matrix to a frame; the first is what the others are compared with.
    n_halvings : int
        Random halvings of the users; number k is ``lib.listening.matrix.halves(listening, seed=seed + k)``.
    seed : int
        Of the halvings and the bootstrap.
    progress : bool
        Show a bar.

    Returns
    -------
    pd.DataFrame
        One row a metric, in these columns:

        - ``metric``; ``median`` and ``spread`` (interquartile range) of the similarities;
        - ``popularity_correlation``: of similarity with the candidates' listeners; ``popularity_low``,
          ``popularity_high``: its 95 % interval, by bootstrap over the queries;
        - ``agreement``: with the first metric;
        - ``split_half``: between the metric on one half of the users and on the other, mean over halvings;
          ``split_half_low``, ``split_half_high``: percentiles 2.5 and 97.5 over the halvings. They say how
          much the way of halving matters, and are no confidence interval for other listeners;
        - ``popularity_by_chance``, ``split_half_by_chance`` (of one halving): the same for listeners without
          taste (`lib.listening.matrix.shuffled`), who keep how much they hear and how often each artist is
          heard. What a metric owes to that arithmetic is no finding about music;
        - ``left_out``: queries left out of ``popularity_correlation``; ``left_out_halves``: of
          ``split_half``, a halving, on average;
        - ``n_halvings``, ``n_artists``.

    Raises
    ------
    ValueError
        If there is no halving.

    Examples
    --------
    >>> import scipy.sparse
    >>> from lib.listening.matrix import ListeningMatrix
    >>> plays = scipy.sparse.csr_array(np.random.default_rng(0).integers(0, 2, (40, 5)))
    >>> artists = pd.DataFrame({"artist_id": list("abcde"), "listeners": (plays > 0).sum(axis=0)})
    >>> metrics = {name: listening_metrics.METRICS[name] for name in ("min_conditional", "jaccard")}
    >>> table = summary(ListeningMatrix(plays, artists), metrics=metrics, n_halvings=2, progress=False)
    >>> table[["metric", "n_halvings", "n_artists"]].to_numpy().tolist()
    [['min_conditional', 2, 5], ['jaccard', 2, 5]]
    """
    if n_halvings < 1:
        raise ValueError(f"at least one halving is needed to see how much is luck, got {n_halvings}")
    with threadpoolctl.threadpool_limits(1):  # two halves at a time are enough for two cores
        popularity_by_chance, by_chance = _without_taste(listening, metrics, seed)
        between = _split_half(listening, metrics, n_halvings, seed, progress)
        popularity, first, rows = _popularity_ranks(listening), None, []
        for name, metric in metrics.items():
            target = _values(metric, listening)
            own = ranks.centred(target)
            first = own if first is None else first
            by_query = pd.Series(ranks.correlations(own, popularity))
            low = high = np.nan
            if by_query.count() > 1:
                low, high = numerics.bootstrap_interval(by_query, seed=seed, quantile=scipy.stats.quantile)
            similarities = without_diagonal(target)
            halved = np.array([one.mean() for one in between[name]])  # pandas leaves the blank ones out
            rows.append({
                "metric": name,
                "median": np.median(similarities, overwrite_input=True),
                "spread": np.subtract(*np.quantile(similarities, [0.75, 0.25], overwrite_input=True)),
                "popularity_correlation": by_query.mean(),
                "popularity_low": low,
                "popularity_high": high,
                "agreement": pd.Series(ranks.correlations(own, first)).mean(),
                "split_half": np.mean(halved),
                "split_half_low": np.quantile(halved, 0.025),
                "split_half_high": np.quantile(halved, 0.975),
                "popularity_by_chance": popularity_by_chance[name],
                "split_half_by_chance": by_chance[name][0].mean(),
                "left_out": int(by_query.isna().sum()),
                "left_out_halves": np.mean([one.isna().sum() for one in between[name]]),
                "n_halvings": n_halvings,
                "n_artists": len(target),
            })  # fmt: skip
    return pd.DataFrame(rows)


def rank_correlations(first, second):
    """Spearman's correlation of two frames, query by query; the diagonal is left out.

    Parameters
    ----------
    first, second : pd.DataFrame, shape=(n_artists, n_artists)
        Over the same artists; the second one is put in the first one's order.

    Returns
    -------
    pd.Series, shape=(n_artists,)
        In [-1, 1]; blank where a row is one value throughout.
    """
    both = [ranks.centred(frame.to_numpy()) for frame in (first, second.reindex_like(first))]
    return pd.Series(ranks.correlations(*both), index=first.index)


def popularity_correlations(target, listeners):
    """Spearman's correlation of similarity with the candidates' listeners, query by query.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
    listeners : pd.Series
        Over the target's artists.

    Returns
    -------
    pd.Series, shape=(n_artists,)
        In [-1, 1]; blank where a row is one value throughout.
    """
    popularity = np.broadcast_to(listeners.reindex(target.columns), target.shape)
    both = [ranks.centred(values) for values in (target.to_numpy(), popularity)]
    return pd.Series(ranks.correlations(*both), index=target.index)


def neighbours(targets, artists, query_ids, n=5):
    """The `n` artists that each metric puts nearest to each query.

    Parameters
    ----------
    targets : dict of str to pd.DataFrame
        By metric.
    artists : pd.DataFrame
        ``artist_id``, ``name``, ``listeners``.
    query_ids : sequence of str
    n : int

    Returns
    -------
    pd.DataFrame
        ``metric``, ``query`` (name), ``rank`` (1 is nearest), ``artist`` (name), ``listeners``,
        ``similarity``, ``query_id``, ``artist_id``. Equal similarities are ordered by artist id.

    Raises
    ------
    ValueError
        If a query is not in a target.

    Examples
    --------
    >>> target = labels.labelled([[np.nan, 0.2, 0.9], [0.2, np.nan, 0], [0.9, 0, np.nan]], ["a", "b", "c"])
    >>> artists = pd.DataFrame({"artist_id": ["a", "b", "c"], "name": ["Abba", "Air", "ZZ Top"]})
    >>> artists["listeners"] = [9, 5, 2]
    >>> near = neighbours({"jaccard": target}, artists, ["a"], n=1)
    >>> near[["metric", "query", "rank", "artist", "similarity"]].to_numpy().tolist()
    [['jaccard', 'Abba', 1, 'ZZ Top', 0.9]]
    """
    described = artists.set_index("artist_id")
    rows = []
    for metric, target in targets.items():
        if unknown := sorted(set(query_ids) - set(target.index)):
            raise ValueError(f"the target {metric} has no artists {labels.first_few(unknown)}")
        for query in query_ids:
            near = target.loc[query].drop(query).sort_index().sort_values(ascending=False, kind="stable")[:n]
            rows.append(pd.DataFrame({
                "metric": metric, "query": described.loc[query, "name"], "rank": range(1, len(near) + 1),
                "artist": described.loc[near.index, "name"].to_numpy(),
                "listeners": described.loc[near.index, "listeners"].to_numpy(),
                "similarity": near.to_numpy(), "query_id": query, "artist_id": near.index,
            }))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def _split_half(listening, metrics, n_halvings, seed, progress):
    """For each metric, the rank correlations by query of every halving."""
    correlations = {name: [] for name in metrics}
    with ThreadPoolExecutor(2) as threads:  # a thread for each half
        for halving in tqdm(range(n_halvings), desc="halvings of the listeners", disable=not progress):
            both = halves(listening, seed=seed + halving)
            for name, metric in metrics.items():
                ranked = threads.map(lambda half, metric=metric: ranks.centred(_values(metric, half)), both)
                correlations[name].append(pd.Series(ranks.correlations(*ranked)))
    return correlations


def _without_taste(listening, metrics, seed):
    """By metric, the mean correlation with popularity, and the correlations of one halving, by chance."""
    tasteless = shuffled(listening, seed=seed)
    halved = _split_half(tasteless, metrics, 1, seed, False)
    popularity = _popularity_ranks(tasteless)
    popularity_by_chance = {
        name: pd.Series(ranks.correlations(ranks.centred(_values(metric, tasteless)), popularity)).mean()
        for name, metric in metrics.items()
    }
    return popularity_by_chance, halved


def _popularity_ranks(listening):
    listeners = listening.artists["listeners"].to_numpy(dtype=float)
    return ranks.centred(np.broadcast_to(listeners, (len(listeners),) * 2))


def _values(metric, listening):
    """A metric's similarities, in the order of the matrix's artists."""
    ids = labels.axis_ids(listening.artists["artist_id"])
    return metric(listening).reindex(index=ids, columns=ids).to_numpy()


def without_diagonal(values):
    """The values of each row but the one on the diagonal, as a copy of shape (n, n - 1)."""
    n = len(values)
    return np.ravel(values)[1:].reshape(n - 1, n + 1)[:, :-1].reshape(n, n - 1)
