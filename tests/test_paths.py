"""Where things are."""

from pathlib import Path

import pytest

from lib.workflow import paths


@pytest.fixture(autouse=True)
def unmoved(monkeypatch):
    for variable in paths.MOVABLE.values():
        monkeypatch.delenv(variable, raising=False)


def test_each_profile_has_its_own_data():
    assert paths.data("own") == paths.root() / "data" / "own"


def test_figures_of_the_demo_lie_at_the_top_and_those_of_others_below():
    assert paths.figures("demo") == paths.root() / "figures"
    assert paths.figures("paper") == paths.root() / "figures" / "paper"


def test_environment_variables_move_data_and_figures(monkeypatch, tmp_path):
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path / "d"))
    monkeypatch.setenv("MUSIC_SIMILARITY_FIGURES", str(tmp_path / "f"))
    assert paths.manifest("demo", "01_x") == tmp_path / "d" / "demo" / "manifests" / "01_x.json"
    assert paths.figures("own") == tmp_path / "f" / "own"


def test_an_empty_variable_moves_nothing(monkeypatch):
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", "")
    assert paths.data("demo") == paths.root() / "data" / "demo"


def test_a_relative_variable_counts_from_where_it_is_read(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", "here")
    assert paths.data("demo") == tmp_path.resolve() / "here" / "demo"


def test_a_file_shows_by_the_same_name_wherever_the_data_lie(monkeypatch, tmp_path):
    at_home = paths.shown(paths.data("demo") / "clips" / "a.mp3")
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path))
    assert paths.shown(tmp_path / "demo" / "clips" / "a.mp3") == at_home == "data/demo/clips/a.mp3"


def test_a_file_elsewhere_shows_with_its_whole_path():
    assert paths.shown(Path("/music/a.mp3")) == "/music/a.mp3"
    assert paths.shown(paths.lock()) == "requirements.lock"


def test_a_message_gives_the_place_where_a_moved_file_is(monkeypatch, tmp_path):
    assert paths.place(paths.data("demo") / "a.mp3") == "data/demo/a.mp3"
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path))
    assert paths.place(paths.data("demo") / "a.mp3") == f"{tmp_path.resolve()}/demo/a.mp3"


@pytest.mark.parametrize("name", ["data/demo/artists.parquet", "figures/own/table1_ranking.csv", "README.md"])
def test_a_shown_name_leads_back_to_its_file(monkeypatch, tmp_path, name):
    monkeypatch.setenv("MUSIC_SIMILARITY_FIGURES", str(tmp_path))
    assert paths.shown(paths.located(name)) == name


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "with space", "-p"])
def test_a_profile_whose_name_could_lead_elsewhere_is_refused(name):
    with pytest.raises(ValueError, match="letters, digits"):
        paths.data(name)


def test_downloads_are_shared_by_all_profiles_and_none_can_take_their_name(monkeypatch, tmp_path):
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path))
    assert paths.downloads() == tmp_path / "downloads"
    assert paths.downloads().parent == paths.data("demo").parent
    for name in ("downloads", "Downloads"):
        with pytest.raises(ValueError, match="holds the public data sets"):
            paths.data(name)
