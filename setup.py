"""Build the C engine as an optional extension; everything else is in setup.cfg.

KWS_REPOSITORY, the address of the repository, which the workflow that releases kws knows, becomes
the links that a package index shows; those of the README lead there.
"""

import os
import re
import sysconfig
from pathlib import Path

from setuptools import setup

REPOSITORY = os.environ.get("KWS_REPOSITORY", "").rstrip("/")
PAGES = {"Documentation": "docs/api.md", "Changelog": "CHANGELOG.md"}
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")  # to a file, or its picture


def links() -> dict[str, object]:
    """Return what a package index shows of the repository, nothing where it is not known."""
    if not REPOSITORY:
        return {}
    readme = (Path(__file__).parent / "README.md").read_text("utf-8")
    return {
        "url": REPOSITORY,
        "project_urls": {
            "Issues": f"{REPOSITORY}/issues",
            **{name: f"{REPOSITORY}/blob/main/{path}" for name, path in PAGES.items()},
        },
        "long_description": LINK.sub(absolute, readme),
    }


def absolute(link: re.Match[str]) -> str:
    """Return a link of the README as it is right outside of the repository."""
    picture, text, path = link.groups()
    return f"{picture}[{text}]({REPOSITORY}/{'raw' if picture else 'blob'}/main/{path})"


def wheel_options() -> dict[str, str]:
    """Return the tag of a wheel for every later Python; one without the lock has no such tag."""
    free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")
    return {} if free_threaded else {"py_limited_api": "cp310"}


setup(
    cffi_modules=["kws/engine/build_native.py:ffibuilder"],
    options={"bdist_wheel": wheel_options()},
    **links(),
)
