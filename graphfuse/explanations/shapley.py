"""Shapley values of the values of subsets: exact over all of them, or estimated from orders drawn at random."""

from __future__ import annotations

from math import factorial

import numpy as np
import torch


def all_subsets(num_players: int) -> np.ndarray:
    """Every subset, bool ``(2 ** num_players, num_players)``; the bits of a position say who is in.

    Example:
        >>> all_subsets(2).astype(int).tolist()
        [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    return (np.arange(2**num_players)[:, None] >> np.arange(num_players)) % 2 == 1


def shapley_values(values: np.ndarray, num_players: int) -> np.ndarray:
    """What each player adds, on average over all orders ``(num_players, *batch)``; they sum to all minus none.

    A change from an infinite value to the same is zero, so who settles the matter earns infinity, and nobody else.
    Players that settle it in opposite ways, or a value of ``nan``, make an entry ``nan``.

    Args:
        values: By subset, in the order of ``all_subsets``, ``(2 ** num_players, *batch)``.
        num_players: How many.

    Example:
        >>> shapley_values(np.array([0.0, 1.0, 2.0, 5.0]), 2)
        array([2., 3.])

    Reference: Shapley (1953), A value for n-person games.
    """
    sizes = all_subsets(num_players).sum(1)
    ways = np.array([factorial(size) * factorial(num_players - size - 1) for size in range(num_players)])
    weights = ways / factorial(num_players)
    found = np.zeros((num_players, *values.shape[1:]))
    for i in range(num_players):
        without = np.flatnonzero((np.arange(2**num_players) >> i) % 2 == 0)
        gains = difference(values[without + 2**i], values[without])
        with np.errstate(invalid="ignore"):  # infinities of both signs have no sum
            found[i] = np.tensordot(weights[sizes[without]], gains, 1)
    return found


def antithetic_orders(num_players: int, num_pairs: int, generator: torch.Generator) -> np.ndarray:
    """Random orders, each followed by itself backwards, ``(2 * num_pairs, num_players)``.

    Example:
        >>> antithetic_orders(3, 1, torch.Generator().manual_seed(0)).tolist()
        [[2, 0, 1], [1, 0, 2]]

    Reference: Mitchell et al. (2022), Sampling permutations for Shapley value estimation.
    """
    forward = [
        torch.randperm(num_players, generator=generator, device=generator.device).cpu().numpy()
        for _ in range(num_pairs)
    ]
    return np.array([order for each in forward for order in (each, each[::-1])])


def prefixes(orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different subsets that orders run through, and which of them each order has after each step.

    Args:
        orders: ``(num_orders, num_players)``.

    Returns:
        Bool ``(num_subsets, num_players)``, and positions ``(num_orders, num_players + 1)``.
    """
    num_orders, num_players = orders.shape
    places = np.argsort(orders, axis=1)
    steps = np.arange(num_players + 1)
    masks = places[:, None, :] < steps[:, None]
    subsets, which = np.unique(masks.reshape(-1, num_players), axis=0, return_inverse=True)
    return subsets, which.reshape(num_orders, num_players + 1)


def sampled_shapley_values(values: np.ndarray, orders: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean gain of each player over orders, and its standard error over pairs, both ``(num_players, *batch)``.

    The means sum to all minus none, whatever the orders.

    Args:
        values: By subset of ``prefixes``, ``(num_subsets, *batch)``.
        orders: As from ``antithetic_orders``, at least two pairs.
        which: As from ``prefixes``.
    """
    num_orders, num_players = orders.shape
    pairs = np.zeros((num_orders // 2, num_players, *values.shape[1:]))
    for j, (order, steps) in enumerate(zip(orders, which, strict=True)):
        pairs[j // 2, order] += difference(values[steps[1:]], values[steps[:-1]]) / 2
    with np.errstate(invalid="ignore"):
        return pairs.mean(0), pairs.std(0, ddof=1) / np.sqrt(len(pairs))


def difference(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Values minus others; zero where both are the same infinity.

    Example:
        >>> difference(np.array([inf, inf, 2.0]), np.array([inf, 1.0, 1.0]))
        array([ 0., inf,  1.])
    """
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(values) & (values == others), 0.0, values - others)
