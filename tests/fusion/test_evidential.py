"""Opinions combine as Dempster's rule says by enumeration, in any order, and cost what the papers say."""

from copy import deepcopy
from functools import reduce
from itertools import permutations, product

import numpy as np
import pytest
import torch
from scipy.special import digamma, gammaln
from torch import nn

from graphfuse import FitSettings, ModalityBatch, Variable, fit
from graphfuse.fusion import AveragingFusion, DempsterFusion, MeanPool
from graphfuse.learning import EvidentialLoss
from graphfuse.learning.evidential import conflict
from tests.graphs import assert_close


def model_of(kind, num_states, names="abc", prior=None):
    prior = torch.full((num_states,), 1 / num_states, dtype=torch.float64) if prior is None else prior
    return kind({name: nn.Identity() for name in names}, Variable("y", num_states), prior)


def masses(evidence):
    """Belief masses by set of states: one per singleton, and the rest on the whole frame."""
    num_states = len(evidence)
    strength = sum(evidence) + num_states
    found = {frozenset([k]): e / strength for k, e in enumerate(evidence)}
    found[frozenset(range(num_states))] = num_states / strength
    return found


def dempster(first, second):
    """Dempster's rule by enumeration of all pairs of sets."""
    joint: dict[frozenset[int], float] = {}
    for (a, mass_a), (b, mass_b) in product(first.items(), second.items()):
        joint[a & b] = joint.get(a & b, 0.0) + mass_a * mass_b
    conflicting = joint.pop(frozenset(), 0.0)
    return {states: mass / (1 - conflicting) for states, mass in joint.items()}


@pytest.mark.parametrize("num_states", [2, 3, 5])
@pytest.mark.parametrize("num_opinions", [1, 2, 3])
def test_dempsters_rule_is_that_of_enumerated_belief_masses(num_states, num_opinions, generator):
    evidence = 5 * torch.rand(7, num_opinions, num_states, generator=generator, dtype=torch.float64)
    model = model_of(DempsterFusion, num_states, "abc"[:num_opinions])
    found = model.combine(evidence, torch.ones(7, num_opinions, dtype=torch.bool)).exp()
    for row in range(7):
        expected = reduce(dempster, [masses(opinion) for opinion in evidence[row].tolist()])
        strength = found[row].sum()
        assert float(num_states / strength) == pytest.approx(expected[frozenset(range(num_states))], abs=1e-12)
        beliefs = (found[row] - 1) / strength
        assert beliefs.tolist() == pytest.approx([expected[frozenset([k])] for k in range(num_states)], abs=1e-12)


def test_averaging_two_opinions_is_the_papers_rule_on_beliefs(generator):
    evidence = 5 * torch.rand(4, 2, 3, generator=generator, dtype=torch.float64)
    found = model_of(AveragingFusion, 3, "ab").combine(evidence, torch.ones(4, 2, dtype=torch.bool)).exp()
    strength = evidence.sum(-1, keepdim=True) + 3
    (belief_a, belief_b), (u_a, u_b) = (evidence / strength).unbind(1), (3 / strength).unbind(1)
    assert_close((found - 1) / found.sum(-1, keepdim=True), (belief_a * u_b + belief_b * u_a) / (u_a + u_b))
    assert_close(3 / found.sum(-1, keepdim=True), 2 * u_a * u_b / (u_a + u_b))


@pytest.mark.parametrize("kind", [DempsterFusion, AveragingFusion])
def test_the_order_of_the_modalities_changes_nothing(kind, generator):
    inputs = {name: torch.randn(6, 3, generator=generator, dtype=torch.float64) for name in "abc"}
    inputs["b"][:2] = torch.nan
    answers = [model_of(kind, 3, names)(ModalityBatch(inputs))["y"] for names in permutations("abc")]
    for answer in answers[1:]:
        assert_close(answer, answers[0], 1e-12)


@pytest.mark.parametrize("kind", [DempsterFusion, AveragingFusion])
def test_without_evidence_the_answer_is_the_prior_and_the_uncertainty_one(kind):
    prior = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)
    model = model_of(kind, 3, prior=prior)
    nothing = ModalityBatch({name: torch.full((2, 3), torch.nan, dtype=torch.float64) for name in "abc"})
    assert_close(model(nothing)["y"].exp(), prior.expand(2, 3))
    assert_close(model.uncertainty(nothing), torch.ones(2, dtype=torch.float64))
    assert model.evidence(nothing).shape == (2, 3, 3) and not model.evidence(nothing).any()


def test_more_evidence_lowers_dempsters_uncertainty_and_conflict_can_raise_that_of_the_average():
    sure = torch.tensor([[9.0, -9.0]], dtype=torch.float64)
    unsure = torch.tensor([[-9.0, 0.0]], dtype=torch.float64)
    one = ModalityBatch({"a": sure, "b": torch.full_like(sure, torch.nan)})
    two = ModalityBatch({"a": sure, "b": unsure})
    rule, mean = (model_of(kind, 2, "ab") for kind in (DempsterFusion, AveragingFusion))
    assert rule.uncertainty(two) < rule.uncertainty(one)
    assert mean.uncertainty(two) > mean.uncertainty(one)


def test_much_evidence_does_not_overflow():
    scores = torch.tensor([[3e38, 0.0]])
    model = model_of(DempsterFusion, 2, prior=torch.tensor([0.5, 0.5]))
    batch = ModalityBatch(dict.fromkeys("abc", scores), targets={"y": [0]})
    assert model(batch)["y"][0].tolist()[0] == 0.0 and bool(model(batch)["y"].isfinite().all())
    assert bool(EvidentialLoss()(model, batch, torch.Generator()).isfinite())


@pytest.mark.parametrize("kind", [DempsterFusion, AveragingFusion])
def test_gradients_of_the_combination_are_right(kind, generator):
    evidence = torch.rand(2, 3, 3, generator=generator, dtype=torch.float64).requires_grad_()
    model = model_of(kind, 3, prior=torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64))
    present = torch.ones(2, 3, dtype=torch.bool)
    assert torch.autograd.gradcheck(lambda values: model.combine(values, present), [evidence])


def paper_loss(concentration, state, weight):
    """The loss of Han et al. of one Dirichlet, by scipy."""
    concentration = np.asarray(concentration)
    misleading = np.where(np.arange(len(concentration)) == state, 1.0, concentration)
    total = misleading.sum()
    divergence = gammaln(total) - gammaln(len(misleading)) - gammaln(misleading).sum()
    divergence += ((misleading - 1) * (digamma(misleading) - digamma(total))).sum()
    return digamma(concentration.sum()) - digamma(concentration[state]) + weight * divergence


def test_the_loss_is_that_of_the_paper_for_the_combination_and_each_present_modality(generator):
    inputs = {name: torch.randn(4, 3, generator=generator, dtype=torch.float64) for name in "ab"}
    inputs["b"][1] = torch.nan
    batch = ModalityBatch(inputs, targets={"y": [0, 2, 1, -1]})
    model = model_of(DempsterFusion, 3, "ab")
    evidence, whole = model.evidence(batch), model.log_concentration(batch).exp()
    expected = 0.0
    for row, state in enumerate([0, 2, 1]):
        expected += paper_loss(whole[row], state, 0.3) + paper_loss(evidence[row, 0] + 1, state, 0.3)
        expected += paper_loss(evidence[row, 1] + 1, state, 0.3) if row != 1 else 0.0
    found = EvidentialLoss(divergence_weight=0.3)(model, batch, generator)
    assert float(found) == pytest.approx(expected / 4, abs=1e-10)


def test_the_conflict_is_that_of_the_pairs_of_present_modalities(generator):
    evidence = 4 * torch.rand(3, 3, 2, generator=generator, dtype=torch.float64)
    present = torch.tensor([[True, True, True], [True, False, True], [False, True, False]])
    expected = []
    for opinions, mask in zip(evidence.numpy() + 1, present.numpy(), strict=True):
        there = opinions[mask]
        pairs = [
            0.5 * np.abs(a / a.sum() - b / b.sum()).sum() * (1 - 2 / a.sum()) * (1 - 2 / b.sum())
            for a, b in permutations(there, 2)
        ]
        expected.append(np.mean(pairs) if pairs else 0.0)
    assert conflict(evidence, present, torch.ones(2, dtype=torch.float64)).tolist() == pytest.approx(expected)


def test_the_divergence_leaves_rows_that_do_not_tell_the_states_apart_uncertain(generator):
    states = torch.randint(2, (200,), generator=generator)
    clear = (torch.arange(200) % 2).bool()
    inputs = torch.where(clear, 4.0 * states - 2.0, 0.0)[:, None] + 0.3 * torch.randn(200, 1, generator=generator)
    rows = ModalityBatch({"a": inputs}, targets={"y": states})
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, 2))
    model = DempsterFusion({"a": network}, Variable("y", 2), torch.tensor([0.5, 0.5]))
    start = deepcopy(model.state_dict())
    found = {}
    for weight in (0.0, 1.0):
        model.load_state_dict(start)
        fit(model, rows, EvidentialLoss(weight), torch.Generator().manual_seed(0), FitSettings(num_epochs=60))
        uncertainty = model.uncertainty(rows).detach()
        found[weight] = uncertainty[clear].mean(), uncertainty[~clear].mean()
    assert found[1.0][0] < 0.75 * found[1.0][1]
    assert found[0.0][1] < 0.75 * found[1.0][1]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="prior must be 2 probabilities above 0 that sum to 1; got"):
        model_of(DempsterFusion, 2, prior=torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match="divergence_weight must be at least 0; got -1"):
        EvidentialLoss(divergence_weight=-1.0)
    pool = MeanPool({"a": nn.Identity()}, Variable("y", 2), torch.tensor([0.5, 0.5]))
    with pytest.raises(TypeError, match="model must be an EvidentialFusion; got MeanPool"):
        EvidentialLoss()(pool, ModalityBatch({"a": torch.zeros(1, 2)}, targets={"y": [0]}), torch.Generator())
