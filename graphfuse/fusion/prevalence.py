"""Another prevalence of the targets: the prior is moved, and what every source says stays."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..checks import check_known, invalid
from ..evidence import Evidence
from ..inference import infer
from ..potentials import TablePotential
from .graph_fusion import GraphFusion, read_by

_MOST_ROUNDS = 1000
_CLOSE = 1e-12  # of a prevalence to the one wanted, where rounds end
_REACHED = 1e-6  # how close it must be after the last


@torch.no_grad()
def with_prevalence(model: GraphFusion, prevalences: Mapping[str, Tensor]) -> GraphFusion:
    """The model with another prior, under which targets have these marginals in a row without any modality.

    A constant table of each target is shifted, alike in every row; potentials are shared, not copied. So what the
    sources say given all targets stays, and the posterior moves by Bayes' rule. The joint prior of several targets is
    the nearest to that of the model, by Kullback-Leibler divergence, of those with these marginals, as iterative
    proportional fitting finds it. For one target that is Jeffrey's rule: the others given it stay.

    Args:
        model: A fitted model.
        prevalences: By target, positive, with sum one ``(num_states,)``.

    Raises:
        ValueError: If a target is unknown, or no constant table speaks of it, or no prior of the model has these
            marginals together.

    Example:
        >>> from graphfuse import ModalityBatch, ScorePotential, TablePotential, Variable, star
        >>> potentials = {"prior": TablePotential(torch.zeros(2)), "ecg": ScorePotential(2, "ecg")}
        >>> model = GraphFusion(star(Variable("ill", 2), ["ecg"]), potentials, ["ill"])
        >>> rare = with_prevalence(model, {"ill": torch.tensor([0.9, 0.1])})
        >>> rare(ModalityBatch({"ecg": torch.tensor([[nan, nan]])}))["ill"].detach().exp()
        tensor([[0.9000, 0.1000]])

    Reference: Saerens, Latinne and Decaestecker (2002), Adjusting the outputs of a classifier to new a priori
    probabilities; Jeffrey (1983), The Logic of Decision, chapter 11; Csiszár (1975), I-divergence geometry.
    """
    for name in prevalences:
        check_known("each target in prevalences", name, model.targets)
    tables = _without_modalities(model)
    wanted = {name: each.to(next(iter(tables.values()))) for name, each in prevalences.items()}
    shifts = {name: torch.zeros_like(each) for name, each in wanted.items()}
    for _ in range(_MOST_ROUNDS):
        away = 0.0
        for name, prevalence in wanted.items():
            found = infer(model.graph, tables, Evidence(soft=shifts), targets=[name], method=model.method)
            step = prevalence.log() - found.log_marginals[name]
            shifts[name] = shifts[name] + step
            away = max(away, float(step.abs().max()))
        if len(wanted) < 2 or away <= _CLOSE:
            break
    else:
        if not away <= _REACHED:
            raise invalid("prevalences", "be possible together in this model", f"some still off by {away:.1g} nats")
    potentials = model.potential_of
    for name, shift in shifts.items():
        factor = _constant(model, name)
        scope = model.graph.scopes[factor]
        old = potentials[factor]
        assert isinstance(old, TablePotential)
        others = [1] * (len(scope) - scope.index(name) - 1)
        new = TablePotential(old.log_values + shift.reshape(-1, *others))
        potentials[factor] = new.requires_grad_(old.log_values.requires_grad)
    return GraphFusion(model.graph, potentials, list(model.targets), model.method).train(model.training)


def _constant(model: GraphFusion, target: str) -> str:
    """A factor with a constant table over the target."""
    for name, potential in model.potential_of.items():
        if target in model.graph.scopes[name] and isinstance(potential, TablePotential):
            return name
    raise invalid("model", f"have a TablePotential over {target!r}", "none")


def _without_modalities(model: GraphFusion) -> dict[str, Tensor]:
    """The tables of the constant factors; those of the others are zero, as where all is missing."""
    constant = {name: potential(None) for name, potential in model.potential_of.items() if not read_by(potential)}
    like = next(iter(constant.values()), torch.zeros(()))
    return {
        name: constant[name] if name in constant else like.new_zeros(model.graph.shape(scope))
        for name, scope in model.graph.scopes.items()
    }
