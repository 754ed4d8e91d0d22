"""Net benefit is what counting by hand says, and its intervals cover what they promise."""

import numpy as np
import pytest
import torch

from graphfuse.decisions import decide, decision_curve, net_benefit

pytestmark = pytest.mark.filterwarnings("ignore:states hold")  # of fewer than ten

# twelve patients, four of them ill; at 0.25 seven are treated, of whom three are ill
PROBS = [0.9, 0.6, 0.3, 0.1, 0.7, 0.5, 0.4, 0.25, 0.2, 0.1, 0.05, 0.05]
ILL = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def rows(probs=PROBS):
    probs = torch.tensor(probs, dtype=torch.float64)
    return torch.stack([1 - probs, probs], -1).log()


def test_net_benefit_of_a_hand_worked_case():
    found = net_benefit(rows(), torch.tensor(ILL), [0.25, 0.5])
    assert found.tolist() == pytest.approx([3 / 12 - 4 / 12 * (1 / 3), 2 / 12 - 2 / 12 * 1])


def test_references_of_a_hand_worked_case_treat_all_and_none(generator):
    found = decision_curve(rows(), torch.tensor(ILL), [0.0, 0.25, 0.5], generator, num_resamples=200)
    assert found["treat_all"].tolist() == pytest.approx([4 / 12, 4 / 12 - 8 / 12 / 3, 4 / 12 - 8 / 12])
    assert (found["treat_none"] == 0).all()
    assert (found["lower"] <= found["model"]).all() and (found["model"] <= found["upper"]).all()
    assert found["model"][0] == pytest.approx(found["treat_all"][0])  # at zero everyone is treated


def test_net_benefit_is_minus_the_mean_loss_of_the_decisions_beside_treating_none():
    miss, states = 3.5, torch.tensor(ILL)  # a false alarm costs 1
    loss = torch.tensor([[0.0, miss], [1.0, 0.0]], dtype=torch.float64)
    actions = decide(rows(), loss).actions
    spared = miss * np.mean(ILL) - float(loss[actions, states].mean())
    assert float(net_benefit(rows(), states, [1 / (1 + miss)])[0]) == pytest.approx(spared / miss)


def test_intervals_cover_the_true_net_benefit_as_often_as_they_say():
    at, covered, draws = [0.3], 0, np.random.default_rng(0)
    grid = np.linspace(0.0005, 0.9995, 1000)  # probabilities are uniform and right
    truth = np.mean((grid >= 0.3) * (grid - (1 - grid) * 0.3 / 0.7))
    for seed in range(200):
        probs = draws.random(150)
        states = torch.from_numpy((draws.random(150) < probs).astype(int))
        generator = torch.Generator().manual_seed(seed)
        found = decision_curve(rows(probs), states, at, generator, num_resamples=200, level=0.9)
        covered += found["lower"][0] <= truth <= found["upper"][0]
    assert 0.82 <= covered / 200 <= 0.96  # binomial, 3.8 standard errors below and 2.8 above


def test_one_class_of_several_may_be_the_positive_one(generator):
    log_probs = torch.randn(40, 3, generator=generator, dtype=torch.float64).log_softmax(-1)
    states = torch.randint(0, 3, (40,), generator=generator)
    found = net_benefit(log_probs, states, [0.2, 0.4], positive=2)
    two = torch.stack([1 - log_probs[:, 2].exp(), log_probs[:, 2].exp()], -1).log()
    torch.testing.assert_close(found, net_benefit(two, (states == 2).long(), [0.2, 0.4]))


def test_wrong_arguments_are_refused(generator):
    states = torch.tensor(ILL)
    with pytest.raises(ValueError, match=r"thresholds must be at least 0 and below 1; got 1.0"):
        net_benefit(rows(), states, [0.5, 1.0])
    with pytest.raises(ValueError, match=r"positive must be one of 0, 1; got 2"):
        net_benefit(rows(), states, [0.5], positive=2)
    with pytest.raises(ValueError, match="thresholds must have one dimension"):
        net_benefit(rows(), states, 0.5)
    with pytest.raises(ValueError, match="level must lie strictly between 0 and 1"):
        decision_curve(rows(), states, [0.5], generator, level=1.0)
    with pytest.raises(ValueError, match="num_resamples must be at least 1"):
        decision_curve(rows(), states, [0.5], generator, num_resamples=0)
    with pytest.raises(TypeError, match="generator must be a torch"):
        decision_curve(rows(), states, [0.5], None)
