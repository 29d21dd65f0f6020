"""The simulated music: a score, its sound, and the files that catalogues and folders hold."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import demo
from demo import __main__ as command
from demo import constants, score, synthesiser
from lib.audio import decode
from lib.spectrograms import picture as spectrograms_picture


@pytest.fixture(scope="module")
def world():
    return demo.World(40, 100)


def one_of_each_style(world):
    main = {int(np.argmax(artist.style)): artist for artist in reversed(world.artists)}
    return [world.tracks(artist)[0] for artist in main.values()]


def a_track(world, accept):
    tracks = (track for artist in world.artists for track in world.tracks(artist))
    return next(track for track in tracks if accept(score.compose(world, track)))


@pytest.fixture(scope="module")
def recordings(world):
    return {track.track_id: demo.synthesise(world, track) for track in one_of_each_style(world)}


def test_every_style_gives_thirty_finite_seconds_that_are_neither_silent_nor_clipped(recordings):
    assert len(recordings) >= 8
    for samples, rate in recordings.values():
        assert samples.dtype == np.float32
        assert samples.shape == (30 * rate, 2 if rate == 44_100 else 1)
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() < synthesiser.PEAK
        assert 0.03 < np.sqrt(np.mean(samples**2)) < 0.5


def test_no_recording_is_a_drone_or_noise_over_its_whole_length(recordings):
    for samples, rate in recordings.values():
        picture = spectrograms_picture.log_mel(spectrograms_picture.mono(samples, rate))
        assert picture.std(axis=0).mean() > 0.03  # something happens over time
        assert picture.mean(axis=0).std() > 0.05  # bands differ


def test_a_tenth_of_the_tracks_is_stereo_and_their_channels_differ(world):
    scores = [score.compose(world, track) for artist in world.artists for track in world.tracks(artist)[:3]]
    assert len(scores) > 100 and 0.03 < np.mean([each.stereo for each in scores]) < 0.2
    samples, rate = demo.synthesise(world, a_track(world, lambda each: each.stereo))
    assert rate == 44_100 and np.abs(samples[:, 0] - samples[:, 1]).max() > 0.01


@pytest.mark.parametrize("codec", ["mp3", "m4a"])
def test_the_same_track_gives_the_same_bytes_and_they_decode_to_its_sound(world, recordings, codec):
    track = next(track for track in one_of_each_style(world) if recordings[track.track_id][1] == 22_050)
    content, named = demo.render(world, track, codec)
    assert demo.render(demo.World(40, 100), track, codec) == (content, codec) and named == codec
    heard, (samples, rate) = decode.decode(content), recordings[track.track_id]
    assert (heard.codec, heard.sample_rate) == (codec, rate)
    assert len(heard.samples) == pytest.approx(len(samples), abs=2 * decode.MP3_FRAME)
    n = min(len(heard.samples), len(samples))
    pictures = [
        spectrograms_picture.log_mel(spectrograms_picture.mono(sound[:n], rate))
        for sound in (samples, heard.samples)
    ]
    assert np.abs(pictures[0] - pictures[1])[:, :40].mean() < 0.05  # 4 dB, below 5 kHz


def test_another_seed_or_track_sounds_different(world, recordings):
    track = one_of_each_style(world)[0]
    samples, _ = recordings[track.track_id]
    other = dataclasses.replace(track, seed=track.seed + 1)
    other_samples, _ = demo.synthesise(world, other)
    assert other_samples.shape != samples.shape or not np.array_equal(other_samples, samples)


def test_the_codec_is_that_of_the_first_catalogue_with_previews(world):
    for artist in world.artists:
        spotify = "spotify" in artist.catalogues and artist.spotify_preview
        expected = "m4a" if not spotify and "itunes" in artist.catalogues else "mp3"
        assert synthesiser.usual_codec(artist) == expected


def test_the_sound_rises_where_the_score_says_that_drums_strike(world):
    track = a_track(world, lambda each: each.kit == "tight" and not each.stereo and len(each.hits) > 100)
    samples, rate = demo.synthesise(world, track)
    energy = np.log10((samples[:, 0] ** 2).reshape(-1, rate // 90).sum(axis=1) + 1e-9)  # 90 frames a second
    rise = np.diff(energy)
    struck = np.zeros(len(rise), dtype=bool)
    at = (demo.onsets(world, track) * 90).astype(int)
    for shift in (-1, 0):
        struck[np.clip(at + shift, 0, len(rise) - 1)] = True
    assert rise[struck].mean() > 0.05 > rise[~struck].mean()


def test_onsets_are_ascending_apart_and_empty_without_drums(world):
    for track in one_of_each_style(world):
        times = demo.onsets(world, track)
        assert (np.diff(times) > 0.02).all() and ((times >= 0) & (times < 30)).all()
        assert bool(len(times)) == bool(score.compose(world, track).hits)


def test_activity_names_strokes_notes_and_what_is_held(world):
    track = a_track(world, lambda each: len(each.hits) > 50)
    at = demo.onsets(world, track)
    assert set(demo.activity(world, track, at)) == {"onset"}
    everywhere = demo.activity(world, track, np.linspace(0, 30, 500))
    assert set(everywhere) <= {"onset", "note", "sustained", "silence"}
    assert {"onset", "sustained"} <= set(everywhere)


def test_notes_keep_to_the_tempo_grid_and_to_what_an_instrument_can_play(world):
    for track in one_of_each_style(world):
        written = score.compose(world, track)
        assert 50 < written.bpm < 220 and written.beats in (3, 4)
        for note in written.notes:
            assert 20 <= note.pitch <= 108 and note.seconds > 0 and 0 < note.velocity <= 1
            assert note.layer in written.instruments


def test_a_tracks_layers_come_from_styles_of_its_artists_mixture(world):
    for artist in world.artists:
        if artist.style.max() < 0.99 or artist.later_style is not None:
            continue
        sound = constants.STYLES[np.argmax(artist.style)].sound
        written = score.compose(world, world.tracks(artist)[0])
        assert written.kit is None or written.kit in sound.kit


def test_a_stop_silences_the_score(world):
    track = a_track(world, lambda each: any(gain == -constants.STOP_DEPTH for _, gain in each.gains))
    written = score.compose(world, track)
    starts, gains = np.array(written.gains).T
    assert (np.diff(starts) > 0).all()
    for event in [*written.hits, *written.notes]:
        place = np.searchsorted(starts, event.start, side="right") - 1
        assert place < 0 or gains[place] > -constants.STOP_DEPTH


def test_the_command_writes_music_a_table_and_the_listeners(tmp_path, monkeypatch, capsys):
    arguments = [
        "--folder",
        str(tmp_path),
        "--artists",
        "4",
        "--listeners",
        "50",
        "--clips",
        "1",
        "--jobs",
        "1",
    ]
    monkeypatch.setattr("sys.argv", ["demo", *arguments])
    command.main()
    table = pd.read_csv(tmp_path / "tracks.csv")
    assert list(table.columns) == ["artist", "file"]
    assert f"{len(table)} simulated artists with {len(table)} clips and 50" in capsys.readouterr().out
    for artist, file in table.itertuples(index=False):
        assert file.split("/")[0] == artist and file.count("/") == 2
        assert len(decode.decode(tmp_path / "music" / file).samples)
    assert {"plays.tsv", "profile.tsv"} <= {path.name for path in tmp_path.iterdir()}


def test_the_command_refuses_a_world_too_small(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["demo", "--folder", str(tmp_path), "--artists", "1"])
    with pytest.raises(SystemExit):
        command.main()
    assert "at least 4 artists" in capsys.readouterr().err
