"""Artists as vectors of who listens to them, for the metrics `pmi` and `latent`.

References
----------
Robertson, S. and Zaragoza, H. (2009). The Probabilistic Relevance Framework: BM25 and Beyond. Foundations and
Trends in Information Retrieval 3(4), 333-389.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.sparse.linalg

from lib import numerics
from lib.listening import labels

DENSE = 1_000  # artists, the paper's number, up to which the SVD comes from a dense matrix
BM25_K1, BM25_B = 1.2, 0.75  # the usual values: how soon plays count for no more, how much long documents pay


def ppmi_factors(listening, *, n_factors=40, discount=0.75, seed=0):
    """Listening factors of artists: positive pointwise mutual information, truncated SVD, unit rows.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
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

    together = labels.zero_diagonal(labels.cooccurrence(listening)).to_numpy()
    context = together.sum(axis=0) ** discount
    with np.errstate(divide="ignore", invalid="ignore"):
        pmi = np.log(together * context.sum() / np.outer(together.sum(axis=1), context))
    ppmi = np.where(np.isfinite(pmi), np.maximum(pmi, 0), 0)
    left, strength, _ = randomized_svd(ppmi, n_components=min(n_factors, len(ppmi) - 1), random_state=seed)
    vectors = left * np.sqrt(strength)
    return pd.DataFrame(numerics.unit(vectors), index=labels.axis_ids(listening.artists["artist_id"]))


def bm25_factors(listening, *, n_factors=40):
    """Listening factors of artists: plays weighted by BM25, truncated SVD, unit rows.

    Artists are the documents, users the terms, plays the term frequency *tf*. A weight is::

        log(1 + (N - n + 0.5) / (n + 0.5)) * tf * (K1 + 1) / (tf + K1 * (1 - B + B * plays / mean plays))

    with N artists, n of them played by the user, ``plays`` of the artist by all users, K1 = 1.2 and B = 0.75.
    This is equation 3.15 of Robertson and Zaragoza (2009) with the factor K1 + 1 that they mention; the 1
    inside the logarithm keeps the weight of users who play more than half of the artists above 0. Artists
    without plays count for nothing.

    Up to `DENSE` artists the SVD comes from all their inner products; beyond, from Lanczos iterations to
    machine precision, whose cost grows with the plays and not with the square of the artists.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    n_factors : int, >= 1

    Returns
    -------
    pd.DataFrame, shape=(n_artists, at most n_factors)
        Rows of length 1; of length 0 for artists without plays, or with nothing in these factors.
    """
    weights = _bm25(listening.plays)
    n_users, n_artists = weights.shape
    if n_artists <= DENSE or n_users <= n_factors or weights.nnz == 0:
        strength, directions = scipy.linalg.eigh(
            (weights.T @ weights).toarray(), subset_by_index=[max(n_artists - n_factors, 0), n_artists - 1]
        )
    else:
        start = np.random.default_rng(0).standard_normal(min(weights.shape))
        _, singular, directions = scipy.sparse.linalg.svds(
            weights, n_factors, v0=start, return_singular_vectors="vh", rng=0
        )
        strength, directions = singular**2, directions.T
    real = strength > n_artists * np.finfo(float).eps * max(strength[-1], 0)
    vectors = directions[:, real] * np.sqrt(strength[real])
    whole = np.sqrt(weights.multiply(weights).sum(axis=0))[:, None]
    least = np.where(whole > 0, 1e-6 * whole, np.inf)  # what is shorter has its length from rounding
    return pd.DataFrame(
        numerics.unit(vectors, least=least), index=labels.axis_ids(listening.artists["artist_id"])
    )


def _bm25(plays):
    """Users × artists, the weights of `bm25_factors`."""
    lengths = plays.sum(axis=0)
    documents = np.count_nonzero(lengths)
    relative = lengths / (lengths.sum() / max(documents, 1) or 1)
    played = np.diff(plays.indptr)
    rarity = np.log1p((documents - played + 0.5) / (played + 0.5))
    weights = plays.astype(float)
    saturated = weights.data + BM25_K1 * (1 - BM25_B + BM25_B * relative[weights.indices])
    weights.data = np.repeat(rarity, played) * weights.data * (BM25_K1 + 1) / saturated
    return weights
