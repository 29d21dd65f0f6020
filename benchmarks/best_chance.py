"""The paper's network given its best chance, and target × encoder: ``python -m benchmarks.best_chance``.

Needs the demo's data (notebooks 01 to 03). Three trainings of each variant are some 15,000 steps of the
network, which took 0.25 to 0.5 s each on two cores that other work shared. The settings are the defaults of
notebook 04, so ``siamese`` is its network after its number of steps.

- The paper's encoder onto the similarity of pairs: ``siamese``; ``siamese_longer`` with twice as many epochs;
  ``siamese_best_epoch``, of these the epoch with the lowest dev loss; ``siamese_five`` with the five
  convolutions of the paper's text; ``siamese_denoised`` with a target of 20 directions; ``siamese_jittered``
  with random crops and gain; ``siamese_best_chance`` with both and twice as many epochs.
- The paper's encoder onto listening factors: ``encoder_factors``, as many steps.
- The features of notebook 07 onto the similarity of pairs: ``pair_ridge``, and ``feature_siamese`` with the
  paper's head, loss and number of steps.
- The features of notebook 07 onto listening factors: ``factor_ridge``, ``factor_kernel``.
- For comparison: ``chance``, ``l2``.

Writes ``benchmarks/best_chance.csv``: ``variant, encoder, target, seed, part, query, ndcg, overlap`` (of the
first 10), ``concordance`` (popularity-matched); and ``benchmarks/best_chance_differences.csv``
(`lib.ranking.longer_runs.differences`), which notebook 07b draws. An interrupted run goes on. Prints one
JSON line: for each variant the mean nDCG@10 on the test artists and the seconds that it took.
"""

import json
import time

import pandas as pd

from lib.beyond import best_chance
from lib.ranking import longer_results, longer_runs

SEEDS = (0, 1, 2)
GROUPS = (  # in order of importance: a run that is cut short has the first ones with all seeds
    ("siamese", "siamese_longer", "siamese_best_epoch"),
    ("chance", "l2", "feature_siamese", "pair_ridge", "factor_ridge", "factor_kernel"),
    ("encoder_factors",),
    ("siamese_five",),
    ("siamese_denoised", "siamese_jittered", "siamese_best_chance"),
)
SETTINGS = ("batch_size", "learning_rate", "n_convolutions", "batch_norm_momentum")


def main(seeds=SEEDS):
    """Train what is missing, write and print."""
    matrix, study, parts, parameters = longer_runs.demo()
    settings = {name: parameters[name] for name in (*SETTINGS, "epochs")}
    kept = longer_runs.Kept("best_chance", ["variant", "seed"], study, settings)
    seconds = {}
    for group in GROUPS:
        for seed in seeds:
            todo = [name for name in group if not kept.has(name, seed)]
            fitted = best_chance.fitted(
                matrix, study, parts["train"], parts["dev"], seed=seed, todo=todo, **settings
            )
            started = time.perf_counter()
            for name, method in fitted:
                scores = longer_runs.scores_of(method, study, parts)
                kept.add(longer_runs.per_query(scores, study), name, seed, scores=scores)
                seconds[name] = round(seconds.get(name, 0) + time.perf_counter() - started, 1)
                started = time.perf_counter()
        table = in_order(kept.table())
        longer_runs.publish(table, "best_chance")
        differences = longer_runs.differences(kept, study, compared())
        longer_runs.publish(differences, "best_chance_differences")
    means = table[table["part"] == "test"].groupby("variant", sort=False)["ndcg"].mean().round(3)
    print(json.dumps({"test_ndcg": means.to_dict(), "seconds": seconds}))


def compared():
    """Each variant alone, each against the network of notebook 04, and the cells of the 2 × 2."""
    alone = [(name, None) for name in best_chance.VARIANTS]
    against = [(name, "siamese") for name in best_chance.VARIANTS if name != "siamese"]
    cells = longer_results.pairs_of(best_chance.TWO_BY_TWO).values()
    return list(dict.fromkeys([*alone, *against, *cells]))


def in_order(table):
    """The table by variant and seed, with encoder and target of each variant."""
    table = table.assign(variant=pd.Categorical(table["variant"], list(best_chance.VARIANTS)))
    table = table.sort_values(["variant", "seed"], kind="stable").astype({"variant": object})
    for place, column in enumerate(("encoder", "target")):
        table.insert(place + 1, column, [best_chance.VARIANTS[name][place] for name in table["variant"]])
    return table


if __name__ == "__main__":
    main()
