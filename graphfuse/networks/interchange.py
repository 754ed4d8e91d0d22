"""Networks from and to pgmpy and networkx; the one place that touches pgmpy.

pgmpy keeps the child of a conditional distribution first and its tables as probabilities; here the child is last and
tables are logarithms. Where pgmpy numbers the states of a variable, the variable has no names.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import networkx as nx
import torch
from torch import Tensor

from ..checks import check_type, invalid, listed
from ..graph import Factor, FactorGraph, Variable, bayesian_network
from .network import Network

if TYPE_CHECKING:
    from pgmpy.models import DiscreteBayesianNetwork, DiscreteMarkovNetwork
    from pgmpy.models import FactorGraph as PgmpyFactorGraph

_TOLERANCE = 1e-6


def from_pgmpy(model: "DiscreteBayesianNetwork | DiscreteMarkovNetwork | PgmpyFactorGraph") -> Network:
    """The network of a pgmpy model, in float64.

    A factor of a Bayesian network is named after its child, which is last in its scope; any other factor is named
    after its scope, with a number where several share it. States that are not strings become strings; states numbered
    from zero become unnamed. Tables that list the states of a variable in different orders are brought into one.

    Args:
        model: A DiscreteBayesianNetwork, a DiscreteMarkovNetwork or a FactorGraph of pgmpy.

    Raises:
        TypeError: If the model is of another type, or a variable is not named by a string.
        ValueError: If a variable has no table, if tables disagree about the states of a variable, or if a table holds
            a negative number or none.

    Example:
        >>> from pgmpy.factors.discrete import TabularCPD
        >>> from pgmpy.models import DiscreteBayesianNetwork
        >>> model = DiscreteBayesianNetwork([("flu", "fever")])
        >>> model.add_cpds(TabularCPD("flu", 2, [[0.9], [0.1]]))
        >>> model.add_cpds(TabularCPD("fever", 2, [[0.95, 0.2], [0.05, 0.8]], ["flu"], [2]))
        >>> from_pgmpy(model).log_tables["fever"].exp()
        tensor([[0.9500, 0.0500],
                [0.2000, 0.8000]], dtype=torch.float64)
    """
    from pgmpy.models import DiscreteBayesianNetwork, DiscreteMarkovNetwork
    from pgmpy.models import FactorGraph as PgmpyFactorGraph

    directed = isinstance(model, DiscreteBayesianNetwork)
    if directed:
        found = [(cpd.variable, cpd) for cpd in model.get_cpds()]
        nodes = list(model.nodes)
        names = nodes
    elif isinstance(model, DiscreteMarkovNetwork | PgmpyFactorGraph):
        factors = list(model.get_factors())
        kinds = set(map(type, factors))
        nodes = [node for node in model.nodes if type(node) not in kinds]
        names = [name for factor in factors for name in factor.scope()]
        found = list(zip(_names_of([factor.scope() for factor in factors]), factors, strict=True))
    else:
        must = "be a DiscreteBayesianNetwork, a DiscreteMarkovNetwork or a FactorGraph of pgmpy"
        raise invalid("model", must, type(model).__name__, TypeError)
    for node in nodes:
        check_type("each variable of model", node, str, "be named by a string")
    absent = [node for node in nodes if node not in ([name for name, _ in found] if directed else names)]
    if absent:
        raise invalid("model", "have a table for every variable", f"none for {listed(absent)}")
    if directed:
        found.sort(key=lambda pair: nodes.index(pair[0]))
    states = _states_of([factor for _, factor in found])
    variables = [Variable(node, len(states[node]), _named(states[node])) for node in nodes]
    scopes, tables = {}, {}
    for name, factor in found:
        scope, table = list(factor.variables), _table_of(name, factor, states)
        if directed:
            scope, table = [*scope[1:], scope[0]], table.movedim(0, -1)
        scopes[name], tables[name] = tuple(scope), table.contiguous()
    return Network(FactorGraph(variables, [Factor(name, scope) for name, scope in scopes.items()]), tables)


def to_pgmpy_bayesian_network(network: Network) -> "DiscreteBayesianNetwork":
    """A Bayesian network of pgmpy, from a network whose factors are conditional distributions.

    Args:
        network: One factor per variable, named after it, whose table sums to one over it within 1e-6.

    Raises:
        ValueError: If a variable has no such factor, if a factor is named after no variable, if a table is no
            conditional distribution (the factor is named), or if the parents close a directed cycle.

    Example:
        >>> from graphfuse import bayesian_network
        >>> graph = bayesian_network([Variable("flu", 2, states=("no", "yes"))], {})
        >>> model = to_pgmpy_bayesian_network(Network(graph, {"flu": torch.tensor([0.9, 0.1]).log()}))
        >>> model.get_cpds("flu").state_names
        {'flu': ['no', 'yes']}
    """
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    graph = network.graph
    for name, scope in graph.scopes.items():
        if name not in scope:
            raise invalid(f"factor {name!r} of network", "be named after a variable in its scope", f"scope {scope}")
        total = network.log_tables[name].detach().exp().double().sum(scope.index(name))
        worst = total.flatten()[(total - 1).abs().argmax()]
        if not abs(worst - 1) <= _TOLERANCE:
            must = f"be a conditional distribution of {name!r}, which sums to one"
            raise invalid(f"log_tables[{name!r}] over {scope}", must, f"a sum of {worst:.6g}")
    absent = [name for name in graph.variable_names if name not in graph.scopes]
    if absent:
        raise invalid("network", "have a factor named after every variable", f"none for {listed(absent)}")
    parents = {child: [name for name in scope if name != child] for child, scope in graph.scopes.items()}
    bayesian_network(graph.variables, parents)  # refuses a cycle
    model = DiscreteBayesianNetwork()
    model.add_nodes_from(graph.variable_names)
    model.add_edges_from((parent, child) for child in parents for parent in parents[child])
    for child, scope in graph.scopes.items():
        table = network.log_tables[child].detach().cpu().exp().movedim(scope.index(child), 0)
        model.add_cpds(
            TabularCPD(
                child,
                graph.num_states[child],
                table.reshape(graph.num_states[child], -1).numpy(),
                evidence=parents[child],
                evidence_card=list(graph.shape(parents[child])),
                state_names=_state_names(graph, scope),
            )
        )
    return model


def to_pgmpy_markov_network(network: Network) -> "DiscreteMarkovNetwork":
    """A Markov network of pgmpy with the same factors, in the same order; their names are lost.

    A variable in no factor gets a table of ones, which pgmpy needs to know its states.

    Raises:
        ValueError: If a factor has an empty scope or a table too large for a probability.

    Example:
        >>> from graphfuse import chain
        >>> graph = chain([Variable("a", 2), Variable("b", 2)])
        >>> tables = {"a": torch.zeros(2), "b": torch.zeros(2), "a-b": torch.zeros(2, 2)}
        >>> [factor.scope() for factor in to_pgmpy_markov_network(Network(graph, tables)).get_factors()]
        [['a'], ['b'], ['a', 'b']]
    """
    from pgmpy.models import DiscreteMarkovNetwork

    model = DiscreteMarkovNetwork()
    model.add_nodes_from(network.graph.variable_names)
    for scope, table in _tables_for_pgmpy(network):
        model.add_edges_from((a, b) for place, a in enumerate(scope) for b in scope[:place])
        model.add_factors(_discrete_factor(network.graph, scope, table))
    return model


def to_pgmpy_factor_graph(network: Network) -> "PgmpyFactorGraph":
    """A factor graph of pgmpy with the same factors; their names are lost.

    pgmpy finds a factor by its variables, so factors over the same variables are multiplied into one. A variable in no
    factor gets a table of ones.

    Raises:
        ValueError: If a factor has an empty scope or a table too large for a probability.

    Example:
        >>> from graphfuse import star
        >>> network = Network(star(Variable("coin", 2), sources=["toss"]), {
        ...     "prior": torch.tensor([0.5, 0.5]).double().log(), "toss": torch.tensor([0.2, 0.6]).double().log()
        ... })
        >>> to_pgmpy_factor_graph(network).get_factors()[0].values.round(6).tolist()
        [0.1, 0.3]
    """
    from pgmpy.models import FactorGraph as PgmpyFactorGraph

    merged: dict[frozenset[str], tuple[tuple[str, ...], Tensor]] = {}
    for scope, table in _tables_for_pgmpy(network):
        if (first := merged.get(frozenset(scope))) is None:
            merged[frozenset(scope)] = scope, table
        else:
            merged[frozenset(scope)] = first[0], first[1] * table.permute([scope.index(name) for name in first[0]])
    model = PgmpyFactorGraph()
    model.add_nodes_from(network.graph.variable_names)
    for scope, table in merged.values():
        factor = _discrete_factor(network.graph, scope, table)
        model.add_factors(factor)
        model.add_node(factor)
        model.add_edges_from((name, factor) for name in scope)
    return model


def to_networkx(model: Network | FactorGraph) -> "nx.Graph[Any]":
    """A bipartite graph of variables and factors.

    Nodes are ``("variable", name)`` and ``("factor", name)``, since a factor may be named after a variable. Both have
    the attributes ``kind`` and ``name``; a variable has ``num_states`` and ``states``, a factor its ``scope``, in
    order, and of a network its ``log_table``.

    Example:
        >>> from graphfuse import star
        >>> list(to_networkx(star(Variable("label", 2), sources=[])).edges)
        [(('variable', 'label'), ('factor', 'prior'))]
    """
    check_type("model", model, (Network, FactorGraph), "be a Network or a FactorGraph")
    graph = model.graph if isinstance(model, Network) else model
    found: nx.Graph[Any] = nx.Graph()
    for variable in graph.variables:
        attributes = {"name": variable.name, "num_states": variable.num_states, "states": variable.states}
        found.add_node(("variable", variable.name), kind="variable", **attributes)
    for factor in graph.factors:
        node = ("factor", factor.name)
        found.add_node(node, kind="factor", name=factor.name, scope=factor.scope)
        if isinstance(model, Network):
            found.nodes[node]["log_table"] = model.log_tables[factor.name]
        found.add_edges_from((("variable", name), node) for name in factor.scope)
    return found


def from_networkx(graph: "nx.Graph[Any]") -> Network:
    """The network of a bipartite graph as ``to_networkx`` makes it, with a ``log_table`` at every factor.

    Raises:
        ValueError: If a node lacks an attribute, or edges and scopes disagree.

    Example:
        >>> from graphfuse import star
        >>> network = Network(star(Variable("label", 2), sources=[]), {"prior": torch.zeros(2)})
        >>> from_networkx(to_networkx(network)).graph == network.graph
        True
    """
    structure = structure_from_networkx(graph)
    tables = {}
    for node, attributes in graph.nodes(data=True):
        if attributes["kind"] == "factor":
            tables[attributes["name"]] = _attribute(node, attributes, "log_table")
    return Network(structure, tables)


def structure_from_networkx(graph: "nx.Graph[Any]") -> FactorGraph:
    """The variables and factors of a bipartite graph as ``to_networkx`` makes it; tables are ignored.

    Raises:
        ValueError: If a node lacks an attribute, or edges and scopes disagree.

    Example:
        >>> from graphfuse import star
        >>> structure_from_networkx(to_networkx(star(Variable("label", 2), sources=["audio"]))).scopes
        {'prior': ('label',), 'audio': ('label',)}
    """
    check_type("graph", graph, nx.Graph, "be a graph of networkx")
    variables, factors = [], []
    for node, attributes in graph.nodes(data=True):
        kind, name = _attribute(node, attributes, "kind"), _attribute(node, attributes, "name")
        if kind == "variable":
            variables.append(Variable(name, _attribute(node, attributes, "num_states"), attributes.get("states")))
        elif kind == "factor":
            factor = Factor(name, _attribute(node, attributes, "scope"))
            neighbors = {graph.nodes[other].get("name") for other in graph[node]}
            if neighbors != set(factor.scope):
                must = f"be joined to the variables of its scope {factor.scope}"
                raise invalid(f"node {node!r} of graph", must, listed(sorted(map(str, neighbors))))
            factors.append(factor)
        else:
            raise invalid(f"attribute 'kind' of node {node!r}", "be 'variable' or 'factor'", repr(kind))
    return FactorGraph(variables, factors)


def _attribute(node: object, attributes: dict[str, Any], name: str) -> Any:
    if name not in attributes:
        raise invalid(f"node {node!r} of graph", f"have the attribute {name!r}", listed(attributes))
    return attributes[name]


def _names_of(scopes: Iterable[Sequence[str]]) -> list[str]:
    """A different name for every scope."""
    names: list[str] = []
    for scope in scopes:
        name = base = "-".join(map(str, scope))
        number = 1
        while name in names:
            number += 1
            name = f"{base} ({number})"
        names.append(name)
    return names


def _states_of(factors: Iterable[Any]) -> dict[str, list[Any]]:
    """By variable, its states in the order of the table that names it first, as its child if there is one."""
    states: dict[str, list[Any]] = {}
    tables = list(factors)
    firsts = [(table.variables[0], table.state_names) for table in tables]
    for name, state_names in firsts + [(name, table.state_names) for table in tables for name in table.variables]:
        own = list(state_names[name])
        if set(own) != set(states.setdefault(name, own)):
            must = "name the same states everywhere"
            raise invalid(f"tables of model over {name!r}", must, f"{listed(states[name])} and {listed(own)}")
    return states


def _named(states: Sequence[Any]) -> tuple[str, ...] | None:
    return None if list(states) == list(range(len(states))) else tuple(map(str, states))


def _table_of(name: str, factor: Any, states: dict[str, list[Any]]) -> Tensor:
    """The log-table of a pgmpy factor, over its variables in its order, states in the common order."""
    values = torch.tensor(factor.values.tolist(), dtype=torch.float64)
    if not bool((values >= 0).all()):
        raise invalid(f"the table of {name!r} in model", "hold no negative number and no nan", float(values.min()))
    for axis, variable in enumerate(factor.variables):
        own = list(factor.state_names[variable])
        if own != states[variable]:
            values = values.index_select(axis, torch.tensor([own.index(state) for state in states[variable]]))
    return values.log()


def _tables_for_pgmpy(network: Network) -> list[tuple[tuple[str, ...], Tensor]]:
    """Scopes and probabilities of the factors, and tables of ones for variables without any."""
    found = []
    for name, scope in network.graph.scopes.items():
        table = network.log_tables[name].detach().cpu().exp()
        if not scope:
            raise invalid(f"factor {name!r} of network", "have a variable in its scope, for pgmpy", "an empty scope")
        if not bool(table.isfinite().all()):
            highest = float(network.log_tables[name].max())
            raise invalid(f"log_tables[{name!r}]", "have a finite exponential, for pgmpy", highest)
        found.append((scope, table))
    used = {name for scope, _ in found for name in scope}
    return found + [
        ((name,), torch.ones(network.graph.shape((name,)))) for name in network.graph.variable_names if name not in used
    ]


def _discrete_factor(graph: FactorGraph, scope: tuple[str, ...], table: Tensor) -> Any:
    from pgmpy.factors.discrete import DiscreteFactor

    return DiscreteFactor(list(scope), list(graph.shape(scope)), table.numpy(), state_names=_state_names(graph, scope))


def _state_names(graph: FactorGraph, scope: Iterable[str]) -> dict[str, list[Any]]:
    """By variable the names of its states, or their numbers."""
    variables = map(graph.variable, scope)
    return {variable.name: list(variable.states or range(variable.num_states)) for variable in variables}
