"""What else could make a ranking look right: popularity, hubs, the catalogue, the level (beyond the paper).

Conventions
-----------
- Frames are those of `lib.ranking.metrics`: queries (rows) by candidates (columns), higher is closer, blank
  where the query is its own candidate.
- Measures return one value for each query, blank where the query allows none.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats

from lib import numerics
from lib.methods import labelled_scores, mean_over_clips
from lib.ranking import hubs, metrics, significance, ties
from lib.ranking import influence as ranking_influence

ROUNDING = 1e-6  # a shorter vector of ranks is what rounding leaves of it


def matched_concordance(predicted, truth, listeners, *, ratio=1.3):
    """Share of candidate pairs of like popularity that a method orders as the truth does.

    Parameters
    ----------
    predicted, truth : pd.DataFrame, shape=(n_queries, n_candidates)
    listeners : pd.Series
        Listeners of each candidate.
    ratio : float, >= 1
        Pairs whose listener counts differ by at most this factor are compared.

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [0, 1], chance exactly 0.5; predicted ties count half, pairs that the truth ties are left out;
        blank for a query without any pair.

    Raises
    ------
    ValueError
        As `metrics.validate`, or if a candidate has no listeners.
    """
    return concordance(predicted, truth, listeners, ratio=ratio).values


def concordance(predicted, truth, listeners, *, ratio=1.3):
    """`matched_concordance`, with the influence of each candidate.

    Parameters
    ----------
    predicted, truth, listeners, ratio
        As for `matched_concordance`.

    Returns
    -------
    ranking.Measured
    """
    metrics.validate(predicted, truth)
    values, influence = agreement(
        predicted.to_numpy(float),
        truth.to_numpy(float),
        _log_listeners(listeners, truth.columns),
        ratio=ratio,
    )
    influence[ranking_influence.own_cells(truth)] = np.nan
    return ranking_influence.Measured(
        pd.Series(values, index=truth.index),
        pd.DataFrame(influence, index=truth.index, columns=truth.columns),
    )


def agreement(predicted, truth, popularity, *, ratio=1.3):
    """`concordance` of plain arrays, in which a query may have other candidates than the next.

    Parameters
    ----------
    predicted, truth : np.ndarray, shape=(n_queries, n_candidates)
        Where the truth is NaN, there is no candidate.
    popularity : np.ndarray, shape=(n_candidates,)
        Logarithm of the listeners.
    ratio : float

    Returns
    -------
    values : np.ndarray, shape=(n_queries,)
    influence : np.ndarray, shape=(n_queries, n_candidates)
        0 where there is no candidate.
    """
    first, second = np.triu_indices(len(popularity), k=1)
    alike = (
        np.abs(popularity[first] - popularity[second]) <= np.log(ratio) + 1e-12
    )  # exactly 1.3 is still alike
    first, second = first[alike], second[alike]
    values, influence = np.full(len(truth), np.nan), np.zeros(truth.shape)
    for place, (p, t) in enumerate(zip(predicted, truth, strict=True)):
        true_sign = np.sign(t[first] - t[second])  # NaN with the query's own cell
        counted = np.nan_to_num(true_sign) != 0
        if counted.any():
            signs = np.sign(p[first] - p[second])[counted] * true_sign[counted]
            values[place] = 0.5 * (1 + signs.mean())
            excess = 0.5 * (signs - signs.mean()) / len(signs)  # of each pair, for both its artists
            for side in (first, second):
                influence[place] += np.bincount(side[counted], weights=excess, minlength=len(popularity))
    return values, influence


def popularity_frame(scores, listeners):
    """A frame that scores every candidate by the logarithm of its listeners, on the axes of another one."""
    popularity = np.tile(_log_listeners(listeners, scores.columns), (len(scores), 1))
    return pd.DataFrame(popularity, index=scores.index, columns=scores.columns).where(scores.notna())


def popularity_correlation(scores, listeners):
    """Rank correlation of a query's scores with the candidates' listeners.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_queries, n_candidates)
        Of a method, or the truth's.
    listeners : pd.Series

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [-1, 1]; 0 where either side is constant.
    """
    return metrics.spearman(scores, popularity_frame(scores, listeners))


def mean_popularity(scores, listeners, n):
    """Mean popularity of the artists on each query's list of `n`.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_queries, n_candidates)
    listeners : pd.Series
    n : int

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In powers of two: 1 more means twice the listeners.
    """
    return popularity_of_lists(scores, listeners, n).values


def popularity_of_lists(scores, listeners, n):
    """`mean_popularity`, with the influence of each candidate.

    Parameters
    ----------
    scores, listeners, n
        As for `mean_popularity`.

    Returns
    -------
    ranking.Measured
    """
    popularity, _ = metrics.validate(popularity_frame(scores, listeners), scores, n)
    values, _ = metrics.validate(scores, scores, n)
    listed = ties.inclusion(values, n) / n / np.log(2)
    apart = popularity - popularity.mean(axis=1, keepdims=True)  # so that the unit of popularity is no matter
    shares = (listed - listed.mean(axis=1, keepdims=True)) * apart
    return ranking_influence.Measured.of((listed * popularity).sum(axis=1), shares, scores)


def partial_correlation(predicted, truth, listeners):
    """Rank correlation of prediction and truth after controlling for the candidates' popularity.

    Spearman's partial correlation: that of what a straight line in the ranks of popularity leaves of both.

    Parameters
    ----------
    predicted, truth : pd.DataFrame, shape=(n_queries, n_candidates)
    listeners : pd.Series

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [-1, 1], chance 0; 0 where popularity leaves nothing of the prediction or of the truth.
    """
    return given_popularity(predicted, truth, listeners).values


def given_popularity(predicted, truth, listeners):
    """`partial_correlation`, with the influence of each candidate.

    Parameters
    ----------
    predicted, truth, listeners
        As for `partial_correlation`.

    Returns
    -------
    ranking.Measured
    """
    return partial(predicted, truth, popularity_frame(truth, listeners))


def partial(first, second, controlled):
    """Rank correlation of two frames, query by query, after controlling for a third one.

    Parameters
    ----------
    first, second, controlled : pd.DataFrame, shape=(n_queries, n_candidates)

    Returns
    -------
    ranking.Measured
        In [-1, 1]; 0 where the third frame leaves nothing of one of the others.
    """
    p, t, c = (_unit_ranks(metrics.validate(frame, second)[0]) for frame in (first, second, controlled))
    p, t = (
        numerics.unit(side - (side * c).sum(axis=1, keepdims=True) * c, least=ROUNDING) for side in (p, t)
    )
    values = np.clip((p * t).sum(axis=1), -1, 1)
    return ranking_influence.Measured.of(values, ranking_influence.of_correlation(p, t, values), second)


AGAINST_TRUTH = {"matched_concordance": concordance, "partial_spearman": given_popularity}


def nuisances(clips, artists):
    """What two artists' clips may share without sounding alike: the catalogue they are from, and their level.

    Parameters
    ----------
    clips : pd.DataFrame
        ``artist_id, source, loudness`` (of the whole clip, dB) of the clips that were heard.
    artists : sequence of str

    Returns
    -------
    dict of str to pd.DataFrame, shape=(n_artists, n_artists)
        ``source``: share of clip pairs from one catalogue; ``loudness``: minus the mean difference in dB over
        clip pairs.

    Raises
    ------
    ValueError
        If an artist has no clip.

    Examples
    --------
    >>> clips = pd.DataFrame({"artist_id": ["a", "a", "b"], "source": ["itunes", "deezer", "itunes"]})
    >>> shared = nuisances(clips.assign(loudness=[-10.0, -14.0, -11.0]), ["a", "b"])
    >>> {name: float(frame.loc["a", "b"]) for name, frame in shared.items()}
    {'source': 0.5, 'loudness': -2.0}
    """
    place = pd.Index(artists).get_indexer(clips["artist_id"])
    clips, owners = clips[place >= 0], place[place >= 0]
    silent = len(artists) - len(np.unique(owners))
    if silent:
        raise ValueError(f"{silent} of {len(artists)} artists have no clip in the table of clips")
    source, loudness = clips["source"].to_numpy(dtype=object), clips["loudness"].to_numpy(dtype=float)
    same = np.equal.outer(source, source).astype(float)
    apart = -np.abs(np.subtract.outer(loudness, loudness))
    return {
        name: labelled_scores(mean_over_clips(values, owners, len(artists)), artists)
        for name, values in (("source", same), ("loudness", apart))
    }


def table(predicted, truth, listeners, nuisance, *, n, seed=0, own_truths=None):
    """What each method, and the truth, owes to popularity, hubs, the catalogue and the level; and what is
    left.

    Parameters
    ----------
    predicted : dict of str to list of pd.DataFrame, shape=(n_queries, n_candidates)
        Each method's trainings.
    truth : pd.DataFrame, shape=(n_artists, n_artists)
    listeners : pd.Series
    nuisance : dict of str to pd.DataFrame
        From `nuisances`; they stand in the table as predictors, too.
    n : int
        Length of the lists of which hubs are counted.
    seed : int
    own_truths : dict of str to pd.DataFrame, optional
        Of methods that are judged by another truth.

    Returns
    -------
    pd.DataFrame
        ``truth, candidates, method, measure, n, value, ci_low, ci_high, chance, n_queries, n_seeds,
        seed_sd``.
        Measures: ``popularity_correlation``, ``source_correlation``, ``loudness_correlation`` (of the
        scores), ``partial_spearman``, ``matched_concordance`` (with the truth), ``hub_skewness``,
        ``never_named`` (intervals over candidates). A value without a query to measure it on is blank.

    Examples
    --------
    >>> ids, listeners = list("abcde"), pd.Series([80, 40, 20, 10, 5], index=list("abcde"))
    >>> truth = labelled_scores(np.random.default_rng(0).random((5, 5)), ids)
    >>> own = table({"popularity": [popularity_frame(truth, listeners)]}, truth, listeners, {}, n=2)
    >>> own = own[own["method"] == "popularity"].set_index("measure")["value"]
    >>> own.round(2)[["popularity_correlation", "partial_spearman", "never_named"]].to_dict()
    {'popularity_correlation': 1.0, 'partial_spearman': 0.0, 'never_named': 0.4}
    """
    nuisance = {name: frame.reindex_like(truth) for name, frame in nuisance.items()}
    everybody = {"truth": [truth], **predicted, **{name: [frame] for name, frame in nuisance.items()}}
    followed = {"popularity": popularity_frame(truth, listeners), **nuisance}
    by_chance = dict(zip(hubs.HUBS, hubs.hubs_by_chance(len(truth), n), strict=True))
    rows = []
    for method, runs in everybody.items():
        measured = {
            f"{name}_correlation": [spearman(run, frame) for run in runs]
            for name, frame in followed.items()
            if name != method or name not in nuisance
        }
        if method != "truth":
            true = (own_truths or {}).get(method, truth)
            measured |= {
                name: [measure(run, true, listeners) for run in runs]
                for name, measure in AGAINST_TRUTH.items()
            }
        for name, values in measured.items():
            rows.append(row(method, name, pd.NA, values, 0.5 if name == "matched_concordance" else 0.0))
        counts = np.stack([hubs.k_occurrence(run, n) for run in runs], axis=1)
        for name, statistic in hubs.HUBS.items():
            rows.append(_hub_row(method, name, n, counts, by_chance[name], seed, statistic))
    return pd.DataFrame(rows).astype({"n": "Int64"})


def row(method, measure, n, values, chance):
    """One line of a table, over artists and trainings."""
    return _line(method, measure, n, significance.estimate(values), chance)


def _hub_row(method, measure, n, counts, chance, seed, statistic):
    """One line of a table; `counts` has shape (n_candidates, n_seeds), and the interval is over
    candidates."""
    of_runs = statistic(counts.T)
    low, high = numerics.bootstrap_interval(
        counts, seed=seed, statistic=lambda drawn: statistic(drawn.transpose(0, 2, 1)).mean(axis=1)
    )
    seed_sd = of_runs.std(ddof=1) if len(of_runs) > 1 else np.nan
    result = significance.Estimate(of_runs.mean(), np.nan, np.nan, *counts.shape, seed_sd)
    return _line(method, measure, n, result, chance) | {"ci_low": low, "ci_high": high}


def _line(method, measure, n, result, chance):
    return {
        "truth": "corrected", "candidates": "test", "method": method, "measure": measure, "n": n,
        **result.table_row(border=chance, chance=chance), "seed_sd": result.seed_sd,
    }  # fmt: skip


def spearman(first, second):
    return metrics.measure(first, second, [], metrics=("spearman",))["spearman", pd.NA]


def _unit_ranks(values):
    """Ranks of each row, centred and of length 1; 0 where all are equal."""
    ranks = scipy.stats.rankdata(values, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    return numerics.unit(ranks, least=ROUNDING)


def _log_listeners(listeners, artists):
    counts = listeners.reindex(artists).to_numpy(dtype=float)
    if not (counts > 0).all():
        raise ValueError(f"{int((~(counts > 0)).sum())} candidates have no listeners")
    return np.log(counts)
