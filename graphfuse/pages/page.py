"""A page of text, tables and figures as one HTML file that needs nothing else, on a screen, a phone or paper."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from tempfile import NamedTemporaryFile

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..checks import check_type, invalid
from .inline_svg import inline_svg

_TEMPLATE = "page.html.j2"
_LONG = 24  # letters of a text that a narrow column would make tall
_DASH = "–"  # noqa: RUF001
_MINUS = "\N{MINUS SIGN}"
_NUMBER = re.compile(r"[-+\N{MINUS SIGN}<>≤≥ ]*\d[\d.,e%\N{MINUS SIGN}+-]*( [%†]| of [\d,]+)?\Z")


@dataclass(frozen=True)
class Text:
    """Paragraphs, then a list.

    Args:
        text: Paragraphs, apart by an empty line.
        items: The points of the list below them.
    """

    text: str = ""
    items: Sequence[str] = ()


@dataclass(frozen=True)
class Cell:
    """One cell of a table, where its text alone does not say how to show it.

    Args:
        text: What it says.
        detail: A smaller, fainter text after it, such as the half-width of an interval.
        strong: Shown in bold, such as the best value of a column.
    """

    text: str
    detail: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under a header; the first column names the rows.

    Args:
        columns: The header.
        rows: As many values a row as columns: text, numbers (floats with three decimals), ``Cell``; None and NaN are
            shown as a dash. A column of numbers alone is aligned to the right.
        caption: What the table says, above it.
        folded: Closed on the screen until it is clicked; open on paper.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float | Cell | None]]
    caption: str = ""
    folded: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise invalid("each of rows", f"have {len(self.columns)} values, one a column", f"{len(row)} in {row}")


@dataclass(frozen=True)
class Figure:
    """A picture with a caption.

    Args:
        svg: The picture, as a file of matplotlib or another program; it may refer to its own parts alone.
        caption: What it shows, below it.
        alt: What it shows, for those who cannot see it; the caption if empty.
    """

    svg: str
    caption: str
    alt: str = ""


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, subsections included.

    Args:
        title: The heading, also in the table of contents.
        blocks: Texts, tables, figures, sections.
    """

    title: str
    blocks: Sequence[Text | Table | Figure | Section] = ()


@dataclass(frozen=True)
class Page:
    """A page.

    Args:
        title: Its heading, and the title of the window.
        sections: What it says, in order.
        lead: A sentence or two under the heading.
        footer: A line at the end, such as what made the page.
    """

    title: str
    sections: Sequence[Section]
    lead: str = ""
    footer: str = ""


def render(page: Page) -> str:
    """The page as one HTML document; every text is escaped, figures are inlined, nothing is fetched.

    Args:
        page: What to show.

    Returns:
        The document, the same for equal pages.

    Raises:
        TypeError: If a block is none of text, table, figure and section.
        ValueError: If a figure is no SVG, or refers to anything but its own parts.

    Example:
        >>> html = render(Page("Title", [Section("Part", [Text("1 < 2"), Table(["model", "nll"], [["late", 0.5]])])]))
        >>> "<p>1 &lt; 2</p>" in html, '<td class="number">0.500</td>' in html
        (True, True)
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    numbers = iter(range(1, 1_000_000))
    sections = [_shown(section, f"s{i}", numbers) for i, section in enumerate(page.sections, 1)]
    return environment.get_template(_TEMPLATE).render(page=page, sections=sections) + "\n"


def write_page(path: str | os.PathLike[str], page: Page) -> Path:
    """Write the page to a file, whole or not at all.

    Args:
        path: The file; its folder is made if need be.
        page: What to show.

    Returns:
        The path.

    Raises:
        TypeError: As for ``render``.
        ValueError: As for ``render``.
    """
    return write_whole(Path(path), render(page).encode())


def write_whole(path: Path, content: bytes) -> Path:
    """Write under a temporary name, then rename, so that no reader finds half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        partial = Path(file.name)
    try:
        partial.write_bytes(content)
        partial.chmod(0o644)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return path


def _shown(block: Text | Table | Figure | Section, anchor: str, numbers: Iterator[int]) -> dict[str, object]:
    """What the template needs of a block; ``numbers`` counts the figures."""
    check_type("each of blocks", block, (Text, Table, Figure, Section), "be a Text, Table, Figure or Section")
    if isinstance(block, Section):
        inner = [_shown(each, f"{anchor}-{i}", numbers) for i, each in enumerate(block.blocks, 1)]
        return {"kind": "section", "anchor": anchor, "title": block.title, "blocks": inner}
    if isinstance(block, Figure):
        picture = inline_svg(block.svg, prefix=f"{anchor}-", label=block.alt or block.caption)
        number = next(numbers)
        return {"kind": "figure", "svg": Markup(picture), "caption": block.caption, "number": number}
    if isinstance(block, Table):
        rows = [[_cell(value) for value in row] for row in block.rows]
        right = [bool(rows) and all(_is_number(row[i].text) for row in rows) for i in range(len(block.columns))]
        wide = [any(len(row[i].text) > _LONG for row in rows) and not right[i] for i in range(len(block.columns))]
        return {"kind": "table", "table": block, "rows": rows, "right": right, "wide": wide}
    paragraphs = [part.strip() for part in block.text.split("\n\n") if part.strip()]
    return {"kind": "text", "paragraphs": paragraphs, "items": block.items}


def _cell(value: str | int | float | Cell | None) -> Cell:
    if isinstance(value, Cell):
        return value
    if value is None or (isinstance(value, float) and value != value):
        return Cell(_DASH)
    if isinstance(value, bool | str):
        return Cell(str(value))
    if isinstance(value, int):
        return Cell(f"{value:,}".replace("-", _MINUS))
    return Cell(f"{value:.3f}".replace("-", _MINUS) if isfinite(value) else f"{value}".replace("inf", "∞"))


def _is_number(text: str) -> bool:
    return text in ("", _DASH, "∞", f"{_MINUS}∞") or _NUMBER.match(text) is not None
