"""Which artists does a recording sound like?  ``python -m examples.similar_artists MODEL.npz SONG.mp3``

MODEL.npz is what notebook 07 wrote: ``data/PROFILE/models/beyond.npz``.
"""

import sys

from lib.beyond import similar_artists

if __name__ == "__main__":
    model, recording = sys.argv[1:]
    for row in similar_artists.load(model).of_file(recording).itertuples():
        print(f"{row.rank}. {row.name}  ({row.score:.2f})")
