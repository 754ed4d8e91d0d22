import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from graphfuse.pages import Cell, Figure, Page, Section, Table, Text, render, write_page
from graphfuse.pages.inline_svg import inline_svg

SVG = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="72pt" height="36pt">
<metadata>when</metadata><!-- note --><defs><style>*{stroke-linejoin: round}</style><path id="p" d="M0 0"/></defs>
<use xlink:href="#p" clip-path="url(#p)"/></svg>"""
EVIL = "<script>alert(1)</script>"


class Elements(HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page(*blocks):
    return Page("A page", [Section("One", list(blocks)), Section("Two", [Section("Inner", [Text("deep")])])])


def test_a_page_is_well_formed_and_fetches_nothing():
    html = render(page(Text("a\n\nb", ["c"]), Table(["x", "y"], [["a", 1.5]], "cap", folded=True), Figure(SVG, "fig")))
    found = Elements(html)
    assert found.open == []
    assert html.startswith("<!DOCTYPE html>") and '<html lang="en">' in html
    assert {"script", "link", "img", "iframe"}.isdisjoint(found.tags)
    assert "http:" not in html and "https:" not in html
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in html
    ids = [value for name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = [value for name, value in found.attributes if name == "href"]
    assert all(link.startswith("#") and link[1:] in ids for link in links)


def test_every_text_is_escaped():
    table = Table([EVIL], [[EVIL], [Cell(EVIL, detail=EVIL)]], EVIL)
    blocks = [Text(EVIL, [EVIL]), table, Figure(SVG, EVIL, '"><script>'), Section(EVIL)]
    html = render(Page(EVIL, [Section(EVIL, blocks), Section(EVIL)], EVIL, EVIL))
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 15
    assert "script" not in Elements(html).tags


def test_figures_that_use_the_same_ids_do_not_meet():
    html = render(page(Figure(SVG, "a"), Figure(SVG, "b")))
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert html.count('href="#s1-1-p"') == html.count('href="#s1-2-p"') == 1
    assert "<b>Figure 2.</b> b" in html and 'role="img" aria-label="a"' in html


def test_a_figure_is_scoped_and_stripped():
    found = inline_svg(SVG, "f-", "label")
    assert '<svg width="96" height="48"' in found
    assert "#f-svg *{stroke-linejoin: round}" in found and 'clip-path="url(#f-p)"' in found
    assert "when" not in found and "note" not in found and "xmlns" not in found


@pytest.mark.parametrize(
    "inside",
    [
        "<script>1</script>",
        '<image href="x.png"/>',
        '<use href="other.svg#a"/>',
        '<g onclick="1"/>',
        '<g style="fill: url(http://x)"/>',
        "<style>@import 'x';</style>",
        "<foreignObject/>",
        "<g>",
    ],
)
def test_a_figure_that_runs_or_loads_something_is_refused(inside):
    with pytest.raises(ValueError, match="svg must"):
        inline_svg(f'<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>', "f-", "label")


def test_numbers_are_aligned_to_the_right_and_text_is_not():
    table = Table(["a", "b", "c", "d"], [["x", -1234, float("nan"), "1 of 2"], ["y", 0.5, None, "no"]])
    html = render(page(table))
    assert '<td class="number">\N{MINUS SIGN}1,234</td>' in html and '<td class="number">0.500</td>' in html
    assert html.count('<td class="number">–</td>') == 2  # noqa: RUF001
    assert "<td>1 of 2</td>" in html


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="each of rows must have 2 values"):
        Table(["a", "b"], [["x"]])


def test_a_block_of_another_type_is_refused():
    with pytest.raises(TypeError, match="each of blocks must be a Text, Table, Figure or Section; got str"):
        render(page("text"))


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    path = write_page(tmp_path / "deep" / "page.html", page(Text("first")))
    before = path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="svg must"):
        write_page(path, page(Figure("no svg", "")))
    assert path.read_text(encoding="utf-8") == before == render(page(Text("first")))
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(width, tmp_path):
    wide = Table([f"column {i}" for i in range(40)], [["m" * 60, *["0.123"] * 39]], "wide")
    overflow(render(page(Text("w" * 300), wide, Figure(SVG, "fig"))), width, tmp_path)


def overflow(html, width, folder):
    """Assert, by Chromium, that a page is no wider than a window of this width."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    html = re.sub(r"<meta http-equiv[^>]*>", "", html)  # the policy of the page forbids the script of the test
    measure = "const e = document.documentElement; document.title = `wide ${e.scrollWidth} of ${innerWidth}`;"
    (folder / "inner.html").write_text(html + f"<script>{measure}parent.postMessage(document.title, '*')</script>")
    frame = f'<iframe src="inner.html" width="{width}" height="900" style="border: 0"></iframe>'
    listen = "<script>onmessage = (event) => { document.title = event.data; }</script>"
    (folder / "outer.html").write_text(f"<!DOCTYPE html><title>none</title>{listen}{frame}")
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [f"--user-data-dir={folder / 'profile'}", f"--window-size={max(width, 500)},900", "--dump-dom"]
    command += ["--virtual-time-budget=10000", (folder / "outer.html").as_uri()]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    measured = re.search(r"<title>wide (\d+) of (\d+)</title>", found)
    assert measured, found[:300]
    assert int(measured[2]) == width and int(measured[1]) <= width
