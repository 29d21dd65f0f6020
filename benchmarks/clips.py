"""Collecting clips, apart from the network and the decoder: ``python -m benchmarks.clips [--artists N]``.

Prints one JSON line:

- ``artists``: how many artists' clips are collected, three each,
- ``client_ms``: what `lib.clips.collect.collect` costs for each clip, in milliseconds: eight threads ask a
  catalogue on the loopback that answers at once, nothing is examined, everything is written to disk; minus
  the time in which as many threads only ask for the same answers and forget them,
- ``gate_to_decode``: time to examine a clip of half a minute and to judge it (`lib.clips.collect`), over the
  time only to decode it (`lib.audio.decode`), of the worse of mp3 and m4a.

The catalogue runs in a process of its own, in the shape of Deezer: for an artist a search, a list of tracks,
and for each track its address and its bytes. Everything is measured in turns and given as medians, since
other programs may be running.
"""

import argparse
import asyncio
import hashlib
import http.client
import itertools
import json
import multiprocessing
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock
from urllib.parse import parse_qs, quote_plus, urlsplit

import numpy as np
import pandas as pd

from demo.synthesiser import encode
from lib.audio import decode
from lib.clips import collect as clips_collect
from lib.clips import gate as clips_gate
from lib.clips.sources import registry

ARTISTS, CLIPS_PER_ARTIST, THREADS = 1_000, 3, 8
ROUNDS, GATE_ROUNDS = 3, 15
RATE, SECONDS = 44_100, 30  # of the clips that are examined, as the catalogues send them
CLIP = bytes(2_000)  # of the clips that are only fetched


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artists", type=int, default=ARTISTS)
    n_artists = parser.parse_args().artists
    print(
        json.dumps(
            {
                "artists": n_artists,
                "client_ms": round(client_ms(n_artists), 2),
                "gate_to_decode": round(gate_to_decode(), 3),
            }
        )
    )


def client_ms(n_artists):
    """Milliseconds of `collect` for each clip, without the server's."""
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    server = spawning.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    try:
        turns = [(seconds(collect, n_artists, port), seconds(ask, n_artists, port)) for _ in range(ROUNDS)]
    finally:
        server.terminate()
        server.join()
    whole, server_alone = map(statistics.median, zip(*turns))
    return 1e3 * (whole - server_alone) / (n_artists * CLIPS_PER_ARTIST)


def collect(n_artists, port):
    """The clips of all artists, from nothing."""
    numbers = range(n_artists)
    artists = pd.DataFrame(
        {"artist_id": [f"id-{n}" for n in numbers], "name": [f"artist {n}" for n in numbers]}
    )
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(clips_gate, "examine_apart", unexamined):
        sources = registry.connect(
            ["deezer"],
            cache=Path(folder) / "answers",
            addresses={"deezer": f"http://127.0.0.1:{port}", "musicbrainz": f"http://127.0.0.1:{port}"},
        )
        clips, missing = clips_collect.collect(
            artists, sources, folder, clips_per_artist=CLIPS_PER_ARTIST, n_jobs=THREADS
        )
    assert len(clips) == n_artists * CLIPS_PER_ARTIST and missing.empty


def unexamined(content):
    """In place of `lib.clips.gate.examine_apart`: what a good clip would look like."""
    return {
        "codec": "mp3",
        "seconds": 30.0,
        "sample_rate": RATE,
        "channels": 2,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "peak": 0.9,
        "loudness": -14.0,
        "content": hashlib.sha1(content).hexdigest(),
    }


def ask(n_artists, port):
    """Only ask for what `collect` asks for."""

    def questions(start):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for path in itertools.chain.from_iterable(map(paths, range(start, n_artists, THREADS))):
            connection.request("GET", path)
            assert connection.getresponse().read()
        connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(questions, range(THREADS)))


def paths(artist):
    """Everything that has to be asked for an artist's clips."""
    yield f"/search/artist?q={quote_plus(f'artist {artist}')}&limit=50"
    yield f"/artist/{artist}/top?limit=50"
    for track in tracks(artist):
        yield f"/track/{track}"
        yield f"/clip/{track}"


def tracks(artist):
    """Numbers of an artist's tracks."""
    return range(CLIPS_PER_ARTIST * artist, CLIPS_PER_ARTIST * (artist + 1))


def serve(pipe):
    """Answer until terminated, at a port that is told through `pipe`."""

    async def run():
        server = await asyncio.get_running_loop().create_server(Catalogue, "127.0.0.1")
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class Catalogue(asyncio.Protocol):
    """A connection to the catalogue."""

    def connection_made(self, transport):
        self.transport, self.received = transport, b""

    def data_received(self, data):
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, self.received = self.received.split(b"\r\n\r\n", 1)
            body = answer(head.split(b" ", 2)[1].decode(), self.transport.get_extra_info("sockname")[1])
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def answer(address, port):
    """The body of an answer, in the shape of Deezer."""

    def track(number):
        return {
            "id": number,
            "title": f"Song {number}",
            "preview": f"http://127.0.0.1:{port}/clip/{number}",
            "artist": {"id": number // CLIPS_PER_ARTIST},
            "album": {"title": "One"},
        }

    parts = urlsplit(address)
    kind, key, *_ = parts.path[1:].split("/")
    if kind == "clip":
        return CLIP + key.encode()
    if kind == "search":
        name = parse_qs(parts.query)["q"][0]
        body = {"data": [{"id": int(name.split()[1]), "name": name}]}
    else:
        body = {"data": [track(n) for n in tracks(int(key))]} if kind == "artist" else track(int(key))
    return json.dumps(body).encode()


def gate_to_decode():
    """How many times longer the gate takes than the decoder alone."""
    rng = np.random.default_rng(0)
    sound = np.cumsum(rng.normal(size=(RATE * SECONDS, 2)), axis=0, dtype=np.float32)  # brown noise
    sound -= np.linspace(sound[0], sound[-1], len(sound))
    sound *= 0.5 / np.abs(sound).max()
    ratios = []
    for codec in ("mp3", "m4a"):
        clip = encode(sound, RATE, codec)
        assert gate(clip) is None
        turns = [(seconds(gate, clip), seconds(decode.decode, clip)) for _ in range(GATE_ROUNDS)]
        gated, decoded = map(statistics.median, zip(*turns))
        ratios.append(gated / decoded)
    return max(ratios)


def gate(clip):
    """Examine and judge."""
    return clips_gate.objection(clips_gate.examine_apart(clip), min_seconds=10)


def seconds(function, *arguments):
    """Wall-clock time of a call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
