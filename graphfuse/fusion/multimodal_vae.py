"""Multimodal variational autoencoder: Gaussian opinions about one latent vector multiply, and a classifier reads it."""

from collections.abc import Mapping
from math import log, pi

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..checks import check_count, check_known, check_type, invalid, listed
from ..data import ModalityBatch
from ..graph import Variable
from .base import flat_inputs
from .encoded import EncodedFusion


class MultimodalVAE(EncodedFusion):
    """A latent vector whose posterior is a product of Gaussian experts, one per present modality, and the prior.

    ``q(z | x)`` is proportional to ``N(z; 0, 1)`` times one Gaussian per present modality, so a missing one multiplies
    by one, and without any the posterior is the prior. In training the latent vector is drawn, as dropout draws, from
    torch's global generator; in evaluation it is the posterior mean, so answers are deterministic. Caveats: trained on
    complete rows only, the experts never learn to stand alone: train by ``SubsampledELBO``. The answer at the mean
    approximates the mean of the answers. Decoders explain their inputs with unit variance: standardize these.

    Args:
        encoders: By modality, any module from ``(rows, *features)`` to ``(rows, 2 * latent_size)``: the means, and
            numbers whose softplus is the precision.
        decoders: By modality, any module from ``(rows, latent_size)`` to ``(rows, *features)``.
        classifier: Any module from ``(rows, latent_size)`` to logits ``(rows, num_states)``.
        latent_size: The size of the latent vector.
        target: The variable to predict.

    Raises:
        ValueError: If a modality has no decoder, or a decoder no encoder.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import MultimodalVAE
        >>> encoders, decoders = {"ecg": nn.Linear(3, 4)}, {"ecg": nn.Linear(2, 3)}
        >>> model = MultimodalVAE(encoders, decoders, nn.Linear(2, 2), 2, Variable("ill", 2)).eval()
        >>> mean, precision = model.posterior(ModalityBatch({"ecg": torch.tensor([[nan, nan, nan]])}))
        >>> mean, precision
        (tensor([[0., 0.]], grad_fn=<ViewBackward0>), tensor([[1., 1.]], grad_fn=<ViewBackward0>))

    Reference: Wu and Goodman (2018), Multimodal generative models for scalable weakly-supervised learning.
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        decoders: Mapping[str, nn.Module],
        classifier: nn.Module,
        latent_size: int,
        target: Variable,
    ) -> None:
        check_count("latent_size", latent_size)
        super().__init__(encoders, target, dict.fromkeys(encoders, 2 * latent_size))
        for name, decoder in decoders.items():
            check_known("each modality in decoders", name, encoders)
            check_type(f"decoders[{name!r}]", decoder, nn.Module, "be a torch module")
        absent = [name for name in encoders if name not in decoders]
        if absent:
            raise invalid("decoders", "hold a decoder for every modality", f"none for {listed(absent)}")
        check_type("classifier", classifier, nn.Module, "be a torch module")
        self.decoders = nn.ModuleList(decoders[name] for name in encoders)
        self.classifier = classifier

    def posterior(self, batch: ModalityBatch) -> tuple[Tensor, Tensor]:
        """Mean and precision ``(*batch, latent_size)`` of the latent vector given the modalities of each row."""
        mean, precision = self._posterior(*self.encode(batch))
        return mean.reshape(*batch.shape, -1), precision.reshape(*batch.shape, -1)

    def log_probs(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        mean, precision = self._posterior(outputs, present)
        latent = mean + torch.randn_like(mean) * precision.rsqrt() if self.training else mean
        return self._classify(latent)

    def elbo(
        self,
        batch: ModalityBatch,
        generator: torch.Generator,
        target_weight: float = 1.0,
        divergence_weight: float = 1.0,
    ) -> Tensor:
        """Lower bound ``(*batch,)`` in nats of the log-density of the observed cells and the known targets of each row.

        The latent vector is drawn once per row, given the modalities alone. With weights other than one it is no bound.

        Args:
            batch: Rows with targets.
            generator: Source of the draws.
            target_weight: Factor of the log-probability of the target.
            divergence_weight: Factor of the divergence of the posterior from the prior.

        Raises:
            ValueError: If the batch lacks the target, or a decoder's output does not have the shape of its modality.
        """
        self.check_targets(batch)
        mean, precision = self._posterior(*self.encode(batch))
        noise = torch.randn(mean.shape, generator=generator, device=generator.device, dtype=mean.dtype)
        latent = mean + noise.to(mean.device) * precision.rsqrt()
        bound = -divergence_weight * 0.5 * (mean**2 + 1 / precision - 1 + precision.log()).sum(-1)
        for name, decoder in zip(self.modalities, self.decoders, strict=True):
            values, present = flat_inputs(batch, name)
            decoded = decoder(latent)
            if decoded.shape != values.shape:
                raise invalid(f"the output of decoders[{name!r}]", f"have shape {tuple(values.shape)}", decoded.shape)
            seen = ~values.isnan() & present.reshape(-1, *[1] * (values.ndim - 1))
            residual = torch.where(seen, values, decoded) - decoded
            cells = -0.5 * (residual**2 + log(2 * pi)) * seen
            bound = bound + cells.reshape(len(cells), -1).sum(-1)
        states = batch.targets[self.target.name].reshape(-1)
        chosen = self._classify(latent).gather(-1, states.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        return (bound + target_weight * torch.where(states >= 0, chosen, 0.0)).reshape(batch.shape)

    def _classify(self, latent: Tensor) -> Tensor:
        logits = self.classifier(latent)
        expected = (len(latent), self.target.num_states)
        if logits.shape != expected:
            raise invalid("the output of classifier", f"have shape {expected}", tuple(logits.shape))
        return logits.log_softmax(-1)

    def _posterior(self, outputs: list[Tensor], present: Tensor) -> tuple[Tensor, Tensor]:
        means, raw = torch.stack(outputs, 1).chunk(2, -1)
        return product_of_gaussians(means, torch.where(present.unsqueeze(-1), softplus(raw), 0.0))


def product_of_gaussians(means: Tensor, precisions: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and precision ``(*batch, size)`` of the normalized product of ``N(0, 1)`` and Gaussian experts.

    Args:
        means: Means ``(*batch, experts, size)``.
        precisions: Inverse variances of the same shape; an expert of precision zero says nothing.

    Example:
        >>> product_of_gaussians(torch.tensor([[2.0]]), torch.tensor([[3.0]]))
        (tensor([1.5000]), tensor([4.]))
    """
    precision = 1 + precisions.sum(-2)
    return (precisions * means).sum(-2) / precision, precision
