"""A training step on tiles, against plain pairs and against the machine: ``python -m benchmarks.training``.

Prints one JSON line:

- ``pairs_per_second``: clip pairs trained on in steps of 2,048 taken as tiles of 32 × 64 (`lib.pairs`),
- ``ratio_to_pairs``: how many times faster that is than the plain two-input Keras model on batches of 2,048
  pairs,
- ``fraction_of_sgemm``: the arithmetic that a step cannot do without (forward, gradients of the weights and
  of the inner activations; no gradient to the input) at the rate of a large float32 matrix product would take
  this share of the step,
- ``paper_epoch_seconds``: all pairs of the paper's 2,508 training clips at that speed.

Arrays are random and of the paper's size. Everything is measured in turns and given as medians, since other
programs may be running.
"""

import json
import statistics
import time

import keras
import numpy as np

from lib import pairs, siamese
from lib.training import Siamese

N_ARTISTS, N_CLIPS, BATCH_SIZE = 877, 2_508, 2_048
ROUNDS, TILES_A_ROUND, WARM_UP = 3, 20, 10
MATRIX = 2_048  # rows and columns of the matrix product


def main():
    """Measure and print."""
    rng = np.random.default_rng(0)
    clips = rng.random((N_CLIPS, 256, 64), dtype=np.float32)
    owners = np.arange(N_CLIPS) * N_ARTISTS // N_CLIPS
    target = rng.random((N_ARTISTS, N_ARTISTS))
    target = (target + target.T) / 2
    method = Siamese(batch_size=BATCH_SIZE).build(seed=0)
    walked = pairs.tiles(N_CLIPS, batch_size=BATCH_SIZE, seed=0, epoch=1)
    plain = siamese.pair_model(siamese.encoder())
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
    tile_second, pair_second, product_second = map(
        statistics.median, (tile_seconds, pair_seconds, product_seconds)
    )
    n_columns = pairs.tile_shape(BATCH_SIZE)
    needed = operations(method.model, n_clips=sum(n_columns), n_pairs=BATCH_SIZE) * product_second
    print(
        json.dumps(
            {
                "pairs_per_second": round(1 / tile_second),
                "ratio_to_pairs": round(pair_second / tile_second, 1),
                "fraction_of_sgemm": round(needed / (tile_second * BATCH_SIZE), 3),
                "paper_epoch_seconds": round(tile_second * N_CLIPS * (N_CLIPS - 1) / 2, 1),
            }
        )
    )


def seconds(function, *arguments):
    """Wall-clock time of a call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


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
    main()
