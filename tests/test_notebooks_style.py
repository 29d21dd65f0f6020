"""The committed notebooks and lessons keep the house rules that a machine can check."""

import ast
import re

import nbformat
import pytest

from demo import constants
from lib.cli import notebooks
from lib.workflow import paths, profiles, stages

IGNORED = "nbval-ignore-output"
BEHIND = {"08_artist_explorer": ["view"]}  # cells behind the manifest: Run All ends at the explorer


NOTEBOOKS = [paths.notebook(stage) for stage in stages.names()]
LESSONS = sorted(paths.lesson("*").parent.glob("*.ipynb"))


def label(path):
    return f"{path.parent.name}/{path.stem}"


of_stages = pytest.mark.parametrize("path", NOTEBOOKS, ids=label)
of_lessons = pytest.mark.parametrize("path", LESSONS, ids=label)


@pytest.fixture(params=[*NOTEBOOKS, *LESSONS], ids=label)
def path(request):
    """Every notebook and lesson, where a test does not say which of the two it is about."""
    return request.param


@pytest.fixture
def stage(path):
    return path.stem


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def test_every_notebook_is_a_stage_and_every_stage_a_notebook():
    assert sorted(path.stem for path in paths.notebook("*").parent.glob("*.ipynb")) == sorted(stages.NEEDS)


def test_a_notebook_with_exercises_links_its_lesson_and_every_lesson_has_a_notebook():
    texts = {path.name: path.read_text(encoding="utf-8") for path in NOTEBOOKS}
    lessons = {path.name for path in LESSONS}
    assert lessons <= set(texts)
    linked = {name for name, text in texts.items() if f"../lessons/{name}" in text}
    assert {name for name, text in texts.items() if "## Exercises" in text} == linked <= lessons


def test_it_opens_with_its_number_and_title(stage, notebook):
    assert notebook.cells[0].cell_type == "markdown"
    assert re.match(rf"# (Lesson )?{stages.number(stage)} · \S", notebook.cells[0].source)


@of_lessons
def test_a_lesson_solves_three_exercises_and_each_solution_checks_itself(notebook):
    parts = []
    for cell in notebook.cells:
        if re.match(r"## \d\. \S", cell.source):
            parts.append([])
        elif parts and cell.cell_type == "code":
            parts[-1].append(cell.source)
    assert len(parts) == 3
    assert [sources for sources in parts if "assert " not in "\n".join(sources)] == []


@of_stages
def test_its_parameters_are_typed_explained_and_begin_with_the_profile(stage, code):
    assert next(iter(profiles.parameters_of(stage))) == "profile"
    (cell,) = [cell for cell in code if "parameters" in tags(cell)]
    assert [line for line in cell.source.splitlines()[1:] if line.strip() and "#" not in line] == []


@of_stages
def test_its_defaults_are_the_demo(stage):
    assert profiles.parameters_of(stage)["profile"].default == "demo"


def test_it_defines_no_functions(code):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [
        node.name for cell in code for node in ast.walk(ast.parse(cell.source)) if isinstance(node, kinds)
    ]
    assert found == []


def test_its_cells_are_short(code):
    """Parameters that several notebooks share do not count, whose cells hold them beside their own."""
    long = []
    for cell in code:
        shared = tuple(f"{name}:" for name in profiles.SHARED) if "parameters" in tags(cell) else ()
        if len([line for line in cell.source.splitlines() if not line.startswith(shared)]) > 20:
            long.append(cell.source)
    assert long == []


@of_stages
def test_it_is_started_under_its_own_name_and_its_last_cell_writes_the_manifest(stage, code):
    sources = [cell.source for cell in code]
    assert len([source for source in sources if f'stage.start("{stage}", globals())' in source]) == 1
    behind = BEHIND.get(stage, [])
    last = len(sources) - 1 - len(behind)
    assert sources[last].endswith(".finish()")
    assert sources[last + 1 :] == behind


def test_it_repeats_no_name_of_a_file_that_it_writes(stage, code):
    """Tables and pictures are written by the recorder, which lists them."""
    source = "\n".join(cell.source for cell in code)
    assert not re.search(r"artifacts\.(write_|finish)|savefig|to_csv|to_parquet", source)


def test_its_cells_ran_without_an_error_and_their_outputs_are_stored(code):
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]
    assert any(cell.outputs for cell in code), "nbval compares nothing in a notebook that was never executed"
    assert code[-1].outputs


def test_it_is_in_canonical_form(path, notebook):
    stored = path.read_text(encoding="utf-8")
    assert notebooks.canonical(notebook) == stored, "run: python3 run_all.py --refresh-notebooks"


def test_it_is_smaller_than_a_megabyte(path):
    assert path.stat().st_size < 1_000_000


def test_it_shows_nothing_of_the_machine_it_ran_on(path):
    stored = path.read_text(encoding="utf-8")
    assert str(paths.root()) not in stored
    found = re.findall(r"(?<![\w.:/<])/(?:home|root|tmp|work|usr|Users|private|var|opt)/\w[^\s\"\\]*", stored)
    assert [*found, *re.findall(r"\bat 0x[0-9a-f]{6,}", stored)] == []


def test_what_nbval_does_not_compare_says_why(code):
    assert [cell.source for cell in code if IGNORED in tags(cell) and not cell.metadata.get("reason")] == []


def test_nbval_compares_at_least_two_thirds_of_the_cells(code):
    assert 3 * sum(IGNORED in tags(cell) for cell in code) <= len(code)


def test_the_demo_simulates_the_world_whose_constants_were_calibrated():
    defaults = {name: line.default for name, line in profiles.parameters_of("01_listening_data").items()}
    assert defaults["simulate"] is True
    assert (defaults["world_artists"], defaults["world_listeners"]) == (
        constants.N_ARTISTS,
        constants.N_LISTENERS,
    )
