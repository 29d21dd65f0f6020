"""With what results are made: packages, processor, threads."""

import hashlib
import importlib.metadata
import os
import platform
import re
from pathlib import Path

from lib.workflow import paths


def made_with():
    """Versions, processor and threads that results may depend on.

    Examples
    --------
    >>> sorted(made_with())
    ['cpu', 'lock', 'python', 'threads', 'versions']
    >>> "keras" in made_with()["versions"]
    True
    """
    packages = ["keras", "librosa", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow"]
    return {
        "cpu": _cpu(),
        "lock": hashlib.sha256(paths.lock().read_bytes()).hexdigest(),
        "python": platform.python_version(),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count()),
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }


def versions():
    """What is installed, beside what the lock names for this system.

    Returns
    -------
    pd.DataFrame
        ``package``, ``locked``, ``installed`` ("" where it is not installed); one row for each package whose
        marker in ``requirements.lock`` fits this Python and this platform.

    Examples
    --------
    >>> table = versions()
    >>> list(table.columns), "numpy" in set(table["package"])
    (['package', 'locked', 'installed'], True)
    """
    import pandas as pd  # not at the top: `--list` works before there is an environment
    from packaging.requirements import Requirement

    lines = re.findall(
        r"^[A-Za-z0-9][^\\\n]*==[^\\\n]*", paths.lock().read_text(encoding="utf-8"), re.MULTILINE
    )
    locked = [each for each in map(Requirement, lines) if each.marker is None or each.marker.evaluate()]
    rows = [(each.name, str(each.specifier).removeprefix("=="), _installed(each.name)) for each in locked]
    return pd.DataFrame(rows, columns=["package", "locked", "installed"], dtype="str")


def _cpu():
    """Type of processor: a name alone may hide several (virtual machines say just "AMD EPYC")."""
    try:
        described = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        described = ""
    of = dict(re.findall(r"^(model name|cpu family|model)\s*:\s*(.+)$", described, flags=re.MULTILINE))
    if "model name" not in of:
        return platform.processor() or platform.machine()
    return f"{of['model name']}, family {of.get('cpu family')}, model {of.get('model')}"


def _installed(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
