"""Interventions on a Bayesian network: what a variable is when it is set, not when it is seen."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from ..checks import check_known, check_type, invalid
from ..graph import Factor, FactorGraph, Variable
from .bayesian import TOLERANCE, check_structure, check_sums
from .labels import state_number


def intervened(
    graph: FactorGraph, log_tables: Mapping[str, Tensor], interventions: Mapping[str, Any]
) -> tuple[FactorGraph, dict[str, Tensor]]:
    """Graph and tables in which variables are what they are set to, whatever their parents; all else is as it was.

    Args:
        graph: Of a Bayesian network.
        log_tables: By variable, over its parents and, last, itself, in nats.
        interventions: By variable a label, or a mapping from labels to probabilities.

    Raises:
        TypeError: If the interventions are no mapping, or one is neither a label nor a mapping.
        ValueError: If the network is not Bayesian, a variable or a label is unknown, or probabilities are negative or
            do not sum to one.

    Example:
        >>> from graphfuse import bayesian_network
        >>> graph = bayesian_network([Variable("rain", 2), Variable("wet", 2)], {"wet": ["rain"]})
        >>> tables = {"rain": torch.tensor([0.8, 0.2]).log(), "wet": torch.eye(2).log()}
        >>> graph, tables = intervened(graph, tables, {"wet": 1})
        >>> graph.scopes["wet"], tables["wet"]
        (('wet',), tensor([-inf, 0.]))

    Reference: Pearl (2009), Causality, sections 3.2.3 and 4.2.
    """
    try:
        check_structure("network", graph)
        check_sums(graph, log_tables)
    except ValueError as error:
        must = "be a Bayesian network, for an intervention"
        raise invalid("network", must, f"one that is not ({str(error).removesuffix('.')})") from None
    must = "be a mapping from variables to a label, or to probabilities by label"
    check_type("interventions", interventions, Mapping, must)
    tables = dict(log_tables)
    for name, setting in interventions.items():
        check_known("each variable in interventions", name, graph.num_states)
        probabilities = _probabilities(f"interventions[{name!r}]", graph.variable(name), setting)
        tables[name] = probabilities.log().to(tables[name])
    scopes = {name: (name,) if name in interventions else scope for name, scope in graph.scopes.items()}
    return FactorGraph(graph.variables, [Factor(name, scope) for name, scope in scopes.items()]), tables


def _probabilities(argument: str, variable: Variable, setting: Any) -> Tensor:
    """Of every state ``(num_states,)``, float64."""
    found = torch.zeros(variable.num_states, dtype=torch.float64)
    if not isinstance(setting, Mapping):
        if hasattr(setting, "__len__") and not isinstance(setting, str):
            raise invalid(argument, "be one label, or a mapping from labels to probabilities", repr(setting), TypeError)
        found[state_number(argument, variable, setting)] = 1.0
        return found
    named: dict[int, Any] = {}
    for label, share in setting.items():
        number = state_number(f"each label in {argument}", variable, label)
        if number in named:
            raise invalid(argument, "name each state once", f"{named[number]!r} and {label!r}")
        if not isinstance(share, Real):
            raise invalid(f"{argument}[{label!r}]", "be a number", repr(share), TypeError)
        if not float(share) >= 0:
            raise invalid(f"{argument}[{label!r}]", "be at least 0", share)
        named[number], found[number] = label, float(share)
    total = float(found.sum())
    if not abs(total - 1) <= TOLERANCE:
        raise invalid(argument, "hold probabilities that sum to 1", f"a sum of {total:.9g}")
    return found / total
