"""A person's own recording: who is similar, and where it stands on the map.

Conventions
-----------
- The file is decoded in a child process (`lib.audio.sandbox`), and what the gate of notebook 02 refuses is
  refused here (`lib.clips.gate`). Nothing of it is kept.
- Scores are those of the model that notebook 07 writes, or without one, negated Euclidean distances of
  spectrograms, mean over an artist's clips, as in the paper's baseline.
- Whatever is wrong with a file is one sentence under the name that the person gave it.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from lib.audio import decode, sandbox
from lib.beyond import similar_artists
from lib.clips import gate
from lib.explorer import explorer, media
from lib.spectrograms import picture, store
from lib.workflow import artifacts

LARGEST = 200_000_000  # bytes
SHORTEST = 10.0  # seconds, as notebook 02 has it
N_AROUND = 5  # artists whose mean place is the recording's
MODEL = "models/beyond.npz"  # in the folder of a profile
LONGEST_NAME = 120  # letters of a name in a message


class Upload:
    """Answers for one recording after the other; the model is read once, with the first of them.

    Parameters
    ----------
    study : lib.study.Study
    places : dict, optional
        ``x`` and ``y`` of each artist, in the order of ``study.ids``: the map of `lib.explorer.world`.

    Examples
    --------
    >>> import soundfile
    >>> near = pd.DataFrame(np.nan, index=["x", "y"], columns=["x", "y"])
    >>> clips = pd.DataFrame({"artist_id": ["x", "y"]})
    >>> from lib.study import Study
    >>> study = Study(np.zeros((2, 256, 64)), clips, near, pd.DataFrame(index=near.index), folder=Path("."))
    >>> Upload(study)("notes.txt", b"some words")[0]["error"].split(",")[0]
    "notes.txt: begins with b'some words'"
    """

    def __init__(self, study, places=None):
        self.study, self.places, self._finder = study, places, None

    def __call__(self, name, content):
        """The answer for one recording.

        Parameters
        ----------
        name : str
            Of the person's file; only its last part is used, for its suffix and in messages.
        content : bytes

        Returns
        -------
        answer : dict
            ``title``, ``method`` (label of the one that scores), ``map`` ([x, y] or None), ``start`` (second
            of the recording at which the picture begins), ``type`` and ``seconds`` of the picture; or
            ``error``, one sentence.
        buffers : list of bytes
            Scores of all artists, float32, NaN where the model has no such artist; the picture. Empty with an
            error.
        """
        title = base_name(name)
        try:
            finder = self._model()
            settings = finder.settings if finder else self._settings()
        except ValueError as error:
            return {"error": " ".join(str(error).split())}, []
        try:
            return self._answer(title, content, finder, settings)
        except (ValueError, sandbox.Stopped) as error:
            return {"error": " ".join(f"{title}: {error}".split())}, []

    def _answer(self, title, content, finder, settings):
        if len(content) > LARGEST:
            given = math.ceil(len(content) / 1e6)
            raise ValueError(f"{given:,} MB, at most {LARGEST / 1e6:,.0f} MB are read")
        decoded = _decoded(title, content)
        values = picture.of_audio(decoded, settings)
        scores = self._scores(finder, values)
        kind, data = media.picture(values)
        answer = {
            "title": title,
            "method": explorer.name(finder.method.name if finder else "l2"),
            "map": place_among(scores, self.places),
            "start": max(0.0, (decoded.seconds - picture.SECONDS) / 2),
            "type": kind,
            "seconds": float(picture.SECONDS),
        }
        return answer, [scores.astype("<f4").tobytes(), data]

    def _model(self):
        """The finder of notebook 07; None where there is none."""
        path = Path(self.study.folder) / MODEL
        if self._finder is None and path.exists():
            run = f"Run: {artifacts.command('07', path.parts[-3])}"
            try:
                finder = similar_artists.load(path)
            except ValueError as error:
                raise ValueError(f"{str(error).replace(str(path), MODEL)}. {run}") from error
            if set(self.study.ids).isdisjoint(finder.artists["artist_id"]):
                raise ValueError(f"{MODEL} holds none of the {len(self.study.ids)} artists here. {run}")
            self._finder = finder
        return self._finder

    def _settings(self):
        """Those with which the study's spectrograms were made."""
        path = Path(self.study.folder) / "manifests" / "03_spectrograms.json"
        if not path.exists():
            return picture.DEFAULT
        try:
            given = json.loads(path.read_text(encoding="utf-8"))["inputs"]["parameters"]
            names = picture.Settings.__dataclass_fields__.keys() & given.keys()
            return picture.Settings(**{name: given[name] for name in names})
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            run = artifacts.command("03", path.parts[-3])
            raise ValueError(f"{path.name} is damaged. Run: {run}") from None

    def _scores(self, finder, values):
        ids = self.study.ids
        if finder is None:
            flat = np.asarray(values, dtype=np.float32).ravel()
            distances = [
                np.linalg.norm(part.reshape(len(part), -1) - flat, axis=1)
                for part in store.batches(self.study.spectrograms)
            ]
            means = pd.Series(np.concatenate(distances)).groupby(self.study.clip_artists).mean()
            return -means.reindex(ids).to_numpy()
        scores = finder.vectors @ finder.vector(values[None])
        return pd.Series(scores, index=finder.artists["artist_id"]).reindex(ids).to_numpy()


def base_name(name):
    """The last part of a name as one short line.

    Examples
    --------
    >>> base_name("C:\\\\fakepath\\\\my  song.mp3"), base_name("../../etc/passwd"), base_name("/")
    ('my song.mp3', 'passwd', 'the file')
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in re.split(r"[\\/]", name)[-1])
    line = " ".join(printable.split()) or "the file"
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME // 2]}…{line[-LONGEST_NAME // 2 :]}"


def place_among(scores, places):
    """Mean place of the `N_AROUND` nearest artists, each weighted by how far its score is above the lowest.

    Parameters
    ----------
    scores : np.ndarray, shape=(n_artists,)
        May hold NaN.
    places : dict or None
        ``x`` and ``y`` of each artist.

    Returns
    -------
    list of float, or None
        None without a map, or where no artist has both a score and a place.

    Examples
    --------
    >>> place_among(np.array([0.5, np.nan, 0.0, 1.0]), {"x": [0, 9, 9, 1], "y": [0, 9, 0, 3]})
    [0.6667, 2.0]
    """
    if places is None:
        return None
    points = np.array([places["x"], places["y"]], dtype=float).T
    usable = np.flatnonzero(np.isfinite(scores) & np.isfinite(points).all(axis=1))
    if not len(usable):
        return None
    nearest = usable[np.argsort(-scores[usable], kind="stable")[:N_AROUND]]
    weights = scores[nearest] - scores[usable].min()
    weights = weights if weights.sum() > 0 else np.ones(len(nearest))
    return np.round(np.average(points[nearest], axis=0, weights=weights), 4).tolist()


def _decoded(title, content):
    """The middle of a recording, past the gate."""
    suffix = Path(title).suffix.lower()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"recording{suffix if suffix in decode.SUFFIXES else ''}"
        path.write_bytes(content)
        try:
            decoded = decode.decode_apart(path, middle=gate.CLIP_SECONDS)
        except ValueError as error:
            reason = str(error).removeprefix(f"{path}: ").replace(str(path), title)
            raise ValueError(f"{reason}; {_expected()}") from error
        except sandbox.Stopped as error:
            raise sandbox.Stopped(str(error).removeprefix(f"{path}: ")) from error
    examined = {"seconds": decoded.seconds, "peak": _peak(decoded.samples)}
    if reason := gate.objection(examined, SHORTEST):
        if reason == "silent":
            reason = f"silent: in its middle {gate.CLIP_SECONDS:g} s no sample reaches {gate.SILENCE:g} dB"
        raise ValueError(reason)
    return decoded


def _peak(samples):
    peak = float(max(samples.max(), -samples.min()))
    return peak if np.isfinite(peak) else None


def _expected():
    kinds = ", ".join(suffix.removeprefix(".") for suffix in decode.SUFFIXES)
    return f"a recording of {SHORTEST:g} s or more as {kinds} is expected"
