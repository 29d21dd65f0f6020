"""Step 2 of the paper (section 3): how similar two artists are, by who listens to both.

Conventions
-----------
- Every metric returns a labelled frame: index and columns are the same artist ids, higher is more similar,
  the values lie in [0, 1], the diagonal is blank (NaN) and nothing else is.
- ``frame.loc[a, b]`` of an asymmetric metric is the similarity of candidate *b* to query *a*.
- An artist without listeners, as half of the users may leave one, is equally similar to all others: 0, or for
  `pmi` and `latent` the value that stands for "nothing known".
- A new metric is one function of a `ListeningMatrix` with ``@register(symmetric=...)`` above it. Notebook 01
  makes, audits, compares and draws all metrics in `METRICS`, in the order of registration; the first is the
  paper's, with which the others are compared.
- Frames are only ever reindexed. Assigning an index is the mistake of the published evaluation, which
  `as_published` repeats. Targets are read from files by `load` alone, which audits them.

References
----------
Allen, N. (2018). Assessing Music Similarity Using Deep Learning. Section 3.
Robertson, S. and Zaragoza, H. (2009). The Probabilistic Relevance Framework: BM25 and Beyond. Foundations and
Trends in Information Retrieval 3(4), 333-389.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lib.listening import factors, labels, ranks

METRICS = {}  # by name; `register` fills it


@dataclass(frozen=True)
class Metric:
    """A metric of similarity, which is called like its function.

    Attributes
    ----------
    name : str
        In tables, pictures and the names of files.
    function : callable
        From a `lib.listening.matrix.ListeningMatrix` to a frame, as the conventions of this module have it.
    symmetric : bool
        Whether the metric is symmetric by definition, so that a target that is not is refused.
    """

    name: str
    function: Callable
    symmetric: bool

    def __call__(self, listening):
        return self.function(listening)


def register(*, symmetric):
    """Decorator that adds a function to `METRICS`, under the function's name.

    Parameters
    ----------
    symmetric : bool
        As in `Metric`.

    Returns
    -------
    callable
        Which returns the function as it is.

    Raises
    ------
    ValueError
        If there is a metric of this name.
    """

    def registered(function):
        if function.__name__ in METRICS:
            raise ValueError(
                f"there is a metric of similarity {function.__name__!r} already: choose another name"
            )
        METRICS[function.__name__] = Metric(function.__name__, function, symmetric)
        return function

    return registered


class Similarities(Mapping):
    """The similarities by every metric, by name, each made anew whenever it is taken, and not kept.

    A frame of 10,000 artists is 0.8 GB, so that all at once would fill a machine.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix

    Examples
    --------
    >>> import pandas as pd, scipy.sparse
    >>> from lib.listening.matrix import ListeningMatrix
    >>> plays = scipy.sparse.csr_array([[3, 1, 0], [0, 4, 2], [2, 2, 0]])  # three users, three artists
    >>> artists = pd.DataFrame({"artist_id": ["abba", "air", "zz"]})
    >>> similarities = Similarities(ListeningMatrix(plays, artists))
    >>> similarities["jaccard"].round(2).loc["air"].tolist()
    [0.67, nan, 0.33]
    """

    def __init__(self, listening):
        self._listening = listening

    def __getitem__(self, name):
        return METRICS[name](self._listening)

    def __iter__(self):
        return iter(METRICS)

    def __len__(self):
        return len(METRICS)


@register(symmetric=True)
def min_conditional(listening):
    """The paper's target: co-listeners over the larger audience, scaled over the whole matrix (section 3).

    The column-wise share of listeners and the pairwise minimum of the two shares come to
    ``co-listeners / max(listeners a, listeners b)``. As in the author's code the diagonal counts as 0 when
    the matrix is scaled to [0, 1], and is blanked again.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    together, listeners = _counts(listening)
    shares = np.maximum.outer(listeners, listeners)
    np.maximum(shares, 1, out=shares)  # half of the users may leave an artist without listeners
    np.divide(together, shares, out=shares)
    np.fill_diagonal(shares, 0)
    return _frame(labels.scale(shares), listening)


@register(symmetric=False)
def conditional(listening):
    """Share of the query's listeners who also listen to the candidate, scaled for each query (section 3).

    The metric that the paper began with: ``co-listeners / listeners of the query``, an estimate of
    P(listens to the candidate | listens to the query). Popular candidates are near to everybody, which is
    what the paper complains of. The author's matrix has the query in the column; here it is the row, as in
    all frames of this module.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        In [0, 1], not symmetric: each row is scaled by its own range, with the diagonal as 0.
    """
    together, listeners = _counts(listening)
    shares = together / np.maximum(listeners, 1)[:, None]
    np.fill_diagonal(shares, 0)
    low, high = shares.min(axis=1, keepdims=True), shares.max(axis=1, keepdims=True)
    shares -= low
    shares /= np.where(high > low, high - low, 1)
    return _frame(shares, listening)


@register(symmetric=True)
def plays_min(listening):
    """Share of an artist's plays that come from the other one's listeners; the smaller of the two directions.

    The author's second variant.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    shared = (listening.listened.T @ listening.plays).astype(float).toarray(order="C")
    shared /= np.maximum(listening.plays.sum(axis=0), 1)
    for rows in ranks.blocks(*shared.shape):
        smaller = np.minimum(shared[rows], shared[:, rows].T)
        shared[rows], shared[:, rows] = smaller, smaller.T
    np.fill_diagonal(shared, 0)
    return _frame(labels.scale(shared), listening)


@register(symmetric=True)
def cosine(listening):
    """Cosine of the two audiences as 0/1 vectors: ``co-listeners / sqrt(listeners a * listeners b)``.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    together, listeners = _counts(listening)
    cosines = np.multiply.outer(listeners, listeners)
    np.sqrt(np.maximum(cosines, 1, out=cosines), out=cosines)
    return _frame(np.divide(together, cosines, out=cosines), listening)


@register(symmetric=True)
def jaccard(listening):
    """Share of co-listeners among those who listen to either artist.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    together, listeners = _counts(listening)
    shares = np.add.outer(listeners, listeners)
    shares -= together
    np.maximum(shares, 1, out=shares)
    return _frame(np.divide(together, shares, out=shares), listening)


@register(symmetric=True)
def pmi(listening, *, shrinkage=10.0):
    """Pointwise mutual information: how many more co-listeners than chance would give, as a logarithm.

    ``log((co-listeners + k) / (expected + k))`` with ``expected = listeners a * listeners b / users`` and
    ``k = shrinkage``, scaled to [0, 1] over all pairs of different artists. Without the shrinkage two obscure
    artists with a single co-listener would be the most similar of all.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    shrinkage : float, > 0
        Pseudo co-listeners: added to what was seen and to what was expected.

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].

    Raises
    ------
    ValueError
        If `shrinkage` is not positive.
    """
    if not shrinkage > 0:
        raise ValueError(
            f"shrinkage must be above 0 co-listeners, got {shrinkage}: pairs without any have no log"
        )
    together, listeners = _counts(listening)
    expected = np.multiply.outer(listeners, listeners)
    expected /= max(listening.plays.shape[0], 1)
    lift = expected  # in its place, by blocks of rows
    for rows in ranks.blocks(*lift.shape):
        lift[rows] = np.log((together[rows] + shrinkage) / (expected[rows] + shrinkage))
    np.fill_diagonal(lift, np.nan)
    labels.scale(lift)
    np.round(lift, 12, out=lift)  # a logarithm's last digits depend on the processor
    return _frame(lift, listening)


@register(symmetric=True)
def latent(listening, *, n_factors=40):
    """Cosine *c* of the artists' listening factors (`bm25_factors`), as ``(1 + c) / 2``.

    It sees likeness at second hand as well: two artists whose listeners like the same third ones. Signs and
    rotations of the factors leave the cosine alone. Artists without plays have cosine 0 with everybody.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    n_factors : int

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    vectors = factors.bm25_factors(listening, n_factors=n_factors).to_numpy()
    alike = vectors @ vectors.T
    np.clip(alike, -1, 1, out=alike)
    alike += 1
    alike /= 2
    # An SVD's last digits depend on the processor, and would order what is tied.
    return _frame(np.round(alike, 9, out=alike), listening)


def _counts(listening):
    """Co-listeners, which nobody may change, and each artist's listeners as floats."""
    return listening.co_listeners, listening.co_listeners.diagonal().astype(float)


def _frame(values, listening):
    """The values themselves, labelled, with a blank diagonal."""
    np.fill_diagonal(values, np.nan)
    return labels.labelled(values, listening.artists["artist_id"])
