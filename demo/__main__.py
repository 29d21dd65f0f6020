"""`python -m demo --folder DIR`: the simulated world as files, for the `own` profile."""

import argparse

from demo import World, write_folder
from demo.constants import N_ARTISTS, N_LISTENERS


def main():
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Write the simulated world as one's own files."
    )
    parser.add_argument("--folder", required=True, help="where to write; made where it is missing")
    parser.add_argument("--artists", type=int, default=N_ARTISTS)
    parser.add_argument("--listeners", type=int, default=N_LISTENERS)
    parser.add_argument("--clips", type=int, default=3, help="tracks of an artist, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    given = parser.parse_args()
    try:
        world = World(given.artists, given.listeners, given.seed)
    except ValueError as error:
        parser.error(str(error))
    table = write_folder(world, given.folder, clips=given.clips, n_jobs=given.jobs)
    print(
        f"{table['artist'].nunique()} simulated artists with {len(table)} clips and {given.listeners}"
        f" simulated listeners are in {given.folder}: music/, tracks.csv, plays.tsv, profile.tsv"
    )


if __name__ == "__main__":
    main()
