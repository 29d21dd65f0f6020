"""Training the siamese network (paper, sections 4 and 5, Figure 2).

Conventions
-----------
- Loss: mean squared error between predicted and true similarity over pairs of clips of different artists.
- The training loss of an epoch is the mean over its batches, while the weights move; dev and test losses are
  measured after the epoch, among the dev and among the test artists. The test loss is drawn and used for
  nothing.
- One seed fixes weights and order: same lock, CPU type and number of threads give the same bits.
"""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from lib import pairs, siamese
from lib.methods import labelled_scores, mean_over_clips

ENCODE_BATCH = 64  # clips


class Siamese:
    """The paper's network as one method among others.

    Parameters
    ----------
    learning_rate : float
        Of Adam.
    batch_size : int
        Clip pairs in a step.
    epochs : int
        Passes over all clip pairs.
    n_convolutions, batch_norm_momentum
        See `siamese.encoder`.
    """

    name = "siamese"

    def __init__(
        self, *, learning_rate=0.001, batch_size=2048, epochs=25, n_convolutions=3, batch_norm_momentum=0.99
    ):
        self.learning_rate, self.batch_size, self.epochs = learning_rate, batch_size, epochs
        self.configuration = {"n_convolutions": n_convolutions, "batch_norm_momentum": batch_norm_momentum}
        self.model = None
        self.history = None

    @classmethod
    def from_file(cls, path):
        """A trained network from a file that `save` wrote."""
        method = cls(**siamese.configuration_of(path))
        method.model = siamese.load(path)
        return method

    def save(self, path):
        """Write the trained weights."""
        siamese.save(self.model, path, configuration=self.configuration)

    def build(self, *, seed):
        """Give the network its random first weights; return self."""
        make_deterministic(seed)
        self.model = siamese.tile_model(siamese.encoder(**self.configuration))
        optimizer = keras.optimizers.Adam(self.learning_rate)
        optimizer.build(self.model.trainable_variables)  # else the first step is traced twice
        self.model.compile(optimizer=optimizer, loss="mean_squared_error", jit_compile=False)
        return self

    def fit(self, collection, train, dev, *, seed=0, watch=None):
        """Train on all clip pairs of the training artists.

        Parameters
        ----------
        collection : lib.methods.Collection
        train, dev : sequence of str
            Artist ids. The dev artists' loss is recorded.
        seed : int
        watch : dict of str to sequence of str, optional
            Further artists whose loss is recorded, such as ``{"test": ...}``.

        Returns
        -------
        Siamese
            Itself; `history` holds ``seed, epoch, split, loss``.

        Raises
        ------
        ValueError
            If the target is constant or not symmetric, the loss is not finite, or all predictions come out
            equal.
        """
        clips, owners = collection.clips_of(train)
        target = target_values(collection, train)
        if not np.allclose(target, target.T, equal_nan=True):
            raise ValueError("the network is symmetric and the target is not: choose another metric in 04")
        if np.ptp(target[np.triu_indices(len(target), k=1)]) == 0:
            raise ValueError("all training artists are equally similar: there is nothing to learn")
        self.build(seed=seed)
        watched = {
            name: _Watched(collection, artists) for name, artists in {"dev": dev, **(watch or {})}.items()
        }
        rows = []
        for epoch in tqdm(range(1, self.epochs + 1), desc=f"seed {seed}", unit="epoch"):
            rows.append(
                (seed, epoch, "train", self._train_epoch(clips, owners, target, seed=seed, epoch=epoch))
            )
            rows += [(seed, epoch, name, part.loss(self)) for name, part in watched.items()]
        self.history = pd.DataFrame(rows, columns=["seed", "epoch", "split", "loss"])
        return self

    def score(self, collection, artists):
        """Mean similarity over clip pairs (paper, section 4)."""
        clips, owners = collection.clips_of(artists)
        return labelled_scores(mean_over_clips(self.clip_similarities(clips), owners, len(artists)), artists)

    def embed(self, clips):
        """Embeddings of clips, shape=(n_clips, n_filters); each clip is encoded once."""
        clip_encoder = self.model.get_layer("encoder")
        batches = [clips[start : start + ENCODE_BATCH] for start in range(0, len(clips), ENCODE_BATCH)]
        return np.concatenate([np.asarray(clip_encoder(batch, training=False)) for batch in batches])

    def clip_similarities(self, clips):
        """Similarity of every pair of clips, shape=(n_clips, n_clips)."""
        head = [np.asarray(weight) for weight in self.model.get_layer("head").weights]
        return siamese.similarities(self.embed(clips), head)

    def step(self, clips, owners, target, tile):
        """Train on one tile; return its loss and the number of pairs that it is the mean of."""
        targets, weights = pairs.targets_and_weights(tile, owners, target)
        if not weights.any():
            return 0.0, 0
        inputs = [clips[tile.clips][None], tile.left[None], tile.right[None]]
        self.model.reset_metrics()  # else train_on_batch returns a running mean
        loss = self.model.train_on_batch(inputs, targets[None, :, None], sample_weight=weights[None])
        return float(loss), np.count_nonzero(weights)

    def _train_epoch(self, clips, owners, target, *, seed, epoch):
        tiles = pairs.tiles(len(clips), batch_size=self.batch_size, seed=seed, epoch=epoch)
        losses, counted = zip(*(self.step(clips, owners, target, tile) for tile in tiles), strict=True)
        loss = float(np.average(losses, weights=counted))
        if not np.isfinite(loss):
            raise ValueError(
                f"the loss is {loss} in epoch {epoch} of seed {seed}:"
                f" lower learning_rate ({self.learning_rate})"
            )
        return loss


class Untrained(Siamese):
    """The network with its random first weights: what the architecture hears without learning."""

    name = "untrained"

    def fit(self, collection, train, dev, *, seed=0):
        """Build it; nothing is learnt."""
        return self.build(seed=seed)


class _Watched:
    """Clips and target of artists whose loss is followed."""

    def __init__(self, collection, artists):
        self.clips, owners = collection.clips_of(artists)
        target = target_values(collection, artists)
        left, right = np.triu_indices(len(self.clips), k=1)
        different = owners[left] != owners[right]
        self.left, self.right = left[different], right[different]
        self.target = target[owners[self.left], owners[self.right]]

    def loss(self, method):
        predicted = method.clip_similarities(self.clips)[self.left, self.right]
        if not np.isfinite(predicted).all():
            raise ValueError("the network gives similarities that are not finite: lower learning_rate")
        if np.ptp(predicted) < 1e-7:
            raise ValueError(
                "the network gives all pairs the same similarity (collapsed embeddings):"
                " lower learning_rate, or train longer"
            )
        return float(np.mean((predicted - self.target) ** 2))


def constant_loss(collection, train, artists):
    """Loss of predicting the training artists' mean similarity for every pair of `artists`.

    Parameters
    ----------
    collection : lib.methods.Collection
    train, artists : sequence of str

    Returns
    -------
    float
    """
    known = target_values(collection, train)
    watched = _Watched(collection, artists)
    return float(np.mean((known[np.triu_indices(len(known), k=1)].mean() - watched.target) ** 2))


def loss_summary(history, constants):
    """What the trainings gained over always predicting the mean.

    Parameters
    ----------
    history : pd.DataFrame
        ``seed, epoch, split, loss``.
    constants : dict of str to float
        Loss of the constant predictor on each split.

    Returns
    -------
    pd.DataFrame
        One row a split: ``split``, ``constant`` (predictor's loss), ``best_epoch`` (lowest mean over seeds),
        ``best``, ``last`` (mean over seeds), ``last_sd`` (over seeds), ``n_seeds``.
    """
    rows = []
    for split, part in history.groupby("split", sort=False):
        wide = part.pivot(index="epoch", columns="seed", values="loss")
        mean = wide.mean(axis=1)
        rows.append(
            {
                "split": split,
                "constant": constants[split],
                "best_epoch": int(mean.idxmin()),
                "best": mean.min(),
                "last": mean.iloc[-1],
                "last_sd": wide.iloc[-1].std(),
                "n_seeds": wide.shape[1],
            }
        )
    return pd.DataFrame(rows)


def target_values(collection, artists):
    """The target among some artists as an array, shape=(n, n)."""
    return collection.target.loc[artists, artists].to_numpy()


def make_deterministic(seed):
    """Seed every generator and ask the backend for reproducible operations."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
