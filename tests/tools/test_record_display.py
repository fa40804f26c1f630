"""Check the picture of the live display: what it draws, and that it is as the tool makes it."""

from __future__ import annotations

from xml.etree import ElementTree

from record_display import PICTURE, record, svg

SVG = "{http://www.w3.org/2000/svg}"


def texts(element: ElementTree.Element) -> list[str | None]:
    return [text.text for text in element.iter(f"{SVG}text")]


def test_what_all_frames_show_is_drawn_once():
    frames = [
        [(0, 0, "home on microphone", "b"), (9, 1, "█" * cells, "c"), (0, 2, "a < b", "n")]
        for cells in (3, 5, 4)
    ]
    root = ElementTree.fromstring(svg(frames))
    groups = root.findall(f"{SVG}g")
    assert [texts(group) for group in groups] == [[]] * 3
    assert [group.find(f"{SVG}path").get("d")[-12:] for group in groups][-1].count("h40v13h-40z")
    assert texts(root) == ["kws listen", "home on microphone", "a < b"]


def test_the_picture_is_as_the_tool_makes_it():
    made = svg(record())
    root = ElementTree.fromstring(made)
    shown = texts(root.findall(f"{SVG}g")[-1])
    for keyword in ("computer", "jarvis", "alexa", "smart mirror"):
        assert any(text and f"s  {keyword}  0." in text for text in shown)
    assert PICTURE.read_text("utf-8") == made, "run python tools/record_display.py"
    assert len(made) < 60_000
