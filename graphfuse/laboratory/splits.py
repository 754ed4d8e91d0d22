"""Random splits of a data set: stratified by class, or whole groups (a person, an article) on one side."""

from __future__ import annotations

import numpy as np

from ..checks import check_count, invalid
from ..data import Dataset


def random_split(dataset: Dataset, split: int, test_fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows of the split of this number.

    Rows are stratified by class; where the data set has groups, whole groups are drawn, and classes are not balanced.
    The splits of one seed are those that scikit-learn's splitters give in turn.

    Args:
        dataset: Rows with known targets.
        split: Number of the split, from 0.
        test_fraction: Share of the rows (of the groups) that is tested, strictly between 0 and 1.
        seed: Of the sequence of splits.

    Returns:
        Positions of the training rows and of the test rows, int64.

    Raises:
        ValueError: If a class has one row, or the fraction leaves a side empty.

    Example:
        >>> from graphfuse import load
        >>> train, test = random_split(load("breast_cancer"), split=0, test_fraction=0.3, seed=0)
        >>> len(train), len(test)
        (398, 171)
    """
    from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit

    check_count("split", split, minimum=0)
    if not 0.0 < test_fraction < 1.0:
        raise invalid("test_fraction", "lie strictly between 0 and 1", test_fraction)
    kind = StratifiedShuffleSplit if dataset.groups is None else GroupShuffleSplit
    splitter = kind(split + 1, test_size=test_fraction, random_state=seed)
    states = dataset.batch.targets[dataset.target.name].numpy()
    *_, (train, test) = splitter.split(states, states, dataset.groups)
    return train, test
