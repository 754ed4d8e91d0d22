"""Block patterns come with their probabilities; drop-out is monotone."""

from itertools import pairwise

import pytest
import torch

from graphfuse.data import BlockPatterns, ModalityBatch, MonotoneDropout, drop_modalities

NUM_ROWS = 20_000
NAMES = ("a", "b", "c")


def complete():
    return ModalityBatch({name: torch.zeros(NUM_ROWS) for name in NAMES})


def test_patterns_occur_as_often_as_they_are_likely_and_no_other_pattern_does(generator):
    patterns = {("a", "b"): 0.5, ("c",): 0.25, (): 0.15, ("b",): 0.0, ("a", "b", "c"): 0.1}
    kept = BlockPatterns(patterns).apply(complete(), generator).present
    seen = torch.stack([kept[name] for name in NAMES])
    for pattern, probability in patterns.items():
        share = (seen == torch.tensor([[name in pattern] for name in NAMES])).all(0).double().mean().item()
        margin = 5 * (probability * (1 - probability) / NUM_ROWS) ** 0.5
        assert share == pytest.approx(probability, abs=margin)
    assert {tuple(column) for column in seen.T.tolist()} == {
        tuple(name in pattern for name in NAMES) for pattern, probability in patterns.items() if probability
    }


def test_the_order_of_names_within_a_frozenset_does_not_matter(generator):
    sets = (frozenset({"a", "c"}), frozenset({"c", "a"}))
    assert repr(BlockPatterns({sets[0]: 1.0})) == repr(BlockPatterns({sets[1]: 1.0}))


def is_monotone(present, order):
    return not any((present[later] & ~present[earlier]).any() for earlier, later in pairwise(order))


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a"), ("b",)], ids=str)
@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0, {"c": 0.5}], ids=str)
def test_once_one_is_missing_all_later_ones_are(order, rate, generator):
    if isinstance(rate, dict) and "c" not in order:
        rate = {}
    batch = drop_modalities(complete(), 0.3, generator)
    found = MonotoneDropout(order, rate).apply(batch, generator).present
    assert is_monotone(found, order)
    for name in set(NAMES) - set(order):
        assert torch.equal(found[name], batch.present[name])


def test_the_share_still_in_falls_geometrically(generator):
    found = MonotoneDropout(NAMES, 0.4).apply(complete(), generator).present
    for i, name in enumerate(NAMES):
        expected = 0.6 ** (i + 1)
        margin = 5 * (expected * (1 - expected) / NUM_ROWS) ** 0.5
        assert found[name].double().mean().item() == pytest.approx(expected, abs=margin)


def test_a_row_that_keeps_one_at_least_keeps_the_first_and_stays_monotone(generator):
    found = MonotoneDropout(NAMES, 0.5, at_least_one=True).apply(complete(), generator).present
    assert is_monotone(found, NAMES)
    assert found["a"].all()
    assert found["b"].double().mean().item() == pytest.approx(0.25, abs=5 * (0.1875 / NUM_ROWS) ** 0.5)


def test_a_row_with_something_outside_the_order_may_lose_all_of_the_order(generator):
    found = MonotoneDropout(("b", "c"), 1.0, at_least_one=True).apply(complete(), generator).present
    assert found["a"].all() and not found["b"].any() and not found["c"].any()
