"""Several devices of one machine, each with its own part of a step (data parallelism, beyond the paper).

Conventions
-----------
- Each device holds the whole network and takes its own tile; gradients are averaged, so that all copies stay
  equal. Batch normalisation sees the clips of its own device, and its running statistics are averaged.
- The only module that knows a backend: TensorFlow's `tf.distribute`. One device needs nothing of this.
"""

from __future__ import annotations


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
        import keras

        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                f"devices = {n_devices} needs KERAS_BACKEND=tensorflow, this is {keras.backend.backend()}"
            )
        import tensorflow

        every = tensorflow.config.list_logical_devices
        found = [device.name for device in every("GPU") or every("CPU")]
        if len(found) < n_devices:
            raise ValueError(
                f"devices = {n_devices} were asked for, there are {len(found)}: {', '.join(found)}"
            )
        self.strategy = tensorflow.distribute.MirroredStrategy(found[:n_devices])

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
