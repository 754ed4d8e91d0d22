"""An intervention cuts a variable from its causes and nothing else: compared with listing, and with pgmpy."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import Evidence, Variable, bayesian_network, markov_network
from graphfuse.networks import Network, read_network, to_pgmpy_bayesian_network

EXAMPLES = Path((find_spec("pgmpy") or pytest.skip("pgmpy is missing", allow_module_level=True)).origin).parent / (
    "utils/example_models"
)
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # pgmpy gives one when it is imported
STATES = ("no", "yes")
RAIN = Network(
    bayesian_network(
        [Variable("rain", 2, STATES), Variable("hose", 2, ("off", "on")), Variable("grass", 2, ("dry", "wet"))],
        {"hose": ["rain"], "grass": ["rain", "hose"]},
    ),
    {
        "rain": torch.tensor([0.8, 0.2], dtype=torch.float64).log(),
        "hose": torch.tensor([[0.6, 0.4], [0.99, 0.01]], dtype=torch.float64).log(),
        "grass": torch.tensor([[[1.0, 0.0], [0.1, 0.9]], [[0.2, 0.8], [0.01, 0.99]]], dtype=torch.float64).log(),
    },
)


@st.composite
def networks(draw: st.DrawFn, smallest: int = 1) -> Network:
    """Bayesian networks of a few variables with random tables."""
    sizes = draw(st.lists(st.integers(smallest, 3), min_size=2, max_size=6))
    names = [f"v{i}" for i in range(len(sizes))]
    parents = {
        name: draw(st.lists(st.sampled_from(names[:i]), max_size=3, unique=True)) for i, name in enumerate(names) if i
    }
    graph = bayesian_network([Variable(name, size) for name, size in zip(names, sizes, strict=True)], parents)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    tables = {
        name: torch.randn(graph.shape(scope), generator=generator, dtype=torch.float64).log_softmax(-1)
        for name, scope in graph.scopes.items()
    }
    return Network(graph, tables)


def listed_joint(network: Network, settings: dict[str, torch.Tensor]) -> torch.Tensor:
    """The probability of every joint state, with one axis a variable: the truncated product of all tables."""
    names = list(network.graph.variable_names)
    joint = torch.ones([1] * len(names), dtype=torch.float64)
    for name, scope in network.graph.scopes.items():
        axes, table = ([name], settings[name]) if name in settings else (list(scope), network.log_tables[name].exp())
        order = sorted(axes, key=names.index)
        table = table.permute([axes.index(each) for each in order])
        joint = joint * table.reshape([network.graph.num_states[each] if each in axes else 1 for each in names])
    return joint


@settings(max_examples=20, deadline=None)
@given(networks(), st.data())
def test_an_intervention_leaves_out_the_tables_of_what_is_set_for_every_row_of_evidence(network, data):
    graph = network.graph
    chosen = data.draw(st.lists(st.sampled_from(graph.variable_names), unique=True, max_size=3))
    hard = {name: data.draw(st.integers(0, graph.num_states[name] - 1)) for name in chosen[:2]}
    soft = {name: torch.rand(graph.num_states[name], dtype=torch.float64).softmax(0) for name in chosen[2:]}
    settings = {name: torch.eye(graph.num_states[name], dtype=torch.float64)[state] for name, state in hard.items()}
    joint = listed_joint(network, {**settings, **soft})
    found = network.do({**hard, **{name: dict(enumerate(each.tolist())) for name, each in soft.items()}})
    rows = {
        name: torch.tensor(data.draw(st.lists(st.integers(-1, size - 1), min_size=3, max_size=3)))
        for name, size in graph.num_states.items()
        if name not in chosen
    }
    posterior = found.infer(Evidence(hard=rows) if rows else None)
    for row in range(3):
        seen = joint
        for axis, name in enumerate(graph.variable_names):
            if name in rows and rows[name][row] >= 0:
                shape = [graph.num_states[name] if each == axis else 1 for each in range(joint.ndim)]
                seen = seen * torch.eye(graph.num_states[name], dtype=torch.float64)[rows[name][row]].reshape(shape)
        log_partition = posterior.log_partition.expand(3)[row]
        torch.testing.assert_close(log_partition.exp(), seen.sum(), rtol=1e-9, atol=1e-12)
        for axis, name in enumerate(graph.variable_names):
            expected = seen.sum([other for other in range(seen.ndim) if other != axis]) / seen.sum()
            marginal = posterior.marginal(name).expand(3, -1)[row]
            torch.testing.assert_close(marginal, expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=8, deadline=None)
@given(networks(smallest=2), st.data())  # one variable: pgmpy adjusts for parents, also for those that are set
def test_what_is_not_a_cause_answers_as_causal_inference_of_pgmpy(network, data):
    import networkx as nx
    from pgmpy.inference import CausalInference

    graph = network.graph
    chosen = data.draw(st.sampled_from(graph.variable_names))
    setting = {chosen: data.draw(st.integers(0, graph.num_states[chosen] - 1))}
    directed = nx.DiGraph((parent, child) for child, scope in graph.scopes.items() for parent in scope[:-1])
    directed.add_nodes_from(graph.variable_names)
    causes = nx.ancestors(directed, chosen)
    posterior = network.do(setting).infer()
    judge = CausalInference(to_pgmpy_bayesian_network(network))
    for name in graph.variable_names:
        if name in causes or name in setting:
            continue
        factor = judge.query([name], do=setting, show_progress=False)
        torch.testing.assert_close(posterior.marginal(name), torch.from_numpy(factor.values), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "setting", "seen", "asked"),
    [
        ("asia", {"smoke": "no", "either": "yes"}, ["xray", "dysp"], ["lung", "tub", "bronc"]),
        ("child", {"LungParench": "Normal"}, ["Age", "XrayReport", "CO2Report"], ["Disease", "HypoxiaInO2", "Sick"]),
        ("alarm", {"VENTLUNG": "LOW", "CATECHOL": "HIGH"}, ["HRBP", "EXPCO2"], ["INTUBATION", "CO", "VENTALV"]),
    ],
)
def test_rows_of_evidence_after_an_intervention_are_answered_as_by_the_mutilated_network_of_pgmpy(
    name, setting, seen, asked
):
    from pgmpy.inference import VariableElimination

    network = read_network(EXAMPLES / f"{name}.bif.gz")
    cases = pd.DataFrame(
        [{each: network.graph.variable(each).states[row % 2] if (row + i) % 3 else None for i, each in enumerate(seen)}
         for row in range(4)]
    )  # fmt: skip
    posterior = network.do(setting).infer(cases, targets=asked)
    judge = VariableElimination(to_pgmpy_bayesian_network(network).do(list(setting)))
    for row, case in enumerate(cases.to_dict("records")):
        given = {key: label for key, label in case.items() if isinstance(label, str)}
        for target in asked:
            factor = judge.query([target], evidence={**given, **setting}, show_progress=False)
            assert list(factor.state_names[target]) == list(network.graph.variable(target).states)
            expected = torch.from_numpy(factor.values)
            torch.testing.assert_close(posterior.marginal(target)[row], expected, rtol=1e-5, atol=1e-7)


def test_what_is_set_tells_of_its_effects_and_not_of_its_causes_while_what_is_seen_tells_of_both():
    seen, done = RAIN.infer({"hose": "on"}), RAIN.do({"hose": "on"}).infer()
    torch.testing.assert_close(done.marginal("rain"), torch.tensor([0.8, 0.2], dtype=torch.float64))
    assert seen.marginal("rain")[1] < 0.01
    assert float(done.marginal("grass")[1]) == pytest.approx(0.8 * 0.9 + 0.2 * 0.99)
    assert done.marginal("hose").tolist() == [0.0, 1.0]


def test_of_a_variable_without_causes_setting_is_seeing():
    seen, done = RAIN.infer({"rain": "yes"}), RAIN.do({"rain": "yes"}).infer()
    torch.testing.assert_close(done.marginal("grass"), seen.marginal("grass"))
    assert float(done.log_partition) == pytest.approx(0)


def test_a_variable_set_by_chance_is_a_mixture_of_settings():
    mixed = RAIN.do({"hose": {"on": 0.3, "off": 0.7}}).infer().marginal("grass")
    off, on = (RAIN.do({"hose": label}).infer().marginal("grass") for label in ("off", "on"))
    torch.testing.assert_close(mixed, 0.7 * off + 0.3 * on)
    torch.testing.assert_close(RAIN.do({"hose": {"on": 1}}).infer().marginal("grass"), on)


def test_every_other_table_is_the_same_and_the_network_asked_is_unchanged():
    done = RAIN.do({"hose": "on"})
    assert done.graph.scopes == {"rain": ("rain",), "hose": ("hose",), "grass": ("rain", "hose", "grass")}
    assert done.log_tables["grass"] is RAIN.log_tables["grass"]
    assert RAIN.graph.scopes["hose"] == ("rain", "hose")
    assert RAIN.do({}).graph == RAIN.graph


def test_samples_and_decisions_obey_an_intervention():
    done = RAIN.do({"hose": "on"})
    drawn = done.sample(20_000, torch.Generator().manual_seed(0))
    assert drawn["hose"].double().mean() == 1
    assert float(drawn["rain"].double().mean()) == pytest.approx(0.2, abs=0.01)
    assert {name: int(state) for name, state in done.decode({"grass": "wet"}).items()} == {
        "rain": 0, "hose": 1, "grass": 1,
    }  # fmt: skip


def test_an_intervention_after_another_is_both_together():
    one_by_one, together = RAIN.do({"hose": "on"}).do({"rain": "yes"}), RAIN.do({"rain": "yes", "hose": "on"})
    torch.testing.assert_close(one_by_one.infer().marginal("grass"), together.infer().marginal("grass"))


def test_an_effect_is_differentiable_in_the_tables():
    rain = torch.tensor([0.8, 0.2], dtype=torch.float64, requires_grad=True)
    network = Network(RAIN.graph, {**RAIN.log_tables, "rain": rain.log()})
    (gradient,) = torch.autograd.grad(network.do({"hose": "on"}).infer().marginal("grass")[1], rain)
    torch.testing.assert_close(gradient[1] - gradient[0], torch.tensor(0.99 - 0.9, dtype=torch.float64))


def test_an_intervention_on_a_markov_network_is_refused():
    graph = markov_network([Variable("a", 2), Variable("b", 2)], [("a", "b")])
    network = Network(graph, {name: torch.zeros(graph.shape(scope)) for name, scope in graph.scopes.items()})
    with pytest.raises(ValueError, match=r"network must be a Bayesian network, .* is not \(factor 'a-b' of"):
        network.do({"a": 1})
    potentials = Network(RAIN.graph, {name: table + 1 for name, table in RAIN.log_tables.items()})
    with pytest.raises(ValueError, match=r"got one that is not \(log_tables\['rain'\].* a sum of 2.718"):
        potentials.do({"rain": "yes"})


@pytest.mark.parametrize(
    ("interventions", "error", "message"),
    [
        ({"hoes": "on"}, ValueError, "each variable in interventions .* got 'hoes' .did you mean 'hose'"),
        ({"hose": "open"}, ValueError, r"interventions\['hose'\] must be one of 'off', 'on'; got 'open'"),
        ({"hose": None}, ValueError, r"interventions\['hose'\] must be one of 'off', 'on'; got None"),
        ({"hose": ["off", "on"]}, TypeError, r"interventions\['hose'\] must be one label, .*; got \['off', 'on'\]"),
        ({"hose": {"open": 1.0}}, ValueError, r"each label in interventions\['hose'\] .* got 'open'"),
        ({"hose": {"on": 0.3}}, ValueError, r"interventions\['hose'\] .* sum to 1; got a sum of 0.3"),
        ({"hose": {"on": 1.3, "off": -0.3}}, ValueError, r"\['hose'\]\['off'\] must be at least 0; got -0.3"),
        ({"hose": {"on": float("nan")}}, ValueError, r"\['hose'\]\['on'\] must be at least 0; got nan"),
        ({"hose": {"on": "1"}}, TypeError, r"\['hose'\]\['on'\] must be a number; got '1'"),
        ("hose", TypeError, "interventions must be a mapping from variables .*; got str"),
    ],
)
def test_an_intervention_that_does_not_fit_is_refused_by_name(interventions, error, message):
    with pytest.raises(error, match=message):
        RAIN.do(interventions)


def test_a_state_without_a_name_is_set_by_its_number_and_named_once():
    graph = bayesian_network([Variable("a", 2), Variable("b", 2)], {"b": ["a"]})
    network = Network(graph, {"a": torch.tensor([0.5, 0.5]).log(), "b": torch.full((2, 2), 0.5).log()})
    assert network.do({"b": 1.0}).infer().marginal("b").tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match=r"interventions\['grass'\] must name each state once; got 'wet' and Wet\(\)"):
        RAIN.do({"grass": {"wet": 0.5, Wet(): 0.5}})


class Wet:
    """A label that is written as another is."""

    def __repr__(self) -> str:
        return "Wet()"

    def __str__(self) -> str:
        return "wet"
