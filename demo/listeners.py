"""Simulated listeners: two files in the layout of Last.fm-360K, with a small dose of its dirt.

A listener has a taste, a place among styles, some habits and scenes that nobody can hear, and a leaning
towards the popular. Popular acts therefore share listeners without sounding alike: the confound that the
paper complains of.

Conventions
-----------
Plays: user sha1, artist MBID, artist name, plays; profile: user sha1, gender, age, country, sign-up date;
separated by tabs, no header, UTF-8, lines end with a line feed (but for the profile's last line), users in
order, a user's most played artist first. Names are written as catalogues write them, not in the lower case of
Last.fm-360K.

Model
-----
An artist is a point in a space of styles, habits and scenes. A listener loves the surroundings of one such
point, where closeness falls like ``exp(-distance)`` and fame counts as well; a part of what they hear is
whatever is popular.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import scipy.spatial.distance

from demo.constants import (
    DIRT,
    DRAWS_PER_LISTENER,
    HABIT_PULL,
    HABITS,
    MAINSTREAM,
    PLAYS_PER_ARTIST,
    POPULARITY_WITHIN_AN_INTEREST,
    PROFILE_DIRT,
    SCENE_PULL,
    STYLE_PULL,
    STYLE_REACH,
    STYLES,
)
from demo.world import digest, style_kernel
from lib.workflow import artifacts

PLAYS, PROFILE, TRAITS = "plays.tsv", "profile.tsv", "traits.parquet"
COUNTRIES = (
    "United States",
    "Germany",
    "United Kingdom",
    "Poland",
    "Sweden",
    "Brazil",
    "Finland",
    "Türkiye",
    "Chile",
)
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
UNKNOWN_MBID = "125ec42a-7229-4250-afc5-e057484327fe"  # MusicBrainz' own "[unknown]"


def audible(world):
    """Where artists lie in what can be heard, on the scale on which listeners respond to it.

    Parameters
    ----------
    world : demo.world.World

    Returns
    -------
    np.ndarray, shape=(n_artists, n_styles + n_pulling_habits)
    """
    loyalty = np.array([style.loyalty for style in STYLES])
    kernel = style_kernel(STYLE_REACH) * np.outer(loyalty, loyalty)
    # The distance between two mixtures is the kernel's own: a factor of the kernel is a map of the tastes.
    tastes = STYLE_PULL * np.linalg.cholesky(kernel + 1e-9 * np.eye(len(kernel)))
    mixture = np.array([_career(artist) for artist in world.artists])
    pull = np.array([HABIT_PULL.get(habit, 0) for habit in HABITS])
    habits = np.array([artist.habits for artist in world.artists]) * pull
    return np.hstack([mixture @ tastes, habits[:, pull > 0]])


def traits(world):
    """What perfect hearing would know of each artist: a reference for every method that uses the sound.

    Columns are scaled so that the Euclidean distance counts each as listeners do. Scenes and popularity,
    which listeners also follow, are left out: they cannot be heard.

    Parameters
    ----------
    world : demo.world.World

    Returns
    -------
    pd.DataFrame, shape=(n_artists, 1 + n_styles + n_pulling_habits)
        ``artist_id`` (MBID), then numbers.
    """
    tastes = [f"taste {number}" for number in range(len(STYLES))]
    columns = tastes + [f"habit {habit}" for habit in HABITS if habit in HABIT_PULL]
    frame = pd.DataFrame(audible(world), columns=columns)
    frame.insert(0, "artist_id", [artist.mbid for artist in world.artists])
    return frame


def listen(world):
    """Who listens to whom, before any dirt.

    Parameters
    ----------
    world : demo.world.World

    Returns
    -------
    listener, artist : np.ndarray of int, shape=(n_rows,)
        Positions; sorted by listener, then by plays, most first.
    plays : np.ndarray of int, shape=(n_rows,)
        At least 1.
    """
    rng = world.rng("listeners")
    listener, artist = _chosen(world, rng)
    median, between, within = PLAYS_PER_ARTIST
    log_plays = (
        np.log(median)
        + rng.normal(0, between, world.n_listeners)[listener]
        + rng.normal(0, within, len(artist))
    )
    plays = np.maximum(np.exp(log_plays), 1).astype(int)
    order = np.lexsort((artist, -plays, listener))
    return listener[order], artist[order], plays[order]


def _chosen(world, rng):
    """Listener and artist of each row, in no order: chance draws from what each listener likes."""
    n_listeners, n_artists = world.n_listeners, world.n_artists
    scenes = SCENE_PULL * np.array([artist.scene for artist in world.artists])
    distance = scipy.spatial.distance.cdist(*2 * [np.hstack([audible(world), scenes])], "euclidean")
    popularity = np.array([artist.weight for artist in world.artists])
    near = np.exp(-distance) * popularity**POPULARITY_WITHIN_AN_INTEREST
    near /= near.sum(axis=1, keepdims=True)
    popularity /= popularity.sum()
    mainstream = rng.beta(*MAINSTREAM, size=(n_listeners, 1))
    centre = rng.choice(n_artists, size=n_listeners, p=popularity)
    weight = mainstream * popularity + (1 - mainstream) * near[centre]
    median, spread = DRAWS_PER_LISTENER
    draws = np.exp(rng.normal(np.log(median), spread, size=(n_listeners, 1)))
    return np.nonzero(rng.random(weight.shape) < -np.expm1(-draws * weight))


def _career(artist):
    """An artist's style over all its years."""
    return artist.style if artist.later_style is None else (artist.style + artist.later_style) / 2


def _respelt(name, n):
    return (name.lower(), name.upper(), f"{name} ")[n % 3]


# Kind of dirt -> the lines that stand in for one clean row; n counts the rows of that kind.
DIRT_LINES = {
    "blank MBID": lambda user, mbid, name, plays, n: [(user, "", name, plays)],
    "another spelling of the name": lambda user, mbid, name, plays, n: [
        (user, mbid, _respelt(name, n), plays)
    ],
    "another MBID for the name": lambda user, mbid, name, plays, n: [(user, mbid[:-4] + "0bad", name, plays)],
    "name begins with a quote": lambda user, mbid, name, plays, n: [(user, mbid, f'"{name}', plays)],
    "quotes inside the name": lambda user, mbid, name, plays, n: [(user, mbid, f'{name} "live"', plays)],
    "carriage return in the name": lambda user, mbid, name, plays, n: [
        (user, mbid, f"{name[:3]}\r{name[3:]}", plays)
    ],
    "line separator in the name": lambda user, mbid, name, plays, n: [
        (user, mbid, f"{name[:3]}\u2028{name[3:]}", plays)
    ],
    "empty name": lambda user, mbid, name, plays, n: [(user, mbid, "", plays)],
    "[unknown] artist": lambda user, mbid, name, plays, n: [(user, UNKNOWN_MBID, "[unknown]", plays)],
    "an act called nan, null or NA": lambda user, mbid, name, plays, n: [(user, *_hostile_act(n), plays)],
    "three fields": lambda user, mbid, name, plays, n: [(user, name, plays)],
    "five fields": lambda user, mbid, name, plays, n: [(user, mbid, name, plays, "")],
    "plays that are no whole number": lambda user, mbid, name, plays, n: [
        (user, mbid, name, ("", "1e3", "7.5")[n % 3])
    ],
    "zero plays": lambda user, mbid, name, plays, n: [(user, mbid, name, 0)],
    "huge plays": lambda user, mbid, name, plays, n: [(user, mbid, name, 99_999_999_999)],
    "date for a user": lambda user, mbid, name, plays, n: [("sep 20, 2008", mbid, name, plays)],
    "twice the same row": lambda user, mbid, name, plays, n: [(user, mbid, name, plays)] * 2,
}


def _hostile_act(n):
    name = ("nan", "null", "NA")[n % 3]
    return digest("act", name)[:8] + "-0000-4000-8000-000000000000", name


def plays_lines(world):
    """The plays file, line by line, dirt included.

    Parameters
    ----------
    world : demo.world.World

    Returns
    -------
    list of str
        Without line ends.
    """
    rng = world.rng("dirt")
    listener, artist, plays = listen(world)
    users = _users(world)
    rows = [
        (users[u], world.artists[a].mbid, world.artists[a].name, p)
        for u, a, p in zip(listener.tolist(), artist.tolist(), plays.tolist(), strict=True)
    ]
    lines = ["\t".join(map(str, row)) for row in rows]
    soiled = iter(rng.permutation(len(rows)).tolist())
    for kind, share in DIRT.items():
        for n in range(max(1, round(share * len(rows)))):
            where = next(soiled)
            lines[where] = "\n".join("\t".join(map(str, line)) for line in DIRT_LINES[kind](*rows[where], n))
    lines.append("\t\t\t")  # the one row without any identity
    return lines


def profile_lines(world):
    """The profile file, line by line, dirt included.

    Parameters
    ----------
    world : demo.world.World

    Returns
    -------
    list of str
        Without line ends.
    """
    rng = world.rng("profiles")
    users, n = _users(world), world.n_listeners
    gender = rng.choice(["m", "f"], size=n, p=[0.7, 0.3]).tolist()
    age = rng.normal(25, 7, size=n).clip(13, 80).astype(int).astype(str).tolist()
    country = rng.choice(COUNTRIES, size=n).tolist()
    signed = [
        f"{MONTHS[m]} {d}, {y}"
        for m, d, y in rng.integers([0, 1, 2003], [12, 29, 2010], size=(n, 3)).tolist()
    ]
    soiled = {
        kind: rng.permutation(n)[: max(1, round(share * n))].tolist() for kind, share in PROFILE_DIRT.items()
    }
    for column, kind, value in (
        (gender, "no gender", ""), (age, "no age", ""), (age, "age -1337", "-1337"),
        (signed, "no sign-up date", ""),
    ):  # fmt: skip
        for where in soiled[kind]:
            column[where] = value
    gone = set(soiled["no row at all"])
    table = zip(users, gender, age, country, signed, strict=True)
    return ["\t".join(row) for number, row in enumerate(table) if number not in gone]


def write_listening(world, folder):
    """Write the listeners' two files, and what perfect hearing would know of the artists.

    Parameters
    ----------
    world : demo.world.World
    folder : path
        Made where it is missing.

    Returns
    -------
    plays, profile, traits : Path
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    artifacts.write_text("\n".join(plays_lines(world)) + "\n", folder / PLAYS)
    artifacts.write_text("\n".join(profile_lines(world)), folder / PROFILE)
    artifacts.write_parquet(traits(world), folder / TRAITS)
    return folder / PLAYS, folder / PROFILE, folder / TRAITS


def _users(world):
    return sorted(digest(world.seed, "user", number) for number in range(world.n_listeners))
