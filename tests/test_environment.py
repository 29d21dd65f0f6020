"""Three lists of packages that must say the same: pyproject.toml, requirements.lock, environment.yml."""

import ast
import importlib.metadata
import re
import tomllib

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement

import run_all
from lib.workflow import paths, stages

LOCKED = {
    requirement.name: requirement
    for requirement in (Requirement(block.split("\\")[0].strip()) for block in run_all.packages())
}


def read(name):
    return (paths.root() / name).read_text(encoding="utf-8")


PROJECT = tomllib.loads(read("pyproject.toml"))["project"]
CONDA = yaml.safe_load(read("environment.yml"))["dependencies"]
DISTRIBUTIONS = importlib.metadata.packages_distributions()
PIP = next(part["pip"] for part in CONDA if isinstance(part, dict))


def test_environment_pins_every_direct_package_to_the_version_of_the_lock():
    pinned = {Requirement(line).name: str(Requirement(line).specifier) for line in PIP if "==" in line}
    assert pinned == {name: str(LOCKED[name].specifier) for name in PROJECT["dependencies"]}


def test_environment_holds_a_python_that_the_project_allows():
    (python,) = [part for part in CONDA if str(part).startswith("python=")]
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python.split("=")[1])


def test_environment_installs_the_project_itself():
    assert "--editable ." in PIP


def test_the_door_allows_the_pythons_that_the_project_allows():
    (oldest, newest), allowed = (
        run_all.SUPPORTED,
        Requirement(f"python{PROJECT['requires-python']}").specifier,
    )
    assert [minor for minor in range(8, 20) if allowed.contains(f"3.{minor}.5")] == [
        *range(oldest[1], newest[1] + 1)
    ]


@pytest.mark.parametrize("name", ["requirements.lock", "environment.yml"])
def test_no_list_of_packages_holds_an_address(name):
    assert "://" not in read(name)
    assert not re.search(r"^\s*(-i|--\S*index\S*|--find-links|channels)\b", read(name), re.MULTILINE)


def test_every_locked_package_is_pinned_and_hashed():
    blocks = run_all.packages()
    assert all("==" in str(requirement.specifier) for requirement in LOCKED.values())
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert len(blocks) == len(re.findall(r"^[a-z0-9]", read("requirements.lock"), re.MULTILINE))


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_what_the_direct_packages_need_is_locked_for_each_python(minor):
    python = {**default_environment(), "python_version": f"3.{minor}", "python_full_version": f"3.{minor}.4"}
    there = {name for name, found in LOCKED.items() if found.marker is None or found.marker.evaluate(python)}
    assert set(PROJECT["dependencies"]) <= there


def imported(source):
    """Distributions that a piece of code imports, itself or through this project's modules."""
    trees = [ast.parse(source)]
    trees += [ast.parse(file.read_text(encoding="utf-8")) for file in stages.modules(source)]
    tops = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            tops |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            tops.add(node.module.split(".")[0])
    return {name.lower() for top in tops for name in DISTRIBUTIONS.get(top, [])}


def needing():
    """For each direct package the notebooks that import it: ``all``, their numbers, or first - last."""
    numbers, needs = {}, {}
    for stage in stages.names():  # an appendix counts with the notebook that it belongs to
        numbers.setdefault(stages.number(stage)[:2], set()).update(imported(stages.code(stage)))
    for package in PROJECT["dependencies"]:
        own = [number for number, packages in numbers.items() if package in packages]
        row = len(own) > 2 and int(own[-1]) - int(own[0]) == len(own) - 1
        needs[package] = f"{own[0]} - {own[-1]}" if row else " ".join(own)
        if len(own) == len(numbers):
            needs[package] = "all"
    return needs


def test_the_environment_says_truly_which_notebook_needs_what():
    said = {}
    for line in read("environment.yml").splitlines():
        if match := re.search(r"- (\S+?)==\S+\s+# (all|[\d -]*\d)?", line):
            said[match[1]] = (match[2] or "").strip()
    assert said == needing()


def test_a_package_that_no_notebook_imports_says_what_else_does():
    lines = dict(re.findall(r"- (\S+?)==\S+\s+# (.*)", read("environment.yml")))
    for package, needs in needing().items():
        assert needs or re.match(r"(run_all\.py|tests|Dask|Parquet|JupyterLab)\b", lines[package]), package
