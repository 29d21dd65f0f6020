"""The examples of docstrings are true, and every public function that a notebook calls has one."""

import ast
import contextlib
import doctest
import importlib
import io
import json
import pkgutil
import tempfile
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import demo
import lib
from lib.workflow import paths, stages


def modules():
    """Every module below ``lib/`` and ``demo/``."""
    for package in (lib, demo):
        yield package
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(each.name)


def examples():
    """The docstrings that hold examples."""
    finder = doctest.DocTestFinder()
    return [test for module in modules() for test in finder.find(module) if test.examples]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_an_example_gives_what_it_says(example, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    report, open_before = io.StringIO(), plt.get_fignums()
    with mpl.rc_context(), warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        doctest.DocTestRunner().run(example, out=report.write)
    assert report.getvalue() == ""
    assert plt.get_fignums() == open_before, "an example closes its figures"


def called(source):
    """Names that some code imports from ``lib`` and calls, as (module, name)."""
    tree, imported, members = ast.parse(source), {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "lib":
            for alias in node.names:
                imported[alias.asname or alias.name] = (node.module, alias.name)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=name) if name in imported:
                members.add(imported[name])
            case ast.Attribute(value=ast.Name(id=name), attr=member) if name in imported:
                members.add((".".join(imported[name]), member))
    return members


def of_notebooks():
    """What the notebooks call of modules below ``lib/``, as (module, name); methods of classes aside."""
    sources = []
    for stage in stages.NEEDS:
        cells = json.loads(paths.notebook(stage).read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        sources.append("\n".join(code))
    members = sorted(set().union(*map(called, sources)))
    return [(module, name) for module, name in members if is_module(module)]


def is_module(name):
    """Whether there is a file of this name, which tells a module from a class."""
    return paths.root().joinpath(*name.split(".")).with_suffix(".py").exists()


def documented(module, name):
    """The docstring of a function or class; of an object that stands for a function, such as a registered
    metric, the function's."""
    member = getattr(importlib.import_module(module), name)
    return getattr(member, "function", member).__doc__ or ""


def test_calls_are_seen_however_the_code_imports_them():
    source = """
from lib import study as studies
from lib.plots import ranking
from lib.ranking.scores import Scores, load as read
import numpy as np
studies.load("demo").part("dev")
ranking.forest(Scores(), np.zeros(3), n=len(read(ranking.METRICS)))
"""
    assert called(source) == {
        ("lib.study", "load"),
        ("lib.plots.ranking", "forest"),
        ("lib.ranking.scores", "Scores"),
        ("lib.ranking.scores", "load"),
    }


def test_every_function_that_a_notebook_calls_has_an_example():
    members = of_notebooks()
    assert len(members) > 150
    assert [each for each in members if ">>>" not in documented(*each)] == []
