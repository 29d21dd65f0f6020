"""Baselines against SciPy's distances and loops over clips."""

import numpy as np
import pandas as pd
import pytest
import scipy.fft
import scipy.spatial.distance

from lib import study as studies
from lib.ranking import baselines


def artist_means(distances, owners, n):
    """A loop over all pairs of artists; the diagonal is blank."""
    values = [
        [distances[np.ix_(owners == a, owners == b)].mean() if a != b else np.nan for b in range(n)]
        for a in range(n)
    ]
    return -np.array(values)


@pytest.fixture
def heard(study):
    artists = study.ids[::-3]  # another order than the collection's
    return artists, *study.clips_of(artists)


def test_l2_is_the_mean_euclidean_distance_between_spectrograms(study, heard):
    artists, clips, owners = heard
    distances = scipy.spatial.distance.cdist(*[clips.reshape(len(clips), -1).astype(float)] * 2)
    frame = baselines.L2().fit(study, [], []).score(study, artists)
    np.testing.assert_allclose(frame.to_numpy(), artist_means(distances, owners, len(artists)), rtol=1e-4)
    assert list(frame.index) == artists


def test_spectrum_compares_mean_and_spread_in_each_band(study, heard):
    artists, clips, owners = heard
    features = np.array([[*clip.mean(axis=0), *clip.std(axis=0)] for clip in clips.astype(float)])
    wanted = artist_means(scipy.spatial.distance.cdist(features, features), owners, len(artists))
    np.testing.assert_allclose(baselines.Spectrum().score(study, artists).to_numpy(), wanted, rtol=1e-4)


def test_spectrum_forgets_when_things_happen_and_l2_does_not(study):
    clips, _ = study.clips_of(study.ids)
    backwards = studies.of_arrays(
        clips[:, ::-1],
        study.clip_artists[np.argsort(pd.Index(study.ids).get_indexer(study.clip_artists), kind="stable")],
        study.target,
        study.listeners,
    )
    pd.testing.assert_frame_equal(
        baselines.Spectrum().score(backwards, study.ids),
        baselines.Spectrum().score(study, study.ids),
        rtol=1e-4,
    )


def kullback_leibler(a, b):
    """Of two Gaussians given as (mean, covariance), with determinants and inverses written out."""
    (m0, c0), (m1, c1) = a, b
    inverse = np.linalg.inv(c1)
    log_ratio = np.linalg.slogdet(c1)[1] - np.linalg.slogdet(c0)[1]
    return 0.5 * (np.trace(inverse @ c0) + (m1 - m0) @ inverse @ (m1 - m0) - len(m0) + log_ratio)


def test_mfcc_gaussian_is_the_symmetric_divergence_of_gaussians_over_mfccs(study, heard):
    artists, clips, owners = heard
    gaussians = []
    for clip in clips.astype(float):
        mfcc = scipy.fft.dct(clip, norm="ortho", axis=1)[:, 1:21]
        gaussians.append((mfcc.mean(axis=0), np.cov(mfcc.T, bias=True) + 1e-3 * np.eye(20)))
    divergence = [
        [0.5 * (kullback_leibler(a, b) + kullback_leibler(b, a)) for b in gaussians] for a in gaussians
    ]
    wanted = artist_means(np.sqrt(np.maximum(divergence, 0)), owners, len(artists))
    np.testing.assert_allclose(baselines.MfccGaussian().score(study, artists).to_numpy(), wanted, rtol=1e-3)


def test_mfcc_gaussian_does_not_hear_loudness(study):
    """Half of the level added to all bands moves only the term that is left out."""
    quieter = studies.of_arrays(
        np.asarray(study.spectrograms, dtype=np.float32) / 2 + 0.25,
        study.clip_artists,
        study.target,
        study.listeners,
    )
    shifted = studies.of_arrays(
        np.asarray(quieter.spectrograms) + 0.1,
        study.clip_artists,
        study.target,
        study.listeners,
    )
    first, second = (baselines.MfccGaussian().score(study, study.ids) for study in (quieter, shifted))
    pd.testing.assert_frame_equal(first, second, rtol=1e-2)


def test_popularity_ranks_all_queries_candidates_by_listeners(study):
    frame = baselines.Popularity().score(study, study.ids)
    for query, scores in frame.iterrows():
        ranked = scores.drop(query).sort_values(ascending=False, kind="stable")
        assert study.listeners[ranked.index].is_monotonic_decreasing


def test_popularity_without_listeners_is_an_error(study):
    silent = studies.of_arrays(study.spectrograms, study.clip_artists, study.target, study.listeners * 0)
    with pytest.raises(ValueError, match="scores are not finite"), np.errstate(divide="ignore"):
        baselines.Popularity().score(silent, study.ids)


def test_chance_scores_everybody_alike(study):
    values = baselines.Chance().score(study, study.ids).to_numpy()
    assert set(values[~np.isnan(values)]) == {0.0}


def test_world_is_the_negated_distance_of_the_traits_and_keeps_labels(study):
    ids = study.ids
    traits = pd.DataFrame({"x": np.arange(12.0), "y": 0.0}, index=ids).sample(frac=1, random_state=1)
    frame = baselines.world(traits).score(study, ids[::-1])
    assert frame.loc[ids[0], ids[3]] == -3
    assert list(frame.index) == ids[::-1]


def test_an_artist_without_a_known_score_is_an_error_and_not_the_closest_of_all(study):
    traits = pd.DataFrame({"x": np.arange(11.0)}, index=study.ids[:-1])
    with pytest.raises(ValueError, match="22 of 144 scores are not finite"):
        baselines.world(traits).score(study, study.ids)


def test_each_baseline_fits_and_scores_symmetrically_but_for_popularity(study):
    names = []
    for method in baselines.untrained_baselines():
        scores = method.fit(study, study.ids[:6], study.ids[6:], seed=1).score(study, study.ids)
        assert np.allclose(scores, scores.T, equal_nan=True) == (method.name != "popularity")
        names.append(method.name)
    assert names == ["chance", "popularity", "l2", "spectrum", "mfcc_gaussian"]
