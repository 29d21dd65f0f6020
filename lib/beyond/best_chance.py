"""The paper's network given its best chance: more epochs, smoother target, crops and gain (beyond the paper).

Conventions
-----------
- Every variant is the paper's network (`lib.training.siamese.Siamese`) but for what its name says.
- `EPOCHS` passes over all pairs, as in notebook 04, or `LONGER`.
- The target of dev and test artists is never touched: only what is learnt from the training artists.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lib.beyond.audio_features import AudioFeatures
from lib.beyond.factor_models import FactorKernel, FactorRidge
from lib.beyond.target_encoder import EncoderFactors, FeatureSiamese, PairRidge
from lib.ranking import baselines
from lib.spectrograms.picture import N_FRAMES
from lib.training.pairs import Tile, tiles
from lib.training.siamese import Siamese

SHORTEST = N_FRAMES // 2  # frames of a crop; the rest is silence, as in clips that are short
GAIN = 6.0 / 80  # dB, up or down, of the 80 that a spectrogram spans
LONGER = 2  # times as many epochs
RANK = 20  # directions that the denoised target keeps


class BestChance(Siamese):
    """The siamese network with some of three changes.

    Parameters
    ----------
    name : str
    denoised : bool
        Learn the training artists' similarities as their 20 strongest directions give them.
    jittered : bool
        Take a random part of each clip in each step, as a whole louder or softer.
    settings
        Of `lib.training.siamese.Siamese`.
    """

    def __init__(self, name, *, denoised=False, jittered=False, **settings):
        super().__init__(**settings)
        self.name, self.denoised, self.jittered = name, denoised, jittered

    def fit(self, study, train, dev, *, seed=0, **how):
        """As `Siamese.fit`."""
        self._rng = np.random.default_rng([seed, 9])
        if self.denoised:
            study = replace(study, target=denoised_target(study.target, train))
        return super().fit(study, train, dev, seed=seed, **how)

    def _train(self, study, arrays, train, dev, seed, *others):
        self._rng = np.random.default_rng([seed, 9])  # compiling takes a few numbers, or none
        super()._train(study, arrays, train, dev, seed, *others)

    def step(self, clips, owners, target, *tiles):
        """Train on a tile (on several devices, one each), every clip of it jittered anew."""
        if not self.jittered:
            return super().step(clips, owners, target, *tiles)
        rows = np.concatenate([tile.clips for tile in tiles])
        starts = np.cumsum([0, *(len(tile.clips) for tile in tiles)])
        own = [
            Tile(np.arange(start, start + len(tile.clips)), tile.left, tile.right)
            for start, tile in zip(starts, tiles)
        ]
        return super().step(jittered(clips[rows], self._rng), owners[rows], target, *own)


# variant: (encoder, target); in this order in tables and pictures
VARIANTS = {
    "chance": ("none", "none"),
    "l2": ("none", "none"),
    "siamese": ("paper", "pairs"),
    "siamese_longer": ("paper", "pairs"),
    "siamese_best_epoch": ("paper", "pairs"),
    "siamese_five": ("paper", "pairs"),
    "siamese_denoised": ("paper", "pairs"),
    "siamese_jittered": ("paper", "pairs"),
    "siamese_best_chance": ("paper", "pairs"),
    "encoder_factors": ("paper", "factors"),
    "feature_siamese": ("features", "pairs"),
    "pair_ridge": ("features", "pairs"),
    "factor_ridge": ("features", "factors"),
    "factor_kernel": ("features", "factors"),
}
TWO_BY_TWO = ("siamese", "encoder_factors", "pair_ridge", "factor_ridge")  # the cells of encoder × target


def steps_of(study, train, *, epochs, batch_size):
    """Steps that notebook 04 takes: its epochs times the tiles of all pairs of training clips."""
    n_clips = len(study.clips_of(train)[0])
    return epochs * len(tiles(n_clips, batch_size=batch_size, seed=0, epoch=1))


def fitted(listening, study, train, dev, *, seed, epochs, todo=None, **settings):
    """Fit every variant with one seed.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    study : lib.study.Study
    train, dev : sequence of str
    seed : int
    epochs : int
        Of the plain training; the longer ones take `LONGER` times as many.
    todo : collection of str, optional
        Names to fit, those of `VARIANTS` by default.
    settings
        Of `lib.training.siamese.Siamese`: ``batch_size, learning_rate, n_convolutions, batch_norm_momentum``.

    Yields
    ------
    str, lib.methods.Method
        Name of the variant, and the method fitted so. The plain network, the one trained longer and its epoch
        of lowest dev loss are one training: a method holds until the next one is asked for.
    """
    todo = set(VARIANTS if todo is None else todo)
    steps = steps_of(study, train, epochs=epochs, batch_size=settings["batch_size"])
    features, longer = AudioFeatures(), LONGER * epochs
    makers = {
        "chance": baselines.Chance,
        "l2": baselines.L2,
        "siamese_five": lambda: Siamese(epochs=epochs, **settings | {"n_convolutions": 5}),
        "siamese_denoised": lambda: BestChance("", denoised=True, epochs=epochs, **settings),
        "siamese_jittered": lambda: BestChance("", jittered=True, epochs=epochs, **settings),
        "siamese_best_chance": lambda: BestChance(
            "", denoised=True, jittered=True, epochs=longer, **settings
        ),
        "encoder_factors": lambda: EncoderFactors(listening, steps=steps, **settings),
        "feature_siamese": lambda: FeatureSiamese(features, epochs=epochs, **settings),
        "pair_ridge": lambda: PairRidge(features),
        "factor_ridge": lambda: FactorRidge(listening, features),
        "factor_kernel": lambda: FactorKernel(listening, features),
    }
    plain = [name for name in ("siamese", "siamese_longer", "siamese_best_epoch") if name in todo]
    if plain:
        most = epochs if plain == ["siamese"] else longer
        method = Siamese(epochs=most, **settings).fit(study, train, dev, seed=seed, keep=[epochs, most])
        weights = {
            "siamese": method.kept[epochs],
            "siamese_longer": method.kept[most],
            "siamese_best_epoch": method.best_weights,
        }
        for name in plain:
            method.model.set_weights(weights[name])
            yield name, method
    for name, maker in makers.items():
        if name in todo:
            yield name, maker().fit(study, train, dev, seed=seed)


def denoised_target(target, train, *, rank=RANK):
    """The target with the training artists' block as its strongest directions give it.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric.
    train : sequence of str
    rank : int
        Fewer where there are fewer artists.

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        In [0, 1], blank on the diagonal; other rows and columns as they were.
    """
    train = list(train)
    block = target.loc[train, train].to_numpy(dtype=float)
    own = np.eye(len(train), dtype=bool)
    filled = np.where(own, np.nanmax(np.where(own, -np.inf, block), axis=1)[:, None], block)
    strength, directions = np.linalg.eigh(filled)
    kept = np.argsort(-np.abs(strength), kind="stable")[: min(rank, len(train))]
    smooth = np.clip((directions[:, kept] * strength[kept]) @ directions[:, kept].T, 0, 1)
    smooth = (smooth + smooth.T) / 2
    smooth[own] = np.nan
    calmer = target.copy()
    calmer.loc[train, train] = smooth
    return calmer


def jittered(clips, rng):
    """A drawn part of each clip at its beginning, the rest silent, as a whole louder or softer.

    Parameters
    ----------
    clips : np.ndarray, shape=(n, N_FRAMES, n_mels)
    rng : np.random.Generator

    Returns
    -------
    np.ndarray, shape=(n, N_FRAMES, n_mels), dtype=float32
        In [0, 1].
    """
    augmented = np.zeros_like(clips, dtype=np.float32)
    for place, clip in enumerate(clips):
        length = rng.integers(SHORTEST, N_FRAMES + 1)
        start = rng.integers(N_FRAMES - length + 1)
        gain = rng.uniform(-GAIN, GAIN)
        augmented[place, :length] = np.clip(clip[start : start + length] + gain, 0, 1)
    return augmented
