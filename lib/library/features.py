"""What a track sounds like, without training: numbers of its spectrograms, and the space to compare them in.

Conventions
-----------
- Clips have shape (n, 256, 64): (frames, mel bands), values in [0, 1].
- Three views, side by side: levels of mel bands (`lib.beyond.audio_features.band_statistics`), moments of the
  MFCCs (timbre), and how fast bands swell (modulations of 0.07 to 4.3 Hz: tempo and texture).
- A track is the mean over its excerpts. Nothing in these numbers depends on other tracks.
- Tracks are compared in the *space* of one library (`Space`): each number standardised over the library's
  tracks, each view of equal weight, the principal components, and the cosine. So the similarity of two tracks
  changes a little when others are added; their features do not.
- Rounding differs between types of processor: features in the sixth digit, hence neighbours that are as near.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from lib import numerics
from lib.beyond.audio_features import N_MFCC, band_statistics
from lib.beyond.factor_models import artist_means
from lib.methods import Method, labelled_scores
from lib.spectrograms.picture import N_FRAMES, N_MELS
from lib.spectrograms.store import batches

NAME = "statistics"  # of the method, in tables
N_DIRECTIONS = 32
REGIONS = 16  # groups of mel bands
RATES = np.array([2, 3, 5, 7, 11, 16, 24, 37, 56, 85, 129])  # edges of groups of Fourier bins, 1 / 30 Hz each
FLOOR = 1e-2  # added to modulations before the logarithm
VIEWS = (5 * N_MELS, 3 * N_MFCC, (len(RATES) - 1) * REGIONS)  # numbers of each view
N_FEATURES = sum(VIEWS)
ROWS = 8192  # tracks at a time, so that memory does not grow with their number


def of_clips(clips):
    """What describes some clips.

    Parameters
    ----------
    clips : np.ndarray, shape=(n_clips, 256, 64)

    Returns
    -------
    np.ndarray, shape=(n_clips, N_FEATURES), dtype=float32

    Examples
    --------
    >>> of_clips(np.random.default_rng(0).random((2, 256, 64))).shape
    (2, 540)
    """
    clips = np.asarray(clips, dtype=np.float32)
    views = [band_statistics(clips), _timbre(clips), _modulations(clips)]
    return np.concatenate(views, axis=1).astype(np.float32)


@dataclass(frozen=True)
class Space:
    """In which the tracks of a library are compared.

    Attributes
    ----------
    mean, scale : np.ndarray, shape=(n_features,)
        Of each number; a number that does not vary has the scale 0.
    directions : np.ndarray, shape=(n_features, n_directions)
    """

    mean: np.ndarray
    scale: np.ndarray
    directions: np.ndarray

    @classmethod
    def of(cls, features):
        """The space of some tracks.

        Parameters
        ----------
        features : np.ndarray, shape=(n_tracks, N_FEATURES)

        Returns
        -------
        Space

        Examples
        --------
        >>> features = np.random.default_rng(0).random((5, N_FEATURES))
        >>> Space.of(features).vectors(features).shape  # five tracks span four directions
        (5, 4)
        """
        mean = np.mean(features, axis=0, dtype=np.float64)
        products = np.zeros((len(mean), len(mean)))
        for start in range(0, len(features), ROWS):
            centred = features[start : start + ROWS] - mean
            products += centred.T @ centred
        spread = np.sqrt(np.diag(products) / len(features))
        weights = 1 / np.sqrt(np.repeat(VIEWS, VIEWS))
        scale = np.divide(weights, spread, out=np.zeros_like(spread), where=spread > 1e-6)
        _, axes = np.linalg.eigh(products * scale * scale[:, None])
        n_directions = max(1, min(N_DIRECTIONS, len(features) - 1))
        directions = axes[:, ::-1][:, :n_directions]
        largest = np.abs(directions).argmax(axis=0)
        signs = np.sign(directions[largest, np.arange(n_directions)])
        return cls(mean, scale, directions * signs)

    def vectors(self, features):
        """Tracks in this space: rows of length 1, whose products are the tracks' similarities.

        Parameters
        ----------
        features : np.ndarray, shape=(n_tracks, N_FEATURES)

        Returns
        -------
        np.ndarray, shape=(n_tracks, n_directions), dtype=float32
        """
        turned = self.scale[:, None] * self.directions
        parts = [
            numerics.unit((features[start : start + ROWS] - self.mean) @ turned)
            for start in range(0, len(features), ROWS)
        ]
        return np.concatenate(parts).astype(np.float32)


class Statistics(Method):
    """The same as a method of the comparison, so that it can be measured; artists are means of clips."""

    name = NAME

    def score(self, study, artists):
        """Cosine of the artists' vectors, in the space of all clips of the study; in [-1, 1]."""
        every, _ = study.clips_of(study.ids)
        clips, owners = study.clips_of(artists)
        vectors = Space.of(_in_batches(every)).vectors(_in_batches(clips))
        means = numerics.unit(artist_means(vectors, owners, len(artists)))
        return labelled_scores(means @ means.T, artists)


def _in_batches(clips):
    return np.concatenate([of_clips(part) for part in batches(clips)])


def _timbre(clips):
    """Mean, spread and mean absolute change of each MFCC, the loudness term left out."""
    mfcc = scipy.fft.dct(clips, axis=2, norm="ortho")[:, :, 1 : N_MFCC + 1]
    return np.concatenate(
        [mfcc.mean(axis=1), mfcc.std(axis=1), np.abs(np.diff(mfcc, axis=1)).mean(axis=1)], axis=1
    )


def _modulations(clips):
    """Logarithm of how strongly groups of bands swell at each rate, shape=(n_clips, rates * REGIONS)."""
    moving = (clips - clips.mean(axis=1, keepdims=True)) * np.hanning(N_FRAMES).astype(np.float32)[:, None]
    strength = np.abs(scipy.fft.rfft(moving, axis=1))[:, : RATES[-1]]
    of_rates = np.add.reduceat(strength, RATES[:-1], axis=1) / np.diff(RATES)[:, None]
    grouped = of_rates.reshape(len(clips), len(RATES) - 1, REGIONS, N_MELS // REGIONS).mean(axis=3)
    return np.log(grouped + np.float32(FLOOR)).reshape(len(clips), -1)
