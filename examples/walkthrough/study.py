"""The study: every patient predicted by a model that never saw them, then every hospital by one that never saw it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

import graphfuse as gf


@dataclass(frozen=True, eq=False)
class Study:
    """What was fitted, and what it said of patients it was not fitted to.

    Args:
        data: All patients.
        positive: The label of the outcome.
        fold: By patient, the fold that held them out.
        models: One a fold, fitted to all other folds.
        log_probs: By patient, of the model of their fold, ``(num_patients, 2)``.
        by_size: By number of tests shown, which patients have as many, and what was then said of them.
        elsewhere: By hospital, its patients, what a model said that was fitted to the other hospitals, and what it
            would say if it knew how many have the outcome there.
    """

    data: gf.Dataset
    positive: str
    fold: np.ndarray
    models: list[gf.FusionClassifier]
    log_probs: torch.Tensor
    by_size: dict[int, tuple[np.ndarray, torch.Tensor]]
    elsewhere: dict[str, tuple[np.ndarray, torch.Tensor, torch.Tensor]]

    @property
    def states(self) -> torch.Tensor:
        """Of all patients, 1 where the outcome is there."""
        return self.data.batch.targets[self.data.target.name]

    @property
    def held_out(self) -> np.ndarray:
        """The patients of the first fold, whose stories are told."""
        return np.flatnonzero(self.fold == 0)


def new_model(quick: bool) -> gf.FusionClassifier:
    """As it comes; where it must be quick, one linear expert a modality."""
    if quick:
        return gf.FusionClassifier(encoders=gf.TabularEncoder(2), joint_encoder=None, random_state=0)
    return gf.FusionClassifier(random_state=0)


def run(data: gf.Dataset, num_folds: int, sizes: tuple[int, ...], quick: bool) -> Study:
    """Cross-validation, stratified by outcome and hospital, then leaving one hospital out."""
    strata = np.char.add(data.labels, np.array(data.sites if data.sites is not None else [""] * len(data)))
    fold = np.zeros(len(data), dtype=int)
    for k, (_, test) in enumerate(StratifiedKFold(num_folds, shuffle=True, random_state=0).split(strata, strata)):
        fold[test] = k
    models = [fitted(data, np.flatnonzero(fold != k), quick) for k in range(num_folds)]
    log_probs = out_of_fold(models, data.batch, fold)
    num_tests = torch.stack(list(data.batch.present.values()), 1).sum(1).numpy()
    by_size = {}
    for size in sizes:
        shown = with_so_many(data.batch, size, torch.Generator().manual_seed(size))
        enough = np.flatnonzero(num_tests >= size)
        by_size[size] = (enough, out_of_fold(models, shown, fold)[enough])
    elsewhere = {}
    sites = np.array(data.sites if data.sites is not None else [])
    for name in dict.fromkeys(sites.tolist()):
        rows = np.flatnonzero(sites == name)
        model = fitted(data, np.flatnonzero(sites != name), quick)
        share = {label: float((data.labels[rows] == label).mean()) for label in model.classes_.tolist()}
        told = (said(each, data.batch[rows]) for each in (model, model.at_prevalence(share)))
        elsewhere[name] = (rows, *told)
    return Study(data, data.target.states[1], fold, models, log_probs, by_size, elsewhere)


def fitted(data: gf.Dataset, rows: np.ndarray, quick: bool) -> gf.FusionClassifier:
    """A model of these rows alone."""
    return new_model(quick).fit(data.batch[rows], data.labels[rows])


def said(model: gf.FusionClassifier, batch: gf.ModalityBatch) -> torch.Tensor:
    """Log-probabilities, in the order of the states of the data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of modalities that no training row has together
        return torch.from_numpy(model.predict_log_proba(batch))


def out_of_fold(models: list[gf.FusionClassifier], batch: gf.ModalityBatch, fold: np.ndarray) -> torch.Tensor:
    """Of every patient, by the model that was not fitted to them."""
    found = torch.zeros(len(fold), 2, dtype=torch.float64)
    for k, model in enumerate(models):
        rows = np.flatnonzero(fold == k)
        found[rows] = said(model, batch[rows]).double()
    return found


def with_so_many(batch: gf.ModalityBatch, size: int, generator: torch.Generator) -> gf.ModalityBatch:
    """The rows with so many of their modalities, drawn at random; those with fewer keep what they have."""
    present = torch.stack([batch.present[name] for name in batch.modalities], 1)
    order = torch.rand(present.shape, generator=generator).masked_fill(~present, 2.0).argsort(1).argsort(1)
    return batch.keep({name: order[:, i] < size for i, name in enumerate(batch.modalities)})
