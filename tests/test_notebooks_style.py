"""The committed notebooks keep the house rules that a machine can check."""

import ast
import re

import nbformat
import pytest

from demo import constants
from lib.cli import notebooks
from lib.workflow import paths, profiles, stages

IGNORED = "nbval-ignore-output"
BEHIND = {"08_artist_explorer": ["view"]}  # cells behind the manifest: Run All ends at the explorer


@pytest.fixture(params=stages.names())
def stage(request):
    return request.param


@pytest.fixture
def notebook(stage):
    return nbformat.read(paths.notebook(stage), as_version=4)


@pytest.fixture
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def test_every_notebook_is_a_stage_and_every_stage_a_notebook():
    assert sorted(path.stem for path in paths.notebook("*").parent.glob("*.ipynb")) == sorted(stages.NEEDS)


def test_it_opens_with_its_number_and_title(stage, notebook):
    assert notebook.cells[0].cell_type == "markdown"
    assert re.match(rf"# {stages.number(stage)} · \S", notebook.cells[0].source)


def test_its_parameters_are_typed_explained_and_begin_with_the_profile(stage, code):
    assert next(iter(profiles.parameters_of(stage))) == "profile"
    (cell,) = [cell for cell in code if "parameters" in tags(cell)]
    assert [line for line in cell.source.splitlines()[1:] if line.strip() and "#" not in line] == []


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


def test_it_is_in_canonical_form(stage, notebook):
    stored = paths.notebook(stage).read_text(encoding="utf-8")
    assert notebooks.canonical(notebook) == stored, "run: python3 run_all.py --refresh-notebooks"


def test_it_is_smaller_than_a_megabyte(stage):
    assert paths.notebook(stage).stat().st_size < 1_000_000


def test_it_shows_nothing_of_the_machine_it_ran_on(stage):
    stored = paths.notebook(stage).read_text(encoding="utf-8")
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
