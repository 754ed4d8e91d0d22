"""The map of the house: which room may import which. Imports are relative, stand at the top, and point down."""

import ast
from functools import cache
from pathlib import Path

import pytest

import graphfuse

ROOT = Path(graphfuse.__file__).parent

GROUND = {"checks", "kept", "logspace", "opened_late", "tensor_checks", "threads"}
MAY_IMPORT = {
    "checks": set(),
    "kept": set(),
    "logspace": set(),
    "opened_late": set(),
    "tensor_checks": {"checks"},
    "threads": set(),
    "encoders": {*GROUND},
    "graph": {"checks"},
    "evidence": {"checks", "tensor_checks", "graph"},
    "data": {"checks", "graph"},
    "potentials": {*GROUND},
    "inference": {*GROUND, "evidence", "graph"},
    "networks": {*GROUND, "evidence", "graph", "inference"},
    "fusion": {*GROUND, "evidence", "graph", "data", "potentials", "inference"},
    "problems": {*GROUND, "evidence", "graph", "data", "inference", "networks"},
    "learning": {*GROUND, "data", "fusion"},
    "evaluation": {*GROUND, "data", "fusion"},
    "decisions": {*GROUND, "inference", "evaluation"},
    "explanations": {*GROUND, "evidence", "graph", "data", "potentials", "inference", "fusion", "decisions"},
    "estimators": {
        *(*GROUND, "encoders", "graph", "evidence", "data", "potentials", "inference", "fusion", "learning"),
        *("evaluation", "explanations"),
    },
    "figures": {"checks", "graph", "fusion"},
    "pages": {"checks"},
}
MAY_IMPORT["laboratory"] = {*MAY_IMPORT}
MAY_IMPORT["cli"] = {*MAY_IMPORT}
MAY_IMPORT["__main__"] = {"cli"}
FREE_OF_TORCH = {"checks", "graph"}
LATE = {"sklearn", "pandas", "pgmpy", "matplotlib", "scipy", "PIL"}  # loaded when first used
MAY_LOAD_AT_THE_TOP = {"estimators": {"sklearn", "scipy"}, "laboratory": {"sklearn", "scipy"}}

FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> list[tuple[ast.stmt, int, str]]:
    """Every import as (statement, level, module); of those for type checkers, the ones within the package."""
    tree = parsed(path)
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in typing_only and not (isinstance(node, ast.ImportFrom) and node.level):
            continue
        if isinstance(node, ast.Import):
            found += [(node, 0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node, node.level, node.module or ""))
    return found


def imported_room(path: Path, level: int, module: str) -> str | None:
    """The room of a relative import; None if it stays in the file's own room."""
    package = path.relative_to(ROOT).parts[:-1]
    target = [*package[: len(package) - level + 1], *module.split(".")]
    return target[0] if target[0] and target[0] != room(path) else None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_the_map_allows(path):
    for node, level, module in imports(path):
        top = module.split(".")[0]
        assert top != "graphfuse", f"line {node.lineno}: imports of the package are relative"
        if level:
            other = imported_room(path, level, module)
            assert other is None or other in MAY_IMPORT[room(path)], f"line {node.lineno}: {room(path)} imports {other}"
            a_door = path.name == "__init__.py" and other is None  # may name for type checkers what it opens when asked
            assert node.col_offset == 0 or a_door, f"line {node.lineno}: imports of the package stand at the top"
        if node.col_offset == 0:
            late = LATE - MAY_LOAD_AT_THE_TOP.get(room(path), set())
            assert top not in late, f"line {node.lineno}: {top} is loaded when first used"
        assert not (top == "torch" and room(path) in FREE_OF_TORCH), (
            f"line {node.lineno}: {room(path)} is free of torch"
        )
        assert top != "pgmpy" or path.name == "interchange.py", "one file alone touches pgmpy"


def test_every_room_is_on_the_map_and_the_map_has_no_circle():
    assert {room(path) for path in FILES} == set(MAY_IMPORT)
    placed: set[str] = set()
    while len(placed) < len(MAY_IMPORT):
        ready = {name for name, below in MAY_IMPORT.items() if below <= placed} - placed
        assert ready, f"a circle among {set(MAY_IMPORT) - placed}"
        placed |= ready


def test_files_of_a_room_import_each_other_without_a_circle():
    modules = {path.relative_to(ROOT).with_suffix("").parts: path for path in FILES}
    edges: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for parts, path in modules.items():
        if path.name == "__init__.py":
            continue
        edges[parts] = set()
        for _, level, module in imports(path):
            package = path.relative_to(ROOT).parts[:-1]
            target = (*package[: len(package) - level + 1], *filter(None, module.split("."))) if level else ()
            if target in modules:
                edges[parts].add(target)
    placed: set[tuple[str, ...]] = set()
    while len(placed) < len(edges):
        ready = {name for name, below in edges.items() if below & set(edges) <= placed} - placed
        assert ready, f"a circle among {set(edges) - placed}"
        placed |= ready


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_what_it_is_for_and_has_one_subject(path):
    assert ast.get_docstring(parsed(path)), "the header says what the file is for"
    assert len(path.read_text().splitlines()) <= 500


def test_every_public_name_exists_and_is_listed():
    assert sorted(graphfuse.__all__) == graphfuse.__all__
    for name in graphfuse.__all__:
        assert getattr(graphfuse, name) is not None and name in dir(graphfuse)
    with pytest.raises(AttributeError, match="module 'graphfuse' has no attribute 'Fusion'"):
        graphfuse.Fusion  # noqa: B018
