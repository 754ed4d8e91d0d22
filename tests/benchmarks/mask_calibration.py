"""Is a temperature for every mask worth anything on top of the default?    python -m tests.benchmarks.mask_calibration

Names of data sets may follow; GRAPHFUSE_DATA tells where they lie. Splits are folds of five, with whole groups held out
where the data has groups. In each the default `FusionClassifier` is fitted once; temperatures are learned from training
rows that were held out of its graph: `one` for all masks, one a mask without pooling (`apart`), or `pooled`. `refit`,
on two data sets, is pooled too, from training rows held out of the whole fit, encoders included: six times the cost.
Test rows are seen as they came and under eight random subsets of their modalities, half and half. Losses are negative
log-likelihoods in nats, `gain` is what is gained on the default, with a 95 % interval that is corrected for splits that
share rows. ECE is of all test rows of all splits; `by mask` that of every mask apart, by its rows, which few rows
inflate. `drawn` draws answers whose temperatures are known, `copies` rows of two sites in which no one density holds.
"""

import sys
import time
import warnings
from copy import copy

import numpy as np
import torch
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from graphfuse import FusionClassifier, ModalityBatch, load
from graphfuse.data import random_subsets
from graphfuse.evaluation.calibration import calibration_bins, pooled_calibration_error
from graphfuse.evaluation.intervals import mean_interval
from graphfuse.fusion.tempered import with_temperatures
from graphfuse.learning import PooledTemperatures

KINDS = {
    "one": PooledTemperatures(spreads=(0.0,)),
    "apart": PooledTemperatures(spreads=(1.0,), likenesses=(0.0,)),
    "pooled": PooledTemperatures(),
}
DATA = {"breast_cancer": 5, "heart_disease": 5, "rosmap": 5, "mfeat": 2, "copies": 5}  # splits
REFITTED = ("breast_cancer", "heart_disease")
NUM_SUBSETS = 8
HELD_SUBSETS = 15


class Recorded(PooledTemperatures):
    """Pooled temperatures that remember what they were fitted to."""

    def fit(self, *answers):
        Recorded.answers = answers
        return super().fit(*answers)


def main() -> None:
    warnings.simplefilter("ignore")
    names = sys.argv[1:] or ["drawn", *DATA]
    for name in names:
        print(f"\n{name}", flush=True)
        drawn() if name == "drawn" else study(name)


def study(name: str) -> None:
    """Print one table of a data set."""
    batch, states, groups = copies() if name == "copies" else loaded(name)
    losses, bins, temperatures = [], [], []
    for split, (train, test) in enumerate(splits(states, groups)[: DATA[name]]):
        found, bins_of, spread = one_split(batch, states, groups, train, test, split, name in REFITTED)
        losses.append(found)
        bins.append(bins_of)
        temperatures.append(spread)
    print(f"{len(states)} rows; temperatures of pooled by split, mean over masks, least and largest:")
    print("; ".join(f"{mean:.2f} ({least:.2f} to {most:.2f})" for mean, least, most in temperatures))
    print(f"{'':10s}{'loss':>9s}{'gain':>9s}{'':>11s}{'as it came':>12s}{'subsets':>9s}{'ECE':>8s}{'by mask':>9s}")
    for kind in losses[0]:
        each = np.array([found[kind] for found in losses])
        gains = np.array([found["none"] for found in losses]).mean(1) - each.mean(1)
        gain, width = mean_interval(gains, 0.2)
        whole = pooled_calibration_error(torch.stack([sum(b[kind].values()) for b in bins]))
        apart = by_mask([b[kind] for b in bins])
        came, subsets = each.mean(0)
        interval = "" if kind == "none" else f"{gain:9.4f} ±{width:8.4f} "
        print(
            f"{kind:10s}{each.mean():9.4f}{interval:20s}{came:12.4f}{subsets:9.4f}{whole:8.4f}{apart:9.4f}", flush=True
        )
    rest = np.array([found["one"] for found in losses]).mean(1) - np.array([f["pooled"] for f in losses]).mean(1)
    gain, width = mean_interval(rest, 0.2)
    print(f"pooled on one: {gain:.4f} ±{width:.4f}, lower in {np.sum(rest > 0)} of {len(rest)} splits", flush=True)


def one_split(batch, states, groups, train, test, split: int, refitted: bool):
    """By kind the losses as rows came and under subsets, and counts by mask; the temperatures of pooled."""
    start = time.process_time()
    takes = {} if groups is None else {"groups": groups[train]}
    model = FusionClassifier(random_state=split, calibration=Recorded()).fit(batch[train], states[train], **takes)
    learned = {kind: each.fit(*Recorded.answers) for kind, each in KINDS.items()}
    if refitted:
        learned["refit"] = refit(batch[train], states[train], takes, split, *Recorded.answers[3:5])
    generator = torch.Generator().manual_seed(split)
    shown = [batch[test], *(random_subsets(batch[test], generator) for _ in range(NUM_SUBSETS))]
    losses, bins = {}, {}
    for kind in ["none", *learned]:
        answering = copy(model)
        divide = learned[kind].temperatures if kind in learned else lambda masks: np.ones(len(masks))
        answering.model_ = with_temperatures(model.model_, model.sources_, divide)
        answers = [answering.predict_log_proba(each) for each in shown]
        each = [-found[np.arange(len(test)), states[test]].mean() for found in answers]
        losses[kind] = each[0], np.mean(each[1:])
        bins[kind] = counted(shown, answers, states[test])
    found = learned["pooled"].temperatures(learned["pooled"].masks)
    print(f"split {split}: {time.process_time() - start:.0f} s", file=sys.stderr, flush=True)
    return losses, bins, (found.mean(), found.min(), found.max())


def refit(batch, states, takes, split: int, log_prior, stray_share):
    """Pooled temperatures from answers of classifiers that were fitted without the rows."""
    generator = torch.Generator().manual_seed(split)
    subsets = [batch.present, *(random_subsets(batch, generator).present for _ in range(HELD_SUBSETS))]
    answers, masks, truth = [], [], []
    for inner, held in splits(states, takes.get("groups")):
        within = {name: each[inner] for name, each in takes.items()}
        model = FusionClassifier(random_state=split).fit(batch[inner], states[inner], **within)
        for present in subsets:
            shown = batch[held].keep({name: mask[held] for name, mask in present.items()})
            without = np.exp(model.predict_log_proba(shown)) - stray_share * np.exp(log_prior)
            answers.append(np.log(np.maximum(without / (1 - stray_share), 1e-300)))
            masks.append(masks_of(shown))
            truth.append(states[held])
    weights = np.full(sum(map(len, truth)), 1 / len(subsets))
    stacked = (np.concatenate(each) for each in (answers, masks, truth))
    return PooledTemperatures().fit(*stacked, log_prior, stray_share, weights)


def masks_of(batch: ModalityBatch) -> np.ndarray:
    """Which modalities each row has, in alphabetical order."""
    return np.stack([batch.present[name].numpy() for name in sorted(batch.modalities)], 1)


def counted(shown, answers, states: np.ndarray) -> dict:
    """By mask the bins of confidence."""
    masks = np.concatenate([masks_of(each) for each in shown])
    log_probs, truth = torch.from_numpy(np.concatenate(answers)), torch.from_numpy(np.tile(states, len(shown)))
    different, which = np.unique(masks, axis=0, return_inverse=True)
    rows = [torch.from_numpy(np.flatnonzero(which.reshape(-1) == i)) for i in range(len(different))]
    return {
        mask.tobytes(): calibration_bins(log_probs[mine], truth[mine])
        for mask, mine in zip(different, rows, strict=True)
    }


def by_mask(bins: list[dict]) -> float:
    """The calibration error of every mask over all splits, averaged by its rows."""
    total = {mask: sum(each[mask] for each in bins if mask in each) for mask in set().union(*bins)}
    rows = {mask: float(each[:, 0].sum()) for mask, each in total.items()}
    return sum(rows[mask] * pooled_calibration_error(each) for mask, each in total.items()) / sum(rows.values())


def splits(states: np.ndarray, groups: np.ndarray | None):
    """Training and test rows, folds of five."""
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    return list(kind(5, shuffle=True, random_state=0).split(states, states, groups))


def loaded(name: str):
    """Modalities, states and groups."""
    data = load(name)
    groups = None if data.groups is None else np.unique(np.asarray(data.groups), return_inverse=True)[1]
    return data.batch, np.unique(np.asarray(data.labels), return_inverse=True)[1], groups


def copies():
    """Two sites: in one four modalities are one reading and there is no `blood`, in the other all are independent."""
    draws = np.random.default_rng(0)
    states = draws.integers(0, 2, 1000)
    names = ("ecg", "echo", "pulse", "sound", "blood")
    inputs = {name: draws.normal(size=(1000, 2)) + 0.8 * states[:, None] for name in names}
    first = draws.random(1000) < 0.5
    for name in names[1:4]:
        inputs[name][first] = inputs["ecg"][first]
    inputs["blood"][first] = np.nan
    return ModalityBatch({name: torch.from_numpy(each) for name, each in inputs.items()}), states, None


def drawn() -> None:
    """Print how far the answers are from the truth, by how many held-out rows their mask had, over twenty draws."""
    edges = {"never": (0, 1), "1 to 9": (1, 10), "10 to 49": (10, 50), "50 or more": (50, np.inf)}
    excess = {kind: {name: [] for name in edges} for kind in ["none", *KINDS]}
    for draw in range(20):
        draws = np.random.default_rng(draw)
        all_masks = (np.arange(1, 32)[:, None] >> np.arange(5) & 1).astype(bool)
        effects, own = draws.normal(0, 0.3, 5), draws.normal(0, 0.15, 31)
        inverse = np.exp(-0.5 + (all_masks - 0.5) @ effects + own)
        frequencies = 1.0 / draws.permutation(np.arange(1, 32)) ** 1.5
        frequencies /= frequencies.sum()

        def rows(num_rows, frequencies, draws=draws, inverse=inverse):
            which = draws.choice(31, num_rows, p=frequencies)
            true = 2 * draws.normal(size=(num_rows, 3))
            true -= np.log(np.exp(true).sum(1, keepdims=True))
            truth = (true + draws.gumbel(size=true.shape)).argmax(1)
            said = true / inverse[which][:, None]
            return which, true, said - np.log(np.exp(said).sum(1, keepdims=True)), truth

        which, _, said, truth = rows(1000, frequencies)
        counts = np.bincount(which, minlength=31)
        learned = {kind: each.fit(said, all_masks[which], truth) for kind, each in KINDS.items()}
        tested, true, new, _ = rows(20_000, np.full(31, 1 / 31))
        for kind in excess:
            found = learned[kind].calibrated(new, all_masks[tested]) if kind in learned else new
            divergence = (np.exp(true) * (true - found)).sum(1)
            for name, (least, most) in edges.items():
                mine = (counts[tested] >= least) & (counts[tested] < most)
                excess[kind][name] += [divergence[mine].mean()] if mine.any() else []
    print("divergence from the true probabilities in nats, mean over draws ± its standard error")
    print(f"{'held-out rows':14s}" + "".join(f"{kind:>18s}" for kind in excess))
    for name in edges:
        each = [np.array(excess[kind][name]) for kind in excess]
        print(f"{name:14s}" + "".join(f"{v.mean():9.4f} ± {v.std(ddof=1) / len(v) ** 0.5:.4f}" for v in each))


if __name__ == "__main__":
    main()
