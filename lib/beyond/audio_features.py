"""What a clip sounds like, as a few thousand numbers that are learnt without labels (beyond the paper).

Three views of a spectrogram, side by side: *patches* of 4 and of 8 frames held against a learnt dictionary
(which textures occur, and how often), *statistics* of each mel band, and *cepstral covariances* (timbre).

Conventions
-----------
- Clips have shape (n, 256, 64): (frames, mel bands), values in [0, 1].
- Everything that is learnt (dictionaries, means, spreads) is learnt from the training artists' clips.
- A clip's features are standardised, each view divided by the root of its size: all views weigh the same, and
  two clips are about a distance of 1 apart, however many numbers there are.

References
----------
Coates & Ng (2012). Learning feature representations with k-means (whitening, spherical k-means, soft
threshold). Dieleman & Schrauwen (2013). Multiscale approaches to music audio feature learning.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from lib import numerics
from lib.spectrograms.picture import N_FRAMES
from lib.spectrograms.store import batches

LENGTHS = (4, 8)  # frames of a patch: half a second, and one
N_ATOMS = 256
THRESHOLD = 0.1  # cosine below which an atom is not in a patch
N_MFCC = 20
MOST_PATCHES = 40_000  # that a dictionary is learnt from
KEPT_VARIANCE = 0.99  # of the patches, after whitening
ROUNDS = 10  # of k-means
LATEST = 3  # sets of artists whose features are kept: those trained on, those asked about, and tracks


class Dictionary:
    """Atoms that patches of one length are made of: PCA-whitened, then spherical k-means.

    Parameters
    ----------
    length : int
        Frames of a patch.
    n_atoms : int
        Fewer where there are fewer patches.
    """

    def __init__(self, length, *, n_atoms=N_ATOMS):
        self.length, self.n_atoms = length, n_atoms
        self.mean, self.whiten, self.atoms = None, None, None

    def fit(self, clips, *, seed=0):
        """Learn whitening and atoms from patches drawn at random; return self.

        Parameters
        ----------
        clips : np.ndarray, shape=(n_clips, N_FRAMES, N_MELS)
        seed : int
        """
        rng = np.random.default_rng([seed, self.length])
        patches = self._drawn(clips, rng)
        self.mean = patches.mean(axis=0)
        centred = patches - self.mean
        variance, axes = np.linalg.eigh((centred.T @ centred / len(centred)).astype(np.float64))
        variance, axes = variance[::-1], axes[:, ::-1]
        share = np.cumsum(variance) / max(variance.sum(), np.finfo(float).tiny)
        kept = int(np.searchsorted(share, KEPT_VARIANCE)) + 1
        floor = 0.01 * variance[:kept].mean() + np.finfo(np.float32).eps
        self.whiten = (axes[:, :kept] / np.sqrt(variance[:kept] + floor)).astype(np.float32)
        self.atoms = spherical_kmeans(numerics.unit(centred @ self.whiten), self.n_atoms, rng)
        return self

    def transform(self, clips):
        """How the patches of each clip answer to the atoms, pooled over time.

        Parameters
        ----------
        clips : np.ndarray, shape=(n_clips, N_FRAMES, N_MELS)

        Returns
        -------
        np.ndarray, shape=(n_clips, 3 * n_atoms), dtype=float32
            Mean, standard deviation and maximum of ``max(0, cosine - 0.1)``.
        """
        present = self.present(clips)
        return np.concatenate([present.mean(axis=1), present.std(axis=1), present.max(axis=1)], axis=1)

    def present(self, clips):
        """How far each atom is in each patch, shape=(n_clips, n_patches, n_atoms)."""
        patches = self._patches(clips)
        whitened = (patches.reshape(-1, patches.shape[-1]) - self.mean) @ self.whiten
        present = numerics.unit(whitened) @ self.atoms.T - THRESHOLD
        return np.maximum(present, 0, out=present).reshape(*patches.shape[:2], -1)

    def _patches(self, clips):
        """All patches, shape=(n_clips, n_patches, length * N_MELS)."""
        clips = np.asarray(clips, dtype=np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(clips, self.length, axis=1)
        return windows.transpose(0, 1, 3, 2).reshape(*windows.shape[:2], -1)

    def _drawn(self, clips, rng):
        """Patches of clips drawn at random, as many of each: (at most MOST_PATCHES, length * N_MELS)."""
        if len(clips) > MOST_PATCHES:
            clips = clips[np.sort(rng.choice(len(clips), MOST_PATCHES, replace=False))]
        places = N_FRAMES - self.length + 1
        each = max(1, min(places, MOST_PATCHES // len(clips)))
        starts = np.stack([rng.permutation(places)[:each] for _ in clips])
        frames = starts[:, :, None] + np.arange(self.length)
        drawn = clips[np.arange(len(clips))[:, None, None], frames]
        return np.asarray(drawn, dtype=np.float32).reshape(-1, drawn.shape[2] * drawn.shape[3])


def spherical_kmeans(points, n_atoms, rng, *, rounds=ROUNDS):
    """Directions that unit vectors gather around.

    Parameters
    ----------
    points : np.ndarray, shape=(n_points, n_dimensions)
        Rows of length 1.
    n_atoms : int
    rng : np.random.Generator
    rounds : int

    Returns
    -------
    np.ndarray, shape=(at most n_atoms, n_dimensions)
        Rows of length 1. A direction that nobody is nearest to starts again at a drawn point.
    """
    n_atoms = min(n_atoms, len(points))
    atoms = points[np.sort(rng.choice(len(points), n_atoms, replace=False))]
    for _ in range(rounds):
        nearest = (points @ atoms.T).argmax(axis=1)
        order = np.argsort(nearest, kind="stable")
        starts = np.searchsorted(nearest[order], np.arange(n_atoms))
        filled = np.bincount(nearest, minlength=n_atoms) > 0
        sums = np.array(points[np.sort(rng.choice(len(points), n_atoms, replace=False))])
        sums[filled] = np.add.reduceat(points[order], starts[filled], axis=0)
        atoms = numerics.unit(sums)
    return atoms


def band_statistics(clips):
    """Level, spread, movement and extremes of each mel band.

    Parameters
    ----------
    clips : np.ndarray, shape=(n_clips, N_FRAMES, N_MELS)

    Returns
    -------
    np.ndarray, shape=(n_clips, 5 * N_MELS)
        Mean, standard deviation, mean absolute change from frame to frame, quantiles .1 and .9.
    """
    low, high = np.quantile(clips, [0.1, 0.9], axis=1)
    moved = np.abs(np.diff(clips, axis=1)).mean(axis=1)
    return np.concatenate([clips.mean(axis=1), clips.std(axis=1), moved, low, high], axis=1)


def cepstral_covariances(clips):
    """Means and covariances of the MFCCs, and covariances of their changes; the loudness term is left out.

    Parameters
    ----------
    clips : np.ndarray, shape=(n_clips, N_FRAMES, N_MELS)

    Returns
    -------
    np.ndarray, shape=(n_clips, N_MFCC + N_MFCC * (N_MFCC + 1))
    """
    cepstrum = scipy.fft.dct(np.asarray(clips, dtype=np.float32), axis=2, norm="ortho")
    mfcc = cepstrum[:, :, 1 : N_MFCC + 1].transpose(0, 2, 1)
    upper = np.triu_indices(N_MFCC)
    parts = [mfcc.mean(axis=2)]
    for track in (mfcc, np.diff(mfcc, axis=2)):
        centred = track - track.mean(axis=2, keepdims=True)
        covariance = centred @ centred.transpose(0, 2, 1) / track.shape[2]
        parts.append(covariance[:, upper[0], upper[1]])
    return np.concatenate(parts, axis=1)


class Features:
    """What clips are described by: learnt from the training artists' clips, then the same for all.

    Notes
    -----
    Several methods may share one: it is fitted once for a set of training artists, and keeps the values of
    the `LATEST` sets of artists that were looked up last.
    """

    def __init__(self):
        self._fitted, self._latest = None, {}

    def fit(self, study, train, *, seed=0):
        """Learn from the clips of the training artists; return self.

        Parameters
        ----------
        study : lib.study.Study
        train : sequence of str
        seed : int
        """
        key = (id(study.spectrograms), tuple(train), seed)
        if self._fitted != key:
            clips, owners = study.clips_of(train)
            values = self.learn(clips, owners, seed=seed)
            self._fitted, self._latest = key, {tuple(train): (values, owners)}
        return self

    def of(self, study, artists):
        """Features of all clips of some artists, and whose they are (`lib.study.Study.clips_of`)."""
        key = tuple(artists)
        if key not in self._latest:
            clips, owners = study.clips_of(artists)
            self._latest[key] = self.transform(clips), owners
            for oldest in list(self._latest)[:-LATEST]:
                del self._latest[oldest]
        return self._latest[key]

    def learn(self, clips, owners, *, seed):
        """Learn from clips, whose artists are `owners`; return their features."""
        raise NotImplementedError

    def transform(self, clips):
        """Features of clips, shape=(n_clips, n_features)."""
        raise NotImplementedError


class AudioFeatures(Features):
    """All views of a clip, standardised on the training artists' clips.

    Parameters
    ----------
    lengths : sequence of int
        Frames of the patches, one dictionary each.
    n_atoms : int
        Of each dictionary.

    Examples
    --------
    >>> import pandas as pd
    >>> from lib import study as studies
    >>> target, listeners = pd.DataFrame(0.0, ["a", "b"], ["a", "b"]), pd.Series([9, 5], ["a", "b"])
    >>> clips = np.random.default_rng(0).random((3, 256, 64), dtype=np.float32)
    >>> study = studies.of_arrays(clips, ["a", "a", "b"], target, listeners)
    >>> AudioFeatures(lengths=[4], n_atoms=2).fit(study, ["a", "b"]).transform(clips).shape
    (3, 766)
    """

    def __init__(self, *, lengths=LENGTHS, n_atoms=N_ATOMS):
        super().__init__()
        self.dictionaries = [Dictionary(length, n_atoms=n_atoms) for length in lengths]
        self.means, self.scales = None, None

    @property
    def settings(self):
        """What it was made with: frames and atoms of each dictionary; JSON."""
        return [[dictionary.length, dictionary.n_atoms] for dictionary in self.dictionaries]

    def learn(self, clips, owners, *, seed):
        for dictionary in self.dictionaries:
            dictionary.fit(clips, seed=seed)
        views = self._views(clips)
        weights = 1 / np.bincount(owners)[owners]  # an artist with many clips is still one artist
        self.means = [np.average(view, axis=0, weights=weights) for view in views]
        spreads = [
            np.sqrt(np.average((view - mean) ** 2, axis=0, weights=weights))
            for view, mean in zip(views, self.means, strict=True)
        ]
        size = len(views)
        self.scales = [
            np.divide(1, spread * np.sqrt(size * len(spread)), out=np.zeros_like(spread), where=spread > 1e-6)
            for spread in spreads
        ]
        return self._standardised(views)

    def transform(self, clips):
        return self._standardised(self._views(clips))

    def arrays(self):
        """What it has learnt, by name; `restore` reads it."""
        arrays = {"lengths": np.array([one.length for one in self.dictionaries])}
        for place, one in enumerate(self.dictionaries):
            parts = {"mean": one.mean, "whiten": one.whiten, "atoms": one.atoms}
            arrays |= {f"dictionary{place}.{name}": array for name, array in parts.items()}
        for place, (mean, scale) in enumerate(zip(self.means, self.scales, strict=True)):
            arrays |= {f"view{place}.mean": mean, f"view{place}.scale": scale}
        return arrays

    @classmethod
    def restore(cls, arrays):
        """Features from their `arrays`."""
        features = cls(lengths=arrays["lengths"].tolist())
        for place, one in enumerate(features.dictionaries):
            for name in ("mean", "whiten", "atoms"):
                setattr(one, name, arrays[f"dictionary{place}.{name}"])
        views = range(len(features.dictionaries) + 2)
        features.means = [arrays[f"view{place}.mean"] for place in views]
        features.scales = [arrays[f"view{place}.scale"] for place in views]
        return features

    def _views(self, clips):
        views = [[] for _ in range(len(self.dictionaries) + 2)]
        for part in batches(clips):
            for place, dictionary in enumerate(self.dictionaries):
                views[place].append(dictionary.transform(part))
            views[-2].append(band_statistics(part))
            views[-1].append(cepstral_covariances(part))
        return [np.concatenate(view).astype(np.float64) for view in views]

    def _standardised(self, views):
        return np.concatenate(
            [(view - mean) * scale for view, mean, scale in zip(views, self.means, self.scales, strict=True)],
            axis=1,
        )
