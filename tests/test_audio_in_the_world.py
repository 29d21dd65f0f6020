"""Sound as people have it: the excerpt lies around the sound's own middle, whatever the headers say, or the
file is refused with what was seen. A tone's pitch rises with time: so an excerpt's place can be measured.
"""

import io
import os
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.audio import containers, decode, kinds, sandbox
from lib.clips import gate
from lib.plots import players
from lib.spectrograms import picture

RATE, SECONDS = 16_000, 40
LOW, HIGH = 200.0, 2_000.0  # Hz at the beginning and at the end
MIDDLE = 12  # seconds of an excerpt


def rising(seconds=SECONDS, rate=RATE, begin=0.0, end=1.0):
    """A tone that rises from LOW to HIGH, or a part of it."""
    time = np.arange(round(seconds * rate)) / rate
    phase = LOW * time + (HIGH - LOW) * time**2 / (2 * seconds)
    samples = (0.3 * np.sin(2 * np.pi * phase)).astype(np.float32)[:, None]
    return samples[round(begin * len(samples)) : round(end * len(samples))]


def place(sound, seconds=SECONDS):
    """The second of the tone that stands in the middle of an excerpt, by its pitch."""
    half, middle = sound.sample_rate // 4, len(sound.samples) // 2
    window = sound.samples[max(0, middle - half) : middle + half, 0]
    spectrum = np.abs(np.fft.rfft(window * np.hanning(len(window)), 2**17))
    return (spectrum.argmax() * sound.sample_rate / 2**17 - LOW) / (HIGH - LOW) * seconds


def by_libsndfile(form, samples=None, rate=RATE, **options):
    file = io.BytesIO()
    soundfile.write(file, rising(rate=rate) if samples is None else samples, rate, format=form, **options)
    return file.getvalue()


def by_ffmpeg(form, codec, samples=None, *, rate=RATE, late=0.0, pictures=0, options=None):
    """Encoded by FFmpeg, with as many seconds of a video beside it."""
    samples, file = rising(rate=rate) if samples is None else samples, io.BytesIO()
    with av.open(file, "w", format=form, options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        video = container.add_stream("mpeg4", rate=1, width=32, height=32) if pictures else None
        for start in range(0, len(samples), 960):
            part = samples[start : start + 960].T
            if stream.format.name.startswith("s"):
                bits = {"s1": 15, "s3": 31}[stream.format.name[:2]]
                part = (part * (2**bits - 1)).astype(f"int{bits + 1}")
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(part), format=stream.format.name, layout="mono"
            )
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = start + round(late * rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for second in range(pictures):
            image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            image.pts, image.time_base = second, Fraction(1, 1)
            container.mux(video.encode(image.reformat(format="yuv420p")))
        if video:
            container.mux(video.encode(None))
    return file.getvalue()


def id3(size):
    return b"ID3\4\0\0" + bytes([size >> 21, size >> 14 & 127, size >> 7 & 127, size & 127]) + b"x" * size


def ape(size):
    head = [
        b"APETAGEX" + struct.pack("<IIII", 2000, size + 32, 1, flags) + bytes(8)
        for flags in (0xA000_0000, 0x8000_0000)
    ]
    return head[0] + b"\xff" * size + head[1]


ID3V1 = b"TAG" + b" " * 125


def without_header(mp3):
    """An mp3 without the frame that announces its length."""
    return mp3[kinds.frame(mp3, 0, "mp3").size :]


def announcing(mp3, n_frames):
    at = max(mp3.find(b"Xing"), mp3.find(b"Info")) + 8
    return mp3[:at] + n_frames.to_bytes(4) + mp3[at + 4 :]


def flac_of(total, content=None):
    content = content or MADE["flac"]
    packed = int.from_bytes(content[18:26]) >> 36 << 36 | total
    return content[:18] + packed.to_bytes(8) + content[26:]


def written(content, at, value, form="<I"):
    return content[:at] + struct.pack(form, value) + content[at + struct.calcsize(form) :]


def pages(ogg):
    parts, at = [], 0
    while at < len(ogg):
        sizes = ogg[at + 27 : at + 27 + ogg[at + 26]]
        parts.append(ogg[at : at + 27 + len(sizes) + sum(sizes)])
        at += len(parts[-1])
    return parts


def page_of(page, *, time):
    """An Ogg page with another time."""
    page, remainder = bytearray(page), 0
    page[6:14], page[22:26] = struct.pack("<q", time), bytes(4)
    for byte in page:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x04C1_1DB7 if remainder >> 31 else 0)) & 0xFFFF_FFFF
    page[22:26] = struct.pack("<I", remainder)
    return bytes(page)


def riff(codec, sound, size=None, *, behind=b""):
    """A wav by hand: the number of its codec, its sound, and the size that it states of it."""
    form = struct.pack("<HHIIHHHHIHHH", codec, 1, RATE, 2 * RATE, 2, 16, 12, 1, 2, 144, 1, 0)
    size = len(sound) if size is None else size
    head = b"WAVEbext" + struct.pack("<I", 3) + bytes(4) + b"fmt " + struct.pack("<I", len(form)) + form
    inside = head + b"data" + struct.pack("<I", size) + sound + behind
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def of_free_format(mp3):
    kind = kinds.of(mp3)
    frames = containers.frames(mp3, kind)
    return b"".join(
        mp3[start : start + 2] + bytes([mp3[start + 2] & 15]) + mp3[start + 3 : end]
        for start, end in zip(frames.starts, frames.ends)
    )


def joined(make):
    """Two recordings one behind the other: the tone's first quarter, then the rest."""
    return make(rising(end=0.25)) + make(rising(begin=0.25))


MADE = {
    "wav": by_libsndfile("WAV"),
    "wav, 8 bits": by_libsndfile("WAV", subtype="PCM_U8"),
    "wav, 24 bits": by_libsndfile("WAV", subtype="PCM_24"),
    "wav, float": by_libsndfile("WAV", subtype="FLOAT"),
    "wav, ADPCM": by_libsndfile("WAV", subtype="IMA_ADPCM"),
    "wav, GSM": by_libsndfile("WAV", rising(rate=8_000), 8_000, subtype="GSM610"),
    "rf64": by_libsndfile("RF64"),
    "aiff": by_libsndfile("AIFF"),
    "flac": by_libsndfile("FLAC"),
    "flac, 24 bits": by_libsndfile("FLAC", subtype="PCM_24"),
    "mp3": by_libsndfile("MP3"),
    "mp3, constant": by_libsndfile("MP3", bitrate_mode="CONSTANT"),
    "mp3 of FFmpeg": by_ffmpeg("mp3", "libmp3lame"),
    "vorbis": by_libsndfile("OGG"),
    "opus": by_libsndfile("OGG", rising(rate=48_000), 48_000, subtype="OPUS"),
    "ogg flac": by_ffmpeg("oga", "flac"),
    "aac": by_ffmpeg("adts", "aac"),
    "m4a": by_ffmpeg("ipod", "aac"),
    "alac": by_ffmpeg("ipod", "alac"),
    "mp4 with mp3": by_ffmpeg("mp4", "libmp3lame"),
    "mp4 in fragments": by_ffmpeg("mp4", "aac", options={"movflags": "frag_keyframe+empty_moov"}),
}  # fmt: skip
PLAIN_MP3 = without_header(MADE["mp3"])
DATA = MADE["wav"].index(b"data") + 4
SSND = MADE["aiff"].index(b"SSND") + 4
VIDEO = by_ffmpeg("mp4", "aac", pictures=90)
LATE = by_ffmpeg("mp4", "aac", late=5.0)
LIST = VIDEO.rindex(b"elst")
VORBIS = pages(MADE["vorbis"])
OPUS = pages(MADE["opus"])
PCM = MADE["wav"][44:]
IN_THE_WORLD = {
    # Lengths that nobody announces, or announces wrongly.
    "mp3 without a header": PLAIN_MP3,
    "mp3 that announces 0 frames": announcing(MADE["mp3"], 0),
    "mp3 with the header of a shorter one": announcing(MADE["mp3"], 300),
    "mp3s joined": joined(lambda part: by_libsndfile("MP3", part)),
    "mp3s joined with their tags": joined(lambda part: id3(90) + by_libsndfile("MP3", part) + ID3V1),
    "mp3 from the middle of a frame": PLAIN_MP3[50:],
    "aac from the middle of a frame": MADE["aac"][50:],
    "aacs joined": joined(lambda part: by_ffmpeg("adts", "aac", part)),
    "wav from a pipe, 0": written(MADE["wav"], DATA, 0),
    "wav from a pipe, all ones": written(MADE["wav"], DATA, 0xFFFF_FFFF),
    "wav from a pipe, SoX": written(written(MADE["wav"], DATA, 0x7FFF_F000), 4, 0x7FFF_F024),
    "aiff from a pipe": written(MADE["aiff"], SSND, 0, ">I"),
    "aiff whose number of frames is wrong": written(MADE["aiff"], 22, 77, ">I"),
    "flac from a pipe": flac_of(0),
    "flac with the header of a shorter one": flac_of(RATE),
    "flacs joined": joined(lambda part: by_libsndfile("FLAC", part)),
    "vorbis without its last page": b"".join(VORBIS[:-1]),
    "vorbis cut in a page": MADE["vorbis"][:-300],
    "vorbis chained": joined(lambda part: by_libsndfile("OGG", part)),
    "opus chained": by_libsndfile("OGG", rising(rate=48_000, end=0.25), 48_000, subtype="OPUS")
    + by_libsndfile("OGG", rising(rate=48_000, begin=0.25), 48_000, subtype="OPUS"),
    "ogg flac that starts late": by_ffmpeg("oga", "flac", late=5.0),
    "opus that starts late": by_ffmpeg("ogg", "libopus", rising(rate=48_000), rate=48_000, late=5.0),
    "wav with mp3 inside, without a header": riff(0x55, PLAIN_MP3),
    "wav with mp3 inside, from a pipe": riff(0x55, PLAIN_MP3, 0xFFFF_FFFF),
    "wav with mp3 and its tags inside": riff(0x55, id3(500) + MADE["mp3"] + ID3V1),
    "wav before a tag and zeros": riff(1, PCM, behind=b"LIST\4\0\0\0INFO") + id3(90_000) + bytes(90_000),
    "bw64": b"BW64" + MADE["rf64"][4:],
    "wav whose ADPCM leans on all before": by_ffmpeg("wav", "adpcm_yamaha"),
    "flac from a pipe before zeros": flac_of(0) + bytes(3_000_000),
    "flac whose smallest block is a false one": written(flac_of(0), 8, 16, ">H"),
    "opus with something between its pages": b"".join(OPUS[:10]) + b"OggSomething" * 50 + b"".join(OPUS[10:]),
    "ogg flacs joined": joined(lambda part: by_ffmpeg("oga", "flac", part)),
    "ogg flac before zeros": MADE["ogg flac"] + bytes(90_000),
    # Containers longer than their sound.
    "m4a with a longer video": VIDEO,
    "m4a that starts late": LATE,
    "m4a that starts late, with a video": by_ffmpeg("mp4", "aac", late=30.0, pictures=90),
    "m4a whose edit list is too long": written(VIDEO, LIST + 12, 900_000, ">I"),
    "m4a whose header says 1 s": written(MADE["m4a"], MADE["m4a"].index(b"mvhd") + 20, 1_000, ">I"),
    # Kinds told by content.
    "flac behind a tag": id3(5_000) + MADE["flac"],
    "flac from a pipe between tags": id3(300) + flac_of(0) + ID3V1,
    "aac behind a tag": id3(300) + MADE["aac"],
    "aac behind two tags": id3(300) + id3(20) + MADE["aac"] + ID3V1,
    "mp3 behind an APE tag": ape(900) + MADE["mp3"],
    "mp3 behind zeros": bytes(6_000) + MADE["mp3"],
    "mp3 before tags": MADE["mp3"] + ape(30_000) + ID3V1,
    "mp3 without a header before tags": PLAIN_MP3 + ape(300_000) + ID3V1,
    "mp3 behind a tag whose length is wrong": id3(3_000)[:6] + b"\0\0\2\0" + b"x" * 3_000 + MADE["mp3"],
    "wav behind a tag": id3(300) + MADE["wav"],
    "m4a behind a tag": id3(300) + MADE["m4a"],
}
REFUSED = {
    "mp3 that announces more": (announcing(MADE["mp3"], 9_999), r"announces 360\.0 s, frames of 40\.\d s"),
    "flac that announces more": (flac_of(RATE * 90), r"announces 90\.0 s, its last frame ends at 40\.0 s"),
    "wav that announces more": (written(MADE["wav"], DATA, 9_999_999), "announces 9,999,999 bytes of sound"),
    "wav that announces less": (written(MADE["wav"], DATA, 400_000), "behind the 400,000 bytes of sound"),
    "wavs joined": (joined(lambda part: by_libsndfile("WAV", part)), "another recording"),
    "m4as joined": (joined(lambda part: by_ffmpeg("ipod", "aac", part)), "2 recordings stand in it"),
    "mp3s of two rates joined": (
        MADE["mp3"] + by_libsndfile("MP3", rising(rate=22_050), 22_050),
        r"after 40\.\d s the sound goes on with 22050 Hz and 1 channels instead of 16000 Hz",
    ),
    "wav with two sounds": (
        riff(1, PCM, behind=b"data" + struct.pack("<I", len(PCM)) + PCM),
        "another recording or chunk of sound",
    ),
    "wav of G.721": (
        by_libsndfile("WAV", rising(rate=8_000), 8_000, subtype="G721_32"),
        "G.721, which is not decoded",
    ),
    "aiff of DWVW": (by_libsndfile("AIFF", subtype="DWVW_16"), "its sound is in a codec that is not"),
    "mp3 of free format": (id3(90) + of_free_format(PLAIN_MP3), "looks like mp3 of free format"),
    "opus without many pages": (b"".join(OPUS[:10] + OPUS[20:]), r"pages of some 10\.\d s are missing in it"),
    "opus whose last time is earlier": (
        b"".join(OPUS[:-1]) + page_of(OPUS[-1], time=480_000),
        "the times of its pages are false",
    ),
    "aac with a hole": (
        MADE["aac"][: len(MADE["aac"]) // 2] + bytes(9_000) + MADE["aac"][len(MADE["aac"]) // 2 + 9_000 :],
        "bytes at byte .* are no aac frames",
    ),
    "a container whose times are double": (
        written(MADE["m4a"], MADE["m4a"].index(b"mdhd") + 16, RATE // 2, ">I"),
        "the container contradicts its sound",
    ),
    "a picture": (VIDEO[:4] + b"ftyp" + b"heic" + VIDEO[12:400], "damaged|holds no sound"),
    "Matroska": (by_ffmpeg("matroska", "aac"), "looks like Matroska or WebM; this is no sound"),
    "tags and nothing else": (id3(500) + ID3V1, "tags or zeros and nothing else"),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_the_middle_of_each_codec_lies_around_its_own_middle(name):
    sound = decode.decode(MADE[name], middle=MIDDLE)
    assert sound.seconds == pytest.approx(SECONDS, abs=0.1)
    assert len(sound.samples) == MIDDLE * sound.sample_rate
    assert place(sound) == pytest.approx(SECONDS / 2, abs=0.15)


@pytest.mark.parametrize("name", IN_THE_WORLD)
def test_what_is_decoded_decides_whatever_is_announced(name):
    content = IN_THE_WORLD[name]
    sound, whole = decode.decode(content, middle=MIDDLE), decode.decode(content)
    assert len(sound.samples) == MIDDLE * sound.sample_rate
    assert sound.seconds == pytest.approx(whole.seconds, abs=0.1)
    assert len(whole.samples) / whole.sample_rate == pytest.approx(SECONDS, abs=6 if "page" in name else 0.3)
    assert (
        np.abs(sound.samples).max(axis=1).reshape(MIDDLE, -1).max(axis=1).min() > 0.1
    )  # no second is silent
    assert place(sound) == pytest.approx(whole.seconds / 2, abs=0.2)


@pytest.mark.parametrize("name", REFUSED)
def test_what_contradicts_itself_is_refused_with_what_was_seen(name):
    content, seen = REFUSED[name]
    with pytest.raises(ValueError, match=f"^sound in memory: .*(?:{seen})"):
        decode.decode(content, middle=MIDDLE)


def length_fields(name):
    """Places of the numbers that announce a length, and how they are written."""
    content = MADE[name]
    if content[:4] in (b"RIFF", b"RF64"):
        long = [(20, "<Q"), (28, "<Q"), (36, "<Q")] if content[:4] == b"RF64" else []
        return [(4, "<I"), (content.index(b"data") + 4, "<I"), *long]
    if content[:4] == b"FORM":
        return [(4, ">I"), (22, ">I"), (SSND, ">I")]
    if content[:4] == b"fLaC":
        return [(22, ">I"), (21, ">B")]
    if b"Xing" in content[:200] or b"Info" in content[:200]:
        mark = max(content.find(b"Xing", 0, 200), content.find(b"Info", 0, 200))
        return [(mark + 8, ">I"), (mark + 12, ">I"), (mark + 60, ">I")]
    if content[4:8] == b"ftyp":
        durations = ((b"mvhd", 20), (b"mdhd", 20), (b"mdhd", 16), (b"tkhd", 24), (b"stts", 16))
        return [(content.rindex(box) + offset, ">I") for box, offset in durations]
    return []


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_with_any_length_written_over_the_excerpt_lies_in_the_middle_or_there_is_none(data):
    name = data.draw(st.sampled_from([name for name in MADE if length_fields(name)]))
    at, form = data.draw(st.sampled_from(length_fields(name)))
    largest = 256 ** struct.calcsize(form) - 1
    truth = struct.unpack_from(form, MADE[name], at)[0]
    near = st.sampled_from([0, 1, truth // 2, truth * 3 // 4, truth * 2, largest // 2, largest - 8, largest])
    number = data.draw(near | st.integers(0, largest))
    try:
        sound = decode.decode(written(MADE[name], at, min(number, largest), form), middle=MIDDLE)
    except ValueError as error:
        assert str(error).startswith("sound in memory: ")
        return
    assert place(sound) == pytest.approx(SECONDS / 2, abs=1)


@pytest.mark.parametrize(
    "name", ["wav", "flac", "mp3", "mp3 without a header", "vorbis", "aac", "m4a", "alac"]
)
def test_excerpts_do_not_overlap_and_lie_where_they_should(name):
    content = (MADE | IN_THE_WORLD)[name]
    parts = decode.excerpts(content, 3, MIDDLE)
    assert [place(part) for part in parts] == pytest.approx(
        [SECONDS * (k + 0.5) / 3 for k in range(3)], abs=0.2
    )
    assert {len(part.samples) for part in parts} == {MIDDLE * parts[0].sample_rate}
    assert len(decode.excerpts(content, 9, MIDDLE)) == 3  # as many as fit
    (one,) = decode.excerpts(content, 1, MIDDLE)
    np.testing.assert_array_equal(one.samples, decode.decode(content, middle=MIDDLE).samples)
    (short,) = decode.excerpts(content, 2, 100)
    assert short.seconds == pytest.approx(SECONDS, abs=0.2)


def test_pictures_of_excerpts_are_those_of_their_places(tmp_path):
    soundfile.write(tmp_path / "long.wav", rising(seconds=70), RATE)
    pictures, seconds = picture.of_excerpts(tmp_path / "long.wav", 3)
    assert seconds == pytest.approx(70)
    assert pictures.shape == (2, picture.N_FRAMES, picture.N_MELS)
    assert pictures[0].mean(axis=0).argmax() < pictures[1].mean(axis=0).argmax()
    (one,), _ = picture.of_excerpts(tmp_path / "long.wav", 1)
    np.testing.assert_array_equal(one, picture.from_file(tmp_path / "long.wav"))


@pytest.mark.parametrize(
    "name", ["mp3 without a header", "aac behind a tag", "flac from a pipe", "m4a that starts late"]
)
def test_gate_picture_and_player_take_the_same_excerpt(name, tmp_path):
    path = tmp_path / os.fsdecode(b"na\xefve \xe2\x80\x9cname\xe2\x80\x9d.mp3")  # not UTF-8
    path.write_bytes(IN_THE_WORLD[name])
    examined = gate.examine_apart(path)
    assert examined["seconds"] == pytest.approx(SECONDS, abs=0.3)
    assert gate.objection(examined, min_seconds=10) is None
    apart, here = decode.decode_apart(path, middle=30), decode.decode(path, middle=30)
    np.testing.assert_array_equal(apart.samples, here.samples)
    assert (apart.codec, apart.sample_rate, apart.seconds) == (here.codec, here.sample_rate, here.seconds)
    hertz = LOW + (HIGH - LOW) * (5 + 10 + 1) / SECONDS  # the excerpt begins 5 s into the sound
    signal, rate = soundfile.read(io.BytesIO(players.excerpt(path, start=10, seconds=2)))
    assert np.abs(np.fft.rfft(signal)).argmax() * rate / len(signal) == pytest.approx(hertz, abs=60)


def test_a_player_outlives_a_file_that_crashes_the_decoder(tmp_path, monkeypatch):
    call = sandbox.call
    monkeypatch.setattr(sandbox, "call", lambda function, *rest, **limits: call("tests.test_sandbox:crash"))
    with pytest.raises(ValueError, match=r"song\.mp3: the decoder crashed \(SIGSEGV\)"):
        players.excerpt(tmp_path / "song.mp3", 0)


def test_a_long_file_costs_what_its_excerpt_costs(tmp_path):
    """Two hours: in a child that may have as much memory as its libraries and a few excerpts need."""
    hour = np.tile(rising(seconds=60, rate=8_000), (60, 1))
    minute = without_header(by_libsndfile("MP3", rising(seconds=60)))
    soundfile.write(tmp_path / "long.flac", np.concatenate([hour, hour]), 8_000)
    (tmp_path / "long.mp3").write_bytes(minute * 120)
    del hour
    for name in ("long.flac", "long.mp3"):
        sound = decode.decode_apart(tmp_path / name, middle=30, gigabytes=0.25)
        assert sound.seconds == pytest.approx(7_205, abs=10)
        assert len(sound.samples) == 30 * sound.sample_rate


def test_frames_are_counted_without_tags_and_padding():
    kind = kinds.of(id3(500) + PLAIN_MP3 + bytes(50))
    assert (kind.codec, kind.start) == ("mp3", 510)
    frames = containers.frames(PLAIN_MP3, kinds.of(PLAIN_MP3))
    assert frames.total / frames.rate == pytest.approx(SECONDS, abs=0.2)
    assert not frames.gaps
    assert (frames.starts[1:] == frames.ends[:-1]).all()
