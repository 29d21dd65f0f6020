"""Decoding: every codec against libsndfile or librosa, and the damage that lenient readers let pass."""

import io
import struct

import av
import librosa
import numpy as np
import pytest
import soundfile

from lib.audio import decode

RATE = 44_100
SECONDS = 4


def music(seconds=SECONDS, channels=2):
    """Two voices and some noise, different in each channel."""
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).normal(0, 0.01, (len(time), channels))
    voices = [0.3 * np.sin(2 * np.pi * (220 + 110 * channel) * time) for channel in range(channels)]
    return (np.stack(voices, axis=1) + noise).astype(np.float32)


def encoded(format, samples=None, **options):
    file = io.BytesIO()
    soundfile.write(file, music() if samples is None else samples, RATE, format=format, **options)
    return file.getvalue()


def m4a(samples):
    file = io.BytesIO()
    with av.open(file, "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=RATE, layout="stereo", bit_rate=128_000)
        for start in range(0, len(samples), 1024):
            planar = np.ascontiguousarray(samples[start : start + 1024].T)
            frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.fixture(scope="module")
def files():
    made = {format.lower(): encoded(format) for format in ("WAV", "FLAC", "MP3", "OGG", "AIFF")}
    return made | {"m4a": m4a(music())}


@pytest.mark.parametrize("codec", ["wav", "flac", "mp3", "ogg", "aiff", "m4a"])
def test_each_codec_gives_the_samples_in_the_layout_of_the_file(files, codec):
    sound = decode.decode(files[codec])
    assert sound.codec == codec
    assert sound.sample_rate == RATE
    assert sound.samples.dtype == np.float32
    assert sound.samples.shape[1] == 2
    assert sound.seconds == pytest.approx(SECONDS, abs=0.05)
    length = min(len(sound.samples), SECONDS * RATE)
    error = sound.samples[:length] - music()[:length]
    assert np.sqrt((error**2).mean()) < 0.02  # the noise, which lossy codecs drop


@pytest.mark.parametrize("codec", ["wav", "flac", "mp3", "ogg"])
def test_samples_agree_with_librosa(files, codec):
    expected, _ = librosa.load(io.BytesIO(files[codec]), sr=None, mono=False)
    np.testing.assert_array_equal(decode.decode(files[codec]).samples, expected.T)


@pytest.mark.parametrize("codec", ["wav", "mp3", "m4a"])
def test_a_path_and_its_bytes_decode_alike_whatever_the_name(files, codec, tmp_path):
    path = tmp_path / "misnamed.xyz"
    path.write_bytes(files[codec])
    np.testing.assert_array_equal(decode.decode(path).samples, decode.decode(files[codec]).samples)


@pytest.mark.parametrize("codec", ["wav", "flac", "mp3", "ogg", "m4a"])
def test_the_middle_is_cut_out_of_the_whole(files, codec):
    whole, middle = decode.decode(files[codec]), decode.decode(files[codec], middle=1.5)
    assert len(middle.samples) == 1.5 * RATE
    assert middle.seconds == pytest.approx(whole.seconds, abs=0.02)
    start = round((middle.seconds - 1.5) / 2 * RATE)
    errors = [
        whole.samples[start + shift :][: len(middle.samples)] - middle.samples for shift in range(-5, 6)
    ]
    powers = [(error**2).mean() for error in errors]
    assert np.argmin(powers) == 5
    assert min(powers) < (1e-4 if codec == "m4a" else 1e-9)  # AAC decoders draw their own noise after a jump
    whole_again = decode.decode(files[codec], middle=SECONDS + 10)
    np.testing.assert_array_equal(whole_again.samples, whole.samples)


def test_mono_and_integer_samples_come_out_at_full_scale():
    square = np.where(np.arange(RATE) % 100 < 50, 0.5, -0.5)[:, None]
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "FLOAT"):
        samples = decode.decode(encoded("WAV", square, subtype=subtype)).samples
        assert samples.shape == (RATE, 1)
        np.testing.assert_allclose(samples, square, atol=1 / 128)


def damage(content, kind):
    middle = len(content) // 2
    return {
        "half": content[:middle],
        "a hole": content[:middle] + bytes(4_000) + content[middle + 4_000 :],
        "no end": content[:-300],
    }[kind]


# Not to be seen: a hole in plain samples, which carry no checksum, the last bytes of an mp3's last frame, and
# the missing end of an Ogg stream, which announces no length.
@pytest.mark.parametrize(
    ("codec", "kind"),
    [(codec, "half") for codec in ("wav", "flac", "mp3", "m4a")]
    + [(codec, "a hole") for codec in ("flac", "mp3", "ogg", "m4a")]
    + [(codec, "no end") for codec in ("wav", "flac", "m4a")],
)
def test_damage_is_refused(files, codec, kind):
    with pytest.raises(ValueError, match="damaged or cut short"):
        decode.decode(damage(files[codec], kind))


@pytest.mark.parametrize(
    "content", [b"", b"lyrics, not music", b"<!DOCTYPE html><p>busy", b"{}", b"\0" * 5_000]
)
def test_what_is_no_sound_is_refused_whatever_its_name(content, tmp_path):
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"song\.mp3.*no sound file"):
        decode.decode(path)


@pytest.mark.parametrize(
    "head", [b"ID3", b"\xff\xfb\x90\x64", b"fLaC", b"OggS", b"RIFF....WAVE", b"....ftypM4A "]
)
def test_the_first_bytes_alone_do_not_make_it_sound(head):
    with pytest.raises(ValueError, match="damaged or cut short"):
        decode.decode(head + b"#EXTM3U\nfile:///etc/hostname\n" * 20)


def test_an_impossible_sample_rate_is_refused():
    header = bytearray(encoded("WAV", subtype="PCM_16"))
    header[24:28] = struct.pack("<I", 1_000_000_000)
    with pytest.raises(ValueError, match=r"sample rate.*expected 8000 to 192000"):
        decode.decode(bytes(header))


def test_a_missing_file_is_named():
    with pytest.raises(ValueError, match=r"nowhere\.mp3.*No such file"):
        decode.decode("nowhere.mp3")


def test_an_mp3_that_does_not_state_its_length_is_read_to_its_end(files):
    content = files["mp3"]
    mark = max(content.find(b"Xing"), content.find(b"Info"))
    silent_about_it = bytearray(content)
    silent_about_it[mark : mark + 4] = bytes(4)
    sound = decode.decode(bytes(silent_about_it))
    assert len(sound.samples) / RATE == sound.seconds == pytest.approx(SECONDS, abs=0.1)
