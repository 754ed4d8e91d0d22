"""Small predictions for the tests of scores."""

import torch


def logs(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64).log()


def random_predictions(num_classes: int, num_rows: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(num_classes)
    logits = 2 * torch.randn(num_rows, num_classes, generator=generator, dtype=torch.float64)
    log_probs = logits.log_softmax(1)
    return log_probs, torch.multinomial(log_probs.exp(), 1, generator=generator)[:, 0]
