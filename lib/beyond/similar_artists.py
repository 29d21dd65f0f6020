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

from lib.beyond.factor_models import FactorKernel, FactorMethod, FactorRidge, FactorSum, TagRidge
from lib.spectrograms import picture
from lib.workflow import artifacts

FORMAT = 1
ABOUT = "about"  # the JSON among the arrays


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
        return self.of_clips(picture.from_file(path, self.settings)[None], n)

    def of_clips(self, clips, n=5):
        """The artists most similar to spectrograms of one artist, shape=(n_clips, 256, 64)."""
        if not 1 <= n <= len(self.artists):
            raise ValueError(f"{n} artists were asked for, the model knows {len(self.artists)}")
        scores = self.vectors @ self.method.hear(np.asarray(clips, dtype=np.float32))
        nearest = np.argsort(-scores, kind="stable")[:n]
        found = self.artists.iloc[nearest].reset_index(drop=True)
        return found.assign(rank=range(1, n + 1), score=scores[nearest])[
            ["rank", "name", "score", "artist_id"]
        ]


def finder(method, collection, artists, *, settings, provenance):
    """A fitted method and the artists of a collection, ready to answer.

    Parameters
    ----------
    method : lib.beyond.factor_models.FactorMethod
        Fitted.
    collection : lib.study.Collection
    artists : pd.DataFrame
        ``artist_id``, ``name`` of at least the collection's artists.
    settings : lib.spectrograms.picture.Settings
        With which the collection's spectrograms were made.
    provenance : dict
        JSON: where data and fit come from.

    Returns
    -------
    Finder
    """
    known = artists.set_index("artist_id").loc[collection.artists, ["name"]].reset_index()
    vectors = method.vectors(collection, collection.artists)
    return Finder(method, known, vectors, settings, provenance)


def save(found, path):
    """Write a `Finder` as one file; the same bytes for the same finder.

    Parameters
    ----------
    found : Finder
    path : path
        Ends in ``.npz``.
    """
    kinds, arrays = _unfolded(found.method)
    about = {
        "format": FORMAT,
        "kinds": kinds,
        "name": found.method.name,
        "artist_ids": found.artists["artist_id"].tolist(),
        "names": found.artists["name"].tolist(),
        "settings": asdict(found.settings),
        "provenance": found.provenance,
    }
    text = np.frombuffer(json.dumps(about, sort_keys=True).encode(), dtype=np.uint8)
    named = {f"method.{name}": array for name, array in arrays.items()}
    with artifacts.replacing(path) as partial, open(partial, "wb") as file:
        np.savez(file, **named, vectors=found.vectors, **{ABOUT: text})


def load(path):
    """Read what `save` wrote.

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
    """
    with np.load(path, allow_pickle=False) as stored:
        if ABOUT not in stored.files:
            raise ValueError(f"{path} is no model of similar artists: notebook 07 writes one")
        about = json.loads(stored[ABOUT].tobytes())
        arrays = {name: stored[name] for name in stored.files if name != ABOUT}
    if about["format"] != FORMAT:
        raise ValueError(f"{path} is of format {about['format']}, this program reads {FORMAT}")
    learnt = {
        name.removeprefix("method."): array for name, array in arrays.items() if name.startswith("method.")
    }
    return Finder(
        _folded(about["kinds"], learnt, about["name"]),
        pd.DataFrame({"artist_id": about["artist_ids"], "name": about["names"]}),
        arrays["vectors"],
        picture.Settings(**about["settings"]),
        about["provenance"],
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
        return _kind(kinds).restore(arrays)
    parts = []
    for place, kind in enumerate(kinds):
        prefix = f"{place}."
        own = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
        parts.append(_kind(kind).restore(own))
    return FactorSum(parts, name)


def _kind(name):
    if name == "factor_cnn":
        from lib.beyond.factor_cnn import (
            FactorCnn,  # Keras takes seconds to start, and only this one needs it
        )

        return FactorCnn
    return {kind.name: kind for kind in (FactorRidge, FactorKernel, TagRidge)}[name]
