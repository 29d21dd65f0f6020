"""How files are written, and when a stage is done."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import toy_repository

from lib.workflow import artifacts, machine, paths, profiles


@pytest.fixture
def toy(monkeypatch, tmp_path):
    return toy_repository.enter(monkeypatch, toy_repository.build(tmp_path / "toy"))


def finish_numbers(numbers="[0, 1, 2]", **values):
    """What the first toy notebook does, without a kernel."""
    path = paths.data("demo") / "numbers.json"
    artifacts.write_text(numbers, path)
    given = {"profile": "demo", "count": 3, "numbers_file": "", **values}
    return artifacts.finish("01_numbers", "demo", {**given, "other": object()}, [path])


def finish_scaled():
    path = paths.figures("demo") / "scaled.json"
    artifacts.write_text("[0.0]", path)
    return artifacts.finish("02_scaled", "demo", {"profile": "demo", "factor": 2.0, "name": None}, [path])


def stale(stage, **values):
    parameters = profiles.resolve("demo")[1][stage]
    return artifacts.why_stale(stage, "demo", {**parameters, **values})


def test_a_folder_is_locked_for_one_at_a_time_and_free_afterwards(tmp_path):
    folder, refusal = tmp_path / "a" / "b", RuntimeError("taken")
    again = artifacts.locked(folder, refusal)
    with artifacts.locked(folder, refusal), pytest.raises(RuntimeError, match="taken"), again:
        raise AssertionError
    with pytest.raises(BlockingIOError), artifacts.locked(folder, refusal):
        raise BlockingIOError  # of the block itself: not the lock
    with artifacts.locked(folder, refusal), artifacts.locked(tmp_path, refusal):
        pass


def test_a_file_appears_whole_and_folders_on_the_way_are_made(tmp_path):
    path = tmp_path / "a" / "b.txt"
    with artifacts.replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["b.txt"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_write_leaves_what_was_there(tmp_path, failure):
    path = tmp_path / "b.txt"
    path.write_text("old")
    with (
        pytest.raises(type(failure) if isinstance(failure, OSError) else failure),
        artifacts.replacing(path) as temporary,
    ):
        temporary.write_text("half")
        raise failure
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["b.txt"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), artifacts.replacing(tmp_path / "b.txt"):
        pass


def test_json_is_sorted_and_takes_numpy_values(tmp_path):
    artifacts.write_json({"b": np.float64(0.5), "a": np.arange(2), "c": "é"}, tmp_path / "x.json")
    assert (tmp_path / "x.json").read_text(
        encoding="utf-8"
    ) == '{\n "a": [\n  0,\n  1\n ],\n "b": 0.5,\n "c": "é"\n}\n'


def test_json_refuses_what_is_not_a_number(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        artifacts.write_json({"loss": float("nan")}, tmp_path / "x.json")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("name", "text"), [("x.csv", "a,b\n1,\n"), ("x.tsv", "a\tb\n1\t\n")])
def test_tables_are_separated_as_their_name_says(tmp_path, name, text):
    artifacts.write_csv(pd.DataFrame({"a": [1], "b": [None]}), tmp_path / name)
    assert (tmp_path / name).read_bytes() == text.encode()


def test_parquet_keeps_the_index(tmp_path):
    frame = pd.DataFrame({"x": [1.0, np.nan]}, index=pd.Index(["a", "b"], name="artist_id"))
    artifacts.write_parquet(frame, tmp_path / "x.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "x.parquet"), frame)


def test_a_table_has_a_twin_for_reading(tmp_path):
    frame = pd.DataFrame({"artist": ["AC/DC", None], "n": [3, 5], "value": [0.123456, np.nan]})
    artifacts.write_table(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "artist,n,value\nAC/DC,3,0.123456\n,5,\n"
    assert (tmp_path / "t.md").read_text() == (
        "| artist | n | value |\n| --- | ---: | ---: |\n| AC/DC | 3 | 0.1235 |\n|  | 5 |  |\n"
    )


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("a|b", "a\\|b"),
        ("Ke$ha $x$", "Ke\\$ha \\$x\\$"),
        ("two\nlines\r", "two lines"),
        ("[x](y)", "\\[x\\](y)"),
        ("`rm` *b* _i_", "\\`rm\\` \\*b\\* \\_i\\_"),
    ],
)
def test_a_name_from_outside_never_becomes_markup(name, cell):
    assert artifacts.markdown(pd.DataFrame({"x": [name]})).splitlines()[2] == f"| {cell} |"


def test_the_checksum_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "abc").write_text("abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert artifacts.sha256(tmp_path / "abc") == known


def test_the_checksum_of_a_folder_knows_names_and_contents_and_nothing_else(tmp_path):
    def folder(name, **files):
        for file, text in files.items():
            artifacts.write_text(text, tmp_path / name / "deep" / file)
        return artifacts.sha256(tmp_path / name)

    first = folder("first", a="1", b="2")
    (tmp_path / "first" / ".partial-0-c").write_text("half")
    assert artifacts.sha256(tmp_path / "first") == first == folder("second", b="2", a="1")
    assert (
        len({first, folder("third", a="2", b="1"), folder("fourth", a="1"), folder("fifth", a="1", c="2")})
        == 4
    )


def test_a_finished_stage_is_fresh(toy):
    assert stale("01_numbers") == "no results yet"
    assert finish_numbers() == ["data/demo/numbers.json"]
    assert stale("01_numbers") is None


def test_the_manifest_tells_what_the_stage_ran_with(toy):
    finish_numbers(count=5)
    made = artifacts.manifest("demo", "01_numbers")
    assert made.parameters == {"profile": "demo", "count": 5, "numbers_file": ""}
    assert made.outputs["data/demo/numbers.json"]["bytes"] == len("[0, 1, 2]")
    assert made.made_with["versions"].keys() >= {"tensorflow", "numpy"}


def test_versions_stand_beside_those_of_the_lock_for_the_packages_that_apply_here(toy):
    paths.lock().write_text(
        f"numpy=={np.__version__} \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n    # via pandas==0\n"
        "pandas==0.1 ; python_full_version >= '3.0' \\\n    --hash=sha256:22\n"
        "scipy==1.0 ; python_full_version < '3.0' \\\n    --hash=sha256:33\n"
        "no-such-package==1.0.post1\n"
    )
    assert machine.versions().to_numpy().tolist() == [
        ["numpy", np.__version__, np.__version__],
        ["pandas", "0.1", pd.__version__],
        ["no-such-package", "1.0.post1", ""],
    ]


def test_the_lock_is_read_to_its_end():
    found = machine.versions()
    assert set(machine.made_with()["versions"]) <= set(found["package"])
    names = {line.split("==")[0] for line in paths.lock().read_text().splitlines() if line[:1].isalnum()}
    assert len(found) > 0.8 * len(names) and set(found["package"]) <= names
    assert found["locked"].str.fullmatch(r"[0-9][^ ;]*").all()


def test_two_finishes_write_the_same_bytes(toy):
    finish_numbers()
    first = paths.manifest("demo", "01_numbers").read_bytes()
    finish_numbers()
    assert paths.manifest("demo", "01_numbers").read_bytes() == first


def test_another_value_makes_a_stage_stale_and_says_which(toy):
    finish_numbers()
    assert stale("01_numbers", count=4) == "parameter count: 3 -> 4"


def test_changed_code_makes_a_stage_stale_but_a_comment_does_not(toy):
    finish_numbers()
    cells = toy_repository.NOTEBOOKS["01_numbers"]
    toy_repository.write(toy, "01_numbers", [cells[0] + "  # as usual", *cells[1:]])
    assert stale("01_numbers") is None
    toy_repository.write(toy, "01_numbers", [*cells[:2], "count + 1", *cells[2:]])
    assert stale("01_numbers") == "the notebook's code changed"


def test_a_changed_module_makes_only_those_stale_that_import_it(toy):
    finish_numbers()
    finish_scaled()
    (toy / "lib" / "toy.py").write_text(toy_repository.LIBRARY + "\nMORE = 1\n")
    assert stale("02_scaled") == "lib/toy.py changed"
    assert stale("01_numbers") is None


def test_a_changed_lock_makes_a_stage_stale(toy):
    finish_numbers()
    paths.lock().write_text("")
    assert stale("01_numbers") == "requirements.lock changed"


def test_a_later_stage_is_stale_only_if_the_results_before_it_differ(toy):
    finish_numbers()
    finish_scaled()
    finish_numbers(count=5)  # the same results from another parameter
    assert stale("02_scaled") is None
    finish_numbers("[0, 1]")
    assert stale("02_scaled") == "the results of 01_numbers changed"


def test_records_are_kept_but_are_no_input_of_later_stages(toy):
    def numbers_with_record(text):
        output, record = paths.data("demo") / "numbers.json", paths.data("demo") / "retrievals.tsv"
        artifacts.write_text("[]", output)
        artifacts.write_text(text, record)
        values = {"profile": "demo", "count": 3, "numbers_file": ""}
        artifacts.finish("01_numbers", "demo", values, [output], records=[record])

    numbers_with_record("on Monday")
    finish_scaled()
    numbers_with_record("on Tuesday")
    assert stale("02_scaled") is None
    assert "data/demo/retrievals.tsv" in artifacts.manifest("demo", "01_numbers").records


def test_a_file_given_from_outside_makes_a_stage_stale_when_it_changes(toy, tmp_path):
    (tmp_path / "n.txt").write_text("1")
    finish_numbers(numbers_file=str(tmp_path / "n.txt"))
    assert stale("01_numbers", numbers_file=str(tmp_path / "n.txt")) is None
    (tmp_path / "n.txt").write_text("12")
    assert stale("01_numbers", numbers_file=str(tmp_path / "n.txt")) == (
        "the file or folder given as numbers_file changed"
    )


def test_an_output_that_is_gone_or_was_edited_makes_a_stage_stale(toy):
    finish_numbers()
    output = paths.data("demo") / "numbers.json"
    output.write_text("[9]")
    assert stale("01_numbers") == "data/demo/numbers.json is not what the stage wrote"
    output.unlink()
    assert stale("01_numbers") == "data/demo/numbers.json is gone"


def test_a_missing_manifest_names_the_command_that_writes_it(toy):
    with pytest.raises(artifacts.MissingArtifact, match="run_all.py --profile own --only 01"):
        artifacts.manifest("own", "01_numbers")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stage": "01_numbers"}'])
def test_a_damaged_manifest_counts_as_none(toy, text):
    artifacts.write_text(text, paths.manifest("demo", "01_numbers"))
    with pytest.raises(artifacts.MissingArtifact, match="cannot be read"):
        artifacts.manifest("demo", "01_numbers")
    assert stale("01_numbers") == "it left a manifest that cannot be read"


def test_a_stage_cannot_be_done_before_what_it_needs(toy):
    with pytest.raises(artifacts.MissingArtifact, match="01_numbers has not been run"):
        finish_scaled()
    assert not paths.manifest("demo", "02_scaled").exists()


def test_a_stage_cannot_be_done_without_its_outputs(toy):
    values = {"profile": "demo", "count": 3, "numbers_file": ""}
    with pytest.raises(artifacts.MissingArtifact, match="data/demo/numbers.json should have been written"):
        artifacts.finish("01_numbers", "demo", values, [paths.data("demo") / "numbers.json"])


def test_a_stage_cannot_be_done_with_a_value_of_another_type(toy):
    with pytest.raises(profiles.ProfileError, match="01_numbers.count is int, but came '3'"):
        finish_numbers(count="3")


def test_a_secret_variable_of_the_notebook_stays_out_of_the_manifest(toy):
    finish_numbers(token="hunter2")
    assert "hunter2" not in json.dumps(paths.manifest("demo", "01_numbers").read_text())


def test_leftovers_of_a_killed_process_are_swept_away(toy):
    half = paths.data("demo") / "clips" / ".partial-1a2b-c.mp3"
    half.parent.mkdir(parents=True)
    half.write_text("half")
    finish_numbers()
    draft = paths.draft("demo", "02_scaled")
    draft.write_text("half")
    artifacts.sweep("demo")
    assert not half.exists() and not draft.exists()
    assert stale("01_numbers") is None
