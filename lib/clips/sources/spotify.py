"""Spotify, the paper's own source: needs credentials, and gives previews only to old applications.

Conventions
-----------
Ids are 22 letters and digits. Credentials come from the environment and go nowhere but to Spotify: into no
file, no message, and not to a loopback address. Since 2024-11-27 new applications get ``preview_url:
null``.
"""

import functools
import os
import re
import threading
from urllib.parse import quote

from lib.clips.sources import faults, http, limits
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
TERMS = "Spotify's developer policy forbids training on its content: use it only where you may all the same."
CREDENTIALS = ("SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET")  # of the environment
MARKET = "US"


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
            rows = http.listed(answer["artists"]["items"])
            return [Candidate(str(row["id"]), str(row["name"])) for row in rows]

        return self._ask("search", read, {"q": name, "type": "artist", "limit": 50})

    def top(self, artist_id):
        def read(answer):
            tracks = []
            for row in http.listed(answer["tracks"]):
                # Where the artist is only a guest, the clip would be another's.
                if row.get("preview_url") and str(row["artists"][0]["id"]) == artist_id:
                    tracks.append(Track(str(row["id"]), str(row["name"]), str(row["album"]["name"])))
                    self._previews[tracks[-1].id] = str(row["preview_url"])
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
                elif error.status == 403:
                    raise faults.Unavailable(
                        "Spotify refused (HTTP 403): applications in development mode get no top tracks",
                        status=403,
                    ) from error
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
                        f"Spotify does not know the credentials in {' and '.join(CREDENTIALS)}"
                    ) from error
            return self._token
