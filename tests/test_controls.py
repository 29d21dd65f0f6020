"""Controls are trained as the network is, on a target that fits no artist."""

import numpy as np
import pandas as pd
import pytest

from lib.filters import controls, criteria, kernels, twins
from lib.training import siamese
from lib.workflow import paths
from lib.workflow.kept import Kept

SETTINGS = {"batch_size": 256, "epochs": 1, "learning_rate": 0.001, "batch_norm_momentum": 0.9, "n_dev": 3}


def test_permuted_targets_keep_their_values_and_lose_their_artists(study):
    train, others = study.ids[:5], study.ids[5:]
    target, found = study.target, controls.permuted(study, train, seed=1).target
    assert found.index.equals(target.index)
    assert found.columns.equals(target.columns)
    pd.testing.assert_frame_equal(found.loc[others, others], target.loc[others, others])
    before, after = (frame.loc[train, train].to_numpy() for frame in (target, found))
    assert np.isnan(np.diag(after)).all()
    assert not np.array_equal(after, before, equal_nan=True)
    np.testing.assert_array_equal(np.sort(after, axis=None), np.sort(before, axis=None))
    # Rows and columns were permuted together: that leaves the eigenvalues of a symmetric matrix as they are.
    spectra = [np.linalg.eigvalsh(np.nan_to_num(values)) for values in (after, before)]
    np.testing.assert_allclose(*spectra, atol=1e-9)


def test_each_seed_has_its_own_permutation(study):
    train = study.ids[:5]
    first, second, again = (controls.permuted(study, train, seed=seed).target for seed in (1, 2, 1))
    assert not first.equals(second)
    assert first.equals(again)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def networks(study, checkpoints, tmp_path_factory):
    train, dev = study.ids[:5], study.ids[9:]
    where = {"kept": Kept(tmp_path_factory.mktemp("kept")), "checkpoint_folder": checkpoints}
    return dict(controls.trained(study, train, dev, SETTINGS, [100, 101], **where))


def test_a_control_starts_as_the_untrained_network_of_its_seed_and_is_trained_on_its_target(networks, study):
    train, dev = study.ids[:5], study.ids[9:]
    plain = {name: SETTINGS[name] for name in controls.SETTINGS if name in SETTINGS}
    by_hand = siamese.Siamese(**plain)
    by_hand.fit(controls.permuted(study, train, seed=101), train, dev, seed=101)
    for ours, theirs in zip(networks[101].model.get_weights(), by_hand.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_interrupted_run_goes_on_from_its_checkpoints(study, networks, checkpoints, tmp_path, monkeypatch):
    train, dev, steps = study.ids[:5], study.ids[9:], []
    monkeypatch.setattr(siamese.Siamese, "_train_epoch", lambda self, *args, **more: steps.append(1) or 0.0)
    where = {"kept": Kept(tmp_path), "checkpoint_folder": checkpoints}
    again = controls.trained(study, train, dev, SETTINGS, [100], **where)
    seed, network = next(again)
    assert (seed, steps) == (100, [])
    for ours, theirs in zip(network.model.get_weights(), networks[100].model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_controls_are_described_as_trained_networks_are(networks, study):
    clips = study.spectrograms
    table = controls.describe(clips, networks, n_noise=19)
    assert table["network"].unique().tolist() == [100, 101]
    layers = [kernels.first_layer(network.model) for network in networks.values()]
    plain = criteria.describe(clips, layers)
    pd.testing.assert_frame_equal(table[list(criteria.CRITERIA)], plain[list(criteria.CRITERIA)])
    starts = [
        kernels.first_layer(siamese.Untrained(batch_norm_momentum=0.9).build(seed=seed).model)
        for seed in networks
    ]
    added = [layer.kernels - start.kernels for layer, start in zip(layers, starts, strict=True)]
    matched = twins.between(*added)
    first = table[table["network"] == 100]
    assert first["twin"].tolist() == matched["twin"].tolist()
    assert first["twin_added"].tolist() == pytest.approx(matched["correlation"].tolist())
    assert table["added_p_value"].between(0, 1).all()


def test_one_control_has_no_twin(networks, study):
    table = controls.describe(study.spectrograms[:4], {100: networks[100]}, n_noise=19)
    assert table[["twin", "twin_added"]].isna().all(axis=None)


def test_stored_controls_belong_to_the_demo_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "measured", lambda name: tmp_path / f"{name}.csv")
    assert controls.stored("demo") is None
    pd.DataFrame({"network": [100], "filter": [0]}).to_csv(tmp_path / "filter_controls.csv", index=False)
    assert len(controls.stored("demo")) == 1
    assert controls.stored("own") is None
