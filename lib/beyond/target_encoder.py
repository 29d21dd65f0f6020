"""Target and encoder exchanged: which of the two makes the gain of notebook 07 (beyond the paper).

The paper's network and the methods of notebook 07 differ in two things at once: in what is learnt (the
similarity of pairs, or the listening factors of single artists) and in what describes a clip (a convolutional
encoder that is trained with the rest, or features that are learnt without labels). Here are the two other
combinations of this 2 × 2 design.

Conventions
-----------
- Each class is a `lib.methods.Method`, fitted on training artists alone.
- The paper's encoder is `network.encoder`, the features are those of `lib.beyond.audio_features`.
- A step of `EncoderFactors` encodes as many clips as a step of the paper's network on a tile.

References
----------
Stock, Pahikkala, Airola, De Baets & Waegeman (2018). A comparative study of pairwise learning methods based
on kernel ridge regression.
"""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import scipy.linalg
from sklearn.model_selection import KFold

from lib.beyond import factors
from lib.beyond.audio_features import AudioFeatures
from lib.beyond.factor_cnn import FactorCnn
from lib.beyond.factor_models import INNER_FOLDS, STRENGTHS, artist_means
from lib.methods import labelled_scores
from lib.training import network, pairs
from lib.training.losses import target_values
from lib.training.siamese import Siamese, make_deterministic

LARGEST_STRENGTH = 100 * STRENGTHS[-1]  # the pairs' ridge also tries this and what lies between


class EncoderFactors(FactorCnn):
    """The paper's encoder with another target: an artist's listening factors, from one clip.

    Behind the encoder comes a linear layer; the loss is the paper's, mean squared error, and so are the
    optimizer and the whole clips, without crops. Artists count as in the other methods of factors.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    steps : int
    batch_size : int
        Clip pairs in a step of the paper's network: a step here encodes the clips of such a tile.
    learning_rate : float
    n_convolutions, batch_norm_momentum
        See `network.encoder`.
    n_factors : int
    """

    name = "encoder_factors"

    def __init__(
        self,
        listening,
        *,
        steps,
        batch_size=2048,
        learning_rate=0.001,
        n_convolutions=3,
        batch_norm_momentum=0.99,
        n_factors=factors.N_FACTORS,
    ):
        super().__init__(listening, steps=steps, n_factors=n_factors)
        self.clips_a_step = sum(pairs.tile_shape(batch_size))
        self.learning_rate = learning_rate
        self.configuration = {"n_convolutions": n_convolutions, "batch_norm_momentum": batch_norm_momentum}

    def fit(self, study, train, dev=(), *, seed=0):
        """Train on the training artists' clips; the dev artists take no part.

        Parameters
        ----------
        study : lib.study.Study
        train, dev : sequence of str
        seed : int

        Returns
        -------
        EncoderFactors
            Itself; `losses` holds one value for each step.

        Raises
        ------
        ValueError
            If the loss is not finite.
        """
        target, trust = self.targets(study, list(train))
        clips, owners = study.clips_of(list(train))
        weights = (trust / np.bincount(owners))[owners]
        weights = (weights / weights.mean()).astype(np.float32)
        self.build(target.shape[1], seed=seed)
        rng = np.random.default_rng([seed, 8])
        size = min(self.clips_a_step, len(clips))
        passes = -(-self.steps * size // len(clips))
        order = np.concatenate([rng.permutation(len(clips)) for _ in range(passes)])[: self.steps * size]
        self.losses = [
            float(
                self.model.train_on_batch(
                    clips[places],
                    target[owners[places]].astype(np.float32),
                    sample_weight=weights[places],
                )
            )
            for places in order.reshape(self.steps, size)
        ]
        if not np.isfinite(self.losses).all():
            raise ValueError(f"the loss of seed {seed} is not finite after {self.steps} steps")
        return self

    def build(self, n_factors, *, seed=0):
        """Give the network its random first weights; return self."""
        make_deterministic(seed)
        clip_encoder = network.encoder(**self.configuration)
        predicted = keras.layers.Dense(n_factors, name="factors")(clip_encoder.output)
        self.model = keras.Model(clip_encoder.input, predicted, name=self.name)
        optimizer = keras.optimizers.Adam(self.learning_rate)
        self.model.compile(optimizer=optimizer, loss="mean_squared_error", jit_compile=False)
        return self


class FeatureSiamese(Siamese):
    """The paper's network with another encoder: fixed features of a clip, and one dense layer.

    Target, loss, tiles, head and size of the embedding are the paper's.

    Parameters
    ----------
    features : lib.beyond.audio_features.AudioFeatures, optional
        Shared by methods with the same features.
    settings
        Of `lib.training.siamese.Siamese`; those of convolutions change nothing.
    """

    name = "feature_siamese"

    def __init__(self, features=None, **settings):
        super().__init__(**settings)
        self.features = features or AudioFeatures()

    def build(self, *, seed):
        """Give the network its random first weights; return self."""
        make_deterministic(seed)
        inputs = keras.Input((self.configuration["n_features"],), name="features")
        embedding = keras.layers.Dense(128, activation="relu", name="embedding")(inputs)
        self.model = network.tile_model(keras.Model(inputs, embedding, name="encoder"))
        optimizer = keras.optimizers.Adam(self.learning_rate)
        optimizer.build(self.model.trainable_variables)
        self.model.compile(optimizer=optimizer, loss="mean_squared_error", jit_compile=False)
        return self

    def fit(self, study, train, dev, *, seed=0, **how):
        """As `Siamese.fit`, on the features of the clips."""
        self.features.fit(study, list(train), seed=seed)
        described = self._described(study, [*train, *dev])
        self.configuration = {"n_features": described.spectrograms.shape[1]}  # names its layers
        return super().fit(described, train, dev, seed=seed, **how)

    def score(self, study, artists):
        """Mean similarity over clip pairs, from their features."""
        return super().score(self._described(study, list(artists)), artists)

    def _described(self, study, artists):
        """The collection with features in the place of spectrograms."""
        values, owners = self.features.of(study, artists)
        clips = pd.DataFrame({"artist_id": np.array(artists, dtype=object)[owners]})
        return replace(study, spectrograms=values.astype(np.float32), clips=clips)


class PairRidge:
    """Fixed features onto the similarity of pairs, by the ridge that `FactorRidge` has for factors.

    With features x of one clip and z of another, each with a 1 before it, the similarity is the bilinear form
    x' W z; W has the ridge's closed form on both sides (two-step kernel ridge regression). The similarity of
    an artist with itself, which the target does not have, is taken as the largest that the artist has.

    Parameters
    ----------
    features : lib.beyond.audio_features.AudioFeatures, optional
        Shared by methods with the same features.
    """

    name = "pair_ridge"

    def __init__(self, features=None):
        self.features = features or AudioFeatures()
        self.strength, self.chosen = None, None

    def fit(self, study, train, dev=(), *, seed=0):
        """Learn from the training artists; the dev artists take no part.

        Parameters
        ----------
        study : lib.study.Study
        train, dev : sequence of str
        seed : int
            Of the dictionaries and the inner folds.

        Returns
        -------
        PairRidge
            Itself; `chosen` holds the squared error of each strength on the inner folds.
        """
        train = list(train)
        self.features.fit(study, train, seed=seed)
        self.train_values, self.owners = self.features.of(study, train)
        target = _filled(target_values(study, train))
        self.chosen = self._inner(target, seed)
        self.strength = float(self.chosen.loc[self.chosen["squared_error"].idxmin(), "strength"])
        kernel = _kernel(self.train_values, self.train_values)
        self.mean, self.coefficients = _two_sided(kernel, self.owners, target, self.strength)
        return self

    def score(self, study, artists):
        """Mean predicted similarity over clip pairs; symmetric."""
        values, owners = self.features.of(study, list(artists))
        means = artist_means(_kernel(values, self.train_values), owners, len(artists))
        return labelled_scores(self.mean + means @ self.coefficients @ means.T, artists)

    def _inner(self, target, seed):
        """Squared error of the similarities among artists left out, for each strength."""
        n_artists = len(target)
        kernel = _kernel(self.train_values, self.train_values)
        strengths = [*STRENGTHS, *np.geomspace(STRENGTHS[-1], LARGEST_STRENGTH, 5)[1:]]
        errors = {strength: [] for strength in strengths}
        folds = KFold(min(INNER_FOLDS, n_artists // 2), shuffle=True, random_state=seed)
        for kept, left_out in folds.split(np.arange(n_artists)):
            inner, outer = np.isin(self.owners, kept), np.isin(self.owners, left_out)
            places = np.searchsorted(left_out, self.owners[outer])
            means = artist_means(kernel[np.ix_(outer, inner)], places, len(left_out))
            owners = np.searchsorted(kept, self.owners[inner])
            true = target[np.ix_(left_out, left_out)]
            others = ~np.eye(len(left_out), dtype=bool)
            for strength in strengths:
                mean, coefficients = _two_sided(
                    kernel[np.ix_(inner, inner)], owners, target[np.ix_(kept, kept)], strength
                )
                predicted = mean + means @ coefficients @ means.T
                errors[strength] += ((predicted - true)[others] ** 2).tolist()
        rows = [(strength, np.mean(values)) for strength, values in errors.items()]
        return pd.DataFrame(rows, columns=["strength", "squared_error"])


def _kernel(one, other):
    """Inner products of features with a 1 before them: the form has main effects of both clips."""
    return 1 + one @ other.T


def _filled(target):
    """A target with each artist's largest similarity on the diagonal."""
    own = np.eye(len(target), dtype=bool)
    return np.where(own, np.where(own, -np.inf, target).max(axis=1)[:, None], target)


def _two_sided(kernel, owners, target, strength):
    """Mean similarity, and ``(K + s)^-1 (T - mean) (K + s)^-1`` over clips."""
    mean = target[~np.eye(len(target), dtype=bool)].mean()
    ridge = kernel + strength * np.eye(len(kernel))
    factor = scipy.linalg.cho_factor(ridge)
    half = scipy.linalg.cho_solve(factor, (target - mean)[np.ix_(owners, owners)])
    return mean, scipy.linalg.cho_solve(factor, half.T)
