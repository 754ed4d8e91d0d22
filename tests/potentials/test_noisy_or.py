"""The noisy-OR and the noisy-MAX are what their independent causes make of the effect."""

from itertools import product
from math import prod

import pytest
import torch

from graphfuse import Evidence, Factor, FactorGraph, Variable, infer
from graphfuse.logspace import log_complement
from graphfuse.potentials import NoisyMaxPotential, NoisyOrPotential
from tests.graphs import assert_close

PROBABILITIES = torch.tensor([0.8, 0.5, 0.05], dtype=torch.float64)


def random_rows(*shape, generator):
    return torch.rand(shape, generator=generator, dtype=torch.float64).log().softmax(-1)


def listed_maximum(tables, leak):
    """P(effect | causes) by listing what every cause and the leak may have drawn."""
    size = len(leak)
    shape = [len(table) + 1 for table in tables]
    found = torch.zeros(*shape, size, dtype=leak.dtype)
    for states in product(*map(range, shape)):
        for drawn in product(range(size), repeat=len(tables) + 1):
            chances = [float(leak[drawn[-1]])]
            for table, state, result in zip(tables, states, drawn[:-1], strict=True):
                chances.append(float(table[state - 1, result]) if state else float(result == 0))
            found[(*states, max(drawn))] += prod(chances)
    return found


@pytest.mark.parametrize("num_causes", [0, 1, 2, 3])
@pytest.mark.parametrize("leak", [0.0, 0.1, 1.0])
def test_a_noisy_or_is_the_listing_of_its_hidden_inhibitors(num_causes, leak):
    probabilities = PROBABILITIES[:num_causes]
    tables = [torch.stack([1 - p, p]).unsqueeze(0) for p in probabilities]
    expected = listed_maximum(tables, torch.tensor([1 - leak, leak], dtype=torch.float64))
    assert_close(NoisyOrPotential.from_probabilities(probabilities, leak)().exp().detach(), expected)


def test_a_noisy_or_without_leak_equals_pgmpys():
    from pgmpy.factors.discrete import NoisyORCPD

    values = NoisyORCPD("effect", PROBABILITIES.tolist(), evidence=["a", "b", "c"]).values
    expected = torch.as_tensor(values).movedim(0, -1).flip(0, 1, 2, 3)  # there state 0 is True
    assert_close(NoisyOrPotential.from_probabilities(PROBABILITIES)().exp().detach(), expected)


@pytest.mark.parametrize("effect", [-1, 0, 1])
def test_causes_have_the_posterior_of_the_network_that_spells_the_inhibitors_out(effect):
    causes = [Variable(name, 2) for name in "abc"]
    links = [Variable(f"{name} works", 2) for name in "abc"]
    compact = FactorGraph([*causes, Variable("effect", 2)], [Factor("effect", ("a", "b", "c", "effect"))])
    spelled = FactorGraph(
        [*causes, *links, Variable("effect", 2)],
        [Factor(link.name, (cause.name, link.name)) for cause, link in zip(causes, links, strict=True)]
        + [Factor("effect", (*(link.name for link in links), "effect"))],
    )
    either = torch.full((2, 2, 2, 2), -torch.inf, dtype=torch.float64)
    for states in product(range(2), repeat=3):
        either[(*states, max(states))] = 0.0
    tables = {"effect": either}
    for link, p in zip(links, PROBABILITIES, strict=True):
        tables[link.name] = torch.tensor([[1.0, 0.0], [1 - p, p]], dtype=torch.float64).log()
    rare = {name: torch.tensor([0.0, -2.0], dtype=torch.float64) for name in "abc"}
    evidence = Evidence(hard={"effect": torch.tensor(effect)}, soft=rare)
    found = infer(compact, {"effect": NoisyOrPotential.from_probabilities(PROBABILITIES)()}, evidence)
    expected = infer(spelled, tables, evidence, targets=["a", "b", "c"])
    assert_close(found.log_partition.detach(), expected.log_partition)
    for name in "abc":
        assert_close(found.marginal(name).detach(), expected.marginal(name))


@pytest.mark.parametrize("num_parent_states", [(), (3,), (2, 4), (1, 2, 2)], ids=str)
@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_noisy_max_is_the_listing_of_what_every_cause_draws(num_parent_states, size, generator):
    tables = [random_rows(count - 1, size, generator=generator) for count in num_parent_states]
    leak = random_rows(size, generator=generator)
    table = NoisyMaxPotential.from_probabilities(tables, leak)().detach()
    assert_close(table.exp(), listed_maximum(tables, leak))
    assert_close(table.logsumexp(-1), torch.zeros(num_parent_states, dtype=torch.float64))


def test_a_noisy_max_of_excluded_states_is_the_listing_too():
    tables = [
        torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64),
        torch.tensor([[0.5, 0.0, 0.5]], dtype=torch.float64),
    ]
    for leak in ([1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]):
        leak = torch.tensor(leak, dtype=torch.float64)
        potential = NoisyMaxPotential.from_probabilities(tables, leak)
        assert_close(potential().exp().detach(), listed_maximum(tables, leak))


def test_a_noisy_max_of_two_states_is_the_noisy_or(generator):
    logits, leak = torch.randn(3, generator=generator).double(), torch.tensor(-1.5, dtype=torch.float64)
    weights = [torch.stack([torch.zeros_like(logit), logit]).unsqueeze(0) for logit in logits]
    noisy_max = NoisyMaxPotential(weights, torch.stack([torch.zeros_like(leak), leak]))
    assert_close(noisy_max().detach(), NoisyOrPotential(logits, leak)().detach())


@pytest.mark.parametrize("tiny", [1e-3, 1e-12, 1e-200])
def test_improbable_results_keep_their_precision(tiny):
    chance = torch.tensor([tiny], dtype=torch.float64)
    table = NoisyOrPotential.from_probabilities(chance)().detach()
    assert_close(table[1, 1], chance.log()[0])
    middle = torch.tensor([[0.5, tiny, 0.5 - tiny]], dtype=torch.float64)
    nothing = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    assert_close(NoisyMaxPotential.from_probabilities([middle], nothing)().detach()[1], middle[0].log())


@pytest.mark.parametrize("leak", [0.0, 0.3, 1.0])
def test_probabilities_of_zero_and_one_pass_finite_gradients_and_stay(leak):
    potential = NoisyOrPotential.from_probabilities(torch.tensor([0.0, 1.0, 0.4]), leak)
    table = potential()
    assert not bool(table.isnan().any())
    table[table > -torch.inf].sum().backward()
    certain = potential.logits.isinf()
    assert bool(potential.logits.grad.isfinite().all()) and bool(potential.leak_logit.grad.isfinite())
    assert bool((potential.logits - potential.logits.grad)[certain].isinf().all())
    excluded = NoisyMaxPotential.from_probabilities(
        [torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[0.5, 0.0, 0.5]])], torch.tensor([1 - leak, 0.0, leak])
    )
    table = excluded()
    assert not bool(table.isnan().any())
    table[table > -torch.inf].sum().backward()
    assert all(bool(parameter.grad.isfinite().all()) for parameter in excluded.parameters())


def test_training_on_expected_counts_finds_the_probabilities_of_the_causes():
    true = NoisyOrPotential.from_probabilities(PROBABILITIES, leak=0.1)().exp().detach()
    potential = NoisyOrPotential(torch.zeros(3).double(), torch.zeros(()).double())
    optimizer = torch.optim.LBFGS(potential.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = -(true * potential()).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert_close(potential.logits.sigmoid().detach(), PROBABILITIES, tolerance=1e-4)
    assert float(potential.leak_logit.detach().sigmoid()) == pytest.approx(0.1, abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_table_has_the_dtype_of_the_probabilities(dtype):
    assert NoisyOrPotential.from_probabilities(PROBABILITIES.to(dtype), 0.1)().dtype == dtype
    rows = torch.full((1, 2), 0.5, dtype=dtype)
    assert NoisyMaxPotential.from_probabilities([rows], rows[0])().dtype == dtype


def test_the_complement_of_a_log_probability_is_precise_at_both_ends():
    tiny = torch.tensor([1e-300, 1e-17, 0.3, 0.5, 0.9], dtype=torch.float64)
    assert_close(log_complement(torch.log1p(-tiny[2:])), tiny[2:].log())
    assert_close(log_complement(-tiny[:2]), tiny[:2].log())
    assert_close(log_complement(tiny[:2].log()), -tiny[:2])
    ends = torch.tensor([0.0, -torch.inf], requires_grad=True)
    found = log_complement(ends)
    assert found.tolist() == [-torch.inf, 0.0]
    found.sum().backward()
    assert ends.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NoisyOrPotential.from_probabilities(torch.tensor([0.5, 1.5])), "each of probabilities must be betw"),
        (lambda: NoisyOrPotential.from_probabilities(torch.tensor([torch.nan])), "each of probabilities .* got nan"),
        (lambda: NoisyOrPotential.from_probabilities(torch.tensor([0.5]), -0.1), "leak must be .* got -0.1"),
        (lambda: NoisyOrPotential.from_probabilities(torch.tensor([1])), "probabilities must be a floating-point"),
        (lambda: NoisyOrPotential.from_probabilities([0.5]), "probabilities must be a tensor; got list"),
        (lambda: NoisyOrPotential(torch.zeros(2, 2), torch.zeros(())), r"logits .* shape \(num_causes,\); got .*2, 2"),
        (lambda: NoisyOrPotential(torch.zeros(2), torch.zeros(1)), r"leak_logit .* shape \(\); got .*\(1,\)"),
        (lambda: NoisyOrPotential(torch.tensor([torch.nan]), torch.zeros(())), "must be free of nan; got nan"),
        (lambda: NoisyMaxPotential([torch.zeros(1, 2)], torch.zeros(3)), r"log_weights\[0\] must have shape .*, 3\)"),
        (lambda: NoisyMaxPotential([torch.zeros(2)], torch.zeros(2)), r"log_weights\[0\] must have shape \(num_st"),
        (lambda: NoisyMaxPotential([], torch.zeros(2, 2)), r"leak_log_weights must have shape \(num_effect_states,\)"),
        (lambda: NoisyMaxPotential([], torch.full((2,), -torch.inf)), "leak_log_weights must have a finite entry"),
        (lambda: NoisyMaxPotential(torch.zeros(1, 2), torch.zeros(2)), "log_weights must be a sequence .* got Tensor"),
        (
            lambda: NoisyMaxPotential.from_probabilities([torch.tensor([[0.5, 0.6]])], torch.tensor([1.0, 0.0])),
            r"tables\[0\] must sum to 1 over its last dimension, the child; got a row that sums to 1.1",
        ),
        (lambda: NoisyMaxPotential.from_probabilities([], torch.tensor([2.0, -1.0])), "leak must hold probabilities"),
    ],
)
def test_what_is_no_noisy_or_is_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
