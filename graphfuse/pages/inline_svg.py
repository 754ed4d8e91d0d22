"""A picture as a part of a page: its names made unique, and nothing in it that reaches outside."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from ..checks import invalid

_LEFT_OUT = {"metadata", "title", "desc"}
_REFUSED = {"script", "foreignObject", "image", "iframe", "a", "animate", "set"}
_OWN_URL = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")
_LENGTH = re.compile(r"([\d.]+)(pt|px|)\Z")


def inline_svg(svg: str, prefix: str, label: str) -> str:
    """The ``<svg>`` element of a file, fit to stand within HTML.

    It keeps its shape in a box of any width. Its ids, and what refers to them, begin with the prefix, its style rules
    hold for it alone, comments and metadata are left out.

    Args:
        svg: The text of the file.
        prefix: Unique within the page, and fit to begin an id.
        label: What the picture shows, for those who cannot see it.

    Returns:
        The element as text.

    Raises:
        ValueError: If it is no SVG, holds what may run or load, or refers to anything but its own parts.

    Example:
        >>> inline_svg('<svg><g id="a"/><use href="#a"/></svg>', "f1-", "A dot")
        '<svg id="f1-svg" role="img" aria-label="A dot"><g id="f1-a" /><use href="#f1-a" /></svg>'
    """
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise invalid("svg", "be a well-formed SVG document", f"an error: {error}") from error
    for element in root.iter():
        element.tag = _local(element.tag)
        if element.tag in _REFUSED:
            raise invalid("svg", "hold no element that runs or loads something", f"<{element.tag}>")
        for child in [child for child in element if _local(child.tag) in _LEFT_OUT]:
            element.remove(child)
        _own_attributes(element, prefix)
        if element.tag == "style":
            element.text = _own_rules(element.text or "", f"#{prefix}svg")
    if root.tag != "svg":
        raise invalid("svg", "be an SVG document", f"<{root.tag}>")
    root.attrib.update(_size(root))
    root.attrib.update({"id": f"{prefix}svg", "role": "img", "aria-label": label})
    return ElementTree.tostring(root, encoding="unicode")


def _local(name: object) -> str:
    return str(name).rpartition("}")[2]


def _own_attributes(element: ElementTree.Element, prefix: str) -> None:
    found = {_local(name): value for name, value in element.attrib.items()}
    for name, value in found.items():
        outside = name == "href" and not value.startswith("#")
        if outside or name.startswith("on") or "url(" in _OWN_URL.sub("", value):
            raise invalid("svg", "refer to its own parts alone", f'{name}="{value[:80]}"')
        if name == "id":
            found[name] = prefix + value
        elif name == "href":
            found[name] = f"#{prefix}{value[1:]}"
        else:
            found[name] = _OWN_URL.sub(rf"url(#{prefix}\1)", value)
    element.attrib.clear()
    element.attrib.update(found)


def _own_rules(rules: str, scope: str) -> str:
    """Style rules that hold within one element: inlined, ``*{…}`` would hold for the whole page."""
    if "@" in rules or "url(" in rules or "<" in rules:
        raise invalid("svg", "have plain style rules", rules[:80])
    within = re.findall(r"([^{}]+)\{([^{}]*)\}", rules)
    return "".join(
        ",".join(f"{scope} {selector.strip()}" for selector in selectors.split(",")) + f"{{{body.strip()}}}"
        for selectors, body in within
    )


def _size(root: ElementTree.Element) -> dict[str, str]:
    """Width and height in CSS pixels: what scales the picture needs numbers without a unit."""
    pixels = {}
    for name in ("width", "height"):
        length = _LENGTH.match(root.get(name, ""))
        if length:
            scale = 4 / 3 if length[2] == "pt" else 1.0
            pixels[name] = f"{float(length[1]) * scale:.6g}"
    return pixels
