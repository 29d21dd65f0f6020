"""Who listens to whom, as a sparse matrix with labels (section 3 of the paper).

Conventions
-----------
Matrices are users × artists and hold plays. Users are in the order of their ids; artists by listeners, most
first, ties by id. A listener of an artist is a user with at least one play of it. `lib.listening.plays` makes
such a matrix from a file.

Some artists are *chosen*: the targets are of them. On disk the matrix holds all artists with at least
`LISTENERS` listeners, the chosen ones first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse

from lib.listening import history
from lib.workflow import artifacts, cluster, stored

BLOCK_USERS, THREADS = 30_000, 2  # of counting co-listeners; they change its speed, not the counts
REFUSAL = "is not what notebook 01 wrote, or is damaged: run 01 again"
LISTENERS = 2  # with fewer, an artist shares no audience that could tell anything


@dataclass(frozen=True)
class ListeningMatrix:
    """Plays, with labels.

    Attributes
    ----------
    plays : scipy.sparse.csr_array, shape=(n_users, n_artists), dtype=int64
        Plays of an artist by a user.
    artists : pd.DataFrame
        ``artist_id``, ``name``, ``listeners``, ``plays``; row k describes column k of the matrix.
    """

    plays: scipy.sparse.csr_array
    artists: pd.DataFrame

    def inputs(self):
        """All there is, by name, for `lib.workflow.kept`."""
        plays = self.plays
        return {"plays": [plays.indptr, plays.indices, plays.data], "artists": self.artists}

    @property
    def listened(self) -> scipy.sparse.csr_array:
        """Who listened at all: the matrix with every count set to 1."""
        ones = self.plays.copy()
        ones.data = np.ones(len(ones.data), dtype=np.int32)
        return ones

    @cached_property
    def co_listeners(self) -> np.ndarray:
        """Users who listen to both artists of a pair, int64, shape=(n_artists, n_artists); counted once.

        Dense: meant for what `top` leaves. Counted in blocks of users, so that no copy of the plays is made.
        """
        starts = range(0, self.plays.shape[0], BLOCK_USERS)
        blocks = (self.plays[start : start + BLOCK_USERS] for start in starts)
        counts = np.zeros((self.plays.shape[1],) * 2, dtype=np.int64)
        for part in cluster.in_turn(_together, blocks, n_threads=THREADS):
            counts += part
        return counts


def _together(plays):
    """Users of a block who listen to both artists of a pair."""
    ones = np.ones(len(plays.data), dtype=np.int32)
    listened = scipy.sparse.csr_array((ones, plays.indices, plays.indptr), shape=plays.shape)
    return (listened.T @ listened).toarray()


def top(listening, n_artists, *, among=None):
    """Keep the artists with the most listeners; users without any of them are left out.

    Parameters
    ----------
    listening : ListeningMatrix
    n_artists : int
        0 keeps all of them. The paper keeps 1,000.
    among : collection of str, optional
        Ids of the artists to choose from, such as those with music; all if it is not given.

    Returns
    -------
    ListeningMatrix

    Raises
    ------
    ValueError
        If there are fewer artists, or one listener.

    Examples
    --------
    >>> plays = scipy.sparse.csr_array([[3, 1], [2, 0], [0, 5]])
    >>> artists = pd.DataFrame({"artist_id": ["abba", "air"], "listeners": [2, 2]})
    >>> top(ListeningMatrix(plays, artists), 1).plays.toarray()  # the third user has no play of Abba
    array([[3],
           [2]])
    >>> top(ListeningMatrix(plays, artists), 0, among=["air"]).plays.toarray()
    array([[1],
           [5]])
    """
    columns = np.arange(len(listening.artists))
    if among is not None:
        columns = np.flatnonzero(listening.artists["artist_id"].isin(set(among)))
    if not 0 <= n_artists <= len(columns):
        raise ValueError(
            f"-p 01_listening_data.n_artists={n_artists}: the plays hold {len(columns):,} artists"
            f"{'' if among is None else ' with music (names.tsv lists those of the music without plays)'}:"
            " give at most that, or 0 for all of them"
        )
    if listening.plays.shape[0] < 2:
        raise ValueError(
            f"{history.ONE_LISTENER}: give -p 01_listening_data.plays_file= the plays of many; one person's"
            f" can be used in the explorer, as -p {history.PARAMETER}="
        )
    columns = columns[: n_artists or None]
    artists = listening.artists.iloc[columns].reset_index(drop=True)
    return ListeningMatrix(_with_plays(listening.plays[:, columns]), artists)


def halves(listening, *, seed):
    """Split the users at random into two halves over the same artists (for the split-half reference).

    Parameters
    ----------
    listening : ListeningMatrix
    seed : int

    Returns
    -------
    tuple of ListeningMatrix
        Artists keep their order; ``listeners`` and ``plays`` count only the half's own users.
    """
    order = np.random.default_rng(seed).permutation(listening.plays.shape[0])
    middle = len(order) // 2
    return _of_users(listening, order[:middle]), _of_users(listening, order[middle:])


def shuffled(listening, *, seed, n_rounds=10):
    """Listeners without taste: who hears how many, and who is heard by how many, stays; the rest is chance.

    In each round all (user, artist) pairs are paired off at random, and two change artists unless one of the
    users has the other artist already.

    Parameters
    ----------
    listening : ListeningMatrix
    seed : int
    n_rounds : int
        After which a pair has changed as often, but for the changes that were not possible.

    Returns
    -------
    ListeningMatrix
        The plays go with the user.

    References
    ----------
    Gotelli, N. J. (2000). Null model analysis of species co-occurrence patterns. Ecology, 81 (swaps).
    """
    rng = np.random.default_rng(seed)
    pairs, n_artists = listening.plays.tocoo(), listening.plays.shape[1]
    user, artist = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
    for _ in range(n_rounds if len(user) > 1 else 0):
        taken = np.sort(user * n_artists + artist)
        first, second = rng.permutation(len(user))[: len(user) // 2 * 2].reshape(2, -1)
        wanted = np.stack(
            [user[first] * n_artists + artist[second], user[second] * n_artists + artist[first]]
        )
        place = np.minimum(np.searchsorted(taken, wanted), len(taken) - 1)
        free = (taken[place] != wanted).all(axis=0)
        order = np.argsort(wanted, axis=None, kind="stable")  # two changes may want the same
        again = np.zeros(wanted.size, dtype=bool)
        again[order[1:]] = np.diff(wanted.ravel()[order]) == 0
        free &= ~again.reshape(wanted.shape).any(axis=0)
        first, second = first[free], second[free]
        artist[first], artist[second] = artist[second], artist[first]
    plays = scipy.sparse.coo_array((pairs.data, (user, artist)), shape=listening.plays.shape).tocsr()
    return _of_users(ListeningMatrix(plays, listening.artists), np.arange(plays.shape[0]))


def save(listening, folder, *, everybody=None):
    """Write the matrix and its labels into `folder`.

    Writes ``listening.npz`` and ``all_artists.parquet``, and of the chosen artists ``artists.parquet``.

    Parameters
    ----------
    listening : ListeningMatrix
        The chosen artists, as `top` leaves them.
    folder : path
    everybody : ListeningMatrix, optional
        What they were chosen from. Its other artists with at least `LISTENERS` listeners are written too.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> plays = scipy.sparse.csr_array([[3, 1], [2, 4]])
    >>> artists = pd.DataFrame({"artist_id": ["a", "b"], "name": ["ABBA", "Air"], "listeners": [2, 2]})
    >>> everybody = ListeningMatrix(plays, artists)
    >>> save(top(everybody, 1), folder, everybody=everybody)
    >>> load(folder).plays.toarray()
    array([[3],
           [2]])
    >>> load_all(folder).plays.toarray()
    array([[3, 1],
           [2, 4]])
    """
    whole, artists = listening, listening.artists.assign(chosen=True)
    if everybody is not None:
        chosen = everybody.artists["artist_id"].isin(set(listening.artists["artist_id"])).to_numpy()
        others = np.flatnonzero(~chosen & (everybody.artists["listeners"] >= LISTENERS).to_numpy())
        columns = np.concatenate([np.flatnonzero(chosen), others])
        artists = everybody.artists.iloc[columns].assign(chosen=chosen[columns]).reset_index(drop=True)
        whole = ListeningMatrix(_with_plays(everybody.plays[:, columns]), artists)
    with artifacts.replacing(Path(folder) / "listening.npz") as partial, open(partial, "wb") as file:
        scipy.sparse.save_npz(file, whole.plays, compressed=False)  # 17 million plays: a second, not twenty
    artifacts.write_parquet(artists, Path(folder) / "all_artists.parquet")
    artifacts.write_parquet(listening.artists, Path(folder) / "artists.parquet")


def load(folder):
    """The chosen artists of what `save` wrote, and the users who listen to any of them.

    Raises
    ------
    ValueError
        If labels and matrix do not fit each other.
    """
    folder, whole = Path(folder), load_all(folder)
    artists = stored.table(folder / "artists.parquet", REFUSAL, ("artist_id", "name"))
    chosen = stored.table(folder / "all_artists.parquet", REFUSAL, ("chosen",))["chosen"]
    ids = whole.artists["artist_id"][: chosen.sum()]
    if list(ids) != list(artists["artist_id"]):
        raise ValueError(
            f"artists.parquet does not name the {len(ids)} chosen artists of listening.npz: run 01 again"
        )
    return ListeningMatrix(_with_plays(whole.plays[:, : len(ids)]), artists)


def load_all(folder):
    """All artists of what `save` wrote, those that were not chosen among them; the chosen ones come first.

    Raises
    ------
    ValueError
        If labels and matrix differ in length.
    """
    columns, file = ("artist_id", "name", "chosen"), Path(folder) / "listening.npz"
    artists = stored.table(Path(folder) / "all_artists.parquet", REFUSAL, columns).drop(columns="chosen")
    with stored.reading(file, REFUSAL):
        plays = scipy.sparse.load_npz(file)
        plays.check_format(full_check=True)
    if plays.shape[1] != len(artists):
        raise ValueError(
            f"listening.npz has {plays.shape[1]} artists, all_artists.parquet {len(artists)}: run 01 again"
        )
    return ListeningMatrix(scipy.sparse.csr_array(plays), artists)


def _with_plays(plays):
    """Without the users who have none; the plays are not copied."""
    some = np.diff(plays.indptr) > 0
    starts = np.append(plays.indptr[:1], plays.indptr[1:][some])
    plays = scipy.sparse.csr_array((plays.data, plays.indices, starts), shape=(some.sum(), plays.shape[1]))
    plays.sort_indices()
    return plays


def _of_users(listening, rows):
    plays = listening.plays[np.sort(rows)]
    artists = listening.artists.assign(
        listeners=np.bincount(plays.indices, minlength=plays.shape[1]), plays=plays.sum(axis=0)
    )
    return ListeningMatrix(plays, artists)
