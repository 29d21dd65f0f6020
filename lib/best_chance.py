"""The paper's network given its best chance: more steps, a calmer target, crops and gain (beyond the paper).

Conventions
-----------
- Every variant is the paper's network (`lib.training.Siamese`) but for what its name says.
- The budget is counted in steps of 2,048 clip pairs, because the demo has few pairs and the paper many.
- The target of dev and test artists is never touched: only what the training artists are told.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from lib import methods
from lib.pairs import Tile
from lib.spectrograms import N_FRAMES
from lib.training import Siamese

SHORTEST = N_FRAMES // 2  # frames of a crop; the rest is silence, as in clips that are short
GAIN = 6.0 / 80  # dB, up or down, of the 80 that a spectrogram spans
STEPS_PER_EPOCH = 20
RANK = 20  # directions that the denoised target keeps


class BestChance(Siamese):
    """The siamese network with some of three changes.

    Parameters
    ----------
    name : str
    steps : int
        Of `batch_size` clip pairs; rounded up to whole epochs of 20.
    denoised : bool
        Learn the training artists' similarities as their 20 strongest directions tell them.
    jittered : bool
        Hear a drawn part of each clip, as a whole louder or softer.
    batch_size : int
    settings
        Of `lib.training.Siamese`.
    """

    def __init__(self, name, *, steps, denoised=False, jittered=False, batch_size=2048, **settings):
        super().__init__(
            epochs=-(-steps // STEPS_PER_EPOCH),
            batch_size=batch_size,
            pairs_per_epoch=STEPS_PER_EPOCH * batch_size,
            **settings,
        )
        self.name, self.denoised, self.jittered = name, denoised, jittered

    def fit(self, collection, train, dev, *, seed=0, **how):
        """As `Siamese.fit`."""
        self._rng = np.random.default_rng([seed, 9])
        if self.denoised:
            collection = replace(collection, target=denoised_target(collection.target, train))
        return super().fit(collection, train, dev, seed=seed, **how)

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


def variants(steps, longer, **settings):
    """The rows of the ablation: the plain network, each change alone, and all together.

    Parameters
    ----------
    steps, longer : int
        Steps of the plain training, and of the longer one.
    settings
        Of `lib.training.Siamese`.

    Returns
    -------
    list of BestChance
    """
    return [
        BestChance("siamese_short", steps=steps, **settings),
        BestChance("siamese_longer", steps=longer, **settings),
        BestChance("siamese_denoised", steps=steps, denoised=True, **settings),
        BestChance("siamese_jittered", steps=steps, jittered=True, **settings),
        BestChance("siamese_best_chance", steps=longer, denoised=True, jittered=True, **settings),
    ]


def scores(collection, train, dev, *, seeds, steps, longer, **settings):
    """Train every variant with every seed, and score all artists.

    Parameters
    ----------
    collection : lib.methods.Collection
    train, dev : sequence of str
    seeds : sequence of int
    steps, longer, settings
        As for `variants`.

    Returns
    -------
    pd.DataFrame
        Long scores of fold 0.
    """
    frames = [
        methods.to_long(
            variant.fit(collection, train, dev, seed=seed).score(collection, collection.artists),
            method=variant.name,
            seed=seed,
        )
        for seed in seeds
        for variant in variants(steps, longer, **settings)
    ]
    return pd.concat(frames, ignore_index=True)


def denoised_target(target, train, *, rank=RANK):
    """The target with the training artists' block as its strongest directions tell it.

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
    heard = np.zeros_like(clips, dtype=np.float32)
    for place, clip in enumerate(clips):
        length = rng.integers(SHORTEST, N_FRAMES + 1)
        start = rng.integers(N_FRAMES - length + 1)
        gain = rng.uniform(-GAIN, GAIN)
        heard[place, :length] = np.clip(clip[start : start + length] + gain, 0, 1)
    return heard
