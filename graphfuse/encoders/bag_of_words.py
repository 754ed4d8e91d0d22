"""Linear models and averaged embeddings of the words of a text, in any order."""

import torch
from torch import Tensor, nn

from ..checks import check_count, invalid
from ..tensor_checks import INTEGERS, check_tensor


class BagOfWords(nn.Module):
    """A linear model of log(1 + count) of every word: from ids ``(*batch, steps)`` to ``(*batch, num_outputs)``.

    Ids of zero and below are padding; a text without words has the bias. The order of the words is not seen.

    Args:
        num_tokens: Ids, padding included; ``Vocabulary.num_tokens``.
        num_outputs: Outputs, for example classes.

    Example:
        >>> BagOfWords(4, 2)(torch.tensor([[2, 3, 2], [3, 0, 0]])).shape
        torch.Size([2, 2])

    Reference: Harris (1954), Distributional structure.
    """

    def __init__(self, num_tokens: int, num_outputs: int) -> None:
        check_count("num_tokens", num_tokens, minimum=2)
        check_count("num_outputs", num_outputs)
        super().__init__()
        self.num_tokens = num_tokens
        self.head = nn.Linear(num_tokens - 1, num_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(log_counts(inputs, self.num_tokens).to(self.head.weight.dtype))


class EmbeddingBag(nn.Module):
    """The mean embedding of the words, then a linear layer: from ids ``(*batch, steps)`` to ``(*batch, num_outputs)``.

    Ids of zero and below are padding; a text without words has the mean zero. The order of the words is not seen.

    Args:
        num_tokens: Ids, padding included; ``Vocabulary.num_tokens``.
        num_outputs: Outputs, for example classes.
        width: Size of an embedding.

    Example:
        >>> EmbeddingBag(4, 2)(torch.tensor([[2, 3, 2], [0, 0, 0]])).shape
        torch.Size([2, 2])

    Reference: Joulin et al. (2017), Bag of tricks for efficient text classification.
    """

    def __init__(self, num_tokens: int, num_outputs: int, width: int = 32) -> None:
        check_count("num_tokens", num_tokens, minimum=2)
        check_count("num_outputs", num_outputs)
        check_count("width", width)
        super().__init__()
        self.embedding = nn.Embedding(num_tokens, width, padding_idx=0)
        self.head = nn.Linear(width, num_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        ids = _checked(inputs, self.embedding.num_embeddings)
        embedded = self.embedding(ids).masked_fill((ids == 0).unsqueeze(-1), 0.0)
        return self.head(embedded.sum(-2) / (ids > 0).sum(-1, keepdim=True).clamp(min=1))


def log_counts(inputs: Tensor, num_tokens: int) -> Tensor:
    """log(1 + count) of every id but padding, ``(*batch, num_tokens - 1)`` in double precision.

    Args:
        inputs: Ids ``(*batch, steps)``; zero and below are padding.
        num_tokens: Ids in all, padding included.

    Example:
        >>> log_counts(torch.tensor([2, 3, 2, 0]), 4).expm1().round(decimals=6)
        tensor([0., 2., 1.], dtype=torch.float64)
    """
    ids = _checked(inputs, num_tokens)
    counts = torch.zeros(*ids.shape[:-1], num_tokens, dtype=torch.float64, device=ids.device)
    return counts.scatter_add(-1, ids, torch.ones_like(ids, dtype=counts.dtype))[..., 1:].log1p()


def _checked(inputs: Tensor, num_tokens: int) -> Tensor:
    """Ids with padding as zero."""
    check_tensor("inputs", inputs)
    if inputs.dtype not in INTEGERS or not inputs.ndim:
        raise invalid(
            "inputs", "be integers of shape (*batch, steps)", f"{inputs.dtype} of shape {tuple(inputs.shape)}"
        )
    if inputs.numel() and int(inputs.max()) >= num_tokens:
        raise invalid("inputs", f"be below num_tokens, {num_tokens}", int(inputs.max()))
    return inputs.long().clamp(min=0)
