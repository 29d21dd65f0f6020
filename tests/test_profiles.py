"""What is asked for, and what is refused."""

import pytest
import toy_repository
from hypothesis import given
from hypothesis import strategies as st

from lib.workflow import datasets, paths, profiles
from lib.workflow.profiles import ProfileError, conform


@pytest.fixture
def toy(monkeypatch, tmp_path):
    return toy_repository.enter(monkeypatch, toy_repository.build(tmp_path / "toy"))


def value(*overrides, profile="demo", stage="02_scaled", name="factor"):
    return profiles.resolve(profile, overrides)[1][stage][name]


def test_the_demo_is_what_the_notebooks_say(toy):
    assert profiles.resolve() == (
        "demo",
        {
            "01_numbers": {"profile": "demo", "count": 3, "numbers_file": ""},
            "02_scaled": {"profile": "demo", "factor": 2.0, "name": None},
            "03_apart": {"profile": "demo"},
        },
    )


def test_a_profile_changes_what_it_names_and_tells_every_notebook_its_name(toy):
    (toy / "profiles" / "big.yml").write_text("01_num: {count: 7}\n02_scaled:\n")
    name, parameters = profiles.resolve("big")
    assert name == "big"
    assert parameters["01_numbers"] == {"profile": "big", "count": 7, "numbers_file": ""}
    assert parameters["03_apart"] == {"profile": "big"}


def test_a_profile_may_be_a_file_anywhere(toy, tmp_path):
    (tmp_path / "mine.yml").write_text("02_scaled: {factor: 5}")
    assert profiles.resolve(str(tmp_path / "mine.yml"))[0] == "mine"
    assert value(profile=str(tmp_path / "mine.yml")) == 5.0


def test_an_override_wins_over_the_profile(toy):
    (toy / "profiles" / "big.yml").write_text("02_scaled: {factor: 5}")
    assert value("02.factor=6", profile="big") == 6.0


@pytest.mark.parametrize(("text", "read"), [("1e-3", 0.001), ("4", 4.0), ("-.5", -0.5)])
def test_numbers_are_read_as_a_person_writes_them(toy, text, read):
    assert value(f"02.factor={text}") == read


@pytest.mark.parametrize("text", ["2024", "no", "2024-01-01", "a=b", "[x", "{file}", "Guns: Roses"])
def test_text_stays_text_where_text_is_asked_for(toy, text):
    assert value(f"02.name={text}", name="name") == text


def test_null_is_nothing_where_nothing_is_allowed(toy):
    assert value("02.name=x", "02.name=null", name="name") is None


def test_a_relative_path_counts_from_where_the_command_is_typed(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given_path = value("01.numbers_file=a/b.txt", stage="01_numbers", name="numbers_file")
    assert given_path == str(tmp_path / "a" / "b.txt")


def test_a_relative_path_in_a_profile_counts_from_its_file(toy, tmp_path):
    (tmp_path / "mine.yml").write_text("01_numbers: {numbers_file: b.txt}")
    found = value(profile=str(tmp_path / "mine.yml"), stage="01_numbers", name="numbers_file")
    assert found == str(tmp_path / "b.txt")


def test_an_empty_path_stays_empty(toy):
    assert value("01.numbers_file=", stage="01_numbers", name="numbers_file") == ""


@pytest.fixture
def sharing(toy, monkeypatch):
    """Two notebooks that share two parameters, and one that calls another thing by the same name."""
    both = dict.fromkeys(("music_folder", "sources"), ("01_numbers", "02_scaled"))
    monkeypatch.setattr(profiles, "SHARED", both)
    shared = 'music_folder: str = ""  # where\nsources: list = ["web"]  # which'
    toy_repository.write(toy, "01_numbers", ["", f'profile: str = "demo"\ncount: int = 3\n{shared}'])
    toy_repository.write(toy, "02_scaled", ["", f'profile: str = "demo"\n{shared}'])
    toy_repository.write(toy, "03_apart", ["", f'profile: str = "demo"\n{shared}'])
    return toy


def of_both(name, *overrides, profile="demo"):
    parameters = profiles.resolve(profile, overrides)[1]
    assert parameters["03_apart"][name] in ("", ["web"])
    return parameters["01_numbers"][name], parameters["02_scaled"][name]


@pytest.mark.parametrize("stage", ["01_numbers", "02_scaled"])
def test_a_shared_parameter_reaches_every_notebook_that_declares_it(sharing, stage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert of_both("music_folder", f"{stage}.music_folder=m") == (str(tmp_path / "m"),) * 2
    (sharing / "profiles" / "own.yml").write_text(f"{stage}: {{sources: [folder]}}")
    assert of_both("sources", profile="own") == (["folder"],) * 2


def test_a_shared_parameter_of_the_command_line_wins_whichever_notebook_the_profile_names(sharing):
    (sharing / "profiles" / "own.yml").write_text("02_scaled: {sources: [folder]}")
    assert of_both("sources", "01.sources=[merge]", profile="own") == (["merge"],) * 2


def test_a_shared_parameter_may_be_given_twice_but_not_two_values(sharing):
    assert of_both("sources", "01.sources=[a]", "02.sources=[a]") == (["a"],) * 2
    assert of_both("sources", "01.sources=[b]", "01.sources=[a]") == (["a"],) * 2  # the last one typed
    with pytest.raises(ProfileError, match=r"01_numbers.sources is \['a'\] and 02_scaled.sources is \['b'\]"):
        of_both("sources", "01.sources=[a]", "02.sources=[b]")
    (sharing / "profiles" / "own.yml").write_text("01_numbers: {sources: [a]}\n02_scaled: {sources: [b]}")
    with pytest.raises(ProfileError, match="one parameter: give it once"):
        of_both("sources", profile="own")


def test_the_committed_notebooks_declare_shared_parameters_alike():
    for name, sharers in profiles.SHARED.items():
        lines = [profiles.parameters_of(stage)[name] for stage in sharers]
        assert len(lines) > 1
        assert lines.count(lines[0]) == len(lines)


@pytest.mark.parametrize("text", ["small", '""', ""])
def test_a_parameter_with_choices_is_one_of_them(toy, monkeypatch, text):
    monkeypatch.setattr(profiles, "CHOICES", {"02_scaled.size": ("", "small")})
    toy_repository.write(toy, "02_scaled", ["", 'profile: str = "demo"\nsize: str = ""'])
    assert value(f"02.size={text}", name="size") == text.strip('"')
    for other in ("true", "large"):
        with pytest.raises(ProfileError, match="02_scaled.size is one of '', 'small', but came"):
            value(f"02.size={other}", name="size")
    (toy / "profiles" / "old.yml").write_text("02_scaled: {size: true}")
    with pytest.raises(ProfileError, match="02_scaled.size is one of '', 'small', but came True"):
        value(profile="old", name="size")


def test_the_choices_of_listening_data_are_those_that_can_be_fetched():
    assert profiles.CHOICES["01_listening_data.download"] == ("", *datasets.LISTENING)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("02.factr=1", "02_scaled has no parameter 'factr'. Known: profile, factor, name"),
        ("09.factor=1", "No stage begins with '09'. Known: 01_numbers, 02_scaled, 03_apart"),
        ("02.factor", "STAGE.parameter=VALUE"),
        ("factor=1", "STAGE.parameter=VALUE"),
        ("02.factor=much", "02_scaled.factor is float, but came 'much'"),
        ("02.factor=.nan", "02_scaled.factor is float"),
        ("01.count=2.5", "01_numbers.count is int, but came 2.5"),
        ("01.count=true", "01_numbers.count is int, but came True"),
        ("02.profile=x", "chosen with --profile"),
    ],
)
def test_an_override_that_cannot_be_says_what_can(toy, override, message):
    with pytest.raises(ProfileError, match=message):
        profiles.resolve("demo", [override])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("01_numbers: {cuont: 7}", "has no parameter 'cuont'. Known: profile, count"),
        ("01_numbers: {count: 7}\n01_numbers: {count: 8}", "'01_numbers' stands there twice"),
        ("1_numbers: {count: 7}", "No stage begins"),
        ("01_numbers: 7", "must read"),
        ("- 01_numbers", "must read"),
        ("01_numbers: {count: [}", "cannot be read as YAML"),
    ],
)
def test_a_profile_file_that_cannot_be_says_why(toy, text, message):
    (toy / "profiles" / "big.yml").write_text(text)
    with pytest.raises(ProfileError, match=message):
        profiles.resolve("big")


@pytest.mark.parametrize("name", ["bug", "elsewhere/x.yml"])
def test_an_unknown_profile_is_answered_with_the_known_ones(toy, name):
    (toy / "profiles" / "big.yml").write_text("")
    with pytest.raises(ProfileError, match=f"no profile '{name}'. Known: demo, big"):
        profiles.resolve(name)


@pytest.mark.parametrize(
    ("name", "message"), [("demo.yml", "another name"), ("my own.yml", "letters, digits")]
)
def test_a_profile_file_needs_a_name_of_its_own(toy, tmp_path, name, message):
    (tmp_path / name).write_text("")
    with pytest.raises(ProfileError, match=message):
        profiles.resolve(str(tmp_path / name))


@pytest.mark.parametrize("line", ["count = 3", "count: int", "count: int = len('abc')", "print(1)"])
def test_a_parameter_that_is_no_typed_literal_is_refused(toy, line):
    toy_repository.write(toy, "03_apart", ["", line])
    with pytest.raises(ProfileError, match="name: type = literal"):
        profiles.parameters_of("03_apart")


def test_a_default_of_another_type_than_its_annotation_is_refused(toy):
    toy_repository.write(toy, "03_apart", ["", 'count: int = "3"'])
    with pytest.raises(ProfileError, match="03_apart.count is int, but came '3'"):
        profiles.parameters_of("03_apart")


def test_a_notebook_without_a_parameter_cell_is_refused(toy):
    toy_repository.write(toy, "03_apart", ["x = 1"])
    with pytest.raises(ProfileError, match="one cell tagged 'parameters', but has 0"):
        profiles.parameters_of("03_apart")


@pytest.mark.parametrize(
    ("annotation", "came", "kept"),
    [
        ("float", 3, 3.0),
        ("list", (1, 2), [1, 2]),
        ("list[float]", [1, "2e-1"], [1.0, 0.2]),
        ("dict[str, float]", {"a": 1}, {"a": 1.0}),
        ("int | None", None, None),
        ("str | int", 4, 4),
        ("list[int] | None", [4], [4]),
    ],
)
def test_a_value_is_kept_in_the_form_of_its_annotation(annotation, came, kept):
    assert repr(conform("x", annotation, came)) == repr(kept)


@pytest.mark.parametrize(
    ("annotation", "came"),
    [
        ("int", True),
        ("bool", 1),
        ("str", 1),
        ("list", "ab"),
        ("list[int]", [1.5]),
        ("float", True),
        ("dict", []),
    ],
)
def test_a_value_of_another_type_is_refused(annotation, came):
    with pytest.raises(ProfileError, match="x is"):
        conform("x", annotation, came)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_comes_back_as_it_was(number):
    assert conform("x", "float", number) == number


@pytest.mark.parametrize("name", sorted(path.stem for path in (paths.root() / "profiles").glob("*.yml")))
def test_the_committed_profiles_fit_the_committed_notebooks(name):
    parameters = profiles.resolve(name)[1]
    assert {values["profile"] for values in parameters.values()} == {name}


def test_the_papers_profile_asks_the_papers_sources_in_its_order():
    assert profiles.resolve("paper")[1]["02_preview_clips"]["sources"] == ["spotify", "itunes"]


@pytest.mark.parametrize(
    "text",
    ["a: &a [1]\nb: *a\n", "[" * 3000, "a: {b: " + "9" * 5000 + "}\n", "a: {b: 1\n"],
)
def test_a_profile_that_is_no_plain_yaml_is_one_sentence(tmp_path, text):
    (tmp_path / "mine.yml").write_text(text)
    with pytest.raises(profiles.ProfileError, match="mine.yml cannot be read as YAML") as error:
        profiles.resolve(str(tmp_path / "mine.yml"))
    assert "\n" not in str(error.value)
