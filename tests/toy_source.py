"""A source of clips that nobody has but the tests: a service whose every answer is a list."""

import functools
import re

from lib.clips.sources import limits
from lib.clips.sources.musicbrainz import MusicBrainz
from lib.clips.sources.source import Candidate, Catalogue, Track

ADDRESSES = {"toy": "https://api.toy.example"}
HOSTS = ("clips.toy.example",)  # where previews are kept
ARTIST_PAGE = re.compile(r"https://toy\.example/artist/([0-9]+)")
LIMITER = limits.Limiter({"api.toy.example": (5, 1.0)})  # calls, in so many seconds
NEEDS_STATEMENT = True
LICENCE = "None granted"
CITATION = "The toy service"
TERMS = "For play only."


class Source(Catalogue):
    """The toy service as a source of clips; see `lib.clips.sources.source.Catalogue`."""

    name = "toy"

    def __init__(self, settings):
        address = settings.addresses.get("toy", ADDRESSES["toy"])
        links = functools.partial(MusicBrainz(settings).links, page=ARTIST_PAGE)
        super().__init__(settings, settings.client(address, HOSTS, limiter=LIMITER), links)

    def search(self, name):
        return self.client.ask("search", lambda rows: [Candidate(*row) for row in rows], params={"q": name})

    def top(self, artist_id):
        return self.client.ask(f"top/{artist_id}", lambda rows: [Track(*row) for row in rows])

    def preview(self, track_id):
        return self.client.ask(f"preview/{track_id}", lambda rows: rows[0])
