"""What every doctest finds at hand."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from math import inf, nan

import numpy as np
import pytest
import torch
from torch import nn

import graphfuse


@pytest.fixture(autouse=True)
def _namespace(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace.update(torch=torch, nn=nn, np=np, inf=inf, nan=nan, graphfuse=graphfuse)
