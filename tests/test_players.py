"""Excerpts: the right moment of the right file, small, the same bytes each time; titles stay text."""

import io

import numpy as np
import pytest
import soundfile

from lib.plots import players
from lib.spectrograms import picture

RATE = picture.SAMPLE_RATE
HOSTILE = "<img src=x onerror=\"alert('x')\"> $x^2$ \\(y\\) & co"


def tones(path, frequencies, *, seconds_each=10, rate=RATE):
    """A file with one pure tone after the other."""
    time = np.arange(seconds_each * rate) / rate
    soundfile.write(
        path, np.concatenate([0.3 * np.sin(2 * np.pi * hertz * time) for hertz in frequencies]), rate
    )
    return path


def loudest_frequency(mp3):
    signal, rate = soundfile.read(io.BytesIO(mp3))
    return np.abs(np.fft.rfft(signal)).argmax() * rate / len(signal)


@pytest.mark.parametrize(("start", "hertz"), [(2, 300), (12, 600), (24, 900)])
def test_an_excerpt_is_of_the_second_that_was_asked_for(tmp_path, start, hertz):
    path = tones(tmp_path / "clip.wav", [300, 600, 900])
    assert loudest_frequency(players.excerpt(path, start)) == pytest.approx(hertz, abs=2)


def test_second_zero_of_a_long_recording_is_the_first_frame_of_its_spectrogram(tmp_path):
    path = tones(
        tmp_path / "long.wav", [300, 600, 900, 1200, 1500]
    )  # 50 s: the middle 30 s begin with the second tone
    assert loudest_frequency(players.excerpt(path, 1)) == pytest.approx(600, abs=2)


def test_an_excerpt_is_mono_at_22050_hz_and_as_long_as_asked(tmp_path):
    path = tones(tmp_path / "clip.flac", [300, 600, 900], rate=44_100)
    signal, rate = soundfile.read(io.BytesIO(players.excerpt(path, 0, 3)))
    assert (signal.ndim, rate) == (1, RATE)
    assert len(signal) / rate == pytest.approx(3, abs=0.1)  # mp3 pads to whole frames


def test_an_excerpt_that_would_run_over_the_end_is_moved_before_it(tmp_path):
    path = tones(tmp_path / "short.wav", [300], seconds_each=6)
    signal, _ = soundfile.read(io.BytesIO(players.excerpt(path, 29, 4)))
    assert loudest_frequency(players.excerpt(path, 29, 4)) == pytest.approx(300, abs=2)
    assert np.abs(signal).max() > 0.5  # the tone, not the padding behind it


def test_the_same_excerpt_is_the_same_bytes_and_some_5_kb_a_second(tmp_path):
    path = tones(tmp_path / "clip.wav", [300, 600, 900])
    first, second = players.excerpt(path, 5), players.excerpt(path, 5)
    assert first == second
    assert len(first) < 6_000 * players.SECONDS


def test_silence_stays_silent():
    signal, _ = soundfile.read(io.BytesIO(players.encode(np.zeros(RATE))))
    assert np.abs(signal).max() < 1e-4


def test_a_title_is_shown_as_text_and_never_as_markup_or_mathematics():
    shown = players.player(b"", HOSTILE)._repr_html_()
    assert "<img" not in shown
    assert "$x" not in shown
    assert "\\(" not in shown
    assert "&lt;img src=x" in shown


def test_several_excerpts_are_shown_each_under_its_title():
    shown = players.show([("first", b"one"), ("second", b"two")])
    assert repr(shown) == "[Player('first'), Player('second')]"
    assert shown._repr_html_().count("<audio controls") == 2


@pytest.mark.parametrize("seconds", [0, -1, 31])
def test_an_excerpt_of_no_or_too_great_length_is_refused(tmp_path, seconds):
    with pytest.raises(ValueError, match="at most 30 s long"):
        players.excerpt(tmp_path / "clip.wav", 0, seconds)


def test_a_file_that_is_no_sound_is_named(tmp_path):
    (tmp_path / "notes.mp3").write_text("not music")
    with pytest.raises(ValueError, match="notes.mp3"):
        players.excerpt(tmp_path / "notes.mp3", 0)
