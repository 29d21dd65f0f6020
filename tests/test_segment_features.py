"""What tells clips apart: what their segments share counts, what changes within a clip does not."""

import numpy as np
import pandas as pd
import planted_world
import pytest

from lib import study as studies
from lib.beyond.segment_features import STARTS, SegmentFeatures

N_CLIPS = 12


def study_of(clips):
    """Each clip is of an artist of its own."""
    ids = [f"a{place:02d}" for place in range(len(clips))]
    return studies.of_arrays(clips, ids, pd.DataFrame(0.0, ids, ids), pd.Series(5, index=ids)), ids


def fitted(clips, seed=0):
    study, ids = study_of(clips)
    features = SegmentFeatures(n_atoms=4).fit(study, ids, seed=seed)
    return features, features.of(study, ids)[0]


CLIPS = np.random.default_rng(0).random((N_CLIPS, 256, 64), dtype=np.float32)


@pytest.fixture(scope="module")
def noise():
    """Features fitted on `CLIPS`, and the values of these."""
    return fitted(CLIPS)


def test_a_clip_has_a_value_in_each_direction_and_directions_are_fewer_than_clips(noise):
    features, values = noise
    assert values.shape == (N_CLIPS, N_CLIPS - 1)
    assert features.transform(CLIPS[:1]).shape == (1, N_CLIPS - 1)
    assert features.mean.shape == features.directions.shape[:1]


def test_training_values_have_mean_0_and_mean_squared_length_1(noise):
    features, values = noise
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-9)
    assert (values**2).sum(axis=1).mean() == pytest.approx(1)


def test_training_values_are_those_that_the_same_clips_get_later_to_the_bit(noise):
    features, values = noise
    np.testing.assert_array_equal(features.transform(CLIPS), values)


def test_the_same_clips_and_seed_give_the_same_bits(noise):
    np.testing.assert_array_equal(fitted(CLIPS)[1], noise[1])


def test_restored_features_are_the_same(noise):
    features, _ = noise
    restored = SegmentFeatures.restore(features.arrays())
    np.testing.assert_array_equal(restored.transform(CLIPS), features.transform(CLIPS))
    assert restored.settings == features.settings


def test_clips_of_dev_and_test_artists_cannot_change_what_is_learnt(rng):
    _, study = planted_world.build(clips=1)
    train = planted_world.parts(study)[0]
    kept = np.isin(study.clip_artists, train)[:, None, None]
    spoilt = studies.of_arrays(
        np.where(kept, study.spectrograms, rng.random((1, 256, 64))),
        study.clip_artists, study.target, study.listeners,
    )  # fmt: skip
    before, after = (SegmentFeatures(n_atoms=4).fit(each, train).arrays() for each in (study, spoilt))
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name], err_msg=name)


def test_what_segments_of_a_clip_share_is_kept_and_what_changes_within_a_clip_is_suppressed(rng):
    """Low bands have a level of the clip; high bands another level, five times as spread, every 16 frames."""

    def sounds(of_clip, of_segments):
        levels = np.full((len(of_clip), 256, 64), 0.5)
        levels[:, :, :32] += np.asarray(of_clip)[:, None, None]
        levels[:, :, 32:] += np.repeat(of_segments, 16, axis=1)[:, :, None]
        return (levels + faint).astype(np.float32)

    faint = rng.normal(0, 0.02, (1, 256, 64))
    clips = sounds(rng.normal(0, 0.03, 40), rng.normal(0, 0.15, (40, 16)))
    features, _ = fitted(clips)
    low, high = (
        sounds([0, level], np.array([[0], [other]]) + rng.normal(0, 0.15, (1, 16)))
        for level, other in ((0.06, 0), (0, 0.06))
    )

    def apart(pair):
        return np.linalg.norm(np.subtract(*features.transform(pair)))

    assert apart(low) > 4 * apart(high)


def test_three_clips_are_enough(rng):
    _, values = fitted(rng.random((3, 256, 64), dtype=np.float32))
    assert values.shape == (3, 2)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("levels", [(0, 0, 0), (0.5, 0.5, 0.5), (0.1, 0.5, 0.9)])
def test_constant_clips_have_finite_values_which_differ_only_where_clips_do(levels):
    clips = np.ones((3, 256, 64), dtype=np.float32) * np.array(levels, dtype=np.float32)[:, None, None]
    features, values = fitted(clips)
    lengths = (values**2).sum(axis=1).mean()
    assert lengths == pytest.approx(1 if len(set(levels)) > 1 else 0)
    assert np.isfinite(features.transform(clips)).all()


def test_copies_of_one_clip_are_not_told_apart_by_rounding(rng):
    features, values = fitted(np.repeat(rng.random((1, 256, 64), dtype=np.float32), 3, axis=0))
    assert not values.any()
    assert not features.transform(rng.random((2, 256, 64), dtype=np.float32)).any()


def test_the_last_segment_ends_with_the_clip():
    assert (len(STARTS), STARTS[-1] + 32) == (15, 256)
