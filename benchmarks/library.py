"""A large library: ``python -m benchmarks.library [--files N] [--tracks N]``.

Prints one JSON line:

- ``tracks_per_second``: music files of three minutes, every other one mp3 and m4a, three excerpts each, from
  file to table with two workers, which are running before the clock does,
- ``decode_limit_fraction``: processor seconds of decoding the same excerpts alone, in this process, over
  those of the whole pipeline with one worker and its child; medians over rounds in which they take turns,
- ``query_ms``, ``recall``: one query among `TRACKS` clustered vectors through the index, and the share of the
  exact ten nearest that it names; ``exact_ms``: the same query without an index; ``build_seconds``,
- ``peak_gb``, ``write_seconds``: highest memory and time of a process that reads what describes `TRACKS`
  tracks, and writes neighbours, map and a playlist.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import threadpoolctl

from demo.synthesiser import encode
from lib.audio import decode, sandbox
from lib.clips import copies
from lib.library import describe, features, neighbours, tracks
from lib.spectrograms import picture
from lib.workflow import paths

RATE, SECONDS, FILES, ROUNDS, TRACKS = 44_100, 180, 12, 5, 100_000
QUERIES, NEAREST = 1000, 10


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--write", metavar="DIR", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        return write(Path(given.write))
    results = {"files": given.files, "tracks": given.tracks}
    with (
        tempfile.TemporaryDirectory(prefix="music-similarity-") as scratch,
        threadpoolctl.threadpool_limits(1),
    ):
        results |= rates(Path(scratch), given.files)
    with tempfile.TemporaryDirectory(prefix="music-similarity-") as scratch:
        results |= search(given.tracks) | whole(Path(scratch), given.tracks)
    print(json.dumps(results))


def rates(folder, n_files):
    """From files to a table, beside the decoder alone."""
    files = music(folder / "music", n_files)
    sources = [folder / "music" / path for path in files["path"]]
    ways = {
        "one": lambda: ours(folder, files, n_jobs=1),
        "two": lambda: ours(folder, files, n_jobs=2),
        "decoder": lambda: [
            decode.excerpts(source, describe.EXCERPTS, picture.SECONDS) for source in sources
        ],
    }
    for way in ways.values():
        way()
    wall, processor = ({name: [] for name in ways} for _ in range(2))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started, used = time.perf_counter(), processor_seconds()
            way()
            wall[name].append(time.perf_counter() - started)
            processor[name].append(processor_seconds() - used)
    used = {name: statistics.median(values) for name, values in processor.items()}
    return {
        "tracks_per_second": round(n_files / statistics.median(wall["two"]), 1),
        "decode_limit_fraction": round(used["decoder"] / used["one"], 3),
    }


def music(folder, n_files):
    """Files that take a decoder as long as music does, with their names."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    moments = np.arange(RATE * SECONDS) / RATE
    rows = []
    for codec in ("mp3", "m4a"):
        tones = sum(np.sin(2 * np.pi * hertz * moments) for hertz in rng.uniform(80, 4000, 8)) / 20
        beat = np.exp(-6 * (moments % 0.5))
        stereo = (tones + 0.2 * beat * rng.standard_normal((2, len(moments)))).astype(np.float32)
        content = encode(stereo.T, RATE, codec)
        for number in range(n_files // 2):
            name = f"{number:05d}.{codec}"
            (folder / name).write_bytes(content)
            rows.append((name, f"Artist {number}", name, ""))
    return pd.DataFrame(rows, columns=["path", "artist", "title", "album"]).sort_values(
        "path", ignore_index=True
    )


def ours(folder, files, *, n_jobs):
    """From files to a table that was empty."""
    description = describe.Description()
    with tempfile.TemporaryDirectory(dir=folder) as results:
        to_do = tracks.plan(folder / "music", files, results, description)
        tracks.update(folder / "music", to_do, results, description, n_jobs=n_jobs, say=lambda text: None)


def processor_seconds():
    """Of this process and of the children that wait for work."""
    ticks = 0
    for child in sandbox._idle:
        fields = Path(f"/proc/{child.process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def search(n_tracks):
    """Index and exact search among vectors that lie in clusters: styles, artists in them, their tracks."""
    vectors = clustered(n_tracks, features.N_DIRECTIONS)
    started = time.perf_counter()
    index = neighbours.Neighbours(vectors, index_from=0)
    built = time.perf_counter() - started
    exact = neighbours.Neighbours(vectors, index_from=n_tracks + 1)
    queries = np.random.default_rng(1).choice(n_tracks, min(QUERIES, n_tracks), replace=False)
    took, named = {}, {}
    for name, way in (("query", index), ("exact", exact)):
        started = time.perf_counter()
        named[name] = [way.of_tracks([query], NEAREST)[0][0] for query in queries]
        took[name] = 1000 * (time.perf_counter() - started) / len(queries)
    shared = [len(set(one) & set(other)) for one, other in zip(named["query"], named["exact"], strict=True)]
    return {
        "query_ms": round(took["query"], 2),
        "recall": round(float(np.mean(shared)) / NEAREST, 4),
        "exact_ms": round(took["exact"], 2),
        "build_seconds": round(built, 1),
    }


def clustered(n_tracks, n_dimensions):
    """Vectors of length 1: 50 styles, artists of 12 tracks around them, tracks around those."""
    rng = np.random.default_rng(0)
    styles = rng.normal(size=(50, n_dimensions))
    n_artists = -(-n_tracks // 12)
    artists = styles[rng.integers(50, size=n_artists)] + 0.7 * rng.normal(size=(n_artists, n_dimensions))
    of_tracks = np.repeat(artists, 12, axis=0)[:n_tracks] + 0.7 * rng.normal(size=(n_tracks, n_dimensions))
    return (of_tracks / np.linalg.norm(of_tracks, axis=1, keepdims=True)).astype(np.float32)


def whole(folder, n_tracks):
    """What a process takes that finds nothing new in a large library, but writes everything."""
    rng = np.random.default_rng(2)
    turned = rng.normal(size=(features.N_DIRECTIONS, features.N_FEATURES)).astype(np.float32)
    values = clustered(n_tracks, features.N_DIRECTIONS) @ turned
    print_of_one = copies.fingerprint(rng.random((picture.N_FRAMES, picture.N_MELS), dtype=np.float32))
    tracks.BLOCK = 10_000  # fewer files than an interrupted run leaves
    kept = tracks._Features(folder, describe.Description().made_by)
    for place, row in enumerate(values):
        fingerprint = rng.integers(0, 256, print_of_one.nbytes, dtype=np.uint8).tobytes()
        track = describe.Track(f"{place:064d}", 180.0, 3, fingerprint, row)
        kept.add(track, (f"{place // 12:05d}/{place:06d}.mp3", 1, 1))
    kept.flush()
    del values, kept
    command = [sys.executable, "-m", "benchmarks.library", "--tracks", str(n_tracks), "--write", str(folder)]
    done = subprocess.run(command, cwd=paths.root(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def write(folder):
    """Read what describes the tracks, write everything, and print what that took."""
    import resource

    from lib.cli import library
    from lib.library import playlists

    started, description = time.perf_counter(), describe.Description()
    earlier = tracks._earlier(folder)
    files = pd.DataFrame(list(earlier), columns=list(tracks.KEY))
    artists = files["path"].str[:5]
    files = files.assign(artist=artists, title=files["path"], album="", sha256=list(earlier.values()))
    files = files.assign(todo=False, failed="")
    kept = tracks._Features(folder, description.made_by)
    everything, _ = tracks._assemble(files, kept, folder, description)
    del kept
    library.write(everything, folder)
    playlists.choose(everything, playlists.find("00000", everything.tracks))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds = round(time.perf_counter() - started)
    print(json.dumps({"peak_gb": round(peak, 2), "write_seconds": seconds}))


if __name__ == "__main__":
    main()
