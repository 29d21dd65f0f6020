"""A training step on tiles, against plain pairs and against the machine: ``python -m benchmarks.training``.

Prints one JSON line:

- ``pairs_per_second``: clip pairs trained on in steps of 2,048 taken as tiles of 32 × 64
  (`lib.training.pairs`),
- ``ratio_to_pairs``: how many times faster that is than the plain two-input Keras model on batches of 2,048
  pairs,
- ``fraction_of_sgemm``: the arithmetic that a step cannot do without (forward, gradients of the weights and
  of the inner activations; no gradient to the input) at the rate of a large float32 matrix product would take
  this share of the step,
- ``side_by_side``: how many times sooner the same steps of two trainings end side by side than one after the
  other (`lib.training.trainings.several`); ``cpu_side_by_side``: the same ratio of processor seconds,
- ``paper_epoch_seconds``: a whole epoch of the paper's 2,508 training clips, all pairs, measured, and
- ``peak_gb``: the highest memory of the process that ran it and nothing else,
- ``grows``: microseconds a pair with 250, 2,500 and 25,000 clips, the listing of the tiles included.

Arrays are random and of the paper's size. The ratios are measured in turns and given as medians, since other
programs may be running; ``cpu_fraction_of_sgemm`` is the same ratio of processor seconds. All is measured in
the environment variables of the notebooks (`lib.cli.notebooks.environment`).
"""

import concurrent.futures
import json
import resource
import statistics
import subprocess
import sys
import time

import keras
import numpy as np

from lib.cli import notebooks
from lib.training import network, pairs
from lib.training.siamese import Siamese
from lib.workflow import paths

N_ARTISTS, N_CLIPS, BATCH_SIZE = 877, 2_508, 2_048
ROUNDS, TILES_A_ROUND, WARM_UP = 3, 20, 10
MATRIX = 2_048  # rows and columns of the matrix product
SIZES, STEPS_A_SIZE = (250, 2_500, 25_000), 40  # clips


def main():
    """Measure and print."""
    print(json.dumps(apart("ratios") | apart("two") | apart("epoch") | {"grows": apart("growth")}))


def apart(part):
    """What one part prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.training", part],
        cwd=paths.root(),
        env=notebooks.environment(),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


def study(n_clips, n_artists):
    """Random clips, their artists, and a random target."""
    rng = np.random.default_rng(0)
    clips = rng.random((n_clips, 256, 64), dtype=np.float32)
    target = rng.random((n_artists, n_artists))
    return clips, np.arange(n_clips) * n_artists // n_clips, (target + target.T) / 2


def epoch():
    """A whole epoch at the paper's size."""
    clips, owners, target = study(N_CLIPS, N_ARTISTS)
    method = Siamese(batch_size=BATCH_SIZE).build(seed=0)
    walked = pairs.tiles(N_CLIPS, batch_size=BATCH_SIZE, seed=0, epoch=1)
    method.step(clips, owners, target, walked[0])  # compiles
    started, started_cpu = time.perf_counter(), time.process_time()
    trained_on = sum(method.step(clips, owners, target, tile)[1] for tile in walked)
    taken, cpu = time.perf_counter() - started, time.process_time() - started_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "paper_epoch_seconds": round(taken, 1),
        "paper_epoch_cpu_seconds": round(cpu, 1),
        "paper_epoch_pairs": trained_on,
        "peak_gb": round(peak, 2),
    }


def growth():
    """`growth_of` every size."""
    return {n_clips: growth_of(n_clips) for n_clips in SIZES}


def growth_of(n_clips):
    """Microseconds a pair of some steps with so many clips, and of listing all tiles."""
    clips, owners, target = study(n_clips, n_clips // 3)
    method = Siamese(batch_size=BATCH_SIZE).build(seed=0)
    started = time.perf_counter()
    walked = pairs.tiles(n_clips, batch_size=BATCH_SIZE, seed=0, epoch=1)
    listing = time.perf_counter() - started
    steps = [walked[place % len(walked)] for place in range(WARM_UP + STEPS_A_SIZE)]
    for tile in steps[:WARM_UP]:
        method.step(clips, owners, target, tile)
    taken = [
        seconds(method.step, clips, owners, target, tile)[0] / len(tile.left) for tile in steps[WARM_UP:]
    ]
    return round(1e6 * (statistics.median(taken) + listing / int(walked.n_pairs().sum())), 1)


def ratios():
    """Tiles against plain pairs and against a matrix product."""
    rng = np.random.default_rng(0)
    clips, owners, target = study(N_CLIPS, N_ARTISTS)
    method = Siamese(batch_size=BATCH_SIZE).build(seed=0)
    walked = pairs.tiles(N_CLIPS, batch_size=BATCH_SIZE, seed=0, epoch=1)
    plain = network.pair_model(network.encoder())
    plain.compile(optimizer=keras.optimizers.Adam(), loss="mean_squared_error", jit_compile=False)
    left, right = rng.choice(N_CLIPS, (2, BATCH_SIZE))
    similarity = target[owners[left], owners[right]].astype(np.float32)[:, None]
    square = rng.random((MATRIX, MATRIX), dtype=np.float32)

    def tile_step(tile):
        method.step(clips, owners, target, tile)

    def pair_step():
        plain.train_on_batch([clips[left], clips[right]], similarity)

    pair_step()
    for tile in walked[:WARM_UP]:
        tile_step(tile)
    tile_seconds, pair_seconds, product_seconds = [], [], []  # for one pair, for one pair, for one operation
    remaining = iter(walked[WARM_UP:])
    for _ in range(ROUNDS):
        product_seconds += [seconds(np.matmul, square, square) / (2 * MATRIX**3) for _ in range(5)]
        for _, tile in zip(range(TILES_A_ROUND), remaining):
            tile_seconds.append(seconds(tile_step, tile) / len(tile.left))
        pair_seconds.append(seconds(pair_step) / BATCH_SIZE)
    tile_second, pair_second, product_second = (
        np.median(taken, axis=0) for taken in (tile_seconds, pair_seconds, product_seconds)
    )
    n_columns = pairs.tile_shape(BATCH_SIZE)
    needed = operations(method.model, n_clips=sum(n_columns), n_pairs=BATCH_SIZE) * product_second
    fraction, cpu_fraction = (needed / (tile_second * BATCH_SIZE)).round(3).tolist()
    return {
        "pairs_per_second": round(1 / tile_second[0]),
        "ratio_to_pairs": round(pair_second[0] / tile_second[0], 1),
        "fraction_of_sgemm": fraction,
        "cpu_fraction_of_sgemm": cpu_fraction,
        "sgemm_gflops": round(1e-9 / product_second[0]),
    }


def two():
    """Steps of two trainings, one after the other and side by side, in turns."""
    clips, owners, target = study(N_CLIPS, N_ARTISTS)
    methods = [Siamese(batch_size=BATCH_SIZE).build(seed=seed) for seed in (0, 1)]
    walked = pairs.tiles(N_CLIPS, batch_size=BATCH_SIZE, seed=0, epoch=1)[:TILES_A_ROUND]

    def train(method):
        for tile in walked:
            method.step(clips, owners, target, tile)

    with concurrent.futures.ThreadPoolExecutor(len(methods)) as threads:
        taken = {"one after the other": [], "side by side": []}
        for _ in range(1 + ROUNDS):
            taken["one after the other"].append(seconds(lambda: [train(method) for method in methods]))
            taken["side by side"].append(seconds(lambda: list(threads.map(train, methods))))
    in_turn, together = (np.median(each[1:], axis=0) for each in taken.values())  # the first ones compile
    ratio, cpu_ratio = (in_turn / together).round(2).tolist()
    return {"side_by_side": ratio, "cpu_side_by_side": cpu_ratio}


def seconds(function, *arguments):
    """Wall-clock time and processor time of a call, shape=(2,)."""
    start = np.array([time.perf_counter(), time.process_time()])
    function(*arguments)
    return np.array([time.perf_counter(), time.process_time()]) - start


def operations(model, *, n_clips, n_pairs):
    """Additions and multiplications that a step on a tile cannot do without.

    Each layer with a kernel costs one matrix product forward and two backward (weights, activations); the
    first one needs no gradient to its input.
    """
    forward = [
        2 * np.prod(layer.kernel.shape) * (layer.output.shape[1] if layer.kernel.ndim == 3 else 1)
        for layer in model.get_layer("encoder").layers
        if hasattr(layer, "kernel")
    ]
    head = 2 * np.prod(model.get_layer("head").kernel.shape)
    return float(n_clips * (3 * sum(forward) - forward[0]) + n_pairs * 3 * head)


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps({"ratios": ratios, "two": two, "epoch": epoch, "growth": growth}[sys.argv[1]]()))
    else:
        main()
