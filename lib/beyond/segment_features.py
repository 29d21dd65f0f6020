"""What tells one clip from another, learnt without labels from segments of four seconds (beyond the paper).

Two segments of one clip are the same music; what differs between them is no property of the clip. So the
features of segments are turned and weighed by linear discriminant analysis with the *clip* as the class:
directions in which the segments of a clip agree and clips differ count most. Listening plays no part in it.

Conventions
-----------
- Clips have shape (n, 256, 64): (frames, mel bands), values in [0, 1].
- A segment is 32 frames (3.75 s), one begins every 16 frames. It is described by a dictionary's atoms
  (`lib.beyond.audio_features.Dictionary`), MFCCs, their covariances, levels of mel bands, and how fast bands
  swell (modulations of 0.3 to 4.3 Hz).
- A clip is the mean over its segments; on the training clips the mean is 0 and the mean squared length 1
  (0 where clips do not differ).

References
----------
Fisher, R. A. (1936). The use of multiple measurements in taxonomic problems.
Hatch & Stolcke (2006). Generalized linear kernels for one-versus-all classification (within-class covariance
normalisation, of speakers).
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from lib.beyond.audio_features import N_ATOMS, N_MFCC, Dictionary, Features
from lib.spectrograms.picture import N_FRAMES, N_MELS
from lib.spectrograms.store import batches

FRAMES, HOP = 32, 16  # of a segment, and from one to the next
STARTS = range(0, N_FRAMES - FRAMES + 1, HOP)
LENGTH = 4  # frames of a patch
N_COMPONENTS = 300  # principal components of segments, in which clips are told apart
N_DIRECTIONS = 100
SHRINKAGE = 0.1  # of the covariance within clips
LEAST = 1e-3  # how far clips lie apart, in spreads within clips; what is less is rounding
RATES, REGIONS = 8, 16  # of modulations: pairs of Fourier bins, groups of mel bands
FLOOR = 1e-3  # added to modulations before the logarithm


class SegmentFeatures(Features):
    """Directions that tell clips apart, in the place of `lib.beyond.audio_features.AudioFeatures`.

    Parameters
    ----------
    n_atoms : int
        Of the dictionary.

    Examples
    --------
    >>> import pandas as pd
    >>> from lib import study as studies
    >>> target, listeners = pd.DataFrame(0.0, ["a", "b"], ["a", "b"]), pd.Series([9, 5], ["a", "b"])
    >>> clips = np.random.default_rng(0).random((3, 256, 64), dtype=np.float32)
    >>> study = studies.of_arrays(clips, ["a", "a", "b"], target, listeners)
    >>> SegmentFeatures(n_atoms=2).fit(study, ["a", "b"]).transform(clips).shape  # 3 clips: 2 directions
    (3, 2)
    """

    def __init__(self, *, n_atoms=N_ATOMS):
        super().__init__()
        self.dictionary = Dictionary(LENGTH, n_atoms=n_atoms)
        self.mean, self.directions = None, None

    @property
    def settings(self):
        """What it was made with; JSON."""
        return [FRAMES, HOP, self.dictionary.length, self.dictionary.n_atoms]

    def learn(self, clips, owners, *, seed):
        self.dictionary.fit(clips, seed=seed)
        segments = np.concatenate([self._segments(part) for part in batches(clips)])
        flat = segments.reshape(-1, segments.shape[2])
        self.mean = flat.mean(axis=0)
        spread = flat.std(axis=0)
        weights = np.divide(
            1, spread * np.sqrt(self._sizes()), out=np.zeros_like(spread), where=spread > 1e-6
        )
        turned = _discriminants((flat - self.mean) * weights, len(segments))
        self.directions = weights[:, None] * turned
        means = segments.mean(axis=1)
        length = np.sqrt((self._turned(means) ** 2).sum(axis=1).mean())
        self.directions *= 1 / length if length > LEAST else 0.0
        return self._turned(means)

    def transform(self, clips):
        return self._turned(np.concatenate([self._segments(part).mean(axis=1) for part in batches(clips)]))

    def arrays(self):
        """What it has learnt, by name; `restore` reads it."""
        parts = {name: getattr(self.dictionary, name) for name in ("mean", "whiten", "atoms")}
        learnt = {f"dictionary.{name}": array for name, array in parts.items()}
        return learnt | {"mean": self.mean, "directions": self.directions}

    @classmethod
    def restore(cls, arrays):
        """Features from their `arrays`."""
        features = cls(n_atoms=len(arrays["dictionary.atoms"]))
        for name in ("mean", "whiten", "atoms"):
            setattr(features.dictionary, name, arrays[f"dictionary.{name}"])
        features.mean, features.directions = arrays["mean"], arrays["directions"]
        return features

    def _turned(self, means):
        return (means - self.mean) @ self.directions

    def _sizes(self):
        """For each number that describes a segment, how many describe the same."""
        atoms = 2 * len(self.dictionary.atoms)
        sizes = [atoms, 3 * N_MFCC, N_MFCC * (N_MFCC + 1) // 2, 3 * N_MELS, RATES * REGIONS]
        return np.repeat(sizes, sizes).astype(float)

    def _segments(self, clips):
        """What describes each segment, shape=(n_clips, n_segments, n)."""
        clips = np.asarray(clips, dtype=np.float32)
        present = self.dictionary.present(clips)
        mfcc = scipy.fft.dct(clips, axis=2, norm="ortho")[:, :, 1 : N_MFCC + 1]
        segments = [
            np.concatenate(
                [
                    *_moments(present[:, start : start + FRAMES - LENGTH + 1]),
                    *_moments(mfcc[:, start : start + FRAMES], moved=True),
                    _covariances(mfcc[:, start : start + FRAMES]),
                    *_moments(clips[:, start : start + FRAMES], moved=True),
                    _modulations(clips[:, start : start + FRAMES]),
                ],
                axis=1,
            )
            for start in STARTS
        ]
        return np.stack(segments, axis=1).astype(np.float64)


def _discriminants(segments, n_clips):
    """Directions that tell clips apart, the strongest first, shape=(n, n_directions).

    The principal components themselves where the segments of a clip do not differ; zeros where none do.
    """
    most = min(N_COMPONENTS, segments.shape[1], len(segments) - 1)
    n_directions = min(N_DIRECTIONS, n_clips - 1, most)
    if not segments.any():
        return np.zeros((segments.shape[1], n_directions))
    clip = np.repeat(np.arange(n_clips), len(segments) // n_clips)
    components = PCA(most, svd_solver="covariance_eigh")
    reduced = components.fit_transform(segments)
    within = reduced - reduced.reshape(n_clips, -1, most).mean(axis=1)[clip]
    turned = np.eye(most)
    if within.var() > 1e-12 * reduced.var():
        turned = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE).fit(reduced, clip).scalings_
    return components.components_.T @ turned[:, :n_directions]


def _moments(tracks, *, moved=False):
    """Mean, spread and, if wanted, mean absolute change over time, shape=(n_clips, n) each."""
    moments = [tracks.mean(axis=1), tracks.std(axis=1)]
    return [*moments, np.abs(np.diff(tracks, axis=1)).mean(axis=1)] if moved else moments


def _covariances(tracks):
    """Covariances over time, shape=(n_clips, n (n + 1) / 2)."""
    centred = tracks - tracks.mean(axis=1, keepdims=True)
    covariance = centred.transpose(0, 2, 1) @ centred / (tracks.shape[1] - 1)
    upper = np.triu_indices(tracks.shape[2])
    return covariance[:, upper[0], upper[1]]


def _modulations(clips):
    """Logarithm of how strongly groups of bands swell at each rate, shape=(n_clips, RATES * REGIONS)."""
    moving = (clips - clips.mean(axis=1, keepdims=True)) * np.hanning(FRAMES)[:, None]
    strength = np.abs(scipy.fft.rfft(moving, axis=1))[:, 1 : 2 * RATES + 1]
    grouped = strength.reshape(len(clips), RATES, 2, REGIONS, N_MELS // REGIONS).mean(axis=(2, 4))
    return np.log(grouped + FLOOR).reshape(len(clips), -1)
