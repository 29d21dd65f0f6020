"""The catalogues of the simulated world: Spotify, iTunes, Deezer and MusicBrainz, as far as they are asked.

Conventions
-----------
One server on the loopback plays all four, under one address each; they answer in the shapes of the real
ones, faults included: tribute acts turn up in every search, Spotify's preview may be null and its search
sends ten artists at a time, Deezer reports errors with HTTP 200 and signs its previews, and a few requests,
always the same, are refused when they are made for the first time. Clips are rendered when they are asked
for, in child processes. The addresses hold a digest of the world and of the code that makes it: what was
remembered of one world is never taken for another's.
"""

import base64
import collections
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from demo import apart
from lib.audio import sandbox
from lib.listening import names

THROTTLED = 0.02  # share of the addresses that are refused once
SIGNED_FOR = 120  # seconds that the address of a Deezer preview lasts
N_WORKERS = 2
MAX_ROWS = 50  # of an answer
SPOTIFY_ROWS = 10  # the same, as applications in development mode get it since 2026
CODECS = {"spotify": "mp3", "itunes": "m4a", "deezer": "mp3"}  # of the previews


def serve(world, *, render=None, n_workers=N_WORKERS):
    """Open the catalogues of a world.

    Parameters
    ----------
    world : demo.World
    render : callable or None
        From (world, track, codec) to (encoded clip, codec), at the top of a module; None:
        `synthesiser.render`.
    n_workers : int
        Processes that render.

    Returns
    -------
    Server
        Closed by ``close()`` or at the end of a ``with`` block, which is an error where a clip could not be
        rendered: it would be missing, and nobody would know why.
    """
    if render is None:
        from demo.synthesiser import render
    return Server(world, render, n_workers)


class Server:
    """The running catalogues.

    Attributes
    ----------
    addresses : dict
        For `lib.clips.sources.registry.connect`.
    requests : list of str
        Path and query of everything that was asked so far.
    """

    def __init__(self, world, render, n_workers):
        self.requests, self._refused, self._lock = [], set(), threading.Lock()
        self._render, self._rendering = apart.Apart(world, render), threading.BoundedSemaphore(n_workers)
        self._fault = None  # why a clip could not be rendered
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        origin = f"http://127.0.0.1:{self._http.server_port}/{_digest_of(world)}"
        self._prefix = urlsplit(origin).path
        self._catalogues = Catalogues(world, origin)
        self.addresses = {
            "spotify": f"{origin}/spotify",
            "spotify_accounts": f"{origin}/spotify_accounts",
            "itunes": f"{origin}/itunes",
            "deezer": f"{origin}/deezer",
            "musicbrainz": f"{origin}/musicbrainz",
        }
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Stop answering and end the processes that render.

        Raises
        ------
        RuntimeError
            If a clip could not be rendered.
        """
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        sandbox.close(apart.GIGABYTES)
        if self._fault:
            raise RuntimeError(f"a clip of the simulated world was not rendered: {self._fault}")

    def respond(self, method, address, headers):
        """Status, headers and body of a response."""
        parts = urlsplit(address)
        path = parts.path.removeprefix(self._prefix)
        with self._lock:
            self.requests.append(address.removeprefix(self._prefix))
            first = address not in self._refused
            self._refused.add(address)
        if first and _chance(path + "?" + parts.query) < THROTTLED and not path.startswith("/preview/deezer"):
            return _refusal(path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if preview := re.fullmatch(r"/preview/(\w+)/(\d+)", path):
            return self._preview(*preview.groups(), query)
        status, answer = self._catalogues.respond(method, path, query, headers)
        return status, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(answer).encode()

    def _preview(self, catalogue, track_id, query):
        if not self._catalogues.may_hear(catalogue, track_id, query):
            return 403, {}, b""
        with self._rendering:
            if self._fault:
                return 410, {}, b""
            try:
                clip, codec = self._render(track_id, CODECS[catalogue])
            except (sandbox.Refused, RuntimeError) as fault:
                self._fault = fault
                return 410, {}, b""
        return 200, {"Content-Type": f"audio/{codec}"}, clip


class Catalogues:
    """What the catalogues know, without the network.

    Parameters
    ----------
    world : demo.World
    origin : str
        Address that previews lie below.
    """

    def __init__(self, world, origin):
        self._origin, self._secret = origin, secrets.token_bytes(16)
        self._token = secrets.token_hex(16)
        self._artists, self._tracks = {}, {}
        self._by_word = collections.defaultdict(list)
        self._by_mbid = {artist.mbid: artist for artist in world.artists}
        for artist in sorted([*world.artists, *world.decoys], key=lambda each: -each.weight):
            tracks = world.tracks(artist)
            for catalogue, artist_id in artist.catalogues.items():
                self._artists[catalogue, artist_id] = (artist, tracks)
                self._tracks |= {(catalogue, track.track_id): (artist, track) for track in tracks}
            for word in set(names.normalise(artist.name).split()):
                self._by_word[word].append(artist)

    def respond(self, method, path, query, headers):
        """Status and JSON of an answer."""
        for pattern, answer in (
            (r"/spotify_accounts", self._spotify_token),
            (r"/spotify/(search|artists/\w+/top-tracks|tracks/\w+)", self._spotify),
            (r"/itunes/(search|lookup)", self._itunes),
            (r"/deezer/(search/artist|artist/\w+/top|track/\w+)", self._deezer),
            (r"/musicbrainz/artist/([0-9a-f-]+)", self._musicbrainz),
        ):
            if match := re.fullmatch(pattern, path):
                return answer(method, *match.groups(), query, headers)
        return 404, {"error": "no such address"}

    def may_hear(self, catalogue, track_id, query):
        """Whether there is such a preview, and its address is still good."""
        if (catalogue, track_id) not in self._tracks:
            return False
        if catalogue != "deezer":
            return True
        until, _, signature = query.get("hdnea", "").removeprefix("exp=").partition("~hmac=")
        return hmac.compare_digest(signature, self._signature(track_id, until)) and float(until) > time.time()

    def _search(self, catalogue, name):
        """Artists whose name holds all the words, most popular first."""
        words = names.normalise(name).split()
        candidates = self._by_word.get(words[0], []) if words else []
        fits = [artist for artist in candidates if set(words) <= set(names.normalise(artist.name).split())]
        return [artist for artist in fits if catalogue in artist.catalogues][:MAX_ROWS]

    def _spotify_token(self, method, query, headers):
        if (
            method != "POST"
            or headers.get("Authorization") != "Basic " + base64.b64encode(b"demo:demo").decode()
        ):
            return 400, {"error": "invalid_client"}
        return 200, {"access_token": self._token, "token_type": "Bearer", "expires_in": 3600}

    def _spotify(self, method, what, query, headers):
        if headers.get("Authorization") != f"Bearer {self._token}":
            return 401, {"error": {"status": 401, "message": "The access token expired"}}
        if what == "search":
            limit, offset = int(query.get("limit", 5)), int(query.get("offset", 0))
            if not 0 < limit <= SPOTIFY_ROWS:
                return 400, {"error": {"status": 400, "message": "Invalid limit"}}
            artists = self._search("spotify", query["q"])
            rows = [
                {"id": artist.catalogues["spotify"], "name": artist.name, "type": "artist"}
                for artist in artists[offset : offset + limit]
            ]
            more = offset + limit < len(artists)
            return 200, {
                "artists": {
                    "items": rows,
                    "limit": limit,
                    "offset": offset,
                    "next": f"{self._origin}/spotify/search?offset={offset + limit}" if more else None,
                    "total": len(artists),
                }
            }
        kind, key, *_ = what.split("/")
        if kind == "tracks":
            if ("spotify", key) not in self._tracks:
                return 404, {"error": {"status": 404, "message": "Non existing id"}}
            return 200, self._spotify_track(*self._tracks["spotify", key])
        if ("spotify", key) not in self._artists:
            return 404, {"error": {"status": 404, "message": "Non existing id"}}
        artist, tracks = self._artists["spotify", key]
        return 200, {"tracks": [self._spotify_track(artist, track) for track in tracks[:10]]}

    def _spotify_track(self, artist, track):
        preview = artist.spotify_preview
        return {
            "id": track.track_id,
            "name": track.title,
            "preview_url": f"{self._origin}/preview/spotify/{track.track_id}?cid=demo" if preview else None,
            "album": {"name": track.album},
            "artists": [{"id": artist.catalogues["spotify"], "name": artist.name}],
        }

    def _itunes(self, method, what, query, headers):
        limit = int(query.get("limit", MAX_ROWS))
        rows = []
        if what == "search":
            for artist in self._search("itunes", query["term"]):
                rows += self._itunes_songs(*self._artists["itunes", artist.catalogues["itunes"]])
        elif ("itunes", query["id"]) in self._artists:
            artist, tracks = self._artists["itunes", query["id"]]
            rows = [{"wrapperType": "artist", "artistType": "Artist"} | _itunes_artist(artist)]
            rows += self._itunes_songs(artist, tracks)
        elif ("itunes", query["id"]) in self._tracks:
            artist, track = self._tracks["itunes", query["id"]]
            rows = self._itunes_songs(artist, [track])
        return 200, {"resultCount": len(rows[:limit]), "results": rows[:limit]}

    def _itunes_songs(self, artist, tracks):
        return [
            {
                "wrapperType": "track",
                "kind": "song",
                **_itunes_artist(artist),
                "collectionName": track.album,
                "trackId": int(track.track_id),
                "trackName": track.title,
                "previewUrl": f"{self._origin}/preview/itunes/{track.track_id}",
            }
            for track in tracks
        ]

    def _deezer(self, method, what, query, headers):
        if what == "search/artist":
            artists = self._search("deezer", query["q"])
            rows = [
                {
                    "id": int(artist.catalogues["deezer"]),
                    "name": artist.name,
                    "nb_fan": round(1e6 * artist.weight),
                }
                for artist in artists
            ]
            return 200, {"data": rows, "total": len(rows)}
        kind, key, *_ = what.split("/")
        if kind == "track" and ("deezer", key) in self._tracks:
            return 200, self._deezer_track(*self._tracks["deezer", key])
        if kind == "artist" and ("deezer", key) in self._artists:
            artist, tracks = self._artists["deezer", key]
            rows = [self._deezer_track(artist, track) for track in tracks]
            return 200, {"data": rows[: int(query.get("limit", 5))], "total": len(rows)}
        return 200, {"error": {"type": "DataException", "message": "no data", "code": 800}}

    def _deezer_track(self, artist, track):
        until = str(int(time.time()) + SIGNED_FOR)
        signed = f"hdnea=exp={until}~hmac={self._signature(track.track_id, until)}"
        return {
            "id": int(track.track_id),
            "title": track.title,
            "preview": f"{self._origin}/preview/deezer/{track.track_id}?{signed}",
            "artist": {"id": int(artist.catalogues["deezer"]), "name": artist.name},
            "album": {"title": track.album},
        }

    def _signature(self, track_id, until):
        return hmac.new(self._secret, f"{track_id}/{until}".encode(), "sha256").hexdigest()

    def _musicbrainz(self, method, mbid, query, headers):
        if mbid not in self._by_mbid:
            return 404, {"error": "Not Found"}
        artist = self._by_mbid[mbid]
        pages = {
            "spotify": "https://open.spotify.com/artist/{}",
            "itunes": "https://music.apple.com/us/artist/{}",
            "deezer": "https://www.deezer.com/artist/{}",
        }
        relations = [
            {"type": "free streaming", "url": {"resource": pages[catalogue].format(artist_id)}}
            for catalogue, artist_id in artist.catalogues.items()
        ]
        return 200, {"id": mbid, "name": artist.name, "relations": relations}


def _itunes_artist(artist):
    return {"artistId": int(artist.catalogues["itunes"]), "artistName": artist.name}


def _refusal(path):
    """How each catalogue says that it was asked too often."""
    if path.startswith("/itunes"):
        return 403, {}, b""
    if path.startswith("/deezer"):
        error = {"error": {"type": "Exception", "message": "Quota limit exceeded", "code": 4}}
        return 200, {"Content-Type": "application/json"}, json.dumps(error).encode()
    return (503 if path.startswith("/musicbrainz") else 429), {"Retry-After": "0"}, b""


def _chance(text):
    """A number in [0, 1) that is always the same for a text."""
    return int(hashlib.sha1(text.encode()).hexdigest()[:8], 16) / 16**8


def _digest_of(world):
    """Changes with the world and with the code that makes it."""
    digest = hashlib.sha1()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    for artist in [*world.artists, *world.decoys]:
        tracks = [(track.track_id, track.title, track.seed) for track in world.tracks(artist)]
        digest.update(repr((artist.mbid, artist.name, artist.catalogues, tracks)).encode())
    return digest.hexdigest()[:12]


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client that hangs up, such as one that was interrupted, is no event here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer("GET")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer("POST")

    def _answer(self, method):
        try:
            status, headers, body = self.server.owner.respond(method, self.path, self.headers)
        except KeyError as missing:
            status, headers, body = 400, {}, f"parameter {missing} is missing".encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing is logged; `Server.requests` has it all."""
