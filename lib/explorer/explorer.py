"""The explorer: choose an artist, compare rankings side by side, hear the clips, see the spectrograms.

This file is long because each part of a view has an example.

Conventions
-----------
- *Truth* is the similarity from listening; every other source is a method, its scores averaged over seeds.
- An artist with no shared listener has no place in the truth's list, which may so be shorter than the others.
- `chance` is no list: its order is drawn at random.
- ``best`` is the method that was best on the dev artists; the siamese network where 07 has not been run.
- Shared listeners and popularity can be blended into all but the truth (`lib.beyond.adjust`); 0 and 0: none.
- A query is never its own candidate. Candidates narrowed to some splits are so for the truth's list too.
- Names are shown as they are and never become markup or mathematics.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse

from lib import registry
from lib import study as studies
from lib.beyond import adjust
from lib.explorer import stored
from lib.listening import history, matrix, metrics, names
from lib.plots import players
from lib.ranking import baselines, lists, words
from lib.ranking.scores import load, score_all

TRUTH, BEST, CHANCE = "truth", "best", "chance"
TRUTH_LABEL = "truth: shared listeners"
SPLIT_MEANS = {
    "train": "a training artist: methods have learnt from its clips, so that their lists are no test",
    "dev": "a dev artist: never trained on, but settings were compared on it",
    "test": "a test artist: no method was trained on it",
}
SIMULATED = "Simulated: this artist, its listeners and its music do not exist outside the demo."


def fitted(folder):
    """Scores of every method that there is, and which of them is shown first.

    Parameters
    ----------
    folder : path
        Of the profile's data: scores of 05 and, where 07 has been run, its scores and its choice.

    Returns
    -------
    scores : lib.ranking.scores.Scores
        Without 07's blends, for the explorer blends itself.
    best : str
        A method.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> from lib.ranking.scores import Scores
    >>> folder = Path(tempfile.mkdtemp())
    >>> near = labelled_scores([[0, 1], [1, 0]], ["a", "b"])
    >>> Scores.of_frames({("l2", 0, 0): near}).save(folder / "scores.npz")
    >>> scores, best = fitted(folder)
    >>> scores.methods, best
    (['l2'], 'siamese')
    """
    folder = Path(folder)
    scores, best = load(folder / "scores.npz"), "siamese"
    if all((folder / name).exists() for name in ("beyond_scores.npz", "beyond_choice.json")):
        beyond = load(folder / "beyond_scores.npz")
        scores |= beyond.without(*(name for name in beyond.methods if name.endswith("+popularity")))
        best = stored.choice(folder, scores.methods)
    return scores, best


def scored(study, networks):
    """The same where notebook 05 has not been run, as with few artists: plain methods and trained networks.

    Parameters
    ----------
    study : lib.study.Study
        With ``splits``.
    networks : dict of int to path
        File of each network by seed, as notebook 04 wrote them.

    Returns
    -------
    scores : lib.ranking.scores.Scores
    best : str
        The siamese network: nothing has been compared.

    Examples
    --------
    >>> networks = {0: "data/own/models/seed0.npz"}
    >>> scores, best = scored(study, networks)  # doctest: +SKIP
    """
    from lib.training import siamese  # some seconds to import, and needed with few artists only

    plain = [(method.fit(study, study.train, study.dev), 0) for method in baselines.untrained_baselines()]
    trained = [(siamese.Siamese.from_file(path), seed) for seed, path in networks.items()]
    return score_all([*plain, *trained], study), "siamese"


def resolved(sources, best):
    """Names of rankings with ``best`` replaced by the method that it stands for, each once.

    Examples
    --------
    >>> resolved(["truth", "best", "siamese"], "siamese")
    ['truth', 'siamese']
    """
    return list(dict.fromkeys(best if source == BEST else source for source in sources))


def sources_of(scores):
    """Names of the lists: the truth, then the methods in the order of their entries, then any others."""
    methods = [name for name in scores.only(fold=0).methods if name != CHANCE]
    return [TRUTH, *(name for name in registry.METHODS if name in methods)] + sorted(
        set(methods) - set(registry.METHODS)
    )


def checked(sources, scores):
    """Names of lists, each once; an error where one is unknown, or there is none."""
    unknown = sorted(set(sources) - set(sources_of(scores)))
    if unknown or not sources:
        what = f"no scores of {', '.join(unknown) or 'nothing'}"
        if CHANCE in unknown:
            what = "chance is no list, for its order is drawn at random"
        raise ValueError(f"{what}; choose among {', '.join(sources_of(scores))}")
    return list(dict.fromkeys(sources))


def described(study, scores):
    """The artists of a study for reading.

    Parameters
    ----------
    study : lib.study.Study
        With ``splits``.
    scores : lib.ranking.scores.Scores

    Returns
    -------
    pd.DataFrame
        Index: artist id, most listeners first; ``name``, ``label`` (unique), ``listeners``, ``split``.

    Raises
    ------
    ValueError
        If an artist has no split or no score: the results are not of one run.

    Examples
    --------
    >>> from lib.ranking.scores import Scores
    >>> study = three_artists(["Abba", "Air", "Air"])
    >>> described(study, Scores.of_frames({("l2", 0, 0): study.target}))["label"].to_dict()
    {'x': 'Abba', 'y': 'Air (y)', 'z': 'Air (z)'}
    """
    split_of = study.splits[study.splits["fold"] == 0].set_index("artist_id")["split"]
    artists = study.artists.assign(split=split_of.reindex(study.ids))
    scored = set(study.ids).intersection(*(scores.ids(run) for run in scores.only(fold=0).runs))
    for name, having in {"the splits": set(split_of.index), "the scores": scored}.items():
        lacking = [artist for artist in study.ids if artist not in having]
        if lacking:
            raise ValueError(
                f"{len(lacking)} artists are not in {name}, the first is {lacking[0]!r}: "
                "the results are not of one run; run_all.py --list says which are stale"
            )
    return artists.assign(label=_labels(artists["name"]))[["name", "label", "listeners", "split"]]


def sharing(study, artist):
    """How many listeners each artist shares with one artist.

    Parameters
    ----------
    study : lib.study.Study
    artist : str
        Artist id.

    Returns
    -------
    pd.Series, dtype=int64
        Index: artist id, in the order of the study; 0 for the artist itself.

    Examples
    --------
    >>> study = three_artists()
    >>> sharing(study, "x").to_dict()
    {'x': 0, 'y': 1, 'z': 0}
    """
    plays, ids = study.chosen_listening.plays, pd.Index(study.chosen_listening.artists["artist_id"])
    places = np.flatnonzero(plays.indices == ids.get_loc(artist))
    users = np.searchsorted(plays.indptr, places, side="right") - 1
    counts = pd.Series(np.bincount(plays[users].indices, minlength=len(ids)), ids).reindex(study.ids)
    counts[artist] = 0
    return counts


def neighbours(study, scores, query, *, sources, n, among=studies.NAMES, popularity=0.0, share=0.0):
    """The artists closest to one artist by each source.

    Parameters
    ----------
    study : lib.study.Study
    scores : lib.ranking.scores.Scores
    query : str
        Artist id.
    sources : sequence of str
        ``truth`` or names of methods.
    n : int
        Length of the lists; shorter where there are fewer candidates, or fewer that share listeners (truth).
    among : sequence of str
        Splits that candidates are taken from.
    popularity, share : float
        Weights of popularity (0 or more) and of shared listeners (0 to 1) in every ranking but the truth's.

    Returns
    -------
    pd.DataFrame
        ``source`` (categorical, with all of `sources`), ``rank`` (from 1), ``artist`` (id), ``label, split,
        score`` and ``true``: whether the artist is in the truth's list too.

    Raises
    ------
    ValueError
        If the query or a source is unknown, or no candidate is left.

    Examples
    --------
    >>> from lib.ranking.scores import Scores
    >>> study = three_artists()
    >>> scores = Scores.of_frames({("l2", 0, 0): -study.target})
    >>> table = neighbours(study, scores, "x", sources=["truth", "l2"], n=2)
    >>> table[["source", "rank", "label", "true"]].to_numpy().tolist()  # no listener of Abba has ZZ Top
    [['truth', 1, 'Air', True], ['l2', 1, 'ZZ Top', False], ['l2', 2, 'Air', True]]
    """
    artists = described(study, scores)
    if query not in artists.index:
        raise ValueError(f"there is no artist {query!r} with clips among {len(artists)}: give an artist id")
    sources = checked(sources, scores)
    candidates = artists.index[artists["split"].isin(list(among))].drop(query, errors="ignore")
    if candidates.empty or n < 1:
        raise ValueError(
            f"{len(candidates)} candidates in {list(among)} and lists of {n}: at least 1 of each"
        )
    truth, tables = study.target.loc[[query], candidates], {}
    for source in dict.fromkeys([TRUTH, *sources]):
        if source == TRUTH:
            frame = truth.where(sharing(study, query)[candidates].to_numpy()[None] > 0)
        else:
            frame = scores.row(source, query).reindex(candidates).to_frame(query).T
            if popularity or share:
                frame = adjust.blend(frame, artists["listeners"], popularity, truth=truth, share=share)
        tables[source] = lists.top(frame, n).assign(source=source)
    table = pd.concat([tables[source] for source in sources], ignore_index=True)
    table["true"] = table["artist"].isin(tables[TRUTH]["artist"])
    table["source"] = pd.Categorical(table["source"], sources)
    table = table.join(artists[["label", "split"]], on="artist")
    return table[["source", "rank", "artist", "label", "split", "score", "true"]]


def plays_of(history_file, artists):
    """How often a person plays each artist, from an export of the person's listening; prints what it holds.

    Parameters
    ----------
    history_file : path
        See `lib.listening.history`; empty: of nobody.
    artists : pd.DataFrame
        Index: artist id, most listeners first; ``name``.

    Returns
    -------
    pd.Series, or None
        Plays; index: artist id.

    Examples
    --------
    >>> file = Path(tempfile.mkdtemp()) / "scrobbles.csv"
    >>> _ = file.write_text("Abba,Gold,SOS,01 Oct 2010 02:05\\nCher,Believe,Believe,01 Oct 2010 02:09\\n")
    >>> plays_of(file, pd.DataFrame({"name": ["Air", "Abba"]}, index=["x", "y"])).to_dict()
    a Last.fm export by lastfm-to-csv: 2 plays of 2 artists; 1 of the 2 artists here are among them
    {'x': 0, 'y': 1}
    """
    if not history_file:
        return None
    own = history.read(history_file)
    played = history.weights(own, artists)
    print(f"{own}; {(played > 0).sum()} of the {len(artists)} artists here are among them")
    return played


def side_by_side_html(table, played=None):
    """Lists side by side as an HTML table: ✓ where the truth agrees, each artist with its split.

    Names are escaped; a shorter list ends in empty cells.

    Parameters
    ----------
    table : pd.DataFrame
        From `neighbours`.
    played : pd.Series, optional
        A person's plays of each artist, from `plays_of`; they are shown beside whom the person plays.

    Returns
    -------
    str

    Examples
    --------
    >>> table = pd.DataFrame({"source": ["truth", "l2"], "rank": 1, "label": ["<Air>", "ZZ Top"]})
    >>> html = side_by_side_html(table.assign(split="test", true=[True, False]))
    >>> "✓ &lt;Air&gt; <small>test</small>" in html, "<td>ZZ Top <small>test</small>" in html
    (True, True)
    """
    sources = table["source"].astype("category").cat.categories
    names = table["label"].map(players.plain)
    names = names.where(~table["true"], "✓ " + names)
    small = table["split"]
    if played is not None:
        n_plays = table["artist"].map(played).fillna(0).astype(int)
        small = small + n_plays.map(lambda n: f", {n:,} plays" if n else "")
    cells = table.assign(label=names + " <small>" + small + "</small>", source=table["source"].astype(str))
    wide = cells.pivot(index="rank", columns="source", values="label").reindex(columns=sources).fillna("")
    wide.columns = [players.plain(name(source)) for source in sources]
    return wide.rename_axis(index=None).to_html(escape=False, border=0)


def agreement(table, n_candidates):
    """How many of each method's neighbours are in the truth's list too, as one sentence, beside chance.

    Parameters
    ----------
    table : pd.DataFrame
        From `neighbours`.
    n_candidates : int
        Of each list.

    Returns
    -------
    str

    Examples
    --------
    >>> table = pd.DataFrame({"source": ["truth", "l2", "l2"], "true": [True, False, True]})
    >>> print(agreement(table, 20))
    In the truth's list too: 1 of 2 by L2 of spectrograms; of a random list 0.1 on average.
    """
    by_method = table[table["source"] != TRUTH].groupby("source", observed=True, sort=False)["true"]
    parts = [f"{own.sum()} of {len(own)} by {name(source)}" for source, own in by_method]
    n_true, n = (table["source"] == TRUTH).sum(), by_method.size().max()
    if not parts:
        return "No method's list is shown."
    if n_true:
        parts[-1] += f"; of a random list {n * n_true / n_candidates:.1f} on average"
    return f"In the truth's list too: {', '.join(parts)}."


def notice(study, scores, artist, *, n=0, wanted=""):
    """What has to be known about an artist before its rankings are read.

    Parameters
    ----------
    study : lib.study.Study
    scores : lib.ranking.scores.Scores
    artist : str
        Artist id.
    n : int
        Length of the lists: where fewer artists share listeners, their number is given.
    wanted : str
        Name or id that a person gave: where it is another artist's, that is stated.

    Returns
    -------
    str
        Plain text.

    Examples
    --------
    >>> from lib.ranking.scores import Scores
    >>> study = three_artists()
    >>> scores = Scores.of_frames({("l2", 0, 0): study.target})
    >>> print(notice(study, scores, "x", n=2))  # doctest: +NORMALIZE_WHITESPACE
    Abba, 2 listeners: a test artist: no method was trained on it. Only 1 artist shares listeners with
    Abba.
    """
    row = described(study, scores).loc[artist]
    text = f"{row['label']}, {row['listeners']:,} listeners: {SPLIT_MEANS[row['split']]}."
    if wanted not in ("", artist) and names.normalise(wanted) != names.normalise(row["name"]):
        text = f"No artist with clips is {wanted!r}; this one is shown: {text}"
    n_sharing = int((sharing(study, artist) > 0).sum())
    if n_sharing < min(n, len(study.ids) - 1):
        few = f"Only {n_sharing} artists share" if n_sharing > 1 else "Only 1 artist shares"
        text += f" {few if n_sharing else 'No artist shares'} listeners with {row['label']}."
    return f"{text} {SIMULATED}" if study.simulated else text


def name(source):
    return TRUTH_LABEL if source == TRUTH else words.method(source)


def three_artists(names=("Abba", "Air", "ZZ Top")):
    """A study for trying things out: the first two artists share a listener, and the last two."""
    plays = scipy.sparse.csr_array([[1, 1, 0], [1, 0, 0], [0, 1, 1]])
    artists = pd.DataFrame({"artist_id": ["x", "y", "z"], "name": names, "listeners": plays.sum(axis=0)})
    listening = matrix.ListeningMatrix(plays, artists.assign(plays=plays.sum(axis=0)))
    folder = Path(tempfile.mkdtemp())
    matrix.save(listening, folder)
    clips = pd.DataFrame({"clip_id": ["x-0", "y-0", "z-0"], "artist_id": ["x", "y", "z"], "title": "Song"})
    spectrograms = np.random.default_rng(0).random((3, 256, 64)).astype(np.float16)
    target = metrics.METRICS["min_conditional"](listening)
    study = studies.aligned(target, listening.artists, spectrograms, clips)
    splits = pd.DataFrame({"fold": 0, "artist_id": ["x", "y", "z"], "split": ["test", "train", "dev"]})
    return replace(study, splits=splits, folder=folder)


def _labels(names):
    """Names that tell artists apart: an empty or repeated one is followed by (the beginning of) the id."""
    labels, ids = names.fillna(""), names.index
    unclear = labels.duplicated(keep=False) | (labels.str.strip() == "")
    labels = labels.where(~unclear, labels + " (" + ids.str[:8] + ")")
    while (twice := labels.duplicated(keep=False)).any():
        labels = labels.where(~twice, labels + " (" + ids + ")")
    return labels
