"""A repository of three tiny notebooks with the real door, so that its tests need none of the real stages."""

import json
import shutil

from lib.workflow import paths, stages

DOOR = [
    "__init__",
    "workflow/__init__",
    "workflow/artifacts",
    "workflow/disk",
    "workflow/kept",
    "workflow/machine",
    "workflow/manifests",
    "workflow/packages",
    "workflow/paths",
    "workflow/profiles",
    "workflow/progress",
    "workflow/sizes",
    "workflow/stages",
    "workflow/stored",
    "cli/__init__",
    "cli/copies",
    "cli/freshness",
    "cli/kernels",
    "cli/lab",
    "cli/notebooks",
    "cli/reproduction",
    "cli/runner",
    "cli/testing",
]

NEEDS = {"01_numbers": [], "02_scaled": ["01_numbers"], "03_apart": []}

LIBRARY = '''
"""Toy library."""
def scaled(numbers, factor):
    """Numbers times a factor."""
    if factor < 0:
        raise ValueError(f"The factor must not be negative, but is {factor}.")
    return [number * factor for number in numbers]
'''

NOTEBOOKS = {
    "01_numbers": [
        "import sys\n\nfrom lib.workflow import artifacts, paths",
        'profile: str = "demo"\ncount: int = 3  # how many numbers\nnumbers_file: str = ""',
        'artifacts.write_json(list(range(count)), paths.data(profile) / "numbers.json")\n'
        'print("noise", file=sys.stderr)',
        'artifacts.finish("01_numbers", profile, globals(), [paths.data(profile) / "numbers.json"])',
    ],
    "02_scaled": [
        "import json\n\nfrom lib import toy\nfrom lib.workflow import artifacts, paths",
        'profile: str = "demo"\nfactor: float = 2.0\nname: str | None = None',
        'numbers = json.loads((paths.data(profile) / "numbers.json").read_text())',
        'artifacts.write_json(toy.scaled(numbers, factor), paths.figures(profile) / "scaled.json")',
        'artifacts.finish("02_scaled", profile, globals(), [paths.figures(profile) / "scaled.json"])',
    ],
    "03_apart": [
        "from lib.workflow import artifacts, paths",
        'profile: str = "demo"',
        'artifacts.write_text("apart", paths.data(profile) / "apart.txt")',
        'artifacts.finish("03_apart", profile, globals(), [paths.data(profile) / "apart.txt"])',
    ],
}


def build(folder):
    """Lay the toy repository down in a folder."""
    for package in ("workflow", "cli"):
        (folder / "lib" / package).mkdir(parents=True)
    (folder / "notebooks").mkdir()
    (folder / "profiles").mkdir()
    for name in DOOR:
        shutil.copy(paths.root() / "lib" / f"{name}.py", folder / "lib" / f"{name}.py")
    for name in ["run_all.py", "requirements.lock", "conftest.py"]:
        shutil.copy(paths.root() / name, folder)
    (folder / "lib" / "toy.py").write_text(LIBRARY)
    (folder / "lib" / "cli" / "report.py").write_text("def refresh_readme(root):\n    pass\n")
    with (folder / "lib" / "workflow" / "stages.py").open("a") as file:
        file.write(f"\nNEEDS = {NEEDS}\n")
    for stage, sources in NOTEBOOKS.items():
        write(folder, stage, sources)
    return folder


def enter(monkeypatch, folder):
    """Make a toy repository the checkout of this process and of the kernels it starts."""
    monkeypatch.setattr(paths, "root", lambda: folder)
    monkeypatch.setattr(stages, "NEEDS", NEEDS)
    for variable in paths.MOVABLE.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def write(root, stage, sources, *, folder="notebooks"):
    """Write a toy notebook from the sources of its code cells; the second cell holds the parameters."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"toy-{position}",
            "metadata": {"tags": ["parameters"]} if position == 1 else {},
            "outputs": [],
            "source": source,
        }
        for position, source in enumerate(sources)
    ]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    (root / folder / f"{stage}.ipynb").write_text(text)
