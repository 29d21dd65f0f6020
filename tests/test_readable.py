"""Features with plain names, on spectrograms whose answer can be read off."""

import numpy as np
import pytest

from lib.beyond import readable
from lib.spectrograms import picture

FRAME = picture.HOP_LENGTH / picture.SAMPLE_RATE  # seconds


def still(*bands, level=1.0):
    """Bands that sound all the time."""
    clip = np.zeros((256, 64))
    clip[:, list(bands)] = level
    return clip


def struck(times, *, high=0.9, low=0.2, fall=0.25):
    """All bands struck at some frames, fading by `fall` a frame, above a quiet ground."""
    clip = np.full((256, 64), low)
    for frame in times:
        for step in range(4):
            if frame + step < 256:
                clip[frame + step] = np.maximum(clip[frame + step], high - fall * step)
    return clip


def pulse(bpm):
    return struck(np.unique(np.rint(np.arange(0, 30, 60 / bpm) / FRAME).astype(int)))


def of(*clips):
    return readable.of_clips(np.stack(clips).astype(np.float16))


def test_each_feature_has_words_for_both_ends_and_one_column():
    columns = list(of(still(3)).columns)
    assert columns == list(readable.LOW) == list(readable.HIGH)
    assert all(readable.LOW[name] != readable.HIGH[name] for name in columns)


def test_brightness_is_the_centre_of_the_spectrum_in_octaves():
    octaves = np.log2(picture.mel_frequencies())
    values = of(still(10), still(50), still(10, 50))["brightness"]
    wanted = [octaves[10], octaves[50], (octaves[10] + octaves[50]) / 2]
    np.testing.assert_allclose(values, wanted, atol=1e-3)


def test_bass_is_a_share_of_the_energy():
    low = np.flatnonzero(picture.mel_frequencies() < readable.BASS)
    values = of(still(low[0]), still(40), still(low[0], 40))["bass"]
    np.testing.assert_allclose(values, [1, 0, 0.5], atol=1e-3)


def test_loudness_changes_in_decibels():
    half = still(*range(64), level=0.5)
    half[128:] = 0.75  # 20 dB more: 10 dB to either side of the mean
    np.testing.assert_allclose(of(still(5), half)["loudness_changes"], [0, 10], atol=0.02)


def test_attacks_are_harder_where_levels_rise_more():
    hard, soft = struck(range(0, 256, 8)), struck(range(0, 256, 8), high=0.4, fall=0.05)
    values = of(hard, soft, still(5))["attacks"]
    assert values[0] > values[1] > values[2] == 0
    assert values[0] == pytest.approx(31 * 0.7 * 80 / 256, rel=0.01)  # the first one has no frame before it


@pytest.mark.parametrize("every", [4, 8, 16])
def test_hits_are_counted_a_second(every):
    (value,) = of(struck(range(every, 250, every)))["hits"]
    assert value == pytest.approx(len(range(every, 250, every)) / 30)


@pytest.mark.parametrize("bpm", [90, 105, 120, 150])
def test_the_tempo_of_a_pulse(bpm):
    assert 2 ** of(pulse(bpm))["tempo"][0] == pytest.approx(bpm, rel=0.02)


def test_a_pulse_has_a_beat_and_hits_at_random_have_none(rng):
    irregular = struck(np.sort(rng.choice(256, 60, replace=False)))
    values = of(pulse(120), irregular, still(5))["beat"]
    assert values[0] > 0.7 and values[1] < 0.5 and values[2] == 0


def test_tones_step_from_band_to_band_and_noise_does_not():
    values = of(still(*range(0, 64, 4)), still(*range(64)))["tonality"]
    assert values[0] > 10 and values[1] == 0


def test_long_tones_are_sustained_and_tones_that_change_each_frame_are_not(rng):
    longer, shorter = np.zeros((256, 64)), np.zeros((256, 64))
    for frame in range(256):
        shorter[frame, rng.integers(64)] = 1
    for start in range(0, 256, 32):
        longer[start : start + 32, rng.integers(64)] = 1
    values = of(longer, shorter)["sustain"]
    assert values[0] > 0.9 and abs(values[1]) < 0.2


def test_batches_change_nothing(rng):
    clips = rng.random((130, 256, 64)).astype(np.float16)
    whole = readable.of_clips(clips)
    np.testing.assert_allclose(whole.iloc[[0, 64, 129]], readable.of_clips(clips[[0, 64, 129]]), rtol=1e-5)
    assert np.isfinite(whole.to_numpy()).all()


def test_a_silent_clip_has_features_that_are_numbers():
    assert np.isfinite(of(np.zeros((256, 64))).to_numpy()).all()


@pytest.mark.parametrize(("clips", "message"), [
    (np.zeros((2, 64, 256)), r"shape \(n, 256, 64\), got \(2, 64, 256\)"),
    (np.full((1, 256, 64), 1.5), r"values lie in \[0, 1\], got 1.5 to 1.5"),
    (np.full((1, 256, 64), np.nan), "values lie in"),
])  # fmt: skip
def test_what_is_no_spectrogram_is_refused(clips, message):
    with pytest.raises(ValueError, match=message):
        readable.of_clips(clips)
