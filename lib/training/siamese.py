"""Training the siamese network (paper, sections 4 and 5, Figure 2).

Conventions
-----------
- Loss: mean squared error between predicted and true similarity over pairs of clips of different artists.
- The training loss of an epoch is the mean over its batches, while the weights move; dev and test losses are
  measured after the epoch, among the dev and among the test artists. The test loss is drawn and used for
  nothing.
- One seed fixes weights and order: same lock, CPU type and number of threads give the same bits, also where a
  run was killed and went on from its checkpoint.
- The weights of the epoch with the lowest dev loss are kept beside the last ones, and those after epochs that
  are named (`EARLY`: the epoch after which the paper sees its test loss rise).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from lib.methods import EARLY, labelled_scores, mean_over_clips
from lib.training import checkpoints, network, pairs
from lib.training import losses as training_losses
from lib.workflow.kept import made_by

ENCODE_BATCH = 64  # clips
_building = threading.Lock()  # seeds are the process's: networks built at the same time would mix them
_compiled = {}  # by their layers: networks whose step is compiled, and which no training uses now


class Stopped(RuntimeError):
    """The training was to end before its last epoch (`Siamese.stopping`)."""


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
    pairs_per_epoch : int
        Passes over so many of them instead, other ones in each epoch; 0 takes all (`pairs.tiles`).
    patience : int
        Stop after so many epochs without a lower dev loss; 0 runs all epochs.
    n_convolutions, batch_norm_momentum
        See `network.encoder`.

    Attributes
    ----------
    stopping : threading.Event or None
        A training ends before its next step, by `Stopped`, when it is set; what checkpoints hold stays.
    """

    name = "siamese"
    tiles_a_step = 1
    stopping = None

    def __init__(
        self,
        *,
        learning_rate=0.001,
        batch_size=2048,
        epochs=25,
        pairs_per_epoch=0,
        patience=0,
        n_convolutions=3,
        batch_norm_momentum=0.99,
    ):
        self.learning_rate, self.batch_size, self.pairs_per_epoch = learning_rate, batch_size, pairs_per_epoch
        self.epochs, self.patience = epochs, patience
        self.configuration = {"n_convolutions": n_convolutions, "batch_norm_momentum": batch_norm_momentum}
        self.model = None
        self.history = None
        self.best_epoch, self.best_weights = None, None
        self.kept = {}

    @classmethod
    def from_file(cls, path):
        """A trained network from a file that `save` wrote."""
        method = cls(**network.configuration_of(path))
        method.model = network.load(path)
        return method

    def save(self, path, *, epoch="last"):
        """Write the weights after the ``last`` epoch, the ``best`` one on the dev artists, or the ``early``
        one.

        The early one is epoch `EARLY`, where that is one of `keep`, or else the last.
        """
        last = self.model.get_weights()
        weights = {"last": last, "best": self.best_weights, "early": self.kept.get(EARLY, last)}[epoch]
        network.save(self.model, path, configuration=self.configuration, weights=weights)

    def build(self, *, seed):
        """Give the network its random first weights; return self."""
        with _building:
            make_deterministic(seed)
            self.model = network.tile_model(network.encoder(**self.configuration))
            optimizer = keras.optimizers.Adam(self.learning_rate)
            optimizer.build(self.model.trainable_variables)  # else the first step is traced twice
            self.model.compile(optimizer=optimizer, loss="mean_squared_error", jit_compile=False)
        return self

    def fit(self, study, train, dev, *, seed=0, watch=None, keep=(EARLY,), checkpoint_folder=None):
        """Train on all clip pairs of the training artists.

        Parameters
        ----------
        study : lib.study.Study
        train, dev : sequence of str
            Artist ids. The dev artists' loss is recorded.
        seed : int
        watch : dict of str to (sequence of str or pd.DataFrame), optional
            Further losses to record: among some artists, such as ``{"test": ...}``, or over the pairs of a
            frame of similarities that are not NaN.
        keep : sequence of int, optional
            Epochs whose weights are kept in `kept`, so that one training shows what shorter ones give.
        checkpoint_folder : path, optional
            Where half-finished trainings are kept, each under a name made of all that its bits depend on. A
            training that finds itself there goes on; one of more epochs goes on from one of fewer.

        Returns
        -------
        Siamese
            Itself; `history` holds ``seed, epoch, split, loss``, `best_epoch` and `best_weights` belong to
            the lowest dev loss, `kept` holds the weights after each epoch of `keep`.

        Raises
        ------
        ValueError
            If there are fewer than two artists to train on or to watch, or one without a clip; if the target
            is constant or not symmetric, the loss is not finite, or all predictions come out equal.
        """
        for name, artists in {"training": train, "dev": dev, **(watch or {})}.items():
            if len(artists) < 2:
                raise ValueError(f"there is {len(artists)} {name} artist: a pair needs two")
        clips, owners = study.clips_of(train)
        target = training_losses.target_values(study, train)
        if not np.allclose(target, target.T, equal_nan=True):
            raise ValueError("the network is symmetric and the target is not: choose another metric in 04")
        if np.ptp(target[np.triu_indices(len(target), k=1)]) == 0:
            raise ValueError("all training artists are equally similar: there is nothing to learn")
        self.build(seed=seed)
        with self._on_compiled():
            self._train(study, (clips, owners, target), train, dev, seed, watch, keep, checkpoint_folder)
        return self

    def _train(self, study, arrays, train, dev, seed, watch, keep, folder):
        clips, owners, target = arrays
        watched = {
            name: training_losses.Watched(study, training_losses.pairs_among(study, artists))
            for name, artists in {"dev": dev, **(watch or {})}.items()
        }
        run = checkpoints.Run()
        saver = None
        if folder is not None:
            depends_on = self.depends_on(study, train, dev, watch, seed)
            depends_on |= made_by(__name__) | {"keep": sorted(map(int, keep))}
            saver = checkpoints.Saver(self, folder, depends_on)
            run = saver.restored()
        bar = tqdm(total=self.epochs, initial=run.epoch, desc=f"seed {seed}", unit="epoch")
        while run.epoch < self.epochs and not 0 < self.patience <= run.epoch - run.best_epoch:
            epoch = run.epoch + 1
            loss = self._train_epoch(clips, owners, target, seed=seed, epoch=epoch, run=run, saver=saver)
            losses = {"train": loss} | {name: part.loss(self) for name, part in watched.items()}
            run.rows += [(seed, epoch, name, value) for name, value in losses.items()]
            if losses["dev"] < run.best_loss:
                run.best_epoch, run.best_loss = epoch, losses["dev"]
                run.best_weights = self.model.get_weights()
            run.epoch, run.losses = epoch, []
            if epoch in keep:
                run.kept[epoch] = self.model.get_weights()
            if saver:
                saver.save(run, now=epoch == self.epochs)
            bar.update()
        bar.close()
        self.history = pd.DataFrame(run.rows, columns=["seed", "epoch", "split", "loss"])
        self.best_epoch, self.best_weights, self.kept = run.best_epoch, run.best_weights, run.kept

    def score(self, study, artists):
        """Mean similarity over clip pairs (paper, section 4)."""
        clips, owners = study.clips_of(artists)
        return labelled_scores(mean_over_clips(self.clip_similarities(clips), owners, len(artists)), artists)

    def embed(self, clips):
        """Embeddings of clips, shape=(n_clips, n_filters); each clip is encoded once."""
        batches = [clips[start : start + ENCODE_BATCH] for start in range(0, len(clips), ENCODE_BATCH)]
        return np.concatenate([self.encode(batch) for batch in batches])

    def encode(self, clips):
        """The same of so few clips that their activations fit into memory."""
        clip_encoder = self.model.get_layer("encoder")
        if not clip_encoder.compiled:  # the same bits as layer by layer, at less than half the price
            clip_encoder.compile(jit_compile=False)
        return clip_encoder.predict_on_batch(clips)

    def clip_similarities(self, clips, others=None):
        """Similarity of every pair of clips, shape=(n_clips, n_clips), or to other ones, (n_clips,
        n_others)."""
        others = None if others is None else self.embed(others)
        return network.similarities(self.embed(clips), self.model.get_layer("head").get_weights(), others)

    def step(self, clips, owners, target, tile):
        """Train on one tile; return the loss and the number of pairs that it is the mean of."""
        targets, weights = pairs.targets_and_weights(tile, owners, target)
        n_pairs = int(np.count_nonzero(weights))
        if not n_pairs:
            return 0.0, 0
        arrays = [clips[tile.clips], tile.left, tile.right, targets[:, None], weights]
        return self.take([array[None] for array in arrays]), n_pairs

    def take(self, arrays):
        """One step of the optimiser on the arrays of a tile; return the loss."""
        *inputs, targets, weights = arrays
        return float(self.model.train_on_batch(inputs, targets, sample_weight=weights))

    def _train_epoch(self, clips, owners, target, *, seed, epoch, run, saver):
        tiles = pairs.tiles(
            len(clips),
            batch_size=self.batch_size // self.tiles_a_step,
            seed=seed,
            epoch=epoch,
            pairs_per_epoch=self.pairs_per_epoch,
        )
        for start in range(len(run.losses) * self.tiles_a_step, len(tiles), self.tiles_a_step):
            if self.stopping is not None and self.stopping.is_set():
                raise Stopped(f"seed {seed} was stopped in epoch {epoch}")
            run.losses.append(self.step(clips, owners, target, *tiles[start : start + self.tiles_a_step]))
            if saver:
                saver.save(run)
        losses, counted = zip(*run.losses, strict=True)
        loss = float(np.average(losses, weights=counted))
        if not np.isfinite(loss):
            raise ValueError(
                f"the loss is {loss} in epoch {epoch} of seed {seed}:"
                f" lower learning_rate ({self.learning_rate})"
            )
        return loss

    def before_first_step(self, nothing):
        """What has to be done once, before the step is compiled; `nothing` are silent clips."""

    @contextlib.contextmanager
    def _on_compiled(self):
        """Train on a network with the same layers whose step is compiled: compiling takes seconds.

        It gets this network's first weights, and this network its last ones. Networks of several devices are
        compiled each time.
        """
        if self.tiles_a_step > 1:
            self._trace()
            yield
            return
        own = self.model
        layers = [layer.get_config() for layer in own.get_layer("encoder").layers]
        with _building:
            waiting = _compiled.setdefault(json.dumps(layers, sort_keys=True), [])
            self.model = waiting.pop() if waiting else None
        if self.model is None:
            self.build(seed=0)._trace()
        for variable, first in zip(_state(self.model), _state(own), strict=True):
            variable.assign(first)
        try:
            yield
        finally:
            compiled, self.model = self.model, own
            own.set_weights(compiled.get_weights())
            with _building:
                waiting.append(compiled)

    def _trace(self):
        """Compile the step for tiles of any size, and leave the network as it was.

        TensorFlow compiles a step anew for sizes that it has not met, and differently for the first ones: a
        training that goes on in its middle would round otherwise than one that saw all tiles.
        """
        values = [np.array(keras.ops.convert_to_numpy(variable)) for variable in _state(self.model)]
        nothing = np.zeros((3, *self.model.input_shape[0][2:]), dtype=np.float32)
        self.before_first_step(nothing)
        for n_clips in (2, 3):
            (tile,) = pairs.tiles(n_clips, batch_size=16, seed=0, epoch=0)
            self.step(nothing, np.arange(3), np.zeros((3, 3)), *[tile] * self.tiles_a_step)
        for variable, value in zip(_state(self.model), values, strict=True):
            variable.assign(value)

    def depends_on(self, study, train, dev, watch, seed):
        """All that the bits of a training depend on but its number of epochs; JSON."""
        data = hashlib.sha256()
        clips, owners = study.clips_of(train)
        for array in (clips, owners, training_losses.target_values(study, train)):
            data.update(np.ascontiguousarray(array))
        for artists in (dev, *(watch or {}).values()):
            frame = training_losses.pairs_among(study, artists)
            for axis in (frame.index, frame.columns):
                data.update(study.clips_of(axis)[0])
            data.update(np.ascontiguousarray(frame.to_numpy()))
        return self.configuration | {
            "learning_rate": self.learning_rate,
            "batch_size": self.batch_size,
            "pairs_per_epoch": self.pairs_per_epoch,
            "tiles_a_step": self.tiles_a_step,
            "seed": seed,
            "watched": list(watch or {}),
            "data": data.hexdigest(),
            "backend": keras.backend.backend(),
        }

    def inputs(self):
        """What its scores depend on, by name, for `lib.workflow.kept`."""
        return {"configuration": self.configuration, "weights": self.model.get_weights()}

    def recorded(self):
        """What a training leaves, as `lib.workflow.kept` stores it."""
        weights = {"last": self.model.get_weights(), "best": self.best_weights or []}
        weights |= {f"epoch {epoch}": arrays for epoch, arrays in self.kept.items()}
        named = {
            f"{name} {place:03d}": array
            for name, arrays in weights.items()
            for place, array in enumerate(arrays)
        }
        about = {"best_epoch": self.best_epoch, "epochs": sorted(self.kept)}
        return named | {"history": self.history, "about": about}

    def restored(self, record, *, seed):
        """The same method as after the training that left a record; return self."""

        def weights(name):
            return [record[key] for key in sorted(record) if key.rpartition(" ")[0] == name]

        self.build(seed=seed).model.set_weights(weights("last"))
        self.history, self.best_epoch = record["history"], record["about"]["best_epoch"]
        self.best_weights = weights("best") or None
        self.kept = {epoch: weights(f"epoch {epoch}") for epoch in record["about"]["epochs"]}
        return self


class Untrained(Siamese):
    """The network with its random first weights: what the architecture hears without learning.

    Its batch normalisation has its first statistics too, mean 0 and variance 1, and hence changes nothing.

    Examples
    --------
    >>> from lib import study as studies
    >>> target = pd.DataFrame([[np.nan, 0.2], [0.2, np.nan]], ["a", "b"], ["a", "b"])
    >>> study = studies.of_arrays(np.random.default_rng(0).random((3, 256, 64)), ["a", "a", "b"], target, 1)
    >>> untrained = Untrained().fit(study, ["a"], ["b"], seed=0)
    >>> untrained.embed(study.spectrograms).shape, untrained.score(study, ["a", "b"]).shape
    ((3, 128), (2, 2))
    """

    name = "untrained"

    def fit(self, study, train, dev, *, seed=0):
        """Build it; nothing is learnt."""
        return self.build(seed=seed)


def _state(model):
    """All that a training changes in a network."""
    return [*model.variables, *model.optimizer.variables]


def make_deterministic(seed):
    """Seed every generator, and ask the backend for reproducible operations and for silence."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        network.silence()
        tensorflow.config.experimental.enable_op_determinism()
