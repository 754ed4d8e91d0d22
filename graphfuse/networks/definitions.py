"""The conditional tables of a Bayesian network as files list them, to and from a network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import torch

from ..checks import invalid, listed
from ..graph import Factor, FactorGraph, Variable
from .bayesian import TOLERANCE, check_structure, check_sums
from .network import Network
from .probabilities import decimals, log_table

MOST_VARIABLES = 64  # of one table; a tensor has no more dimensions
_LARGEST = 10**15  # what no file holds

Refusal = Callable[[str, object, int], Exception]


@dataclass(frozen=True)
class Definition:
    """A table of a file: over the parents and, fastest, the child; ``at`` is its place in the file, for messages."""

    child: str
    parents: tuple[str, ...]
    numbers: list[float]
    at: int


def network_of(
    variables: Mapping[str, Variable], declared: Mapping[str, int], definitions: Sequence[Definition], refusal: Refusal
) -> Network:
    """A Bayesian network of what a file declares, one factor per definition, in their order.

    Args:
        variables: By name, in order.
        declared: By variable, the place of its declaration.
        definitions: Tables whose child and parents are not checked yet.
        refusal: Makes an exception of what must stand at a place, what was found there, and the place.

    Raises:
        ValueError: If a name is unknown, a variable is defined twice, not at all, or among its own parents, if a
            table has another size than its scope or does not sum to one within 1e-6, or if parents close a cycle.
    """
    tables, scopes, places = {}, {}, {}
    for each in definitions:
        name, scope = each.child, (*each.parents, each.child)
        for other in scope:
            if other not in variables:
                raise refusal("declared variables", repr(other), each.at)
        if name in tables:
            raise refusal("one table per variable", f"another for {name!r}", each.at)
        if len(set(scope)) < len(scope):
            raise refusal("a variable and its parents, none of them twice", listed(reversed(scope)), each.at)
        if len(scope) > MOST_VARIABLES:
            raise refusal(f"at most {MOST_VARIABLES} variables in a table", len(scope), each.at)
        shape = [variables[other].num_states for other in scope]
        size = scope_size(shape)
        if size != len(each.numbers):
            must = f"{size or 'more than 10^15'} probabilities of {name!r} over {listed(scope)}"
            raise refusal(must, len(each.numbers), each.at)
        tables[name] = log_table(each.numbers, shape)
        totals = torch.tensor(each.numbers, dtype=torch.float64).reshape(-1, shape[-1]).sum(-1)
        low, high = float(totals.min()), float(totals.max())
        if not 1 - TOLERANCE <= low <= high <= 1 + TOLERANCE:
            worst = low if 1 - low > high - 1 else high
            raise refusal(f"probabilities of {name!r} that sum to one", f"a sum of {worst:.9g}", each.at)
        scopes[name], places[name] = scope, each.at
    for name, at in declared.items():
        if name not in tables:
            raise refusal(f"a table of {name!r}", "none", at)
    check_cycles(scopes, places, refusal)
    factors = [Factor(name, scope) for name, scope in scopes.items()]
    return Network(FactorGraph(variables.values(), factors), tables)


def scope_size(shape: Sequence[int]) -> int | None:
    """The product of a shape, or None as soon as it exceeds 10^15, however long the shape is."""
    size = 1
    for num_states in shape:
        size *= num_states
        if size > _LARGEST:
            return None
    return size


def check_cycles(scopes: Mapping[str, Sequence[str]], places: Mapping[str, int], refusal: Refusal) -> None:
    """Refuse scopes, each with its child last, whose parents close a directed cycle."""
    try:
        TopologicalSorter({child: scope[:-1] for child, scope in scopes.items()}).prepare()
    except CycleError as error:
        cycle = list(reversed(error.args[1]))
        found = f"one through {listed(cycle[:-1])}"
        raise refusal("parents that close no cycle", found, places[cycle[0]]) from None


def definitions_of(network: Network) -> Iterator[tuple[str, tuple[str, ...], list[str]]]:
    """Child, parents and decimal numbers of every table, last variable fastest.

    Raises:
        ValueError: If the network has no variable or is no Bayesian network (the factor is named), or if a table holds
            what no float64 is the exponential of.
    """
    if not network.graph.variables:
        raise invalid("network", "have at least one variable, to be written in this format", "none")
    check_structure("network", network.graph)
    check_sums(network.graph, network.log_tables)
    for name, scope in network.graph.scopes.items():
        yield name, scope[:-1], decimals(f"log_tables[{name!r}]", network.log_tables[name])


def state_names(variable: Variable) -> tuple[str, ...]:
    """The names of the states, or their numbers as text."""
    return variable.states or tuple(map(str, range(variable.num_states)))
