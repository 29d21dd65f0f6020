"""Step 2 of the paper (section 3): how similar two artists are, by who listens to both.

Conventions
-----------
- Every metric returns a labelled frame: index and columns are the same artist ids, higher is more similar,
  the diagonal is blank (NaN) and nothing else is.
- ``frame.loc[a, b]`` of an asymmetric metric is the similarity of candidate *b* to query *a*.
- Frames are only ever reindexed. Assigning an index is the mistake of the published evaluation
  (`as_published`).

References
----------
Allen, N. (2018). Assessing Music Similarity Using Deep Learning. Section 3.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats


def cooccurrence(listening):
    """Number of distinct users who listen to both artists of a pair.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists), dtype=int64
        The diagonal holds each artist's listeners.
    """
    listened = listening.listened
    return _labelled((listened.T @ listened).toarray(), listening.artists["artist_id"])


def min_conditional(listening):
    """The paper's target: co-listeners over the larger audience, scaled over the whole matrix (section 3).

    The column-wise share of listeners and the pairwise minimum of the two shares come to
    ``co-listeners / max(listeners a, listeners b)``. As in the author's code the diagonal counts as 0 when
    the matrix is scaled to [0, 1], and is blanked again.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    together = cooccurrence(listening)
    listeners = np.diag(together)
    larger = np.maximum(
        np.maximum.outer(listeners, listeners), 1
    )  # half of the users may leave an artist without listeners
    return _finish(_scale(_zero_diagonal(together / larger)))


def conditional(listening):
    """Share of the candidate's listeners who also listen to the query, scaled column by column.

    The author's first variant; asymmetric, and kinder to popular candidates' obscure neighbours than to fame.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        In [0, 1], not symmetric: each column is scaled by its own range.
    """
    together = cooccurrence(listening)
    shares = _zero_diagonal(together / np.maximum(np.diag(together), 1))
    return _finish(shares.apply(_scale_values))


def plays_min(listening):
    """Share of an artist's plays that come from the other one's listeners; the smaller of the two directions.

    The author's second variant.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    shared = (listening.listened.T @ listening.plays).toarray() / np.maximum(listening.plays.sum(axis=0), 1)
    frame = _labelled(np.minimum(shared, shared.T), listening.artists["artist_id"])
    return _finish(_scale(_zero_diagonal(frame)))


METRICS = {"min_conditional": min_conditional, "conditional": conditional, "plays_min": plays_min}
SYMMETRIC = ("min_conditional", "plays_min")


def audit(target, *, symmetric=True):
    """Refuse a target whose labels or values cannot be right.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
    symmetric : bool
        Whether the metric is symmetric by definition.

    Returns
    -------
    dict
        ``artists``, ``lowest``, ``highest``, ``without_neighbours`` (ids of artists similar to nobody).

    Raises
    ------
    ValueError
        If labels repeat or differ between the axes, a value other than the diagonal is blank or the diagonal
        is not, a value is outside [0, 1], the matrix is constant, or not symmetric where it should be.
    """
    for axis in (target.index, target.columns):
        if not axis.is_unique:
            raise ValueError(f"the target repeats artists: {sorted(axis[axis.duplicated()])[:5]}")
    if not target.index.equals(target.columns):
        raise ValueError(
            "rows and columns of the target name different artists, or in another order: reindex it"
        )
    values = target.to_numpy()
    diagonal = np.eye(len(values), dtype=bool)
    if not np.array_equal(np.isnan(values), diagonal):
        misplaced = int((np.isnan(values) & ~diagonal).sum())
        raise ValueError(
            f"{misplaced} blank values lie off the diagonal and"
            f" {int((~np.isnan(values) & diagonal).sum())} diagonal ones are filled:"
            " the index was probably assigned where it should have been reindexed"
        )
    off_diagonal = values[~diagonal]
    if off_diagonal.min() < 0 or off_diagonal.max() > 1:
        raise ValueError(
            f"similarities must lie in [0, 1], got {off_diagonal.min():.3g} to {off_diagonal.max():.3g}"
        )
    if np.ptp(off_diagonal) == 0:
        raise ValueError(f"all similarities are {off_diagonal[0]:.3g}: there is nothing to rank")
    if symmetric and not np.allclose(values, values.T, equal_nan=True):
        raise ValueError(
            "the target should be symmetric and is not: its rows are not in the order of its columns"
        )
    lonely = target.index[np.nansum(values, axis=1) == 0]
    return {
        "artists": len(target),
        "lowest": float(off_diagonal.min()),
        "highest": float(off_diagonal.max()),
        "without_neighbours": list(lonely),
    }


def summary(targets, listeners, half_targets):
    """How each metric relates to fame, to the paper's metric, and to luck.

    Parameters
    ----------
    targets : dict of str to pd.DataFrame
        By metric; the first is the one that the others are compared with.
    listeners : pd.Series
        On the targets' index.
    half_targets : pair of pd.DataFrame
        The first metric on two halves of the listeners.

    Returns
    -------
    pd.DataFrame
        One row a metric: ``metric``, ``median``, ``fame_correlation`` (mean over queries of the rank
        correlation between similarity and the candidate's listeners), ``agreement`` (the same with the first
        metric) and ``split_half`` (between the halves; first metric only).
    """
    first = next(iter(targets))
    fame = pd.DataFrame(
        np.tile(listeners.to_numpy(dtype=float), (len(listeners), 1)),
        index=listeners.index,
        columns=listeners.index,
    )
    rows = [
        {
            "metric": name,
            "median": np.nanmedian(target.to_numpy()),
            "fame_correlation": _rank_correlation(target, fame),
            "agreement": _rank_correlation(target, targets[first]),
            "split_half": _rank_correlation(*half_targets) if name == first else np.nan,
        }
        for name, target in targets.items()
    ]
    return pd.DataFrame(rows)


def as_published(target, test_artists):
    """The test truth as the author's notebooks built it: right values under wrong names.

    The author's matrix holds all artists as rows, most listeners first, and the test artists as columns. He
    gives its rows a new index (test artists first) by *assigning* it, so the k-th test artist carries the row
    of the k-th most popular artist. Candidates' labels stay right.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
        Rows in the author's order: by listeners, most first.
    test_artists : sequence of str
        In the order of the author's new index.

    Returns
    -------
    pd.DataFrame, shape=(n_test, n_test)
        Row: query under its wrong name; column: candidate. The diagonal is blanked because a query is not its
        own candidate; where the borrowed row's artist is itself a candidate, its blank counts as 0.
    """
    test_artists = list(test_artists)
    rows = target.loc[:, test_artists].iloc[: len(test_artists)]
    return _finish(rows.fillna(0.0).set_axis(rows.columns, axis=0))


def factors(listening, *, n_factors=40, discount=0.75, seed=0):
    """Listening factors of artists: positive pointwise mutual information, truncated SVD, unit rows.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix
    n_factors : int
    discount : float
        Exponent that smooths the popularity of the context artist.
    seed : int
        Of the randomised solver's start.

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_factors)
    """
    from sklearn.utils.extmath import randomized_svd

    together = _zero_diagonal(cooccurrence(listening)).to_numpy()
    context = together.sum(axis=0) ** discount
    with np.errstate(divide="ignore", invalid="ignore"):
        pmi = np.log(together * context.sum() / np.outer(together.sum(axis=1), context))
    ppmi = np.where(np.isfinite(pmi), np.maximum(pmi, 0), 0)
    left, strength, _ = randomized_svd(ppmi, n_components=min(n_factors, len(ppmi) - 1), random_state=seed)
    vectors = left * np.sqrt(strength)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return pd.DataFrame(
        vectors / np.where(length == 0, 1, length), index=_ids(listening.artists["artist_id"])
    )


def _rank_correlation(first, second):
    """Mean over queries of Spearman's correlation between two frames; the diagonal is left out."""
    off = ~np.eye(len(first), dtype=bool)
    rows = zip(first.to_numpy(), second.reindex_like(first).to_numpy(), off, strict=True)
    return float(np.nanmean([scipy.stats.spearmanr(a[mask], b[mask]).statistic for a, b, mask in rows]))


def _labelled(values, artist_ids):
    ids = _ids(artist_ids)
    return pd.DataFrame(values, index=ids, columns=ids)


def _ids(artist_ids):
    return pd.Index(artist_ids, name="artist_id", dtype=object)


def _zero_diagonal(frame):
    return frame.where(~np.eye(len(frame), dtype=bool), 0)


def _scale_values(values):
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else values * 0.0


def _scale(frame):
    return _labelled(_scale_values(frame.to_numpy(dtype=float)), frame.index)


def _finish(frame):
    return frame.where(~np.eye(len(frame), dtype=bool))
