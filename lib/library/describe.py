"""From a music file to the numbers that describe it, on threads of this machine or on a Dask cluster.

Conventions
-----------
- Excerpts of 30 s are spread over a track (`lib.audio.decode.excerpts`); a track is the mean over them.
  Silent excerpts do not count, unless all are silent.
- Each file is decoded in a child process (`lib.audio.sandbox`); a file that cannot be read is a reason, no
  error.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.audio import sandbox
from lib.beyond import audio_features, factor_models, segment_features, similar_artists
from lib.clips import copies
from lib.library import features
from lib.spectrograms import picture
from lib.workflow import artifacts, kept, stages

EXCERPTS = 3
SECONDS, GIGABYTES = 120.0, 2.0  # that one file may take
UNREADABLE = "cannot be read"  # of a file that may be there again at the next run
SETTINGS = picture.DEFAULT
# What the numbers depend on, beside the sound and the model: when it changes, all tracks are described again.
CODE = (features, audio_features, segment_features, factor_models)
PACKAGES = ("av", "librosa", "numpy", "scipy", "soundfile", "soxr")


class Track(NamedTuple):
    """What was computed from one file."""

    sha256: str
    seconds: float = float("nan")
    n_excerpts: int = 0
    fingerprint: bytes = b""
    values: np.ndarray | None = None  # None where they are there already


@dataclass(frozen=True)
class Description:
    """Which numbers describe a track.

    Attributes
    ----------
    model : str
        File that `lib.beyond.similar_artists` wrote; empty: `lib.library.features`.
    excerpts : int
        At most, of each track; fewer of a track that is too short for them.

    Raises
    ------
    ValueError
        If there is no excerpt, or the file is no model.
    """

    model: str = ""
    excerpts: int = EXCERPTS
    made_by: str = field(init=False)  # digest of all that decides the numbers, but the sound

    def __post_init__(self):
        if self.excerpts < 1:
            raise ValueError(f"--excerpts must be 1 or more, got {self.excerpts}")
        settings = self.finder.settings if self.model else SETTINGS
        code = [stages.digest(Path(module.__file__).read_text(encoding="utf-8")) for module in CODE]
        code.append(kept.code_of("lib.spectrograms.picture"))
        versions = [importlib.metadata.version(package) for package in PACKAGES]
        model = artifacts.sha256(self.model) if self.model else ""
        everything = [code, versions, self.excerpts, asdict(settings), model]
        digest = hashlib.sha256(json.dumps(everything).encode()).hexdigest()
        object.__setattr__(self, "made_by", digest)

    @property
    def finder(self):
        """The model; it is read once."""
        return _load(self.model)

    def of(self, clips):
        """What describes a track by spectrograms of its excerpts.

        Parameters
        ----------
        clips : np.ndarray, shape=(n_excerpts, 256, 64)

        Returns
        -------
        np.ndarray, shape=(n,), dtype=float32
        """
        if self.model:
            return self.finder.vector(clips).astype(np.float32)
        return features.of_clips(clips).mean(axis=0)

    def vectors(self, values):
        """Vectors of length 1, whose products are the similarities, from what describes the tracks.

        Parameters
        ----------
        values : np.ndarray, shape=(n_tracks, n)

        Returns
        -------
        np.ndarray, shape=(n_tracks, n_directions), dtype=float32
        """
        return np.asarray(values) if self.model else features.Space.of(values).vectors(values)


def track(path, description, there=frozenset()):
    """What describes one file.

    Parameters
    ----------
    path : str
    description : Description
    there : collection of str
        SHA-256 of files that need no decoding.

    Returns
    -------
    Track or str
        Or the reason why there is none.
    """
    try:
        sha256 = artifacts.sha256(path)
        if sha256 in there:
            return Track(sha256)
        settings = asdict(description.finder.settings if description.model else SETTINGS)
        given = path, description.excerpts, settings
        limits = {"seconds": SECONDS, "gigabytes": GIGABYTES}
        clips, notes = sandbox.of_file("lib.library.describe:clips_and_seconds", *given, **limits)
    except OSError as error:
        return f"{UNREADABLE} ({error.strerror})"
    except sandbox.Refused as error:
        return str(error).removeprefix(f"{sandbox.readable(os.path.abspath(path))}: ")
    fingerprint = copies.fingerprint(clips[len(clips) // 2]).tobytes()
    return Track(sha256, notes["seconds"], len(clips), fingerprint, description.of(clips))


def clips_and_seconds(path, count, settings):
    """What a child answers: spectrograms of the excerpts that are not silent, and the length of the track."""
    clips, length = picture.of_excerpts(path, count, picture.Settings(**settings))
    return clips, {"seconds": length}


@lru_cache(maxsize=1)
def _load(model):
    return similar_artists.load(model)
