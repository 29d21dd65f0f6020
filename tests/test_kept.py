"""Kept results: made once, made again whenever anything they depend on differs, and never read by halves."""

import concurrent.futures
import functools
import itertools
import os
import shutil
import signal
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import planted_world
import pytest

from lib import registry
from lib.beyond import factor_cnn, factor_models, protocol
from lib.beyond.audio_features import AudioFeatures
from lib.beyond.segment_features import SegmentFeatures
from lib.listening import trust
from lib.training import checkpoints, siamese, trainings
from lib.workflow import artifacts, machine, paths
from lib.workflow import kept as kept_module
from lib.workflow.kept import Kept

CODE = "lib.workflow.kept"


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "kept")


class Maker:
    """Makes a result of all kinds of values, and counts how often."""

    def __init__(self):
        self.made = 0

    def __call__(self):
        self.made += 1
        table = pd.DataFrame({"artist": ["a", None], "value": [0.1, np.nan]})
        about = {"epochs": [1, 2], "best": None, "loss": 0.1}
        return {"array": np.arange(6, dtype=np.float16).reshape(2, 3), "table": table, "about": about}


def test_a_result_is_made_once_and_comes_back_as_it_was(kept):
    make = Maker()
    first, second = (kept.result("thing", make, code=CODE, n=3) for _ in range(2))
    assert make.made == 1
    assert list(first) == list(second)
    assert second["array"].dtype == np.float16
    np.testing.assert_array_equal(first["array"], second["array"])
    pd.testing.assert_frame_equal(first["table"], second["table"], check_exact=True)
    assert first["about"] == second["about"]
    ((name, key, size, seconds),) = kept.listed()
    assert (name, len(key), size > 0, seconds >= 0) == ("thing", 24, True, True)


ARRAY, TABLE = np.arange(4.0), pd.DataFrame({"x": [1, 2]}, index=["a", "b"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (3, 4),
        (None, 0),
        (["a", "b"], ["b", "a"]),
        (ARRAY, ARRAY + 1),
        (ARRAY, ARRAY.astype(np.float32)),
        (ARRAY, ARRAY.reshape(2, 2)),
        (np.array(["a", "bc"], dtype=object), np.array(["ab", "c"], dtype=object)),
        (TABLE, TABLE + 1),
        (TABLE, TABLE.rename(columns={"x": "y"})),
        (TABLE, TABLE.rename(index={"a": "c"})),
        (TABLE["x"], TABLE["x"][::-1]),
    ],
)
def test_another_parameter_array_or_table_is_another_result(kept, one, other):
    make = Maker()
    for value in (one, other, one, other):
        kept.result("thing", make, code=CODE, value=value)
    assert make.made == 2
    assert kept.key(CODE, {"value": one}) != kept.key(CODE, {"other": one})


def test_what_has_no_digest_is_an_error(kept):
    with pytest.raises(TypeError):
        kept.result("thing", Maker(), code=CODE, value=object())


@pytest.mark.parametrize(("name", "other"), [("cpu", "another"), ("threads", 99), ("lock", "0" * 64)])
def test_another_machine_makes_it_again(kept, monkeypatch, name, other):
    before, made_with = kept.key(CODE, {}), machine.made_with()
    assert kept.key(CODE, {}) == before
    monkeypatch.setattr(machine, "made_with", lambda: made_with | {name: other})
    assert kept.key(CODE, {}) != before


def spoilt(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: spoilt(path),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.unlink(),
        lambda path: path.with_suffix(".json").unlink(),
        lambda path: path.with_suffix(".json").write_text("{"),
        lambda path: path.with_suffix(".json").write_text("{}"),
    ],
)
def test_a_damaged_result_is_made_again(kept, damage):
    make = Maker()
    kept.result("thing", make, code=CODE)
    (path,) = kept.folder.glob("*.npz")
    damage(path)
    again = kept.result("thing", make, code=CODE)
    assert make.made == 2
    np.testing.assert_array_equal(again["array"], make()["array"])
    kept.result("thing", pytest.fail, code=CODE)  # and it is whole again


def test_a_half_written_result_is_never_read_nor_listed(kept, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", lambda file, **arrays: file.write(b"half") and killed())
        with pytest.raises(Killed):
            kept.result("thing", Maker(), code=CODE)
    assert list(kept.folder.iterdir()) == []
    with monkeypatch.context() as patch:  # between the arrays and their checksum
        patch.setattr(artifacts, "write_json", killed)
        with pytest.raises(Killed):
            kept.result("thing", Maker(), code=CODE)
    (kept.folder / f"{artifacts.PARTIAL}0-other.npz").write_bytes(b"half")
    assert [name for name, *_ in kept.listed()] == ["thing"]
    make = Maker()
    kept.result("thing", make, code=CODE)
    assert make.made == 1


def test_a_result_that_could_not_be_made_leaves_nothing(kept):
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept.result("thing", fail, code=CODE)
    assert kept.listed() == []


def names(kept):
    return {name for name, *_ in kept.listed()}


def test_the_one_not_used_for_the_longest_time_goes_when_the_limit_is_reached(tmp_path):
    kept = Kept(tmp_path)
    for age, name in ((300, "old"), (200, "used"), (100, "young")):
        kept.result(name, Maker(), code=CODE)
        for path in tmp_path.glob(f"{name}-*.npz"):
            os.utime(path, (1e9 - age, 1e9 - age))
    kept.limit = int(3.5 * max(size for _, _, size, _ in kept.listed()))
    kept.result("used", pytest.fail, code=CODE)
    kept.result("newest", Maker(), code=CODE)
    assert names(kept) == {"used", "young", "newest"}
    kept.result("more", Maker(), code=CODE)
    assert names(kept) == {"used", "newest", "more"}
    assert len(list(tmp_path.iterdir())) == 2 * 3  # nothing is left of those that went


def test_the_newest_stays_though_it_is_too_large(tmp_path):
    kept = Kept(tmp_path, limit=1)
    for name in ("one", "two"):
        kept.result(name, Maker(), code=CODE)
    assert names(kept) == {"two"}


def test_threads_that_reach_the_limit_together_all_get_their_results(tmp_path):
    kept = Kept(tmp_path, limit=50_000)

    def work(n):
        return kept.result("thing", lambda: {"n": np.full(1000, n)}, code=CODE, n=n)["n"][0]

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(60))) == list(range(60))


# What code a result depends on


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of the project's code that can be changed."""
    shutil.copytree(paths.root() / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(paths.root() / "requirements.lock", tmp_path)
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    kept_module._code.cache_clear()
    yield tmp_path
    kept_module._code.cache_clear()


def changed(checkout, name, text):
    with (checkout / "lib" / name).open("a") as file:
        file.write(text)
    kept_module._code.cache_clear()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("workflow/kept.py", "\nMORE = 1\n"),
        ("workflow/figures.py", "\nMORE = 1\n"),
        ("plots/training.py", "\nMORE = 1\n"),
        ("ranking/tables.py", "\nMORE = 1\n"),
        ("training/network.py", "\n# a comment\n"),
    ],
)
def test_a_trained_network_outlives_a_change_that_cannot_touch_it(checkout, name, text):
    before = kept_module.made_by("lib.training.siamese")
    changed(checkout, name, text)
    assert kept_module.made_by("lib.training.siamese") == before


@pytest.mark.parametrize("name", ["training/siamese.py", "training/network.py", "spectrograms/picture.py"])
def test_a_trained_network_does_not_outlive_a_change_of_its_code_or_of_what_that_imports(checkout, name):
    before = kept_module.made_by("lib.training.siamese")
    changed(checkout, name, "\nMORE = 1\n")
    after = kept_module.made_by("lib.training.siamese")
    assert {part for part in before if before[part] != after[part]} == {"code"}


def test_other_code_is_another_result(kept):
    assert kept.key("lib.training.network", {}) != kept.key("lib.training.pairs", {})


# Expensive things, asked for twice


def same(ours, theirs):
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


SETTINGS = {"batch_size": 1024, "epochs": 2, "batch_norm_momentum": 0.5}


def test_a_training_asked_for_twice_is_fitted_once_and_the_same_to_the_bit(study, kept, monkeypatch):
    train, dev, test = study.ids[:6], study.ids[6:9], study.ids[9:]
    how = {"seed": 3, "keep": (1,), "watch": {"test": test}}
    plain = siamese.Siamese(**SETTINGS).fit(study, train, dev, **how)
    fit, fitted = siamese.Siamese.fit, []
    monkeypatch.setattr(
        siamese.Siamese, "fit", lambda *given, **named: fitted.append(1) or fit(*given, **named)
    )
    for _ in range(2):
        found = trainings.trained(study, train, dev, kept=kept, **how, **SETTINGS)
        assert len(fitted) == 1
        pd.testing.assert_frame_equal(found.score(study, test), plain.score(study, test), check_exact=True)
        pd.testing.assert_frame_equal(found.history, plain.history, check_exact=True)
        same(found.model.get_weights(), plain.model.get_weights())
        assert found.best_epoch == plain.best_epoch
        same(found.best_weights, plain.best_weights)
        assert list(found.kept) == [1]
        same(found.kept[1], plain.kept[1])


def test_trainings_side_by_side_give_the_weights_that_each_gives_alone(study, kept):
    train, dev = study.ids[:6], study.ids[6:9]
    each = [{"seed": 3}, {"seed": 4}, {"seed": 3, "n_convolutions": 5}]
    found = trainings.several(each, at_once=3, study=study, train=train, dev=dev, kept=kept, **SETTINGS)
    for given, one in zip(each, found, strict=True):
        settings = SETTINGS | {name: value for name, value in given.items() if name != "seed"}
        alone = siamese.Siamese(**settings).fit(study, train, dev, seed=given["seed"])
        same(one.model.get_weights(), alone.model.get_weights())
        pd.testing.assert_frame_equal(one.history, alone.history, check_exact=True)


def test_where_one_training_fails_the_others_are_stopped_and_its_error_is_raised(study, kept, monkeypatch):
    begun, ended = threading.Event(), []
    step = siamese.Siamese.step

    def slow(method, *given):
        begun.set()
        return step(method, *given)

    def fit(method, *given, seed, **named):
        if seed == 1:
            begun.wait(60)
            raise ValueError("the loss is nan")
        try:
            return whole_fit(method, *given, seed=seed, **named)
        except siamese.Stopped:
            ended.append(seed)
            raise

    whole_fit = siamese.Siamese.fit
    monkeypatch.setattr(siamese.Siamese, "step", slow)
    monkeypatch.setattr(siamese.Siamese, "fit", fit)
    parts = {"study": study, "train": study.ids[:6], "dev": study.ids[6:9], "kept": kept}
    with pytest.raises(ValueError, match="the loss is nan"):
        trainings.several([{"seed": k} for k in range(4)], at_once=2, **parts, epochs=10_000)
    assert 0 in ended and 1 not in ended


def test_ctrl_c_stops_all_trainings_and_the_same_call_goes_on_to_the_same_weights(
    study, kept, tmp_path, monkeypatch
):
    step, steps, stopped = siamese.Siamese.step, itertools.count(), []

    def interrupted(method, *given):
        if next(steps) == 9:  # of which four compile
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            stopped.append(method.stopping.wait(30))
        return step(method, *given)

    monkeypatch.setattr(siamese.Siamese, "step", interrupted)
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0)
    asked = SETTINGS | {"batch_size": 16, "checkpoint_folder": tmp_path / "half"}
    asked |= {"study": study, "train": study.ids[:6], "dev": study.ids[6:9], "at_once": 2}
    each = [{"seed": 0}, {"seed": 1}]
    with pytest.raises(KeyboardInterrupt):
        trainings.several(each, kept=kept, **asked)
    assert stopped == [True] and kept.listed() == []
    assert list((tmp_path / "half").iterdir())
    found = trainings.several(each, kept=kept, **asked)
    alone = trainings.several(each, kept=Kept(tmp_path), **asked | {"checkpoint_folder": None})
    for one, other in zip(found, alone, strict=True):
        same(one.model.get_weights(), other.model.get_weights())


def test_arguments_that_do_not_fit_stop_what_was_begun(study, kept):
    parts = {"study": study, "train": study.ids[:6], "dev": study.ids[6:9], "kept": kept}
    with pytest.raises(TypeError, match="seed"):
        trainings.several([{}, {"seed": 1}], at_once=2, seed=0, **parts, epochs=10_000)


def test_a_training_that_differs_in_anything_is_another_one(study, kept, monkeypatch):
    train, dev, test = study.ids[:6], study.ids[6:9], study.ids[9:]
    fitted = []

    def imitation(method, study, train, dev, *, seed, watch, keep, checkpoint_folder):
        fitted.append(seed)
        method.build(seed=seed)
        method.history = pd.DataFrame({"epoch": [1], "split": ["dev"], "loss": [0.5]})
        return method

    monkeypatch.setattr(siamese.Siamese, "fit", imitation)
    asked = {"study": study, "train": train, "dev": dev, "seed": 0, "keep": (1,), "watch": None, **SETTINGS}
    louder = replace(study, spectrograms=np.array(study.spectrograms) / 2)
    others = [
        {}, {"seed": 1}, {"epochs": 3}, {"learning_rate": 0.002}, {"patience": 1}, {"n_convolutions": 5},
        {"keep": (1, 2)}, {"watch": {"test": test}}, {"dev": test}, {"train": train[:5]},
        {"study": louder}, {"study": replace(study, target=study.target / 2)},
    ]  # fmt: skip
    for _ in range(2):
        for other in others:
            trainings.trained(kept=kept, **asked | other)
        assert len(fitted) == len(others)
    trainings.trained(kept=kept, **asked, checkpoint_folder=kept.folder / "half")
    assert len(fitted) == len(others)  # where half-finished ones lie changes nothing


def test_methods_fitted_twice_are_fitted_once_and_score_the_same_to_the_bit(kept, monkeypatch):
    names = ("factor_ridge", "factor_cnn")
    few = {name: registry.METHODS[name] for name in names}
    few["both"] = registry.Entry("both", kind="audio", parts=names)
    monkeypatch.setattr(registry, "METHODS", few)
    matrix, study = planted_world.build()
    train, dev, test = planted_world.parts(study)
    segments = SegmentFeatures(n_atoms=8)
    ear = {AudioFeatures: AudioFeatures(lengths=(4,), n_atoms=8), SegmentFeatures: segments}
    given = protocol.Given(matrix, ear, n_factors=4, steps=1)

    def asked(given=given, train=train):
        return protocol.fit_all(study, train, dev, given, seeds=[0, 1], artists=study.ids, kept=kept)

    first, seconds = asked()
    assert [(method.name, seed) for method, seed in first] == [
        ("factor_ridge", 0), ("factor_cnn", 0), ("factor_cnn", 1), ("both", 0),
    ]  # fmt: skip
    for kind in (factor_models.FactorRidge, factor_cnn.FactorCnn):
        monkeypatch.setattr(kind, "fit", lambda *_, **__: pytest.fail("fitted"))
    second, again = asked()
    pd.testing.assert_frame_equal(seconds, again, check_exact=True)  # of the fit, not of the reading
    for (one, _), (other, _) in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(one.score(study, test), other.score(study, test), check_exact=True)
    for change in (
        {"train": train[1:]},
        {"given": replace(given, features=ear | {AudioFeatures: AudioFeatures(lengths=(4,), n_atoms=9)})},
        {"given": replace(given, n_factors=5)},
        {"given": replace(given, listening=type(matrix)(matrix.plays * 2, matrix.artists))},
    ):
        with pytest.raises(pytest.fail.Exception, match="fitted"):
            asked(**change)


def counted():
    """`trust.rank_correlations`, and how often it was called."""
    calls, function = [], trust.rank_correlations

    @functools.wraps(function)
    def counting(*arguments, **named):
        calls.append(1)
        return pd.DataFrame({"correlation": function(*arguments, **named)})

    return counting, calls


def test_a_table_is_made_once_for_the_same_arguments(kept, rng):
    function, calls = counted()
    first, second = (pd.DataFrame(rng.random((5, 5))).rename(columns=str) for _ in range(2))
    once = kept.call(function, first, second)
    pd.testing.assert_frame_equal(kept.call(function, first.copy(), second.copy()), once, check_exact=True)
    assert len(calls) == 1
    kept.call(function, second, first)
    kept.call(function, first, second + 1)
    assert len(calls) == 3


def test_tables_of_a_tuple_come_back_as_a_tuple(kept):
    frame = pd.DataFrame({"n": pd.array([1, None], dtype="Int64"), "name": ["a", "b"]})
    for _ in range(2):
        pair = kept.call(both, frame)
        assert isinstance(pair, tuple)
        for part in pair:
            pd.testing.assert_frame_equal(part, frame)


def both(frame):
    return frame, frame
