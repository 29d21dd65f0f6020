"""A simulated world of listeners and music that stands in for Last.fm, the catalogues and their previews.

What is simulated, what is not, and every constant: see `README.md` in this folder. The rest of the project
reads the world through the same readers and clients as real data; only notebooks 01 and 02 and the tests
import this package.
"""

from demo.catalogue_server import serve
from demo.folder import write_folder
from demo.listeners import traits, write_listening
from demo.moments import moments as moments_of_clips
from demo.moments import styles as styles_of_clips
from demo.synthesiser import activity, onsets, render, synthesise
from demo.world import PARTS, Artist, Track, World

__all__ = [
    "PARTS", "Artist", "Track", "World", "activity", "moments_of_clips", "onsets", "render", "serve",
    "styles_of_clips", "synthesise", "traits", "write_folder", "write_listening",
]  # fmt: skip
