"""The stages, and what code they are made of."""

import json

import pytest
import toy_repository

from lib.workflow import stages


@pytest.fixture
def toy(monkeypatch, tmp_path):
    return toy_repository.enter(monkeypatch, toy_repository.build(tmp_path / "toy"))


def library(toy, files):
    for name, source in files.items():
        path = toy / "lib" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)


def imported(toy, source):
    return [path.relative_to(toy / "lib").as_posix() for path in stages.modules(source)]


def test_no_stage_needs_one_behind_it():
    names = list(stages.NEEDS)
    assert all(names.index(need) < at for at, name in enumerate(names) for need in stages.reads(name))


def test_the_explorer_does_without_the_models_of_08_but_grows_stale_with_them():
    assert "07_beyond_the_paper" not in stages.NEEDS["08_artist_explorer"]
    assert "07_beyond_the_paper" in stages.reads("08_artist_explorer")


def test_only_appendices_read_appendices():
    appendices = {name for name in stages.NEEDS if stages.number(name)[-1].isalpha()}
    assert {name for name in stages.NEEDS if appendices & set(stages.reads(name))} <= appendices


def test_the_table_of_notebooks_has_their_titles_and_what_they_read(toy, monkeypatch):
    monkeypatch.setattr(stages, "ALSO_READS", {"03_apart": ["02_scaled"]})
    for name in stages.names():
        path = toy / "notebooks" / f"{name}.ipynb"
        notebook = json.loads(path.read_text())
        title = {
            "cell_type": "markdown",
            "metadata": {},
            "source": [f"# 0 · What of {name}?\n", "\n", "Text."],
        }
        path.write_text(json.dumps(notebook | {"cells": [title, *notebook["cells"]]}))
    assert stages.contents("notebooks/").splitlines()[2:] == [
        "| [01 numbers](notebooks/01_numbers.ipynb) | What of 01_numbers? |  |  |",
        "| [02 scaled](notebooks/02_scaled.ipynb) | What of 02_scaled? |  | 01 |",
        "| [03 apart](notebooks/03_apart.ipynb) | What of 03_apart? |  | if they have run: 02 |",
    ]


def test_a_stage_is_found_by_any_unique_beginning(toy):
    assert stages.find("02") == stages.find("02_sca") == "02_scaled"


@pytest.mark.parametrize("prefix", ["9", "scaled", ""])
def test_an_unknown_stage_is_answered_with_the_known_ones(toy, prefix):
    with pytest.raises(stages.UnknownStage, match="No stage begins.*01_numbers, 02_scaled, 03_apart"):
        stages.find(prefix)


def test_a_number_is_that_of_one_stage_though_others_begin_with_it():
    appendices = [stage for stage in stages.NEEDS if stages.number(stage).endswith("b")]
    assert len(appendices) == 4
    for stage in stages.NEEDS:
        assert stages.find(stages.number(stage), stages.NEEDS) == stage


def test_a_beginning_that_fits_several_stages_is_refused(toy):
    with pytest.raises(stages.UnknownStage, match="More than one"):
        stages.find("0")


def test_a_stage_without_a_notebook_is_not_listed(toy):
    (toy / "notebooks" / "02_scaled.ipynb").unlink()
    assert stages.names() == ["01_numbers", "03_apart"]


def test_the_code_of_a_stage_leaves_its_parameters_out(toy):
    assert "factor: float" not in stages.code("02_scaled")
    assert "toy.scaled(numbers, factor)" in stages.code("02_scaled")


def test_modules_are_followed_through_one_another(toy):
    library(toy, {"a": "from lib import b", "b": "def f():\n    import lib.c", "c": "", "d": ""})
    assert imported(toy, "from lib import a") == ["__init__.py", "a.py", "b.py", "c.py"]


def test_a_package_brings_what_its_init_imports(toy):
    library(
        toy,
        {
            "shop/__init__": "from lib.shop import http",
            "shop/http": "from lib import b",
            "shop/c": "",
            "b": "",
        },
    )
    assert imported(toy, "from lib.shop.c import thing") == [
        "__init__.py", "b.py", "shop/__init__.py", "shop/c.py", "shop/http.py",
    ]  # fmt: skip


def test_modules_that_import_each_other_are_read_once(toy):
    library(toy, {"a": "from lib import b", "b": "from lib import a"})
    assert imported(toy, "import lib.a") == ["__init__.py", "a.py", "b.py"]


@pytest.mark.parametrize("source", ["import numpy", "from library import a", "import os.path"])
def test_what_is_not_ours_is_not_followed(toy, source):
    assert imported(toy, source) == []


def test_comments_docstrings_and_layout_leave_the_digest_alone():
    plain = "def f(x):\n    return x + 1"
    dressed = '"""Words."""\n# why\ndef f(x):\n    """Words."""\n    return (x +\n            1)'
    assert stages.digest(plain) == stages.digest(dressed)


def test_another_number_changes_the_digest():
    assert stages.digest("x = 1") != stages.digest("x = 2")


def test_a_text_that_is_used_is_no_docstring():
    assert stages.digest('def f():\n    return "a"') != stages.digest('def f():\n    return "b"')
