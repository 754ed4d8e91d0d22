"""Factor graphs over the scores of encoders: one of the user's making, or one of those that are chosen among."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import log

import numpy as np
import torch
from torch import nn

from ..checks import check_type, invalid, listed
from ..data import ModalityBatch
from ..fusion import FusionModel, GraphFusion
from ..graph import Factor, FactorGraph, Variable, star
from ..potentials import (
    CorrelatedScorePotential,
    NeuralPotential,
    Potential,
    ScorePotential,
    TablePotential,
)

Structure = FactorGraph | Callable[[Variable, Sequence[str]], FactorGraph] | None

_MOST_CAUSES = 2  # latent causes behind correlated scores


def independent_scores(target: Variable, sources: Sequence[str]) -> GraphFusion:
    """A star whose sources each speak for themselves, with one weight."""
    return untrained(with_prior(star(target, sources), target.name, sources), target, sources, torch.Generator())


def correlated_scores(target: Variable, sources: Sequence[str], groups: Sequence[str], spread: float) -> GraphFusion:
    """One factor over the target that reads all sources and knows how far they say the same."""
    num_factors = min(_MOST_CAUSES, len(sources) - 1)
    shared = CorrelatedScorePotential(target.num_states, sources, groups, num_factors, spread).double()
    nothing = torch.zeros(target.num_states, dtype=torch.float64)
    prior = TablePotential(nothing).requires_grad_(False)
    graph = FactorGraph([target], [Factor("prior", (target.name,)), Factor("scores", (target.name,))])
    return GraphFusion(graph, {"prior": prior, "scores": shared}, [target.name])


def with_strays(model: GraphFusion, frequencies: np.ndarray, num_cases: float) -> GraphFusion:
    """The trained model, which now expects a row unlike all others once in one more than it has met.

    The sources speak of what a row shows, a variable of its own: the target, but for the share of rows that show what
    a target drawn from the class frequencies would.

    Args:
        model: Its target alone, a factor ``"prior"`` over it, and sources.
        frequencies: Of the classes ``(num_states,)``.
        num_cases: Independent cases that it was trained on.
    """
    [target] = model.targets.values()
    shown, share = f"{target.name} shown", 1 / (num_cases + 1)
    scopes: dict[str, tuple[str, ...]] = {
        name: (target.name,) if name == "prior" else (shown,) for name in model.graph.scopes
    }
    stray = _free_name("stray", scopes)
    scopes[stray] = (target.name, shown)
    variables = [target, Variable(shown, target.num_states, target.states)]
    graph = FactorGraph(variables, [Factor(name, scope) for name, scope in scopes.items()])
    table = (1 - share) * torch.eye(target.num_states, dtype=torch.float64) + share * torch.from_numpy(frequencies)
    potentials = {**model.potential_of, stray: TablePotential(table.log()).requires_grad_(False)}
    return GraphFusion(graph, potentials, [target.name], model.method)


def checked_graph(structure: Structure, target: Variable, modalities: Sequence[str]) -> FactorGraph:
    """The graph that the user gave or that their function makes, with a prior where the target has none.

    Raises:
        TypeError: If it is neither a graph nor a function that makes one.
        ValueError: If it lacks the target, or a factor for a modality, or has other states.
    """
    graph = structure
    if not isinstance(graph, FactorGraph):
        if not callable(graph):
            raise invalid("structure", "be a FactorGraph or a function that makes one", repr(graph), TypeError)
        graph = graph(target, list(modalities))
        check_type("the result of structure", graph, FactorGraph, "be a FactorGraph")
    if graph.num_states.get(target.name) != target.num_states:
        raise invalid(
            "structure",
            f"have a variable {target.name!r} with {target.num_states} states, one per class",
            f"variables {graph.num_states}",
        )
    states = next(variable.states for variable in graph.variables if variable.name == target.name)
    if states is not None and states != target.states:
        must = f"name the states of {target.name!r} as the sorted labels of y, {listed(target.states or ())}"
        raise invalid("structure", must, listed(states))
    absent = [name for name in modalities if name not in graph.scopes]
    if absent:
        raise invalid("structure", "have a factor named after every modality", f"none for {listed(absent)}")
    return with_prior(graph, target.name, modalities)


def with_prior(graph: FactorGraph, target: str, modalities: Sequence[str]) -> FactorGraph:
    """The graph, with a factor over the target alone if only modalities speak of it."""
    if any(target in scope and name not in modalities for name, scope in graph.scopes.items()):
        return graph
    return FactorGraph(graph.variables, [*graph.factors, Factor(_free_name("prior", graph.scopes), (target,))])


def untrained(
    graph: FactorGraph, target: Variable, modalities: Sequence[str], generator: torch.Generator
) -> GraphFusion:
    """The graph with its potentials where training starts, double precision."""
    scopes = sorted(graph.scopes.items())  # in an order that does not depend on that of the modalities
    potentials = {name: _potential(graph, name, scope, target, modalities, generator) for name, scope in scopes}
    return GraphFusion(graph, potentials, [target.name]).double()


def _potential(
    graph: FactorGraph,
    name: str,
    scope: tuple[str, ...],
    target: Variable,
    modalities: Sequence[str],
    generator: torch.Generator,
) -> Potential:
    shape, num_classes = graph.shape(scope), target.num_states
    if name in modalities and shape == (num_classes,):
        return ScorePotential(num_classes, name)
    if name in modalities:
        linear = nn.Linear(num_classes, graph.size(scope), bias=False, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.randn(linear.weight.shape, generator=generator, dtype=torch.float64))
        return NeuralPotential(linear, shape, name)
    if scope == (target.name,):
        return TablePotential(torch.zeros(shape, dtype=torch.float64)).requires_grad_(False)
    start = 0.1 * torch.randn(shape, generator=generator, dtype=torch.float64)
    if target.name in scope and shape == (num_classes, num_classes):  # a reading of the target, right nine in ten
        start = start + log(9.0 * (num_classes - 1)) * torch.eye(num_classes, dtype=torch.float64)
    return TablePotential(start)


def set_prior(model: FusionModel, target: str, prior: np.ndarray) -> None:
    """Shift a constant table of the target so that without any modality the target has these frequencies."""
    assert isinstance(model, GraphFusion)
    for name, potential in model.potential_of.items():
        scope = model.graph.scopes[name]
        if target in scope and isinstance(potential, TablePotential):
            nothing, absent = torch.zeros(1, len(prior), dtype=torch.float64), torch.tensor([False])
            silent = ModalityBatch(dict.fromkeys(model.modalities, nothing), dict.fromkeys(model.modalities, absent))
            with torch.no_grad():
                shift = torch.from_numpy(np.log(prior)) - model(silent)[target][0]
                others = [1] * (len(scope) - scope.index(target) - 1)
                potential.log_values.add_(shift.reshape(-1, *others))
            return


def weights_of(model: GraphFusion) -> dict[str, float]:
    """By source whose scores speak of the target directly, what they count for where every source is present."""
    found = {}
    for potential in model.potential_of.values():
        if isinstance(potential, ScorePotential) and potential.modality is not None:
            found[potential.modality] = float(potential.log_weight.detach().exp())
        if isinstance(potential, CorrelatedScorePotential):
            everyone = torch.ones(len(potential.modalities), dtype=torch.bool)
            found |= dict(zip(potential.modalities, potential.weights(everyone).tolist(), strict=True))
    return found


def correlations_of(model: GraphFusion) -> tuple[tuple[str, ...], np.ndarray] | None:
    """The sources, and how far the noise of any two is the same; None where no factor knows."""
    for potential in model.potential_of.values():
        if isinstance(potential, CorrelatedScorePotential):
            return potential.modalities, potential.correlations.detach().numpy()
    return None


def _free_name(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name
