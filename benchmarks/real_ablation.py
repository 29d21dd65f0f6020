"""What each step beyond the paper brings on real music: ``python -m benchmarks.real_ablation [--tags FILE]``.

Reads a profile that has been run to the end of notebook 04 with several folds (``own``), fits each variant on
every fold's training artists, and writes ``ablation.csv`` and ``ablation.md`` beside the profile's figures:
nDCG@10, overlap and popularity-matched concordance on the folds' test artists, and the paired difference to
the first variant, with 95 % intervals over artists. Nothing is chosen here, so the dev artists play no part.
"""

import argparse

import numpy as np
import pandas as pd
from tqdm import tqdm

from lib import study as studies
from lib.beyond import tables, tags
from lib.beyond.audio_features import AudioFeatures
from lib.beyond.factor_models import (
    FactorKernel,
    FactorRidge,
    FactorSum,
    SegmentKernel,
    SegmentRidge,
    SegmentTags,
    TagRidge,
)
from lib.beyond.segment_features import SegmentFeatures
from lib.ranking import baselines
from lib.ranking.scores import Scores
from lib.workflow import artifacts, paths

FACTORS, SEGMENTS = (FactorRidge, FactorKernel), (SegmentRidge, SegmentKernel)
FIRST = "factors, listening of artists with music"
SHARE = 0.6  # of the training artists, in one variant


def main():
    """Fit, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="own")
    parser.add_argument("--tags", default="", help="the table of tags that notebook 07 was given")
    given = parser.parse_args()
    study = studies.load(given.profile)
    counts = tags.read(given.tags, study.listening.artists).counts if given.tags else None
    folds = sorted(set(study.splits["fold"]) - {0})
    if not folds:
        parser.error(f"the profile {given.profile} has no folds: give 04_siamese_training.n_folds=5")
    frames = {}
    for fold in tqdm(folds, desc="folds", unit="fold"):
        train, dev, test = (study.part(name, fold) for name in studies.NAMES)
        for name, method in variants(study, train, dev, counts).items():
            frames[name, fold, 0] = method.score(study, test)
        frames["l2", fold, 0] = baselines.L2().score(study, test)
    values = tables.values(Scores.of_frames(frames), study.target, study.splits, study.listeners, n=10)
    table = with_differences(values)
    path = paths.figures(given.profile) / "ablation.csv"
    artifacts.write_table(table, path)
    print(f"written: {paths.shown(path)}, and the same as Markdown")
    print(table.round(3).to_string(index=False))


def variants(study, train, dev, counts):
    """Fitted methods by what they are; a step at a time."""
    everybody, with_music = study.listening, study.chosen_listening
    views, segments = AudioFeatures(), SegmentFeatures()
    rng = np.random.default_rng(len(train))
    fewer = sorted(rng.choice(train, int(SHARE * len(train)), replace=False), key=train.index)
    first_clips = ~study.clips["artist_id"].duplicated() | ~study.clips["artist_id"].isin(train)
    one_clip = study.with_clips(np.flatnonzero(first_clips))

    def fitted(kinds, listening, features, *, of=study, artists=train):
        return [kind(listening, features).fit(of, artists, dev) for kind in kinds]

    factors, in_segments = fitted(FACTORS, everybody, views), fitted(SEGMENTS, everybody, segments)
    methods = {
        FIRST: FactorSum(fitted(FACTORS, with_music, views)),
        "factors, everybody's listening": FactorSum(factors),
        "segments, listening of artists with music": FactorSum(fitted(SEGMENTS, with_music, segments)),
        "segments, everybody's listening": FactorSum(in_segments),
        "factors and segments": FactorSum([*factors, *in_segments]),
        f"segments, {SHARE:.0%} of the training artists": FactorSum(
            fitted(SEGMENTS, everybody, SegmentFeatures(), artists=fewer)
        ),
        "segments, one clip a training artist": FactorSum(
            fitted(SEGMENTS, everybody, SegmentFeatures(), of=one_clip)
        ),
    }
    if counts is not None:
        tagged = [TagRidge(counts, views).fit(study, train, dev)]
        tagged_segments = [SegmentTags(counts, segments).fit(study, train, dev)]
        methods["factors and tags"] = FactorSum([*factors, *tagged])
        methods["segments and tags"] = FactorSum([*in_segments, *tagged_segments])
        methods["factors, segments and tags"] = FactorSum([*factors, *in_segments, *tagged, *tagged_segments])
    return methods


def with_differences(values):
    """Each variant's values, and its paired difference to the first variant and to L2."""
    rows = []
    summary = tables.summary(values)
    for reference, name in ((FIRST, "first"), ("l2", "l2")):
        compared = tables.comparisons(values, references=[reference])
        columns = {"difference": f"to_{name}", "ci_low": f"to_{name}_low", "ci_high": f"to_{name}_high"}
        rows.append(compared.set_index(["method", "measure"])[list(columns)].rename(columns=columns))
    return summary.join(pd.concat(rows, axis=1), on=["method", "measure"])


if __name__ == "__main__":
    main()
