"""Damaged files give a network or a refusal that names the file, in bounded time and memory."""

import gzip
import os
import random
import re
import resource
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from graphfuse.networks import Network, read_evidence, read_network, write_network
from tests.patience import PATIENCE

EXAMPLES = Path((find_spec("pgmpy") or pytest.skip("pgmpy is missing", allow_module_level=True)).origin).parent / (
    "utils/example_models"
)
DATA = Path(os.environ.get("GRAPHFUSE_DATA", "absent")) / "uai_instances"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs uai_instances under $GRAPHFUSE_DATA")
HUGE = (b"1000000000", b"1000000000000", b"9" * 30, b"0", b"-1", b"1e999", b"nan", b"")
MEBIBYTES = 300


def flip(data: bytearray, draw: random.Random) -> None:
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def delete(data: bytearray, draw: random.Random) -> None:
    place = draw.randrange(len(data))
    del data[place : place + draw.randint(1, 40)]


def truncate(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(len(data)) :]


def repeat_line(data: bytearray, draw: random.Random) -> None:
    lines = data.split(b"\n")
    place = draw.randrange(len(lines))
    lines.insert(draw.randrange(len(lines)), lines[place])
    data[:] = b"\n".join(lines)


def swap_words(data: bytearray, draw: random.Random) -> None:
    parts = re.split(rb"(\s+)", bytes(data))
    one, other = (2 * draw.randrange(len(parts) // 2 + 1) for _ in range(2))
    parts[one], parts[other] = parts[other], parts[one]
    data[:] = b"".join(parts)


def replace_number(data: bytearray, draw: random.Random) -> None:
    numbers = list(re.finditer(rb"\d[\d.]*", bytes(data)))
    found = draw.choice(numbers[:40] if draw.random() < 0.5 else numbers) if numbers else None
    if found:
        data[found.start() : found.end()] = draw.choice(HUGE)


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [
    flip, delete, truncate, repeat_line, swap_words, replace_number,
]  # fmt: skip


def damage(data: bytes, draw: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5))):
        if found:
            draw.choice(MUTATIONS)(found, draw)
    return bytes(found)


def check_reading(path: Path, data: bytes, read: Callable[[Path], object], num_mutations: int, seed: int) -> int:
    """Read so many damaged files; the count of those that are refused."""
    draw = random.Random(seed)
    refused, before = 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(num_mutations):
        path.write_bytes(damage(data, draw))
        start = time.perf_counter()
        try:
            found = read(path)
        except ValueError as error:
            refused += 1
            assert re.match(rf"{re.escape(path.name)}(, line \d+)? must ", str(error)), f"{number}: {error}"
            assert len(str(error)) < 1000
        else:
            if isinstance(found, Network):
                assert all(bool((table < torch.inf).all()) for table in found.log_tables.values())
        assert time.perf_counter() - start < PATIENCE, number
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEBIBYTES * 1024
    return refused


def written(name: str, format: str, folder: Path) -> bytes:
    write_network(read_network(EXAMPLES / f"{name}.bif.gz"), folder / f"whole.{format}")
    return (folder / f"whole.{format}").read_bytes()


@pytest.mark.parametrize("format", ["bif", "net", "uai", "xmlbif"])
@pytest.mark.parametrize(
    ("name", "num_mutations"),
    [("asia", 150), pytest.param("asia", 10_000, marks=pytest.mark.slow),
     pytest.param("child", 3_000, marks=pytest.mark.slow)],
)  # fmt: skip
def test_a_damaged_network_is_read_or_refused(format, name, num_mutations, tmp_path):
    data = written(name, format, tmp_path)
    refused = check_reading(tmp_path / f"a.{format}", data, read_network, num_mutations, seed=num_mutations)
    assert num_mutations // 2 < refused < num_mutations


@needs_data
@pytest.mark.parametrize("num_mutations", [40, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["Grids_12", "Promedus_24"])
def test_a_damaged_published_model_is_read_or_refused(name, num_mutations, tmp_path):
    data = gzip.decompress((DATA / f"PR_MAR/{name}.uai.gz").read_bytes())
    refused = check_reading(tmp_path / "a.uai", data, read_network, num_mutations, seed=0)
    assert num_mutations // 4 < refused < num_mutations


@pytest.mark.parametrize("num_mutations", [100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_evidence_is_read_or_refused(num_mutations, tmp_path):
    network = read_network(EXAMPLES / "asia.bif.gz")
    for data in (b"4 0 1 3 0 5 1 7 0\n", b"3\n1 2 1\n0\n3 0 1 5 0 7 1\n"):
        refused = check_reading(
            tmp_path / "a.evid", data, lambda path: read_evidence(path, network), num_mutations, seed=1
        )
        assert num_mutations // 4 < refused < num_mutations


@pytest.mark.parametrize("format", ["bif", "net", "uai", "xmlbif"])
def test_damaged_bytes_of_a_compressed_file_are_read_or_refused(format, tmp_path):
    data = written("cancer", f"{format}.gz", tmp_path)
    assert check_reading(tmp_path / f"a.{format}.gz", data, read_network, 60, seed=2) > 30


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.uai", "MARKOV " + "9" * 10**6),
        ("a.uai", f"MARKOV 60 {'1000000 ' * 60} 1 60 {' '.join(map(str, range(60)))} 1000000000000 1"),
        ("a.uai", f"MARKOV 100000 {'1 ' * 100_000} 1 64 {' '.join(map(str, range(64)))} 2 1 1"),
        ("a.uai", "MARKOV 1 2 30000 " + "1 0 " * 30_000 + "2 1 1 " * 29_999),
        ("a.uai", f"BAYES 3000 {'2 ' * 3000} 3000 " + " ".join(f"2 {k} {(k + 1) % 3000}" for k in range(3000))
         + " 4 1 0 0 1" * 3000),
        ("a.net", "net { } node a { states = (" + "(" * 10**6),
        ("a.net", "net { } node a { states = (x); } potential (a) { data = " + "(" * 10**5 + "1" + ")" * 10**5 + "; }"),
        ("a.net", "net { } " + "node " * 200_000),
        ("a.net", '"' * 10**6),
        ("a.xmlbif", "<BIF>" * 10**6),
        ("a.xmlbif", "<BIF><NETWORK>" + "<NAME>a</NAME>" * 10**5 + "</NETWORK></BIF>"),
        ("a.xmlbif", "<!DOCTYPE BIF [<!ENTITY a SYSTEM 'file:///etc/hosts'>]><BIF>&a;</BIF>"),
        ("a.evid", "1 " * 200_001),
        ("a.evid", "0 " * 200_001),
    ],
    ids=range(14),
)  # fmt: skip
def test_a_hostile_text_is_refused_in_bounded_time_and_memory(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    network = read_network(EXAMPLES / "asia.bif.gz")
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(ValueError, match=rf"^{name}, line 1 must have .*; got ") as refusal:
        read_evidence(tmp_path / name, network) if name == "a.evid" else read_network(tmp_path / name)
    assert len(str(refusal.value)) < 600
    assert time.perf_counter() - start < PATIENCE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEBIBYTES * 1024
