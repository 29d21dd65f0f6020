"""The simulated world behind the demo: artists with styles, habits, fame and catalogues, and their tracks.

It stands in for what the paper took from outside: people who listen (`demo.listeners`), music
(`demo.synthesiser`) and catalogues (`demo.catalogue_server`). Nothing here is drawn from real acts.

Conventions
-----------
Everything follows from (`n_artists`, `n_listeners`, `seed`); each draw has its own generator, seeded by what
it is for, so that a larger audience changes no artist and another artist's track changes no other's. Artists
are sorted by their popularity, most popular first. Style mixtures are non-negative and sum to 1, in the order
of `constants.STYLE_NAMES`; habits are standard normal, in the order of `constants.HABITS`.
"""

import hashlib
import string
import uuid
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from demo import names
from demo.constants import (
    HABITS,
    MIXTURE_CONCENTRATION,
    MIXTURE_FOCUS,
    N_ARTISTS,
    N_LISTENERS,
    N_SCENES,
    NOTHING_TO_HEAR,
    NULL_SPOTIFY_PREVIEWS,
    ONLY_DEEZER,
    ONLY_ITUNES,
    SCENE_CONCENTRATION,
    STYLE_NAMES,
    STYLES,
    TRACKS,
    TRACKS_SHARES,
    TRIBUTE_ACTS,
    WITHOUT_DEEZER,
    WITHOUT_ITUNES,
    ZIPF_EXPONENT,
    ZIPF_OFFSET,
)

# Who plays the part of whom in Table 2 and section 5 of the paper: name, styles over the career, rank of
# popularity (0 = top, 1 = last).
PARTS = {
    "The Beatles": ("The Harbour Clocks", ("guitar pop",), 0.0),
    "In Flames": ("Cinderfjord", ("melodic metal", "alternative metal"), 0.22),
    "Tupac": ("Rook Delano", ("hip hop",), 0.12),
    "an obscure copy of The Beatles": ("The Harbour Bells", ("guitar pop",), 0.75),
}
COPIES = {"an obscure copy of The Beatles": "The Beatles"}  # part -> the part whose sound it has
BASE62 = string.digits + string.ascii_letters


@dataclass(frozen=True, eq=False)
class Artist:
    """One act. `decoy_of` is the MBID of the artist that a tribute act imitates; real acts have None."""

    mbid: str
    name: str
    index: int  # its number in the world; decoys go on counting after the artists
    style: np.ndarray = field(repr=False)  # shape=(n_styles,), mixture
    later_style: np.ndarray | None = field(
        repr=False
    )  # the mixture of its later tracks, where the style shifts
    habits: np.ndarray = field(repr=False)  # shape=(n_habits,)
    scene: np.ndarray = field(repr=False)  # shape=(N_SCENES,), what cannot be heard; sums to 1
    weight: float  # popularity, any unit
    catalogues: dict  # of "spotify", "itunes", "deezer": the artist's id there, only where it is to be had
    spotify_preview: bool  # False: Spotify answers `preview_url: null` for its tracks
    n_tracks: int
    plays_the_part_of: str | None = None
    decoy_of: str | None = None
    copy_of: str | None = None  # MBID of the artist whose style, habits and line-up it has

    @property
    def has_previews(self):
        """Whether any catalogue has previews."""
        return bool(self.catalogues.keys() - {"spotify"}) or (
            "spotify" in self.catalogues and self.spotify_preview
        )


@dataclass(frozen=True)
class Track:
    """One recording; `n` counts an artist's tracks from 0, most popular first."""

    track_id: str  # decimal digits, unique in the world
    artist: str  # MBID
    title: str
    album: str
    seed: int  # of everything random in its sound
    n: int


def style_kernel(reach):
    """How closely the styles are related on the map of tastes.

    Parameters
    ----------
    reach : float, > 0
        Distance on the map at which the relation has fallen to exp(-1/2).

    Returns
    -------
    np.ndarray, shape=(n_styles, n_styles)
        In (0, 1], 1 on the diagonal.
    """
    position = np.array([style.position for style in STYLES])
    distance = np.linalg.norm(position[:, None] - position[None], axis=-1)
    return np.exp(-((distance / reach) ** 2) / 2)


def digest(*parts):
    """SHA-1 of anything printable, the source of all identifiers, as hex digits."""
    return hashlib.sha1("/".join(map(str, parts)).encode()).hexdigest()


class World:
    """A world of listeners and music, the same for the same arguments.

    Parameters
    ----------
    n_artists : int, >= 4
        Artists that people listen to; those of `PARTS` are always among them.
    n_listeners : int, >= 1
    seed : int, >= 0

    Attributes
    ----------
    artists : list of Artist
        Most popular first.
    decoys : list of Artist
        Tribute and karaoke acts that only the catalogues know.

    Raises
    ------
    ValueError
        If there are too few artists or listeners.
    """

    def __init__(self, n_artists=N_ARTISTS, n_listeners=N_LISTENERS, seed=0):
        if n_artists < len(PARTS) or n_listeners < 1:
            raise ValueError(
                f"Got {n_artists} artists and {n_listeners} listeners; a world needs at least {len(PARTS)}"
                " artists and 1 listener. Raise world_artists or world_listeners."
            )
        self.n_artists, self.n_listeners, self.seed = n_artists, n_listeners, seed
        self.artists = self._artists()
        self.decoys = self._decoys()

    def inputs(self):
        """All that the world depends on, by name, for `lib.workflow.kept`."""
        return {"n_artists": self.n_artists, "n_listeners": self.n_listeners, "seed": self.seed}

    def rng(self, *purpose):
        """A generator for one purpose, independent of all others."""
        return np.random.default_rng([self.seed, int(digest(*purpose)[:15], 16)])

    def artist(self, mbid):
        """The artist or decoy of an MBID; KeyError where there is none."""
        return self._by_mbid[mbid]

    def tracks(self, artist):
        """An artist's recordings, most popular first.

        Parameters
        ----------
        artist : Artist

        Returns
        -------
        list of Track
        """
        rng = self.rng("tracks", artist.index)
        albums = [names.title(rng) for _ in range(2)]
        return [
            Track(
                track_id=str(10_000_000 + artist.index * 100 + n),
                artist=artist.mbid,
                title=names.title(rng),
                album=albums[self.is_later(n)],
                seed=int(rng.integers(2**31)),
                n=n,
            )
            for n in range(artist.n_tracks)
        ]

    def track(self, track_id):
        """The track of a `track_id`; KeyError where there is none."""
        return self._by_track_id[track_id]

    def style_of(self, track):
        """The mixture of styles of a track: its artist's of those years, shape=(n_styles,)."""
        artist = self.artist(track.artist)
        later = artist.later_style is not None and self.is_later(track.n)
        return artist.later_style if later else artist.style

    @staticmethod
    def is_later(n):
        """Whether an artist's n-th track is a later one: its top track and every other."""
        return n % 2 == 0

    @cached_property
    def _by_mbid(self):
        return {artist.mbid: artist for artist in self.artists + self.decoys}

    @cached_property
    def _by_track_id(self):
        return {
            track.track_id: track for artist in self.artists + self.decoys for track in self.tracks(artist)
        }

    def _parts(self):
        """Rank of popularity → (part, name, styles) of the named artists."""
        ranks = {}
        for part, (name, styles, share) in PARTS.items():
            rank = round(share * (self.n_artists - 1))
            while rank in ranks:
                rank += 1
            ranks[rank] = (part, name, styles)
        return ranks

    def _mixture(self, main, rng):
        return rng.dirichlet(MIXTURE_CONCENTRATION * style_kernel(MIXTURE_FOCUS)[main] + 1e-3)

    def _styles_by_rank(self):
        """The main style of each artist, most popular first: famous styles come early."""
        rng = self.rng("styles")
        share = np.array([style.share for style in STYLES])
        main = rng.choice(len(STYLES), size=self.n_artists, p=share / share.sum())
        popularity = np.array([style.popularity for style in STYLES])[main] + rng.normal(size=self.n_artists)
        return main[np.argsort(-popularity, kind="stable")]

    def _artists(self):
        parts = {rank: part for rank, part in self._parts().items() if part[0] not in COPIES}
        taken, artists = {name for name, _, _ in PARTS.values()}, []
        catalogues = self._catalogues(parts)
        namesakes = self._namesakes(
            [rank for rank, (shops, _) in enumerate(catalogues) if len(shops) == 3 and rank not in parts]
        )
        for rank, main in enumerate(self._styles_by_rank()):
            rng = self.rng("artist", rank)
            part, name, styles = parts.get(rank, (None, None, (STYLE_NAMES[main],)))
            style, *later = [self._mixture(STYLE_NAMES.index(each), rng) for each in styles]
            name = name or self._name(styles[0], taken, rng)
            if rank in namesakes:
                name = artists[namesakes[rank]].name
            n_tracks = int(rng.choice(TRACKS, p=TRACKS_SHARES))
            artists.append(
                Artist(
                    mbid=self._mbid(rank),
                    name=name,
                    index=rank,
                    style=style,
                    later_style=later[0] if later else None,
                    habits=rng.normal(size=len(HABITS)),
                    scene=rng.dirichlet(np.full(N_SCENES, SCENE_CONCENTRATION)),
                    weight=float((rank + 1 + ZIPF_OFFSET) ** -ZIPF_EXPONENT),
                    catalogues={shop: self._catalogue_id(shop, rank) for shop in catalogues[rank][0]},
                    spotify_preview=catalogues[rank][1],
                    n_tracks=max(n_tracks, 4) if part else n_tracks,
                    plays_the_part_of=part,
                )
            )
        return self._with_copies(artists)

    def _with_copies(self, artists):
        """The artists with the copies of `COPIES` among them.

        A copy takes the place of an artist that has been drawn before, so that no other draw depends on it.
        Of that artist it keeps popularity, scene and ids; the sound is that of the original.
        """
        artists, original = list(artists), {each.plays_the_part_of: each for each in artists}
        for rank, (part, name, _) in self._parts().items():
            if part in COPIES:
                copied = original[COPIES[part]]
                artists[rank] = replace(
                    artists[rank],
                    name=name,
                    style=copied.style,
                    later_style=copied.later_style,
                    habits=copied.habits,
                    catalogues={shop: self._catalogue_id(shop, rank) for shop in copied.catalogues},
                    spotify_preview=True,
                    n_tracks=max(artists[rank].n_tracks, 4),
                    plays_the_part_of=part,
                    copy_of=copied.mbid,
                )
        return artists

    def _name(self, style, taken, rng):
        while True:
            name = names.band(style, rng)
            if name.removeprefix("The ") not in taken:
                taken.add(name.removeprefix("The "))
                return name

    def _mbid(self, index):
        return str(uuid.UUID(digest(self.seed, "mbid", index)[:32], version=4))

    def _catalogue_id(self, shop, index):
        number = int(digest(self.seed, shop, index), 16)
        if shop == "spotify":
            return "".join(BASE62[number // 62**k % 62] for k in range(22))
        # The artist's number in the last digits keeps the ids apart.
        return str((number % {"itunes": 9_000, "deezer": 900}[shop] + 100) * 10_000 + index)

    def _catalogues(self, parts):
        """Rank → (the catalogues that carry the artist, whether Spotify has previews of it).

        Who cannot be heard or is carried by one catalogue only is drawn from the upper middle of the
        popularity scale, so that whoever uses the most popular nine tenths of the artists gets them all.
        """
        rng = self.rng("catalogues")
        middle = np.arange(self.n_artists // 20, self.n_artists * 2 // 3 + 1)
        middle = rng.permutation([rank for rank in middle if rank not in parts and rank < self.n_artists])
        counts = [
            max(1, round(share * self.n_artists)) for share in (NOTHING_TO_HEAR, ONLY_ITUNES, ONLY_DEEZER)
        ]
        unheard, only_itunes, only_deezer = (list(part) for part in np.split(middle, np.cumsum(counts))[:3])
        carried, mute = [], set(unheard[: len(unheard) // 3])
        for rank in range(self.n_artists):
            without = [rng.random() < share for share in (0, WITHOUT_ITUNES, WITHOUT_DEEZER)]
            shops = [
                shop
                for shop, lacks in zip(("spotify", "itunes", "deezer"), without, strict=True)
                if not lacks
            ]
            if rank in parts:
                shops = ["spotify", "itunes", "deezer"]
            elif rank in unheard:
                shops = ["spotify"] if rank in mute else []
            elif rank in only_itunes:
                shops = ["itunes"]
            elif rank in only_deezer:
                shops = ["deezer"]
            null = rank in mute or (
                len(shops) > 1 and rank not in parts and rng.random() < NULL_SPOTIFY_PREVIEWS
            )
            carried.append((shops, not null))
        return carried

    def _namesakes(self, everywhere):
        """The later artist's rank → the earlier one's, of the pair that shares a name and all catalogues."""
        pool = [rank for rank in everywhere if rank < self.n_artists * 2 / 3]
        if len(pool) < 2:
            return {}
        first, second = sorted(self.rng("namesakes").choice(pool, size=2, replace=False))
        return {int(second): int(first)}

    def _decoys(self):
        """Tribute and karaoke acts: the right words in the name, another act's music."""
        rng = self.rng("decoys")
        patterns = (
            "{} Tribute Band",
            "A Salute to {}",
            "{} Karaoke Version",
            "The Music of {}",
            "{} Cover Players",
        )
        copied = rng.permutation(self.n_artists)[: max(2, round(TRIBUTE_ACTS * self.n_artists))]
        copied = sorted({0, *map(int, copied)})
        return [
            Artist(
                mbid=self._mbid(self.n_artists + number),
                name=patterns[number % len(patterns)].format(self.artists[rank].name),
                index=self.n_artists + number,
                style=self.artists[rank].style,
                later_style=None,
                habits=rng.normal(size=len(HABITS)),
                scene=self.artists[rank].scene,
                weight=self.artists[rank].weight / 100,
                catalogues={
                    shop: self._catalogue_id(shop, self.n_artists + number)
                    for shop in ("spotify", "itunes", "deezer")
                },
                spotify_preview=True,
                n_tracks=3,
                decoy_of=self.artists[rank].mbid,
            )
            for number, rank in enumerate(copied)
        ]
