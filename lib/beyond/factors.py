"""What listeners know about artists, in forty numbers each (beyond the paper).

An artist's *listening factors* are a target that a method of audio can learn: artists whose factors point the
same way are heard by the same people. They come from the listening matrix alone, and a method that is to be
tested on some artists must not have seen who listens to them.

Conventions
-----------
- `listening_factors` is given the artists to leave out; their columns are gone before anything is counted, so
  their listening cannot reach the factors of the others (`without`). Test artists are always left out; dev
  artists too, so that the same fit can be chosen on them.
- Artists without clips stay in: they are company by which the others are known. The first `COMPANY` artists
  of the matrix are taken: those with clips, then those with the most listeners.
- Rows have length 1; artists whose listeners hear nobody else have length 0.

References
----------
Levy, Goldberg & Dagan (2015). Improving distributional similarity with lessons learned from word embeddings
(positive pointwise mutual information, smoothed contexts, root of the singular values).
Pantel & Lin (2002). Discovering word senses from text (the discount of rare pairs).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse
from scipy.sparse.linalg import svds

from lib import numerics
from lib.listening.matrix import ListeningMatrix

N_FACTORS = 40
COMPANY = 7_000  # artists in all; about as many of Last.fm-2K have two listeners or more
CONTEXT_POWER = 0.75  # smooths the fame of the artist that is listened to as well
HALF_TRUSTED = 5  # listeners at which an artist counts half


def without(listening, artists):
    """The listening matrix as if some artists had never been heard.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    artists : collection of str
        Ids; those that the matrix does not hold are passed over.

    Returns
    -------
    lib.listening.matrix.ListeningMatrix
        The other columns; users without any of them are rows of zeros.
    """
    kept = ~listening.artists["artist_id"].isin(set(artists)).to_numpy()
    return _columns(listening, np.flatnonzero(kept))


def discounted_ppmi(together):
    """Positive pointwise mutual information of artists, less where few listeners speak for it.

    With *c* listeners in common, *r* the sum of an artist's row and *q* that of a context artist to the power
    0.75, a cell is ``max(0, log(c * sum(q) / (r * q)))`` times ``c / (c + 1) * m / (m + 1)``, *m* being the
    smaller of the two artists' row sums.

    Parameters
    ----------
    together : sparse or dense array, shape=(n_artists, n_artists)
        Listeners in common, symmetric; the diagonal is ignored.

    Returns
    -------
    scipy.sparse.csr_array, shape=(n_artists, n_artists)
        Not negative, 0 on the diagonal and where nobody listens to both.
    """
    cells = scipy.sparse.coo_array(together)
    shared = (cells.row != cells.col) & (cells.data > 0)
    row, column, counts = cells.row[shared], cells.col[shared], cells.data[shared].astype(float)
    rows = np.bincount(row, weights=counts, minlength=cells.shape[0])
    context = rows**CONTEXT_POWER
    information = np.log(counts * context.sum() / (rows[row] * context[column]))
    smaller = np.minimum(rows[row], rows[column])
    discount = counts / (counts + 1) * smaller / (smaller + 1)
    values = np.maximum(information, 0) * discount
    return scipy.sparse.csr_array((values, (row, column)), shape=cells.shape)


def listening_factors(listening, *, leave_out=(), n_factors=N_FACTORS):
    """Factors of all artists but those that are left out.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    leave_out : collection of str
        Ids of dev and test artists: nothing of their listening is used.
    n_factors : int
        Fewer where there are fewer artists.

    Returns
    -------
    pd.DataFrame, shape=(n_kept, at most n_factors)
        Index: artist id; rows of length 1, or 0.

    Raises
    ------
    ValueError
        If fewer than three artists are left, or no two of them share listeners.

    Examples
    --------
    >>> import scipy.sparse
    >>> plays = np.array([[1, 1, 1, 1, 0, 0, 0, 0]] * 3 + [[0, 0, 0, 0, 1, 1, 1, 1]] * 2)  # two camps
    >>> artists = pd.DataFrame({"artist_id": list("abcdefgh")})
    >>> listening = ListeningMatrix(scipy.sparse.csr_array(plays), artists)
    >>> vectors = listening_factors(listening, n_factors=2, leave_out=["h"])
    >>> (vectors @ vectors.T).round(1).abs().loc["a"].to_dict()
    {'a': 1.0, 'b': 1.0, 'c': 1.0, 'd': 1.0, 'e': 0.0, 'f': 0.0, 'g': 0.0}
    """
    kept = without(listening, leave_out)
    kept = _columns(kept, np.arange(min(COMPANY, len(kept.artists))))
    ids = pd.Index(kept.artists["artist_id"], name="artist_id", dtype=object)
    if len(ids) < 3:
        raise ValueError(f"{len(ids)} artists are left to make factors of, at least 3 are needed")
    listened = kept.listened
    information = discounted_ppmi(listened.T @ listened)
    if not information.count_nonzero():
        raise ValueError(f"no two of {len(ids)} artists share listeners: there is nothing to learn from")
    vectors = _truncated(information, min(n_factors, len(ids) - 1))
    longest = np.linalg.norm(vectors, axis=1).max()
    return pd.DataFrame(numerics.unit(vectors, least=1e-9 * longest), index=ids)


def trust(listeners):
    """How much an artist counts in a fit, ``n / (n + 5)``: the factors of a few listeners are mostly luck.

    Parameters
    ----------
    listeners : array_like
        Counts.

    Returns
    -------
    np.ndarray
        In [0, 1).
    """
    listeners = np.asarray(listeners, dtype=float)
    return listeners / (listeners + HALF_TRUSTED)


def _truncated(matrix, n_factors):
    """Left singular vectors times the root of their strength, strongest first, signs fixed."""
    start = np.ones(matrix.shape[0]) / np.sqrt(matrix.shape[0])
    left, strength, _ = svds(matrix, k=n_factors, v0=start, solver="arpack")
    order = np.argsort(-strength, kind="stable")
    left, strength = left[:, order], strength[order]
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(len(strength))])
    return left * signs * np.sqrt(strength)


def _columns(listening, places):
    return ListeningMatrix(listening.plays[:, places], listening.artists.iloc[places])
