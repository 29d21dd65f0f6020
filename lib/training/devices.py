"""Several devices of one machine, each with its own part of a step (data parallelism, beyond the paper).

Conventions
-----------
- Each device holds the whole network and takes its own tile; gradients are averaged, so that all copies stay
  equal. Batch normalisation sees the clips of its own device, and its running statistics are averaged.
- The only module that knows a backend: TensorFlow's `tf.distribute`. One device needs nothing of this.
"""

from __future__ import annotations

import keras
import numpy as np

from lib.training import pairs
from lib.training.siamese import Siamese
from lib.workflow import machine


def trainings_at_once(n_devices=1):
    """How many trainings run side by side: two where there are threads for both, but one on GPUs.

    Parameters
    ----------
    n_devices : int
        Devices that share each step of one training.

    Returns
    -------
    int
        1 also with a backend other than TensorFlow.
    """
    if n_devices > 1 or keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow

    return 1 if tensorflow.config.list_logical_devices("GPU") else min(2, machine.made_with()["threads"])


class OnDevices(Siamese):
    """The paper's network, trained on several devices.

    Parameters
    ----------
    n_devices : int
        Each takes a tile of ``batch_size / n_devices`` pairs.
    **settings
        As for `Siamese`.

    Raises
    ------
    ValueError
        If the devices cannot share the batch.
    """

    def __init__(self, n_devices, **settings):
        super().__init__(**settings)
        self.tiles_a_step, self.mirrored = n_devices, None
        if self.batch_size % n_devices:
            raise ValueError(f"batch_size {self.batch_size} cannot be shared by {n_devices} devices")

    def build(self, *, seed):
        """Give the network its random first weights, the same on all devices; return self."""
        self.mirrored = Mirrored(self.tiles_a_step)
        with self.mirrored.scope():
            return super().build(seed=seed)

    def encode(self, clips):
        """Embeddings of a few clips, on one device: a compiled network would answer once from each."""
        return keras.ops.convert_to_numpy(self.model.get_layer("encoder")(clips, training=False))

    def step(self, clips, owners, target, *tiles):
        """Train on one tile a device; return the loss and the number of pairs that it is the mean of.

        Where a device has no tile left, it takes the last one again, and weighs it 0.
        """
        idle = self.tiles_a_step - len(tiles)
        answers = [pairs.targets_and_weights(tile, owners, target) for tile in tiles]
        answers += [(targets, 0 * weights) for targets, weights in answers[-1:] * idle]
        counted = [int(np.count_nonzero(weights)) for _, weights in answers]
        if not any(counted):
            return 0.0, 0
        parts = []
        for tile, (targets, weights), n in zip([*tiles, *tiles[-1:] * idle], answers, counted, strict=True):
            # a pair counts the same on all devices
            weights = weights * np.float32(n * self.tiles_a_step / sum(counted))
            arrays = [clips[tile.clips], tile.left, tile.right, targets[:, None], weights]
            parts.append([array[None] for array in arrays])
        return self.take(self.mirrored.scatter(parts)), sum(counted)

    def before_first_step(self, nothing):
        """Let Keras build its metrics, which it does on arrays that are not scattered."""
        pair = np.array([[0]], dtype=np.int32), np.array([[1]], dtype=np.int32)
        self.take([nothing[None], *pair, np.zeros((1, 1, 1)), np.ones((1, 1))])


class Mirrored:
    """The first devices of this machine: its GPUs where there are any, else its (virtual) CPUs.

    Parameters
    ----------
    n_devices : int

    Raises
    ------
    ValueError
        If Keras runs on another backend, or there are fewer devices.
    """

    def __init__(self, n_devices):
        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                f"devices = {n_devices} needs KERAS_BACKEND=tensorflow, this is {keras.backend.backend()}"
            )
        import tensorflow

        every = tensorflow.config.list_logical_devices
        names = [device.name for device in every("GPU") or every("CPU")]
        if len(names) < n_devices:
            raise ValueError(
                f"devices = {n_devices} were asked for, there are {len(names)}: {', '.join(names)}"
            )
        self.strategy = tensorflow.distribute.MirroredStrategy(names[:n_devices])

    def scope(self):
        """Context in which a network is built and compiled once for all devices."""
        return self.strategy.scope()

    def scatter(self, parts):
        """One structure of arrays a device, as `keras.Model.train_on_batch` takes them.

        Parameters
        ----------
        parts : sequence of list of np.ndarray
            For each device the same list of arrays; their shapes may differ.

        Returns
        -------
        list
            For each array of the list its value on all devices.
        """
        return [
            self.strategy.experimental_distribute_values_from_function(
                lambda context, values=values: values[context.replica_id_in_sync_group]
            )
            for values in zip(*parts, strict=True)
        ]
