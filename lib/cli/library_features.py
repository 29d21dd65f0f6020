"""What features without training reach on real music: the table that ``--library`` reads its sentence from.

    python -m lib.cli.library_features --profile own

Needs notebooks 01 to 04 of the profile. Artists are queries, the truth is who shares their listeners, as in
notebooks 05 and 07; `lib.cli.real_results` keeps the table among the real ones.
"""

import argparse
import sys

from lib import study as studies
from lib.beyond import tables
from lib.library import features
from lib.ranking import baselines
from lib.ranking.scores import Scores
from lib.workflow import artifacts, paths

N = 10  # of nDCG@n, as in notebook 07
TABLE = "library_features"


def measured(study):
    """What the methods without training reach.

    Parameters
    ----------
    study : lib.study.Study

    Returns
    -------
    pd.DataFrame
        As `lib.beyond.tables.as_table1`; fold 0 too.
    """
    frames = {}
    methods = [*baselines.untrained_baselines(), features.Statistics()]
    for method in methods:
        frame = method.score(study, study.ids)
        frames |= {(method.name, fold, 0): frame for fold in study.splits["fold"].unique()}
    scores = Scores.of_frames(frames)
    judged = tables.values(scores, study.target, study.splits, study.listeners, n=N)
    return tables.as_table1(judged, n=N).drop(columns=["paper_value", "seed_sd"])


def main(arguments=None):
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="own", metavar="NAME", help="whose listening and music")
    profile = parser.parse_args(arguments).profile
    try:
        table = measured(studies.load(profile))
    except (artifacts.MissingArtifact, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 1
    file = paths.figures(profile) / f"{TABLE}.csv"
    artifacts.write_table(table, file)
    print(f"{paths.place(file)}: {len(table)} values of {table['method'].nunique()} methods")
    return 0


if __name__ == "__main__":
    sys.exit(main())
