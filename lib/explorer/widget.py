"""The explorer as one widget of its own: a module of JavaScript, a world and answers."""

from __future__ import annotations

import os
from pathlib import Path

import anywidget
import traitlets

from lib.explorer import explorer
from lib.explorer import world as worlds
from lib.explorer.answers import Answers

BESIDE = Path(__file__).parent


class Explorer(anywidget.AnyWidget):
    """A map of artists, their rankings, sounds and spectrograms.

    Parameters
    ----------
    study : lib.study.Study
    scores : lib.ranking.scores.Scores
    artist : str, optional
        Artist id that is shown first; by default the one with the most listeners.
    sources : sequence of str
        Lists that are shown first.
    best : str
        The method that was best on the dev artists.
    n : int
        Length of the lists that are shown first.
    played : pd.Series, optional
        A person's plays of each artist, from `explorer.plays_of`.

    Attributes
    ----------
    world : dict
        From `lib.explorer.world.describe`, and the files of the clips on this machine.
    answers : lib.explorer.answers.Answers
        Its ``world`` names no files.

    Examples
    --------
    >>> from lib.ranking.scores import Scores
    >>> study = explorer.three_artists()
    >>> Explorer(study, Scores.of_frames({("l2", 0, 0): study.target}), sources=["truth", "l2"])
    Explorer of 3 artists and 2 lists
    """

    _esm = BESIDE / "widget.js"
    _css = BESIDE / "widget.css"
    world = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        study,
        scores,
        *,
        artist=None,
        sources=(explorer.TRUTH, "siamese", "l2"),
        best="siamese",
        n=8,
        played=None,
    ):
        described = worlds.describe(
            study,
            scores,
            best=best,
            shown=sources,
            list_length=n,
            start=artist or study.ids[0],
            played=played,
        )
        self.answers = Answers(study, scores, described)
        files = study.clips.get("file", [None] * len(study.clips))
        files = [os.path.join(study.folder, file) if isinstance(file, str) else None for file in files]
        super().__init__(world=described | {"clips": described["clips"] | {"file": files}})
        self.on_msg(_reply)

    def __repr__(self):
        world = self.world
        return f"Explorer of {len(world['artists']['id'])} artists and {len(world['methods'])} lists"


def _reply(widget, message, buffers):
    """Answer one message of the front end, under its number."""
    fields = message if isinstance(message, dict) else {}
    answer, parts = widget.answers.answer(fields.get("ask"), message, buffers)
    widget.send({"number": fields.get("number"), "answer": answer}, parts)
