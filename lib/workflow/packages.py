"""How large the packages of the environment are, for a sentence before they are fetched.

**Conventions.** The standard library only: there is no environment yet. ``requirements.size.json`` is written
by ``python -m benchmarks.set_up --write``, with the checksum of the lock that the sizes are of.
"""

import json

from lib.workflow import manifests, paths


def size_file():
    """The file with the sizes."""
    return paths.root() / "requirements.size.json"


def outlook():
    """What setting up fetches and takes, in a sentence; sizes only where they are of today's lock.

    Returns
    -------
    str
    """
    try:
        size = json.loads(size_file().read_text(encoding="utf-8"))
        if size["lock"] != manifests.sha256(paths.lock()):
            raise ValueError
        fetched, taken = (size[name] / 1000 for name in ("fetched_mb", "environment_mb"))
    except (OSError, ValueError, LookupError, TypeError):
        return "Packages are fetched into .venv; how large they are is not known for this requirements.lock."
    return (
        f"About {fetched:.1f} GB of packages are fetched, less what pip's cache holds; "
        f".venv takes {taken:.1f} GB of disk."
    )
