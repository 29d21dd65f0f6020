"""Two virtual processors train one network: each with its tile, and with the gradients' mean."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from lib.training import devices
from lib.training.siamese import Siamese
from lib.workflow import paths

SCRIPT = """
import json
import keras, numpy as np, tensorflow
two = [tensorflow.config.LogicalDeviceConfiguration()] * 2
tensorflow.config.set_logical_device_configuration(tensorflow.config.list_physical_devices("CPU")[0], two)
from lib import study as studies
from lib.training import pairs
from lib.training.siamese import Siamese
import pandas as pd

rng = np.random.default_rng(0)
clips, owners, target = rng.random((30, 256, 64), dtype=np.float32), np.arange(30) // 2, rng.random((15, 15))
target += target.T
first, second, *_ = pairs.tiles(30, batch_size=64, seed=0, epoch=1)
settings = {"batch_norm_momentum": 0.5}


def network(n_devices, **more):
    method = Siamese(batch_size=64 * n_devices, n_devices=n_devices, **settings, **more).build(seed=0)
    method._trace()
    return method


def step(method, *tiles):
    return method.step(clips, owners, target, *tiles)


def apart(a, b):
    return max(float(np.abs(x - y).max()) for x, y in zip(a.model.get_weights(), b.model.get_weights()))


found = {}
both, alone = network(2), network(1)
found["same tile twice"] = [step(both, first, first), step(alone, first)]
found["apart after the same tile twice"] = apart(both, alone)
both, alone = network(2), network(1)
found["a tile and none"] = [step(both, first), step(alone, first)]

# A step of Adam's first kind is the sign of the gradient: read the gradient itself through plain descent.
def gradient(method, *tiles):
    with method.mirrored.scope() if method.mirrored else tensorflow.init_scope():
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build(method.model.trainable_variables)
        method.model.compile(optimizer=optimizer, loss="mean_squared_error", jit_compile=False)
    method._trace()
    before = [np.array(weight) for weight in method.model.trainable_weights]
    loss, n_pairs = step(method, *tiles)
    after = [np.array(weight) for weight in method.model.trainable_weights]
    return loss, n_pairs, [b - a for a, b in zip(after, before)]


loss, n_pairs, together = gradient(Siamese(**settings, n_devices=2).build(seed=0), first, second)
one, n_one, of_first = gradient(Siamese(**settings).build(seed=0), first)
two, n_two, of_second = gradient(Siamese(**settings).build(seed=0), second)
found["pairs"] = [n_pairs, n_one, n_two]
found["losses"] = [loss, one, two]
found["gradients apart"] = max(
    float(np.abs(t - (n_one * a + n_two * b) / n_pairs).max() / (np.abs(t).max() + 1e-12))
    for t, a, b in zip(together, of_first, of_second)
    if np.abs(t).max() > 1e-6
)

ids = [f"a{k:02d}" for k in range(15)]
study = studies.of_arrays(
    clips, np.array(ids, dtype=object)[owners], pd.DataFrame(target, index=ids, columns=ids), None
)
fitted = Siamese(batch_size=128, n_devices=2, epochs=2, **settings).fit(study, ids[:10], ids[10:], seed=0)
found["history"] = fitted.history["loss"].tolist()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=paths.root(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_two_devices_on_one_tile_are_one_device_on_it(found):
    (loss, n_pairs), (alone, n_alone) = found["same tile twice"]
    assert loss == pytest.approx(alone, rel=1e-5)
    assert n_pairs == 2 * n_alone
    assert found["apart after the same tile twice"] < 1e-6


def test_a_device_without_a_tile_counts_nothing(found):
    (loss, n_pairs), (alone, n_alone) = found["a tile and none"]
    assert loss == pytest.approx(alone, rel=1e-5)
    assert n_pairs == n_alone


def test_gradients_are_means_over_all_pairs(found):
    n_pairs, n_one, n_two = found["pairs"]
    assert n_pairs == n_one + n_two
    assert n_one != n_two  # else a mean over devices would do
    loss, one, two = found["losses"]
    assert loss == pytest.approx((n_one * one + n_two * two) / n_pairs, rel=1e-4)
    assert found["gradients apart"] < 1e-4


def test_a_whole_training_runs_on_two_devices(found):
    assert len(found["history"]) == 4
    assert np.isfinite(found["history"]).all()


def test_more_devices_than_there_are_is_an_error_that_names_them():
    with pytest.raises(ValueError, match=r"devices = 99 were asked for, there are \d+: .*CPU:0"):
        devices.Mirrored(99)


def test_another_backend_is_an_error(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="devices = 2 needs KERAS_BACKEND=tensorflow, this is jax"):
        devices.Mirrored(2)


def test_a_batch_that_cannot_be_shared_is_an_error(study):
    artists = study.ids
    method = Siamese(batch_size=64, n_devices=3)
    with pytest.raises(ValueError, match="batch_size 64 .* 3 devices"):
        method.fit(study, artists[:6], artists[6:9])
