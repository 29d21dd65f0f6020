"""Six artists and a karaoke act, a beep for each track: what `demo.catalogue_server` needs of a world."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import soundfile

from lib.clips import collect

RATE = 8_000  # Hz
SECONDS = 11


@dataclass(frozen=True)
class Artist:
    mbid: str
    name: str
    catalogues: dict
    n_tracks: int = 3
    spotify_preview: bool = True
    weight: float = 1.0
    seed: int = field(default=0)


@dataclass(frozen=True)
class Track:
    track_id: str
    title: str
    album: str
    seed: int


def mbid(number):
    return f"{number:08d}-0000-4000-8000-000000000000"


def ids(number, *catalogues):
    known = {"spotify": f"{number:022d}", "itunes": str(1000 + number), "deezer": str(2000 + number)}
    return {name: known[name] for name in catalogues}


EVERYWHERE = ("spotify", "itunes", "deezer")


class TinyWorld:
    artists = [
        Artist(mbid(1), "Everywhere", ids(1, *EVERYWHERE), n_tracks=5),
        Artist(mbid(2), "Only Apple", ids(2, "itunes")),
        Artist(mbid(3), "Nowhere", {}),
        Artist(mbid(4), "Twins", ids(4, *EVERYWHERE)),
        Artist(mbid(5), "twins", ids(5, *EVERYWHERE), weight=0.5),
        Artist(mbid(6), 'A/../C & "D" 🎸', ids(6, "spotify", "deezer"), n_tracks=2, spotify_preview=False),
    ]
    decoys = [Artist(mbid(7), "Everywhere Karaoke Version", ids(7, *EVERYWHERE))]

    def tracks(self, artist):
        number = int(artist.mbid[:8])
        return [
            Track(str(100 * number + n), f"Song {n} of {number}", f"Album {n % 2}", seed=100 * number + n)
            for n in range(artist.n_tracks)
        ]

    def track(self, track_id):
        every = [track for artist in self.artists + self.decoys for track in self.tracks(artist)]
        return next(track for track in every if track.track_id == track_id)


def table(world):
    """The artists as notebook 01 hands them on."""
    return pd.DataFrame(
        {"artist_id": [a.mbid for a in world.artists], "name": [a.name for a in world.artists]}
    )


def collected(artists, sources, folder, **options):
    """What `collect` returns and writes beside it, by name."""
    clips, missing = collect.collect(artists, sources, folder, **options)
    retrievals = pd.read_csv(Path(folder) / "retrievals.tsv", sep="\t", dtype="str", keep_default_na=False)
    return SimpleNamespace(clips=clips, missing=missing, retrievals=retrievals)


def beep(world, track, codec):
    """A clip with a pitch of its own."""
    return sound(100 + track.seed), "wav"


def sound(hertz, *, seconds=SECONDS, level=0.3, format="WAV"):
    """An encoded tone of a certain pitch."""
    time = np.arange(int(seconds * RATE)) / RATE
    file = io.BytesIO()
    soundfile.write(file, level * np.sin(2 * np.pi * hertz * time), RATE, format=format)
    return file.getvalue()
