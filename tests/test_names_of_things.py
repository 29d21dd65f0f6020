"""One name means one kind of thing, and the nouns are the field's: no word of the list below is in a name."""

import ast
import builtins
import json
import re
from pathlib import Path

import pytest

from lib.workflow import paths

# What takes their place: the thing itself (`features`, `popularity`, `parameters`, `results`, `rows`, ...).
HELD_OUT = {"heard", "asked", "told", "said", "known", "found", "ear", "fame"}
OF_OTHERS = {*dir(builtins), "PackageNotFoundError"}  # names that are not ours to choose

ROOT = paths.root()
FILES = [
    path.relative_to(ROOT)
    for folder, pattern in [
        *((folder, "*.py") for folder in ("lib", "demo", "benchmarks", "examples")),
        *((folder, "*.ipynb") for folder in ("notebooks", "lessons")),
    ]
    for path in sorted((ROOT / folder).rglob(pattern))
    if ".ipynb_checkpoints" not in path.parts
] + [Path("run_all.py")]


def sources(path):
    """The Python code of a file; of a notebook, cell by cell."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return [text]
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]


def identifiers(source):
    """Names of variables, arguments, attributes, functions, classes and imports in some code."""
    for node in ast.walk(ast.parse(source)):
        for field in ("id", "attr", "arg", "name", "asname", "names", "rest"):
            value = getattr(node, field, None)
            for name in value if isinstance(value, list) else [value]:
                if isinstance(name, str):
                    yield name


def words(name):
    """Components of a name, split at underscores and capitals."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_no_name_holds_a_word_that_is_held_out(file):
    names = {name for source in sources(ROOT / file) for name in identifiers(source)}
    assert sorted(name for name in names - OF_OTHERS if words(name) & HELD_OUT) == []


@pytest.mark.parametrize(
    "name", ["found", "n_found", "_heard", "Ear", "as_told", "FAME_WITHIN", "fameCorrelation", "TheEar"]
)
def test_the_words_are_seen_in_any_spelling(name):
    assert words(name) & HELD_OUT


@pytest.mark.parametrize("name", ["unknown", "founded", "year", "hearing", "early", "FoundrySize"])
def test_longer_words_are_let_pass(name):
    assert not words(name) & HELD_OUT


def test_every_kind_of_name_is_looked_at():
    source = """
import json as a1
from json import loads as a2
def a3(a4, *a5, a6=0, **a7):
    global a8
    a9 = a3(a10=1).a11
    try:
        pass
    except ValueError as a12:
        pass
class A13: pass
f"{a14}"
lambda a15: [a16 for a16 in a15]
match a9:
    case {"k": a17, **a18}: pass
    case [a19, *a20]: pass
"""
    wanted = {f"a{k}" for k in range(1, 21) if k != 13} | {"A13"}
    assert wanted <= set(identifiers(source))
