"""What every test and doctest finds at hand."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import torch
from torch import nn

import graphfuse


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run what takes more than a few seconds")
    parser.addoption("--device", default="cpu", help="torch device of the tests that run on any device")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow; run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _namespace(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace.update(torch=torch, nn=nn, np=np, inf=np.inf, nan=np.nan, graphfuse=graphfuse)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> torch.device:
    """The device named on the command line."""
    return torch.device(request.config.getoption("--device"))


@pytest.fixture
def generator() -> torch.Generator:
    """A source of randomness with a fixed seed."""
    return torch.Generator().manual_seed(0)
