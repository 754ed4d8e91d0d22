"""The real data sets, where they are at hand, and folders for converters."""

import os
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest

from graphfuse.data import Dataset, load
from graphfuse.data.files import DataFile


@pytest.fixture
def real_root() -> Path:
    """The folder of the real files; skips where there is none."""
    if "GRAPHFUSE_DATA" not in os.environ:
        pytest.skip("GRAPHFUSE_DATA, the folder of the data sets, is not set")
    return Path(os.environ["GRAPHFUSE_DATA"])


@pytest.fixture
def real(real_root: Path) -> Callable[[str], Dataset]:
    """Loads a data set by name."""
    return _load


@lru_cache(maxsize=3)
def _load(name: str) -> Dataset:
    return load(name)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def expect(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType, bytes], DataFile]:
    """Lets a module of one file expect this content in place of the real one."""

    def replace(module: ModuleType, content: bytes) -> DataFile:
        file = DataFile(module.FILES[0].path, sha256(content).hexdigest(), "a test")
        monkeypatch.setattr(module, "FILES", (file,))
        return file

    return replace
