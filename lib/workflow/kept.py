"""Expensive results, kept by what they depend on and not by the notebook that asked for them.

**Conventions.** A result is a dict of arrays, tables and JSON values, named and stored under a key: the
digest of the code that made it, its parameters, checksums of its inputs, and the machine (processor, threads,
lock), as the same bits are promised only there. Code is the module named and all that it imports below
``lib/``, but for this package: how files are written changes no result. So a trained network outlives a
change of a picture, and does not outlive a change of the network. A result is read only if its checksum is
right; one that is not is made again. All results of a profile together take at most `LIMIT` bytes: those not
used for the longest time go first.
"""

import functools
import hashlib
import io
import json
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from lib.workflow import artifacts, machine, manifests, paths, stages, stored

LIMIT = 4 * 2**30  # bytes
TABLE, VALUE = ".parquet", ".json"  # ends of names inside a file
_parsing = threading.Lock()  # two threads that parse code at once may fail (python/cpython#106905)
_storing = threading.Lock()  # else what one thread removes to make room is missed by another that lists it


class Kept:
    """The kept results of one profile.

    Parameters
    ----------
    folder : path
        Usually ``paths.kept(profile)``.
    limit : int
        Bytes.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> kept = Kept(tempfile.mkdtemp())
    >>> make = lambda: {"squares": np.arange(3) ** 2}
    >>> kept.result("squares", make, code="lib.workflow.kept", n=3)["squares"].tolist()
    [0, 1, 4]
    """

    def __init__(self, folder, *, limit=LIMIT):
        self.folder, self.limit = Path(folder), limit

    def result(self, name, make, *, code, **depends_on):
        """A result: the kept one, or else what `make` returns, which is kept.

        Parameters
        ----------
        name : str
            Letters, digits, ``_``: what it is.
        make : callable
            Without arguments; returns a dict of str to np.ndarray, pd.DataFrame or JSON value.
        code : str
            Full name of the module whose code makes it.
        **depends_on
            All else that it depends on: arrays, tables, and JSON values.

        Returns
        -------
        dict
        """
        key = self.key(code, depends_on)
        path = self.folder / f"{name}-{key}.npz"
        with _storing:
            value = self._read(path)
        if value is None:
            started = time.monotonic()
            value = make()
            with _storing:
                self._write(path, value, seconds=time.monotonic() - started)
                value = self._read(path)  # what the next one who asks will get
        return value

    def call(self, function, *arguments, **named):
        """What a function returns, kept by its code and its arguments.

        Parameters
        ----------
        function : callable
            Of a module below ``lib/`` or ``demo/``; returns a table, or a tuple of tables.
        *arguments, **named
            As `digest` takes them.

        Returns
        -------
        pd.DataFrame or tuple of pd.DataFrame
        """

        def make():
            value = function(*arguments, **named)
            parts = value if isinstance(value, tuple) else (value,)
            return {"tuple": isinstance(value, tuple)} | {
                str(place): part for place, part in enumerate(parts)
            }

        given = {"arguments": arguments, "named": named}
        value = self.result(function.__name__, make, code=function.__module__, **given)
        parts = [value[str(place)] for place in range(len(value) - 1)]
        return tuple(parts) if value["tuple"] else parts[0]

    def key(self, code, depends_on):
        """Digest of everything that a result depends on."""
        everything = made_by(code) | {
            "depends_on": {name: digest(value) for name, value in depends_on.items()}
        }
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:24]

    def listed(self):
        """What is kept: a list of (name, key, bytes, seconds it took), the last used one first."""
        rows = []
        for path in self._files():
            name, _, key = path.stem.rpartition("-")
            seconds = (self._about(path) or {}).get("seconds", float("nan"))
            rows.append((name, key, path.stat().st_size, seconds))
        return rows

    def _files(self):
        files = [path for path in self.folder.glob("*.npz") if not path.name.startswith(artifacts.PARTIAL)]
        return sorted(files, key=lambda path: (-path.stat().st_mtime, path.name))

    def _about(self, path):
        """What was written down of a result; None where it is not there, was damaged, or is of another."""
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            about = json.loads(path.with_suffix(VALUE).read_text(encoding="utf-8"))
            if about.pop("check") == manifests.digest(about) and about["name"] == path.stem:
                return about

    def _read(self, path):
        about = self._about(path)
        if about is None or not path.exists() or artifacts.sha256(path) != about["sha256"]:
            return None
        import pandas as pd  # not at the top: `--list` works before there is an environment

        value = {}
        try:
            for name, array in stored.arrays(path, "holds no result").items():
                if name.endswith(TABLE):
                    value[name.removesuffix(TABLE)] = pd.read_parquet(io.BytesIO(array.tobytes()))
                elif name.endswith(VALUE):
                    value[name.removesuffix(VALUE)] = json.loads(array.tobytes())
                else:
                    value[name] = array
        except stored.UNREADABLE:
            return None
        os.utime(path)  # the one used last goes last
        return value

    def _write(self, path, value, *, seconds):
        import numpy as np
        import pandas as pd

        arrays = {}
        for name, part in value.items():
            if isinstance(part, np.ndarray):
                arrays[name] = part
            elif isinstance(part, pd.DataFrame):
                arrays[name + TABLE] = np.frombuffer(part.to_parquet(), dtype=np.uint8)
            else:
                arrays[name + VALUE] = np.frombuffer(json.dumps(part).encode(), dtype=np.uint8)
        with artifacts.replacing(path) as partial, open(partial, "wb") as file:
            np.savez(file, **arrays)
        about = {"name": path.stem, "sha256": artifacts.sha256(path), "seconds": round(seconds, 3)}
        artifacts.write_json(about | {"check": manifests.digest(about)}, path.with_suffix(VALUE))
        self._make_room(path)

    def _make_room(self, newest):
        """Remove what has not been used for the longest time, until all fits; never the newest one."""
        total = 0
        for path in self._files():
            total += path.stat().st_size
            if total > self.limit and path != newest:
                path.unlink(missing_ok=True)
                path.with_suffix(VALUE).unlink(missing_ok=True)


def of(profile):
    """The kept results of a profile."""
    return Kept(paths.kept(profile))


def made_by(module):
    """What the bits of a result depend on beside its inputs.

    Parameters
    ----------
    module : str
        Full name of the one whose code makes it, such as ``lib.training.siamese``.

    Returns
    -------
    dict
        ``code`` (digest of the module and all that it imports below ``lib/``, this package aside), ``cpu,
        threads, lock``.
    """
    made_with = machine.made_with()
    return {"code": code_of(module)} | {name: made_with[name] for name in ("cpu", "threads", "lock")}


def code_of(module):
    """Digest of a module and all that it imports below ``lib/``, this package aside.

    Parameters
    ----------
    module : str
        Full name, such as ``lib.training.siamese``.

    Returns
    -------
    str
    """
    with _parsing:
        return _code(module, paths.root())


@functools.cache
def _code(module, root):
    plumbing = root / "lib" / "workflow"
    files = [path for path in stages.modules(f"import {module}") if plumbing not in path.parents]
    code = {
        path.relative_to(root).as_posix(): stages.digest(path.read_text(encoding="utf-8")) for path in files
    }
    return hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()


def digest(value):
    """Digest of what a result depends on.

    Parameters
    ----------
    value : object
        An array, a table, a JSON value, something that names all it depends on in a method ``inputs()``, or a
        dict, list or tuple of such.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If it is none of them.

    Examples
    --------
    >>> digest([1, 2]) == digest((1, 2)), digest([1, 2]) == digest([2, 1])
    (True, False)
    """
    import numpy as np
    import pandas as pd

    if hasattr(value, "inputs"):  # what it does with them is its code
        value = {"code": code_of(type(value).__module__), "inputs": value.inputs()}
    whole = hashlib.sha256()
    if isinstance(value, pd.DataFrame | pd.Series):
        whole.update(pd.util.hash_pandas_object(value, index=True).to_numpy().tobytes())
        whole.update(json.dumps([str(name) for name in getattr(value, "columns", [])]).encode())
    elif isinstance(value, np.ndarray) and value.dtype != object:
        whole.update(f"{value.dtype.str} {value.shape}".encode())
        whole.update(np.ascontiguousarray(value))
    elif isinstance(value, np.ndarray | pd.Index):
        whole.update(json.dumps(value.tolist()).encode())
    elif isinstance(value, dict):
        whole.update(json.dumps([[str(key), digest(each)] for key, each in value.items()]).encode())
    elif isinstance(value, list | tuple):
        whole.update(json.dumps([digest(each) for each in value]).encode())
    else:
        whole.update(json.dumps(value, sort_keys=True).encode())
    return whole.hexdigest()
