"""The encoder musicnn: from a recording to what its layers answer; trained elsewhere (beyond the paper).

Only the forward pass is here, in NumPy. The package's own code is never imported: it needs layers that Keras
no longer has. Its weights are read from where it is installed.

Conventions
-----------
- Signals are mono, 16,000 Hz. Frames are 16 ms apart, shape (n_frames, 96): ``log10(1 + 10000 * mel power)``.
- The network is given windows of 187 frames (3 s), side by side. A signal shorter than one is repeated; what
  is left over at the end of a longer one is not looked at, as in the package.
- Weights are a dict of arrays by their names in the package's checkpoint, such as ``conv2d_3/kernel``.

References
----------
Pons & Serra (2019). musicnn: Pre-trained convolutional neural networks for music audio tagging.
Pons, Nieto, Prockup, Schmidt, Ehmann & Serra (2018). End-to-end learning for music audio tagging at scale.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import soxr

from lib.audio import decode
from lib.workflow import artifacts

PACKAGE, VERSION = "musicnn", "0.1.0"
INSTALL = f".venv/bin/python -m pip install --no-deps {PACKAGE}=={VERSION}"
CHECKPOINT = (".index", ".data-00000-of-00001")  # names of its files, which have no stem
SAMPLE_RATE = 16_000  # Hz
SECONDS = 30  # around the middle of a longer recording, as for the spectrograms
N_FFT, HOP_LENGTH = 512, 256  # samples
N_MELS = 96
N_FRAMES = 187  # of a window
EPSILON = 1e-3  # in each normalisation
FRONT = 5  # convolutions of the front end: two across bands (timbre), three along time


@dataclass(frozen=True)
class Musicnn:
    """One of musicnn's networks, from a clip's file to a vector.

    Attributes
    ----------
    name : str
    folder : str
        Of its checkpoint, below the package's own.
    trained_on : str
    code_licence, weights_licence : str
    """

    name: str
    folder: str
    trained_on: str
    code_licence: str = "ISC"
    weights_licence: str = "none of their own; ISC for the package as a whole, made from data for research"

    @property
    def made_of(self):
        """The package and its version, as far as its installation says it."""
        try:
            return f"{PACKAGE} {importlib.metadata.version(PACKAGE)}"
        except importlib.metadata.PackageNotFoundError:
            return f"{PACKAGE}, of unknown version"

    def digest(self):
        """SHA-256 of the weights as they are installed.

        Raises
        ------
        ValueError
            If the package is not installed, or lacks this checkpoint; the message holds the command.
        """
        together = "".join(artifacts.sha256(path) for path in self._files())
        return hashlib.sha256(together.encode()).hexdigest()

    def weights(self):
        """Arrays by name, read from the checkpoint: a few seconds, as TensorFlow reads it."""
        from tensorflow.compat.v1.train import NewCheckpointReader

        index, _ = self._files()
        reader = NewCheckpointReader(str(index).removesuffix(CHECKPOINT[0]))
        layers = ("conv2d", "batch_normalization", "dense")
        names = [name for name in reader.get_variable_to_shape_map() if "Adam" not in name]
        return {name: reader.get_tensor(name) for name in sorted(names) if name.startswith(layers)}

    def vector(self, path, weights):
        """What a recording sounds like: the last layer but one, mean and standard deviation over windows.

        Parameters
        ----------
        path : path
            Any format of `lib.audio.decode`; the 30 s around the middle are taken.
        weights : dict of str to np.ndarray

        Returns
        -------
        np.ndarray, shape=(400,), dtype=float32

        Raises
        ------
        ValueError
            If the file cannot be decoded.
        """
        layers = [activations(window, weights) for window in windows(log_mel(signal(path)))]
        values = np.stack([one["penultimate"] for one in layers])
        return np.concatenate([values.mean(axis=0), values.std(axis=0)])

    def _files(self):
        package = importlib.util.find_spec(PACKAGE)  # of a package at the top, this imports nothing
        if package is None or not package.submodule_search_locations:
            raise ValueError(
                f"{self.name} needs the weights of the package {PACKAGE}, which is not installed: {INSTALL}"
            )
        folder = Path(package.submodule_search_locations[0]) / self.folder
        files = [folder / name for name in CHECKPOINT]
        missing = [str(path) for path in files if not path.is_file()]
        if missing:
            raise ValueError(f"{self.name} has no weights at {missing[0]}: {INSTALL} --force-reinstall")
        return files


def signal(path):
    """A recording as mono samples at 16,000 Hz: the 30 s around its middle, channels averaged.

    Parameters
    ----------
    path : path

    Returns
    -------
    np.ndarray, shape=(n_samples,), dtype=float32

    Raises
    ------
    ValueError
        If it cannot be decoded, see `lib.audio.decode.decode`.
    """
    sound = decode.decode_apart(path, middle=SECONDS)
    channels = sound.samples.shape[1]
    mono = sound.samples @ np.full(channels, 1 / channels, dtype=np.float32)
    return soxr.resample(mono, sound.sample_rate, SAMPLE_RATE, quality="HQ")


def log_mel(samples):
    """Frames of a signal as the network was trained on them.

    The package rounds the power to float16 first; here it stays float32, which moved vectors by at most 3e-4.

    Parameters
    ----------
    samples : np.ndarray, shape=(n_samples,)
        Mono, 16,000 Hz, full scale = 1.

    Returns
    -------
    np.ndarray, shape=(n_frames, 96), dtype=float32

    Examples
    --------
    >>> log_mel(np.zeros(16_000, dtype=np.float32)).shape
    (63, 96)
    """
    power = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=N_MELS
    )
    return np.log10(1 + 10_000 * power.T).astype(np.float32)


def windows(frames):
    """Frames cut into windows of 3 s, shape=(n_windows, 187, 96); fewer frames than one holds are repeated.

    Examples
    --------
    >>> windows(np.zeros((400, 96))).shape, windows(np.zeros((10, 96))).shape
    ((2, 187, 96), (1, 187, 96))
    """
    if len(frames) < N_FRAMES:
        frames = np.resize(frames, (N_FRAMES, frames.shape[1]))
    whole = len(frames) // N_FRAMES
    return frames[: whole * N_FRAMES].reshape(whole, N_FRAMES, -1)


def activations(window, weights):
    """What the network's layers answer to one window.

    Parameters
    ----------
    window : np.ndarray, shape=(187, 96), dtype=float32
    weights : dict of str to np.ndarray

    Returns
    -------
    dict of str to np.ndarray
        ``max_pool`` and ``mean_pool`` over time, shape=(753,): 561 filters of the front end, three layers of
        64; ``penultimate``, shape=(200,); ``tags``, shape=(50,): probabilities.
    """
    values = _normalised(window[..., None], weights, 0)[..., 0]
    layers = [np.concatenate([_layer(values, weights, place) for place in range(FRONT)], axis=1)]
    layers.append(_layer(layers[0], weights, FRONT))
    for place in (FRONT + 1, FRONT + 2):
        layers.append(_layer(layers[-1], weights, place) + layers[-1])
    layers = np.concatenate(layers, axis=1)
    highest, mean = layers.max(axis=0), layers.mean(axis=0)
    pooled = np.stack([highest, mean], axis=1).ravel()  # interleaved: highest, mean, highest, mean, ...
    hidden = _normalised(pooled, weights, 9) @ weights["dense/kernel"] + weights["dense/bias"]
    hidden = _normalised(np.maximum(hidden, 0), weights, 10)
    tags = 1 / (1 + np.exp(-(hidden @ weights["dense_1/kernel"] + weights["dense_1/bias"])))
    return {"max_pool": highest, "mean_pool": mean, "penultimate": hidden, "tags": tags}


def _of(weights, kind, place, *parts):
    layer = f"{kind}_{place}" if place else kind  # as TensorFlow numbers them
    return [weights[f"{layer}/{part}"] for part in parts]


def _normalised(values, weights, place):
    gamma, beta, mean, variance = _of(
        weights, "batch_normalization", place, "gamma", "beta", "moving_mean", "moving_variance"
    )
    return (values - mean) / np.sqrt(variance + EPSILON) * gamma + beta


def _layer(values, weights, place):
    """Convolution, rectified, normalised, the highest over bands: shape (n_frames, n_filters).

    All frames of `values`, shape (n_frames, n_bands), and those bands where the kernel fits. Padding with
    zeros is that of TensorFlow's ``same``: the frame more, where a kernel is even, comes at the end. What is
    done to every value alike is done after the highest is taken, or the lowest, where the normalisation turns
    the order round.
    """
    kernel, bias = _of(weights, "conv2d", place, "kernel", "bias")
    length, height, _, n_filters = kernel.shape
    padded = np.pad(values, (((length - 1) // 2, length // 2), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (length, height))
    frames, bands = patches.shape[:2]
    answer = patches.reshape(frames * bands, -1) @ kernel.reshape(-1, n_filters)
    answer = answer.reshape(frames, bands, n_filters)
    (gamma,) = _of(weights, "batch_normalization", place + 1, "gamma")
    answer = np.where(gamma >= 0, answer.max(axis=1), answer.min(axis=1))
    return _normalised(np.maximum(answer + bias, 0), weights, place + 1)
