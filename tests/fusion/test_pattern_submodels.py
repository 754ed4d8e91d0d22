"""Pattern submodels are the models fitted on the rows of each pattern, and nothing else."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from graphfuse import EarlyFusion, FitSettings, MeanPool, ModalityBatch, Variable, fit, target_nll
from graphfuse.encoders import MLP
from graphfuse.fusion import PatternSubmodels
from tests.graphs import assert_close

TARGET = Variable("y", 2)
PATTERNS = [("a",), ("a", "b")]
CONSTANT = torch.tensor([0.9, 0.1], dtype=torch.float64)


def submodel(pattern):
    torch.manual_seed(len(pattern))
    return EarlyFusion(MLP(2 * len(pattern), 2, hidden=[6]), list(pattern), TARGET).double()


def fallback():
    return MeanPool({"b": nn.Linear(2, 2)}, TARGET, CONSTANT).double()


def rows(generator):
    """Forty rows: a alone, both, b alone, none, in turn."""
    states = torch.randint(2, (40,), generator=generator)
    inputs = {name: torch.randn(40, 2, generator=generator) + states[:, None] for name in "ab"}
    turn = torch.arange(40) % 4
    present = {"a": turn < 2, "b": (turn == 1) | (turn == 2)}
    return ModalityBatch(inputs, present, targets={"y": states}).to(dtype=torch.float64)


def patterned(submodels):
    return PatternSubmodels(submodels, ["a", "b"], fallback())


def test_rows_of_a_pattern_get_the_answer_of_a_model_fitted_on_them_alone(generator):
    batch, turn = rows(generator), torch.arange(40) % 4
    fitted = {}
    for number, pattern in enumerate(PATTERNS):
        fitted[pattern] = submodel(pattern)
        fit(fitted[pattern], batch[turn == number], target_nll, generator, FitSettings(num_epochs=20))
    model = patterned(fitted).eval()
    found = model(batch)["y"]
    for number, pattern in enumerate(PATTERNS):
        assert_close(found[turn == number], fitted[pattern](batch[turn == number])["y"])
    assert_close(found[turn == 2], model.fallback(batch[turn == 2])["y"])
    assert_close(found[turn == 3].exp(), CONSTANT.expand(10, 2))


def test_to_fit_all_at_once_is_to_fit_each_on_its_rows(generator):
    batch, turn = rows(generator), torch.arange(40) % 4
    model = patterned({pattern: submodel(pattern) for pattern in PATTERNS})
    alone = {pattern: deepcopy(each) for pattern, each in zip(PATTERNS, model.submodels, strict=True)}
    model.log_likelihood(batch).sum().backward()
    for number, (pattern, joint) in enumerate(zip(PATTERNS, model.submodels, strict=True)):
        alone[pattern].log_likelihood(batch[turn == number]).sum().backward()
        for found, expected in zip(joint.parameters(), alone[pattern].parameters(), strict=True):
            assert_close(found.grad, expected.grad)


def test_a_pattern_is_a_set_and_rows_know_their_submodel(generator):
    batch = rows(generator)
    model = patterned({("b", "a"): submodel(("a", "b")), frozenset(): fallback()})
    assert model.submodel_of_rows(batch[:4]).tolist() == [-1, 0, -1, 1]
    square = patterned({("a", "b"): submodel(("a", "b")), frozenset(): fallback()})
    square.load_state_dict(model.state_dict())
    assert_close(square(batch)["y"], model(batch)["y"])


def test_bad_patterns_are_named(generator):
    one = submodel(("a",))
    with pytest.raises(ValueError, match="submodels must hold at least one submodel; got none"):
        patterned({})
    with pytest.raises(ValueError, match="submodels must hold each pattern once; got 'a', 'b' more than once"):
        patterned({("a", "b"): one, ("b", "a"): one})
    with pytest.raises(ValueError, match=r"each modality in the pattern \('c',\) must be one of 'a', 'b'; got 'c'"):
        patterned({("c",): one})
    with pytest.raises(TypeError, match="the pattern 'a' must be a sequence of names; got 'a'"):
        patterned({"a": one})
    other = EarlyFusion(MLP(2, 2), ["a"], Variable("z", 2))
    with pytest.raises(ValueError, match=r"submodels\[\('a',\)\] must predict 'y'; got 'z'"):
        patterned({("a",): other})
    with pytest.raises(ValueError, match="modalities must hold at least one name; got none"):
        PatternSubmodels({frozenset(): one}, [], fallback())
