"""Small data sets for the tests of the laboratory, and what is compared of them."""

from functools import cache

import numpy as np
import pandas as pd
import torch

from graphfuse import Variable, load
from graphfuse.data import Dataset, ModalityBatch, drop_modalities


def mixed(num_rows=240, seed=0):
    """Three classes, a table of text, gaps of rows and of cells, three sites, four folds, groups of two rows."""
    generator = torch.Generator().manual_seed(seed)
    numbers = 5.0 + torch.randn(num_rows, 3, generator=generator, dtype=torch.float64) * torch.tensor([1.0, 10.0, 0.1])
    numbers[torch.rand(numbers.shape, generator=generator) < 0.15] = torch.nan
    words = pd.DataFrame(
        {
            "word": [f"word {i}" if i % 7 else None for i in range(num_rows)],
            "grade": pd.Categorical([None if i % 5 == 0 else "abc"[i % 3] for i in range(num_rows)]),
            "count": np.arange(num_rows),
        },
        index=np.arange(num_rows)[::-1] + 1000,
    )
    inputs = {"numbers": numbers, "words": words, "scan": torch.rand(num_rows, 2, 2, generator=generator)}
    states = torch.randint(3, (num_rows,), generator=generator)
    batch = ModalityBatch(inputs, targets={"kind": states, "other": 2 - states}, columns={"numbers": ("u", "v", "w")})
    batch = drop_modalities(batch, {"numbers": 0.2, "words": 0.3, "scan": 0.4}, generator)
    return Dataset(
        "mixed",
        batch,
        Variable("kind", 3),
        groups=tuple(f"person {i // 2}" for i in range(num_rows)),
        split=tuple(str(i % 4) for i in range(num_rows)),
        other_targets=(Variable("other", 3),),
        sites=tuple(("Rome", "Bonn", "Oslo")[i % 3] for i in range(num_rows)),
    )


def counts(num_rows=120):
    """Two classes, a modality of integers and one of single numbers, no gaps, a published split."""
    row = torch.arange(num_rows)
    batch = ModalityBatch({"tokens": torch.stack([row, row + 1], 1), "age": row.double()}, targets={"y": row % 2})
    return Dataset("counts", batch, Variable("y", 2), split=tuple("test" if i % 3 == 0 else "train" for i in row))


@cache
def small_datasets():
    digits = load("handwritten_digits")[:300]
    return {data.name: data for data in (load("breast_cancer"), digits, mixed(), counts())}


def numbered(num_rows, num_modalities, num_classes, seed=0, gaps=0.0):
    """Rows whose only feature is their number, so that it can be told where a value comes from."""
    generator = torch.Generator().manual_seed(seed)
    row = torch.arange(num_rows, dtype=torch.float64)
    states = torch.randint(num_classes, (num_rows,), generator=generator)
    batch = ModalityBatch({f"m{i}": row[:, None].clone() for i in range(num_modalities)}, targets={"y": states})
    return Dataset("numbered", drop_modalities(batch, gaps, generator), Variable("y", num_classes))


def together(one, other):
    """The rows of two data sets whose inputs are tensors."""
    batches = (one.batch, other.batch)
    inputs, present, targets = (
        {name: torch.cat([getattr(batch, part)[name] for batch in batches]) for name in getattr(one.batch, part)}
        for part in ("inputs", "present", "targets")
    )
    return Dataset(one.name, ModalityBatch(inputs, present, targets), one.target)


def masks(dataset):
    """Which row has which modality, as an array (modalities, rows)."""
    return np.stack([mask.numpy() for mask in dataset.batch.present.values()])


def states(dataset):
    return dataset.batch.targets[dataset.target.name].numpy()


def differences(one, other):
    """The parts in which two batches differ, by name; none if they are equal to the bit."""
    found = [] if one.modalities == other.modalities else ["modalities"]
    found += [] if one.columns == other.columns else ["columns"]
    for kind in ("inputs", "present", "targets"):
        ours, theirs = getattr(one, kind), getattr(other, kind)
        found += [f"{kind} {name}" for name in {**ours, **theirs} if not _equal(ours.get(name), theirs.get(name))]
    return found


def _equal(one, other):
    if isinstance(one, pd.DataFrame) and isinstance(other, pd.DataFrame):
        return one.equals(other)
    if type(one) is not type(other) or one.shape != other.shape or one.dtype != other.dtype:
        return False
    return np.array_equal(one.numpy(), other.numpy(), equal_nan=one.is_floating_point())
