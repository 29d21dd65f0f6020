"""What do filters become without the truth? ``python3 -m benchmarks.filter_controls``

Trains eight controls (`lib.filters.controls`): the network of notebook 04, on the clips of the demo and with
the same schedule, but with the artists of the target permuted, each control with another permutation and
seed. Needs what notebooks 01 to 03 wrote for the demo (``python3 run_all.py --only 01 02 03``). It took half
an hour on two cores that other programs used as well.

Writes ``benchmarks/filter_controls.csv``, one row a filter and control (columns:
`lib.filters.controls.describe`), after each control; notebook 06 compares the trained networks with them. An
interrupted run goes on from its checkpoints, which are removed at the end. Prints one JSON line: number of
controls, their losses at the end, seconds.
"""

import json
import time

import numpy as np
import pandas as pd

from lib import study as studies
from lib.filters import controls
from lib.training import checkpoints
from lib.workflow import artifacts, kept, paths, profiles

N_CONTROLS, STAGE = 8, "04_siamese_training"


def main():
    """Train, write and print."""
    data, started = paths.data("demo"), time.perf_counter()
    parameters = {name: line.default for name, line in profiles.parameters_of(STAGE).items()}
    study = studies.load("demo", metric=parameters["metric"])
    sizes = {"n_dev": parameters["n_dev"], "n_test": parameters["n_test"], "seeds": parameters["split_seeds"]}
    split = studies.paper_split(study.ids, **sizes)
    train, dev = (studies.artists_of(split, name) for name in ("train", "dev"))
    folder, networks = data / "checkpoints_of_controls", {}
    seeds = range(controls.FIRST_SEED, controls.FIRST_SEED + N_CONTROLS)
    for seed, network in controls.trained(
        study, train, dev, parameters, seeds, kept=kept.of("demo"), checkpoint_folder=folder
    ):
        networks[seed] = network
        table = controls.describe(study.spectrograms, networks).round(controls.DIGITS)
        artifacts.write_csv(table, paths.measured("filter_controls"))
    checkpoints.discard_checkpoints(folder)
    losses = pd.concat([network.history for network in networks.values()])
    last = losses[losses["epoch"] == losses.groupby("seed")["epoch"].transform("max")]
    ends = {name: [round(value, 5) for value in part["loss"]] for name, part in last.groupby("split")}
    constant = np.var(study.target.loc[train, train].to_numpy()[np.triu_indices(len(train), k=1)])
    print(
        json.dumps(
            {
                "controls": len(networks),
                "loss": ends,
                "variance_of_the_target": round(float(constant), 5),
                "seconds": round(time.perf_counter() - started),
            }
        )
    )


if __name__ == "__main__":
    main()
