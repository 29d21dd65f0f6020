"""Training with one, two or three clips an artist: ``python -m benchmarks.clips_per_artist``.

Needs the demo's data (notebooks 01 to 03). Nine trainings are 5,600 steps of the network, which took 0.25 to
0.5 s each on two cores that other work shared. All take as many steps as notebook 04, with its settings, on
the same training artists; only the number of clips differs: at most so many of each artist, drawn anew for
each seed, the fewer among the more. Dev and test artists keep all.

Writes ``benchmarks/clips_per_artist.csv``, which notebook 04 draws: ``clips, seed, part, query, ndcg,
overlap`` (of the first 10), ``concordance`` (popularity-matched), and
``benchmarks/clips_per_artist_differences.csv`` (`lib.ranking.longer_runs.differences`). An interrupted run
goes on. The stored table has one and three clips; its trainings with three are ``siamese`` of
`benchmarks.best_chance`, which has the same seeds, clips and steps. Prints one JSON line: mean overlap@10 and
nDCG@10 on the test artists for each number of clips, and seconds.
"""

import json
import time

from lib.beyond import best_chance
from lib.ranking import longer_runs
from lib.training import pairs
from lib.training.siamese import Siamese

SEEDS = (0, 1, 2)
CLIPS = (1, 2, 3)
SETTINGS = ("batch_size", "learning_rate", "n_convolutions", "batch_norm_momentum")


def main(seeds=SEEDS):
    """Train what is missing, write and print."""
    _, study, parts, parameters = longer_runs.demo()
    train, dev = parts["train"], parts["dev"]
    settings = {name: parameters[name] for name in SETTINGS}
    steps = best_chance.steps_of(
        study, train, epochs=parameters["epochs"], batch_size=parameters["batch_size"]
    )
    kept = longer_runs.Kept("clips_per_artist", ["clips", "seed"], study, settings | {"steps": steps})
    started = time.perf_counter()
    for seed in seeds:
        for clips in CLIPS:
            if kept.has(clips, seed):
                continue
            fewer = longer_runs.with_at_most(study, train, clips, seed=seed)
            n_clips = len(fewer.clips_of(train)[0])
            an_epoch = len(pairs.tiles(n_clips, batch_size=parameters["batch_size"], seed=0, epoch=1))
            method = Siamese(epochs=round(steps / an_epoch), **settings).fit(fewer, train, dev, seed=seed)
            scores = longer_runs.scores_of(method, study, parts)
            kept.add(longer_runs.per_query(scores, study), clips, seed, scores=scores)
    table = kept.table().sort_values(["clips", "seed"], kind="stable")
    longer_runs.publish(table, "clips_per_artist")
    wanted = [*((clips, None) for clips in CLIPS), (1, 3), (2, 1), (3, 1)]
    differences = longer_runs.differences(kept, study, wanted)
    longer_runs.publish(differences, "clips_per_artist_differences")
    means = table[table["part"] == "test"].groupby("clips")[["overlap", "ndcg"]].mean().round(4)
    seconds = round(time.perf_counter() - started)
    print(json.dumps({"steps": steps, "test": means.to_dict("index"), "seconds": seconds}))


if __name__ == "__main__":
    main()
