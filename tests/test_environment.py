"""Three lists of packages that must say the same: pyproject.toml, requirements.lock, environment.yml."""

import re
import tomllib

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement

import run_all
from lib.workflow import paths

LOCKED = {
    requirement.name: requirement
    for requirement in (Requirement(block.split("\\")[0].strip()) for block in run_all.packages())
}


def read(name):
    return (paths.root() / name).read_text(encoding="utf-8")


PROJECT = tomllib.loads(read("pyproject.toml"))["project"]
CONDA = yaml.safe_load(read("environment.yml"))["dependencies"]
PIP = next(part["pip"] for part in CONDA if isinstance(part, dict))


def test_environment_pins_every_direct_package_to_the_version_of_the_lock():
    pinned = {Requirement(line).name: str(Requirement(line).specifier) for line in PIP if "==" in line}
    assert pinned == {name: str(LOCKED[name].specifier) for name in PROJECT["dependencies"]}


def test_environment_holds_a_python_that_the_project_allows():
    (python,) = [part for part in CONDA if str(part).startswith("python=")]
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python.split("=")[1])


def test_environment_installs_the_project_itself():
    assert "--editable ." in PIP


def test_each_direct_package_says_which_notebook_needs_it():
    lines = [line for line in read("environment.yml").splitlines() if "==" in line]
    assert [line for line in lines if not re.search(r"# (\d\d|all|tests|run_all)", line)] == []


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
