"""The simulated world: its artists, their places in catalogues, and what its one page says of it."""

import collections
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import demo
from demo import calibrate, constants, score
from demo import world as world_module
from demo.listeners import listen
from lib.listening import names


@pytest.fixture(scope="module")
def world():
    return demo.World()


def fingerprint(world):
    return [
        (artist.mbid, artist.name, artist.style.tolist(), artist.catalogues, world.tracks(artist))
        for artist in [*world.artists, *world.decoys]
    ]


def test_the_same_arguments_give_the_same_world_and_another_seed_another(world):
    assert fingerprint(demo.World()) == fingerprint(world)
    assert not set(world._by_mbid) & set(demo.World(seed=1)._by_mbid)


def test_a_larger_audience_changes_no_artist(world):
    assert fingerprint(demo.World(n_listeners=7)) == fingerprint(world)


def test_artists_are_sorted_by_popularity_and_their_mixtures_are_mixtures(world):
    weights = [artist.weight for artist in world.artists]
    assert weights == sorted(weights, reverse=True)
    mixtures = np.array([artist.style for artist in world.artists])
    assert (mixtures >= 0).all()
    np.testing.assert_allclose(mixtures.sum(axis=1), 1)


def test_every_style_has_an_artist_and_neighbouring_styles_overlap(world):
    mixtures = np.array([artist.style for artist in world.artists])
    assert set(mixtures.argmax(axis=1)) == set(range(len(constants.STYLES)))
    assert 0.1 < (mixtures.max(axis=1) < 0.8).mean() < 0.9


def test_the_most_popular_206_hold_all_special_cases_so_that_200_can_be_heard(world):
    used = world.artists[:206]
    assert sum(artist.has_previews for artist in used) == 200
    mute = [artist for artist in world.artists if not artist.has_previews]
    assert sorted(list(artist.catalogues) for artist in mute) == [[]] * 4 + [["spotify"]] * 2
    only = collections.Counter(tuple(artist.catalogues) for artist in used if len(artist.catalogues) == 1)
    assert only[("itunes",)] == 14 and only[("deezer",)] == 9
    assert any(not artist.spotify_preview and artist.has_previews for artist in used)


def test_one_pair_shares_a_name_and_all_catalogues_and_no_other_does(world):
    by_name = collections.defaultdict(list)
    for artist in world.artists:
        by_name[names.normalise(artist.name)].append(artist)
    (pair,) = [artists for artists in by_name.values() if len(artists) > 1]
    assert [len(artist.catalogues) for artist in pair] == [3, 3]
    assert pair[0].catalogues != pair[1].catalogues


def test_ids_are_unique_in_each_catalogue_and_look_like_its_own(world):
    for shop in ("spotify", "itunes", "deezer"):
        known = [
            artist.catalogues[shop] for artist in [*world.artists, *world.decoys] if shop in artist.catalogues
        ]
        assert len(set(known)) == len(known)
        assert all(len(key) == 22 if shop == "spotify" else key.isdecimal() for key in known)


def test_tribute_acts_have_the_words_of_a_name_but_not_the_name(world):
    real = {names.normalise(artist.name) for artist in world.artists}
    assert len(world.decoys) >= 10
    for decoy in world.decoys:
        copied = names.normalise(world.artist(decoy.decoy_of).name)
        assert copied in names.normalise(decoy.name) and names.normalise(decoy.name) not in real


def test_the_parts_of_table_2_are_cast_as_the_paper_has_them(world):
    cast = {artist.plays_the_part_of: artist for artist in world.artists if artist.plays_the_part_of}
    assert set(cast) == {"The Beatles", "In Flames", "Tupac", "an obscure copy of The Beatles"}
    assert cast["The Beatles"] is world.artists[0]
    early, late = (np.argmax(mixture) for mixture in (cast["In Flames"].style, cast["In Flames"].later_style))
    assert (constants.STYLE_NAMES[early], constants.STYLE_NAMES[late]) == (
        "melodic metal",
        "alternative metal",
    )
    assert {world.is_later(track.n) for track in world.tracks(cast["In Flames"])[:3]} == {True, False}
    assert np.argmax(cast["Tupac"].style) == constants.STYLE_NAMES.index("hip hop")


@pytest.fixture(scope="module")
def copy(world):
    (copy,) = (
        artist for artist in world.artists if artist.plays_the_part_of == "an obscure copy of The Beatles"
    )
    return copy


def test_the_copy_has_the_sound_of_the_most_popular_act_but_tracks_of_its_own(world, copy):
    original = world.artists[0]
    assert copy.copy_of == original.mbid
    assert (copy.style == original.style).all() and (copy.habits == original.habits).all()
    traits = demo.traits(world).set_index("artist_id")
    assert np.linalg.norm(traits.loc[copy.mbid] - traits.loc[original.mbid]) == 0
    others = traits.drop([copy.mbid, original.mbid])
    assert np.linalg.norm(others - traits.loc[original.mbid], axis=1).min() > 0.1
    first, second = world.tracks(original), world.tracks(copy)
    assert not {track.seed for track in first} & {track.seed for track in second}
    assert not {track.title for track in first} & {track.title for track in second}


def test_the_copy_uses_the_line_up_of_the_original(world, copy):
    # The same track seed, once as a track of the copy and once as one of the original, gives the same music.
    for track in world.tracks(copy):
        pair = [score.compose(world, each) for each in (track, replace(track, artist=world.artists[0].mbid))]
        assert pair[0].instruments == pair[1].instruments and pair[0].kit == pair[1].kit
        assert pair[0].bpm == pair[1].bpm


def test_the_copy_is_obscure_but_among_the_artists_that_the_demo_uses(world, copy):
    assert list(copy.catalogues) == ["spotify", "itunes", "deezer"] and copy.spotify_preview
    assert copy.n_tracks >= 4
    listeners = np.bincount(listen(world)[1], minlength=world.n_artists)
    assert (listeners > listeners[copy.index]).sum() < calibrate.USED
    assert listeners[copy.index] < min(listeners[0] / 20, np.sort(listeners)[-calibrate.USED :].mean() / 2)
    assert not np.array_equal(copy.scene, world.artists[0].scene)


@pytest.mark.parametrize("n_artists", [40, 230])
def test_the_copy_changes_no_other_artist(monkeypatch, n_artists):
    planted = demo.World(n_artists)
    without = dict(list(demo.PARTS.items())[:3])
    monkeypatch.setattr(world_module, "PARTS", without)
    monkeypatch.setattr(world_module, "COPIES", {})
    before = demo.World(n_artists)
    changed = [
        new.plays_the_part_of
        for new, old in zip(planted.artists, before.artists, strict=True)
        if repr(asdict(new)) != repr(asdict(old)) or planted.tracks(new) != before.tracks(old)
    ]
    assert changed == ["an obscure copy of The Beatles"]


def test_early_and_late_tracks_of_the_style_shifting_act_are_on_albums_of_their_own(world):
    (act,) = (artist for artist in world.artists if artist.plays_the_part_of == "In Flames")
    early, late = (
        {t.album for t in world.tracks(act) if world.is_later(t.n) == later} for later in (False, True)
    )
    assert len(early) == len(late) == 1 and early != late


def test_tracks_are_found_by_their_id(world):
    track = world.tracks(world.artists[3])[0]
    assert world.track(track.track_id) == track and track.artist == world.artists[3].mbid
    ids = [track.track_id for artist in [*world.artists, *world.decoys] for track in world.tracks(artist)]
    assert len(set(ids)) == len(ids)


def test_artists_of_one_style_are_closer_in_their_traits_than_others(world):
    traits = demo.traits(world).set_index("artist_id")
    assert list(traits.index) == [artist.mbid for artist in world.artists]
    distance = np.linalg.norm(traits.to_numpy()[:, None] - traits.to_numpy()[None], axis=-1)
    main = np.argmax([artist.style for artist in world.artists], axis=1)
    same = np.equal.outer(main, main) & ~np.eye(len(main), dtype=bool)
    assert distance[same].mean() < 0.5 * distance[main[:, None] != main].mean()


@pytest.mark.parametrize(("n_artists", "n_listeners"), [(3, 100), (10, 0)])
def test_a_world_too_small_says_what_to_raise(n_artists, n_listeners):
    with pytest.raises(ValueError, match="at least 4 artists and 1 listener. Raise world_artists"):
        demo.World(n_artists, n_listeners)


def test_the_smallest_world_has_all_parts():
    assert {artist.plays_the_part_of for artist in demo.World(4, 1).artists} == set(demo.PARTS)


def test_the_one_page_names_every_constant():
    page = (Path(demo.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert [name for name in vars(constants) if name.isupper() and f"`{name}`" not in page] == []


def test_calibration_finds_no_signal_in_noise_and_knows_the_ceilings(world, rng, monkeypatch):
    drawn = rng.random((256, 64), dtype=np.float32)
    monkeypatch.setattr(calibrate, "Apart", lambda *_: lambda _: drawn * rng.random(dtype=np.float32))
    found = calibrate.measure(world, n_jobs=1)
    assert list(found.index) == list(calibrate.REAL)
    assert found["artists with audio"] == 200
    assert found["matched concordance, l2"] == pytest.approx(0.5, abs=0.04)
    assert found["nDCG@10, l2"] == pytest.approx(found["nDCG@10, chance"], abs=0.04)
    assert found["matched concordance, world"] > 0.65
    assert found["truth and popularity, rank correlation"] > 0.3  # the confound
