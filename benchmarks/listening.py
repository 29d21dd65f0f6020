"""Plays at full scale: ``python -m benchmarks.listening [--rows N]``.

Makes a file of as many rows as Last.fm-360K has (17,559,530), in its layout, with its shares of famous and
obscure artists and of rows without an MBID, and prints one JSON line:

- ``rows``: rows of the file,
- ``seconds``: read, validate, clean, keep the top 1,000 artists and count co-listeners, all in one,
- ``peak_gb``: most memory that took, environment included,
- ``ratio_to_published``: how many times longer the author's way takes (pandas: read, merge with the profile,
  crosstab, product; section 3 of the paper) on the first 500,000 rows,
- ``ratio_to_read``: ``seconds`` over the time in which polars only reads the four columns as text,
- ``halving_seconds_3000``, ``halving_peak_gb_3000``: seconds and peak memory of ten halvings by all metrics
  (`lib.listening.trust.summary`) for a matrix of 3,000 artists with 31 rows each, about as in Last.fm-2K,
- ``halving_growth``: the seconds of ten halvings for 1,000, 3,000 and 10,000 artists (at 10,000 from runs of
  one and of three halvings: the first one and nine times what another costs), the peak memory at 10,000, and
  the exponent of the artists that fits the three.

and for a file of any size, of which neither side holds more than a part at a time:

- ``rows_per_second``: read, validate, clean, count listeners and plays of all artists, and give the matrix of
  the top 1,000 (`lib.listening.plays.read` with ``n_artists``),
- ``bounded_peak_gb``: most memory that this took, co-listeners of the top 1,000 and environment included,
- ``ratio_to_scan``: its seconds over those of a plain scan, in which polars' streaming engine reads the four
  columns as text, batch by batch; ``ratio_to_scan_processor``: the same of processor seconds,
- ``co_listeners_seconds``: what counting the co-listeners takes then.

Each way runs in a process of its own, in turns; medians of three. Up to the size of Last.fm-360K the system
holds the file in memory; larger ones come from the disk, where they and the rows that are put aside take
some 125 bytes a row (25 GB for ``--rows 200000000``), and only the second list of keys is measured.
"""

import argparse
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse

from lib.listening import matrix, plays, trust
from lib.listening.layouts import common

ROWS, USERS, ARTISTS, TOP = 17_559_530, 359_347, 292_000, 1_000
SLICE, CHUNK, ROUNDS = 500_000, 1_000_000, 3
FLATNESS = 20  # of the popularity curve's head; the most famous then has some 80,000 listeners
HALVED, ROWS_AN_ARTIST, ROWS_A_USER, HALVINGS = (1_000, 3_000, 10_000), 31, 50, 10
WITHOUT_MBID, WITHOUT_DATE = 0.013, 0.0014


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    n_rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        whole, part, profile = (Path(folder) / name for name in ("plays.tsv", "part.tsv", "profile.tsv"))
        write(n_rows, whole, profile)
        scaled = at_scale(n_rows, whole, profile)
        if n_rows > ROWS:
            print(json.dumps({"rows": n_rows} | scaled))
            return
        with open(whole, "rb") as lines, open(part, "wb") as some:
            some.writelines(line for line, _ in zip(lines, range(SLICE)))
        measured = {
            name: [apart(way, file, profile) for _ in range(ROUNDS)]
            for name, way, file in [
                ("read", "read_only", whole),
                ("ours", "ours", whole),
                ("ours_part", "ours", part),
                ("published_part", "published", part),
            ]
        }
    halved = {n_artists: halvings_apart(n_artists) for n_artists in HALVED}
    seconds = {name: statistics.median(run["seconds"] for run in runs) for name, runs in measured.items()}
    print(
        json.dumps(
            {
                "rows": n_rows,
                "seconds": round(seconds["ours"], 2),
                "peak_gb": round(max(run["peak_gb"] for run in measured["ours"]), 2),
                "ratio_to_published": round(seconds["published_part"] / seconds["ours_part"], 1),
                "ratio_to_read": round(seconds["ours"] / seconds["read"], 2),
                "halving_seconds_3000": round(halved[3_000]["seconds"], 1),
                "halving_peak_gb_3000": round(halved[3_000]["peak_gb"], 2),
                "halving_growth": growth(halved),
            }
            | scaled
        )
    )


def at_scale(n_rows, plays_file, profile_file, rounds=ROUNDS):
    """What reading and counting in bounded memory takes, beside a plain scan."""
    runs = {"scanned": [], "counted": []}
    for _ in range(rounds):
        for way, done in runs.items():
            done.append(apart(way, plays_file, profile_file))
    middle = {
        (way, name): statistics.median(run[name] for run in done)
        for way, done in runs.items()
        for name in ("seconds", "processor")
    }
    return {
        "rows_per_second": round(n_rows / middle["counted", "seconds"]),
        "bounded_peak_gb": round(max(run["peak_gb"] for run in runs["counted"]), 2),
        "ratio_to_scan": round(middle["counted", "seconds"] / middle["scanned", "seconds"], 2),
        "ratio_to_scan_processor": round(middle["counted", "processor"] / middle["scanned", "processor"], 2),
        "co_listeners_seconds": round(statistics.median(run["more"] for run in runs["counted"]), 2),
    }


def write(n_rows, plays_file, profile_file):
    """Plays and profile of simulated users; their popularity falls as 1 / (rank + FLATNESS)."""
    rng = np.random.default_rng(0)
    users = pl.Series([hashlib.sha1(b"%d" % number).hexdigest() for number in range(USERS)])
    names = pl.Series([f"artist {number}{' of the north' * (number % 4)}" for number in range(ARTISTS)])
    mbids = pl.Series([f"{number:08x}-5896-5646-8b45-{number:012x}" for number in range(ARTISTS)])
    mbids = mbids.set(pl.Series(rng.random(ARTISTS) < WITHOUT_MBID), "")
    per_user = -(-n_rows // USERS)
    with open(plays_file, "wb") as file:
        for start in range(0, n_rows, CHUNK):
            rows = np.arange(start, min(start + CHUNK, n_rows))
            span = (ARTISTS + FLATNESS) / (1 + FLATNESS)
            artist = ((1 + FLATNESS) * span ** rng.random(len(rows)) - FLATNESS - 1).astype(np.int64)
            columns = [
                users.gather(rows // per_user).alias("user"),
                mbids.gather(artist).alias("mbid"),
                names.gather(artist).alias("name"),
                pl.Series("plays", np.maximum(rng.lognormal(4.5, 1.3, len(rows)), 1).astype(np.int64)),
            ]
            pl.DataFrame(columns).write_csv(file, separator="\t", include_header=False, quote_style="never")
    dates = pl.Series(rng.random(USERS) < WITHOUT_DATE)
    pl.DataFrame({"user": users, "gender": "f", "age": "30", "country": "Chile"}).with_columns(
        date=pl.when(dates).then(pl.lit("")).otherwise(pl.lit("Feb 1, 2007"))
    ).write_csv(profile_file, separator="\t", include_header=False, quote_style="never")


def apart(way, *files):
    """Run a way in its own process: seconds without the start of Python, and its peak memory."""
    run = [sys.executable, "-m", "benchmarks.listening", "--way", way, *map(str, files)]
    return json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)


def ours(plays_file, profile_file):
    """Read, validate, clean, keep the top artists, count co-listeners."""
    clean = plays.read(plays_file, profile_file)
    return matrix.top(clean.listening, TOP).co_listeners


def published(plays_file, profile_file):
    """The author's way: default reader, merge, crosstab of users and artists, product."""
    rows = pd.read_csv(plays_file, sep="\t", header=None, names=["user", "mbid", "name", "plays"])
    users = pd.read_csv(
        profile_file, sep="\t", header=None, names=["user", "gender", "age", "country", "date"]
    )
    rows = rows.merge(users, on="user").dropna(subset=["mbid", "date"])
    rows = rows[rows["name"] != "[unknown]"]
    top = rows["mbid"].value_counts().index[:TOP]
    rows = rows[rows["mbid"].isin(top)]
    table = pd.crosstab(rows["user"], rows["mbid"])
    return table.T.dot(table)


def read_only(plays_file, _):
    """What no reader of the four columns can go below."""
    schema = dict.fromkeys(common.FIELDS, pl.String)
    return pl.read_csv(plays_file, separator="\t", quote_char=None, has_header=False, schema=schema)


def halvings_apart(n_artists):
    """Seconds of ten halvings, and the peak memory, in a process of their own."""
    run = [sys.executable, "-m", "benchmarks.listening", "--halvings", str(n_artists)]
    return json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)


def halvings(n_artists):
    """Seconds of ten halvings of all metrics, and the peak memory, in this process."""
    listening = like_lastfm_2k(n_artists)
    if n_artists <= 3_000:
        seconds = seconds_of(listening, HALVINGS)
    else:
        one, three = seconds_of(listening, 1), seconds_of(listening, 3)
        seconds = one + (HALVINGS - 1) * (three - one) / 2
    return {"seconds": seconds, "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def seconds_of(listening, n_halvings):
    """Seconds of a summary of all metrics."""
    start = time.perf_counter()
    trust.summary(listening, n_halvings=n_halvings, progress=False)
    return time.perf_counter() - start


def like_lastfm_2k(n_artists):
    """A matrix with as many rows an artist and a user as Last.fm-2K, popularity as in `write`."""
    rng = np.random.default_rng(0)
    shares = 1 / (np.arange(n_artists) + FLATNESS)
    n_users = n_artists * ROWS_AN_ARTIST // ROWS_A_USER
    artist = np.concatenate([
        rng.choice(n_artists, ROWS_A_USER, replace=False, p=shares / shares.sum()) for _ in range(n_users)
    ])  # fmt: skip
    user = np.repeat(np.arange(n_users), ROWS_A_USER)
    counts = np.maximum(rng.lognormal(4.5, 1.3, len(artist)), 1).astype(np.int64)
    plays_of = scipy.sparse.coo_array((counts, (user, artist)), shape=(n_users, n_artists)).tocsr()
    artists = pd.DataFrame({"artist_id": [f"{number:05d}" for number in range(n_artists)]})
    return matrix.ListeningMatrix(
        plays_of, artists.assign(listeners=np.bincount(artist, minlength=n_artists))
    )


def growth(halved):
    """Seconds by number of artists, and the exponent that fits them."""
    seconds = [run["seconds"] for run in halved.values()]
    exponent = np.polyfit(np.log(list(halved)), np.log(seconds), 1)[0]
    return {
        "seconds": {n_artists: round(run["seconds"], 1) for n_artists, run in halved.items()},
        "peak_gb_10000": round(halved[10_000]["peak_gb"], 2),
        "exponent": round(float(exponent), 2),
    }


def counted(plays_file, profile_file):
    """The top artists of a file of any size; what is left to do gives their co-listeners."""
    clean = plays.read(plays_file, profile_file, n_artists=TOP)
    return lambda: clean.listening.co_listeners


def scanned(plays_file, _):
    """All rows as text, batch by batch, by polars' streaming engine."""
    schema = dict.fromkeys(common.FIELDS, pl.String)
    rows = pl.scan_csv(plays_file, separator="\t", quote_char=None, has_header=False, schema=schema)
    for _batch in rows.collect_batches(engine="streaming"):
        pass


def timed(way, *files):
    """Seconds, processor seconds and peak memory of a way, in this process; and seconds of what is left."""
    start, processor = time.perf_counter(), time.process_time()
    left = globals()[way](*files)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    if callable(left):
        left()
    return {
        "seconds": seconds,
        "processor": processor,
        "more": time.perf_counter() - start - seconds,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        print(json.dumps(timed(*sys.argv[2:])))
    elif sys.argv[1:2] == ["--halvings"]:
        print(json.dumps(halvings(int(sys.argv[2]))))
    else:
        main()
