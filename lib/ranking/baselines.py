"""Methods without training, and the references (paper, section 4: the L2 baseline; the rest goes beyond it).

Conventions
-----------
- Each class is a `lib.methods.Method`; scores are higher for closer artists, so distances are negated.
- `Popularity` knows listeners, no audio; what is `Fixed` knows more than any method of audio can: they are
  references.

References
----------
Allen (2018), section 4. Mandel & Ellis (2005) for single Gaussians over MFCCs.
"""

from __future__ import annotations

import librosa
import numpy as np
import scipy.linalg
from sklearn.metrics import pairwise

from lib import registry
from lib.methods import Method, labelled_scores, mean_over_clips

PARTS = 16  # of a spectrogram, in the sum of products: one alone would round different distances to a tie


class Chance(Method):
    """A constant score: every metric gives its expectation over random orders."""

    name = "chance"

    def score(self, study, artists):
        return labelled_scores(np.zeros((len(artists), len(artists))), artists)


class Popularity(Method):
    """The more listeners a candidate has, the closer it is, whoever asks."""

    name = "popularity"

    def score(self, study, artists):
        listeners = study.listeners.reindex(artists).to_numpy(dtype=float)
        return labelled_scores(np.tile(np.log(listeners), (len(artists), 1)), artists)


class _OfClips(Method):
    """A method that compares clips, and artists by the mean over their clip pairs."""

    def score(self, study, artists):
        clips, owners = study.clips_of(artists)
        return labelled_scores(mean_over_clips(self.clip_similarities(clips), owners, len(artists)), artists)


class L2(_OfClips):
    """The paper's baseline: Euclidean distance between spectrograms, mean over clip pairs (section 4)."""

    name = "l2"

    def clip_similarities(self, clips):
        """Negated distances of every pair of clips, shape=(n_clips, n_clips)."""
        flat = clips.reshape(len(clips), -1)
        products = np.zeros((len(flat), len(flat)), order="F")
        for part in np.array_split(flat, PARTS, axis=1):  # products in float32, their sum in float64
            centred = part.astype(np.float32, order="C")
            centred -= centred.mean(axis=0)  # else squares would be large and their differences small
            products += scipy.linalg.blas.ssyrk(1.0, centred.T, trans=1)
        products = products.T  # each pair once, below the diagonal
        squares = np.diag(products).copy()
        products *= -2
        products += squares
        products += squares[:, None]
        distances = np.tril(-np.sqrt(np.maximum(products, 0, out=products), out=products), k=-1)
        return distances + distances.T


class Spectrum(_OfClips):
    """Euclidean distance between each clip's mean and spread in every mel band."""

    name = "spectrum"

    def clip_similarities(self, clips):
        """Negated distances of every pair of clips, shape=(n_clips, n_clips)."""
        features = np.concatenate([clips.mean(axis=1), clips.std(axis=1)], axis=1)
        return -pairwise.euclidean_distances(features.astype(np.float64))


class MfccGaussian(_OfClips):
    """Symmetric Kullback-Leibler divergence between single Gaussians over MFCCs (Mandel & Ellis, 2005).

    MFCCs are the cosine transform of the stored log-mel frames; `n_mfcc` of them, the loudness term left out.
    """

    name = "mfcc_gaussian"

    def __init__(self, n_mfcc=20, ridge=1e-3):
        self.n_mfcc, self.ridge = n_mfcc, ridge

    def clip_similarities(self, clips):
        """Negated roots of the divergence of every pair of clips, shape=(n_clips, n_clips)."""
        mfcc = librosa.feature.mfcc(S=clips.transpose(0, 2, 1), n_mfcc=self.n_mfcc + 1)
        mfcc = mfcc[:, 1:]  # (clips, mfcc, frames), without the loudness term
        means = mfcc.mean(axis=2)
        centred = mfcc - means[:, :, None]
        covariances = centred @ centred.transpose(0, 2, 1) / mfcc.shape[2] + self.ridge * np.eye(self.n_mfcc)
        # The divergence has a long tail: its root keeps one odd clip from deciding an artist's mean.
        return -np.sqrt(_symmetric_kl(means, covariances))


class Fixed(Method):
    """Scores that are given: the references (half of the listeners; in a simulated world, its own styles).

    Examples
    --------
    >>> given = labelled_scores([[0, 2, 1], [2, 0, 3], [1, 3, 0]], ["a", "b", "c"])
    >>> Fixed("split_half", given).score(None, ["c", "a"]).to_numpy()
    array([[nan,  1.],
           [ 1., nan]])
    """

    def __init__(self, name, scores):
        self.name, self.scores = name, scores

    def score(self, study, artists):
        values = self.scores.reindex(index=artists, columns=artists).to_numpy(copy=True)
        np.fill_diagonal(values, 0)  # the only cells that may be blank
        return labelled_scores(values, artists)


def world(traits):
    """What perfect hearing would know: closeness of the traits that a simulated world gave its artists.

    Parameters
    ----------
    traits : pd.DataFrame
        Index: artist id; numeric columns.

    Returns
    -------
    Fixed

    Examples
    --------
    >>> import pandas as pd
    >>> traits = pd.DataFrame({"tempo": [0.1, 0.2, 0.9]}, index=["a", "b", "c"])
    >>> world(traits).score(None, ["a", "b", "c"]).round(1).to_numpy()
    array([[ nan, -0.1, -0.8],
           [-0.1,  nan, -0.7],
           [-0.8, -0.7,  nan]])
    """
    return Fixed("world", labelled_scores(-pairwise.euclidean_distances(traits), traits.index))


def untrained_baselines():
    """The methods that need no training, in the order of Table 1.

    Examples
    --------
    >>> [method.name for method in untrained_baselines()]
    ['chance', 'popularity', 'l2', 'spectrum', 'mfcc_gaussian']
    """
    return [registry.method(name)() for name in registry.of_kind("baseline")]


def _symmetric_kl(means, covariances):
    """``0.5 * (KL(a, b) + KL(b, a))`` of every pair of Gaussians; shape=(n, n), not negative."""
    precisions = np.linalg.inv(covariances)
    n, d = means.shape
    traces = covariances.reshape(n, -1) @ precisions.reshape(n, -1).T
    projected = np.einsum("aij,bj->abi", precisions, means)  # precision of a times mean of b
    squared = np.einsum("bi,abi->ab", means, projected)
    own = np.diag(squared)
    crossed = np.einsum("ai,abi->ab", means, projected)
    mahalanobis = own[:, None] + squared - 2 * crossed  # (mean b - mean a)' precision a (mean b - mean a)
    divergence = 0.25 * (traces + traces.T + mahalanobis + mahalanobis.T) - 0.5 * d
    return np.maximum(divergence, 0)
