"""Answers to what the explorer's front end asks, as JSON and bytes; knows no widget.

Conventions
-----------
- A question is a dict with numbers of artists or clips (`lib.explorer.world`); an answer a dict and a list of
  bytes, little-endian.
- What cannot be answered is ``{"error": sentence}``: no exception reaches the front end, and one that nobody
  expected is named by its type and logged.
"""

from __future__ import annotations

import logging
import reprlib

import numpy as np
import pandas as pd

from lib.audio import sandbox
from lib.explorer import explorer, media
from lib.explorer import world as worlds
from lib.explorer.upload import Upload
from lib.spectrograms import picture


class Answers:
    """Scores, pictures and sounds of a study, and neighbours of a person's own file.

    Parameters
    ----------
    study : lib.study.Study
    scores : lib.ranking.scores.Scores
    world : dict
        From `lib.explorer.world.describe`.

    Examples
    --------
    >>> from lib.ranking.scores import Scores
    >>> study = explorer.three_artists()
    >>> scores = Scores.of_frames({("l2", 0, 0): study.target})
    >>> world = worlds.describe(study, scores, best="l2", shown=["l2"], list_length=8, start="x")
    >>> answers = Answers(study, scores, world)
    >>> answer, (values, shared) = answers.answer("scores", {"artist": 0})
    >>> answer, np.frombuffer(shared, "<u4").tolist()
    ({'methods': ['truth', 'l2']}, [0, 1, 0])
    >>> answers.answer("scores", {"artist": 3})
    ({'error': 'artist must be a whole number from 0 to 2, got 3'}, [])
    """

    def __init__(self, study, scores, world):
        self.study, self.scores, self.world = study, scores, world
        self._upload = Upload(study, world["map"])
        self._ids = pd.Index(study.ids, dtype=object)
        self._methods = [method["name"] for method in world["methods"]]
        stored = worlds.moments(study) if world["moments"] else None
        self._frames = stored[1] if stored else None
        self._kinds = {
            "scores": self._answer_scores,
            "picture": self._answer_picture,
            "sound": self._answer_sound,
            "upload": self._answer_upload,
        }

    def answer(self, kind, message, buffers=()):
        """One answer.

        Parameters
        ----------
        kind : str
            ``scores``, ``picture``, ``sound`` or ``upload``.
        message : dict
            ``artist`` for scores, ``clip`` for picture and sound, ``name`` for upload.
        buffers : sequence of bytes
            The file for upload.

        Returns
        -------
        answer : dict
            Of scores: ``methods``. Of a picture: ``type, seconds``. Of a sound: ``type``, ``start`` (second
            of the picture at which it begins), ``seconds``. Of an upload: see `upload.Upload`. Otherwise
            ``error``, one sentence.
        buffers : list of bytes
            Of scores: float32 (n_methods × n_artists) and uint32 (n_artists) shared listeners. Of a picture:
            the file and the frames of `world.moments`, int8 (n × dims), empty where there are none. Of a
            sound: the file.
        """
        try:
            if not isinstance(kind, str) or kind not in self._kinds:
                kinds = ", ".join(self._kinds)
                raise ValueError(f"there is no answer to {reprlib.repr(kind)}; ask for {kinds}")
            if not isinstance(message, dict):
                raise ValueError(f"a question is an object with fields, got {type(message).__name__}")
            return self._kinds[kind](message, buffers)
        except (ValueError, OSError, sandbox.Stopped) as error:
            return {"error": " ".join(str(error).split())}, []
        except Exception as error:  # the front end would wait for ever
            logging.getLogger(__name__).exception("the explorer could not answer %s", kind)
            reason = " ".join(str(error).split())
            return {"error": f"{type(error).__name__} in the answer to {kind!r}, a bug: {reason}"}, []

    def _answer_scores(self, message, _):
        artist = self._ids[_number(message, "artist", len(self._ids))]
        rows = np.full((len(self._methods), len(self._ids)), np.nan, dtype="<f4")
        for row, method in zip(rows, self._methods, strict=True):
            if method == explorer.TRUTH:
                row[:] = self.study.target.loc[artist]
            else:
                row[:] = self.scores.row(method, artist).reindex(self._ids)
        rows[:, self._ids.get_loc(artist)] = np.nan
        shared = explorer.sharing(self.study, artist).to_numpy().astype("<u4")
        return {"methods": self._methods}, [rows.tobytes(), shared.tobytes()]

    def _answer_picture(self, message, _):
        clip = self._clip(message)
        kind, data = media.picture(self.study.spectrograms[clip])
        frames = b"" if self._frames is None else self._frames[clip].tobytes()
        return {"type": kind, "seconds": float(picture.SECONDS)}, [data, frames]

    def _answer_sound(self, message, _):
        clip = self._clip(message)
        file = self.study.clips["file"].iloc[clip]
        if not isinstance(file, str) or not file:
            raise ValueError(f"clip {clip} has no file: only its spectrogram was kept")
        sound = media.sound(self.study.folder / file, self.study.folder)
        return {"type": sound.type, "start": float(sound.start), "seconds": float(sound.seconds)}, [
            sound.data
        ]

    def _answer_upload(self, message, buffers):
        name = message.get("name")
        if not isinstance(name, str) or len(buffers) != 1 or not isinstance(buffers[0], (bytes, memoryview)):
            given = f"{reprlib.repr(name)} and {len(buffers)} files"
            raise ValueError(f"an upload is a name and one file, got {given}")
        return self._upload(name, bytes(buffers[0]))

    def _clip(self, message):
        return _number(message, "clip", len(self.study.clips))


def _number(message, field, n):
    value = message.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < n:
        raise ValueError(f"{field} must be a whole number from 0 to {n - 1}, got {reprlib.repr(value)}")
    return value
