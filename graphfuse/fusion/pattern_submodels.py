"""Pattern submodels: every pattern of present modalities has a model of its own."""

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..checks import check_known, check_names, check_type, invalid, listed
from ..data import ModalityBatch
from .base import FusionModel, flat_inputs


class PatternSubmodels(FusionModel):
    """Each row is answered by the submodel of exactly its present modalities, or by the fallback if there is none.

    Nothing is shared unless the same module is passed twice: a row trains the submodel of its pattern alone, so to fit
    this model is to fit each submodel on the rows of its pattern. What is missing may then depend on anything that
    is observed, even on the label. Caveats: rows of rare patterns have few companions to learn from, and the number of
    patterns grows as two to the number of modalities. Training that hides modalities mixes patterns that arose
    otherwise: train by ``target_nll``.

    Args:
        submodels: By pattern, a tuple or frozenset of modalities, the model of the rows with just these; all of one
            target or several. A submodel reads modalities of its pattern.
        modalities: All modalities; which of them a row has is its pattern.
        fallback: The model of rows whose pattern has no submodel; it is given all modalities.

    Raises:
        ValueError: If there is no submodel, a pattern occurs twice or has an unknown modality, or the targets differ.

    Example:
        >>> from graphfuse import EarlyFusion, MeanPool, ModalityBatch, Variable
        >>> from graphfuse.encoders import MLP
        >>> from graphfuse.fusion import PatternSubmodels
        >>> ill = Variable("ill", 2)
        >>> submodels = {("ecg",): EarlyFusion(MLP(3, 2), ["ecg"], ill)}
        >>> submodels["ecg", "age"] = EarlyFusion(MLP(4, 2), ["ecg", "age"], ill)
        >>> fallback = MeanPool({"age": nn.Linear(1, 2)}, ill, prior=torch.tensor([0.9, 0.1]))
        >>> model = PatternSubmodels(submodels, ["ecg", "age"], fallback)
        >>> nothing = ModalityBatch({"ecg": torch.full((1, 3), nan), "age": torch.full((1, 1), nan)})
        >>> model(nothing)["ill"].exp().detach()
        tensor([[0.9000, 0.1000]])

    Reference: Fletcher Mercaldo and Blume (2020), Missing data and prediction: the pattern submodel.
    """

    def __init__(
        self, submodels: Mapping[Collection[str], FusionModel], modalities: Sequence[str], fallback: FusionModel
    ) -> None:
        check_type("submodels", submodels, Mapping, "be a mapping from patterns to fusion models")
        check_type("fallback", fallback, FusionModel, "be a FusionModel")
        if not submodels:
            raise invalid("submodels", "hold at least one submodel", "none")
        super().__init__(list(fallback.targets.values()))
        self.modalities = check_names("modalities", modalities)
        if not self.modalities:
            raise invalid("modalities", "hold at least one name", "none")
        patterns = [frozenset(check_names(f"the pattern {pattern!r}", pattern)) for pattern in submodels]
        for pattern, (key, submodel) in zip(patterns, submodels.items(), strict=True):
            check_type(f"submodels[{key!r}]", submodel, FusionModel, "be a FusionModel")
            if submodel.targets != self.targets:
                raise invalid(f"submodels[{key!r}]", f"predict {listed(self.targets)}", listed(submodel.targets))
            for name in sorted(pattern):
                check_known(f"each modality in the pattern {key!r}", name, self.modalities)
            if patterns.count(pattern) > 1:
                raise invalid("submodels", "hold each pattern once", f"{listed(sorted(pattern))} more than once")
        self.patterns = tuple(patterns)
        self.submodels = nn.ModuleList(submodels.values())
        self.fallback = fallback

    def submodel_of_rows(self, batch: ModalityBatch) -> Tensor:
        """By row ``(*batch,)``, the place of its pattern in ``patterns``; -1 where the fallback answers."""
        present = {name: flat_inputs(batch, name)[1] for name in self.modalities}
        chosen = torch.full((batch.shape.numel(),), -1, device=next(iter(present.values())).device)
        for number, pattern in enumerate(self.patterns):
            agrees = torch.stack([mask == (name in pattern) for name, mask in present.items()]).all(0)
            chosen = torch.where(agrees, number, chosen)
        return chosen.reshape(batch.shape)

    def forward(self, batch: ModalityBatch) -> dict[str, Tensor]:
        chosen = self.submodel_of_rows(batch).reshape(-1)
        flat = {name: flat_inputs(batch, name) for name in self.modalities}
        rows = [torch.nonzero(chosen == number).squeeze(-1) for number in range(-1, len(self.patterns))]
        found: dict[str, list[Tensor]] = {name: [] for name in self.targets}
        for number, (model, group) in enumerate(zip([self.fallback, *self.submodels], rows, strict=True)):
            if number and not len(group):
                continue  # the fallback is asked also for no rows, so that an empty batch has an answer
            part = ModalityBatch(
                {name: values[group] for name, (values, _) in flat.items()},
                {name: present[group] for name, (_, present) in flat.items()},
            )
            for name, table in model(part).items():
                found[name].append(table)
        place = torch.cat(rows).argsort()
        return {
            name: torch.cat(tables)[place].reshape(*batch.shape, self.targets[name].num_states)
            for name, tables in found.items()
        }

    def extra_repr(self) -> str:
        return f"patterns={[sorted(pattern) for pattern in self.patterns]}, targets={list(self.targets)}"
