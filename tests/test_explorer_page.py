"""The page in one file: what is stored comes back, nothing breaks out, nothing but its own module may run."""

import base64
import hashlib
import html.parser
import json
import os
import re
import shutil

import numpy as np
import pytest
from explorer_world import HOSTILE, parts

from lib.beyond.moments import Moments
from lib.explorer import media, page
from lib.explorer import world as worlds
from lib.explorer.answers import Answers

NAMES = [
    "</script><script>window.ran=1</script>",
    "<!--<script>",
    "line\u2028end\u2029",
    '\u202egnp & "co"',
    HOSTILE,
]
ASKED_FOR = {"best": "siamese", "shown": ["truth", "siamese"], "list_length": 8, "start": "b"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


class Blocks(html.parser.HTMLParser):
    """Elements of a page: the text and attributes of scripts and styles, and the order of all tags."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.metas, self.errors = [], [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        if tag == "meta":
            self.metas |= {attributes.get("http-equiv") or attributes.get("name"): attributes.get("content")}
        if tag in ("script", "style"):
            self.texts.append((tag, attributes, ""))

    def handle_data(self, data):
        if self.tags and self.tags[-1] in ("script", "style") and self.texts:
            tag, attributes, text = self.texts[-1]
            self.texts[-1] = (tag, attributes, text + data)

    def handle_endtag(self, tag):
        self.tags.append(f"/{tag}")

    def block(self, name):
        (text,) = [text for _, attributes, text in self.texts if attributes.get("id") == name]
        return text

    def array(self, name, dtype):
        return np.frombuffer(base64.b64decode(self.block(name), validate=True), dtype=dtype)


def made(folder, *, names=None, moments=True):
    """Answers about the five artists, with moments of their clips."""
    study, scores = parts(folder, names=names)
    if moments:
        frames = np.arange(10 * 4 * 3, dtype=np.int8).reshape(10, 4, 3)
        about = {"of": "siamese network", "seconds": 0.94}
        Moments(frames, [f"clip-{k}" for k in range(10)], about).save(folder / "moments.npz")
    return Answers(study, scores, worlds.describe(study, scores, **ASKED_FOR))


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return made(tmp_path_factory.mktemp("world"), names=NAMES)


@pytest.fixture(scope="module")
def written(answers):
    """Path of the page, and the sentence about it."""
    path = answers.study.folder / "figures" / "explorer.html"
    return path, page.write(path, answers.world, answers)


@pytest.fixture(scope="module")
def blocks(written):
    return Blocks(written[0].read_text(encoding="utf-8"))


def test_the_world_comes_back_with_what_the_page_can_do(answers, blocks):
    world = json.loads(blocks.block("world"))
    assert world["artists"]["name"] == answers.world["artists"]["name"]
    assert world["can"] == {"upload": False, "sound": True}
    assert world["excerpt"] == 5
    assert (world["picture_type"], world["sound_type"]) == ("image/webp", "audio/ogg")
    assert [method["name"] for method in world["methods"]] == ["truth", "l2", "siamese"]
    same = ("format", "map", "groups", "features", "moments", "start", "shown", "n_listeners", "list_length")
    assert [name for name in same if world[name] != answers.world[name]] == []


def test_scores_come_back_within_a_step_and_shared_listeners_exactly(answers, blocks):
    n, m = 5, 3
    steps, ranges = blocks.array("scores", "<u2"), blocks.array("ranges", "<f4").reshape(m, n, 2)
    shared = blocks.array("shared", "<u2").reshape(n, n)
    assert len(steps) == m * n * n
    low, high = ranges[..., :1], ranges[..., 1:]
    steps = steps.reshape(m, n, n)
    values = np.where(steps == page.MISSING, np.nan, low + steps / page.STEPS * (high - low))
    for artist in range(n):
        _, parts_ = answers.answer("scores", {"artist": artist})
        exact = np.frombuffer(parts_[0], "<f4").reshape(m, n)
        np.testing.assert_allclose(values[:, artist], exact, atol=50 / page.STEPS)
        assert (np.frombuffer(parts_[1], "<u4") == shared[artist]).all()


def test_pictures_frames_and_sounds_of_each_clip_come_back(answers, blocks):
    pictures, ends = blocks.array("pictures", "u1"), blocks.array("picture_ends", "<u4")
    frames = blocks.array("frames", "i1").reshape(10, -1)
    sounds, sound_ends = blocks.array("sounds", "u1"), blocks.array("sound_ends", "<u4")
    for clip in range(10):
        _, parts_ = answers.answer("picture", {"clip": clip})
        assert frames[clip].tobytes() == parts_[1]
        own = pictures[ends[clip - 1] if clip else 0 : ends[clip]].tobytes()
        assert own == media.small_picture(answers.study.spectrograms[clip])[1]
        own = sounds[sound_ends[clip - 1] if clip else 0 : sound_ends[clip]].tobytes()
        assert own == media.excerpt(answers.study.folder / "clips" / "tone.wav", page.HIGHEST)[0]
    assert blocks.array("sound_starts", "<f4").tolist() == [12.5] * 10


def test_the_policy_allows_the_inline_texts_and_nothing_else(blocks):
    policy = dict(part.strip().split(" ", 1) for part in blocks.metas["Content-Security-Policy"].split(";"))
    run = [text for tag, attributes, text in blocks.texts if attributes.get("type") == "module"]
    styles = [text for tag, _, text in blocks.texts if tag == "style"]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (*run, *styles)]
    assert policy == {
        "default-src": "'none'", "script-src": f"'sha256-{hashes[0]}'", "style-src": f"'sha256-{hashes[1]}'",
        "img-src": "blob: data:", "media-src": "blob:", "base-uri": "'none'", "form-action": "'none'",
    }  # fmt: skip
    assert run[0].strip().endswith(page.START)
    data = [attributes.get("type") for _, attributes, _ in blocks.texts if attributes.get("id")]
    assert set(data) == {"application/json", "text/plain"}  # which no browser executes


def test_names_break_out_of_nothing(written, blocks):
    text = written[0].read_text(encoding="utf-8")
    assert blocks.tags.count("script") == blocks.tags.count("/script") == 11
    assert "window.ran" not in "".join(text for _, a, text in blocks.texts if a.get("id") != "world")
    assert "<" not in blocks.block("world")
    assert not {"\u2028", "\u2029", "\r"} & set(text)
    assert "img" not in blocks.tags
    assert "<!--" not in text


def test_the_head_says_what_the_page_is(written, blocks):
    text = written[0].read_text(encoding="utf-8")
    assert text.startswith('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">')
    assert "width=device-width" in blocks.metas["viewport"]
    assert "simulated" in re.search("<title>(.*)</title>", text)[1]
    assert page.NO_SCRIPT in text
    assert '<div id="explorer"></div>' in text
    assert not re.search(r"(src|href)=\"(?!data:,)", text)


def test_nothing_of_the_machine_or_the_person_is_in_it(answers, tmp_path):
    world = answers.world | {
        "artists": answers.world["artists"] | {"plays": [7777777, 0, 0, 0, 0]},
        "clips": answers.world["clips"] | {"file": [str(answers.study.folder / "clips/tone.wav")] * 10},
    }
    page.write(tmp_path / "explorer.html", world, answers)
    text = (tmp_path / "explorer.html").read_text(encoding="utf-8")
    assert "7777777" not in text
    assert "tone.wav" not in text
    assert str(answers.study.folder) not in text


def test_the_same_inputs_give_the_same_bytes_and_a_second_time_nothing_is_encoded(
    answers, written, tmp_path, monkeypatch
):
    monkeypatch.setattr(media, "excerpt", None)
    monkeypatch.setattr(media, "small_picture", None)
    again = tmp_path / "explorer.html"
    assert page.write(again, answers.world, answers) == written[1]
    assert again.read_bytes() == written[0].read_bytes()


def test_the_sentence_says_what_is_in_it(written):
    size = written[0].stat().st_size
    assert written[1] == (
        f"explorer.html: {size / 1e6:.2f} MB; 3 of 3 lists; sound of 10 of 10 clips, 5 s each at 24 kbit/s"
    )


def test_without_sound_there_is_none_and_the_page_says_so(answers, tmp_path):
    sentence = page.write(tmp_path / "explorer.html", answers.world, answers, sounds=False)
    blocks = Blocks((tmp_path / "explorer.html").read_text(encoding="utf-8"))
    world = json.loads(blocks.block("world"))
    assert (world["can"], world["excerpt"]) == ({"upload": False, "sound": False}, None)
    assert [len(blocks.array(name, "u1")) for name in ("sounds", "sound_ends", "sound_starts")] == [0, 0, 0]
    assert sentence.endswith("3 of 3 lists; no sound")


def test_a_clip_without_a_sound_is_named(tmp_path):
    answers = made(tmp_path, moments=False)
    answers.study.clips.loc[3, "file"] = "clips/gone.wav"
    sentence = page.write(tmp_path / "explorer.html", answers.world, answers)
    assert "sound of 9 of 10 clips" in sentence
    assert "the first of 1: gone.wav: cannot be read" in sentence
    assert str(tmp_path) not in sentence
    ends = Blocks((tmp_path / "explorer.html").read_text(encoding="utf-8")).array("sound_ends", "<u4")
    assert (np.diff(ends, prepend=0) > 0).tolist() == [True] * 3 + [False] + [True] * 6


@pytest.mark.parametrize("file", [None, np.nan, ""])
def test_a_clip_without_a_file_is_counted(tmp_path, file):
    answers = made(tmp_path, moments=False)
    answers.study.clips["file"] = answers.study.clips["file"].astype(object).where(np.arange(10) != 3, file)
    sentence = page.write(tmp_path / "explorer.html", answers.world, answers)
    assert "sound of 9 of 10 clips" in sentence
    assert "the first of 1: a clip has no file" in sentence


def test_a_page_larger_than_the_limit_says_so(answers, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "LIMIT", 20_000)
    sentence = page.write(tmp_path / "explorer.html", answers.world, answers)
    assert "MB, more than 0.02 MB, for neither pictures nor lists shown first are left out; " in sentence


def test_the_rate_and_the_methods_follow_from_the_budget(answers, tmp_path, monkeypatch):
    """Less room: first a lower rate, then the methods that nobody chose, then no sound at all."""
    whole = page.write(tmp_path / "explorer.html", answers.world, answers, sounds=False)
    silent = (tmp_path / "explorer.html").stat().st_size
    seen = {}
    for room in (120_000, 57_800, 20_000):
        monkeypatch.setattr(page, "LIMIT", silent + room)
        sentence = page.write(tmp_path / "explorer.html", answers.world, answers)
        seen[room] = sentence.split("; ", 1)[1]
        assert (tmp_path / "explorer.html").stat().st_size <= silent + room
    assert "no sound" in whole
    assert "3 of 3 lists" in seen[120_000]
    assert "2 of 3 lists; sound of 10 of 10" in seen[57_800]
    assert seen[57_800].endswith("left out: L2 of spectrograms")
    assert "2 of 3 lists; no sound: 10 excerpts do not fit into" in seen[20_000]


def test_a_row_without_scores_and_a_constant_row_come_back():
    steps, ranges = page.quantised(np.array([[np.nan, np.nan], [2.0, 2.0], [np.nan, -3.0]]))
    assert steps.tolist() == [[page.MISSING] * 2, [0, 0], [page.MISSING, 0]]
    assert ranges.tolist() == [[0, 0], [2, 2], [-3, -3]]


def test_more_shared_listeners_than_16_bits_hold_take_32(answers, tmp_path, monkeypatch):
    crowd = np.full(5, 70_000, dtype="<u4").tobytes()
    given = answers.answer
    monkeypatch.setattr(
        answers,
        "answer",
        lambda kind, message: (given(kind, message)[0], [given(kind, message)[1][0], crowd]),
    )
    page.write(tmp_path / "explorer.html", answers.world, answers, sounds=False)
    block = re.search(r'id="shared">([^<]*)<', (tmp_path / "explorer.html").read_text())[1]
    assert set(np.frombuffer(base64.b64decode(block), "<u4")) == {70_000}


@pytest.mark.parametrize(("name", "text"), [("widget.js", "x = '</ScRipt>'"), ("widget.css", "</style>")])
def test_a_module_that_would_end_its_element_is_refused(answers, tmp_path, monkeypatch, name, text):
    for file in ("widget.js", "widget.css"):
        (tmp_path / file).write_text(text if file == name else "")
    monkeypatch.setattr(page, "FRONT", tmp_path)
    with pytest.raises(ValueError, match=f"{name} holds '</s"):
        page.write(tmp_path / "explorer.html", answers.world, answers, sounds=False)


@pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("REQUIRE_BROWSER") != "1",
    reason="no Chromium: apt-get install chromium, or REQUIRE_BROWSER=1 to fail here",
)
def test_the_page_works_from_a_file_and_no_request_leaves_it(written):
    from playwright.sync_api import expect, sync_playwright

    assert CHROMIUM, "REQUIRE_BROWSER=1, but there is no Chromium"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = browser.new_page(viewport={"width": 1400, "height": 1000})
        asked, problems = [], []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        tab.goto(written[0].as_uri())
        expect(tab.locator("#explorer")).to_contain_text(HOSTILE, timeout=20_000)
        play = tab.get_by_role("button", name=re.compile("play")).first
        expect(play).to_be_enabled(timeout=20_000)
        play.click()
        tab.wait_for_function("() => document.querySelector('audio').currentTime > 0.2", timeout=20_000)
        assert tab.evaluate("() => document.querySelector('audio').duration") == pytest.approx(5, abs=0.1)
        assert tab.evaluate("() => window.ran") is None
        assert tab.locator("img[src=x]").count() == 0
        assert problems == []
        assert [url for url in asked if not url.startswith(("blob:", "data:"))] == [written[0].as_uri()]
        browser.close()
