"""Tracks as queries and candidates: similarity of tracks is the paper's future work (section 6).

"The similarity scores I obtained were between artists, but perhaps similarity between tracks would be better
suited for this kind of application".

Conventions
-----------
- A *track* is what is at hand of it: one clip of half a minute.
- A method is fitted on artists as before, and scores tracks as if each was an artist of its own (`alone`).
- An *excerpt* is a third of a clip, about ten seconds, from a clip's picture (`excerpts`). More than a clip
  of half a minute is not at hand, so that nothing is said of excerpts of whole tracks.
- What scores of tracks are worth is the matter of `lib.ranking.track_results`.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd

from lib import methods
from lib.spectrograms.picture import N_FRAMES

N_EXCERPTS = 3  # thirds of a clip


def alone(study):
    """The study in which every clip is an artist of its own, called by its ``clip_id``, or else its row.

    Parameters
    ----------
    study : lib.study.Study

    Returns
    -------
    lib.study.Study
        All clips in their order; ``target`` is that of their artists, blank between tracks of one artist;
        ``artists`` has the artist of each track as ``made_by`` and that artist's ``listeners``; no splits.

    Raises
    ------
    ValueError
        If two clips have the same id.

    Examples
    --------
    >>> from lib import study as studies
    >>> target, listeners = pd.DataFrame(0.5, ["a", "b"], ["a", "b"]), pd.Series([9, 5], ["a", "b"])
    >>> study = studies.of_arrays(np.zeros((3, 256, 64)), ["a", "b", "b"], target, listeners)
    >>> tracks = alone(replace(study, clips=study.clips.assign(clip_id=["x", "y", "z"])))
    >>> tracks.artists.T.to_dict("list")
    {'x': ['a', 9], 'y': ['b', 5], 'z': ['b', 5]}
    >>> tracks.target.loc["x"].tolist(), tracks.target.loc["y"].tolist()
    ([nan, 0.5, 0.5], [0.5, nan, nan])
    """
    numbers = pd.Series(np.arange(len(study.clips)).astype(str))
    ids = pd.Index(study.clips.get("clip_id", numbers), name="clip_id", dtype=object)
    if ids.has_duplicates:
        raise ValueError(
            f"two clips are called {ids[ids.duplicated()][0]}, and tracks need names: run 02 again"
        )
    made_by = study.clip_artists
    artists = pd.DataFrame({"made_by": made_by}, index=ids)
    artists["listeners"] = study.listeners.reindex(made_by).to_numpy()
    values = study.target.reindex(index=made_by, columns=made_by).to_numpy(dtype=float, copy=True)
    values[np.equal.outer(made_by, made_by).astype(bool)] = np.nan
    return replace(
        study,
        clips=study.clips.assign(artist_id=ids),
        target=pd.DataFrame(values, ids, ids),
        artists=artists,
        splits=None,
    )


def of_artists(tracks, artists):
    """Ids of the tracks of some artists, in the artists' order.

    Parameters
    ----------
    tracks : lib.study.Study
        From `alone`.
    artists : sequence of str

    Returns
    -------
    list of str

    Examples
    --------
    >>> from types import SimpleNamespace as Of
    >>> of_artists(Of(artists=pd.DataFrame({"made_by": ["a", "b", "a"]}, index=["x", "y", "z"])), ["b", "a"])
    ['y', 'x', 'z']
    """
    place = pd.Index(artists).get_indexer(tracks.artists["made_by"])
    rows = np.flatnonzero(place >= 0)
    return tracks.artists.index[rows[np.argsort(place[rows], kind="stable")]].tolist()


def excerpts(tracks, ids):
    """The study of the thirds of some clips, each an artist of its own.

    A third of the picture, about ten seconds, is repeated until it fills a picture, because the network and
    most features take pictures of one size; the seams are not in the sound.

    Parameters
    ----------
    tracks : lib.study.Study
        From `alone`.
    ids : sequence of str
        Of tracks.

    Returns
    -------
    lib.study.Study
        `N_EXCERPTS` clips for each track, in order, called ``ID/0``, ``ID/1``, ...

    Examples
    --------
    >>> from lib import study as studies
    >>> target, ramp = pd.DataFrame(np.nan, ["a"], ["a"]), np.linspace(0, 1, 256)[None, :, None]
    >>> study = studies.of_arrays(ramp * np.ones(64), ["a"], target, pd.Series([9], ["a"]))
    >>> parts = excerpts(alone(replace(study, clips=study.clips.assign(clip_id="x"))), ["x"])
    >>> parts.ids, parts.spectrograms.shape
    (['x/0', 'x/1', 'x/2'], (3, 256, 64))
    >>> parts.spectrograms[:, [0, 80, 90], 0].round(1).astype(float).round(1).tolist()  # begins again
    [[0.0, 0.3, 0.0], [0.3, 0.7, 0.4], [0.7, 1.0, 0.7]]
    """
    pictures, places = tracks.clips_of(ids)
    edges = [part[[0, -1]] + [0, 1] for part in np.array_split(np.arange(N_FRAMES), N_EXCERPTS)]
    frames = [start + np.arange(N_FRAMES) % (end - start) for start, end in edges]
    names = pd.Index([f"{track}/{k}" for track in ids for k in range(N_EXCERPTS)], name="clip_id")
    of_tracks = np.repeat(places, N_EXCERPTS)
    values = tracks.target.reindex(index=ids, columns=ids).to_numpy()[np.ix_(of_tracks, of_tracks)]
    return replace(
        tracks,
        spectrograms=np.stack([pictures[:, chosen] for chosen in frames], axis=1).reshape(
            -1, *pictures.shape[1:]
        ),
        clips=pd.DataFrame({"artist_id": names}),
        target=pd.DataFrame(values, names, names),
        artists=tracks.artists.loc[ids].iloc[of_tracks].set_axis(names),
    )


def averaged(frame, made_by):
    """Scores of tracks, each replaced by the mean over all pairs of tracks of the two artists.

    Parameters
    ----------
    frame : pd.DataFrame, shape=(n_tracks, n_tracks)
    made_by : pd.Series, shape=(n_tracks,)
        Artist of each track.

    Returns
    -------
    pd.DataFrame, shape=(n_tracks, n_tracks)
        Between tracks of one artist: the mean of the artist with itself, which says nothing.

    Examples
    --------
    >>> frame = methods.labelled_scores([[0, 9, 1], [9, 0, 3], [1, 3, 0]], ["x", "y", "z"])
    >>> averaged(frame, pd.Series(["a", "a", "b"], ["x", "y", "z"])).loc["z"].tolist()
    [2.0, 2.0, nan]
    """
    codes, _ = pd.factorize(made_by.reindex(frame.index))
    means = methods.mean_over_clips(np.nan_to_num(frame.to_numpy(float)), codes, codes.max() + 1)
    return methods.labelled_scores(means[np.ix_(codes, codes)], frame.index)


def of_excerpts(frame, ids, k):
    """Scores of tracks from `k` of their excerpts, once for each choice of them.

    Parameters
    ----------
    frame : pd.DataFrame, shape=(3 * n_tracks, 3 * n_tracks)
        Scores of the clips of `excerpts`.
    ids : sequence of str
    k : int, 1 to `N_EXCERPTS`

    Returns
    -------
    list of pd.DataFrame, shape=(n_tracks, n_tracks)
        Means over pairs of excerpts; all tracks give the same thirds.

    Examples
    --------
    >>> names = ["x/0", "x/1", "x/2", "y/0", "y/1", "y/2"]
    >>> parts = methods.labelled_scores(np.arange(36).reshape(6, 6), names)
    >>> [scores.loc["x", "y"].tolist() for scores in of_excerpts(parts, ["x", "y"], 1)]
    [3.0, 10.0, 17.0]
    >>> [scores.loc["x", "y"].tolist() for scores in of_excerpts(parts, ["x", "y"], 3)]
    [10.0]
    """
    names = [f"{track}/{part}" for track in ids for part in range(N_EXCERPTS)]
    values = np.nan_to_num(frame.reindex(index=names, columns=names).to_numpy(float))
    frames, owners = [], np.repeat(np.arange(len(ids)), k)
    for chosen in itertools.combinations(range(N_EXCERPTS), k):
        rows = (np.arange(len(ids))[:, None] * N_EXCERPTS + np.array(chosen)).ravel()
        means = methods.mean_over_clips(values[np.ix_(rows, rows)], owners, len(ids))
        frames.append(methods.labelled_scores(means, ids))
    return frames
