"""The explorer as ipywidgets: everything it shows is computed in `lib.explorer.explorer`."""

from __future__ import annotations

import io

import ipywidgets as widgets
import matplotlib.pyplot as plt

from lib import study as studies
from lib.explorer import explorer
from lib.plots import players
from lib.plots import sound as plots_sound
from lib.spectrograms import picture as spectrograms_picture

MAX_CLIPS = 3  # of an artist, shown at a time


class Explorer:
    """The rankings, sounds and spectrograms of one artist at a time.

    Parameters
    ----------
    study : lib.study.Study
    scores : lib.ranking.scores.Scores
    artist : str, optional
        Artist id that is shown first; by default the one with the most listeners.
    sources : sequence of str
        Rankings that are shown first.
    n : int
        Length of the lists that are shown first.
    seconds : float
        Length of the excerpts.
    played : pd.Series, optional
        A person's plays of each artist, from `explorer.plays_of`: whom the person plays comes first among the
        artists, most plays first, and is marked in the lists.

    Examples
    --------
    >>> import pandas as pd
    >>> from lib.methods import labelled_scores
    >>> from lib.ranking.scores import Scores
    >>> near = labelled_scores([[0, 1], [1, 0]], ["x", "y"])
    >>> artists = pd.DataFrame({"name": ["Abba", "Air"], "listeners": [9, 5]}, index=near.index)
    >>> splits = pd.DataFrame({"fold": 0, "artist_id": ["x", "y"], "split": ["test", "dev"]})
    >>> clips = pd.DataFrame(columns=["artist_id", "title", "file"])
    >>> study = studies.Study(None, clips, near, artists, splits)
    >>> Explorer(study, Scores.of_frames({("l2", 0, 0): near}), sources=["truth", "l2"])
    Explorer of 2 artists and 2 rankings
    """

    def __init__(
        self,
        study,
        scores,
        *,
        artist=None,
        sources=(explorer.TRUTH, "siamese", "l2"),
        n=5,
        seconds=8.0,
        played=None,
    ):
        self.study, self.scores, self.seconds, self.played = study, scores, seconds, played
        self.artists = explorer.described(study, scores)
        first = artist or study.ids[0]
        # refuse what is unknown before anything is shown
        explorer.neighbours(study, scores, first, sources=sources, n=n)
        artists = _choices(self.artists["label"], played)
        rankings = [(explorer.name(name), name) for name in explorer.sources_of(scores)]
        self.artist = widgets.Dropdown(options=artists, value=first, description="artist")
        self.sources = widgets.SelectMultiple(options=rankings, value=list(sources), description="rankings")
        self.among = widgets.SelectMultiple(
            options=studies.NAMES, value=studies.NAMES, description="candidates", rows=3
        )
        self.n = widgets.IntSlider(n, 1, max(n, 25), description="list length", continuous_update=False)
        self.popularity = widgets.FloatSlider(
            0, min=0, max=2, step=0.1, description="popularity", continuous_update=False
        )
        self.notice, self.table = widgets.HTML(), widgets.HTML()
        self.neighbour = widgets.Dropdown(description="compare")
        self.clips, self.neighbour_clips = _Clips(self), _Clips(self)
        for control in (self.artist, self.sources, self.among, self.n, self.popularity):
            control.observe(self._update, "value")
        self.neighbour.observe(lambda change: self.neighbour_clips.show(change["new"]), "value")
        self._update()
        controls = widgets.VBox(
            [self.artist, self.n, self.popularity, self.sources, self.among], layout={"flex": "none"}
        )
        lists = widgets.VBox([self.notice, self.table], layout={"flex": "1 1 auto", "margin": "0 0 0 1em"})
        sounds = widgets.HBox([self.clips.box, widgets.VBox([self.neighbour, self.neighbour_clips.box])])
        self.box = widgets.VBox([widgets.HBox([controls, lists]), sounds])

    def __repr__(self):
        return f"Explorer of {len(self.artists)} artists and {len(explorer.sources_of(self.scores))} rankings"

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs) | {"text/plain": repr(self)}

    def _update(self, change=None):
        artist = self.artist.value
        self.notice.value = players.plain(explorer.notice(self.study, self.scores, artist))
        try:
            table = explorer.neighbours(
                self.study,
                self.scores,
                artist,
                sources=self.sources.value,
                n=self.n.value,
                among=self.among.value,
                popularity=self.popularity.value,
            )
        except ValueError as error:  # nothing selected in one of the lists
            self.table.value, self.neighbour.options = players.plain(str(error)), []
        else:
            self.table.value = explorer.side_by_side_html(table, self.played)
            neighbours = table.drop_duplicates("artist")
            self.neighbour.options = list(zip(neighbours["label"], neighbours["artist"], strict=True))
        self.clips.show(artist)


def _choices(labels, played):
    """Label and id of each artist; first, with their number, those whom a person plays."""
    if played is None:
        return list(zip(labels, labels.index, strict=True))
    own = played[played > 0].sort_values(ascending=False, kind="stable")
    first = [
        (f"{labels[artist]} ({n:,} plays)", artist) for artist, n in own.items() if artist in labels.index
    ]
    return first + [(label, artist) for artist, label in labels.items() if artist not in own.index]


class _Clips:
    """A column with the sounds and spectrograms of one artist."""

    def __init__(self, explorer):
        self.study, self.seconds = explorer.study, explorer.seconds
        self.box, self.artist = widgets.VBox(), None

    def show(self, artist):
        if artist == self.artist:
            return
        self.artist = artist
        clips = self.study.clips
        rows = clips.index[clips["artist_id"] == artist][:MAX_CLIPS]
        self.box.children = [widget for row in rows for widget in self._clip(row)]

    def _clip(self, row):
        title, file = self.study.clips.loc[row, ["title", "file"]]
        values = self.study.spectrograms[row]
        picture = widgets.Image(value=_png(plots_sound.spectrogram(values, colourbar=False)), width=420)
        start = (spectrograms_picture.SECONDS - self.seconds) / 2
        try:
            mp3 = players.excerpt(self.study.folder / file, start, self.seconds)
        except (ValueError, OSError) as error:
            return [widgets.HTML(players.plain(f"{title}: {error}")), picture]
        sound = widgets.Audio(value=mp3, format="mp3", autoplay=False, loop=False)
        caption = f"{title}, seconds {start:.0f} to {start + self.seconds:.0f} of the picture"
        return [widgets.HTML(players.plain(caption)), sound, picture]


def _png(figure):
    with io.BytesIO() as file:
        figure.savefig(file, format="png", dpi=80)
        plt.close(figure)  # else the notebook shows it under the cell
        return file.getvalue()
