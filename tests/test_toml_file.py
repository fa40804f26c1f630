"""Test reading of text and TOML files; tests of actions and recipes check the messages of keys."""

from __future__ import annotations

import pytest

from kws.errors import KwsError
from kws.toml_file import key_lines, read_text, read_toml

TOML = """# comment
first = 1
list = [
  1,
]

[table]
text = \"\"\"
two = lines\"\"\"
dotted.name = true

[[action]]
keyword = "a"
[[action]]
[action.inner]
keyword = "b"
"""


def test_lines_of_keys():
    assert key_lines(TOML) == {
        ("first",): 2,
        ("list",): 3,
        ("table",): 7,
        ("table", "text"): 8,
        ("table", "dotted"): 10,
        ("table", "dotted", "name"): 10,
        ("action",): 12,
        ("action", 0): 12,
        ("action", 0, "keyword"): 13,
        ("action", 1): 14,
        ("action", 1, "inner"): 15,
        ("action", 1, "inner", "keyword"): 16,
    }


def test_a_table_names_file_and_line(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(TOML)
    toml = read_toml(path)
    assert toml.table("table").where("text") == f"{path}:8"
    assert toml.tables("action")[1].table("inner").where("keyword") == f"{path}:16"
    assert toml.table("table").where("absent") == f"{path}:7"
    with pytest.raises(KwsError, match=r"a\.toml:2: first must be a string, not a number$"):
        toml.text("first")
    with pytest.raises(KwsError, match=r"a\.toml:2: first must be from 2 to 3, not 1$"):
        toml.number("first", 2, 2, 3)
    assert toml.whole("first", 0, 3) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a = 1\nb = ?\nc = 1\n", r"a\.toml:2: not valid TOML: .*, column 5$"),
        (b"a = 1\nb = ", r"a\.toml:2: not valid TOML: .* \(at end of document\)$"),
        (b"a = 1\nb = '\xff'", r"a\.toml:2: not UTF-8 text$"),
        (b"a = " + b"[" * 100_000, r"a\.toml:1: not valid TOML: "),
    ],
)
def test_a_file_that_is_not_toml_is_reported_with_its_line(tmp_path, content, problem):
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(KwsError, match=problem):
        read_toml(tmp_path / "a.toml")


def test_a_text_file_is_utf_8(tmp_path):
    (tmp_path / "a.txt").write_bytes("Grüße\n".encode())
    assert read_text(tmp_path / "a.txt") == "Grüße\n"
    (tmp_path / "b.txt").write_bytes(b"\xff")
    with pytest.raises(KwsError, match=r"b\.txt: not text in UTF-8$"):
        read_text(tmp_path / "b.txt")
    with pytest.raises(KwsError, match=r"c\.txt: No such file or directory$"):
        read_text(tmp_path / "c.txt")
