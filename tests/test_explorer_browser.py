"""The explorer's module in Chromium, without JupyterLab: what a person does with a mouse, and without one.

Skipped where Chromium is missing, unless the environment variable ``REQUIRE_BROWSER`` is 1.
"""

import csv
import io
import itertools

import numpy as np
import pytest
from scipy import stats

from lib.explorer import explorer, page
from tests import explorer_harness as harness

pytestmark = harness.needs_chromium

LISTS = """() => [...document.querySelectorAll(".mse-list")].map(list => ({
    method: list.querySelector("select").value,
    artists: [...list.querySelectorAll(".mse-go")].map(button => Number(button.dataset.key.split("-")[1])),
    agreed: [...list.querySelectorAll("li")].map(item => item.querySelector(".mse-mark") !== null),
    text: list.innerText,
}))"""
# Text with a contrast to its background of less than 4.5 (WCAG 2.1, 1.4.3), but for disabled controls.
PALE = """() => {
    const parse = text => {
        const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
        return text.startsWith("color(srgb") ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a];
    };
    const over = (top, below) => top.slice(0, 3).map((value, k) => value * top[3] + below[k] * (1 - top[3]));
    const light = colour => colour.map(value => value / 255)
        .map(value => value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4)
        .reduce((sum, value, k) => sum + value * [.2126, .7152, .0722][k], 0);
    const pale = [], root = document.getElementById("explorer");
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        const owner = node.parentElement, style = getComputedStyle(owner);
        if (!node.data.trim() || owner.closest(":disabled, option, .mse-hidden")) continue;
        if (!owner.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
        const layers = [];
        for (let one = owner; one; one = one.parentElement)
            layers.unshift(parse(getComputedStyle(one).backgroundColor));
        const below = layers.reduce((under, layer) => over(layer, under), [255, 255, 255]);
        const own = light(over(parse(style.color), below)), ground = light(below);
        const contrast = (Math.max(own, ground) + .05) / (Math.min(own, ground) + .05);
        if (contrast < 4.5) pale.push([contrast.toFixed(2), owner.className, node.data.slice(0, 30)]);
    }
    return pale;
}"""
STOPS = """() => [...document.querySelectorAll(
    "#explorer :is(button, input, select, summary, canvas[tabindex='0'], a[href])")]
    .filter(node => !node.disabled && node.checkVisibility({visibilityProperty: true}))"""
CONTROLS = {
    *("button", "checkbox", "combobox", "link", "listbox", "radio", "searchbox", "slider", "spinbutton"),
    *("textbox", "application", "DisclosureTriangle", "PopUpButton", "Canvas", "image"),
}


@pytest.fixture(scope="module")
def browser():
    with harness.chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """World and answers of the small study, and its folder."""
    folder = tmp_path_factory.mktemp("explorer") / "data" / "demo"
    harness.write(folder)
    opened = harness.opened(folder)
    page.write(folder / "explorer.html", opened.answers.world, opened.answers)
    return opened.world, opened.answers.answer, folder


@pytest.fixture
def show(browser, small):
    """Opens an explorer; at the end no page has had trouble, or wanted something from outside."""
    opened = []

    def shown(world=None, answer=None, **options):
        opened.append(harness.Mounted(browser, world or small[0], answer or small[1], **options))
        opened[-1].page.wait_for_function("() => document.querySelector('.mse-go')")
        opened[-1].settle()
        return opened[-1]

    yield shown
    for one in opened:
        assert one.trouble == []
        assert one.requests == []
        assert one.page.evaluate("() => window.ran") is None
        one.close()


def lists(shown):
    return shown.page.evaluate(LISTS)


def chosen(shown):
    return shown.page.get_by_role("heading", level=2).inner_text()


def choose(shown, name):
    """Through the search box."""
    box = shown.page.get_by_role("combobox", name="artist", exact=True)
    box.fill(name)
    box.press("Enter")
    shown.settle()


def matches(shown, text):
    shown.page.get_by_role("combobox", name="artist", exact=True).fill(text)
    return shown.page.locator("[role=option] bdi").all_inner_texts()


def index(world, name):
    return world["artists"]["name"].index(name)


# ---- choosing


SEARCHES = {
    "bjork": "Björk", "SIGUR ROS": "Sigur Rós", "ros sigur": "Sigur Rós", "motorhead": "Motörhead",
    "goats mountain": "The Mountain Goats", "godspede you": "Godspeed You! Black Emperor",
    "молчат": "Молчат Дома", "椎名": "椎名林檎", "فيروز": "فيروز", "constructor": "constructor",
    "__proto__": "__proto__", "abab": "ABBA", "beyonse": "Beyoncé", "<img": harness.IMAGE,
    "motrhad": "Motörhead",
}  # fmt: skip


def test_names_are_searched_as_they_are_remembered(show):
    shown = show()
    assert {text: matches(shown, text)[0] for text in SEARCHES} == SEARCHES


def test_what_no_name_resembles_is_said(show):
    shown = show()
    assert matches(shown, "zzzzqqqq") == []
    assert "no artist has such a name" in shown.root.inner_text()
    shown.page.locator(".mse-map canvas").focus()
    assert shown.page.get_by_role("combobox", name="artist", exact=True).input_value() == chosen(shown)


def test_an_artist_is_chosen_in_the_search_list_by_keys_alone(show):
    shown = show()
    box = shown.page.get_by_role("combobox", name="artist", exact=True)
    before = chosen(shown)
    names = matches(shown, "same")
    assert len(names) == 2
    box.press("ArrowDown")
    active = shown.page.locator(f"[id='{box.get_attribute('aria-activedescendant')}'] bdi").inner_text()
    assert active == names[1]
    box.press("Escape")
    assert chosen(shown) == before
    assert box.get_attribute("aria-expanded") == "false"
    matches(shown, "same")
    box.press("ArrowDown")
    box.press("Enter")
    shown.settle()
    assert chosen(shown) == names[1]


def test_a_neighbour_is_walked_to_and_back_and_forward(show):
    shown = show()
    first, neighbour = chosen(shown), shown.page.locator(".mse-go").nth(9)
    name = neighbour.locator("bdi").inner_text()
    neighbour.click()
    shown.settle()
    assert chosen(shown) == name
    shown.page.get_by_role("button", name="back").click()
    shown.settle()
    assert chosen(shown) == first
    shown.page.get_by_role("button", name="forward").click()
    shown.settle()
    assert chosen(shown) == name
    assert shown.page.get_by_role("button", name="forward").is_disabled()


def test_the_list_of_all_artists_chooses_too(show, small):
    shown = show()
    shown.page.locator("summary").click()
    shown.page.get_by_label("all artists", exact=True).select_option(str(index(small[0], "ABBA")))
    shown.settle()
    assert chosen(shown) == "ABBA"


# ---- the map


def spot(shown, world, place):
    """Where an artist is on the page, of the whole map; as `ArtistMap.place` has it."""
    box = shown.page.locator("canvas.mse-canvas").bounding_box()
    unit = 0.46 * min(box["width"], box["height"])
    x, y = world["map"]["x"][place], world["map"]["y"][place]
    return box["x"] + box["width"] / 2 + x * unit, box["y"] + box["height"] / 2 - y * unit


def apart(world):
    """The artist that is farthest from all others on the map."""
    places = np.array([world["map"]["x"], world["map"]["y"]]).T
    distance = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(distance, np.inf)
    distance[world["start"]] = -1
    return int(np.argmax(distance.min(axis=1)))


def test_the_map_names_the_nearest_artist_and_a_click_chooses_it(show, small):
    shown, place = show(), apart(small[0])
    x, y = spot(shown, small[0], place)
    shown.page.mouse.move(x + 3, y - 3)
    tip = shown.page.locator(".mse-tip")
    tip.wait_for()
    assert small[0]["artists"]["name"][place] in tip.inner_text()
    shown.page.mouse.click(x + 3, y - 3)
    shown.settle()
    assert chosen(shown) == small[0]["artists"]["name"][place]


def test_the_map_is_zoomed_and_reset(show, small):
    shown, place = show(), apart(small[0])
    picture = "() => document.querySelector('canvas.mse-canvas').toDataURL()"
    whole = shown.page.evaluate(picture)
    shown.page.get_by_role("button", name="zoom in").click()
    assert shown.page.evaluate(picture) != whole
    shown.page.get_by_role("button", name="whole map").click()
    x, y = spot(shown, small[0], place)
    shown.page.mouse.click(x, y)
    shown.settle()
    assert chosen(shown) == small[0]["artists"]["name"][place]


def test_the_map_is_walked_by_keys(show, small):
    shown = show()
    canvas = shown.page.locator("canvas.mse-canvas")
    canvas.focus()
    before = chosen(shown)
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"):
        canvas.press(key)
    canvas.press("ArrowLeft")
    name = shown.page.locator(".mse-tip bdi").inner_text()
    canvas.press("Enter")
    shown.settle()
    assert chosen(shown) == name or name == before


def test_the_map_zooms_to_the_artist_that_is_pointed_to(show):
    shown = show()
    canvas, tip = shown.page.locator("canvas.mse-canvas"), shown.page.locator(".mse-tip")
    canvas.focus()
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown", *"++++++"):
        canvas.press(key)
    frame, box = canvas.bounding_box(), tip.bounding_box()
    for at, size in (("x", "width"), ("y", "height")):
        assert frame[at] <= box[at] <= box[at] + box[size] <= frame[at] + frame[size]
    canvas.press("Tab")
    assert tip.is_hidden()


# ---- lists


@pytest.mark.parametrize("seed", range(3))
def test_lists_and_marks_are_those_of_python(show, tmp_path, seed):
    folder = tmp_path / "data" / "demo"
    harness.write(folder, seed=seed, sound="", clips=1)
    opened = harness.opened(folder)
    world, study, scores = opened.world, opened.answers.study, opened.answers.scores
    shown = show(world, opened.answers.answer)
    rng = np.random.default_rng(seed)
    ids, sources = world["artists"]["id"], world["shown"]
    assert ids == study.ids
    blend = world["blend"]
    for among, of in (("all", ("train", "dev", "test")), ("unheard", ("dev", "test"))):
        shown.page.get_by_label("candidates").select_option(among)
        for share, weight in ((0, 0), (3, 0), (0, 4), (int(rng.integers(1, 10)), int(rng.integers(1, 8)))):
            shown.page.get_by_label("shared listeners", exact=True).fill(str(share))
            shown.page.get_by_label("popularity", exact=True).fill(str(weight))
            query = int(rng.integers(len(ids)))
            choose_by_list(shown, query)
            table = explorer.neighbours(
                study, scores, ids[query], sources=sources, n=world["list_length"], among=of,
                popularity=blend["popularity"][weight], share=blend["listeners"][share],
            )  # fmt: skip
            for source, own in zip(sources, lists(shown), strict=True):
                rows = table[table["source"] == source]
                assert own["method"] == source
                assert [ids[place] for place in own["artists"]] == rows["artist"].tolist()
                if source != "truth":
                    assert own["agreed"] == rows["true"].tolist()


def choose_by_list(shown, place):
    if shown.page.get_by_label("all artists", exact=True).is_hidden():
        shown.page.locator("summary").click()
    shown.page.get_by_label("all artists", exact=True).select_option(str(place))
    shown.settle()


def test_candidates_of_other_styles_hold_none_of_ones_own(show, small):
    shown, styles = show(), small[0]["groups"]["of"]
    shown.page.get_by_label("candidates").select_option("other")
    shown.settle()
    listed = {place for own in lists(shown) for place in own["artists"]}
    assert listed
    assert styles[small[0]["start"]] not in {styles[place] for place in listed}


def test_a_slider_changes_the_lists_and_keeps_the_compared_artist(show):
    shown = show()
    before = lists(shown)
    shown.page.locator(".mse-list").nth(2).locator(".mse-hear").nth(3).click()
    shown.settle()
    compared = shown.page.locator("[aria-label='compared artist'] h3 bdi").inner_text()
    for label in ("shared listeners", "popularity"):
        slider = shown.page.get_by_label(label, exact=True)
        slider.focus()
        for _ in range(5):
            slider.press("ArrowRight")
    shown.settle()
    after = lists(shown)
    assert after[0]["artists"] == before[0]["artists"]  # the truth is the truth
    assert all(new["artists"] != old["artists"] for new, old in zip(after[1:], before[1:], strict=True))
    assert shown.page.locator("[aria-label='compared artist'] h3 bdi").inner_text() == compared


def test_the_measured_quality_stands_at_the_setting(show, small):
    shown, blend = show(), small[0]["blend"]
    shown.page.get_by_label("shared listeners", exact=True).fill("5")
    value = blend["methods"]["segment_kernel"]["value"][5][0]
    assert f"{value:.2f}" in lists(shown)[1]["text"]
    assert "49 test artists" in shown.root.inner_text()


def test_who_shares_no_listener_is_neither_listed_nor_marked(show, small):
    shown = show()
    choose_by_list(shown, index(small[0], "Hermit"))
    truth, *others = lists(shown)
    assert len(truth["artists"]) == harness.SHARING
    assert "only 3 artists share listeners" in truth["text"]
    assert all(
        place in truth["artists"]
        for own in others
        for place, mark in zip(own["artists"], own["agreed"], strict=True)
        if mark
    )


def test_any_method_by_its_plain_name_but_never_chance(show):
    shown = show()
    select = shown.page.get_by_label("method of list 4")
    labels = select.locator("option").all_inner_texts()
    assert "popularity alone" in labels
    assert "chance" not in labels
    select.select_option("popularity")
    shown.settle()
    assert lists(shown)[3]["method"] == "popularity"


# ---- sounds and pictures

PLAYING = "() => [...document.querySelectorAll('audio')].filter(audio => !audio.paused).length"


def test_one_sound_plays_at_a_time(show):
    shown = show()
    cards = [shown.page.get_by_role("region", name=name) for name in ("chosen artist", "compared artist")]
    cards[0].get_by_role("button", name="play", exact=False).first.click()
    moves = "() => [...document.querySelectorAll('audio')].some(audio => audio.currentTime > {})"
    shown.page.wait_for_function(moves.format(0.2))
    assert shown.page.evaluate(PLAYING) == 1
    cards[1].get_by_role("button", name="play", exact=False).first.click()
    cards[1].get_by_role("button", name="stop").wait_for()
    shown.page.wait_for_function(moves.format(0.2))
    assert shown.page.evaluate(PLAYING) == 1
    assert cards[0].get_by_role("button", name="stop").count() == 0
    cards[1].get_by_role("button", name="stop").click()
    shown.page.wait_for_function(f"() => ({PLAYING})() === 0")


def test_choosing_another_artist_stops_the_sound(show):
    shown = show()
    shown.page.get_by_role("region", name="chosen artist").get_by_role("button", name="play").first.click()
    shown.page.wait_for_function(f"() => ({PLAYING})() === 1")
    shown.page.locator(".mse-go").nth(9).click()
    shown.page.wait_for_function(f"() => ({PLAYING})() === 0")


def test_a_clip_that_is_gone_is_named(show, small):
    shown = show()
    last = small[0]["clips"]["artist"][-1]
    choose_by_list(shown, last)
    card = shown.page.get_by_role("region", name="chosen artist")
    card.get_by_label("clip").select_option(str(len(small[0]["clips"]["artist"]) - 1))
    shown.settle()
    card.get_by_role("button", name="play").first.click()
    card.get_by_text("cannot be read").wait_for()


def closest(a, b):
    """The rule of `closest` in widget.js, frame by frame."""
    products = a.astype(int) @ b.astype(int).T / 127**2
    alike = (products.max(axis=1).mean() + products.max(axis=0).mean()) / 2
    threes = products[:-2, :-2] + products[1:-1, 1:-1] + products[2:, 2:]
    i, j = np.unravel_index(np.argmax(threes), threes.shape)
    return alike, (i + 1, j + 1)


def test_the_closest_clips_and_their_moment_are_those_of_a_computation(show, small):
    shown = show()
    world, folder = small[0], small[2]
    frames = np.load(folder / "moments.npz")["frames"]
    owners = np.array(world["clips"]["artist"])
    for query, other in ((0, lists(shown)[1]["artists"][0]), (5, None), (9, None)):
        if query:
            choose_by_list(shown, query)
            other = lists(shown)[1]["artists"][0]
        pairs = itertools.product(np.flatnonzero(owners == query), np.flatnonzero(owners == other))
        (_, moment), clips = max(
            ((closest(frames[a], frames[b]), (a, b)) for a, b in pairs), key=lambda x: x[0][0]
        )
        for side, name in enumerate(("chosen artist", "compared artist")):
            card = shown.page.get_by_role("region", name=name)
            assert card.get_by_label("clip").input_value() == str(clips[side])
            left = card.locator(".mse-moment").evaluate("node => parseFloat(node.style.left)")
            assert left == pytest.approx(
                100 * (moment[side] - 1) * world["moments"]["seconds"] / 30, abs=0.01
            )


def test_both_spectrograms_have_the_same_size(show):
    boxes = [picture.bounding_box() for picture in show().page.locator(".mse-spectrogram").all()]
    assert len(boxes) == 2
    assert [boxes[0][key] for key in ("width", "height", "y")] == [
        boxes[1][key] for key in ("width", "height", "y")
    ]


# ---- reasons


def reasons(shown):
    return shown.page.locator(".mse-why").inner_text()


def test_what_chance_gives_is_that_of_a_poisson_distribution(show):
    numbers = [(number, mean) for number in range(8) for mean in (0.01, 0.4, 1.7, 3.2, 6.0, 20.0)]
    numbers += [(640, 700.0), (700, 700.0), (900, 700.0)]
    text = (harness.WIDGET / "widget.js").read_text(encoding="utf-8")
    own = show().page.evaluate(
        """async ([text, numbers]) => {
        const {byChance} = await import(URL.createObjectURL(new Blob([text], {type: "text/javascript"})));
        return numbers.map(([number, mean]) => byChance(number, mean));
    }""",
        [text, numbers],
    )
    tails = [
        (stats.poisson.cdf(number, mean), stats.poisson.sf(number - 1, mean)) for number, mean in numbers
    ]
    assert own == [min(pair) > 0.025 for pair in tails]


def test_large_numbers_are_written_out(show, small):
    world = small[0] | {"n_listeners": 1_000_000}
    shown = show(world)
    assert "times as many as chance would give" in reasons(shown)
    assert "e+" not in reasons(shown)
    first = shown.page.locator(".mse-why dd").first.inner_text()
    assert "less than 0.1" in first


def test_features_are_named_by_the_side_of_the_mean_on_which_they_are(show, small):
    n, start = len(small[0]["artists"]["id"]), small[0]["start"]
    values = [[1.0, 0.2] for _ in range(n)]
    values[start] = [3.0, 0.1]
    shown = show(
        small[0]
        | {"features": {"low": ["darker", "slower"], "high": ["brighter", "faster"], "values": values}}
    )
    assert "brighter (+3.0, +1.0)" in reasons(shown)
    assert "(+3.0) versus" in reasons(shown)
    assert "darker" not in reasons(shown)
    assert "faster" not in reasons(shown)


def test_a_clip_that_was_picked_is_not_called_the_closest(show):
    shown = show()
    heading = shown.page.locator("[aria-label='compared artist'] h3")
    assert heading.inner_text().endswith(": closest clip")
    select = shown.page.get_by_role("region", name="compared artist").get_by_label("clip")
    select.select_option(select.locator("option").last.get_attribute("value"))
    shown.settle()
    assert "closest" not in heading.inner_text()


# ---- a person's own file


def give(shown, name, content):
    shown.page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "audio/mpeg", "buffer": content}
    )


def test_a_file_of_ones_own_is_listed_and_one_can_walk_back(show, small):
    shown = show()
    before = chosen(shown)
    content = (small[2] / "clips" / "00003.mp3").read_bytes()
    give(shown, f"{harness.IMAGE}.mp3", content)
    shown.page.get_by_role("heading", level=2).get_by_text("<img").wait_for()
    shown.settle()
    assert "Nobody is known to listen to it" in shown.root.inner_text()
    assert any(own["artists"] for own in lists(shown)[1:])
    assert not lists(shown)[0]["artists"]
    assert "simulated" in shown.page.locator(".mse-right > .mse-note").first.inner_text()
    assert "closest" not in shown.page.locator("[aria-label='compared artist'] h3").inner_text()
    for control in (
        shown.page.get_by_label("popularity", exact=True),
        shown.page.get_by_role("button", name="link to this view"),
    ):
        assert control.is_disabled()
    shown.page.get_by_role("region", name="chosen artist").get_by_role("button", name="play").first.click()
    shown.page.wait_for_function(f"() => ({PLAYING})() === 1")
    shown.page.get_by_role("button", name="back").click()
    shown.settle()
    assert chosen(shown) == before


def test_a_file_that_is_no_sound_gives_one_sentence(show):
    shown = show()
    before = lists(shown)
    give(shown, "notes.txt", b"no sound")
    shown.page.get_by_role("alert").get_by_text("notes.txt").wait_for()
    assert lists(shown) == before
    shown.page.locator(".mse-go").nth(9).click()
    shown.settle()
    assert shown.page.get_by_role("alert").count() == 0


# ---- taking away


def test_a_list_is_saved_as_csv(show, small):
    shown = show()
    with shown.page.expect_download() as waiting:
        shown.page.get_by_role("button", name="save list 2").get_by_text("CSV").click()
    text = waiting.value.path().read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    own = lists(shown)[1]
    assert [row["artist_id"] for row in rows] == [
        small[0]["artists"]["id"][place] for place in own["artists"]
    ]
    assert [row["in_the_truths_list"] == "true" for row in rows] == own["agreed"]
    assert waiting.value.suggested_filename.endswith(".csv")


def test_a_list_is_saved_as_a_playlist(show, small):
    shown = show()
    with shown.page.expect_download() as waiting:
        shown.page.get_by_role("button", name="save list 3").get_by_text("m3u8").click()
    lines = waiting.value.path().read_text(encoding="utf-8").splitlines()
    names = [small[0]["artists"]["name"][place] for place in lists(shown)[2]["artists"]]
    assert lines[0] == "#EXTM3U"
    assert len(lines) == 1 + 2 * len(names)
    assert all(name in line for name, line in zip(names, lines[1::2], strict=True))


def test_a_link_opens_the_same_view(show, small):
    shown = show()
    choose_by_list(shown, 7)
    shown.page.get_by_label("shared listeners", exact=True).fill("4")
    shown.page.get_by_label("popularity", exact=True).fill("2")
    shown.page.get_by_label("candidates").select_option("unheard")
    shown.page.get_by_label("method of list 4").select_option("popularity")
    shown.page.get_by_label("list length").fill("5")
    shown.page.get_by_label("list length").press("Enter")
    shown.page.locator(".mse-list").nth(1).locator(".mse-hear").nth(2).click()
    shown.settle()
    shown.page.get_by_role("button", name="link to this view").click()
    address = shown.page.get_by_role("textbox", name="link to this view").input_value()
    again = show(fragment=address.partition("#")[2])
    assert [own["artists"] for own in lists(again)] == [own["artists"] for own in lists(shown)]
    for text in ("h2", "[aria-label='compared artist'] h3"):
        assert again.page.locator(text).inner_text() == shown.page.locator(text).inner_text()
    assert again.page.get_by_label("candidates").input_value() == "unheard"


def test_a_link_to_an_artist_that_is_not_here_says_so(show):
    shown = show(fragment="explorer?artist=nobody&share=7&n=x&lists=magic")
    assert "not here" in shown.page.get_by_role("alert").inner_text()
    assert all(own["artists"] for own in lists(shown))


# ---- kernel, theme, keys


def test_a_kernel_that_is_gone_is_named_and_what_is_shown_stays(show):
    shown = show()
    before = lists(shown)
    shown.lose_kernel()
    assert "kernel" in shown.page.get_by_role("alert").inner_text()
    assert lists(shown) == before
    shown.page.get_by_label("popularity", exact=True).fill("3")  # needs no kernel
    assert lists(shown) != before
    shown.page.locator(".mse-go").nth(9).click()
    shown.settle()
    assert shown.page.get_by_role("combobox", name="artist", exact=True).input_value() == chosen(shown)
    assert shown.page.get_by_role("button", name="back").is_disabled()
    assert "kernel" in shown.page.get_by_role("alert").inner_text()
    assert all(own["artists"] for own in lists(shown))


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_in_both_themes(show, dark):
    shown = show(dark=dark)
    matches(shown, "a")
    assert shown.page.evaluate(PALE) == []
    ground = shown.page.evaluate("() => getComputedStyle(document.querySelector('.mse')).color")
    assert (np.mean([float(part) for part in ground.strip("rgba()").split(",")[:3]]) > 128) == dark


@pytest.mark.parametrize("width", [1440, 1024])
def test_nothing_is_wider_than_the_window(show, width):
    shown = show(width=width)
    wide, window = shown.page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= window


def test_nothing_is_cut_off_in_a_narrow_window(show):
    shown = show(width=1024)
    rows = (
        "() => [...document.querySelectorAll('.mse-list ol')].map(list => list.getBoundingClientRect().top)"
    )
    assert len(set(shown.page.evaluate(rows))) == 1
    cut = shown.page.evaluate("""() => [...document.querySelectorAll(".mse-mark")].filter(mark => {
        const [own, row] = [mark, mark.closest(".mse-go")].map(node => node.getBoundingClientRect());
        return own.right > row.right + 1 || !own.width;
    }).map(mark => mark.closest(".mse-go").innerText)""")
    assert cut == []


def test_every_control_has_a_name(show):
    shown = show()
    tree = shown.context.new_cdp_session(shown.page).send("Accessibility.getFullAXTree")["nodes"]
    nodes = [node for node in tree if not node["ignored"]]
    controls = [node for node in nodes if node["role"]["value"] in CONTROLS]
    assert len(controls) > 50
    assert [node for node in controls if not node.get("name", {}).get("value", "").strip()] == []


def test_every_control_is_reached_by_tab_with_a_visible_focus_and_keeps_its_keys(show):
    shown = show()
    shown.page.get_by_role("combobox", name="artist", exact=True).focus()
    n_stops = shown.page.evaluate(f"() => ({STOPS})().length")
    reached = set()
    for step in range(n_stops):
        if step:
            shown.page.keyboard.press("Tab")
        place, visible = shown.page.evaluate(f"""() => {{
            const node = document.activeElement, outer = [node, ...node.labels ?? []];
            const styles = outer.map(one => getComputedStyle(one));
            return [({STOPS})().indexOf(node), styles.some(style => style.boxShadow !== "none"
                || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1)];
        }}""")
        assert place >= 0, f"{len(reached)} were reached"
        assert visible, shown.page.evaluate("() => document.activeElement.outerHTML")
        reached.add(place)
        for key in ("x", "d", "d", "ArrowRight"):
            shown.page.keyboard.press(key)
    assert len(reached) == n_stops
    assert shown.keys() == []


def test_names_are_never_markup(show, small):
    shown = show()
    for name in (harness.IMAGE, harness.SCRIPT):
        choose_by_list(shown, index(small[0], name))
        assert chosen(shown) == name
    assert shown.page.locator("#explorer :is(script, img[src=x], iframe)").count() == 0
    assert shown.page.evaluate("() => window.ran") is None


# ---- one file without a kernel


@pytest.fixture
def open_page(browser, small):
    """Opens ``explorer.html`` from the disk; at the end it has wanted nothing from outside."""
    opened = []

    def static(**options):
        context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        tab = context.new_page()
        tab.set_default_timeout(10_000)
        wanted, trouble = [], []
        tab.on("request", lambda request: wanted.append(request.url))
        tab.on("pageerror", lambda error: trouble.append(str(error)))
        tab.on("console", lambda message: trouble.append(message.text))
        opened.append((context, wanted, trouble))
        static.trouble = trouble
        tab.goto((small[2] / "explorer.html").as_uri())
        tab.wait_for_function("() => document.querySelector('.mse-go')")
        return tab

    yield static
    for context, wanted, trouble in opened:
        assert [url for url in wanted if not url.startswith(("file:", "blob:", "data:"))] == []
        assert trouble == []
        context.close()


def pick(tab, name):
    box = tab.get_by_role("combobox", name="artist", exact=True)
    box.fill(name)
    box.press("Enter")
    tab.get_by_role("heading", name=name, exact=True, level=2).wait_for()


def test_the_page_lists_what_the_kernel_lists(open_page, show, small):
    tab, shown = open_page(), show()
    for name in ("Björk", harness.IMAGE, harness.SCRIPT, "Hermit"):
        pick(tab, name)
        choose(shown, name)
        here, there = tab.evaluate(LISTS), lists(shown)
        for own in there:
            own["text"] = own["text"].replace("m3u8", "")  # a page has no files to name
        assert here == there
    assert tab.evaluate("() => window.ran") is None


def test_the_page_blends_walks_and_plays_an_excerpt(open_page, small):
    tab = open_page()
    before = tab.evaluate(LISTS)
    tab.get_by_label("shared listeners", exact=True).fill("6")
    assert tab.evaluate(LISTS) != before
    neighbour = tab.locator(".mse-go bdi").nth(9).inner_text()
    tab.locator(".mse-go").nth(9).click()
    tab.get_by_role("heading", name=neighbour, exact=True, level=2).wait_for()
    tab.get_by_role("button", name="back").click()
    tab.get_by_role("region", name="chosen artist").get_by_role("button", name="play").first.click()
    tab.wait_for_function(
        "() => [...document.querySelectorAll('audio')].some(audio => audio.currentTime > 0.2)"
    )
    assert tab.evaluate("() => document.querySelector('audio').duration") == pytest.approx(5, abs=0.2)
    assert tab.locator("input[type=file]").count() == 0


def test_the_page_runs_no_script_but_its_own(open_page):
    tab = open_page()
    policy = tab.locator("meta[http-equiv='Content-Security-Policy']").get_attribute("content")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    refused = tab.evaluate("""() => new Promise(resolve => {
        document.addEventListener("securitypolicyviolation", event => resolve(event.violatedDirective));
        const script = document.createElement("script");
        script.textContent = "window.ran = 1";
        document.body.append(script);
    })""")
    assert refused.startswith("script-src")
    assert tab.evaluate("() => window.ran") is None
    assert len(open_page.trouble) == 1
    open_page.trouble.clear()


def test_a_link_into_the_page_opens_the_same_view(open_page, small):
    tab = open_page()
    pick(tab, "ABBA")
    tab.get_by_role("button", name="link to this view").click()
    address = tab.get_by_role("textbox", name="link to this view").input_value()
    assert address.startswith("file:")
    tab.goto("about:blank")
    tab.goto(address)
    tab.get_by_role("heading", name="ABBA", exact=True, level=2).wait_for()
    pick(tab, "Echo")
    here = address.replace("n=8", "n=3")  # pasted where the page is open
    tab.evaluate("address => { location.href = address; }", here)
    tab.get_by_role("heading", name="ABBA", exact=True, level=2).wait_for()
    assert tab.get_by_role("spinbutton").input_value() == "3"
