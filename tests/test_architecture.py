"""Imports run down the pipeline only: whoever reads a module knows what it cannot depend on."""

import ast

import pytest

from lib import paths

# Each may import those to its left and above, and none behind it.
ORDER = [
    *("paths", "progress", "sandbox", "stages", "profiles", "artifacts", "datasets"),
    *(
        "names",
        "identity",
        "listening",
        "plays",
        "similarity",
        "audio",
        "catalogues",
        "clips",
        "spectrograms",
        "events",
    ),
    *("methods", "splits", "ranking", "significance", "baselines", "confounds", "nearest"),
    *("factors", "tags", "audio_features", "factor_models", "proximity", "blend"),
    *("devices", "pairs", "siamese", "checkpoints", "training", "search", "filters"),
    *("time_order", "ablation", "controls"),
    *("factor_cnn", "target_encoder", "best_chance"),
    *("evaluation", "longer_runs", "ledger", "beyond", "similar_artists", "players", "plots"),
    *("words", "paper_text", "explorer"),
    *("report", "notebooks", "reproduction", "runner"),
]
MAY_IMPORT_KERAS = {"devices", "pairs", "siamese", "training", "search", "ablation"}
MAY_IMPORT_KERAS |= {"factor_cnn", "target_encoder"}

FILES = {
    path.relative_to(paths.root() / "lib"): path for path in sorted((paths.root() / "lib").rglob("*.py"))
}


def room(file):
    """The module, or the package, that a file below ``lib/`` belongs to."""
    return file.parts[0].removesuffix(".py")


def imported(path):
    """Full names of everything a file imports, at its top or inside its functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name} imports relatively; write `from lib import ...`"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rooms_of(names):
    return {name.split(".")[1] for name in names if name.startswith("lib.")}


def reached(start):
    """Rooms that a room imports, directly or through others."""
    found, waiting = set(), [start]
    while waiting:
        at = waiting.pop()
        for file, path in FILES.items():
            if room(file) == at:
                new = rooms_of(imported(path)) - found
                found |= new
                waiting += new
    return found


def test_every_module_has_its_place_in_the_order():
    assert {room(file) for file in FILES} - {"__init__", "demo"} == set(ORDER)


@pytest.mark.parametrize("file", [file for file in FILES if room(file) in ORDER], ids=str)
def test_a_module_imports_only_those_before_it(file):
    before = {*ORDER[: ORDER.index(room(file))], *([room(file)] if len(file.parts) > 1 else [])}
    assert rooms_of(imported(FILES[file])) <= before


@pytest.mark.parametrize("file", FILES, ids=str)
def test_only_the_modelling_modules_import_keras(file):
    heavy = {name for name in imported(FILES[file]) if name.split(".")[0] in ("keras", "tensorflow")}
    assert not heavy or room(file) in MAY_IMPORT_KERAS


def test_plots_know_no_keras_through_others_either():
    modelling = {room(file) for file in FILES if any("keras" in name for name in imported(FILES[file]))}
    assert modelling, "some module builds the network"
    assert not reached("plots") & modelling


def test_nothing_outside_the_demo_imports_the_demo():
    assert not [
        str(file) for file in FILES if room(file) != "demo" and "demo" in rooms_of(imported(FILES[file]))
    ]


def test_nothing_imports_the_explorer():
    assert not [str(file) for file in FILES if "explorer" in rooms_of(imported(FILES[file]))]
