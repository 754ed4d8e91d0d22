"""Cells as files: found again, verified, set aside when damaged, never half-written."""

import json
import math
import threading

import pytest

from graphfuse.laboratory.cells import CellStore

KEY = {"data": "rosmap", "protocol": "mnar", "condition": "rate 0.30", "model": "log-pool", "split": 3, "seed": 0}
CELL = {"status": "finished", "tests": [{"test": "a b/c", "metrics": {"nll": 0.1 + 0.2, "auroc": None}}]}


@pytest.fixture
def store(tmp_path):
    return CellStore(tmp_path / "cells")


def test_a_cell_is_read_back_to_the_bit_whatever_the_order_of_its_key(store):
    store.write(KEY, CELL)
    found = store.read(dict(reversed(KEY.items())))
    assert found == {**CELL, "key": KEY}
    assert list(store) == [found]


@pytest.mark.parametrize("name", KEY)
def test_another_setting_is_another_cell(store, name):
    store.write(KEY, CELL)
    assert store.read({**KEY, name: "other"}) is None


def test_names_that_are_alike_in_a_path_do_not_share_a_file(store):
    store.write({**KEY, "condition": "a b"}, CELL)
    assert store.read({**KEY, "condition": "a/b"}) is None
    store.write({**KEY, "condition": "../../../a"}, CELL)
    assert all(store.folder in path.parents for path in store.folder.parent.rglob("*.json"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("finished", "finishes"),
        lambda text: text.replace("0.30000000000000004", "0.3"),
        lambda text: json.dumps({**json.loads(text), "format": 99}),
        lambda text: "[]",
        lambda text: "",
        lambda text: "\ud800".encode("utf-8", "surrogatepass"),
    ],
)
def test_a_damaged_file_is_set_aside_and_counts_as_absent(store, damage):
    store.write(KEY, CELL)
    path = store.path(KEY)
    content = damage(path.read_text())
    path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
    assert list(store) == []
    assert store.read(KEY) is None
    assert not path.exists() and len(list(path.parent.glob("*.corrupt"))) == 1
    store.write(KEY, CELL)
    assert store.read(KEY) == {**CELL, "key": KEY}


def test_what_json_cannot_hold_is_refused_and_leaves_nothing(store):
    with pytest.raises(ValueError, match="JSON"):
        store.write(KEY, {"value": math.nan})
    assert not [path for path in store.folder.rglob("*") if path.is_file()]


def test_readers_never_see_half_a_cell_while_another_writes(store):
    cells = [{"status": str(i), "filling": ["x" * 2000] * 20} for i in range(2)]
    store.write(KEY, cells[0])
    stop = threading.Event()

    def write():
        while not stop.is_set():
            for cell in cells:
                store.write(KEY, cell)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            assert store.read(KEY)["status"] in {"0", "1"}
    finally:
        stop.set()
        writer.join()
    assert not list(store.folder.rglob("*.corrupt")) and not list(store.folder.rglob("*.part"))
