"""The evaluation at the paper's size and ten times it: ``python -m benchmarks.ranking``.

Prints one JSON line:

- ``seconds``: from the spectrograms of 975 artists × 3 clips to the similarity matrices of the network and of
  the L2 baseline, and to all metrics of both, of every artist among all others, at n = 3, 5, 10 and 25,
- ``peak_gb``: most memory that took, TensorFlow and the spectrograms included,
- ``ratio_to_published``: how many times longer the author's way to the network's matrix alone would take: one
  ``predict`` of the two-input network for each pair of artists, with their 9 clip pairs. Timed on a slice of
  `SLICE` pairs and multiplied up to 975 · 974 / 2,
- ``seconds_10k``, ``peak_gb_10k``: from 30,000 spectrograms (10,000 artists × 3 clips; the paper's 2,925 over
  and over, as from a file) to each artist's 25 nearest by the network, in blocks.

Arrays are random and of the paper's size, the network has its first weights. Each way runs in a process of
its own, in turns; what a first call compiles is left out. Seconds are medians of three.
"""

import json
import resource
import statistics
import subprocess
import sys
import time

import keras
import numpy as np

from benchmarks import nearest
from lib import methods
from lib.ranking import baselines, metrics
from lib.training import network
from lib.training.siamese import ENCODE_BATCH, Siamese

N_ARTISTS, N_CLIPS, LENGTHS = 975, 3, (3, 5, 10, 25)
MANY, NEAREST = 10_000, 25
SLICE, ROUNDS = 40, 3
WAYS = ("ours", "published", "many")


def main():
    """Measure and print."""
    measured = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way, runs in measured.items():
            runs.append(apart(way))
    seconds = {way: statistics.median(run["seconds"] for run in runs) for way, runs in measured.items()}
    published = seconds["published"] / SLICE * N_ARTISTS * (N_ARTISTS - 1) / 2
    print(
        json.dumps(
            {
                "seconds": round(seconds["ours"], 2),
                "peak_gb": round(max(run["peak_gb"] for run in measured["ours"]), 2),
                "ratio_to_published": round(published / seconds["ours"]),
                "seconds_10k": round(seconds["many"], 1),
                "peak_gb_10k": round(max(run["peak_gb"] for run in measured["many"]), 2),
            }
        )
    )


def apart(way):
    """Run a way in its own process."""
    run = [sys.executable, "-m", "benchmarks.ranking", "--way", way]
    return json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def ours(method, clips):
    """Both matrices and all metrics."""
    owners = np.repeat(np.arange(N_ARTISTS), N_CLIPS)
    artists = [f"artist {place}" for place in range(N_ARTISTS)]
    network = nearest.artist_similarities(method.embed(clips), owners, head_of(method))
    l2 = methods.mean_over_clips(baselines.L2().clip_similarities(clips), owners, N_ARTISTS)
    rng = np.random.default_rng(1)
    target = methods.labelled_scores(rng.random((N_ARTISTS, N_ARTISTS)), artists)
    for scores in (network, l2):
        metrics.evaluate(methods.labelled_scores(scores, artists), target, LENGTHS)


def published(method, clips):
    """One predict a pair of artists."""
    model = network.pair_model(method.model.get_layer("encoder"))
    a, b = np.repeat(np.arange(N_CLIPS), N_CLIPS), np.tile(np.arange(N_CLIPS), N_CLIPS)
    model.predict([clips[a], clips[b]], verbose=0)
    start = time.perf_counter()
    for other in range(1, SLICE + 1):
        model.predict([clips[a], clips[N_CLIPS * other + b]], verbose=0).mean()
    return time.perf_counter() - start


def many(method, clips):
    """The nearest of each of many artists."""
    rows = np.arange(MANY * N_CLIPS) % len(clips)
    blocks = range(0, len(rows), ENCODE_BATCH)
    embeddings = np.concatenate([method.embed(clips[rows[at : at + ENCODE_BATCH]]) for at in blocks])
    artists = [f"artist {place}" for place in range(MANY)]
    owners = np.repeat(np.arange(MANY), N_CLIPS)
    lists = nearest.top(embeddings, owners, head_of(method), artists, NEAREST)
    assert len(lists) == MANY * NEAREST


def head_of(method):
    """Weights and bias of the network's last layer."""
    return [np.asarray(weight) for weight in method.model.get_layer("head").weights]


def timed(way):
    """Seconds and peak memory of a way, in this process."""
    rng = np.random.default_rng(0)
    clips = rng.random((N_ARTISTS * N_CLIPS, 256, 64), dtype=np.float32)
    method = Siamese().build(seed=0)
    nearest.artist_similarities(method.embed(clips[:ENCODE_BATCH]), np.arange(ENCODE_BATCH), head_of(method))
    start = time.perf_counter()
    seconds = globals()[way](method, clips) or time.perf_counter() - start
    return {"seconds": seconds, "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        keras.utils.set_random_seed(0)
        print(json.dumps(timed(sys.argv[2])))
    else:
        main()
