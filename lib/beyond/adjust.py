"""Finished scores, adjusted: mutual proximity against hubs, and popularity blended in (beyond the paper).

In many dimensions some artists come near to almost everybody (hubs), and others to nobody. Mutual proximity
judges a score by its place among all scores of both artists: two artists are close if each is close by the
other's standards. That removes most hubs, without looking at listeners.

Conventions
-----------
- Scores are labelled symmetric frames, higher is closer, blank on the diagonal (`lib.methods`).
- The Gaussian variant with independent sides: each artist's scores are taken for normal, and the result is
  ``Φ((s - mean a) / sd a) * Φ((s - mean b) / sd b)``. It makes no ties, unlike the empirical one, which
  matters where there are fewer than a hundred artists.

References
----------
Schnitzer, Flexer, Schedl & Widmer (2012). Local and global scaling reduce hubs in space. Journal of Machine
Learning Research, 13.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import scipy.stats

from lib import study as studies
from lib.ranking import hubs, metrics
from lib.ranking.scores import Scores

PROXIMITY, POPULARITY = "+proximity", "+popularity"  # behind the name of a method


def mutual_proximity(scores):
    """How probable it is that both artists find fewer than this close.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric.

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        In [0, 1], symmetric, blank on the diagonal. An artist to whom all are equally close has no standards
        and counts a half.

    Raises
    ------
    ValueError
        If rows and columns differ, a value is blank off the diagonal, or the scores are not symmetric.
    """
    metrics.validate(scores, scores)
    values = scores.to_numpy(dtype=float)
    if not scores.index.equals(scores.columns.rename(scores.index.name)) or not np.allclose(
        values, values.T, equal_nan=True
    ):
        raise ValueError(
            "mutual proximity needs symmetric scores: both artists are asked for their standards"
        )
    mean, spread = np.nanmean(values, axis=1), np.nanstd(values, axis=1)
    centred = values - mean[:, None]
    among = scipy.stats.norm.cdf(
        np.divide(centred, spread[:, None], out=np.zeros_like(values), where=spread[:, None] > 1e-12)
    )
    both = among * among.T
    np.fill_diagonal(both, np.nan)
    return pd.DataFrame(both, index=scores.index, columns=scores.columns)


def hubness(scores, n):
    """Skewness of how often each artist is among the `n` closest of another: 0 where nobody is a hub.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_artists, n_artists)
    n : int

    Returns
    -------
    float
        0 where all are named equally often; ties take their expected value.
    """
    return float(hubs.hub_skewness(hubs.k_occurrence(scores, n)))


def with_proximity(scores, names):
    """Scores of some methods after mutual proximity, among all artists that were scored together.

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
    names : sequence of str
        Methods with symmetric scores.

    Returns
    -------
    lib.ranking.scores.Scores
        Methods are called ``NAME+proximity``.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> frame = labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], ["a", "b", "c"])
    >>> near = with_proximity(Scores.of_frames({("l2", 0, 0): frame}), ["l2"])
    >>> near.frame(("l2+proximity", 0, 0)).round(2).to_numpy()
    array([[ nan, 0.71, 0.13],
           [0.71,  nan, 0.03],
           [0.13, 0.03,  nan]])
    """
    return Scores.of_frames({
        (f"{method}{PROXIMITY}", fold, seed): mutual_proximity(scores.frame((method, fold, seed)))
        for method, fold, seed in scores.only(names).runs
    })  # fmt: skip


def hubness_table(scores, target, artists, names, *, n, fold=0):
    """Hubness and nDCG of some methods among some artists, before and after mutual proximity.

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
        With the methods' ``+proximity`` beside them.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    artists, names : sequence of str
    n, fold : int

    Returns
    -------
    pd.DataFrame
        ``method, hubness_before, hubness_after, ndcg_before, ndcg_after``: means over trainings.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> place, ids = np.array([0, 1, -1.1, 1.2j, -1.3j]), list("abcde")  # a in the middle of a plane
    >>> near = labelled_scores(-abs(place - place[:, None]), ids)
    >>> scores = Scores.of_frames({("l2", 0, 0): near})
    >>> hubness_table(scores | with_proximity(scores, ["l2"]), 3 + near, ids, ["l2"], n=1).round(1)
      method  hubness_before  hubness_after  ndcg_before  ndcg_after
    0     l2             1.3            0.6          1.0         0.9
    """
    length, truth, rows = min(n, len(artists) - 1), target.loc[artists, artists], []
    for name in names:
        both = [scores.trainings(each, artists, fold=fold) for each in (name, f"{name}{PROXIMITY}")]
        if all(both):
            skewness = [np.mean([hubness(frame, length) for frame in part]) for part in both]
            reached = [
                np.mean([metrics.ndcg(frame, truth, length).mean() for frame in part]) for part in both
            ]
            rows.append((name, *skewness, *reached))
    columns = ["hubness_before", "hubness_after", "ndcg_before", "ndcg_after"]
    return pd.DataFrame(rows, columns=["method", *columns])


WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)


def blend(scores, listeners, weight, *, truth=None, share=0.0):
    """Scores with so much popularity, and so much of the shared listeners, in them.

    Each part has mean 0 and standard deviation 1 over a query's candidates:
    ``(1 - share) * scores + share * truth + weight * log(listeners)``.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_queries, n_candidates)
        Higher is closer; NaN stays NaN and counts for nothing.
    listeners : pd.Series
        Of each candidate.
    weight : float, >= 0
        Of popularity.
    truth : pd.DataFrame, shape=(n_queries, n_candidates), optional
        Similarity from shared listeners; its order of queries and candidates may be another one.
    share : float, in [0, 1]
        Of the truth; 0 leaves the method's scores, 1 puts the truth in their place.

    Returns
    -------
    pd.DataFrame, shape=(n_queries, n_candidates)

    Raises
    ------
    ValueError
        If a candidate has no listeners, the weight is negative or not finite, the share is outside [0, 1],
        or the truth is missing, or NaN where there is a score.

    Examples
    --------
    >>> scores = pd.DataFrame([[np.nan, 3.0, 1.0]], ["a"], ["a", "b", "c"])
    >>> truth = pd.DataFrame([[np.nan, 0.2, 0.4]], ["a"], ["a", "b", "c"])
    >>> listeners = pd.Series([9, 10, 100], ["a", "b", "c"])
    >>> blend(scores, listeners, 1.0, truth=truth, share=0.25).loc["a", ["b", "c"]].round(2).tolist()
    [-0.5, 0.5]
    """
    if not 0 <= weight < np.inf:
        raise ValueError(f"the weight of popularity must be 0 or more, got {weight}")
    if not 0 <= share <= 1:
        raise ValueError(f"the share of the truth must be from 0 to 1, got {share}")
    counts = listeners.reindex(scores.columns).to_numpy(dtype=float)
    if not (counts > 0).all():
        raise ValueError(f"{int((~(counts > 0)).sum())} candidates have no listeners")
    values = scores.to_numpy(dtype=float)
    blank = np.isnan(values)
    blended = _standardised(values)
    if share:
        if truth is None:
            raise ValueError(f"a share of {share} of the truth needs the truth: give truth=")
        similarity = truth.reindex_like(scores).to_numpy(dtype=float)
        if (lacking := np.isnan(similarity) & ~blank).any():
            raise ValueError(f"the truth is NaN for {int(lacking.sum())} pairs that have a score")
        blended = (1 - share) * blended + share * _standardised(np.where(blank, np.nan, similarity))
    popularity = _standardised(np.where(blank, np.nan, np.log(counts)))
    return pd.DataFrame(blended + weight * popularity, index=scores.index, columns=scores.columns)


def with_popularity(scores, listeners, name, weights):
    """Scores of one method, with popularity blended in (`blend`).

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
    listeners : pd.Series
    name : str
        A method.
    weights : dict of int to float
        Of popularity, for each fold.

    Returns
    -------
    lib.ranking.scores.Scores
        The method is called ``NAME+popularity``.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> scores = Scores.of_frames({("l2", 0, 0): labelled_scores(np.zeros((3, 3)), ["a", "b", "c"])})
    >>> listeners = pd.Series([40, 20, 10], ["a", "b", "c"])
    >>> blended = with_popularity(scores, listeners, "l2", weights={0: 0.5})
    >>> blended.frame(("l2+popularity", 0, 0)).round(2).to_numpy()
    array([[ nan,  0.5, -0.5],
           [ 0.5,  nan, -0.5],
           [ 0.5, -0.5,  nan]])
    """
    return Scores.of_frames({
        (f"{name}{POPULARITY}", fold, seed): blend(
            scores.frame((name, fold, seed)), listeners, weights[fold]
        )
        for _, fold, seed in scores.only([name]).runs
    })  # fmt: skip


def weights_on_dev(scores, target, split, listeners, name, *, weights=WEIGHTS, n):
    """How one method does on each fold's dev artists with more and more popularity in it.

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
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

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> listeners = pd.Series([40, 20, 10], ["a", "b", "c"])
    >>> truth = labelled_scores(np.tile([3, 2, 1], (3, 1)), ["a", "b", "c"])  # nothing but popularity
    >>> split = pd.DataFrame({"fold": 0, "artist_id": ["a", "b", "c"], "split": "dev"})
    >>> scores = Scores.of_frames({("l2", 0, 0): -truth})
    >>> weights_on_dev(scores, truth, split, listeners, "l2", weights=[0, 0.5, 2], n=1).round(2)
       fold  weight  ndcg
    0     0     0.0   0.5
    1     0     0.5   0.5
    2     0     2.0   1.0
    """
    rows = []
    for fold, weight in itertools.product(sorted({fold for _, fold, _ in scores.only([name]).runs}), weights):
        dev = studies.artists_of(split, "dev", fold=fold)
        truth, length = target.loc[dev, dev], min(n, len(dev) - 1)
        frames = scores.trainings(name, dev, fold=fold)
        reached = [metrics.ndcg(blend(frame, listeners, weight), truth, length).mean() for frame in frames]
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

    Examples
    --------
    >>> by_weight = pd.DataFrame({"fold": [0, 0, 1, 1], "weight": [0.0, 0.5, 0.0, 0.5]})
    >>> best_weights(by_weight.assign(ndcg=[0.4, 0.5, 0.3, 0.3]))
    {0: 0.5, 1: 0.0}
    """
    best = by_weight.loc[by_weight.groupby("fold")["ndcg"].idxmax()]
    return dict(zip(best["fold"].tolist(), best["weight"].tolist(), strict=True))


def _standardised(values):
    """Mean 0 and standard deviation 1 in each row; rows of one value become 0."""
    centred = values - np.nanmean(values, axis=1, keepdims=True)
    spread = np.nanstd(values, axis=1, keepdims=True)
    return np.divide(centred, spread, out=centred * 0, where=spread > 1e-12)
