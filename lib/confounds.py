"""What else could make a ranking look right: fame, hubs, the catalogue, the level (beyond the paper).

Conventions
-----------
- Frames are those of `lib.ranking`: queries (rows) by candidates (columns), higher is closer, blank where the
  query is its own candidate.
- Measures return one value for each query, blank where the query allows none; those of hubs one for each
  candidate.

References
----------
Radovanović, Nanopoulos & Ivanović (2010). Hubs in space.
Flexer & Stevens (2018). Mutual proximity graphs for improved reachability in music recommendation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats

from lib import ranking, significance
from lib.methods import labelled_scores, mean_over_clips


def matched_concordance(predicted, truth, listeners, *, ratio=1.3):
    """Share of candidate pairs of like fame that a method orders as the truth does.

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
        As `ranking.validate`, or if a candidate has no listeners.
    """
    ranking.validate(predicted, truth)
    fame = _log_listeners(listeners, truth.columns)
    first, second = np.triu_indices(len(fame), k=1)
    alike = np.abs(fame[first] - fame[second]) <= np.log(ratio) + 1e-12  # exactly 1.3 is still alike
    first, second = first[alike], second[alike]
    shares = np.full(len(truth), np.nan)
    for place, (p, t) in enumerate(zip(predicted.to_numpy(float), truth.to_numpy(float), strict=True)):
        true_sign = np.sign(t[first] - t[second])  # blank with the query's own cell
        counted = np.nan_to_num(true_sign) != 0
        if counted.any():
            agreement = np.sign(p[first] - p[second])[counted] * true_sign[counted]
            shares[place] = 0.5 * (1 + agreement.mean())
    return pd.Series(shares, index=truth.index)


def fame_correlation(scores, listeners):
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
    return ranking.spearman(scores, _fame(scores, listeners))


def mean_fame(scores, listeners, n):
    """Mean fame of the artists on each query's list of `n`.

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
    fame, _ = ranking.validate(_fame(scores, listeners), scores, n)
    values, _ = ranking.validate(scores, scores, n)
    return pd.Series((ranking.inclusion(values, n) * fame).sum(axis=1) / n / np.log(2), index=scores.index)


def partial_correlation(predicted, truth, listeners):
    """Rank correlation of prediction and truth once the candidates' fame has said what it can about either.

    Spearman's partial correlation: that of what a straight line in the ranks of fame leaves of both.

    Parameters
    ----------
    predicted, truth : pd.DataFrame, shape=(n_queries, n_candidates)
    listeners : pd.Series

    Returns
    -------
    pd.Series, shape=(n_queries,)
        In [-1, 1], chance 0; 0 where fame leaves nothing of the prediction or of the truth.
    """
    fame = _fame(truth, listeners)
    both = ranking.spearman(predicted, truth)
    said, true = ranking.spearman(predicted, fame), ranking.spearman(truth, fame)
    left = np.sqrt(np.clip(1 - said**2, 0, None) * np.clip(1 - true**2, 0, None))
    return ((both - said * true) / left).where(left > 1e-6, 0.0).clip(-1, 1)


AGAINST_TRUTH = {"matched_concordance": matched_concordance, "partial_spearman": partial_correlation}


def strata(listeners, n_strata=3):
    """Artists in groups of like fame and like size.

    Parameters
    ----------
    listeners : pd.Series
        Index: artist id.
    n_strata : int

    Returns
    -------
    pd.Series of int
        0 for those with the most listeners; artists of equal fame are told apart by their order.
    """
    place = listeners.rank(ascending=False, method="first") - 1
    return (place * n_strata // len(listeners)).astype(int)


def within(candidates, measure, predicted, truth):
    """A measure of every query when only some candidates may be ranked.

    Parameters
    ----------
    candidates : sequence of str
    measure : function
        Of (predicted, truth), to a series over the queries; such as `ranking.spearman`.
    predicted, truth : pd.DataFrame, shape=(n_queries, n_candidates)

    Returns
    -------
    pd.Series, shape=(n_queries,)
    """
    inside = truth.index.isin(candidates)  # a frame has queries of one kind: candidates too, or not
    parts = [
        measure(predicted.loc[rows, candidates], truth.loc[rows, candidates])
        for rows in (inside, ~inside)
        if rows.any()
    ]
    return pd.concat(parts).reindex(truth.index)


def k_occurrence(scores, n):
    """On how many queries' lists of `n` each candidate is: the same for all if there were no hubs.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_queries, n_candidates)
    n : int

    Returns
    -------
    pd.Series, shape=(n_candidates,)
        Expected number where scores tie.
    """
    ranking.validate(scores, scores, n)
    own = np.equal.outer(scores.index.to_numpy(dtype=object), scores.columns.to_numpy(dtype=object))
    values = np.where(own.astype(bool), -np.inf, scores.to_numpy(dtype=float))
    return pd.Series(ranking.inclusion(values, n).sum(axis=0), index=scores.columns)


def hub_skewness(counts):
    """Skewness of k-occurrences: 0 without hubs, above 1 where a few artists are on most lists.

    Parameters
    ----------
    counts : array_like, shape=(..., n_candidates)

    Returns
    -------
    np.ndarray, shape=(...)
        0 where all are equal.
    """
    counts = np.asarray(counts, dtype=float)
    spread = counts.std(axis=-1) > 1e-9
    centred = counts - counts.mean(axis=-1, keepdims=True)
    moments = (centred**3).mean(axis=-1), np.where(spread, (centred**2).mean(axis=-1), 1) ** 1.5
    return np.where(spread, moments[0] / moments[1], 0.0)


def never_named(counts):
    """Share of candidates that are on nobody's list.

    Parameters
    ----------
    counts : array_like, shape=(..., n_candidates)

    Returns
    -------
    np.ndarray, shape=(...)
    """
    return (np.asarray(counts, dtype=float) < 1e-9).mean(axis=-1)


HUBS = {"hub_skewness": hub_skewness, "never_named": never_named}


def hubs_by_chance(n_artists, n):
    """Hub skewness and share of the never named if each query's list were drawn at random.

    Parameters
    ----------
    n_artists : int
        Queries, which are the candidates too.
    n : int

    Returns
    -------
    tuple of float
        Those of a binomial count of ``n_artists - 1`` lists, each with a chance of ``n / (n_artists - 1)``.
    """
    lists = scipy.stats.binom(n_artists - 1, n / (n_artists - 1))
    return float(lists.stats("s")) if n < n_artists - 1 else 0.0, float(lists.pmf(0))


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
    """What each method, and the truth, owes to fame, hubs, the catalogue and the level; and what is left.

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
        Measures: ``fame_correlation``, ``source_correlation``, ``loudness_correlation`` (of the scores),
        ``partial_spearman``, ``matched_concordance`` (with the truth), ``hub_skewness``, ``never_named``
        (intervals over candidates). A value without a query to measure it on is blank.
    """
    nuisance = {name: frame.reindex_like(truth) for name, frame in nuisance.items()}
    everybody = {"truth": [truth], **predicted, **{name: [frame] for name, frame in nuisance.items()}}
    by_chance = dict(zip(HUBS, hubs_by_chance(len(truth), n), strict=True))
    rows = []
    for method, runs in everybody.items():
        measures = {"fame_correlation": lambda run: fame_correlation(run, listeners)}
        for name, frame in nuisance.items():
            if name != method:
                measures[f"{name}_correlation"] = lambda run, frame=frame: ranking.spearman(run, frame)
        if method != "truth":
            true = (own_truths or {}).get(method, truth)
            for name, measure in AGAINST_TRUTH.items():
                measures[name] = lambda run, measure=measure, true=true: measure(run, true, listeners)
        for name, measure in measures.items():
            values = pd.concat([measure(run) for run in runs], axis=1).to_numpy()
            chance = 0.5 if name == "matched_concordance" else 0.0
            rows.append(_row(method, name, pd.NA, values, chance, seed))
        counts = np.stack([k_occurrence(run, n) for run in runs], axis=1)
        for name, statistic in HUBS.items():
            rows.append(_row(method, name, n, counts, by_chance[name], seed, statistic))
    return pd.DataFrame(rows).astype({"n": "Int64"})


def strata_table(predicted, truth, listeners, *, n, n_strata=3, seed=0, own_truths=None):
    """Results by fame: of queries in each stratum, and among the candidates of each stratum only.

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
    """
    own = listeners.reindex(truth.index)
    groups = strata(own, max(1, min(n_strata, len(own) // 4)))
    rows = []
    for stratum, part in own.groupby(groups):
        told = {"stratum": stratum + 1, "listeners_high": part.max(), "listeners_low": part.min()}
        for method, runs in predicted.items():
            true = (own_truths or {}).get(method, truth)
            found = [ranking.overlap_at_n(run, true, n).loc[part.index] for run in runs]
            among = [within(list(part.index), ranking.spearman, run, true) for run in runs]
            for kind, measure, length, values, chance in (
                ("queries", "unordered", n, found, n / (len(truth) - 1)),
                ("candidates", "spearman", pd.NA, among, 0.0),
            ):
                row = _row(method, measure, length, pd.concat(values, axis=1).to_numpy(), chance, seed)
                rows.append({"truth": "corrected", "candidates": "test", "strata_of": kind, **told, **row})
    return pd.DataFrame(rows).astype({"n": "Int64"}).drop(columns="seed_sd")


def _row(method, measure, n, values, chance, seed, statistic=None):
    """One line of a table; `values` has shape (n_queries or n_candidates, n_seeds)."""
    whole = values[~np.isnan(values).any(axis=1)]
    of_runs, interval = np.full(values.shape[1], np.nan), (np.nan, np.nan)
    if len(whole) and statistic:
        of_runs = statistic(whole.T)
        interval = significance.bootstrap_interval(
            whole, seed=seed, statistic=lambda drawn: statistic(drawn.transpose(0, 2, 1)).mean(axis=1)
        )
    elif len(whole):
        of_runs = whole.mean(axis=0)
        interval = significance.bootstrap_interval(whole.mean(axis=1), seed=seed)
    return {
        "truth": "corrected", "candidates": "test", "method": method, "measure": measure, "n": n,
        "value": of_runs.mean(), "ci_low": interval[0], "ci_high": interval[1], "chance": chance,
        "n_queries": len(whole), "n_seeds": values.shape[1],
        "seed_sd": of_runs.std(ddof=1) if len(of_runs) > 1 else np.nan,
    }  # fmt: skip


def _fame(scores, listeners):
    """A frame that scores every candidate by its listeners."""
    fame = np.tile(_log_listeners(listeners, scores.columns), (len(scores), 1))
    return pd.DataFrame(fame, index=scores.index, columns=scores.columns).where(scores.notna())


def _log_listeners(listeners, artists):
    counts = listeners.reindex(artists).to_numpy(dtype=float)
    if not (counts > 0).all():
        raise ValueError(f"{int((~(counts > 0)).sum())} candidates have no listeners")
    return np.log(counts)
