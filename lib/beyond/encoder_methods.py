"""Methods with a part that was trained elsewhere, apart from all others (beyond the paper).

For each encoder of `lib.beyond.encoders`: the cosine of artists' mean vectors, of which only mean and spread
are taken here; and the listening factors of `lib.beyond.factor_models`, learnt from those vectors.

Conventions
-----------
- Each class is a `lib.methods.Method`, of kind *pre-trained* in `lib.registry`: notebook 07 fits it where its
  encoder is given, and chooses among these methods apart from those trained here.
- They score the artists of a study. They write no model for any recording: `lib.beyond.similar_artists` takes
  spectrograms, and an encoder takes sound.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lib import numerics
from lib.beyond.factor_models import FactorKernel, FactorMethod, artist_means


class Encoded:
    """Vectors of a study's clips, in the place of `lib.beyond.audio_features.AudioFeatures`.

    Parameters
    ----------
    vectors : np.ndarray, shape=(n_clips, n)
        One row for each clip of the study, from `lib.beyond.encoders.of_clips`.

    Examples
    --------
    >>> import pandas as pd
    >>> from lib import study as studies
    >>> ids = ["a", "b"]
    >>> target, listeners = pd.DataFrame(0.5, ids, ids), pd.Series([9, 5], ids)
    >>> study = studies.of_arrays(np.zeros((3, 2)), ["a", "b", "b"], target, listeners)
    >>> encoded = Encoded(np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]])).fit(study, ids)
    >>> values, owners = encoded.of(study, ids)  # the second number says nothing
    >>> values.round(1).tolist(), owners.tolist()
    ([[-0.6, 0.0], [0.2, 0.0], [1.1, 0.0]], [0, 1, 1])
    """

    def __init__(self, vectors):
        self.vectors = vectors
        self.mean, self.scale = None, None

    def raw(self, study, artists):
        """Vectors of all clips of some artists as they are, and whose they are (`Study.clips_of`)."""
        return replace(study, spectrograms=self.vectors).clips_of(artists)

    def fit(self, study, train, *, seed=0):
        """Take mean and spread of the training artists, each counting once; return self."""
        values, owners = self.raw(study, train)
        weights = 1 / np.bincount(owners)[owners]
        self.mean = np.average(values, axis=0, weights=weights)
        spread = np.sqrt(np.average((values - self.mean) ** 2, axis=0, weights=weights))
        self.scale = np.divide(
            1, spread * np.sqrt(len(spread)), out=np.zeros_like(spread), where=spread > 1e-6
        )
        return self

    def of(self, study, artists):
        """The same, standardised, so that two clips are about a distance of 1 apart."""
        values, owners = self.raw(study, artists)
        return (values - self.mean) * self.scale, owners


class EncoderCosine(FactorMethod):
    """Cosine of artists' mean vectors, standardised: listening plays no part here.

    Parameters
    ----------
    vectors : np.ndarray, shape=(n_clips, n)
        One row for each clip of the study.
    """

    encoder = ""

    @classmethod
    def made(cls, given):
        return cls(given.encoded[cls.encoder])

    def __init__(self, vectors):
        self.encoded = Encoded(vectors)

    def fit(self, study, train, dev=(), *, seed=0):
        """Take mean and spread of the training artists' vectors; return self."""
        self.encoded.fit(study, train)
        return self

    def vectors(self, study, artists):
        values, owners = self.encoded.of(study, artists)
        return numerics.unit(artist_means(values, owners, len(artists)))

    def arrays(self):
        """Nothing that makes a model for any recording, see the module's conventions."""
        return {}


class EncoderKernel(FactorKernel):
    """Listening factors from an encoder's vectors, by the ridge with an RBF kernel of `FactorKernel`.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    features : Encoded
    n_factors : int
    """

    encoder = ""

    @classmethod
    def made(cls, given):
        return cls(given.listening, Encoded(given.encoded[cls.encoder]), n_factors=given.n_factors)

    def arrays(self):
        """Nothing that makes a model for any recording, see the module's conventions."""
        return {}


class MttCosine(EncoderCosine):
    name = encoder = "musicnn_mtt"


class MttKernel(EncoderKernel):
    name, encoder = "musicnn_mtt_kernel", "musicnn_mtt"


class MsdCosine(EncoderCosine):
    name = encoder = "musicnn_msd"


class MsdKernel(EncoderKernel):
    name, encoder = "musicnn_msd_kernel", "musicnn_msd"
