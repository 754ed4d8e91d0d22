"""The most probable joint states of a graph's variables, given the modalities of each row."""

from torch import Tensor

from ..data import ModalityBatch
from ..inference import decode
from .graph_fusion import GraphFusion


def best_assignment(model: GraphFusion, batch: ModalityBatch) -> dict[str, Tensor]:
    """By variable, its state in a most probable joint assignment (MAP), int64 ``(*batch,)``; -1 in impossible rows.

    Args:
        model: A graph fusion; its latent variables are decoded as well.
        batch: Rows.

    Raises:
        ValueError: If the batch lacks a modality of the model.

    Example:
        >>> from graphfuse import ScorePotential, TablePotential, Variable, star
        >>> potentials = {"prior": TablePotential(torch.zeros(2)), "ecg": ScorePotential(2, "ecg")}
        >>> model = GraphFusion(star(Variable("label", 2), ["ecg"]), potentials, ["label"])
        >>> best_assignment(model, ModalityBatch({"ecg": torch.tensor([[0.5, -0.5], [-0.5, 0.5]])}))
        {'label': tensor([0, 1])}

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, chapter 13.
    """
    found = decode(model.graph, model.log_potentials(batch), method=model.method)
    return {name: states.expand(batch.shape) for name, states in found.items()}
