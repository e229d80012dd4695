"""The page: well-formed, escaped, complete, and without anything that lies elsewhere."""

import base64
import os
import re
import shutil
from xml.etree import ElementTree

import imagecodecs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.analysis.encoding import ILLEGAL
from fibsem.reporting.page import Picture, Section, Table, page

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
PNG = imagecodecs.png_encode(np.arange(60 * 90, dtype=np.uint8).reshape(60, 90))
FRAME = pd.DataFrame(
    {
        "network": ["2dcnn(33,33,3)", "unet(64,64,3)"],
        "val mIoU %": ["80.08 ± 0.29", "7.9"],
        "interval": ["[20.1, 24.3]", ""],
        "seconds": [1.5, np.nan],
        "code": ["0.1.0", "0.1.1"],
        "reason": ["a sentence that is too long to be kept on a single line", "short"],
    }
)
SECTIONS = [
    Section("Data", ("Two <samples> & more.",), items=(Table("data", "Grey values", FRAME),)),
    Section(
        "Sweeps",
        parts=(
            Section("first", command="python -m fibsem.sweep 'a=[1,2]'",
                    items=(Picture("history", "Trials", PNG), Table("t", "Best", FRAME))),
            Section("second", items=(Picture("history2", "Trials again", PNG),)),
        ),
    ),
]  # fmt: skip


def parsed(text):
    """The page as a tree; raises where a tag is not closed or a character not escaped."""
    root = ElementTree.fromstring(text)
    for element in root.iter():
        element.tag = element.tag.partition("}")[2] or element.tag
    return root


@pytest.fixture(scope="module")
def root():
    return parsed(page("Report on film", {"Dataset": "film"}, SECTIONS, "made by hand"))


def words(element):
    return "".join(element.itertext())


def test_every_entry_of_the_contents_leads_to_its_section(root):
    links = [(a.get("href"), words(a)) for a in root.iter("a")]
    heads = {section.get("id"): words(section[0]) for section in root.iter("section")}
    assert [(href.removeprefix("#"), text) for href, text in links] == list(heads.items())
    assert list(heads.values()) == ["1 Data", "2 Sweeps", "2.1 first", "2.2 second"]


def test_tables_and_figures_are_numbered_through(root):
    captions = [words(caption) for caption in root.iter("figcaption")]
    assert captions == [
        "Table 1. Grey values", "Figure 1. Trials", "Table 2. Best", "Figure 2. Trials again",
    ]  # fmt: skip
    assert [words(code) for code in root.iter("pre")] == ["python -m fibsem.sweep 'a=[1,2]'"]


def test_a_table_has_every_cell_and_numbers_stand_to_the_right(root):
    table = next(root.iter("table"))
    head, *rows = table.iter("tr")
    assert [words(cell) for cell in head] == list(FRAME.columns)
    assert [words(cell) for cell in rows[1]] == ["unet(64,64,3)", "7.9", "", "", "0.1.1", "short"]
    kinds = [cell.get("class") for cell in rows[0]]
    assert kinds == ["short", "number", "number", "number", "short", None]


def test_pictures_are_in_the_page_and_nothing_is_elsewhere(root):
    pictures = list(root.iter("img"))
    data = pictures[0].get("src").removeprefix("data:image/png;base64,")
    assert base64.b64decode(data) == PNG
    assert (pictures[0].get("width"), pictures[0].get("height")) == (
        "58",
        "38",
    )  # 90 x 60 at 150/in
    for element in root.iter():
        assert element.tag not in {"script", "link", "iframe", "object"}
        assert not any(name.startswith("on") for name in element.attrib)
        for name in ("src", "href"):
            assert element.get(name, "#").startswith(("#", "data:image/png;base64,"))
    assert "url(" not in words(next(root.iter("style")))


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_whatever_is_shown_is_escaped(text):
    section = Section(text, (text,), text, (Table("t", text, pd.DataFrame({text: [text]})),))
    root = parsed(page(text, {text: text}, [section], text))
    # XML itself reads every end of a line as one
    shown = re.sub("\r\n?", "\n", ILLEGAL.sub("\ufffd", text))
    for tag in ("title", "h1", "dt", "dd", "p", "pre", "th", "td", "footer"):
        assert words(next(root.iter(tag))) == shown
    assert words(next(root.iter("a"))) == f"1 {shown}"
    assert words(next(root.iter("figcaption"))) == f"Table 1. {shown}"


def test_tables_may_be_empty_and_columns_may_share_a_name():
    twice = pd.concat(
        [FRAME[["network"]], FRAME[["seconds"]].set_axis(["network"], axis=1)], axis=1
    )
    tables = (Table("a", "", pd.DataFrame({"x": []})), Table("b", "", twice))
    empty, double = parsed(page("", {}, [Section("", items=tables)], "")).iter("table")
    assert [words(row) for row in empty.iter("tr")] == ["x"]
    assert [[words(cell) for cell in row] for row in double.iter("tr")] == [
        ["network", "network"], ["2dcnn(33,33,3)", "1.5"], ["unet(64,64,3)", ""],
    ]  # fmt: skip


def test_a_page_can_be_written_whatever_the_names_of_files_are():
    written = page("\udcff", {}, [], "").encode().decode()
    assert written.endswith("</html>\n") or written.rstrip().endswith("</html>")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian package chromium)")
def test_a_browser_shows_the_page_in_light_and_dark_on_paper_and_on_a_phone(tmp_path):
    from playwright.sync_api import sync_playwright

    file = tmp_path / "index.html"
    wide = Section("Wide", items=(Table("w", "Wide", pd.concat([FRAME] * 4, axis=1)),))
    file.write_text(page("Report", {"Dataset": "film"}, [*SECTIONS, wide], ""), encoding="utf-8")
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        view = browser.new_page(viewport={"width": 420, "height": 800})
        said, asked = [], []
        view.on("console", lambda message: said.append(message.text))
        view.on("request", lambda request: asked.append(request.url.partition(":")[0]))
        view.goto(file.as_uri())
        colours = set()
        for scheme in ("light", "dark"):
            view.emulate_media(color_scheme=scheme)
            colours.add(view.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert colours == {"rgb(255, 255, 255)", "rgb(21, 24, 28)"}
        # the page itself does not have to be moved sideways, only its tables
        assert view.evaluate("document.documentElement.scrollWidth") <= 420
        loaded = "[...document.images].map(i => [i.naturalWidth, i.naturalHeight])"
        assert view.evaluate(loaded) == [[90, 60], [90, 60]]
        view.emulate_media(media="print")
        assert view.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        browser.close()
    assert said == []
    assert set(asked) <= {"file", "data"}
