"""Do tiles train as plain pairs do? ``python -m benchmarks.equivalence`` (half an hour on two cores).

The same network, the same first weights, the same simulated music (the demo's data, notebooks 01 to 03), the
same number of steps of the same batch size, in four ways:

- *tiles*: 16 × 16 clips of the pair matrix in each step (`lib.pairs.tiles`), 32 encodings,
- *plain pairs*: as many pairs drawn in shuffled order, each of their clips encoded anew, 512 encodings,
- *author's order*: plain pairs row by row of the pair matrix, nothing shuffled,
- *tiles, momentum .99*: tiles, and the running statistics of batch normalisation as slow as the author's; the
  others have .9.

Writes ``benchmarks/equivalence.csv``, which notebook 04 draws: ``way, seed, step, train_loss`` (mean of the
steps since the row before), ``dev_loss, dev_ndcg`` (of the top 10 of the dev artists). Prints one JSON line:
for each way its dev loss and nDCG at the end, mean and standard deviation over seeds, and milliseconds a
step.
"""

import itertools
import json
import time

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from lib import artifacts, methods, pairs, paths, ranking, siamese, similarity, spectrograms, splits, training

BATCH_SIZE, N_STEPS, EVERY, SEEDS, LIST_LENGTH = 256, 200, 25, (0, 1, 2), 10
FAST, AUTHORS = 0.9, 0.99  # momentum of batch normalisation


def main():
    """Train every way with every seed, write and print."""
    data = paths.data("demo")
    study = methods.collection(
        similarity.load(data, "min_conditional"),
        pd.read_parquet(data / "artists.parquet"),
        *spectrograms.load(data),
    )
    split = splits.paper_split(study.artists)
    train, dev = (splits.artists_of(split, name) for name in ("train", "dev"))
    ways = {
        "tiles": lambda seed: Tiles(study, train, seed=seed, momentum=FAST),
        "plain pairs": lambda seed: PlainPairs(study, train, seed=seed, shuffled=True),
        "author's order": lambda seed: PlainPairs(study, train, seed=seed, shuffled=False),
        "tiles, momentum .99": lambda seed: Tiles(study, train, seed=seed, momentum=AUTHORS),
    }
    runs = [
        followed(make(seed), study, dev).assign(way=way, seed=seed)
        for way, make in ways.items()
        for seed in SEEDS
    ]
    table = pd.concat(runs, ignore_index=True)
    columns = ["way", "seed", "step", "train_loss", "dev_loss", "dev_ndcg"]
    artifacts.write_csv(table[columns], paths.measured("equivalence"))
    last = table[table["step"] == N_STEPS].groupby("way", sort=False)
    found = {
        way: {
            "dev_loss": [round(part["dev_loss"].mean(), 5), round(part["dev_loss"].std(), 5)],
            "dev_ndcg": [round(part["dev_ndcg"].mean(), 4), round(part["dev_ndcg"].std(), 4)],
            "step_ms": round(1000 * part["seconds"].median(), 1),
        }
        for way, part in last
    }
    print(json.dumps(found))


class Tiles:
    """Steps on tiles."""

    def __init__(self, study, train, *, seed, momentum):
        self.clips, self.owners = study.clips_of(train)
        self.target, self.seed = training.target_values(study, train), seed
        self.network = training.Siamese(batch_size=BATCH_SIZE, batch_norm_momentum=momentum).build(seed=seed)

    def losses(self):
        """Train for ever; the loss of each step."""
        for epoch in itertools.count(1):
            for tile in pairs.tiles(len(self.clips), batch_size=BATCH_SIZE, seed=self.seed, epoch=epoch):
                yield self.network.step(self.clips, self.owners, self.target, tile)[0]

    def trained(self):
        """The network as it is after the steps taken so far."""
        return self.network


class PlainPairs(Tiles):
    """Steps on pairs, every clip of every pair encoded anew."""

    def __init__(self, study, train, *, seed, shuffled):
        super().__init__(study, train, seed=seed, momentum=FAST)
        self.shuffled = shuffled
        self.plain = siamese.pair_model(siamese.encoder(batch_norm_momentum=FAST))
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
            for start in range(0, len(order) - BATCH_SIZE + 1, BATCH_SIZE):
                chosen = order[start : start + BATCH_SIZE]
                a, b = left[chosen], right[chosen]
                wanted = self.target[self.owners[a], self.owners[b]].astype(np.float32)[:, None]
                loss = float(self.plain.train_on_batch([self.clips[a], self.clips[b]], wanted))
                yield loss

    def trained(self):
        self.network.model.set_weights(self.plain.get_weights())
        return self.network


def followed(way, study, dev):
    """One training, judged on the dev artists every few steps."""
    truth = study.target.loc[dev, dev]
    clips, owners = study.clips_of(dev)
    target = truth.to_numpy()[owners[:, None], owners[None, :]]
    counted = np.triu(owners[:, None] != owners[None, :])
    rows, losses, seconds = [], [], []
    steps = way.losses()
    for step in tqdm(range(1, N_STEPS + 1), unit="step"):
        start = time.perf_counter()
        losses.append(next(steps))
        seconds.append(time.perf_counter() - start)
        if step % EVERY == 0:
            network = way.trained()
            judged, scores = network.clip_similarities(clips), network.score(study, dev).reindex_like(truth)
            rows.append(
                {
                    "step": step,
                    "train_loss": np.mean(losses),
                    "dev_loss": np.mean((judged - target)[counted] ** 2),
                    "dev_ndcg": ranking.ndcg(scores, truth, LIST_LENGTH).mean(),
                    "seconds": np.median(seconds),
                }
            )
            losses, seconds = [], []
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
