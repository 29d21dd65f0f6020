"""Encoders that were trained elsewhere: the forward pass, the weights' place, and methods that use them."""

import importlib.util
from dataclasses import replace

import numpy as np
import pandas as pd
import planted_world
import pytest
import soundfile
import stand_in_encoder

import run_all
from lib import registry
from lib.beyond import encoder_methods, encoders, musicnn, protocol, tables
from lib.ranking import baselines
from lib.ranking import scores as ranking_scores
from lib.workflow import artifacts, paths
from lib.workflow.kept import Kept

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The stand-in, where Python looks for packages."""
    package = stand_in_encoder.install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return package


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(musicnn.importlib.util, "find_spec", lambda name: None)


@pytest.fixture
def sounding(tmp_path):
    """The planted world with a file for each clip: a tone that says the artist's style."""
    listening, study = planted_world.build(clips=1)
    rng, files = np.random.default_rng(1), []
    style = [int(artist.removeprefix("artist-")) % planted_world.N_STYLES for artist in study.clip_artists]
    for row, place in enumerate(style):
        time = np.arange(8_000) / 8_000
        samples = 0.3 * np.sin(2 * np.pi * 300 * 2**place * time) + rng.normal(0, 0.01, len(time))
        soundfile.write(tmp_path / f"{row}.wav", samples, 8_000)
        files.append(f"{row}.wav")
    digests = [artifacts.sha256(tmp_path / file) for file in files]
    clips = study.clips.assign(file=files, sha256=digests)
    return listening, replace(study, clips=clips, folder=tmp_path)


def layer(values, weights, place, *, padding="VALID"):
    """Convolution, rectified, normalised, by TensorFlow's own operations."""
    import tensorflow as tf

    name = f"conv2d_{place}" if place else "conv2d"
    answer = tf.nn.conv2d(values, weights[f"{name}/kernel"], strides=1, padding=padding)
    return normalised(tf.nn.relu(answer + weights[f"{name}/bias"]), weights, place + 1)


def normalised(values, weights, place):
    import tensorflow as tf

    name = f"batch_normalization_{place}" if place else "batch_normalization"
    parts = [weights[f"{name}/{part}"] for part in ("moving_mean", "moving_variance", "beta", "gamma")]
    return tf.nn.batch_normalization(values, *parts, variance_epsilon=0.001)


def reference(windows, weights):
    """Last layer but one and tags by a graph of TensorFlow, built as the package's models.py builds it."""
    import tensorflow as tf

    def padded(values):
        return tf.pad(values, [[0, 0], [3, 3], [0, 0], [0, 0]])

    values = normalised(windows[..., None], weights, 0)
    front = [layer(padded(values), weights, place) for place in (0, 1)]
    front += [layer(values, weights, place, padding="SAME") for place in (2, 3, 4)]
    front = tf.concat([tf.reduce_max(one, axis=2) for one in front], axis=2)[..., None]
    first = tf.transpose(layer(padded(front), weights, 5), [0, 1, 3, 2])
    second = tf.transpose(layer(padded(first), weights, 6), [0, 1, 3, 2]) + first
    third = tf.transpose(layer(padded(second), weights, 7), [0, 1, 3, 2]) + second
    everything = tf.concat([front, first, second, third], axis=2)
    pooled = tf.concat([tf.reduce_max(everything, axis=1), tf.reduce_mean(everything, axis=1)], axis=2)
    pooled = normalised(tf.reshape(pooled, [len(windows), -1]), weights, 9)
    hidden = tf.nn.relu(pooled @ weights["dense/kernel"] + weights["dense/bias"])
    hidden = normalised(hidden, weights, 10)
    return hidden.numpy(), tf.sigmoid(hidden @ weights["dense_1/kernel"] + weights["dense_1/bias"]).numpy()


def test_the_forward_pass_is_that_of_an_independent_graph(rng):
    weights, windows = stand_in_encoder.weights(), rng.random((3, 187, 96)).astype(np.float32)
    answers = [musicnn.activations(window, weights) for window in windows]
    hidden, tags = reference(windows, weights)
    np.testing.assert_allclose([one["penultimate"] for one in answers], hidden, **TOLERANCE)
    np.testing.assert_allclose([one["tags"] for one in answers], tags, **TOLERANCE)


def test_with_the_package_installed_the_forward_pass_is_that_of_its_own_graph(rng):
    """The checkpoint holds the graph that its author trained: it runs here without the package's code."""
    encoder = encoders.ENCODERS["musicnn_mtt"]
    try:
        index, _ = encoder._files()
    except ValueError as error:
        pytest.skip(str(error))
    import tensorflow as tf

    stored = tf.compat.v1.MetaGraphDef()
    stored.ParseFromString(index.with_name(".meta").read_bytes())
    answer = "model/Sigmoid"
    part = tf.compat.v1.graph_util.extract_sub_graph(stored.graph_def, [answer])
    for node in part.node:
        node.attr.pop("_output_shapes", None)
    weights, windows = encoder.weights(), rng.random((2, 187, 96)).astype(np.float32)
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.import_graph_def(part, name="")
        given = {f"{name}/read:0": array for name, array in weights.items() if f"{name}/read" in names(graph)}
        for operation in graph.get_operations():
            if operation.type == "Placeholder":
                (tensor,) = operation.outputs
                given[tensor] = False if tensor.dtype == tf.bool else windows
        tags = session.run(f"{answer}:0", given)
    answers = [musicnn.activations(window, weights)["tags"] for window in windows]
    np.testing.assert_allclose(answers, tags, **TOLERANCE)


def names(graph):
    return {operation.name for operation in graph.get_operations()}


def test_weights_are_read_from_the_package_without_importing_it(installed):
    encoder = encoders.ENCODERS["musicnn_msd"]
    read, expected = encoder.weights(), stand_in_encoder.weights(seed=1)
    assert read.keys() == expected.keys()  # nothing of the optimiser
    for name, array in expected.items():
        np.testing.assert_array_equal(read[name], array)
    assert encoder.digest() != encoders.ENCODERS["musicnn_mtt"].digest()


def test_without_the_package_one_sentence_says_how_to_install_it(nothing_installed):
    command = r"is not installed: \.venv/bin/python -m pip install --no-deps musicnn==0\.1\.0$"
    with pytest.raises(ValueError, match=command):
        encoders.chosen(["musicnn_mtt"])
    assert encoders.chosen([]) == []


def test_a_package_without_the_checkpoint_is_named(installed):
    (installed / "MTT_musicnn" / ".index").unlink()
    with pytest.raises(ValueError, match=r"musicnn_mtt has no weights at .*\.index: .*--force-reinstall"):
        encoders.chosen(["musicnn_msd", "musicnn_mtt"])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["mert"], r"encoders holds 'mert', there are musicnn_mtt, musicnn_msd"),
        (["musicnn_mtt", "musicnn_mtt"], "encoders names one twice: musicnn_mtt, musicnn_mtt"),
        ("musicnn_mtt", r"encoders must be a list such as \[\"musicnn_mtt\"\], got 'musicnn_mtt'"),
    ],
)
def test_a_wrong_list_of_encoders_is_refused(installed, asked, message):
    with pytest.raises(ValueError, match=message):
        encoders.chosen(asked)


def test_every_encoder_says_where_it_comes_from(installed):
    table = encoders.about(encoders.chosen(["musicnn_mtt", "musicnn_msd"]))
    assert table["encoder"].tolist() == ["musicnn_mtt", "musicnn_msd"]
    assert (table.map(len) > 0).all(axis=None)
    assert table["code_licence"].eq("ISC").all()


def test_a_recording_is_decoded_mixed_and_resampled(tmp_path):
    left_only = np.stack([tiny_samples(), np.zeros(8_000)], axis=1)
    soundfile.write(tmp_path / "a.wav", left_only, 8_000, subtype="FLOAT")
    samples = musicnn.signal(tmp_path / "a.wav")
    assert samples.dtype == np.float32
    assert len(samples) == 16_000
    assert np.abs(samples[1_000:-1_000]).max() == pytest.approx(0.25, rel=0.01)


def tiny_samples():
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(8_000) / 8_000)


def test_frames_are_those_of_the_package(rng):
    import librosa

    samples = rng.normal(0, 0.1, 32_000).astype(np.float32)
    power = librosa.feature.melspectrogram(y=samples, sr=16000, hop_length=256, n_fft=512, n_mels=96).T
    np.testing.assert_allclose(musicnn.log_mel(samples), np.log10(10000 * power + 1), rtol=1e-5)


def test_short_recordings_are_repeated_and_long_ones_cut(rng):
    frames = rng.random((100, 96))
    (window,) = musicnn.windows(frames)
    np.testing.assert_array_equal(window[100:], frames[:87])
    np.testing.assert_array_equal(musicnn.windows(rng.random((374 + 5, 96))).shape, (2, 187, 96))


def test_vectors_of_clips_are_computed_once(installed, sounding, tmp_path, monkeypatch):
    _, study = sounding
    kept, (encoder,) = Kept(tmp_path / "kept"), encoders.chosen(["musicnn_mtt"])
    vectors = encoders.of_clips(study, [encoder], kept)["musicnn_mtt"]
    assert vectors.shape == (len(study.clips), 16)
    hidden, _ = reference(
        musicnn.windows(musicnn.log_mel(musicnn.signal(study.folder / study.clips["file"][2]))),
        stand_in_encoder.weights(),
    )
    np.testing.assert_allclose(vectors[2], np.r_[hidden.mean(axis=0), hidden.std(axis=0)], **TOLERANCE)
    third = encoder.vector(study.folder / study.clips["file"][2], stand_in_encoder.weights())
    np.testing.assert_array_equal(vectors[2], third)
    calls = []
    vector = musicnn.Musicnn.vector
    monkeypatch.setattr(
        musicnn.Musicnn, "vector", lambda self, *given: calls.append(given) or vector(self, *given)
    )
    np.testing.assert_array_equal(encoders.of_clips(study, [encoder], kept)["musicnn_mtt"], vectors)
    assert calls == []
    changed = study.clips.assign(sha256=["other", *study.clips["sha256"][1:]])
    encoders.of_clips(replace(study, clips=changed), [encoder], kept)
    assert len(calls) == 1  # the clip whose sound is another
    encoders.of_clips(study, encoders.chosen(["musicnn_msd"]), kept)
    assert len(calls) == 1 + len(study.clips)  # other weights


def test_a_clip_without_its_file_is_named(installed, sounding, tmp_path):
    _, study = sounding
    chosen = encoders.chosen(["musicnn_mtt"])
    (tmp_path / "1.wav").unlink()
    with pytest.raises(ValueError, match=r"1 of 40 clips have no file, the first is .*1\.wav: run 02_prev"):
        encoders.of_clips(study, chosen, Kept(tmp_path / "kept"))
    with pytest.raises(
        ValueError, match=r"needs the clips' own sound, this study has none \(sha256 missing\)"
    ):
        encoders.of_clips(replace(study, clips=study.clips.drop(columns="sha256")), chosen, None)
    assert encoders.of_clips(replace(study, folder=None), [], None) == {}


def test_a_clip_that_is_no_sound_is_named(installed, sounding, tmp_path):
    _, study = sounding
    (tmp_path / "3.wav").write_text("no sound", encoding="utf-8")
    with pytest.raises(ValueError, match=r"3\.wav: begins with"):
        encoders.of_clips(study, encoders.chosen(["musicnn_mtt"]), Kept(tmp_path / "kept"))


def test_the_labels_of_pre_trained_methods_say_so():
    entries = {name: registry.METHODS[name] for name in registry.of_kind("pre-trained")}
    assert entries
    assert all(entry.label.endswith("(pre-trained elsewhere)") for entry in entries.values())
    assert all(set(entry.encoders) <= set(encoders.ENCODERS) and entry.encoders for entry in entries.values())
    others = [
        entry for name, entry in registry.METHODS.items() if name not in entries and entry.kind != "choice"
    ]
    assert not any(entry.encoders or "pre-trained" in entry.label for entry in others)
    built_of = {part for name in registry.of_kind("audio", "tags") for part in registry.METHODS[name].parts}
    assert not built_of & set(entries)


def test_pre_trained_methods_are_fitted_beside_the_others_and_never_chosen_among_them(tmp_path):
    listening, study = planted_world.build()
    train, dev, test = planted_world.parts(study)
    style = np.array([int(artist.removeprefix("artist-")) % 4 for artist in study.clip_artists])
    vectors = np.eye(4)[style] + np.random.default_rng(0).normal(0, 0.05, (len(style), 4))  # all that matters
    given = protocol.Given(listening, n_factors=4, steps=1)
    with_encoder = replace(given, encoded={"musicnn_mtt": vectors})
    kept = Kept(tmp_path)
    asked = {"seeds": [0], "artists": study.ids, "kept": kept}
    plain, _ = protocol.fit_all(study, train, dev, given, **asked)
    scorers, seconds = protocol.fit_all(study, train, dev, with_encoder, **asked)
    fitted = [method.name for method, _ in scorers]
    assert fitted == [*registry.of_kind("audio"), *registry.pre_trained(["musicnn_mtt"])]
    assert "musicnn_mtt_kernel" in set(seconds["method"])
    for (one, _), (same, _) in zip(plain, scorers, strict=False):
        assert one.score(study, test).equals(same.score(study, test))
    chance = (baselines.Chance().fit(study, train, dev), 0)
    scores = ranking_scores.score_all([chance, *scorers], study)
    split = split_of(train, dev, test)
    on_dev = tables.values(scores, study.target, split, study.listeners, n=3, part="dev")
    assert not set(tables.choose(on_dev).index) & set(registry.of_kind("pre-trained"))
    elsewhere = registry.pre_trained(["musicnn_mtt"])
    apart = tables.choose(on_dev, elsewhere)
    assert set(apart.index) == set(elsewhere)
    assert apart.min() > tables.choose(on_dev, ["chance"]).item()


def split_of(train, dev, test):
    rows = [
        (0, artist, name)
        for name, part in (("train", train), ("dev", dev), ("test", test))
        for artist in part
    ]
    return pd.DataFrame(rows, columns=["fold", "artist_id", "split"])


def test_the_fitted_method_knows_nothing_of_the_artists_that_are_tested(rng):
    listening, study = planted_world.build()
    train, dev, test = planted_world.parts(study)
    vectors = rng.random((len(study.clips), 5))
    spoilt = vectors.copy()
    spoilt[np.isin(study.clip_artists, test)] += 7
    fitted = [
        encoder_methods.MttKernel(listening, encoder_methods.Encoded(values), n_factors=4).fit(study, train)
        for values in (vectors, spoilt)
    ]
    assert fitted[0].score(study, dev).equals(fitted[1].score(study, dev))
    assert not fitted[0].score(study, test).equals(fitted[1].score(study, test))


def test_the_extra_is_not_in_the_lock():
    assert "musicnn" in (paths.root() / "pyproject.toml").read_text(encoding="utf-8")
    assert not any(block.startswith("musicnn") for block in run_all.packages())
