"""Single artists: the paper's Table 2, neighbours by album, and the places of one artist in every list."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.ranking import lists


def table2(scores, target, split, queries, *, sources, among=None, n=5):
    """The artists most similar to some queries, by the truth and by each source (the paper's Table 2).

    The split of each query is named, because a network has met the training artists before.

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
        Over all artists.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    split : pd.DataFrame
        ``fold``, ``artist_id``, ``split``; fold 0 is the paper's.
    queries : sequence of str
        Artist ids.
    sources : sequence of str
        Method names.
    among : sequence of str, optional
        Candidates, the queries among them; all artists, if None. The paper's are training and test artists.
    n : int

    Returns
    -------
    pd.DataFrame
        ``query, query_split, truth, candidates, rank, source, artist, score``; ids, not names.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> from lib.ranking.scores import Scores
    >>> truth = labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], list("abc"))
    >>> split = pd.DataFrame({"fold": 0, "artist_id": list("abc"), "split": ["train", "dev", "test"]})
    >>> table = table2(Scores.of_frames({("l2", 0, 0): -truth}), truth, split, ["c"], sources=["l2"], n=1)
    >>> table[["query", "query_split", "source", "rank", "artist"]]
      query query_split source  rank artist
    0     c        test  truth     1      a
    1     c        test     l2     1      b
    """
    among = list(target.columns if among is None else among)
    split_of = split[split["fold"] == 0].set_index("artist_id")["split"]
    frames = {"truth": target.loc[list(queries), among]}
    frames |= {source: scores.mean(source, target.index).loc[list(queries), among] for source in sources}
    tables = [lists.top(frame, n).assign(source=source) for source, frame in frames.items()]
    table = pd.concat(tables, ignore_index=True)
    table["query_split"], table["truth"] = table["query"].map(split_of), "corrected"
    table["candidates"] = "all" if len(among) == len(target) else "train and test"
    return table[["query", "query_split", "truth", "candidates", "rank", "source", "artist", "score"]]


def album_neighbours(networks, study, query, *, n=5):
    """The nearest artists of one artist, found by the clips of each of its albums alone.

    Parameters
    ----------
    networks : sequence of lib.training.siamese.Siamese
        Trained; their similarities are averaged.
    study : lib.study.Study
    query : str
    n : int

    Returns
    -------
    pd.DataFrame
        ``album, clips`` (how many), ``rank, artist, score``; the album of the most popular clip first.

    Examples
    --------
    >>> from lib import study as studies
    >>> from lib.training.siamese import Untrained
    >>> target, listeners = pd.DataFrame(0.0, list("ab"), list("ab")), pd.Series([9, 5], list("ab"))
    >>> study = studies.of_arrays(np.eye(256, 64)[None].repeat(4, 0), list("aaab"), target, listeners)
    >>> study.clips["album"] = ["First", "Second", "Second", "Third"]
    >>> album_neighbours([Untrained().build(seed=0)], study, "a")[["album", "clips", "rank", "artist"]]
        album  clips  rank artist
    0   First      1     1      b
    1  Second      2     1      b
    """
    others, owners = study.clips_of(study.ids)
    own = study.clips.fillna({"album": ""})
    own = own[own["artist_id"] == query]
    albums = list(own.groupby("album", sort=False))
    rows = np.concatenate([part.index.to_numpy() for _, part in albums])
    sound = np.asarray(study.spectrograms[rows], dtype=np.float32)
    similar = np.mean([network.clip_similarities(sound, others) for network in networks], axis=0)
    ends = np.cumsum([len(part) for _, part in albums])
    tables = []
    for (album, part), of_album in zip(albums, np.split(similar, ends[:-1]), strict=True):
        scores = pd.Series(of_album.mean(axis=0)).groupby(owners).mean().set_axis(study.ids)
        frame = scores.drop(query).rename(query).to_frame().T.rename_axis(index="query", columns="candidate")
        tables.append(lists.top(frame, n).assign(album=album, clips=len(part)))
    return pd.concat(tables, ignore_index=True)[["album", "clips", "rank", "artist", "score"]]


def diversity_around(style, distances, query, *, n=15):
    """How much the artists closest in style to one artist differ in sound, compared with those around others.

    Parameters
    ----------
    style, distances : pd.DataFrame, shape=(n_artists, n_artists)
        Closeness in style; scores of a distance, such as `l2`, higher is closer.
    query : str
    n : int
        Artists closest in style that make a neighbourhood.

    Returns
    -------
    float
        Share of the other artists whose neighbourhood differs less.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> style, sound = (-abs(np.subtract.outer(place, place)) for place in ([0, 1, 10, 11], [0, 5, 1, 20]))
    >>> style, sound = (labelled_scores(values, list("abcd")) for values in (style, sound))
    >>> {query: diversity_around(style, sound, query, n=2) for query in "bc"}
    {'b': 0.0, 'c': 1.0}
    """
    distances = distances.reindex_like(style).to_numpy()
    spreads = {}
    for artist, row in zip(style.index, style.to_numpy(), strict=True):
        near = np.argsort(-np.nan_to_num(row, nan=-np.inf), kind="stable")[:n]
        spreads[artist] = -np.nanmean(distances[np.ix_(near, near)])
    spreads = pd.Series(spreads)
    return float((spreads.drop(query) < spreads[query]).mean())


def places_of(scores, target, query, artists, *, sources):
    """Which place each source gives to some artists among all others, for one query.

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
        Over all artists.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    query : str
    artists, sources : sequence of str

    Returns
    -------
    pd.DataFrame
        ``artist, source, place`` (1 is nearest; ties share their mean place), ``of`` (artists); no rows for
        artists without scores.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> from lib.ranking.scores import Scores
    >>> truth = labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], list("abc"))
    >>> places_of(Scores.of_frames({("l2", 0, 0): -truth}), truth, "a", ["c"], sources=["l2"])
      artist source  place  of
    0      c  truth    2.0   2
    1      c     l2    1.0   2
    """
    frames = {"truth": target} | {source: scores.mean(source, target.index) for source in sources}
    present = [artist for artist in artists if artist in target.columns]
    rows = [
        (artist, source, frame.loc[query].rank(ascending=False)[artist], len(target) - 1)
        for artist in present
        for source, frame in frames.items()
    ]
    return pd.DataFrame(rows, columns=["artist", "source", "place", "of"])
