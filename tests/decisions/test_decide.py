"""Decisions are what brute force over actions and states says."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch

from graphfuse import Factor, FactorGraph, Variable, infer
from graphfuse.decisions import decide, decide_jointly, thresholds, with_referral


def random_log_probs(batch, num_states, generator):
    return torch.randn(*batch, num_states, generator=generator, dtype=torch.float64).log_softmax(-1)


@pytest.mark.parametrize("batch", [(), (7,), (2, 3)], ids=str)
def test_the_action_taken_has_the_least_loss_summed_over_states_one_by_one(batch, generator):
    log_probs = random_log_probs(batch, 3, generator)
    loss = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    found = decide(log_probs, loss)
    assert found.actions.shape == batch and found.expected_losses.shape == (*batch, 4)
    for place in product(*map(range, batch)):
        probs = log_probs[place].exp().tolist()
        expected = [sum(p * float(each) for p, each in zip(probs, row, strict=True)) for row in loss]
        np.testing.assert_allclose(found.expected_losses[place], expected)
        assert int(found.actions[place]) == min(range(4), key=expected.__getitem__)
        assert float(found.expected_loss[place]) == pytest.approx(min(expected))


def test_zero_one_loss_decides_for_the_most_probable_state_and_refers_where_it_is_not_sure_enough(generator):
    log_probs = random_log_probs((200,), 4, generator)
    found = decide(log_probs, with_referral(1 - torch.eye(4), cost=0.5)).actions
    sure, top = log_probs.exp().max(-1)
    assert 0 < (found == 4).sum() < 200
    torch.testing.assert_close(found, torch.where(sure < 0.5, 4, top))


def test_an_impossible_row_has_no_action():
    found = decide(torch.full((2, 2), -torch.inf), [[0.0, 1.0], [1.0, 0.0]])
    assert found.actions.tolist() == [-1, -1] and bool(found.expected_losses.isnan().all())


@pytest.mark.parametrize("seed", range(30))
def test_thresholds_name_the_best_action_at_every_probability(seed):
    generator = torch.Generator().manual_seed(seed)
    loss = torch.randint(0, 6, (seed % 5 + 1, 2), generator=generator).double()  # integers: ties are frequent
    actions, at = thresholds(loss)
    assert len(at) == len(actions) - 1 and list(at) == sorted(set(at)) and all(0 < each < 1 for each in at)
    grid = torch.linspace(0.0005, 0.9995, 1000, dtype=torch.float64)
    chosen = torch.tensor(actions)[torch.searchsorted(torch.tensor(at, dtype=torch.float64), grid)]
    losses = decide(torch.stack([1 - grid, grid], -1).log(), loss).expected_losses
    torch.testing.assert_close(losses[torch.arange(1000), chosen], losses.min(-1).values)
    for i, action in enumerate(actions):  # each is somewhere better than those that are left
        others = [j for j in actions if j != action]
        inside = chosen == action
        assert i >= 0 and (
            not others or bool((losses[inside, action] < losses[inside][:, others].min(-1).values).any())
        )


def test_two_actions_have_the_textbook_threshold():
    miss, alarm, treated, clear = 7.0, 2.0, 0.5, 0.0
    _, [found] = thresholds([[clear, miss], [alarm, treated]])
    assert found == pytest.approx((alarm - clear) / (alarm - clear + miss - treated))


def test_a_loss_over_several_variables_is_expected_under_their_joint(generator):
    names, sizes = ("a", "b", "c"), (2, 3, 2)
    variables = [Variable(name, size) for name, size in zip(names, sizes, strict=True)]
    graph = FactorGraph(variables, [Factor("ab", ("a", "b")), Factor("bc", ("b", "c"))])
    tables = {
        "ab": torch.randn(5, 2, 3, generator=generator, dtype=torch.float64),
        "bc": torch.randn(3, 2, generator=generator, dtype=torch.float64),
    }
    loss = torch.randn(3, 2, 2, generator=generator, dtype=torch.float64)  # over c and a
    found = decide_jointly(infer(graph, tables), ["c", "a"], loss)
    for row in range(5):
        total, expected = 0.0, np.zeros(3)
        for a, b, c in product(*map(range, sizes)):
            weight = float((tables["ab"][row, a, b] + tables["bc"][b, c]).exp())
            total += weight
            expected += weight * loss[:, c, a].numpy()
        np.testing.assert_allclose(found.expected_losses[row], expected / total)
        assert int(found.actions[row]) == expected.argmin()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_probabilities_without_their_logarithm_are_refused_and_rounding_is_not(dtype, generator):
    log_probs = (5 * torch.randn(500, 3, generator=generator)).log_softmax(-1).to(dtype)
    log_probs[0] = -torch.inf  # impossible
    assert decide(log_probs, [[0.0, 1.0, 1.0]]).actions[:2].tolist() == [-1, 0]
    must = r"log_probs must be normalized log-probabilities, .* \(of probabilities, take the logarithm\); got a sum of"
    with pytest.raises(ValueError, match=must):
        decide(log_probs.exp(), [[0.0, 1.0, 1.0]])


def test_a_loss_may_be_a_frame():
    log_probs, loss = torch.tensor([[0.7, 0.3]]).log(), [[0.0, 9.0], [1.0, 0.0]]
    found, expected = decide(log_probs, pd.DataFrame(loss)), decide(log_probs, loss)
    torch.testing.assert_close(found.expected_losses, expected.expected_losses)


def test_a_wrong_loss_is_refused():
    log_probs = torch.tensor([[0.5, 0.5]]).log()
    with pytest.raises(
        ValueError, match=r"loss must have shape \(num_actions, 2\) with at least one action; got \(2, 3\)"
    ):
        decide(log_probs, torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"got \(0, 2\)"):
        decide(log_probs, torch.zeros(0, 2))
    with pytest.raises(ValueError, match=r"loss must be finite; got inf"):
        decide(log_probs, [[0.0, float("inf")]])
    with pytest.raises(ValueError, match="log_probs must be free of nan"):
        decide(torch.tensor([[0.5, float("nan")]]), [[0.0, 1.0]])
    with pytest.raises(TypeError, match="loss must be an array of numbers, a row an action and a column a state"):
        decide(log_probs, "log")
    with pytest.raises(ValueError, match=r"loss must have shape \(num_actions, 2\)"):
        thresholds([[0.0, 1.0, 2.0]])
    with pytest.raises(ValueError, match="cost must be finite"):
        with_referral([[0.0, 1.0]], float("nan"))
    posterior = infer(FactorGraph([Variable("a", 2)], [Factor("f", ("a",))]), {"f": torch.zeros(2)})
    with pytest.raises(ValueError, match="each of names must be one of 'a'; got 'b'"):
        decide_jointly(posterior, ["b"], [[0.0, 1.0]])
    with pytest.raises(ValueError, match=r"loss must have shape \(num_actions, 2\)"):
        decide_jointly(posterior, ["a"], [[0.0, 1.0, 2.0]])
