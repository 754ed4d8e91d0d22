"""The experiment on signals: its expected counts are those of a list of all states, and it runs as a user runs it."""

import sys
from itertools import product
from pathlib import Path

import pytest
import torch
from scipy.stats import norm

from graphfuse import Evidence, infer
from graphfuse.problems import GaussianSignal, NetworkProblem, example_network, mean_kl

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "examples" / "experiments" / "known_truth_signals.py"


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        import known_truth_signals

        yield known_truth_signals


@pytest.fixture(scope="module")
def latent(script):
    import latent_states

    return latent_states


@pytest.fixture(scope="module")
def problem() -> NetworkProblem:
    signal = GaussianSignal(torch.tensor([0.0, 1.0]), 0.5)
    groups = {"person": ["Pollution", "Smoker"], "chest": ["Xray", "Dyspnoea"]}
    readings = {name: signal for group in groups.values() for name in group}
    return NetworkProblem(example_network("cancer"), ["Cancer"], groups, readings)


def test_expected_counts_are_those_of_a_list_of_all_states(script, latent, problem, generator):
    batch = problem.draw(8, generator)
    seen = script.values(problem, batch)
    readings = {name: latent.LearnedSignal(each.means, each.scale) for name, each in problem.readings.items()}
    found = latent.expected(problem.network, readings, latent.Rows(batch.targets, seen))
    names = problem.network.graph.variable_names
    expected = {name: torch.zeros_like(table) for name, table in problem.network.log_tables.items()}
    moments = {name: torch.zeros(3, 2, dtype=torch.float64) for name in seen}
    for row in range(8):
        weights = {}
        for states in product((0, 1), repeat=len(names)):
            case = dict(zip(names, states, strict=True))
            weight = float(case["Cancer"] == batch.targets["Cancer"][row])
            for name, scope in problem.network.graph.scopes.items():
                weight *= problem.network.log_tables[name][tuple(case[each] for each in scope)].exp().item()
            for name, each in seen.items():
                weight *= norm.pdf(each[row].item(), case[name], 0.5)
            weights[states] = weight
        for states, weight in weights.items():
            case, share = dict(zip(names, states, strict=True)), weight / sum(weights.values()) / 8
            for name, scope in problem.network.graph.scopes.items():
                expected[name][tuple(case[each] for each in scope)] += share
            for name, each in seen.items():
                moments[name][:, case[name]] += share * each[row] ** torch.arange(3)
    for name, table in expected.items():
        torch.testing.assert_close(found[name], table, rtol=1e-4, atol=1e-6)
    for name, table in moments.items():
        torch.testing.assert_close(found[f"reading of {name}"], table, rtol=1e-4, atol=1e-5)


def test_moments_of_known_states_give_back_the_reading(latent, generator):
    true = latent.LearnedSignal(torch.tensor([-1.0, 0.5, 3.0]), 0.4)
    states = torch.arange(6000) % 3
    seen = true.sample(states, generator).double()
    weights = torch.nn.functional.one_hot(states, 3).double()
    found = true.learned(true.counts(weights, seen), 0.0)
    torch.testing.assert_close(found.means, true.means, rtol=0, atol=0.04)
    torch.testing.assert_close(found.scale, true.scale, rtol=0, atol=0.02)


def test_em_from_signals_alone_comes_near_the_truth_and_nearer_than_the_prior(script, problem, generator):
    train, test = problem.draw(4000, generator), problem.draw(500, generator)
    true = problem.true_posterior(test)
    found = script.learned_given(problem, train, 4, generator).true_posterior(test)
    nothing = test.keep({name: torch.zeros(500, dtype=torch.bool) for name in test.modalities})
    assert mean_kl(true, found) < 0.3 * mean_kl(true, problem.true_posterior(nothing))


def test_states_are_drawn_as_often_as_they_are_likely(script, latent, problem, generator):
    rows = script.seen_in(problem, problem.draw(1, generator))
    many = rows[torch.zeros(20_000, dtype=torch.int64)]
    found = latent.drawn(problem.network, problem.readings, many, generator)
    evidence = Evidence(rows.labels, latent.likelihoods(problem.readings, rows))
    expected = infer(problem.network.graph, problem.network.log_tables, evidence).log_marginals
    for name, states in found.items():
        assert float((states == 1).double().mean()) == pytest.approx(float(expected[name].exp()[0, 1]), abs=0.02)


def test_a_network_learned_from_signals_alone_is_much_nearer_to_the_truth_than_the_prior(script, problem, generator):
    train, test = problem.draw(4000, generator), problem.draw(500, generator)
    true = problem.true_posterior(test)
    found = script.learned_alone(problem, train, passes=4, rounds=2).true_posterior(test)
    nothing = test.keep({name: torch.zeros(500, dtype=torch.bool) for name in test.modalities})
    assert mean_kl(true, found) < 0.3 * mean_kl(true, problem.true_posterior(nothing))


@pytest.mark.slow
def test_the_experiment_writes_the_table_that_it_prints(script, tmp_path, monkeypatch, capsys):
    arguments = [
        "--networks",
        "child",
        "--models",
        "prior",
        "--rows",
        "500",
        "--tests",
        "100",
        "--passes",
        "1",
        "--rounds",
        "2",
    ]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments, "--out", str(tmp_path)])
    script.main()
    printed = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.splitlines() if line[:1] == "|"]
    figures = {row[1]: [float(cell) for cell in row[2:]] for row in rows[2:]}
    assert list(figures) == [
        "true structure, states seen",
        "true structure, signals alone",
        "learned structure, states seen",
        "learned structure, signals alone",
        "prior",
        "prior, fitted with gaps",
        "best without a graph",
    ]
    assert figures["true structure, states seen"][0] < 0.3 * figures["prior"][0]
    assert figures["best without a graph"] == figures["prior"]
    assert printed.split("\n\n")[0] in (tmp_path / "known_truth_signals.md").read_text()


def test_sizes_that_do_not_fit_are_refused(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--passes", "0"])
    with pytest.raises(SystemExit):
        script.main()
    assert "--passes must be at least 1; got 0." in capsys.readouterr().err
