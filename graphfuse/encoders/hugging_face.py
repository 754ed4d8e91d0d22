"""Pretrained networks from a local Hugging Face folder, as frozen features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..checks import invalid
from .frozen_features import FrozenFeatures


def hugging_face_features(folder: str | Path) -> FrozenFeatures:
    """The network saved in a folder, frozen: the mean of its last hidden states over what is not padding.

    Nothing is downloaded, no code of the folder is run, and weights are read from safetensors only. Integer inputs
    ``(batch, steps)`` are token ids, where negative ids are padding (for many models 0 is a word like any other), and
    so is the network's own padding id; a row without tokens is finite and tells nothing. Floating-point inputs are
    pixel values ``(batch, channels, height, width)``, scaled as the network was trained.

    Args:
        folder: Where ``config.json`` and ``model.safetensors`` lie.

    Raises:
        FileNotFoundError: If the folder has no ``config.json``.
        ImportError: If ``transformers`` is not installed.

    Reference: Wolf et al. (2020), Transformers: state-of-the-art natural language processing.
    """
    if not (Path(folder) / "config.json").is_file():
        raise invalid("folder", "hold config.json and model.safetensors", str(folder), FileNotFoundError)
    try:
        from transformers import AutoModel  # type: ignore[import-not-found]
    except ImportError as error:
        error.add_note("hugging_face_features needs the package transformers.")
        raise
    network = AutoModel.from_pretrained(str(folder), local_files_only=True, use_safetensors=True)
    return FrozenFeatures(MeanHiddenState(network))


class MeanHiddenState(nn.Module):
    """The mean of the last hidden states of a Hugging Face network, ``(batch, width)``."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.is_floating_point():
            states = self.network(pixel_values=inputs).last_hidden_state
            return states.flatten(2).mean(-1) if states.ndim == 4 else states.mean(1)
        padding = getattr(self.network.config, "pad_token_id", None)
        observed = (inputs >= 0) & (inputs != (-1 if padding is None else padding))
        read = observed.clone()
        read[:, 0] |= ~observed.any(1)  # attention over nothing is nan
        ids = torch.where(inputs >= 0, inputs, torch.zeros_like(inputs))
        states = self.network(input_ids=ids, attention_mask=read.long()).last_hidden_state
        total = states.masked_fill(~observed.unsqueeze(-1), 0.0).sum(1)
        return total / observed.sum(1, keepdim=True).clamp(min=1)
