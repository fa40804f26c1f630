"""Write the map of modules in docs/architecture.md: python tools/module_map.py.

Each module of kws/ gets a row with the first sentence of its docstring.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
START = "<!-- Made by tools/module_map.py; edit the docstrings instead. -->\n"
END = "<!-- End of the map. -->\n"
SENTENCE = re.compile(r"(.*?[.:])(?:\s|$)", re.DOTALL)


def first_sentence(path: Path) -> str:
    """Return the first sentence of a module's docstring on one line, with a full stop."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    match = SENTENCE.match(paragraph)
    return (match.group(1) if match else paragraph).rstrip(".:") + "."


def module_map(root: Path = ROOT) -> str:
    """Return the map as Markdown: a table for each package, the pipeline first."""
    lines = []
    for package in sorted({path.parent for path in (root / "kws").rglob("*.py")}):
        name = package.relative_to(root).as_posix()
        lines += [f"### {name}/", "", first_sentence(package / "__init__.py"), ""]
        modules = [path for path in sorted(package.glob("*.py")) if path.name != "__init__.py"]
        if modules:
            lines += ["| module | what it does |", "|---|---|"]
            for path in modules:
                lines.append(f"| [{path.stem}](../{name}/{path.name}) | {first_sentence(path)} |")
            lines.append("")
    return "\n".join(lines)


def with_map(page: str, made: str) -> str:
    """Return the page with the map between its two markers."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{made}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_map(PAGE.read_text("utf-8"), module_map()), "utf-8")
