"""Product of experts: every modality's posterior multiplies, and the prior that they share is divided out."""

from collections.abc import Mapping

from torch import Tensor, nn

from ..graph import Variable
from .encoded import check_positive_prior
from .late_fusion import LateFusion


class ProductOfExperts(LateFusion):
    """The prior times, for each present modality, the ratio of its posterior to the prior, normalized.

    ``p(y | x) = p(y) prod_m p(y | x_m) / p(y)``: a missing modality multiplies by one, and without any the answer is
    the prior. Caveat: exact if the modalities are independent given the target and each expert is the posterior of its
    modality alone. What dependent modalities say twice is counted twice, so the product is overconfident; experts
    trained jointly, by the likelihood of the product, correct for it and are then no posteriors themselves.

    Args:
        encoders: By modality, any module from ``(rows, *features)`` to logits ``(rows, num_states)``.
        target: The variable to predict.
        prior: Probabilities ``(num_states,)`` above zero.

    Raises:
        ValueError: If the prior is no distribution, or zero somewhere.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import ProductOfExperts
        >>> scores = {"a": torch.tensor([[0.8, 0.2]]).log(), "b": torch.tensor([[0.8, 0.2]]).log()}
        >>> encoders = {"a": nn.Identity(), "b": nn.Identity()}
        >>> ProductOfExperts(encoders, Variable("y", 2), torch.tensor([0.5, 0.5]))(ModalityBatch(scores))["y"].exp()
        tensor([[0.9412, 0.0588]])

    Reference: Hinton (2002), Training products of experts; Kittler et al. (1998), On combining classifiers.
    """

    def __init__(self, encoders: Mapping[str, nn.Module], target: Variable, prior: Tensor) -> None:
        check_positive_prior(prior, target.num_states)
        super().__init__(encoders, target, prior)

    def pool(self, log_probs: Tensor, weights: Tensor) -> Tensor:
        log_prior = self.prior.log().to(log_probs.dtype)  # type: ignore[operator]
        present = (weights > 0).to(log_probs.dtype)
        return log_prior + (present * (log_probs - log_prior)).sum(0)
