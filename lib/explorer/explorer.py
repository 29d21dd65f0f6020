"""The explorer: choose an artist, compare rankings side by side, hear the clips, see the spectrograms.

Conventions
-----------
- *Truth* is the similarity from listening; every other source is a method, its scores averaged over seeds.
- The methods of notebook 07 are offered where it has been run; ``best`` stands for the one that was best on
  the dev artists, and for the siamese network where 07 has not been run.
- Popularity can be blended into every ranking but the truth's (`lib.beyond.adjust`); 0 is audio alone.
- A query is never its own candidate. Candidates can be narrowed to some splits; then the truth's list is
  narrowed too, so that all lists are chosen from the same artists.
- Names come from outside: they are shown as they are and never become markup or mathematics.
- Nothing imports this module; everything it shows is computed by a function that knows no widget.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lib import methods
from lib import study as studies
from lib.beyond import adjust
from lib.plots import beyond as plots
from lib.plots import players
from lib.ranking import lists

TRUTH, BEST = "truth", "best"
NAMES = {TRUTH: "truth: shared listeners"}
NAMES |= {name: said for name, said in methods.METHOD_NAMES.items() if name != TRUTH}
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
        Of the profile: ``scores.parquet`` of 05 and, where 07 has been run, its ``beyond_scores.parquet``
        and ``beyond_choice.json``.

    Returns
    -------
    scores : pd.DataFrame
        Long scores; without 07's blends, for the explorer blends itself.
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


def neighbours(explored, query, *, sources, n, among=studies.NAMES, popularity=0.0):
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
            frame = adjust.blend(frame, explored.artists["listeners"], popularity)
        tables.append(lists.top(frame, n).assign(source=source))
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
    wide = side_by_side(cells).rename(columns=lambda source: players.plain(name(source)))
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


def name(source):
    return NAMES[TRUTH] if source == TRUTH else plots.name_of(source)


def _labels(names):
    """Names that tell artists apart: an empty or repeated one is followed by the beginning of its id."""
    unclear = names.duplicated(keep=False) | (names.str.strip() == "")
    return names.where(~unclear, names + " (" + names.index.str[:8] + ")")
