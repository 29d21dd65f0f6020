"""Work on the tracks of a world in child processes (`lib.audio.sandbox`), which end when their parent does.

Conventions
-----------
A child has one thread, so that sums have the same order everywhere. It is given the world and the function
with each call, as a text, and makes them from it at the first.
"""

import base64
import functools
import pickle
import sys

import numpy as np
from threadpoolctl import threadpool_limits

from lib.audio import sandbox

# More memory than a decoder has: children that render are others than those that decode.
SECONDS, GIGABYTES = 600.0, 3.0  # that one track may take


class Apart:
    """A function of (world, track, …), called in a child process.

    Parameters
    ----------
    world : demo.world.World
    function : callable
        At the top of a module; returns an array, or bytes and what JSON holds.
    """

    def __init__(self, world, function):
        packed = pickle.dumps((sys.path, pickle.dumps((world, function))))
        self._packed = base64.b64encode(packed).decode()

    def __call__(self, track_id, *more):
        """What the function returns for a track; an array is read-only.

        Raises
        ------
        lib.audio.sandbox.Stopped
            If the child was ended from outside twice.
        """
        limits = {"seconds": SECONDS, "gigabytes": GIGABYTES}
        answer = sandbox.call("demo.apart:work", self._packed, track_id, more, **limits)
        return (answer[0].tobytes(), answer[1]) if isinstance(answer, tuple) else answer


def work(packed, track_id, more):
    """The same in the child, bytes as an array."""
    world, function = _unpacked(packed)
    with threadpool_limits(1):  # also of libraries that read no variable of the environment
        result = function(world, world.track(track_id), *more)
    if isinstance(result, tuple):
        content, notes = result
        return np.frombuffer(content, dtype=np.uint8), notes
    return result


@functools.lru_cache(maxsize=2)
def _unpacked(packed):
    path, both = pickle.loads(base64.b64decode(packed))
    sys.path += [folder for folder in path if folder not in sys.path]
    return pickle.loads(both)
