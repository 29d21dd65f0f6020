"""What the explorer shows of a study before anything is chosen: one JSON object, the *world*.

Conventions
-----------
- Artists and clips are numbers: their places in ``study.ids`` and ``study.clips``.
- What notebooks 02 and 07 store for the explorer is used where it is there: the map, the measured blend, the
  moments and readable features of clips, the simulated styles. A file that does not fit the study is refused,
  for it is of another run.
- NaN is no JSON: what is unknown is null.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.beyond import readable
from lib.explorer import explorer, stored

FORMAT = 1
MAP, READABLE = "artist_map.parquet", "readable.parquet"


def describe(study, scores, *, best, shown, list_length, start, played=None):
    """All that the explorer shows of a study without a question to the kernel.

    Parameters
    ----------
    study : lib.study.Study
        With ``splits`` and ``folder``.
    scores : lib.ranking.scores.Scores
    best : str
        The method that was best on the dev artists.
    shown : sequence of str
        Lists that are shown first: ``truth`` or names of methods.
    list_length : int, >= 1
    start : str
        Id of the artist that is shown first.
    played : pd.Series, optional
        A person's plays by artist id, from `explorer.plays_of`.

    Returns
    -------
    dict
        A JSON object.

    Raises
    ------
    ValueError
        If the artist or a list is unknown, a list would be empty, or a stored file is damaged or not of this
        run.

    Examples
    --------
    >>> from lib.ranking.scores import Scores
    >>> study = explorer.three_artists()
    >>> scores = Scores.of_frames({("l2", 0, 0): study.target})
    >>> world = describe(study, scores, best="l2", shown=["truth", "l2"], list_length=8, start="y")
    >>> world["artists"]["name"][world["start"]], [method["label"] for method in world["methods"]]
    ('Air', ['truth: shared listeners', 'L2 of spectrograms'])
    """
    artists, methods = explorer.described(study, scores), explorer.sources_of(scores)
    shown = explorer.checked(shown, scores)
    if start not in artists.index:
        raise ValueError(f"there is no artist {start!r} with clips among {len(artists)}: give an artist id")
    if list_length < 1:
        raise ValueError(f"lists of {list_length} artists: list_length must be 1 or more")
    about, _ = moments(study) or (None, None)
    return {
        "format": FORMAT,
        "profile": study.folder.name,
        "simulated": bool(study.simulated),
        "split_means": explorer.SPLIT_MEANS,
        "n_listeners": int(study.chosen_listening.plays.shape[0]),
        "artists": {
            "id": list(artists.index),
            "name": artists["label"].tolist(),
            "listeners": artists["listeners"].astype(int).tolist(),
            "split": artists["split"].tolist(),
            "plays": None if played is None else played.reindex(artists.index, fill_value=0).tolist(),
        },
        "clips": _clips(study),
        "methods": [{"name": method, "label": explorer.name(method)} for method in methods],
        "best": best if best in methods else None,
        "shown": shown,
        "list_length": int(list_length),
        "start": artists.index.get_loc(start),
        "map": _map(study),
        "groups": _groups(study),
        "blend": _blend(study, methods),
        "features": _features(study),
        "moments": about,
        "excerpt": None,
        "can": {"upload": True, "sound": True},
    }


def moments(study):
    """What notebook 07 stored of the moments of each clip, if it did.

    Parameters
    ----------
    study : lib.study.Study

    Returns
    -------
    about : dict
        ``of``: what the frames are of; ``n``, ``dims``; ``seconds`` of a frame.
    frames : np.ndarray, shape=(n_clips, n, dims), dtype=int8
        Unit vectors times 127, in the order of the study's clips.

    Raises
    ------
    ValueError
        If the file is damaged, or a clip has none: they are of another run.
    """
    made = stored.moments(study.folder)
    if made is None:
        return None
    places = pd.Index(made.clip_ids, dtype=object).get_indexer(study.clips["clip_id"])
    stored.refuse_lacking("moments.npz", study.clips["clip_id"][places < 0].tolist(), len(places), "clip_id")
    n, dims = made.frames.shape[1:]
    about = {"of": made.about["of"], "n": n, "dims": dims, "seconds": made.about["seconds"]}
    return about, made.frames[places]


def _clips(study):
    clips, place = study.clips, {artist: at for at, artist in enumerate(study.ids)}
    texts = {name: clips.get(name, pd.Series("", clips.index)) for name in ("title", "source")}
    loudness = clips.get("loudness", pd.Series(np.nan, clips.index))
    return {
        "artist": clips["artist_id"].map(place).tolist(),
        **{name: column.fillna("").astype(str).tolist() for name, column in texts.items()},
        "loudness": _finite(loudness, 2),
    }


def _map(study):
    table = stored.table(study.folder, MAP, ["artist_id"], ["x", "y", "of"])
    if table is None:
        return None
    places = stored.laid(table, MAP, "artist_id", study.ids)
    return {"x": _finite(places["x"], 4), "y": _finite(places["y"], 4), "of": str(places["of"].iloc[0])}


def _groups(study):
    """The most frequent simulated style of each artist; of equally frequent ones the first by name."""
    table = stored.table(study.folder, "styles.parquet", ["clip_id"], ["style"])
    if table is None:
        return None
    styles = study.clips[["clip_id", "artist_id"]].merge(table, on="clip_id")
    counts = styles.groupby(["artist_id", "style"]).size().sort_values(ascending=False, kind="stable")
    most = counts.reset_index().drop_duplicates("artist_id").set_index("artist_id")["style"]
    of, names = pd.factorize(most.reindex(study.ids), sort=True)
    return {"label": "style (simulated)", "names": [str(name) for name in names], "of": of.tolist()}


def _blend(study, methods):
    measured = ["value", "ci_low", "ci_high", "chance", "n", "n_queries", "measure"]
    table = stored.table(study.folder, "blend.parquet", ["method", "listeners", "popularity"], measured)
    if table is None:
        return None
    shares, weights = sorted(table["listeners"].unique()), sorted(table["popularity"].unique())
    grids, first = {}, table.iloc[0]
    for method, rows in table.groupby("method", sort=False):
        cells = rows.set_index(["listeners", "popularity"])
        grid = {
            name: cells[column].unstack().reindex(index=shares, columns=weights)
            for name, column in {"value": "value", "low": "ci_low", "high": "ci_high"}.items()
        }
        grids[method] = {name: _finite(frame, 4) for name, frame in grid.items()}
    return {
        "measure": f"nDCG@{first['n']}" if first["measure"] == "ndcg" else str(first["measure"]),
        "n_queries": int(first["n_queries"]),
        "chance": _finite([first["chance"]], 4)[0],
        "listeners": [float(share) for share in shares],
        "popularity": [float(weight) for weight in weights],
        "methods": {method: grid for method, grid in grids.items() if method in methods},
    }


def _features(study):
    """Readable features of each artist, the mean over its clips, standardised over the artists."""
    table = stored.table(study.folder, READABLE, ["clip_id"], [])
    if table is None:
        return None
    columns = [column for column in table.columns if column in readable.LOW]
    of_clips = stored.laid(table, READABLE, "clip_id", study.clips["clip_id"])[columns]
    means = of_clips.groupby(study.clip_artists).mean().reindex(study.ids)
    spread = means.std(ddof=0)
    values = (means - means.mean()) / spread.where(spread > 0, 1)
    return {
        "low": [readable.LOW[column] for column in columns],
        "high": [readable.HIGH[column] for column in columns],
        "values": [_finite(row, 2) for row in values.to_numpy()],
    }


def _finite(values, digits):
    """Rounded numbers as lists; None where there is none."""
    rounded = np.round(np.asarray(values, dtype=float), digits)
    return np.where(np.isfinite(rounded), rounded.astype(object), None).tolist()
