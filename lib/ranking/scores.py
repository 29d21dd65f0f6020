"""Scores of all methods over all artists: stored long, one row for each (method, fold, seed, query,
candidate)."""

from __future__ import annotations

import pandas as pd

from lib import methods
from lib.listening import names


def score_all(scorers, collection, *, fold=0, artists=None):
    """Scores of several fitted methods, long.

    Parameters
    ----------
    scorers : sequence of (lib.methods.Method, int)
        Fitted methods and their seeds.
    collection : lib.study.Collection
    fold : int
    artists : sequence of str, optional
        Queries and candidates; all artists of the collection.

    Returns
    -------
    pd.DataFrame
        ``method, fold, seed, query, candidate, score``.
    """
    artists = collection.artists if artists is None else list(artists)
    frames = [
        methods.to_long(method.score(collection, artists), method=method.name, fold=fold, seed=seed)
        for method, seed in scorers
    ]
    return pd.concat(frames, ignore_index=True)


def predictions(scores, truth, *, fold=0):
    """Every method's trainings as frames over the queries and candidates of a truth.

    Parameters
    ----------
    scores : pd.DataFrame
        Long scores.
    truth : pd.DataFrame, shape=(n_queries, n_candidates)
    fold : int

    Returns
    -------
    dict of str to list of pd.DataFrame, shape=(n_queries, n_candidates)
        Methods in the order of `scores`, one frame a training.

    Raises
    ------
    ValueError
        If a pair has no score.
    """
    artists = truth.columns.union(truth.index, sort=False)
    chosen = scores[scores["fold"] == fold]
    chosen = chosen[chosen["query"].isin(artists) & chosen["candidate"].isin(artists)]
    return {
        method: [frame.reindex_like(truth) for _, frame in runs(part, artists)]
        for method, part in chosen.groupby("method", sort=False)
    }


def mean_scores(scores, method, artists):
    """Scores of one method as a frame, averaged over its trainings on the paper's single split."""
    chosen = scores[(scores["method"] == method) & (scores["fold"] == 0)]
    frames = [frame for _, frame in runs(chosen, artists)]
    return sum(frames) / len(frames)


def find_artists(artists, names_or_ids, known):
    """Ids of artists given by name or id, among those that have clips.

    Parameters
    ----------
    artists : pd.DataFrame
        ``artist_id``, ``name``.
    names_or_ids : sequence of str
        Where none of them has clips, the three artists with the most listeners are taken.
    known : sequence of str
        Ids of artists with clips, most listeners first.

    Returns
    -------
    list of str
        Each once, in the order asked for.
    """
    named = artists[artists["artist_id"].isin(known)]
    by_name = dict(zip(named["name"].map(names.normalise)[::-1], named["artist_id"][::-1], strict=True))
    by_name |= {artist: artist for artist in known}
    wanted = [by_name.get(name, by_name.get(names.normalise(name))) for name in names_or_ids]
    found = list(dict.fromkeys(artist for artist in wanted if artist))
    return found or list(known[:3])


def runs(scores, artists):
    for run, frame in scores.groupby(["fold", "seed"]):
        ids = frame["query"].unique() if artists is None else artists
        yield run, methods.to_frame(frame, ids)
