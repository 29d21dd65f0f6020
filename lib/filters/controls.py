"""Networks trained on permuted targets: what training adds without the truth (beyond the paper).

Conventions
-----------
- A control has the same network, clips and schedule as notebook 04. Only the artists of its target are
  permuted, rows and columns together: the target keeps its values and its structure, and has no relation to
  how the artists sound.
- Each control has a seed of its own, for its permutation, its first weights and its order. Seeds count from
  `FIRST_SEED`, so that no trained or untrained network of notebooks 04 and 06 has the same one.
- Eight controls take too long for the demo. ``benchmarks/filter_controls.csv`` holds the description of their
  filters; `criteria.CONTROLS_COMMAND` makes it from the demo's data.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from lib.filters import criteria, kernels, twins
from lib.training import siamese, trainings
from lib.workflow import paths

FIRST_SEED = 100
ARCHITECTURE = ("n_convolutions", "batch_norm_momentum")
SETTINGS = (
    "learning_rate", "batch_size", "epochs", "pairs_per_epoch", "patience", "n_devices", *ARCHITECTURE,
)  # fmt: skip
DIGITS = 5  # in the stored table


def untrained(settings, seeds):
    """First layers of networks with their random first weights.

    Parameters
    ----------
    settings : dict
        Parameters of notebook 04.
    seeds : sequence of int
        Those of trained networks give the weights that their trainings began with.

    Returns
    -------
    dict of int to lib.filters.kernels.Layer
        By seed.

    Examples
    --------
    >>> settings = {"n_convolutions": 3, "batch_norm_momentum": 0.9}
    >>> untrained(settings, [7])[7].kernels.shape
    (3, 64, 128)
    """
    build = siamese.Untrained(**{name: settings[name] for name in ARCHITECTURE}).build
    return {seed: kernels.first_layer(build(seed=seed).model) for seed in seeds}


def permuted(study, artists, *, seed):
    """The same collection with a target that fits none of its artists.

    Parameters
    ----------
    study : lib.study.Study
    artists : sequence of str
        Training artists: they exchange their rows and columns of the target.
    seed : int

    Returns
    -------
    lib.study.Study
        Targets among other artists stay what they are.
    """
    given = dict(zip(artists, np.random.default_rng(seed).permutation(artists), strict=True))
    target = study.target.rename(index=given, columns=given).reindex_like(study.target)
    return replace(study, target=target)


def trained(study, train, dev, settings, seeds, *, kept, checkpoint_folder=None):
    """Train controls.

    Parameters
    ----------
    study : lib.study.Study
        With its true target.
    train, dev : sequence of str
        Artists, as in notebook 04.
    settings : dict
        Parameters of notebook 04, of which `SETTINGS` are used.
    seeds : sequence of int
    kept, checkpoint_folder
        As for `lib.training.trainings.several`: an interrupted run goes on.

    Returns
    -------
    iterable of (int, lib.training.siamese.Siamese)
        Seeds and networks.

    Examples
    --------
    >>> controls = trained(study, study.train, study.dev, {"epochs": 25}, [100], kept=kept)  # doctest: +SKIP
    >>> describe(study.clips_of(study.dev)[0], dict(controls))  # doctest: +SKIP
    """
    given = {name: settings[name] for name in SETTINGS if name in settings}
    where = {"kept": kept, "checkpoint_folder": checkpoint_folder}
    each = [{"study": permuted(study, train, seed=seed), "seed": seed} for seed in seeds]
    return zip(seeds, trainings.several(each, train=train, dev=dev, **where, **given), strict=True)


def describe(clips, networks, *, n_noise=999):
    """Every filter of some controls.

    Parameters
    ----------
    clips : np.ndarray, shape=(n_clips, n_frames, N_MELS)
    networks : dict of int to lib.training.siamese.Siamese
        Controls by seed.
    n_noise : int
        Networks of noise behind the p-values.

    Returns
    -------
    pd.DataFrame
        ``network`` (seed), ``filter``, the columns of `criteria.CRITERIA`; ``p_value``, ``added_p_value`` (of
        a shape, from `kernels.structure`); ``twin`` (filter of the next control, in a circle, to which what
        training added corresponds best) and ``twin_added`` (their correlation), NaN for a single control.

    Examples
    --------
    >>> networks = {100: siamese.Untrained().build(seed=100)}
    >>> table = describe(np.random.default_rng(0).random((2, 256, 64), dtype=np.float32), networks, n_noise=1)
    >>> table.groupby("network")["filter"].count().to_dict()
    {100: 128}
    """
    seeds = list(networks)
    layers = [kernels.first_layer(network.model) for network in networks.values()]
    starts = [untrained(network.configuration, [seed])[seed] for seed, network in networks.items()]
    added = [layer.kernels - start.kernels for layer, start in zip(layers, starts, strict=True)]
    described = criteria.describe(clips, layers).drop(columns="active")
    tables = []
    for place, (layer, start) in enumerate(zip(layers, starts, strict=True)):
        structure = kernels.structure(layer, start, n_networks=n_noise)
        table = described[described["network"] == place].merge(
            structure[["filter", "p_value", "added_p_value"]], on="filter", validate="one_to_one"
        )
        twin, correlation = np.nan, np.nan
        if len(layers) > 1:
            matched = twins.between(added[place], added[(place + 1) % len(layers)])
            assert matched["filter"].equals(table["filter"])
            twin, correlation = matched["twin"], matched["correlation"]
        tables.append(table.assign(network=seeds[place], twin=twin, twin_added=correlation))
    return pd.concat(tables, ignore_index=True)


def stored(profile):
    """The controls of the demo, where they were trained before.

    Parameters
    ----------
    profile : str

    Returns
    -------
    pd.DataFrame or None
        As from `describe`; None for other data, or where the table has not been made.

    Examples
    --------
    >>> stored("demo").groupby("network")["filter"].count().unique().tolist()
    [128]
    >>> stored("my_listeners") is None
    True
    """
    path = paths.measured("filter_controls")
    return pd.read_csv(path) if profile == "demo" and path.exists() else None
