"""Do tiles train as plain pairs do? ``python -m benchmarks.equivalence [--batch-size 2048 --steps 60]``.

Needs the demo's data (notebooks 01 to 03). Nearly all the time goes into plain pairs: at 256 pairs a step the
default takes half an hour on two cores, at the paper's 2,048 pairs 2.5 s a step on two quiet cores
(`benchmarks.training`) and many times that where they are shared. The same network, the same settings and
first weights, the same number of steps and of pairs in a step, in four ways:

- *tiles*: clips of the pair matrix, rows against columns (`lib.training.pairs.tiles`), 32 encodings for 256
  pairs,
- *plain pairs*: as many pairs drawn in shuffled order, each of their clips encoded anew, 512 encodings,
- *author's order*: plain pairs row by row of the pair matrix, nothing shuffled,
- *tiles, momentum .99*: tiles, and the running statistics of batch normalisation as slow as the author's; the
  others have .9.

Writes ``benchmarks/equivalence.csv``, which notebook 04b draws and tests
(`lib.ranking.longer_results.equivalence`): ``way, seed, step, train_loss`` (mean of the steps since the row
before), ``dev_loss, dev_ndcg`` (of the first 10 of the dev artists), ``constant`` (dev loss of predicting the
training artists' mean), ``step_seconds``. The stored table has 256 pairs and was made on the demo's world
before a copy of its most popular act was planted there. An interrupted run goes on. Prints one JSON line: for
each way its dev loss and nDCG at the end, mean and standard deviation over seeds, and milliseconds a step.
"""

import argparse
import itertools
import json
import time

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from lib.ranking import longer_runs, metrics
from lib.training import losses, network, pairs, siamese

BATCH_SIZE, N_STEPS, EVERY = 256, 200, 25
SEEDS = {"tiles": 3, "plain pairs": 3, "author's order": 3, "tiles, momentum .99": 3}  # trainings of each way
FAST, AUTHORS = 0.9, 0.99  # momentum of batch normalisation


def main(seeds=None, n_steps=N_STEPS, every=EVERY, batch_size=BATCH_SIZE):
    """Train every way with its seeds, write and print."""
    seeds = seeds or SEEDS
    _, study, parts, _ = longer_runs.demo()
    train, dev = parts["train"], parts["dev"]
    settings = {"n_steps": n_steps, "every": every, "batch_size": batch_size}
    kept = longer_runs.Kept("equivalence", ["way", "seed"], study, settings)
    constant = losses.constant_loss(study, train, dev)
    ways = {
        "tiles": lambda **how: Tiles(study, train, momentum=FAST, **how),
        "tiles, momentum .99": lambda **how: Tiles(study, train, momentum=AUTHORS, **how),
        "plain pairs": lambda **how: PlainPairs(study, train, shuffled=True, **how),
        "author's order": lambda **how: PlainPairs(study, train, shuffled=False, **how),
    }
    for seed, (way, make) in itertools.product(range(max(seeds.values())), ways.items()):
        if seed < seeds[way] and not kept.has(way, seed):
            network = make(seed=seed, batch_size=batch_size)
            rows = followed(network, study, dev, n_steps=n_steps, every=every)
            kept.add(rows.assign(constant=constant), way, seed)
    table = kept.table()
    table["way"] = pd.Categorical(table["way"], list(seeds))  # for the order of the rows
    table = table.sort_values(["way", "seed"], kind="stable").astype({"way": object})
    longer_runs.publish(table, "equivalence")
    last = table[table["step"] == n_steps].groupby("way", sort=False)
    ends = {
        way: {
            "dev_loss": [round(part["dev_loss"].mean(), 5), round(part["dev_loss"].std(), 5)],
            "dev_ndcg": [round(part["dev_ndcg"].mean(), 4), round(part["dev_ndcg"].std(), 4)],
            "step_ms": round(1000 * part["step_seconds"].median(), 1),
        }
        for way, part in last
    }
    print(json.dumps(ends))


class Tiles:
    """Steps on tiles of the pair matrix."""

    def __init__(self, study, train, *, seed, momentum, batch_size):
        self.batch_size = batch_size
        self.clips, self.owners = study.clips_of(train)
        self.target, self.seed = losses.target_values(study, train), seed
        self.network = siamese.Siamese(batch_size=batch_size, batch_norm_momentum=momentum).build(seed=seed)

    def losses(self):
        """Train for ever; the loss of each step."""
        for epoch in itertools.count(1):
            for tile in pairs.tiles(len(self.clips), batch_size=self.batch_size, seed=self.seed, epoch=epoch):
                yield self.network.step(self.clips, self.owners, self.target, tile)[0]

    def trained(self):
        """The network as it is after the steps taken so far."""
        return self.network


class PlainPairs(Tiles):
    """Steps on pairs, every clip of every pair encoded anew."""

    def __init__(self, study, train, *, seed, shuffled, batch_size):
        super().__init__(study, train, seed=seed, momentum=FAST, batch_size=batch_size)
        self.shuffled = shuffled
        self.plain = network.pair_model(network.encoder(batch_norm_momentum=FAST))
        self.plain.set_weights(self.network.model.get_weights())
        self.plain.compile(optimizer=keras.optimizers.Adam(), loss="mean_squared_error", jit_compile=False)

    def losses(self):
        left, right = np.triu_indices(len(self.clips), k=1)
        different = self.owners[left] != self.owners[right]
        left, right = left[different], right[different]
        for epoch in itertools.count(1):
            order = np.arange(len(left))
            if self.shuffled:
                order = np.random.default_rng([self.seed, epoch]).permutation(order)
            for start in range(0, len(order) - self.batch_size + 1, self.batch_size):
                chosen = order[start : start + self.batch_size]
                a, b = left[chosen], right[chosen]
                wanted = self.target[self.owners[a], self.owners[b]].astype(np.float32)[:, None]
                loss = float(self.plain.train_on_batch([self.clips[a], self.clips[b]], wanted))
                yield loss

    def trained(self):
        self.network.model.set_weights(self.plain.get_weights())
        return self.network


def followed(way, study, dev, *, n_steps, every):
    """One training, judged on the dev artists every few steps."""
    truth = study.target.loc[dev, dev]
    clips, owners = study.clips_of(dev)
    target = truth.to_numpy()[owners[:, None], owners[None, :]]
    counted = np.triu(owners[:, None] != owners[None, :])
    rows, losses, seconds = [], [], []
    steps = way.losses()
    for step in tqdm(range(1, n_steps + 1), unit="step"):
        start = time.perf_counter()
        losses.append(next(steps))
        seconds.append(time.perf_counter() - start)
        if step % every == 0:
            network = way.trained()
            judged, scores = network.clip_similarities(clips), network.score(study, dev).reindex_like(truth)
            rows.append(
                {
                    "step": step,
                    "train_loss": np.mean(losses),
                    "dev_loss": np.mean((judged - target)[counted] ** 2),
                    "dev_ndcg": metrics.ndcg(
                        scores, truth, min(longer_runs.LIST_LENGTH, len(dev) - 1)
                    ).mean(),
                    "step_seconds": round(float(np.median(seconds)), 4),
                }
            )
            losses, seconds = [], []
    return pd.DataFrame(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="pairs in a step")
    parser.add_argument("--steps", type=int, default=N_STEPS, help="a multiple of 8")
    options = parser.parse_args()
    main(n_steps=options.steps, every=max(1, options.steps // 8), batch_size=options.batch_size)
