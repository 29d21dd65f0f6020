"""The chosen model as one file that answers for any recording (beyond the paper).

    finder = similar_artists.load("model.npz")
    finder.of_file("song.mp3")

Conventions
-----------
- A file holds plain arrays and JSON, no pickle and no time stamp: what a method of audio has learnt, where
  each known artist is heard, how a recording becomes a spectrogram, and where all that comes from.
- Scores are cosines in [-1, 1], as `lib.beyond.factor_models` gives them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from lib import registry
from lib.audio import decode
from lib.beyond.factor_models import FactorMethod, FactorSum
from lib.spectrograms import picture
from lib.workflow import artifacts, stored

FORMAT = 1
ABOUT = "about"  # the JSON among the arrays
REFUSAL = "is no model of similar artists, or is damaged: notebook 07 writes one"


@dataclass(frozen=True)
class Finder:
    """Who sounds like a recording.

    Attributes
    ----------
    method : lib.beyond.factor_models.FactorMethod
        Can `hear`.
    artists : pd.DataFrame
        ``artist_id``, ``name``; row k is row k of `vectors`.
    vectors : np.ndarray, shape=(n_artists, n)
        Where each artist is heard; rows of length 1.
    settings : lib.spectrograms.picture.Settings
    provenance : dict
        Of the data and the fit.
    """

    method: FactorMethod
    artists: pd.DataFrame
    vectors: np.ndarray
    settings: picture.Settings
    provenance: dict

    def of_file(self, path, n=5):
        """The artists most similar to a recording.

        Parameters
        ----------
        path : path
            Any format that notebook 02 reads; the 30 s around its middle are heard.
        n : int

        Returns
        -------
        pd.DataFrame
            ``rank`` (from 1), ``name``, ``score``, ``artist_id``.

        Raises
        ------
        ValueError
            If the file cannot be decoded, is silent or too short.
        """
        decoded = decode.decode_apart(path, middle=picture.SECONDS)
        try:
            clip = picture.of_audio(decoded, self.settings)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        return self.of_clips(clip[None], n)

    def of_clips(self, clips, n=5):
        """The artists most similar to spectrograms of one artist, shape=(n_clips, 256, 64)."""
        if not 1 <= n <= len(self.artists):
            raise ValueError(f"{n} artists were asked for, the model knows {len(self.artists)}")
        scores = self.vectors @ self.vector(clips)
        nearest = np.argsort(-scores, kind="stable")[:n]
        neighbours = self.artists.iloc[nearest].reset_index(drop=True)
        return neighbours.assign(rank=range(1, n + 1), score=scores[nearest])[
            ["rank", "name", "score", "artist_id"]
        ]

    def vector(self, clips):
        """Where spectrograms of one recording stand, by which recordings are compared.

        Parameters
        ----------
        clips : np.ndarray, shape=(n_clips, 256, 64)
            Of one or several excerpts.

        Returns
        -------
        np.ndarray, shape=(n,)
            Of length 1; the product of two such vectors is the recordings' similarity, a cosine.
        """
        return self.method.hear(np.asarray(clips, dtype=np.float32))

    def save(self, path):
        """Write it as one file (``.npz``, nothing pickled); the same bytes for the same finder.

        Parameters
        ----------
        path : path
            Ends in ``.npz``.
        """
        kinds, arrays = _unfolded(self.method)
        about = {
            "format": FORMAT,
            "kinds": kinds,
            "name": self.method.name,
            "artist_ids": self.artists["artist_id"].tolist(),
            "names": self.artists["name"].tolist(),
            "settings": asdict(self.settings),
            "provenance": self.provenance,
        }
        text = np.frombuffer(json.dumps(about, sort_keys=True).encode(), dtype=np.uint8)
        named = {f"method.{name}": array for name, array in arrays.items()}
        with artifacts.replacing(path) as partial, open(partial, "wb") as file:
            np.savez(file, **named, vectors=self.vectors, **{ABOUT: text})


def finder(method, study, *, settings, provenance):
    """A fitted method and the artists of a study, ready to answer.

    Parameters
    ----------
    method : lib.beyond.factor_models.FactorMethod
        Fitted.
    study : lib.study.Study
    settings : lib.spectrograms.picture.Settings
        With which the study's spectrograms were made.
    provenance : dict
        JSON: where data and fit come from.

    Returns
    -------
    Finder

    Examples
    --------
    >>> from types import SimpleNamespace as Of
    >>> method = Of(vectors=lambda study, ids: np.eye(2), hear=lambda clips: np.array([0.6, 0.8]))
    >>> study = Of(artists=pd.DataFrame({"name": ["Abba", "Beck"]}, index=["a", "b"]), ids=["a", "b"])
    >>> results = finder(method, study, settings=picture.Settings(), provenance={"profile": "demo"})
    >>> results.of_clips(np.zeros((1, 256, 64)), n=2)
       rank  name  score artist_id
    0     1  Beck    0.8         b
    1     2  Abba    0.6         a
    """
    artists = study.artists[["name"]].rename_axis("artist_id").reset_index()
    vectors = method.vectors(study, study.ids)
    return Finder(method, artists, vectors, settings, provenance)


def load(path):
    """Read what `Finder.save` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    Finder

    Raises
    ------
    ValueError
        If the file is no such model, or of a later format.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/model.npz"
    >>> artists = pd.DataFrame({"artist_id": ["a", "b"], "name": ["Abba", "Beck"]})
    >>> Finder(FactorSum([]), artists, np.eye(2), picture.Settings(), {"profile": "demo"}).save(path)
    >>> load(path).provenance, load(path).artists["name"].tolist()
    ({'profile': 'demo'}, ['Abba', 'Beck'])
    """
    arrays = stored.arrays(path, REFUSAL)
    with stored.reading(path, REFUSAL):
        about = stored.value(arrays.pop(ABOUT))
        written_as = about["format"]
    if written_as != FORMAT:
        raise ValueError(f"{path} is of format {written_as!r:.40}, this program reads {FORMAT}")
    learnt = {
        name.removeprefix("method."): array for name, array in arrays.items() if name.startswith("method.")
    }
    with stored.reading(path, REFUSAL):
        artists = pd.DataFrame({"artist_id": about["artist_ids"], "name": about["names"]}, dtype=str)
        vectors = arrays["vectors"]
        if vectors.ndim != 2 or len(vectors) != len(artists) or vectors.dtype.kind != "f":
            raise TypeError("no vector for each artist")
        if not artists["artist_id"].is_unique:
            raise ValueError("an artist twice")
        return Finder(
            _folded(about["kinds"], learnt, about["name"]),
            artists,
            vectors,
            picture.Settings(**about["settings"]),
            dict(about["provenance"]),
        )


def _unfolded(method):
    """Kinds and arrays of a method, or of the parts of a sum."""
    if isinstance(method, FactorSum):
        arrays = {}
        for place, part in enumerate(method.parts):
            arrays |= {f"{place}.{name}": array for name, array in part.arrays().items()}
        return [part.name for part in method.parts], arrays
    return method.name, method.arrays()


def _folded(kinds, arrays, name):
    if isinstance(kinds, str):
        return registry.method(kinds).restore(arrays)
    parts = []
    for place, kind in enumerate(kinds):
        prefix = f"{place}."
        own = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
        parts.append(registry.method(kind).restore(own))
    return FactorSum(parts, name)
