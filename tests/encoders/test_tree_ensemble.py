"""Arrays of nodes against the same trees walked by hand."""

import numpy as np
import pytest

from graphfuse.encoders import TreeEnsemble
from graphfuse.encoders.leaf_search import BitVectors, Walk
from graphfuse.encoders.logistic import logistic_probabilities

NAN = np.nan


def random_ensemble(draws, num_trees=5, depth=4, num_features=3, width=2, num_scores=3, stops=0.25) -> TreeEnsemble:
    """Trees of uneven depth, with nodes in random order of kinds."""
    feature, threshold, left, right, missing, roots = [], [], [], [], [], []

    def grow(level: int) -> int:
        own = len(feature)
        is_leaf = level == depth or draws.random() < stops
        feature.append(-1 if is_leaf else int(draws.integers(num_features)))
        threshold.append(float(draws.normal()))
        missing.append(bool(draws.integers(2)))
        left.append(own)
        right.append(own)
        if not is_leaf:
            left[own], right[own] = grow(level + 1), grow(level + 1)
        return own

    for _ in range(num_trees):
        roots.append(grow(0))
    outputs = draws.integers(num_scores - width + 1, size=num_trees)
    values = draws.normal(size=(len(feature), width))
    arrays = map(np.array, (feature, threshold, left, right, missing))
    return TreeEnsemble(*arrays, values, np.array(roots), outputs, draws.normal(size=num_scores))


def walked(trees: TreeEnsemble, row: np.ndarray) -> np.ndarray:
    scores = trees.baseline.copy()
    for root, output in zip(trees.roots, trees.outputs, strict=True):
        node = root
        while trees.feature[node] >= 0:
            value = row[trees.feature[node]]
            goes_left = trees.missing_go_left[node] if np.isnan(value) else value <= trees.threshold[node]
            node = trees.left[node] if goes_left else trees.right[node]
        scores[output : output + trees.values.shape[1]] += trees.values[node]
    return scores


@pytest.mark.parametrize("seed", [0, 1, 3, 7])  # trees deep enough to be walked among them
@pytest.mark.parametrize("num_rows", [0, 1, 200])
def test_every_row_reaches_the_leaves_that_a_walk_reaches(seed, num_rows):
    draws = np.random.default_rng(seed)
    trees = random_ensemble(draws, depth=seed + 1, stops=0.1)
    inputs = draws.normal(size=(num_rows, 3))
    inputs[draws.random(inputs.shape) < 0.3] = NAN
    expected = np.array([walked(trees, row) for row in inputs]).reshape(num_rows, 3)
    np.testing.assert_allclose(trees.scores(inputs), expected, atol=1e-12)


def test_a_value_at_a_threshold_goes_left_also_at_infinity():
    draws = np.random.default_rng(0)
    trees = random_ensemble(draws)
    inputs = np.stack(
        [np.concatenate([trees.threshold[:2], [bound]]) for bound in (np.inf, -np.inf, trees.threshold[3])]
    )
    np.testing.assert_allclose(trees.scores(inputs), [walked(trees, row) for row in inputs], atol=1e-12)


@pytest.mark.parametrize("depth", [0, 1, 5, 6])
@pytest.mark.parametrize("stops", [0.0, 0.3])
def test_bit_vectors_find_the_leaves_that_a_walk_finds(depth, stops):
    draws = np.random.default_rng(depth)
    trees = random_ensemble(draws, num_trees=140, depth=depth, stops=stops)
    trees.threshold[::3] = trees.threshold[::3].round(1)  # ties between nodes
    inputs = np.concatenate([draws.normal(size=(80, 3)), draws.normal(size=(80, 3)).round(1)])
    inputs[draws.random(inputs.shape) < 0.2] = NAN
    inputs[0], inputs[1] = np.inf, -np.inf
    assert BitVectors.suit(trees)
    np.testing.assert_array_equal(BitVectors(trees)(inputs), Walk(trees, 3)(inputs))


def test_bit_vectors_are_for_small_trees_of_few_columns():
    draws = np.random.default_rng(0)
    assert not BitVectors.suit(random_ensemble(draws, num_trees=1, depth=7, stops=0.0))
    assert not BitVectors.suit(random_ensemble(draws, num_trees=40, depth=5, num_features=1000, stops=0.0))


@pytest.mark.parametrize("stops", [0.0, 0.25])
def test_many_rows_in_parts_are_as_few_at_once(monkeypatch, stops):
    draws = np.random.default_rng(0)
    trees, inputs = random_ensemble(draws, depth=7, stops=stops), draws.normal(size=(50, 3))
    expected = trees.scores(inputs)
    monkeypatch.setattr("graphfuse.encoders.tree_ensemble._PAIRS", 13)
    np.testing.assert_array_equal(trees.scores(inputs), expected)


REFUSED = {
    "threshold": (np.zeros(2), r"threshold must have shape \(3,\), one entry per node; got \(2,\)"),
    "values": (np.zeros(3), r"values must have shape \(3, width\), one row per node; got \(3,\)"),
    "left": (np.array([1, 1, 3]), "left must be between 0 and 2; got 1 to 3"),
    "roots": (np.array([-1]), "roots must be between 0 and 2; got -1 to -1"),
    "outputs": (np.array([1]), "outputs must be between 0 and 0; got 1 to 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_arrays_that_do_not_fit_each_other_are_refused(name):
    arrays = {
        "feature": np.array([0, -1, -1]),
        "threshold": np.zeros(3),
        "left": np.array([1, 1, 2]),
        "right": np.array([2, 1, 2]),
        "missing_go_left": np.zeros(3, dtype=bool),
        "values": np.zeros((3, 1)),
        "roots": np.array([0]),
        "outputs": np.array([0]),
        "baseline": np.zeros(1),
    }
    TreeEnsemble(**arrays)
    entry, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        TreeEnsemble(**{**arrays, name: entry})


@pytest.mark.parametrize("num_classes", [1, 2, 4])
def test_probabilities_are_the_softmax_and_never_overflow(num_classes):
    scores = np.random.default_rng(0).normal(size=(20, num_classes)) * 300
    found = logistic_probabilities(scores)
    full = np.column_stack([np.zeros(20), scores]) if num_classes == 1 else scores
    shifted = np.exp(full - full.max(1, keepdims=True))
    np.testing.assert_allclose(found, shifted / shifted.sum(1, keepdims=True), rtol=1e-12, atol=0)
    assert np.isfinite(found).all()
