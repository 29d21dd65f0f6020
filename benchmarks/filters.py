"""What the first layer's filters cost to describe: seconds, memory, and silencing them against the plain way.

Clips are made of noise that comes and goes, as many as asked for (2,791 in the paper). Everything that
notebook 06 computes from clips is measured but for decoding; it prints one JSON line. Run it as
``python -m benchmarks.filters [--clips N]`` inside the environment.
"""

import argparse
import json
import resource
import time

import numpy as np
import pandas as pd

from lib import study as studies
from lib.filters import ablation, criteria, kernels, responses, twins
from lib.training import siamese

CLIPS, UNTRAINED, DEV, EVENTS = 2_800, 19, 49, 20


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=CLIPS)
    n_clips = parser.parse_args().clips
    study, dev = world(n_clips)
    networks = [siamese.Untrained().build(seed=seed) for seed in range(UNTRAINED)]
    layers = [kernels.first_layer(network.model) for network in networks]
    trained = kernels.Layer(layers[0].kernels + np.float32(0.01), layers[0].bias)
    clips, owners = study.spectrograms, study.clip_artists
    rows = np.repeat(np.arange(n_clips), EVENTS)
    seconds = np.random.default_rng(1).uniform(1, 29, len(rows))
    happened = pd.DataFrame({"row": rows, "kind": "onset", "seconds": seconds})
    base = peak_gb()
    ways = {
        "describe": lambda: criteria.describe(clips, [trained, *layers]),
        "structure": lambda: kernels.structure(trained, layers[0]),
        "covariance": lambda: twins.window_covariance(clips),
        "moments": lambda: responses.strongest_moments(clips, owners, trained, range(5), n=5),
        "around": lambda: responses.around(
            clips, {"trained": trained, "untrained": layers[0]}, range(5), happened, owners
        ),
        "ablation": lambda: ablation.changes(networks[0], study, dev, [[k] for k in range(128)]),
    }
    wall, processor = {}, {}
    for name, way in ways.items():
        started, worked = time.perf_counter(), time.process_time()
        way()
        wall[name], processor[name] = time.perf_counter() - started, time.process_time() - worked
    started = time.process_time()
    for number in range(8):
        whole_network_without(networks[0], study, dev, number)
    plain = (time.process_time() - started) / 8 * 128
    print(
        json.dumps(
            {
                "clips": n_clips,
                "seconds": {name: round(value, 2) for name, value in wall.items()},
                "seconds_all": round(sum(wall.values()), 1),
                "cpu_seconds_all": round(sum(processor.values()), 1),
                "ablation_ratio_to_whole_network": round(plain / processor["ablation"], 2),
                "peak_gb": peak_gb(),
                "peak_gb_before": base,
            }
        )
    )


def world(n_clips):
    """Clips, three an artist, and a target of noise."""
    rng = np.random.default_rng(0)
    clips = np.empty((n_clips, 256, 64), dtype=np.float16)
    for clip in clips:
        level = np.clip(0.5 + np.cumsum(rng.normal(0, 0.1, 256)), 0.1, 1)
        clip[:] = level[:, None] * rng.random((256, 64))
    ids = np.array([f"artist-{k // 3:04d}" for k in range(n_clips)], dtype=object)
    names = pd.Index(pd.unique(ids), dtype=object)
    values = rng.random((len(names), len(names)))
    values = (values + values.T) / 2
    np.fill_diagonal(values, np.nan)
    target = pd.DataFrame(values, index=names, columns=names)
    return studies.of_arrays(clips, ids, target, pd.Series(1, index=names)), list(names[:DEV])


def whole_network_without(method, study, artists, number):
    """The plain way to silence a filter: zero its weights and encode every clip from the beginning."""
    convolution = method.model.get_layer("encoder").get_layer("convolution_1")
    kernels, bias = convolution.get_weights()
    cut, cut_bias = kernels.copy(), bias.copy()
    cut[..., number], cut_bias[number] = 0, 0
    convolution.set_weights([cut, cut_bias])
    scores = method.score(study, artists)
    convolution.set_weights([kernels, bias])
    return scores


def peak_gb():
    """Most memory that this process has held so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


if __name__ == "__main__":
    main()
