"""Pictures and sounds for a browser: the right pixels, files passed through or cut once, small excerpts."""

import io

import av
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import soundfile
from PIL import Image

from lib.audio import decode
from lib.explorer import media
from lib.plots import players
from lib.plots import sound as plots_sound

RATE = 8000


def tones(frequencies, seconds_each):
    """One pure tone after the other, mono."""
    time = np.arange(round(seconds_each * RATE)) / RATE
    return np.concatenate([0.3 * np.sin(2 * np.pi * hertz * time) for hertz in frequencies])


def written(path, signal, **options):
    soundfile.write(path, signal, RATE, **options)
    return path


def by_av(path, signal, container, codec):
    """What libsndfile does not write: m4a with AAC or ALAC, ADTS."""
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=RATE, layout="mono")
        resampler = av.AudioResampler(stream.codec_context.format or "s16p", "mono", RATE)
        frame = av.AudioFrame.from_ndarray(signal[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = RATE
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            output.mux(stream.encode(part))
    return path


def loudest_frequency(data, second=0.0, seconds=1.0):
    sound = decode.decode(data)
    first = round(second * sound.sample_rate)
    part = sound.samples[first : first + round(seconds * sound.sample_rate)].mean(axis=1)
    return np.abs(np.fft.rfft(part)).argmax() * sound.sample_rate / len(part)


def opened(data):
    return Image.open(io.BytesIO(data))


def test_a_picture_has_time_to_the_right_low_bands_below_and_the_colours_of_the_figures(rng):
    values = rng.random((256, 64)).astype(np.float16)
    kind, data = media.picture(values)
    image = opened(data)
    assert (kind, image.format, image.size) == ("image/png", "PNG", (256, 64))
    figure = plots_sound.spectrogram(values)
    colours = figure.axes[0].images[0].get_cmap()
    plt.close(figure)
    levels = np.round(values.astype(np.float32) * 255).astype(np.uint8)
    wanted = np.round(colours(levels)[:, :, :3] * 255).transpose(1, 0, 2)[::-1]
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), wanted)


def test_values_beyond_the_scale_take_its_ends():
    values = np.linspace(-1, 2, 256)[:, None] * np.ones(64)
    pixels = np.asarray(opened(media.picture(values)[1]).convert("RGB"))
    ends = np.round(matplotlib.colormaps[media.COLOURS]([0, 255])[:, :3] * 255)
    assert (pixels[0, 0] == ends[0]).all()
    assert (pixels[0, -1] == ends[1]).all()


def test_a_small_picture_is_a_tenth_of_it_and_looks_alike():
    levels = np.add.outer(np.linspace(0, 0.5, 256), np.linspace(0, 0.5, 64))
    kind, data = media.small_picture(levels)
    image = opened(data)
    assert (kind, image.format, image.size) == ("image/webp", "WEBP", (256, 64))
    assert len(data) < 2000
    exact = np.asarray(opened(media.picture(levels)[1]).convert("RGB"), dtype=float)
    assert np.abs(np.asarray(image.convert("RGB")) - exact).mean() < 12


def test_all_small_pictures_stand_one_behind_the_other(rng):
    array = rng.random((3, 256, 64))
    made = media.small_pictures(array)
    each = [media.small_picture(values)[1] for values in array]
    assert made["data"].tobytes() == b"".join(each)
    assert np.diff(made["ends"], prepend=0).tolist() == [len(data) for data in each]


def test_a_picture_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(256, 64\) is drawn, got \(64, 256\)"):
        media.picture(np.zeros((64, 256)))


PLAYED = {
    "wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg",
    "ogg": "audio/ogg", "m4a": "audio/mp4", "aac": "audio/aac",
}  # fmt: skip


@pytest.mark.parametrize("kind", PLAYED)
def test_a_file_that_a_browser_plays_passes_unchanged_whatever_its_suffix(tmp_path, kind):
    signal, path = tones([300], 12), tmp_path / "clip.txt"
    if kind in ("m4a", "aac"):
        by_av(path, signal, "ipod" if kind == "m4a" else "adts", "aac")
    else:
        with open(path, "wb") as file:
            soundfile.write(file, signal, RATE, format=kind.upper())
    clip = media.sound(path, tmp_path)
    assert (clip.type, clip.start) == (PLAYED[kind], 0)
    assert clip.data == path.read_bytes()
    assert clip.seconds == pytest.approx(12, abs=0.3)
    assert not (tmp_path / media.SOUNDS).exists()


def test_a_longer_recording_is_cut_once_to_what_its_picture_shows(tmp_path, monkeypatch):
    path = written(tmp_path / "long.mp3", tones([300, 600, 900, 1200, 1500], 10))
    first = media.sound(path, tmp_path)
    assert (first.type, first.start, first.seconds) == ("audio/mpeg", 0, 30)
    frequencies = [loudest_frequency(first.data, second) for second in (1, 15, 28)]
    assert frequencies == pytest.approx([600, 900, 1200], abs=3)
    (stored,) = (tmp_path / media.SOUNDS).iterdir()
    assert stored.read_bytes() == first.data

    monkeypatch.setattr(players, "encode", None)  # the second time nothing is encoded
    copy = tmp_path / "copy of it.mp3"
    copy.write_bytes(path.read_bytes())
    assert media.sound(copy, tmp_path) == first


@pytest.mark.parametrize("kind", ["aiff", "alac", "adpcm"])
def test_a_kind_that_not_every_browser_plays_is_cut_too(tmp_path, kind):
    signal = tones([300], 12)
    if kind == "aiff":
        path = written(tmp_path / "clip.aiff", signal)
    elif kind == "alac":
        path = by_av(tmp_path / "clip.m4a", signal, "ipod", "alac")
    else:
        path = written(tmp_path / "clip.wav", signal, subtype="IMA_ADPCM")
    clip = media.sound(path, tmp_path)
    assert (clip.type, clip.start) == ("audio/mpeg", 0)
    assert clip.seconds == pytest.approx(12, abs=0.1)
    assert decode.decode(clip.data).seconds == pytest.approx(12, abs=0.2)  # not padded to the picture's 30 s


@pytest.mark.parametrize("content", [None, b"", b"no sound", b"RIFF"])
def test_a_file_that_is_missing_or_no_sound_is_named_and_leaves_nothing(tmp_path, content):
    path = tmp_path / "lost.mp3"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="lost.mp3"):
        media.sound(path, tmp_path)
    with pytest.raises(ValueError, match="lost.mp3"):
        media.excerpt(path, 6800)
    assert not (tmp_path / media.SOUNDS).exists()


def test_a_damaged_long_file_leaves_nothing_behind(tmp_path):
    whole = written(tmp_path / "whole.flac", tones([300, 600, 900, 1200], 10)).read_bytes()
    path = tmp_path / "half.flac"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="half.flac"):
        media.sound(path, tmp_path)
    assert not (tmp_path / media.SOUNDS).exists()


def test_an_excerpt_is_five_seconds_around_the_middle_and_the_same_each_time(tmp_path):
    path = written(tmp_path / "clip.wav", tones([300, 600, 900], 10))
    data, start = media.excerpt(path, 12_000)
    assert start == 12.5
    assert decode.decode(data).codec == "ogg"
    assert decode.decode(data).seconds == pytest.approx(5, abs=0.01)
    assert loudest_frequency(data, 2) == pytest.approx(600, abs=3)
    assert media.excerpt(path, 12_000) == (data, start)


def test_an_excerpt_of_a_long_recording_begins_at_its_second_of_the_picture(tmp_path):
    path = written(tmp_path / "long.wav", tones([300, 600, 900, 1200, 1500], 10))
    data, start = media.excerpt(path, 12_000)
    assert start == 12.5  # of the 30 s that are shown
    assert loudest_frequency(data, 2) == pytest.approx(900, abs=3)


def test_an_excerpt_of_a_short_recording_is_all_of_it(tmp_path):
    data, start = media.excerpt(written(tmp_path / "short.wav", tones([300], 3)), 12_000)
    assert start == 0
    assert decode.decode(data).seconds == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize("rate", [6000, 6400, 6800, 7200, 10_000, 16_000, 24_000])
def test_the_bytes_of_an_excerpt_follow_from_its_rate(rng, tmp_path, rate):
    noise = written(tmp_path / "noise.wav", rng.uniform(-1, 1, 10 * RATE))
    data, _ = media.excerpt(noise, rate)
    assert media.excerpt_bytes(rate) - 20 < len(data) <= media.excerpt_bytes(rate)


def test_silence_is_an_excerpt_too(tmp_path):
    data, _ = media.excerpt(written(tmp_path / "still.wav", np.zeros(10 * RATE)), 6000)
    assert np.abs(decode.decode(data).samples).max() < 1e-3


def test_of_many_recordings_those_that_fail_are_named_and_leave_an_empty_place(tmp_path):
    good = written(tmp_path / "good.wav", tones([300], 10))
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    made = media.excerpts([good, tmp_path / "bad.wav", good, tmp_path / "gone.wav"], 6800)
    sizes = np.diff(made["ends"], prepend=0)
    assert (sizes > 0).tolist() == [True, False, True, False]
    assert made["starts"].tolist() == [2.5, 0, 2.5, 0]
    assert [reason.split(":")[0] for reason in made["failures"]] == ["bad.wav", "gone.wav"]
    assert str(tmp_path) not in " ".join(made["failures"])
    assert made["data"][: sizes[0]].tobytes() == media.excerpt(good, 6800)[0]
