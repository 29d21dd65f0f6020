"""A small convolutional network that hears listening factors (beyond the paper).

The same kind of encoder as the paper's, with another target: not the similarity of two clips, but where the
artist of one clip stands among listeners (`lib.beyond.factors`).

Conventions
-----------
- Trained on crops of 128 frames (15 s) with random gain, asked about whole clips of 256.
- The budget is counted in steps, not in epochs: a small collection has few batches in an epoch.
- One seed fixes weights, crops and order: same lock, CPU type and number of threads give the same bits.
"""

from __future__ import annotations

import keras
import numpy as np
from tqdm import tqdm

from lib import numerics
from lib.beyond import factors
from lib.beyond.factor_models import FactorMethod, artist_means
from lib.spectrograms.picture import N_FRAMES, N_MELS
from lib.spectrograms.store import batches
from lib.training.siamese import make_deterministic

CROP = 128  # frames
GAIN = 6.0 / 80  # dB, up or down, of the 80 that a spectrogram spans
BATCH_SIZE = 64  # clips
LEARNING_RATE = WEIGHT_DECAY = 1e-3
POOLS = (4, 2, 1)  # frames, after each convolution


def network(n_factors, *, n_filters=64, batch_norm_momentum=0.95, dropout=0.3):
    """Three convolutions along time, the mean and the maximum over time, and a direction.

    Parameters
    ----------
    n_factors : int
    n_filters : int
    batch_norm_momentum : float
        Keras's 0.99 forgets its start only after hundreds of steps.
    dropout : float
        Share of the pooled values that a step does not see.

    Returns
    -------
    keras.Model
        (n, frames, 64) to (n, n_factors), rows of length 1.
    """
    clip = keras.Input((None, N_MELS), name="clip")
    x = clip
    for number, pool in enumerate(POOLS, start=1):
        x = keras.layers.Conv1D(n_filters, 3, padding="same", name=f"convolution_{number}")(x)
        x = keras.layers.BatchNormalization(momentum=batch_norm_momentum, name=f"batch_norm_{number}")(x)
        x = keras.layers.ReLU(name=f"relu_{number}")(x)
        if pool > 1:
            x = keras.layers.MaxPooling1D(pool, name=f"max_pool_{number}")(x)
    pooled = [
        keras.layers.GlobalAveragePooling1D(name="mean_over_time")(x),
        keras.layers.GlobalMaxPooling1D(name="max_over_time")(x),
    ]
    x = keras.layers.Dropout(dropout, name="dropout")(keras.layers.Concatenate(name="pooled")(pooled))
    x = keras.layers.Dense(128, activation="relu", name="hidden")(x)
    x = keras.layers.Dense(n_factors, name="factors")(x)
    return keras.Model(clip, keras.layers.UnitNormalization(name="direction")(x), name="factor_cnn")


def one_minus_cosine(true, predicted):
    """Loss of rows of length 1, shape=(n,)."""
    return 1 - keras.ops.sum(true * predicted, axis=-1)


class FactorCnn(FactorMethod):
    """The network as one method among others.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    steps : int
        Batches of 64 crops; 600 were enough for 171 real artists, fewer than 400 are not.
    n_factors : int
    """

    name = "factor_cnn"
    each_seed = True

    @classmethod
    def made(cls, given):
        return cls(given.listening, steps=given.steps, n_factors=given.n_factors)

    def __init__(self, listening, *, steps=600, n_factors=factors.N_FACTORS):
        super().__init__(listening, n_factors=n_factors)
        self.steps, self.model, self.losses = steps, None, None

    def fit(self, study, train, dev=(), *, seed=0):
        """Train on the training artists' clips; the dev artists are not looked at.

        Parameters
        ----------
        study : lib.study.Study
        train, dev : sequence of str
        seed : int

        Returns
        -------
        FactorCnn
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
        self.losses = []
        for places in tqdm(drawn_batches(len(clips), self.steps, rng), desc=f"seed {seed}", unit="step"):
            crops = jittered_crops(clips[places], rng)
            factors_of_crops = target[owners[places]].astype(np.float32)
            self.losses.append(
                float(self.model.train_on_batch(crops, factors_of_crops, sample_weight=weights[places]))
            )
        if not np.isfinite(self.losses).all():
            raise ValueError(f"the loss of seed {seed} is not finite after {self.steps} steps")
        return self

    def build(self, n_factors, *, seed=0):
        """Give the network its random first weights; return self."""
        make_deterministic(seed)
        self.model = network(n_factors)
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, max(self.steps, 1))
        optimizer = keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY)
        self.model.compile(optimizer=optimizer, loss=one_minus_cosine, jit_compile=False)
        return self

    def predict(self, clips):
        """Factors of whole clips, shape=(n_clips, n_factors), rows of length 1."""
        return np.concatenate(
            [keras.ops.convert_to_numpy(self.model(part, training=False)) for part in batches(clips)]
        )

    def vectors(self, study, artists):
        clips, owners = study.clips_of(artists)
        return numerics.unit(artist_means(self.predict(clips), owners, len(artists)))

    def hear(self, clips):
        return numerics.unit(self.predict(clips).mean(axis=0, keepdims=True).astype(float))[0]

    def arrays(self):
        """Its weights, in Keras's order."""
        return {f"weight{place:03d}": value for place, value in enumerate(self.model.get_weights())}

    @classmethod
    def restore(cls, arrays):
        weights = [arrays[name] for name in sorted(arrays)]
        method = cls(None)
        method.model = network(len(weights[-1]))  # the last one is the bias of the factors
        method.model.set_weights(weights)
        return method


def drawn_batches(n_clips, steps, rng):
    """Rows of each step's clips: all clips in a new order again and again, cut into batches of one size."""
    size = min(BATCH_SIZE, n_clips)
    passes = -(-steps * size // n_clips)
    order = np.concatenate([rng.permutation(n_clips) for _ in range(passes)])
    return order[: steps * size].reshape(steps, size)


def jittered_crops(clips, rng):
    """Parts of clips from drawn starts, as a whole louder or softer.

    Parameters
    ----------
    clips : np.ndarray, shape=(n, N_FRAMES, N_MELS)
    rng : np.random.Generator

    Returns
    -------
    np.ndarray, shape=(n, CROP, N_MELS), dtype=float32
        In [0, 1].
    """
    starts = rng.integers(N_FRAMES - CROP + 1, size=len(clips))
    frames = starts[:, None] + np.arange(CROP)
    gain = rng.uniform(-GAIN, GAIN, size=(len(clips), 1, 1))
    return np.clip(clips[np.arange(len(clips))[:, None], frames] + gain, 0, 1).astype(np.float32)
