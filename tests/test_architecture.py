"""Imports run down the pipeline only: whoever reads a module knows what it cannot depend on."""

import ast
from pathlib import Path

import pytest

from lib.workflow import paths

# Each package, or module beside them, may import those before it, and none behind it.
ORDER = [
    *(
        "workflow",
        "numerics",
        "maps",
        "audio",
        "listening",
        "clips",
        "spectrograms",
        "study",
        "methods",
        "registry",
        "training",
    ),
    *("ranking", "filters", "beyond", "plots", "explorer", "library", "cli"),
]
MAY_IMPORT_KERAS = {
    *(
        "training/devices",
        "training/encoding",
        "training/network",
        "training/siamese",
        "training/checkpoints",
    ),
    *("training/frames", "filters/ablation", "beyond/factor_cnn", "beyond/target_encoder", "beyond/musicnn"),
}
LONGEST = 400  # lines; a longer file says in its docstring why

FILES = {
    path.relative_to(paths.root() / "lib"): path for path in sorted((paths.root() / "lib").rglob("*.py"))
}


def room(file):
    """The package, or the module beside them, that a file below ``lib/`` belongs to."""
    return file.parts[0].removesuffix(".py")


def imported(path):
    """Full names of everything a file imports, at its top or inside its functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name} imports relatively; write `from lib import ...`"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def files_of(names):
    """Files below ``lib/`` behind imported names."""
    files = set()
    for name in names:
        parts = name.split(".")
        for end in range(2, len(parts) + 1) if parts[0] == "lib" else ():
            files |= {Path(*parts[1:end]).with_suffix(".py")} & set(FILES)
    return files


def rooms_of(names):
    return {room(file) for file in files_of(names)}


def reached(starts):
    """Files that some files import, directly or through others."""
    names, waiting = set(), list(starts)
    while waiting:
        new = files_of(imported(FILES[waiting.pop()])) - names
        names |= new
        waiting += new
    return names


def test_every_package_has_its_place_in_the_order():
    assert {room(file) for file in FILES} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("file", [file for file in FILES if room(file) in ORDER], ids=str)
def test_a_package_imports_only_those_before_it(file):
    before = {*ORDER[: ORDER.index(room(file))], room(file)}
    assert rooms_of(imported(FILES[file])) <= before


@pytest.mark.parametrize("file", FILES, ids=str)
def test_no_file_imports_itself_through_others(file):
    assert file not in reached([file])


@pytest.mark.parametrize("file", FILES, ids=str)
def test_only_the_modelling_modules_import_keras(file):
    heavy = {name for name in imported(FILES[file]) if name.split(".")[0] in ("keras", "tensorflow")}
    assert not heavy or file.with_suffix("").as_posix() in MAY_IMPORT_KERAS


def test_plots_know_no_keras_through_others_either():
    modelling = {file for file in FILES if any("keras" in name for name in imported(FILES[file]))}
    assert modelling, "some module builds the network"
    assert not reached(file for file in FILES if room(file) == "plots") & modelling


@pytest.mark.parametrize("file", [file for file in FILES if file.name == "__init__.py"], ids=str)
def test_a_package_is_introduced_by_one_docstring_that_names_its_modules(file):
    (docstring,) = ast.parse(FILES[file].read_text(encoding="utf-8")).body
    text = ast.literal_eval(docstring.value)
    beside = {other for other in FILES if other.parent == file.parent and other != file}
    inside = {other.parent for other in FILES if other.parent.parent == file.parent != other.parent}
    missing = [other.stem for other in [*beside, *inside] if f"`{other.stem}`" not in text]
    assert not missing


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_long_file_says_why(file):
    text = FILES[file].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST or "This file is long because" in ast.get_docstring(
        ast.parse(text)
    )


def test_nothing_outside_the_demo_imports_the_demo():
    assert not [
        str(file) for file in FILES if any(name.split(".")[0] == "demo" for name in imported(FILES[file]))
    ]


def test_nothing_imports_the_explorer():
    assert not [
        str(file)
        for file in FILES
        if room(file) != "explorer" and "explorer" in rooms_of(imported(FILES[file]))
    ]
