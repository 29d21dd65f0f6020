"""SECURITY.md: what it says is executed by the tests that it names; its secrets and names in tables."""

import base64
import re
import traceback
import types

import pandas as pd
import pytest
from hostile_server import Clock, HostileServer, reply
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lib.clips.sources import faults, limits, registry
from lib.workflow import artifacts, paths

PAGE = (paths.root() / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"\[`(test_\w+)`\]\((tests/\w+\.py)\)", PAGE)
CANARY = "canary-7f3a9c51e0"


def test_the_page_names_tests_that_there_are():
    assert len(NAMED) > 15
    for name, file in NAMED:
        assert re.search(rf"^def {name}\(", (paths.root() / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_statement_names_its_test_or_says_that_it_has_none():
    statements = [line for line in PAGE.splitlines() if line.startswith("- ")]
    bare = [line for line in statements if "](tests/" not in line and "*Not tested" not in line]
    assert [line[:14] for line in bare] == ["- Not trusted:"]  # a list, not a promise


@pytest.fixture
def spotify(tmp_path, monkeypatch):
    """Spotify at a server that sends back whatever it was sent, with a secret for it."""
    monkeypatch.setenv("SPOTIFY_CLIENT_ID", "mine")
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET", CANARY)
    clock = Clock()
    with HostileServer() as host:
        addresses = {"spotify": f"{host.address}/spotify", "spotify_accounts": f"{host.address}/accounts"}
        addresses["musicbrainz"] = f"{host.address}/musicbrainz"
        limiter = limits.Limiter({}, clock=clock, sleep=clock.sleep)
        settings = {"cache": tmp_path / "raw", "addresses": addresses, "http": {"limiter": limiter}}
        (one,) = registry.connect(["spotify"], **settings)
        one._credentials = ("mine", CANARY)  # at a loopback address the demo's are sent
        yield host, one


ECHO = {"error": {"message": f"no such thing: {CANARY}"}, "error_description": CANARY}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
@pytest.mark.parametrize("where", ["/accounts", "/spotify/search"])
def test_a_secret_is_in_no_file_message_or_trace_afterwards(spotify, tmp_path, capfd, caplog, status, where):
    host, one = spotify
    host.script["/accounts"] = [reply({"access_token": CANARY, "token_type": "Bearer"})]
    host.script["/spotify/search"] = [reply({"artists": {"items": [{"id": "A", "name": "Abba"}]}})]
    host.script[where] = [reply({"access_token": CANARY} | ECHO, status=status)]
    written = ""
    try:
        one.candidates(types.SimpleNamespace(name="Abba", artist_id="name:abba"))
    except (faults.Unavailable, ValueError) as error:
        written = "".join(traceback.format_exception(error))
    sent = host.requests[0][1]["Authorization"].removeprefix("Basic ")
    assert CANARY in base64.b64decode(sent).decode()
    assert CANARY not in written
    assert CANARY not in repr(one)
    assert CANARY not in "".join(capfd.readouterr()) + caplog.text
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and CANARY in path.read_text()]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1) | st.sampled_from(
    ["=1+1", "@SUM(A1)", "+44", "-x", "|", "a\nb", "$x$", "<b>", "`x`", "[a](b)", '"',
     "\u202e", "🎵", "a,b\tc"]
))  # fmt: skip
def test_a_name_in_a_table_comes_back_as_it_was_and_markdown_escapes_it(tmp_path, name):
    frame = pd.DataFrame({"artist": [name, "Abba"], "n": [1, 2]})
    for suffix in (".csv", ".tsv"):
        path = tmp_path / f"names{suffix}"
        artifacts.write_csv(frame, path)
        again = pd.read_csv(path, sep="\t" if suffix == ".tsv" else ",", keep_default_na=False, dtype=str)
        assert again["artist"].tolist() == [name, "Abba"]
    lines = artifacts.markdown(frame).splitlines()
    assert len(lines) == 4
    assert all(len(re.findall(r"(?<!\\)\|", line.replace("\\\\", ""))) == 3 for line in lines)
    assert "<" not in "".join(lines)
