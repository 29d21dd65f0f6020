"""Frames labelled with artist ids: shared listeners, values scaled to [0, 1], blank diagonals."""

from __future__ import annotations

import numpy as np
import pandas as pd


def cooccurrence(listening):
    """Number of distinct users who listen to both artists of a pair.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists), dtype=int64
        The diagonal holds each artist's listeners.

    Examples
    --------
    >>> import scipy.sparse
    >>> from lib.listening.matrix import ListeningMatrix
    >>> plays = scipy.sparse.csr_array([[3, 1], [0, 4], [2, 2]])  # three users, two artists
    >>> cooccurrence(ListeningMatrix(plays, pd.DataFrame({"artist_id": ["abba", "air"]}))).to_numpy()
    array([[2, 2],
           [2, 3]])
    """
    return labelled(listening.co_listeners.copy(), listening.artists["artist_id"])


def first_few(labels, n=5):
    return ", ".join(map(str, labels[:n])) + (f" and {len(labels) - n} more" if len(labels) > n else "")


def labelled(values, artist_ids):
    """The values themselves under labels, no copy of them: a frame of 10,000 artists is 0.8 GB."""
    ids = axis_ids(artist_ids)
    return pd.DataFrame(values, index=ids, columns=ids, copy=False)


def axis_ids(artist_ids):
    return pd.Index(artist_ids, name="artist_id", dtype=object)


def zero_diagonal(frame):
    return frame.where(~np.eye(len(frame), dtype=bool), 0)


def scale(values):
    """Scale an array to [0, 1], in place; to 0 where all are equal. NaN stays NaN."""
    low, high = np.nanmin(values), np.nanmax(values)
    values -= low
    values /= high - low if high > low else 1
    return values


def finish(frame):
    values = frame.to_numpy(dtype=float, copy=True)
    np.fill_diagonal(values, np.nan)
    return labelled(values, frame.index)
