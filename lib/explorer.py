"""The explorer: choose an artist, compare rankings side by side, hear the clips, see the spectrograms.

Conventions
-----------
- *Truth* is the similarity from listening; every other source is a method, its scores averaged over seeds.
- The methods of notebook 08 are offered where it has been run; ``best`` stands for the one that was best on
  the dev artists, and for the siamese network where 08 has not been run.
- Popularity can be blended into every ranking but the truth's (`lib.blend`); 0 is audio alone.
- A query is never its own candidate. Candidates can be narrowed to some splits; then the truth's list is
  narrowed too, so that all lists are chosen from the same artists.
- Names come from outside: they are shown as they are and never become markup or mathematics.
- Nothing imports this module; everything it shows is computed by a function that knows no widget.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from lib import blend, players, plots, ranking, spectrograms, splits

TRUTH, BEST = "truth", "best"
NAMES = {TRUTH: "truth: shared listeners"}
NAMES |= {name: said for name, said in plots.METHOD_NAMES.items() if name != TRUTH}
MAX_CLIPS = 3  # of an artist, shown at a time
SPLIT_MEANS = {
    "train": "a training artist: the network has learnt from its clips, so its ranking here is no test",
    "dev": "a dev artist: never trained on, but settings were compared on it",
    "test": "a test artist: the network has never heard it",
}
SIMULATED = "Simulated: this artist, its listeners and its music do not exist outside the demo."


@dataclass(frozen=True)
class Study:
    """What there is to explore, aligned by artist.

    Attributes
    ----------
    artists : pd.DataFrame
        Index: artist id, most listeners first; ``name``, ``label`` (unique), ``listeners``, ``split``.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    scores : pd.Series
        Mean score, indexed by (query, method, candidate).
    clips : pd.DataFrame
        ``artist_id, title, file`` of each row of `spectrograms`.
    spectrograms : np.ndarray, shape=(n_clips, 256, 64)
    folder : Path
        What relative files are relative to.
    simulated : bool
    """

    artists: pd.DataFrame
    target: pd.DataFrame
    scores: pd.Series
    clips: pd.DataFrame
    spectrograms: np.ndarray
    folder: Path
    simulated: bool

    @property
    def sources(self):
        """Names of the rankings: the truth, then the methods in their usual order, then any others."""
        methods = self.scores.index.unique("method")
        return [name for name in NAMES if name == TRUTH or name in methods] + sorted(
            set(methods) - set(NAMES)
        )


def fitted(data):
    """Scores of every method that there is, and which of them is shown first.

    Parameters
    ----------
    data : path
        Of the profile: ``scores.parquet`` of 05 and, where 08 has been run, its ``beyond_scores.parquet``
        and ``beyond_choice.json``.

    Returns
    -------
    scores : pd.DataFrame
        Long scores; without 08's blends, for the explorer blends itself.
    best : str
        A method.
    """
    data = Path(data)
    scores, best = pd.read_parquet(data / "scores.parquet"), "siamese"
    if all((data / name).exists() for name in ("beyond_scores.parquet", "beyond_choice.json")):
        beyond = pd.read_parquet(data / "beyond_scores.parquet")
        beyond = beyond[~beyond["method"].str.endswith("+popularity")]
        known = scores[["method", "fold"]].drop_duplicates()
        again = pd.MultiIndex.from_frame(beyond[["method", "fold"]]).isin(pd.MultiIndex.from_frame(known))
        scores = pd.concat([scores, beyond[~again]], ignore_index=True)
        best = json.loads((data / "beyond_choice.json").read_text(encoding="utf-8"))["method"]
    return scores, best


def resolved(sources, best):
    """Names of rankings with ``best`` replaced by the method that it stands for, each once."""
    return list(dict.fromkeys(best if source == BEST else source for source in sources))


def study(artists, split, target, scores, clips, array, index, *, folder, simulated):
    """Bring the results of earlier notebooks together.

    Parameters
    ----------
    artists : pd.DataFrame
        ``artist_id, name, listeners``, most listeners first.
    split : pd.DataFrame
        ``fold, artist_id, split``; fold 0 is taken.
    target : pd.DataFrame
        Similarity from listening, over at least the artists of the split.
    scores : pd.DataFrame
        Long scores: ``method, fold, seed, query, candidate, score``; fold 0 is taken.
    clips : pd.DataFrame
        ``clip_id, title, file``.
    array : np.ndarray, shape=(n_clips, 256, 64)
        Spectrograms.
    index : pd.DataFrame
        ``row, clip_id, artist_id`` of each spectrogram.
    folder : path
    simulated : bool

    Returns
    -------
    Study

    Raises
    ------
    ValueError
        If an artist of the split has no name, target, score or clip.
    """
    split_of = split[split["fold"] == 0].set_index("artist_id")["split"]
    kept = artists[artists["artist_id"].isin(split_of.index)].set_index("artist_id")
    described = kept.assign(split=split_of.reindex(kept.index), label=_labels(kept["name"]))
    described = described[["name", "label", "listeners", "split"]]
    parts = {
        "artists.parquet": kept.index,
        "the target": target.index,
        "the scores": scores["query"].unique(),
    }
    for name, known in (parts | {"the spectrograms": index["artist_id"].unique()}).items():
        lacking = split_of.index.difference(pd.Index(known))
        if len(lacking):
            raise ValueError(
                f"{len(lacking)} artists of the split are not in {name}, the first is {lacking[0]!r}: "
                "the results are not of one run; run_all.py --list says which are stale"
            )
    means = scores[scores["fold"] == 0].groupby(["query", "method", "candidate"])["score"].mean()
    heard = clips.set_index("clip_id").loc[index["clip_id"], ["title", "file"]].reset_index(drop=True)
    heard.insert(0, "artist_id", index["artist_id"].to_numpy())
    target = target.reindex(index=kept.index, columns=kept.index)
    return Study(described, target, means, heard, array, Path(folder), simulated)


def neighbours(explored, query, *, sources, n, among=splits.NAMES, popularity=0.0):
    """The artists closest to one artist by each source.

    Parameters
    ----------
    explored : Study
    query : str
        Artist id.
    sources : sequence of str
        ``truth`` or names of methods.
    n : int
        Length of the lists; shorter where there are fewer candidates.
    among : sequence of str
        Splits that candidates are taken from.
    popularity : float, >= 0
        Its weight in every ranking but the truth's.

    Returns
    -------
    pd.DataFrame
        ``source, rank`` (from 1), ``artist`` (id), ``label, split, score`` and ``true``: whether the artist
        is in the truth's list too.

    Raises
    ------
    ValueError
        If the query or a source is unknown, or no candidate is left.
    """
    if query not in explored.artists.index:
        raise ValueError(
            f"there is no artist {query!r} with clips among {len(explored.artists)}: give an artist id"
        )
    unknown = sorted(set(sources) - set(explored.sources))
    if unknown or not sources:
        known = ", ".join(explored.sources)
        raise ValueError(f"no scores of {', '.join(unknown) or 'nothing'}; choose among {known}")
    candidates = explored.artists.index[explored.artists["split"].isin(list(among))].drop(
        query, errors="ignore"
    )
    if candidates.empty or n < 1:
        raise ValueError(
            f"{len(candidates)} candidates in {list(among)} and lists of {n}: at least 1 of each"
        )
    tables = []
    for source in dict.fromkeys([TRUTH, *sources]):
        scores = explored.target.loc[query] if source == TRUTH else explored.scores.loc[query, source]
        frame = scores.reindex(candidates).to_frame(query).T
        if popularity and source != TRUTH:
            frame = blend.blend(frame, explored.artists["listeners"], popularity)
        tables.append(ranking.top(frame, n).assign(source=source))
    table = pd.concat(tables, ignore_index=True)
    table["true"] = table["artist"].isin(table.loc[table["source"] == TRUTH, "artist"])
    table = table[table["source"].isin(list(sources))].join(explored.artists[["label", "split"]], on="artist")
    return table[["source", "rank", "artist", "label", "split", "score", "true"]].reset_index(drop=True)


def side_by_side(table):
    """Names by rank, one column a source.

    Parameters
    ----------
    table : pd.DataFrame
        From `neighbours`.

    Returns
    -------
    pd.DataFrame
        Index: rank; columns: sources, in the table's order.
    """
    return table.pivot(index="rank", columns="source", values="label")[list(table["source"].unique())]


def side_by_side_html(table):
    """The same as an HTML table: hits in bold, each artist with its split; names are escaped.

    Parameters
    ----------
    table : pd.DataFrame
        From `neighbours`.

    Returns
    -------
    str
    """
    names = table["label"].map(players.plain)
    names = names.where(~table["true"], "<b>" + names + "</b>")
    cells = table.assign(label=names + " <small>" + table["split"] + "</small>")
    wide = side_by_side(cells).rename(columns=lambda source: players.plain(_name(source)))
    wide.index.name = wide.columns.name = None
    return wide.fillna("").to_html(escape=False, border=0)


def notice(explored, artist):
    """What has to be known about an artist before its rankings are read.

    Parameters
    ----------
    explored : Study
    artist : str
        Artist id.

    Returns
    -------
    str
        Plain text.
    """
    row = explored.artists.loc[artist]
    text = f"{row['label']}, {row['listeners']:,} listeners: {SPLIT_MEANS[row['split']]}."
    return f"{text} {SIMULATED}" if explored.simulated else text


class Explorer:
    """The rankings, sounds and spectrograms of one artist at a time.

    Parameters
    ----------
    explored : Study
    artist : str, optional
        Artist id that is shown first; by default the one with the most listeners.
    sources : sequence of str
        Rankings that are shown first.
    n : int
        Length of the lists that are shown first.
    seconds : float
        Length of the excerpts.
    """

    def __init__(self, explored, *, artist=None, sources=(TRUTH, "siamese", "l2"), n=5, seconds=8.0):
        self.explored, self.seconds = explored, seconds
        first = artist or explored.artists.index[0]
        neighbours(explored, first, sources=sources, n=n)  # refuse what is unknown before anything is shown
        artists = list(zip(explored.artists["label"], explored.artists.index, strict=True))
        rankings = [(_name(name), name) for name in explored.sources]
        self.artist = widgets.Dropdown(options=artists, value=first, description="artist")
        self.sources = widgets.SelectMultiple(options=rankings, value=list(sources), description="rankings")
        self.among = widgets.SelectMultiple(
            options=splits.NAMES, value=splits.NAMES, description="candidates", rows=3
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
        return f"Explorer of {len(self.explored.artists)} artists and {len(self.explored.sources)} rankings"

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs) | {"text/plain": repr(self)}

    def _update(self, change=None):
        artist = self.artist.value
        self.notice.value = players.plain(notice(self.explored, artist))
        try:
            table = neighbours(
                self.explored,
                artist,
                sources=self.sources.value,
                n=self.n.value,
                among=self.among.value,
                popularity=self.popularity.value,
            )
        except ValueError as error:  # nothing selected in one of the lists
            self.table.value, self.neighbour.options = players.plain(str(error)), []
        else:
            self.table.value = side_by_side_html(table)
            found = table.drop_duplicates("artist")
            self.neighbour.options = list(zip(found["label"], found["artist"], strict=True))
        self.clips.show(artist)


class _Clips:
    """A column with the sounds and spectrograms of one artist."""

    def __init__(self, explorer):
        self.explored, self.seconds = explorer.explored, explorer.seconds
        self.box, self.artist = widgets.VBox(), None

    def show(self, artist):
        if artist == self.artist:
            return
        self.artist = artist
        clips = self.explored.clips
        rows = clips.index[clips["artist_id"] == artist][:MAX_CLIPS]
        self.box.children = [widget for row in rows for widget in self._clip(row)]

    def _clip(self, row):
        title, file = self.explored.clips.loc[row, ["title", "file"]]
        values = self.explored.spectrograms[row]
        picture = widgets.Image(value=_png(plots.spectrogram(values, colourbar=False)), width=420)
        start = (spectrograms.SECONDS - self.seconds) / 2
        try:
            mp3 = players.excerpt(self.explored.folder / file, start, self.seconds)
        except (ValueError, OSError) as error:
            return [widgets.HTML(players.plain(f"{title}: {error}")), picture]
        sound = widgets.Audio(value=mp3, format="mp3", autoplay=False, loop=False)
        heard = f"{title}, seconds {start:.0f} to {start + self.seconds:.0f} of the picture"
        return [widgets.HTML(players.plain(heard)), sound, picture]


def _name(source):
    return NAMES[TRUTH] if source == TRUTH else plots.name_of(source)


def _labels(names):
    """Names that tell artists apart: an empty or repeated one is followed by the beginning of its id."""
    unclear = names.duplicated(keep=False) | (names.str.strip() == "")
    return names.where(~unclear, names + " (" + names.index.str[:8] + ")")


def _png(figure):
    with io.BytesIO() as file:
        figure.savefig(file, format="png", dpi=80)
        plt.close(figure)  # else the notebook shows it under the cell
        return file.getvalue()
