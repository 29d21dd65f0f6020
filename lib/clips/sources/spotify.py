"""Spotify, the paper's own source: needs credentials, and gives previews only to old applications.

Conventions
-----------
Ids are 22 letters and digits. Credentials come from the environment and go nowhere but to Spotify: into no
file, no message, and not to a loopback address. Since 2024-11-27 new applications get ``preview_url:
null``. Since 2026 an application in development mode needs an owner with Premium, gets at most `PAGE` rows of
a search at a time, neither popularity nor followers, and no top tracks; one with extended quota gets all as
before. Searches are read page by page, up to `ROWS` artists.
"""

import functools
import os
import re
import threading
from urllib.parse import quote

from lib.clips.sources import faults, http, limits, sentences
from lib.clips.sources.musicbrainz import MusicBrainz
from lib.clips.sources.source import TRACKS, Candidate, Catalogue, Track

ADDRESSES = {
    "spotify": "https://api.spotify.com/v1",
    "spotify_accounts": "https://accounts.spotify.com/api/token",
}
HOSTS = ("scdn.co",)  # where previews are kept
ARTIST_PAGE = re.compile(r"https?://open\.spotify\.com/artist/([0-9A-Za-z]{22})")
# Calls, in so many seconds: Spotify publishes no figure; this stays below what applications report.
LIMITER = limits.Limiter({"api.spotify.com": (90, 30.0)})
NEEDS_STATEMENT = True
LICENCE = "None granted: the recordings belong to their owners"
CITATION = "Spotify Web API, https://developer.spotify.com"
TERMS = "Spotify's developer policy forbids training on its content: use it only if you have permission."
CREDENTIALS = ("SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET")  # of the environment
MARKET = "US"
PAGE, ROWS = 10, 50  # artists: of one answer of the search, and of all
RESTRICTED = (
    "since 2026 an application in development mode gets no top tracks, and since 2024-11-27 a new one no"
    " previews; clips come from it only to applications with extended quota from before"
)
NO_TOP = "applications in development mode get no top tracks"


class Source(Catalogue):
    """Spotify as a source of clips; see `lib.clips.sources.source.Catalogue`.

    Raises
    ------
    ValueError
        If the credentials are not in the environment.
    """

    name = "spotify"

    def __init__(self, settings):
        addresses = ADDRESSES | settings.addresses
        client = settings.client(addresses["spotify"], HOSTS, limiter=LIMITER)
        self._accounts = settings.client(addresses["spotify_accounts"], limiter=LIMITER)
        local = client.local and self._accounts.local
        self._credentials = (
            ("demo", "demo") if local else tuple(os.environ.get(name, "") for name in CREDENTIALS)
        )
        if not all(self._credentials):
            raise ValueError(
                f"Spotify needs {' and '.join(CREDENTIALS)} in the environment; an application's are shown at"
                " https://developer.spotify.com/dashboard. Set them, or take 'spotify' out of `sources`."
            )
        self._token, self._lock = None, threading.Lock()
        super().__init__(settings, client, functools.partial(MusicBrainz(settings).links, page=ARTIST_PAGE))

    def search(self, name):
        def read(answer):
            page = answer["artists"]
            rows = http.listed(page["items"])
            candidates = [
                Candidate(sentences.identity(row["id"]), sentences.name(row["name"]))
                for row in rows
                if row is not None
            ]
            return candidates, len(rows) >= PAGE and page.get("next", "") is not None

        candidates = []
        for offset in range(0, ROWS, PAGE):
            params = {"q": name, "type": "artist", "limit": PAGE, "offset": offset}
            page = self._ask("search", read, params)
            if page is None:
                return None
            candidates += page[0]
            if not page[1]:
                break
        return list(dict.fromkeys(candidates))  # a page can repeat what the one before had

    def top(self, artist_id):
        def read(answer):
            tracks = []
            for row in http.listed(answer["tracks"]):
                # Where the artist is only a guest, the clip would be another's.
                if row is None or not row.get("preview_url"):
                    continue
                if sentences.identity(row["artists"][0]["id"]) == artist_id:
                    album = sentences.within(row.get("album"), "name")
                    tracks.append(Track(sentences.identity(row["id"]), sentences.name(row["name"]), album))
                    self._previews[tracks[-1].id] = sentences.name(row["preview_url"])
            return tracks[:TRACKS]

        return self._ask(f"artists/{quote(artist_id, safe='')}/top-tracks", read, {"market": MARKET})

    def preview(self, track_id):
        def read(answer):
            return [answer["preview_url"]]

        urls = self._ask(f"tracks/{quote(track_id, safe='')}", read, {"market": MARKET})
        return urls[0] if urls else None

    def _ask(self, path, read, params):
        for last in (False, True):
            token = self._authorised()
            try:
                return self.client.ask(path, read, params=params, headers={"Authorization": token})
            except faults.Unavailable as error:
                if error.status == 401 and not last:  # the token has expired
                    with self._lock:
                        self._token = None if self._token == token else self._token
                elif error.status == 403 and path.endswith("/top-tracks") and _says_nothing(error.sentence):
                    raise faults.Unavailable(f"{error} ({NO_TOP})", status=403) from error
                else:
                    raise

    def _authorised(self):
        with self._lock:
            if self._token is None:
                try:
                    self._token = self._accounts.ask(
                        "",
                        lambda answer: f"Bearer {answer['access_token']}",
                        method="POST",
                        auth=self._credentials,
                        data={"grant_type": "client_credentials"},
                    )
                except faults.Unavailable as error:
                    if error.status not in (400, 401, 403):
                        raise
                    raise faults.Unavailable(
                        f"Spotify refused the credentials in {' and '.join(CREDENTIALS)}"
                        f" (HTTP {error.status}){sentences.quoted(error.sentence)}",
                        status=error.status,
                    ) from error
            return self._token


def _says_nothing(sentence):
    return sentence.rstrip(".").casefold() in ("", "forbidden")
