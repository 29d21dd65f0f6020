"""Spectrograms against librosa, and by what can be heard in them."""

import av
import joblib
import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile

from lib import spectrograms
from lib.spectrograms import HOP_LENGTH, N_FFT, N_FRAMES, N_MELS, SAMPLE_RATE, SECONDS

LENGTH = SECONDS * SAMPLE_RATE


def tone(frequency, seconds=SECONDS, rate=SAMPLE_RATE, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


def librosa_log_mel(signal):
    power = librosa.feature.melspectrogram(
        y=signal, sr=SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=N_MELS
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
        ours = spectrograms.log_mel(signal)
        assert ours.shape == (N_FRAMES, N_MELS)
        assert ours.dtype == np.float32
        assert np.abs(ours - librosa_log_mel(signal)).max() * 80 < 1e-3


def test_the_store_rounds_by_at_most_a_quarter_of_a_thousandth(music):
    ours = spectrograms.log_mel(music)
    assert np.abs(ours.astype(np.float16) - ours).max() <= 0.00025


# What can be heard.


@pytest.mark.parametrize("frequency", [110, 440, 1000, 3000, 8000])
def test_a_pure_tone_lands_in_its_band(frequency):
    loudest = spectrograms.log_mel(tone(frequency))[5:-5].argmax(axis=1)
    assert set(loudest) == {
        np.abs(librosa.hz_to_mel(spectrograms.mel_frequencies()) - librosa.hz_to_mel(frequency)).argmin()
    }


def test_band_centres_are_where_the_filters_peak():
    filters = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=1 << 16, n_mels=N_MELS)
    peaks = librosa.fft_frequencies(sr=SAMPLE_RATE, n_fft=1 << 16)[filters.argmax(axis=1)]
    np.testing.assert_allclose(spectrograms.mel_frequencies(), peaks, atol=0.5)


def test_time_runs_forward_and_frames_know_their_seconds():
    signal = np.zeros(LENGTH, dtype=np.float32)
    signal[20 * SAMPLE_RATE : 21 * SAMPLE_RATE] = tone(1000, 1)
    loud = spectrograms.frame_times()[spectrograms.log_mel(signal).max(axis=1) > 0.9]
    assert 19.9 < loud.min() < 20.1
    assert 20.9 < loud.max() < 21.1


def test_loud_is_one_and_silence_is_zero():
    signal = np.concatenate(
        [tone(1000, 15), tone(1000, 15, amplitude=0.005)]
    )  # 40 dB quieter: half of the scale
    values = spectrograms.log_mel(signal)
    assert (values.min(), values.max()) == (0, 1)
    assert values[1:120].max(axis=1) == pytest.approx(1, abs=1e-3)
    assert values[140:250].max(axis=1) == pytest.approx(0.5, abs=1e-3)
    assert not values[2:100, 60].any()


def test_level_is_relative_so_volume_does_not_matter(music):
    np.testing.assert_allclose(spectrograms.log_mel(music / 100), spectrograms.log_mel(music), atol=1e-4)


@pytest.mark.parametrize(
    "signal", [np.zeros(LENGTH, dtype=np.float32), np.full(LENGTH, 1e-30, dtype=np.float32)]
)
def test_silence_is_an_error(signal):
    with pytest.raises(ValueError, match="the signal is silent"):
        spectrograms.log_mel(signal)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_an_error(value):
    signal = tone(440)
    signal[7] = value
    with pytest.raises(ValueError, match="not finite"):
        spectrograms.log_mel(signal)


# Channels, length, sample rate.


def test_channels_are_averaged(rng):
    left, right = rng.normal(size=(2, LENGTH)).astype(np.float32)
    np.testing.assert_allclose(
        spectrograms.mono(np.stack([left, right], axis=1), SAMPLE_RATE), (left + right) / 2, atol=1e-6
    )
    six = rng.normal(size=(LENGTH, 6)).astype(np.float32)
    np.testing.assert_allclose(spectrograms.mono(six, SAMPLE_RATE), six.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_a_short_clip_is_padded_with_silence_at_its_end(rate):
    signal = spectrograms.mono(tone(440, 12, rate)[:, None], rate)
    assert signal.shape == (LENGTH,)
    assert np.abs(signal[: 12 * SAMPLE_RATE]).max() == pytest.approx(0.5, abs=0.05)
    assert not signal[12 * SAMPLE_RATE + 50 :].any()


@pytest.mark.parametrize("rate", [22_050, 44_100])
def test_a_long_recording_gives_the_thirty_seconds_around_its_middle(rate):
    recording = np.concatenate([tone(200, 25, rate), tone(1000, 30, rate), tone(4000, 25, rate)])
    signal = spectrograms.mono(recording[:, None], rate)
    assert np.abs(signal - tone(1000))[500:-500].max() < 2e-3


def test_another_sample_rate_gives_the_same_spectrogram():
    ours, direct = (
        spectrograms.log_mel(spectrograms.mono(tone(1000, rate=rate)[:, None], rate))
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
    decoded = spectrograms.audio.decode(path)
    assert decoded.samples.shape[1] == 2
    signal = spectrograms.mono(decoded.samples, decoded.sample_rate)
    assert np.sqrt(np.mean(signal[10_000:50_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert (
        spectrograms.from_file(path)[5:20].argmax(axis=1).tolist()
        == spectrograms.log_mel(tone(1000))[5:20].argmax(axis=1).tolist()
    )


def test_from_file_is_what_librosa_hears(tmp_path, music):
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.stack([music, music / 2], axis=1), SAMPLE_RATE, subtype="FLOAT")
    heard, _ = librosa.load(path, sr=SAMPLE_RATE)
    assert np.abs(spectrograms.from_file(path) - librosa_log_mel(heard)).max() * 80 < 1e-3


def test_a_text_file_named_mp3_fails_with_a_message_that_names_it(tmp_path):
    path = tmp_path / "song.mp3"
    path.write_text("this is not music")
    with pytest.raises(ValueError, match=r"song\.mp3.*no sound file"):
        spectrograms.from_file(path)


def test_a_silent_file_fails_with_a_message_that_names_it(tmp_path):
    soundfile.write(tmp_path / "nothing.wav", np.zeros(1000), SAMPLE_RATE)
    with pytest.raises(ValueError, match=r"nothing\.wav: the signal is silent"):
        spectrograms.from_file(tmp_path / "nothing.wav")


@pytest.fixture
def clips(tmp_path):
    """Four clips in the order of nothing; one is no sound, one is missing."""
    for name, frequency in (("low", 200), ("high", 4000)):
        soundfile.write(tmp_path / f"{name}.wav", tone(frequency, 2), SAMPLE_RATE)
    (tmp_path / "text.mp3").write_text("no music")
    return pd.DataFrame({
        "clip_id": ["d", "b", "a", "c"], "artist_id": ["x", "y", "z", "y"],
        "file": ["low.wav", "gone.wav", "high.wav", "text.mp3"],
    })  # fmt: skip


def test_all_clips_go_into_one_array_with_its_index_and_failures_keep_their_reason(tmp_path, clips):
    index, failures = spectrograms.compute(clips, tmp_path, store=tmp_path / "store", n_jobs=1)
    assert index.to_dict("list") == {"row": [0, 1], "clip_id": ["a", "d"], "artist_id": ["z", "x"]}
    assert failures["clip_id"].tolist() == ["b", "c"]
    assert ["gone.wav" in failures["reason"].iloc[0], "text.mp3" in failures["reason"].iloc[1]] == [
        True,
        True,
    ]
    array, loaded = spectrograms.load(tmp_path / "store")
    assert (array.dtype, array.shape, type(array)) == (np.float16, (2, N_FRAMES, N_MELS), np.memmap)
    for row, name in enumerate(("high.wav", "low.wav")):
        np.testing.assert_array_equal(array[row], spectrograms.from_file(tmp_path / name).astype(np.float16))
    pd.testing.assert_frame_equal(loaded, index)


def test_other_workers_and_another_order_of_clips_write_the_same_bytes(tmp_path, clips):
    spectrograms.compute(clips, tmp_path, store=tmp_path / "one", n_jobs=1)
    with joblib.parallel_config(backend="threading"):
        spectrograms.compute(clips[::-1], tmp_path, store=tmp_path / "two", n_jobs=2)
    for file in ("spectrograms.npy", "spectrograms.parquet"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_clips_that_all_fail_are_an_error_and_leave_nothing(tmp_path, clips):
    with pytest.raises(ValueError, match=r"none of 2 clips gave a spectrogram; the first: .*gone\.wav"):
        spectrograms.compute(clips.iloc[[1, 3]], tmp_path, store=tmp_path / "store", n_jobs=1)
    assert not (tmp_path / "store").exists()


def test_an_array_that_does_not_fit_its_index_is_an_error(tmp_path, clips):
    index, _ = spectrograms.compute(clips, tmp_path, store=tmp_path, n_jobs=1)
    for wrong in (index.head(1), index[::-1]):
        wrong.to_parquet(tmp_path / "spectrograms.parquet")
        with pytest.raises(ValueError, match="do not fit an index of . clips: run 03 again"):
            spectrograms.load(tmp_path)


# The author's pictures.


def test_the_published_pictures_run_backwards_and_draw_loud_as_zero():
    signal = np.zeros(LENGTH, dtype=np.float32)
    signal[: 10 * SAMPLE_RATE] = tone(1000, 10)
    picture, ours = spectrograms.as_published(signal), spectrograms.log_mel(signal)
    assert picture.shape == ours.shape
    assert ours[10].max() == pytest.approx(1, abs=1e-3)
    assert picture[10].min() == 1  # the end of the clip, silent, is drawn white and comes first
    assert picture[-10].min() < 0.01
    assert abs(int(picture[-10].argmin()) - int(ours[10].argmax())) <= 1  # low bands first in both
    assert set(np.unique(np.round(picture * 255, 3) % 1)) <= {0.0, 1.0}  # eight bits
