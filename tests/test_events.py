"""Moments are found where the sound was put, by rule, and the simulated scores agree with the rules."""

import numpy as np
import pandas as pd
import pytest
import soundfile

import demo
from demo import constants, moments
from demo.score import compose
from lib.filters import events
from lib.spectrograms import picture

RATE, SECONDS = picture.SAMPLE_RATE, picture.SECONDS
GRID = np.arange(0, 10, 0.05)


def seconds_of(found, kind):
    return found.loc[found["kind"] == kind, "seconds"].tolist()


def within(times, spans):
    return np.any([(times >= first) & (times < last) for first, last in spans], axis=0)


def between(*spans):
    return within(GRID, spans)


def tone(*spans, hertz=440.0):
    """A tone that sounds in these seconds, and is otherwise silent."""
    times = np.arange(SECONDS * RATE) / RATE
    return (0.5 * np.sin(2 * np.pi * hertz * times) * within(times, spans)).astype(np.float32)


def test_an_onset_counts_only_after_a_pause():
    always = np.ones(len(GRID), dtype=bool)
    found = events.from_sound([2.6, 1.0, 1.2, 1.5, 2.0], GRID, always, always)
    assert seconds_of(found, "onset") == [1.0, 2.0, 2.6]  # 1.2 and 1.5 follow too soon


def test_a_silence_counts_if_it_lasts_and_sound_of_some_length_ends_there():
    sounding = between((1, 3), (3.2, 4), (6, 6.1), (8, 10))
    found = events.from_sound([], GRID, sounding, sounding)
    assert seconds_of(found, "silence") == pytest.approx([4.0])  # not the beginning, a gap, or after a click


def test_a_sustained_tone_is_its_undisturbed_middle():
    sounding = between((1, 5), (6, 9))
    found = events.from_sound([1.0, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5], GRID, sounding, sounding)
    first, *others = seconds_of(found, "sustained")
    assert first == pytest.approx((1.35 + 5) / 2, abs=0.06)
    assert all(second > 8.8 for second in others)  # between the others nothing lasts
    assert seconds_of(events.from_sound([1.0], GRID, sounding, ~sounding), "sustained") == []


def test_nothing_gives_no_moments():
    nowhere = np.zeros(len(GRID), dtype=bool)
    found = events.from_sound([], GRID, nowhere, nowhere)
    assert found.empty
    assert list(found.columns) == ["kind", "seconds"]


def test_a_tone_that_comes_and_goes_is_heard_where_it_does():
    found = events.detect(tone((2, 6), (10, 12), (20, 28)))
    assert seconds_of(found, "onset")[:1] == pytest.approx([2.0], abs=0.1)
    assert seconds_of(found, "silence") == pytest.approx([6.0, 12.0, 28.0], abs=0.15)
    middles = seconds_of(found, "sustained")
    assert any(abs(second - 4) < 0.6 for second in middles)
    assert any(abs(second - 24) < 0.6 for second in middles)


def test_noise_is_no_tone(rng):
    found = events.detect(0.3 * rng.standard_normal(SECONDS * RATE).astype(np.float32))
    assert seconds_of(found, "sustained") == []


def test_moments_of_files_name_the_file_by_its_place(tmp_path):
    for name, spans in (("a.wav", [(1, 29)]), ("b.wav", [(2, 6)])):
        soundfile.write(tmp_path / name, tone(*spans), RATE)
    found = events.of_files([tmp_path / "a.wav", tmp_path / "b.wav"])
    assert seconds_of(found[found["row"] == 1], "silence") == pytest.approx([6.0], abs=0.15)
    with pytest.raises(ValueError, match=r"broken\.wav"):
        (tmp_path / "broken.wav").write_bytes(b"no sound")
        events.of_files([tmp_path / "broken.wav"])


@pytest.fixture(scope="module")
def world():
    return demo.World(12, 100)


def test_scores_give_moments_of_their_own_clips(world):
    tracks = [world.tracks(artist)[0] for artist in world.artists[:3]]
    clips = pd.DataFrame(
        {"clip_id": ["c", "a", "b"], "source_track_id": [track.track_id for track in tracks]}
    )
    found = demo.moments_of_clips(world, clips)
    assert set(found["clip_id"]) <= set(clips["clip_id"])
    for clip, track in zip(clips["clip_id"], tracks, strict=True):
        written = compose(world, track)
        begun = np.sort([event.start for event in (*written.hits, *written.notes) if event.start >= 0])
        for second in seconds_of(found[found["clip_id"] == clip], "onset"):
            assert second in begun
            assert not ((begun < second) & (begun >= second - events.QUIET_BEFORE)).any()


def test_a_stop_in_a_score_is_a_silence(world):
    stopped = 0
    for artist in world.artists:
        for track in world.tracks(artist):
            written = compose(world, track)
            stops = [start for start, decibels in written.gains if decibels == -constants.STOP_DEPTH]
            inside = [start for start in stops if 2 < start < 28]
            silences = np.array(seconds_of(moments.of_score(written), "silence"))
            for start in inside:
                before = [
                    note
                    for note in written.notes
                    if note.start < start - 0.4 < start < note.start + note.seconds
                ]
                if before and written.beats == 4 and 60 / written.bpm > events.QUIET_BEFORE:
                    stopped += 1
                    assert np.abs(silences - start).min() < 0.03
    assert stopped > 3
