"""A map of many items, such as tracks or artists: what is alike lies near each other.

Conventions
-----------
- t-SNE (van der Maaten & Hinton, 2008) of up to `LANDMARKS` items, drawn at random with a fixed seed; every
  further one lies at the mean of its `NEAREST` nearest landmarks, weighted by similarity. So 100,000 take
  about as long as 2,000.
- Only nearness means something. The axes have no meaning of their own, nor has the distance between groups
  that lie far apart, nor how large a group looks.
- One thread, so that the same items give the same map on one type of processor. On another one rounding
  differs, and with it the map.
"""

from __future__ import annotations

import numpy as np
import threadpoolctl
from sklearn.manifold import TSNE

LANDMARKS, NEAREST = 2000, 5
PERPLEXITY = 20.0
FEWEST = 6  # items for t-SNE; fewer lie along their principal components


def coordinates(vectors, *, seed=0):
    """Where items lie on the map.

    Parameters
    ----------
    vectors : np.ndarray, shape=(n_items, n)
        Rows of length 1.
    seed : int

    Returns
    -------
    np.ndarray, shape=(n_items, 2)
        In [-1, 1].

    Examples
    --------
    >>> vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]])
    >>> coordinates(vectors).round(1).tolist()
    [[1.0, -0.2], [0.2, 0.2], [-1.0, -0.2]]
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    if len(vectors) < FEWEST:
        return _scaled(_principal(vectors))
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(vectors))[:LANDMARKS])
    landmarks = vectors[chosen]
    start = _principal(landmarks)
    start = 1e-4 * start / max(start[:, 0].std(), np.finfo(float).tiny)
    with threadpoolctl.threadpool_limits(1):
        model = TSNE(
            perplexity=min(PERPLEXITY, (len(landmarks) - 1) / 3), init=start, random_state=seed, n_jobs=1
        )
        places = model.fit_transform(landmarks).astype(np.float64)
    everywhere = np.empty((len(vectors), 2))
    everywhere[chosen] = places
    others = np.setdiff1d(np.arange(len(vectors)), chosen)
    for part in np.array_split(others, -(-len(others) // 1024) or 1):
        everywhere[part] = _between(vectors[part], landmarks, places)
    return _scaled(everywhere)


def _between(vectors, landmarks, places):
    """The mean place of the nearest landmarks."""
    products = vectors @ landmarks.T
    nearest = np.argpartition(-products, NEAREST, axis=1)[:, :NEAREST]
    weights = np.take_along_axis(products, nearest, axis=1)
    weights = np.exp(10 * (weights - weights.max(axis=1, keepdims=True)))
    weights /= weights.sum(axis=1, keepdims=True)
    return (weights[:, :, None] * places[nearest]).sum(axis=1)


def _principal(vectors):
    """The first two principal components, shape=(n, 2); the sign by the largest entry."""
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(axes[:2][np.arange(len(axes[:2])), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    flat = np.zeros((len(vectors), 2))
    flat[:, : len(axes)] = centred @ axes.T
    return flat


def _scaled(places):
    """Moved and scaled into [-1, 1], both axes alike."""
    centred = places - (places.max(axis=0) + places.min(axis=0)) / 2
    return centred / max(np.abs(centred).max(), np.finfo(float).tiny)
