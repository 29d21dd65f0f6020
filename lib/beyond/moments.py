"""Moments of clips as short vectors, by which the explorer finds the moment of one clip closest to another's.

Conventions
-----------
- Moments are the frames of the siamese network before its maximum over time (`lib.training.frames`), turned
  into the directions in which the frames of the training artists' clips differ most.
- Each moment has length 1, times 127, rounded; the product of two, divided by 127², is about their cosine. A
  moment at the mean of all is all zeros.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from lib import numerics
from lib.spectrograms import picture
from lib.workflow import artifacts, stored

DIRECTIONS = 24
SCALE = 127  # of a vector of length 1, in int8
OF = "siamese network, before its maximum over time"
ABOUT = "about"  # the JSON among the arrays
REFUSAL = "holds no moments, or is damaged: notebook 07 writes them"
LEAST = 1e-6  # what is no longer than this, in spreads of all frames, is rounding


@dataclass(frozen=True)
class Moments:
    """The moments of all clips.

    Attributes
    ----------
    frames : np.ndarray, shape=(n_clips, n, n_directions), dtype=int8
    clip_ids : list of str
    about : dict
        ``of`` (what the frames are), ``seconds`` (length of each).
    """

    frames: np.ndarray
    clip_ids: list
    about: dict

    def save(self, path):
        """Write them as one file (``.npz``, nothing pickled)."""
        text = np.frombuffer(json.dumps(self.about, sort_keys=True).encode(), dtype=np.uint8)
        ids = np.array(self.clip_ids, dtype=str)
        with artifacts.replacing(path) as partial, open(partial, "wb") as file:
            np.savez(file, frames=self.frames, clip_ids=ids, **{ABOUT: text})


def of_frames(frames, clip_ids, training):
    """Moments from the frames of the network.

    Parameters
    ----------
    frames : np.ndarray, shape=(n_clips, n, n_filters)
        From `lib.training.frames.before_maximum`.
    clip_ids : sequence of str
    training : np.ndarray of bool, shape=(n_clips,)
        Clips of training artists: from these the directions are learnt.

    Returns
    -------
    Moments

    Raises
    ------
    ValueError
        If the lengths differ, a value is not finite, or no clip is of a training artist.

    Examples
    --------
    >>> frames = np.array([[[1.0, 0], [0, 0], [-1, 0]], [[2, 0], [0, 1], [0, 0]]])
    >>> moments = of_frames(frames, ["x", "y"], np.array([True, False]))
    >>> moments.frames[:, :, 0].tolist()  # the training clip varies in one direction
    [[127, 0, -127], [127, 0, 0]]
    """
    n_clips, n_frames, n_filters = frames.shape
    if not n_clips == len(clip_ids) == len(training):
        raise ValueError(
            f"{n_clips} clips have frames, {len(clip_ids)} have ids and {len(training)} are of a split or not"
        )
    if not np.any(training):
        raise ValueError("no clip is of a training artist: there is nothing to learn the directions from")
    if not np.isfinite(frames).all():
        raise ValueError(
            f"{int((~np.isfinite(frames)).sum())} of {frames.size} values of frames are not finite"
        )
    learnt = frames[training].reshape(-1, n_filters).astype(np.float64)
    with np.errstate(invalid="ignore"):  # shares of no variance at all, which nobody reads
        components = PCA(min(DIRECTIONS, *learnt.shape), svd_solver="covariance_eigh").fit(learnt)
    axes = components.components_
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    spread = np.sqrt(components.explained_variance_.sum())
    shortened = np.concatenate([
        numerics.unit((clip - components.mean_) @ axes.T, least=LEAST * spread) for clip in frames
    ])  # fmt: skip
    short = np.rint(SCALE * shortened).astype(np.int8).reshape(n_clips, n_frames, -1)
    seconds = picture.N_FRAMES * picture.HOP_LENGTH / picture.SAMPLE_RATE / n_frames
    return Moments(short, [str(each) for each in clip_ids], {"of": OF, "seconds": round(seconds, 4)})


def load(path):
    """Read what `Moments.save` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    Moments

    Raises
    ------
    ValueError
        If the file holds no moments, is damaged, or its arrays do not fit together.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/moments.npz"
    >>> frames = np.random.default_rng(0).random((2, 4, 3))
    >>> of_frames(frames, ["x", "y"], np.array([True, True])).save(path)
    >>> load(path).clip_ids, load(path).frames.shape
    (['x', 'y'], (2, 4, 3))
    """
    arrays = stored.arrays(path, REFUSAL)
    with stored.reading(path, REFUSAL):
        frames, clip_ids, about = arrays["frames"], arrays["clip_ids"], stored.value(arrays[ABOUT])
    if frames.dtype != np.int8 or frames.ndim != 3 or clip_ids.shape != frames.shape[:1]:
        raise ValueError(
            f"{path} holds {frames.dtype} frames of shape {frames.shape} for clips of shape {clip_ids.shape},"
            " expected int8, (n_clips, n, dims) and (n_clips,): run 07 again"
        )
    return Moments(frames, clip_ids.tolist(), about)
