"""Write the HTML page of a report, complete in one file."""

from __future__ import annotations

from html import escape
from string import Template

from kws import __version__

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; } th { font-weight: 600; }
th, td { text-align: right; padding: .2rem .8rem; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
p { max-width: 46rem; margin: .5rem 0; color: #555; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; } rect { fill: #2a7f9e; }
figure { display: inline-block; vertical-align: top; width: 20rem; margin: 0 1rem 1rem 0; }
figcaption { font-size: .85rem; overflow-wrap: anywhere; } audio { width: 100%; height: 2.2rem; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$about</p>
$body
<p>$made_by</p>
</body>
</html>
""")


def html_page(title: str, about: str, body: str, command: str) -> str:
    """Return a page: title, about and command (which wrote it) as plain text, body as HTML."""
    return _PAGE.substitute(
        title=escape(title), about=escape(about), body=body, made_by=escape(made_by(command))
    )


def made_by(command: str) -> str:
    """Return the last line of a report."""
    return f"Written by kws {__version__} ({command})."
