"""The page as it is written: sections under headings, figures beside it, lines that wrap."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from graphfuse.figures import saved
from graphfuse.pages.page import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 120


class Pictures:
    """The figures of a page, written into a folder beside it.

    Args:
        out: Folder of the page.
        folder: Name of the folder of the figures.
    """

    def __init__(self, out: Path, folder: str) -> None:
        self.out, self.folder = out, folder

    def add(self, name: str, figure: Figure, caption: str) -> str:
        """Write a figure; its link for the page."""
        write_whole(self.out / self.folder / f"{name}.png", saved(figure)[1])
        return f"![{caption}]({self.folder}/{name}.png)"

    def text(self, name: str, content: str) -> None:
        """Write a text beside the figures."""
        write_whole(self.out / self.folder / name, content.encode())


def wrapped(markdown: str) -> str:
    """Paragraphs and items at most 120 letters wide; tables, figures and blocks of code as they are."""
    parts = re.split(r"(```.*?```)", markdown, flags=re.DOTALL)
    return "".join(part if part.startswith("```") else _prose(part) for part in parts)


def _prose(text: str) -> str:
    paragraphs = []
    for paragraph in text.split("\n\n"):
        lines = paragraph.split("\n")
        filled = [line if line.startswith(("|", "!", "#")) else _filled(line) for line in lines]
        paragraphs.append("\n".join(filled))
    return "\n\n".join(paragraphs)


def _filled(line: str) -> str:
    indent = "  " if line.startswith("- ") else ""
    whole = re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)", lambda found: found[0].replace(" ", "\0"), line)  # not broken within
    filled = textwrap.fill(whole, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return filled.replace("\0", " ")


def anchor(title: str) -> str:
    """The link to a heading, as GitHub makes it."""
    return "#" + re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
