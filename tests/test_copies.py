"""The same recording in another file: known by its fingerprint, and counted once."""

import io

import av
import numpy as np
import pandas as pd
import pytest
import soundfile

from lib.audio import decode
from lib.clips import collect, copies, gate
from lib.clips.sources import registry

RATE = 22_050


def melody(seed, seconds=34):
    """Notes of a random melody with overtones, two voices, half a second each, and a little noise."""
    rng = np.random.default_rng(seed)
    time, voices = np.arange(RATE // 2) / RATE, []
    for low, high in ((40, 60), (55, 85)):
        notes = 440 * 2 ** ((rng.integers(low, high, 2 * seconds) - 69) / 12)
        decay = np.exp(-rng.uniform(1, 8, 2 * seconds)[:, None] * time)
        tones = sum(np.sin(2 * np.pi * k * notes[:, None] * time) / k for k in range(1, 7))
        voices.append((tones * decay).ravel())
    sound = 0.1 * sum(voices) + 0.003 * rng.standard_normal(len(voices[0]))
    return sound[:, None].astype(np.float32)


def coded(samples, kind):
    file = io.BytesIO()
    if kind in ("wav", "flac", "ogg"):
        soundfile.write(file, samples, RATE, format=kind)
        return file.getvalue()
    codec, container = {"mp3": ("libmp3lame", "mp3"), "aac": ("aac", "ipod")}[kind]
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=RATE, layout="mono", format="fltp", bit_rate=48_000)
        size = 1024 if kind == "aac" else 576
        for start in range(0, len(samples), size):
            part = np.ascontiguousarray(samples[start : start + size].T)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def fingerprint(content):
    sound = decode.decode(content)
    return copies.fingerprint(copies.bands(sound.samples, sound.sample_rate))


@pytest.fixture(scope="module")
def originals():
    return [fingerprint(coded(melody(seed)[: 30 * RATE], "wav")) for seed in range(6)]


@pytest.mark.parametrize("kind", ["mp3", "aac", "ogg"])
@pytest.mark.parametrize("cut", [0.0, 0.53, 1.0])
def test_a_copy_is_near_and_every_other_recording_far(originals, kind, cut):
    start = int(cut * RATE)
    again = fingerprint(coded(0.4 * melody(3)[start : start + 30 * RATE], kind))
    distances = [copies.distance(again, other) for other in originals]
    assert distances[3] < copies.THRESHOLD - 0.05
    assert min(distances[:3] + distances[4:]) > copies.THRESHOLD + 0.05
    assert copies.groups([*originals, again]).tolist() == [0, 1, 2, 3, 4, 5, 3]


def test_sound_that_is_too_short_or_silent_is_nothings_copy():
    short = [fingerprint(coded(melody(1)[: 5 * RATE], "wav")) for _ in range(2)]
    silent = [copies.fingerprint(np.zeros((256, 64))) for _ in range(2)]
    assert copies.groups([*short, *silent]).tolist() == [0, 1, 2, 3]
    assert copies.distance(*short) == copies.distance(*silent) == 1


def test_two_short_recordings_are_not_alike_by_the_silence_behind_them():
    one, other = (fingerprint(coded(melody(seed)[: 12 * RATE], "wav")) for seed in (1, 2))
    assert copies.distance(one, other) > copies.THRESHOLD + 0.05
    assert (
        copies.distance(one, fingerprint(coded(melody(1)[RATE // 2 : 12 * RATE], "ogg"))) < copies.THRESHOLD
    )


def test_groups_of_none_are_none():
    assert copies.groups([]).tolist() == []


def test_an_examination_holds_the_fingerprint():
    examined = gate.examine(coded(melody(1), "wav"))
    assert len(bytes.fromhex(examined["fingerprint"])) == copies.BYTES


def test_samples_beyond_any_scale_have_a_fingerprint():
    wild = np.array([[np.inf], [-np.inf], [np.nan], [1e30]] * RATE, dtype=np.float32)
    assert copies.fingerprint(copies.bands(wild, RATE)).shape == (copies.BYTES,)


def test_a_recording_in_another_folder_and_codec_counts_once_and_both_files_are_listed(tmp_path):
    music = tmp_path / "music"
    files = {
        "Abba/1.flac": coded(melody(1), "flac"),
        "Abba/2.flac": coded(melody(2), "flac"),
        "Bananarama/again.ogg": coded(melody(1)[RATE // 3 :], "ogg"),
        "Bananarama/own.ogg": coded(melody(4), "ogg"),
    }
    for path, content in files.items():
        (music / path).parent.mkdir(parents=True, exist_ok=True)
        (music / path).write_bytes(content)
    artists = pd.DataFrame({"artist_id": ["a", "b"], "name": ["Abba", "Bananarama"]})
    sources = registry.connect(["folder"], music_folder=str(music))
    clips, missing = collect.collect(artists, sources, tmp_path / "out", clips_per_artist=2)
    assert sorted(clips["source_track_id"]) == ["Abba/1.flac", "Abba/2.flac", "Bananarama/own.ogg"]
    listed = pd.read_csv(tmp_path / "out" / "copies.tsv", sep="\t")
    assert listed[["track", "same_as_artist", "same_as_track"]].to_numpy().tolist() == [
        ["Bananarama/again.ogg", "Abba", "Abba/1.flac"]
    ]
    assert "the same sound as a clip of Abba" in missing["reason"].iloc[-1]
