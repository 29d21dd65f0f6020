"""Artists on a map: whom a method finds similar lies near each other.

Conventions
-----------
- Scores become vectors: each row gets mean 0 and standard deviation 1 over its candidates, the matrix is made
  symmetric, and its `DIRECTIONS` strongest eigenvectors with positive eigenvalues are taken, rows of length
  1. `lib.maps` lays them out.
- A map in two dimensions cannot keep all neighbours; `kept_neighbours` says how many it keeps.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse.linalg
import threadpoolctl
from sklearn.neighbors import NearestNeighbors

from lib import maps, numerics, registry

DIRECTIONS = 40
NEIGHBOURS = 10  # of the count of kept neighbours


def of_scores(scores, method):
    """Where artists lie on the map of a method.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_artists, n_artists)
        Of the method, higher is closer, NaN on the diagonal.
    method : str

    Returns
    -------
    pd.DataFrame
        ``artist_id``, ``x``, ``y`` (both in [-1, 1]), ``of`` (the method's label).

    Raises
    ------
    ValueError
        If rows and columns name other artists, or a score off the diagonal is not finite.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> scores = labelled_scores([[0, 3, 1], [3, 0, 1], [1, 1, 0]], ["a", "b", "c"])
    >>> artists = of_scores(scores, "l2")
    >>> artists["of"].unique().tolist(), artists["artist_id"].tolist()
    (['L2 of spectrograms'], ['a', 'b', 'c'])
    >>> kept_neighbours(scores, artists, n=1).tolist()  # the neighbour of c ties: either counts half
    [1.0, 1.0, 0.5]
    """
    if not scores.index.equals(scores.columns.rename(scores.index.name)):
        raise ValueError("rows and columns of the scores name other artists, or in another order")
    values = scores.to_numpy(dtype=float, copy=True)
    np.fill_diagonal(values, 0)
    if not np.isfinite(values).all():
        raise ValueError(f"{int((~np.isfinite(values)).sum())} scores of {method} are not finite")
    places = pd.DataFrame(maps.coordinates(_vectors(values)), columns=["x", "y"])
    places.insert(0, "artist_id", scores.index.to_numpy(dtype=object))
    return places.assign(of=registry.label(method))


def kept_neighbours(scores, artists, *, n=NEIGHBOURS):
    """How many of each artist's nearest by the method are among its nearest on the map.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_artists, n_artists)
    artists : pd.DataFrame
        From `of_scores`.
    n : int
        Length of both lists; at most one less than there are artists.

    Returns
    -------
    np.ndarray, shape=(n_artists,)
        From 0 to `n`. Where scores tie, the expected number.
    """
    n = min(n, len(scores) - 1)
    places = artists[["x", "y"]].to_numpy()
    near = NearestNeighbors(n_neighbors=n).fit(places).kneighbors(return_distance=False)
    values = scores.to_numpy(dtype=float, copy=True)
    np.fill_diagonal(values, -np.inf)
    last = -np.partition(-values, n - 1, axis=1)[:, n - 1 : n]
    above, tied = (values > last), (values == last)
    left = (n - above.sum(axis=1)) / tied.sum(axis=1)
    on_both = (np.take_along_axis(side, near, axis=1).sum(axis=1) for side in (above, tied))
    return next(on_both) + left * next(on_both)


def sentence(scores, artists):
    """What the map keeps of the neighbours.

    Parameters
    ----------
    scores : pd.DataFrame, shape=(n_artists, n_artists)
    artists : pd.DataFrame
        From `of_scores`.

    Returns
    -------
    str

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> scores = labelled_scores([[0, 3, 1], [3, 0, 1], [1, 1, 0]], ["a", "b", "c"])
    >>> sentence(scores, of_scores(scores, "l2"))[:80]
    "Of an artist's 2 nearest by L2 of spectrograms, 2.0 on average are among its 2 n"
    """
    n = min(NEIGHBOURS, len(scores) - 1)
    mean = kept_neighbours(scores, artists, n=n).mean()
    return (
        f"Of an artist's {n} nearest by {artists['of'].iloc[0]}, {mean:.1f} on average are among its {n}"
        f" nearest on the map; by chance it would be {n * n / (len(scores) - 1):.1f}."
    )


def _vectors(values):
    """Rows of length 1 whose products follow the scores, shape=(n_artists, n_directions)."""
    n_artists = len(values)
    others = ~np.eye(n_artists, dtype=bool)
    mean = values.mean(axis=1, where=others, keepdims=True)
    spread = values.std(axis=1, where=others, keepdims=True)
    standard = np.divide(values - mean, spread, out=np.zeros_like(values), where=spread > 1e-12)
    np.fill_diagonal(standard, 0)
    symmetric = (standard + standard.T) / 2
    np.fill_diagonal(symmetric, symmetric.max(axis=1))  # as close to itself as to the closest
    if not symmetric.any():
        return np.zeros((n_artists, 1))
    with threadpoolctl.threadpool_limits(1):
        sizes, directions = scipy.sparse.linalg.eigsh(
            symmetric, k=min(DIRECTIONS, n_artists - 1), which="LA", v0=np.ones(n_artists)
        )
    return numerics.unit(directions * np.sqrt(np.maximum(sizes, 0)))
