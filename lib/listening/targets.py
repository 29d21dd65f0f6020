"""A target on disk: the similarity of all artists under one metric, audited whenever it is read or written.

A target is a labelled frame of similarities in [0, 1] with a blank diagonal (`lib.listening.metrics`).
"""

from __future__ import annotations

import warnings

import numpy as np

from lib.listening import labels, matrix, ranks
from lib.listening.metrics import METRICS

SMALLEST = 3  # artists: with two there is nothing to rank


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
        ``artists``, ``lowest``, ``highest``, ``without_neighbours``: ids of artists whose row is one value
        throughout, so that nothing can be ranked for them: in a metric of co-listeners, because nobody who
        listens to them listens to any other artist.

    Warns
    -----
    UserWarning
        If there are such artists.

    Raises
    ------
    ValueError
        If there are fewer than three artists; if labels are no text, empty, repeated, or differ between the
        axes; if a value is blank whose row and column name different artists, or filled where they name the
        same; if a value is infinite or outside [0, 1]; if all are equal; if the matrix is not symmetric where
        it should be.

    Examples
    --------
    >>> target = labels.finish(labels.labelled([[0, 1, 0.5], [1, 0, 0], [0.5, 0, 0]], ["a", "b", "c"]))
    >>> audit(target)
    {'artists': 3, 'lowest': 0.0, 'highest': 1.0, 'without_neighbours': []}
    >>> audit(target.set_axis(["b", "a", "c"], axis="index"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: ... the index was probably assigned where it should have been reindexed
    """
    _audit_labels(target)
    values = target.to_numpy(dtype=float)
    _audit_blanks(_count(np.isnan, values), values[_own_cells(target)])
    if not target.index.equals(target.columns):
        raise ValueError(_about_axes(target))
    if infinite := _count(np.isinf, values):
        raise ValueError(
            f"{infinite} similarities are infinite, expected values in [0, 1]: something was divided by 0"
        )
    lowest, highest = float(np.nanmin(values)), float(np.nanmax(values))
    if lowest < 0 or highest > 1:
        raise ValueError(
            f"similarities must lie in [0, 1], got {lowest:.3g} to {highest:.3g}:"
            " the metric was probably not scaled"
        )
    if lowest == highest:
        raise ValueError(
            f"all similarities are {lowest:.3g}, there is nothing to rank: probably no two artists share"
            " listeners"
        )
    if symmetric:
        _audit_symmetry(target, values)
    lonely = list(target.index[np.nanmin(values, axis=1) == np.nanmax(values, axis=1)])
    if lonely:
        warnings.warn(
            f"{len(lonely)} of {len(target)} artists are equally similar to all others, which leaves nothing"
            f" to rank: {labels.first_few(lonely)}. Probably they share listeners with nobody",
            stacklevel=2,
        )
    return {"artists": len(target), "lowest": lowest, "highest": highest, "without_neighbours": lonely}


def of(listening, metric):
    """The similarity of all artists under one metric, audited.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    metric : str
        Of `metrics.METRICS`.

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)

    Raises
    ------
    ValueError
        If there is no such metric, or the audit fails.

    Examples
    --------
    >>> import pandas as pd, scipy.sparse
    >>> plays = scipy.sparse.csr_array([[3, 1, 0], [0, 4, 2], [2, 2, 0]])  # three users, three artists
    >>> listening = matrix.ListeningMatrix(plays, pd.DataFrame({"artist_id": ["abba", "air", "zz"]}))
    >>> of(listening, "jaccard").round(2).loc["air"].tolist()
    [0.67, nan, 0.33]
    """
    if metric not in METRICS:
        raise ValueError(f"there is no metric {metric!r} of similarity; choose among {', '.join(METRICS)}")
    target = METRICS[metric](listening)
    audit(target, symmetric=METRICS[metric].symmetric)
    return target


def halves(listening, *, seed):
    """The paper's target by each half of the listeners: one predicts the other as well as listeners can.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    seed : int
        Of the draw.

    Returns
    -------
    list of pd.DataFrame, shape=(n_artists, n_artists)
        Two, audited.

    Examples
    --------
    >>> import pandas as pd, scipy.sparse
    >>> plays = scipy.sparse.csr_array(np.random.default_rng(0).integers(0, 2, (40, 3)))
    >>> listening = matrix.ListeningMatrix(plays, pd.DataFrame({"artist_id": ["abba", "air", "zz"]}))
    >>> one, other = halves(listening, seed=0)
    >>> one.shape, bool((one.columns == other.columns).all())
    ((3, 3), True)
    """
    both = [METRICS["min_conditional"](half) for half in matrix.halves(listening, seed=seed)]
    for target in both:
        audit(target)
    return both


def _audit_labels(target):
    if min(target.shape) < SMALLEST:
        raise ValueError(
            f"a target needs at least {SMALLEST} artists on each axis, got the shape {target.shape}"
        )
    for axis, where in ((target.index, "rows"), (target.columns, "columns")):
        strange = [label for label in axis if not isinstance(label, str) or not label.strip()]
        if strange:
            raise ValueError(
                f"{len(strange)} {where} of the target are not labelled by an artist id but {strange[:5]}:"
                " the index was probably lost on the way"
            )
        if not axis.is_unique:
            repeated = list(dict.fromkeys(axis[axis.duplicated()]))
            raise ValueError(
                f"the {where} of the target repeat artists, expected each once: {labels.first_few(repeated)}"
            )


def _count(what, values):
    """Of how many values it is true; by blocks of rows, as all that reads a whole target."""
    return sum(int(np.count_nonzero(what(values[rows]))) for rows in ranks.blocks(*values.shape))


def _own_cells(target):
    """Where row and column name the same artist: the diagonal, however the axes are ordered."""
    place = target.columns.get_indexer(target.index)
    return np.flatnonzero(place >= 0), place[place >= 0]


def _audit_blanks(n_blank, own):
    filled = int(np.count_nonzero(~np.isnan(own)))
    misplaced = n_blank - (len(own) - filled)
    if not misplaced and not filled:
        return
    cause = (
        "the index was probably assigned where it should have been reindexed"
        if misplaced and filled
        else "the metric left them blank, or artists were added that it does not know"
        if misplaced
        else "an artist is no candidate of its own, so these must be blank"
    )
    raise ValueError(
        f"{misplaced} values are blank where row and column name different artists, and {filled} are filled"
        f" where they name the same: {cause}"
    )


def _about_axes(target):
    only = target.index.symmetric_difference(target.columns)
    if len(only):
        return (
            f"the target's {len(target.index)} rows and {len(target.columns)} columns name different artists,"
            f" expected the same: only one axis has {labels.first_few(only)}; audit the whole target,"
            f" choose then"
        )
    return "rows and columns of the target name the same artists in another order: reindex one like the other"


def _audit_symmetry(target, values):
    farthest, a, b = 1e-9, None, None
    for rows in ranks.blocks(*values.shape):
        apart = np.nan_to_num(np.abs(values[rows] - values[:, rows].T))
        if apart.max() > farthest:
            farthest = apart.max()
            a, b = np.unravel_index(apart.argmax(), apart.shape) + np.array([rows.start, 0])
    if a is None:
        return
    raise ValueError(
        f"the target should be symmetric and is not: {target.index[a]} to {target.index[b]} is"
        f" {values[a, b]:.3g}, back it is {values[b, a]:.3g}: either the metric is not symmetric, or values"
        " were moved without their labels"
    )
