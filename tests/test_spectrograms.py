"""Spectrograms against librosa, and by what can be heard in them."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from signal import SIGKILL

import av
import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile

from lib.audio import sandbox
from lib.clips import gate
from lib.spectrograms import picture as spectrograms_picture
from lib.spectrograms import reserved
from lib.spectrograms import store as spectrograms_store
from lib.spectrograms.picture import HOP_LENGTH, N_FRAMES, N_MELS, SAMPLE_RATE, SECONDS, Settings
from lib.workflow import artifacts, cluster, paths

LENGTH = SECONDS * SAMPLE_RATE


def tone(frequency, seconds=SECONDS, rate=SAMPLE_RATE, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


def librosa_log_mel(signal):
    power = librosa.feature.melspectrogram(
        y=signal, sr=SAMPLE_RATE, n_fft=Settings().n_fft, hop_length=HOP_LENGTH, n_mels=N_MELS
    )
    return librosa.power_to_db(power, ref=np.max, amin=1e-20, top_db=80).T / 80 + 1


@pytest.fixture
def music(rng):
    """Thirty seconds in which much is going on: gliding tones, noise, silence."""
    time = np.arange(LENGTH) / SAMPLE_RATE
    signal = 0.3 * np.sin(2 * np.pi * 200 * 2 ** (time / 8) * time / 2) + 0.05 * rng.normal(size=LENGTH) * (
        np.sin(time) > 0
    )
    return (signal * (time < 25)).astype(np.float32)


# Against librosa.


def test_the_spectrogram_is_librosas_to_a_thousandth_of_a_decibel(music, rng):
    """The largest difference is below 1e-3 dB of 80: the same windows, frames, mel bands and reference."""
    for signal in (music, rng.normal(size=LENGTH).astype(np.float32), tone(440)):
        ours = spectrograms_picture.log_mel(signal)
        assert ours.shape == (N_FRAMES, N_MELS)
        assert ours.dtype == np.float32
        assert np.abs(ours - librosa_log_mel(signal)).max() * 80 < 1e-3


def test_the_store_rounds_by_at_most_a_quarter_of_a_thousandth(music):
    ours = spectrograms_picture.log_mel(music)
    assert np.abs(ours.astype(np.float16) - ours).max() <= 0.00025


# What can be heard.


@pytest.mark.parametrize("frequency", [110, 440, 1000, 3000, 8000])
def test_a_pure_tone_lands_in_its_band(frequency):
    loudest = spectrograms_picture.log_mel(tone(frequency))[5:-5].argmax(axis=1)
    assert set(loudest) == {
        np.abs(
            librosa.hz_to_mel(spectrograms_picture.mel_frequencies()) - librosa.hz_to_mel(frequency)
        ).argmin()
    }


def test_band_centres_are_where_the_filters_peak():
    filters = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=1 << 16, n_mels=N_MELS)
    peaks = librosa.fft_frequencies(sr=SAMPLE_RATE, n_fft=1 << 16)[filters.argmax(axis=1)]
    np.testing.assert_allclose(spectrograms_picture.mel_frequencies(), peaks, atol=0.5)


def test_time_runs_forward_and_frames_know_their_seconds():
    signal = np.zeros(LENGTH, dtype=np.float32)
    signal[20 * SAMPLE_RATE : 21 * SAMPLE_RATE] = tone(1000, 1)
    loud = spectrograms_picture.frame_times()[spectrograms_picture.log_mel(signal).max(axis=1) > 0.9]
    assert 19.9 < loud.min() < 20.1
    assert 20.9 < loud.max() < 21.1


def test_loud_is_one_and_silence_is_zero():
    signal = np.concatenate(
        [tone(1000, 15), tone(1000, 15, amplitude=0.005)]
    )  # 40 dB quieter: half of the scale
    values = spectrograms_picture.log_mel(signal)
    assert (values.min(), values.max()) == (0, 1)
    assert values[1:120].max(axis=1) == pytest.approx(1, abs=1e-3)
    assert values[140:250].max(axis=1) == pytest.approx(0.5, abs=1e-3)
    assert not values[2:100, 60].any()


def test_level_is_relative_so_volume_does_not_matter(music):
    np.testing.assert_allclose(
        spectrograms_picture.log_mel(music / 100), spectrograms_picture.log_mel(music), atol=1e-4
    )


@pytest.mark.parametrize(
    "signal", [np.zeros(LENGTH, dtype=np.float32), np.full(LENGTH, 1e-30, dtype=np.float32)]
)
def test_silence_is_an_error(signal):
    with pytest.raises(ValueError, match="the signal is silent"):
        spectrograms_picture.log_mel(signal)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_an_error(value):
    signal = tone(440)
    signal[7] = value
    with pytest.raises(ValueError, match="not finite"):
        spectrograms_picture.log_mel(signal)


# Channels, length, sample rate.


def test_channels_are_averaged(rng):
    left, right = rng.normal(size=(2, LENGTH)).astype(np.float32)
    np.testing.assert_allclose(
        spectrograms_picture.mono(np.stack([left, right], axis=1), SAMPLE_RATE), (left + right) / 2, atol=1e-6
    )
    six = rng.normal(size=(LENGTH, 6)).astype(np.float32)
    np.testing.assert_allclose(spectrograms_picture.mono(six, SAMPLE_RATE), six.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_a_short_clip_is_padded_with_silence_at_its_end(rate):
    signal = spectrograms_picture.mono(tone(440, 12, rate)[:, None], rate)
    assert signal.shape == (LENGTH,)
    assert np.abs(signal[: 12 * SAMPLE_RATE]).max() == pytest.approx(0.5, abs=0.05)
    assert not signal[12 * SAMPLE_RATE + 50 :].any()


@pytest.mark.parametrize("rate", [22_050, 44_100])
def test_a_long_recording_gives_the_thirty_seconds_around_its_middle(rate):
    recording = np.concatenate([tone(200, 25, rate), tone(1000, 30, rate), tone(4000, 25, rate)])
    signal = spectrograms_picture.mono(recording[:, None], rate)
    assert np.abs(signal - tone(1000))[500:-500].max() < 2e-3


def test_another_sample_rate_gives_the_same_spectrogram():
    ours, direct = (
        spectrograms_picture.log_mel(spectrograms_picture.mono(tone(1000, rate=rate)[:, None], rate))
        for rate in (44_100, SAMPLE_RATE)
    )
    assert np.abs(ours - direct)[2:-2].max() < 0.03


# Files.


def test_a_stereo_m4a_is_averaged_and_not_root_two_too_loud(tmp_path):
    """FFmpeg's own mix of two equal channels comes out sqrt(2) too loud."""
    stereo = np.stack([tone(1000, 3, 44_100)] * 2)
    path = tmp_path / "clip.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="stereo", bit_rate=192_000)
        for start in range(0, stereo.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(stereo[:, start : start + 1024]), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.pts = 44_100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    decoded = spectrograms_picture.decode.decode(path)
    assert decoded.samples.shape[1] == 2
    signal = spectrograms_picture.mono(decoded.samples, decoded.sample_rate)
    assert np.sqrt(np.mean(signal[10_000:50_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert (
        spectrograms_picture.from_file(path)[5:20].argmax(axis=1).tolist()
        == spectrograms_picture.log_mel(tone(1000))[5:20].argmax(axis=1).tolist()
    )


def test_from_file_is_what_librosa_hears(tmp_path, music):
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.stack([music, music / 2], axis=1), SAMPLE_RATE, subtype="FLOAT")
    heard, _ = librosa.load(path, sr=SAMPLE_RATE)
    assert np.abs(spectrograms_picture.from_file(path) - librosa_log_mel(heard)).max() * 80 < 1e-3


def test_the_contents_of_a_file_are_as_good_as_the_file(tmp_path, music):
    soundfile.write(tmp_path / "clip.wav", music, SAMPLE_RATE)
    soundfile.write(tmp_path / "nothing.wav", np.zeros(1000), SAMPLE_RATE)
    content, nothing = ((tmp_path / name).read_bytes() for name in ("clip.wav", "nothing.wav"))
    np.testing.assert_array_equal(
        spectrograms_picture.from_file(content), spectrograms_picture.from_file(tmp_path / "clip.wav")
    )
    with pytest.raises(ValueError, match=r"^sound in memory: the signal is silent"):
        spectrograms_picture.from_file(nothing)


def test_a_text_file_named_mp3_fails_with_a_message_that_names_it(tmp_path):
    path = tmp_path / "song.mp3"
    path.write_text("this is not music")
    with pytest.raises(ValueError, match=r"song\.mp3.*no sound file"):
        spectrograms_picture.from_file(path)


def test_a_silent_file_fails_with_a_message_that_names_it(tmp_path):
    soundfile.write(tmp_path / "nothing.wav", np.zeros(1000), SAMPLE_RATE)
    with pytest.raises(ValueError, match=r"nothing\.wav: the signal is silent"):
        spectrograms_picture.from_file(tmp_path / "nothing.wav")


# The store.

ARRAY, INDEX = "spectrograms.npy", "spectrograms.parquet"


def described(files, folder):
    """A manifest of clips; a file that is not there has no checksum."""
    sums = [artifacts.sha256(folder / file) if (folder / file).exists() else "" for file in files]
    return pd.DataFrame({
        "clip_id": [file.partition(".")[0] for file in files], "artist_id": [file[0] for file in files],
        "file": files, "sha256": sums,
    })  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """Five clips in the order of nothing; one is no sound, one is missing."""
    for name, frequency in (("low", 200), ("mid", 1000), ("high", 4000)):
        soundfile.write(tmp_path / f"{name}.wav", tone(frequency, 2), SAMPLE_RATE)
    (tmp_path / "text.mp3").write_text("no music")
    return described(["low.wav", "gone.wav", "mid.wav", "high.wav", "text.mp3"], tmp_path)


@pytest.fixture
def good(files):
    return files[files["clip_id"].isin(["low", "mid", "high"])]


@pytest.fixture
def calls(monkeypatch):
    """Files that were decoded, in this process: quicker than a child, and countable."""
    decoded = []

    def counted(function, path, settings, **limits):
        decoded.append(os.path.basename(path))
        try:
            return spectrograms_store.as_stored(path, settings)
        except ValueError as error:
            raise sandbox.Refused(str(error)) from error

    monkeypatch.setattr(sandbox, "call", counted)
    return decoded


def stored(folder):
    return [(folder / name).read_bytes() for name in (ARRAY, INDEX)]


def test_all_clips_go_into_one_array_with_its_index_and_failures_keep_their_reason(tmp_path, files):
    index, failures = spectrograms_store.compute(files, tmp_path, store=tmp_path / "store", n_jobs=1)
    assert index[["row", "clip_id", "artist_id"]].to_dict("list") == {
        "row": [0, 1, 2], "clip_id": ["high", "low", "mid"], "artist_id": ["h", "l", "m"],
    }  # fmt: skip
    assert failures["clip_id"].tolist() == ["gone", "text"]
    assert ["gone.wav" in failures["reason"].iloc[0], "text.mp3" in failures["reason"].iloc[1]] == [
        True,
        True,
    ]
    array, loaded = spectrograms_store.load(tmp_path / "store")
    assert (array.dtype, array.shape, type(array)) == (np.float16, (3, N_FRAMES, N_MELS), np.memmap)
    for row, name in enumerate(("high.wav", "low.wav", "mid.wav")):
        expected = spectrograms_picture.from_file(tmp_path / name)
        np.testing.assert_array_equal(array[row], expected.astype(np.float16))
        assert np.abs(array[row] - expected).max() <= 2**-12
    pd.testing.assert_frame_equal(loaded, index)
    assert sorted(file.name for file in (tmp_path / "store").iterdir()) == [ARRAY, INDEX]


def test_one_worker_two_workers_and_a_cluster_write_the_same_bytes(tmp_path, good):
    from distributed import LocalCluster

    spectrograms_store.compute(good, tmp_path, store=tmp_path / "one", n_jobs=1)
    spectrograms_store.compute(good[::-1], tmp_path, store=tmp_path / "two", n_jobs=2)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        spectrograms_store.compute(good, tmp_path, store=tmp_path / "cluster", dask=cluster.scheduler_address)
    assert stored(tmp_path / "one") == stored(tmp_path / "two") == stored(tmp_path / "cluster")


def test_a_cluster_that_does_not_answer_is_an_error(tmp_path, good, monkeypatch):
    monkeypatch.setattr(cluster, "DASK_TIMEOUT", 0.5)
    with pytest.raises(OSError, match="Timed out"):
        spectrograms_store.compute(good, tmp_path, store=tmp_path / "store", dask="tcp://127.0.0.1:9")


def test_a_second_run_decodes_nothing_and_a_larger_one_only_what_is_new(tmp_path, good, calls):
    store = tmp_path / "store"
    spectrograms_store.compute(good.iloc[:2], tmp_path, store=store)
    assert sorted(calls) == ["low.wav", "mid.wav"]
    spectrograms_store.compute(good, tmp_path, store=store)
    assert calls[2:] == ["high.wav"]
    whole = stored(store)
    spectrograms_store.compute(good, tmp_path, store=store)
    assert len(calls) == 3
    assert stored(store) == whole
    spectrograms_store.compute(good, tmp_path, store=tmp_path / "at once")
    assert stored(tmp_path / "at once") == whole


def test_other_sound_under_an_old_id_and_other_settings_are_computed_anew(tmp_path, good, calls):
    store = tmp_path / "store"
    spectrograms_store.compute(good, tmp_path, store=store)
    soundfile.write(tmp_path / "mid.wav", tone(2000, 2), SAMPLE_RATE)
    changed = described(good["file"].tolist(), tmp_path)
    spectrograms_store.compute(changed, tmp_path, store=store)
    assert calls[3:] == ["mid.wav"]
    np.testing.assert_array_equal(
        spectrograms_store.load(store)[0][2],
        spectrograms_picture.from_file(tmp_path / "mid.wav").astype(np.float16),
    )
    spectrograms_store.compute(changed, tmp_path, store=store, settings=Settings(top_db=60.0))
    assert len(calls) == 7


def test_what_failed_is_tried_again(tmp_path, files, calls):
    spectrograms_store.compute(files, tmp_path, store=tmp_path / "store")
    soundfile.write(tmp_path / "gone.wav", tone(300, 2), SAMPLE_RATE)
    index, failures = spectrograms_store.compute(
        described(files["file"].tolist(), tmp_path), tmp_path, store=tmp_path / "store"
    )
    assert (index["clip_id"].tolist(), failures["clip_id"].tolist()) == (
        ["gone", "high", "low", "mid"],
        ["text"],
    )
    assert sorted(calls[5:]) == ["gone.wav", "text.mp3"]


def test_a_flipped_bit_is_found_named_and_mended(tmp_path, good, calls):
    store = tmp_path / "store"
    spectrograms_store.compute(good, tmp_path, store=store)
    whole = stored(store)
    assert spectrograms_store.verify(store) == []
    content = bytearray((store / ARRAY).read_bytes())
    content[len(content) // 2] ^= 1
    (store / ARRAY).write_bytes(content)
    assert spectrograms_store.verify(store) == ["low"]
    spectrograms_store.compute(good, tmp_path, store=store)
    assert calls[3:] == ["low.wav"]
    assert stored(store) == whole


def test_a_run_that_is_killed_goes_on_and_ends_in_the_same_bytes(tmp_path, monkeypatch):
    """Killed where it hurts: after the first block, while the second is being computed."""
    for k in range(4):
        soundfile.write(tmp_path / f"{k}.wav", tone(200 * (k + 1), 1), SAMPLE_RATE)
    manifest = described([f"{k}.wav" for k in range(4)], tmp_path)
    manifest.to_parquet(tmp_path / "clips.parquet")
    code = """
import sys, os, signal, pandas as pd
from lib.spectrograms import store
store.BLOCK = 2
add = store._Parts.add
def add_and_die(*arguments):
    if arguments[0].rows:
        os.kill(os.getpid(), signal.SIGKILL)
    add(*arguments)
store._Parts.add = add_and_die
folder = sys.argv[1]
store.compute(pd.read_parquet(folder + "/clips.parquet"), folder, store=folder + "/store", n_jobs=1)
"""
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=paths.root(), capture_output=True
    )
    assert killed.returncode == -SIGKILL, killed.stderr.decode()
    assert [file.name for file in (tmp_path / "store").iterdir()] == [spectrograms_store.PARTS]
    decoded = []
    call = sandbox.call
    monkeypatch.setattr(
        sandbox, "call", lambda *said, **limits: decoded.append(said[1]) or call(*said, **limits)
    )
    spectrograms_store.compute(manifest, tmp_path, store=tmp_path / "store", n_jobs=1)
    assert [os.path.basename(file) for file in decoded] == ["2.wav", "3.wav"]
    spectrograms_store.compute(manifest, tmp_path, store=tmp_path / "at once", n_jobs=1)
    assert stored(tmp_path / "store") == stored(tmp_path / "at once")


def unfinished(folder, clips, monkeypatch):
    """The blocks of a run that was stopped at the last of its clips; returns the file of the last block."""
    attempt, last = spectrograms_store._attempt, clips.sort_values("clip_id")["file"].iloc[-1]

    def stop_at_last(path, *rest):
        if path.endswith(last):
            raise sandbox.Stopped("stopped from outside")
        return attempt(path, *rest)

    with monkeypatch.context() as patch, pytest.raises(sandbox.Stopped):
        patch.setattr(spectrograms_store, "_attempt", stop_at_last)
        spectrograms_store.compute(clips, folder, store=folder / "store", n_jobs=1)
    (block,) = (folder / "store" / spectrograms_store.PARTS).iterdir()
    return block


def damages(content, rng):
    """The ways in which a file is damaged: cut, emptied, something else, one bit flipped anywhere."""
    yield "cut", content[: len(content) // 2]
    yield "without its end", content[:-1]
    yield "emptied", b""
    yield "zeros", bytes(len(content))
    yield "something else", b"<html>no room</html>"
    # Anywhere, and where the archive and its arrays describe themselves.
    ends = [*range(0, 200, 25), *range(len(content) - 600, len(content), 50)]
    for place in [*rng.integers(len(content), size=6).tolist(), *ends]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        yield f"bit in byte {place}", bytes(flipped)


def test_a_damaged_block_is_named_thrown_away_and_made_again(tmp_path, good, calls, monkeypatch, rng, capsys):
    spectrograms_store.compute(good, tmp_path, store=tmp_path / "at once")
    wanted = stored(tmp_path / "at once")
    block = unfinished(tmp_path, good, monkeypatch)
    content, n_named = block.read_bytes(), 0
    for how, damaged in damages(content, rng):
        shutil.rmtree(tmp_path / "store", ignore_errors=True)
        block.parent.mkdir(parents=True)
        block.write_bytes(damaged)
        calls.clear()
        capsys.readouterr()
        spectrograms_store.compute(good, tmp_path, store=tmp_path / "store")
        assert stored(tmp_path / "store") == wanted, how
        if f"{block.name} is damaged" in capsys.readouterr().out:
            n_named += 1
            assert len(calls) == 3, how
    assert n_named > 9


def test_a_block_whose_arrays_do_not_fit_each_other_is_made_again(tmp_path, good, calls, monkeypatch, capsys):
    block = unfinished(tmp_path, good, monkeypatch)
    with np.load(block) as part:
        arrays = dict(part)
    np.savez(block, **arrays | {"values": arrays["values"][:, :100]})
    index, _ = spectrograms_store.compute(good, tmp_path, store=tmp_path / "store")
    assert f"{block.name} is damaged (ValueError)" in capsys.readouterr().out
    assert len(index) == 3 and spectrograms_store.verify(tmp_path / "store") == []


@pytest.mark.parametrize("name", [ARRAY, INDEX])
def test_an_earlier_array_or_index_that_is_damaged_is_made_again(tmp_path, good, calls, rng, capsys, name):
    store = tmp_path / "store"
    spectrograms_store.compute(good, tmp_path, store=store)
    wanted, content = stored(store), (store / name).read_bytes()
    for how, damaged in damages(content, rng):
        (store / name).write_bytes(damaged)
        capsys.readouterr()
        calls.clear()
        spectrograms_store.compute(good, tmp_path, store=store)
        assert stored(store) == wanted, how
        if len(damaged) < 50:
            assert f"{ARRAY} or its index is damaged" in capsys.readouterr().out and len(calls) == 3


# Room


def test_the_array_has_its_room_before_it_is_filled(tmp_path):
    shape, file = (20, N_FRAMES, N_MELS), tmp_path / "reserved.npy"
    array = reserved.array(file, shape, np.float16, name=file)
    assert array.shape == shape and file.stat().st_blocks * 512 >= array.nbytes
    array[3] = 0.5
    array.flush()
    other = np.lib.format.open_memmap(tmp_path / "other.npy", mode="w+", dtype=np.float16, shape=shape)
    other[3] = 0.5
    other.flush()
    assert file.read_bytes() == (tmp_path / "other.npy").read_bytes()


def test_a_file_system_that_reserves_nothing_is_filled_with_zeros(tmp_path, monkeypatch):
    def unable(*_):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", unable)
    array = reserved.array(tmp_path / "a.npy", (100, N_FRAMES, N_MELS), np.float16, name="a.npy")
    assert not array.any() and (tmp_path / "a.npy").stat().st_blocks * 512 >= array.nbytes


def test_without_room_03_stops_says_how_much_is_needed_and_keeps_what_is_finished(
    tmp_path, good, calls, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = tmp_path / "store"
    with (
        monkeypatch.context() as patch,
        pytest.raises(OSError, match="needs 0.1 MB, and the disk is full") as e,
    ):
        patch.setattr(os, "posix_fallocate", full)
        spectrograms_store.compute(good, tmp_path, store=store)
    assert str(store / ARRAY) in str(e.value) and "MB are free" in str(e.value)
    assert [file.name for file in store.iterdir()] == [spectrograms_store.PARTS]
    spectrograms_store.compute(good, tmp_path, store=store)
    assert len(calls) == 3


def test_a_limit_on_the_size_of_files_is_named(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match=r"a\.npy needs 3\.3 MB, and a file may not be so large here"):
            reserved.array(tmp_path / "a.npy", (100, N_FRAMES, N_MELS), np.float16, name=tmp_path / "a.npy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_clip_that_takes_too_long_or_too_much_is_a_failure_among_others(tmp_path, good):
    """An endless file: a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "endless.mp3")
    soundfile.write(tmp_path / "vast.wav", np.zeros((30 * 192_000, 16), dtype=np.int16), 192_000)
    more = pd.DataFrame({
        "clip_id": ["endless", "vast"], "artist_id": ["e", "v"],
        "file": ["endless.mp3", "vast.wav"], "sha256": "",
    })  # fmt: skip
    spectrograms_store.compute(
        good, tmp_path, store=tmp_path / "store", gigabytes=0.4
    )  # children have started
    index, failures = spectrograms_store.compute(
        pd.concat([good, more]), tmp_path, store=tmp_path / "store", seconds=2.0, gigabytes=0.4
    )
    assert index["clip_id"].tolist() == ["high", "low", "mid"]
    assert failures.set_index("clip_id")["reason"].str.contains("stopped after 2 s|more memory").all(), (
        failures["reason"].tolist()
    )


def test_clips_that_all_fail_are_an_error_and_leave_nothing(tmp_path, files, calls):
    with pytest.raises(ValueError, match=r"none of 2 clips gave a spectrogram; the first: .*gone\.wav"):
        spectrograms_store.compute(files.iloc[[1, 4]], tmp_path, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_two_clips_of_one_id_are_an_error(tmp_path, good):
    with pytest.raises(ValueError, match="two clips have the id 'low'"):
        spectrograms_store.compute(pd.concat([good, good.iloc[[0]]]), tmp_path, store=tmp_path)


def test_an_array_that_does_not_fit_its_index_is_an_error(tmp_path, good, calls):
    index, _ = spectrograms_store.compute(good, tmp_path, store=tmp_path)
    for wrong in (index.head(1), index[::-1]):
        wrong.to_parquet(tmp_path / INDEX)
        with pytest.raises(ValueError, match="do not fit an index of . clips: run 03 again"):
            spectrograms_store.load(tmp_path)


def test_batches_are_the_store_in_order_as_float32(rng):
    array = rng.random((7, N_FRAMES, N_MELS)).astype(np.float16)
    parts = list(spectrograms_store.batches(array, size=3))
    assert [(len(part), part.dtype) for part in parts] == [(3, np.float32), (3, np.float32), (1, np.float32)]
    np.testing.assert_array_equal(np.concatenate(parts), array)


# What is left to hear.


def test_noise_from_a_picture_has_the_pictures_bands_and_beats():
    """A tone at 1 kHz that is there in the even seconds: so is the noise, around 1 kHz."""
    signal = tone(1000) * (np.arange(LENGTH) // SAMPLE_RATE % 2 == 0)
    sound = spectrograms_picture.as_noise(spectrograms_picture.log_mel(signal))
    assert (sound.shape, sound.dtype, np.abs(sound).max()) == (signal.shape, np.float32, pytest.approx(0.9))
    seconds = (
        np.square(sound).reshape(SECONDS, SAMPLE_RATE)[:, SAMPLE_RATE // 4 : -SAMPLE_RATE // 4].sum(axis=1)
    )
    assert seconds[::2].min() > 100 * seconds[1::2].max()
    power = librosa.feature.melspectrogram(y=sound[:SAMPLE_RATE], sr=SAMPLE_RATE, n_mels=N_MELS).mean(axis=1)
    assert spectrograms_picture.mel_frequencies()[power.argmax()] == pytest.approx(1000, rel=0.05)
    np.testing.assert_array_equal(sound, spectrograms_picture.as_noise(spectrograms_picture.log_mel(signal)))


def test_the_finer_picture_is_librosas_default(music):
    expected = librosa.power_to_db(librosa.feature.melspectrogram(y=music, sr=SAMPLE_RATE), ref=np.max)
    np.testing.assert_array_equal(spectrograms_picture.fine(music), expected.T)


# Settings.


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"picture": "jpeg"}, "picture must be one of log_mel, as_published, got 'jpeg'"),
        ({"short_clips": "keep"}, "short_clips must be one of pad, reject"),
        ({"n_fft": 2048}, "n_fft must be 2584 to 661500 samples, got 2048"),
        ({"top_db": 0.0}, "top_db must be a positive number"),
    ],
)
def test_settings_that_do_not_fit_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Settings(**wrong)


def test_a_short_clip_is_padded_or_rejected_as_asked(tmp_path):
    soundfile.write(tmp_path / "short.wav", tone(500, 12), SAMPLE_RATE)
    soundfile.write(tmp_path / "nearly.wav", tone(500, 29.7), SAMPLE_RATE)
    assert spectrograms_picture.from_file(tmp_path / "short.wav")[150:].max() == 0
    with pytest.raises(ValueError, match=r"short\.wav: 12\.0 s long, 30 s wanted"):
        spectrograms_picture.from_file(tmp_path / "short.wav", Settings(short_clips="reject"))
    assert spectrograms_picture.from_file(tmp_path / "nearly.wav", Settings(short_clips="reject")).max() == 1


def test_a_smaller_range_cuts_at_its_floor_and_stretches_the_rest(music):
    wide, narrow = (spectrograms_picture.log_mel(music, Settings(top_db=range_)) for range_ in (80.0, 40.0))
    np.testing.assert_allclose(narrow, np.clip((wide - 0.5) * 2, 0, 1), atol=1e-5)


def test_the_picture_as_published_is_a_setting(tmp_path):
    soundfile.write(tmp_path / "tone.wav", tone(500), SAMPLE_RATE)
    picture = spectrograms_picture.from_file(tmp_path / "tone.wav", Settings(picture="as_published"))
    np.testing.assert_array_equal(
        picture, spectrograms_picture.as_published(tone_as_read(tmp_path / "tone.wav"))
    )


def tone_as_read(path):
    decoded = spectrograms_picture.decode.decode(path)
    return spectrograms_picture.mono(decoded.samples, decoded.sample_rate)


# Damage.


def test_of_five_hundred_damaged_files_none_crashes_and_what_passes_is_finite(tmp_path, rng):
    """Truncated, bits flipped, headers swapped, absurd rates, silence, NaN: the gate, then the picture."""
    originals = sounds(tmp_path, rng)
    heads = [content[:64] for content in originals.values()]
    accepted = 0
    for number in range(500):
        name = list(originals)[number % len(originals)]
        content = bytearray(originals[name])
        kind = number // len(originals) % 4
        if kind == 0:
            content = content[: int(rng.integers(1, len(content)))]
        elif kind == 1:
            for place in rng.integers(len(content), size=int(rng.integers(1, 30))):
                content[place] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            content[:64] = heads[int(rng.integers(len(heads)))]
        else:
            start = int(rng.integers(min(200, len(content))))
            content[start : start + 8] = rng.bytes(8)
        path = tmp_path / f"damaged{number}{name[name.index('.') :]}"
        path.write_bytes(content)
        try:
            if gate.objection(gate.examine(bytes(content)), min_seconds=0.5):
                continue
            picture = spectrograms_picture.from_file(path)
        except ValueError as error:
            assert len(str(error)) > 10
            continue
        accepted += 1
        assert np.isfinite(picture).all()
        assert picture.min() >= 0
        assert picture.max() == pytest.approx(1)
    assert 20 < accepted < 480


def sounds(folder, rng):
    """The bytes of small files of every kind: codecs, silence, NaN, eight channels, low and high rates."""
    noise = (0.1 * rng.normal(size=(SAMPLE_RATE, 2))).astype(np.float32)
    spoilt = noise.copy()
    spoilt[500] = np.nan
    made = {
        "mp3.mp3": (noise, SAMPLE_RATE, "MP3", None), "ogg.ogg": (noise, SAMPLE_RATE, "OGG", "VORBIS"),
        "flac.flac": (noise, SAMPLE_RATE, "FLAC", None), "wav.wav": (noise, SAMPLE_RATE, "WAV", None),
        "silent.wav": (0 * noise, SAMPLE_RATE, "WAV", None), "nan.wav": (spoilt, SAMPLE_RATE, "WAV", "FLOAT"),
        "eight.wav": (np.repeat(noise, 4, axis=1), SAMPLE_RATE, "WAV", None),
        "low.wav": (noise[:8000], 8_000, "WAV", None),
        "high.wav": (np.tile(noise, (5, 1)), 192_000, "WAV", None),
        "absurd.wav": (noise, 4_000_000, "WAV", None),
    }  # fmt: skip
    for name, (samples, rate, kind, subtype) in made.items():
        soundfile.write(folder / name, samples, rate, format=kind, subtype=subtype)
    with av.open(str(folder / "m4a.m4a"), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(noise.T), format="fltp", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return {name: (folder / name).read_bytes() for name in [*made, "m4a.m4a"]}


# The author's pictures.


def test_the_published_pictures_run_backwards_and_draw_loud_as_zero():
    signal = np.zeros(LENGTH, dtype=np.float32)
    signal[: 10 * SAMPLE_RATE] = tone(1000, 10)
    picture, ours = spectrograms_picture.as_published(signal), spectrograms_picture.log_mel(signal)
    assert picture.shape == ours.shape
    assert ours[10].max() == pytest.approx(1, abs=1e-3)
    assert picture[10].min() == 1  # the end of the clip, silent, is drawn white and comes first
    assert picture[-10].min() < 0.01
    assert abs(int(picture[-10].argmin()) - int(ours[10].argmax())) <= 1  # low bands first in both
    assert set(np.unique(np.round(picture * 255, 3) % 1)) <= {0.0, 1.0}  # eight bits
