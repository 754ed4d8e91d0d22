"""Graph fusion for scikit-learn users: cross-fitted encoders on a factor graph, any subset of modalities."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import partial
from math import log, prod
from typing import Any
from warnings import warn

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..checks import check_known, check_unique, invalid, listed
from ..data import ModalityBatch, random_subsets
from ..explanations.reference_rows import ReferenceRows
from ..fusion import FusionModel, GraphFusion
from ..fusion.prevalence import with_prevalence
from ..fusion.tempered import with_temperatures
from ..graph import FactorGraph, Variable
from ..learning import EncoderEnsemble, MaskTemperatures, cross_fit
from .balanced_presence import balanced_subsets
from .base import TARGET, draw_seed, encoded
from .experts import default_experts, shape_of
from .explained_fusion import ExplainedFusion
from .feature_answers import kept_examples
from .fusion_choice import Candidate, ScoredRows, held_out_losses, trained
from .inputs import Modalities, encoder_inputs
from .joint_expert import JOINT, JointExpert, cross_fit_jointly, default_joint_encoder, presence, readable
from .mask_calibration import checked_calibration, mask_temperatures, warn_of_new_masks
from .module_encoder import ModuleEncoder
from .prevalence import checked_prevalence
from .score_answers import columns_of, kept_reference, with_columns
from .score_graphs import (
    Structure,
    checked_graph,
    correlated_scores,
    correlations_of,
    independent_scores,
    set_prior,
    untrained,
    weights_of,
    with_strays,
)
from .unseen import seen_parts, seen_together

_NUM_FOLDS = 5
_SUBSETS_PER_ROW = 16  # of its modalities, under which each training row is seen, as it came among them
_SUBSETS_TO_CHOOSE = 4  # that serve while graphs are compared
_MAX_ROWS = 200_000  # rows times subsets that one fit of the fusion reads
_MOST_JOINT_COLUMNS = 200  # that the joint expert reads where it is not asked for
_MOST_JOINT_SCORES = 5000  # rows times classes, beyond two classes, that it is fitted to where it is not asked for
_MOST_MODALITIES = 12  # up to which several experts read each
_SPREADS = {  # of the prior of the correlations, by what the structure is called
    "correlated": 0.45,
    "correlated, held close": 0.22,
    "correlated, held closest": 0.12,
}


class FusionClassifier(ExplainedFusion):
    """A classifier that fuses modalities by exact inference on a factor graph; rows may miss anything.

    Experts of several kinds read each modality. They are cross-fitted, so that each training row is scored by experts
    that never saw it; the scores are log density ratios, log p(y | x) - log p(y). A Gaussian density of all scores
    given the class, whose latent causes say how far experts and modalities say the same, turns the scores of those
    present into a posterior: a missing modality is integrated out, and a row without any gets the class frequencies.
    The density is fitted by the exact conditional likelihood of the labels given random subsets of the modalities. How
    tightly its correlations are held is chosen by the likelihood of held-out training rows, and an expert that reads
    the columns of all modalities joins where that likelihood rises by more than one standard error.

    Args:
        modalities: By modality its columns: names where X is a DataFrame, positions where X is an array. None takes
            the first level of the columns where there are several levels, else the keys of a dict X, else one modality
            of all columns. Names select and order the modalities where X is a dict or a ModalityBatch.
        encoders: A scikit-learn classifier or a torch module (to logits, one per class) for all modalities, or a dict
            by modality of one of these, or of several experts by name. Those left out, and all if None, get a linear
            expert, a kernel expert, for few columns and few classes boosted trees, and for images, ``(rows, channels,
            height, width)``, a small network; a linear one alone, a ``TabularEncoder``, beyond twelve modalities and
            where a structure is given. Only clones are fitted. Absent
            rows are never shown to an encoder; missing cells of present rows reach it as NaN, or, where a classifier
            refuses NaN, as the mean beside an indicator.
        structure: A graph with a variable ``"target"``, one state per class, and a factor named after every modality;
            or a function that makes it of the target variable and the names of the modalities, such as ``star``. A
            graph in which the target has modalities only gets a prior beside them. None for the correlated scores.
        joint_encoder: A classifier that reads the columns of all tables side by side; it joins if held-out rows
            become clearly more likely, and is silent in rows with fewer than two modalities. ``"default"`` is an
            average of several kinds over the modalities without encoders of their own, up to 200 columns and, beyond
            two classes, to 5000 rows times classes; None is none. Without effect where a structure is given.
        calibration: ``"masks"``, or ``PooledTemperatures`` with settings of your own, divides what the modalities of a
            row add to the prior by a temperature that depends on which ones these are, learned from held-out rows;
            sets of modalities that differ in few borrow from each other. None for the joint density alone.
        random_state: Seed of folds and subsets, and of encoders that draw and have no seed of their own.

    Attributes:
        classes_: The labels.
        modalities_: Names of the modalities.
        sources_: By expert, the modality that it reads.
        encoders_: By expert, its fitted ``EncoderEnsemble``.
        joint_: The fitted ``JointExpert``, if it joined.
        joint_improvement_: How much likelier it makes held-out rows, and the standard error of that, in nats; None
            where none was compared.
        structure_: What was chosen.
        losses_: By structure that was compared, the mean negative log-likelihood of held-out rows, in nats; ``nan``
            where none could be held out.
        graph_: The factor graph.
        model_: The fitted ``GraphFusion`` over scores.
        weights_: By expert that speaks of the target directly, the weight of its scores where all are present: 1
            takes them at their word, less takes back what others say too, below 0 takes back more than it says.
            Not divided by a temperature.
        correlations_: The experts, and how far any two say the same beyond the class; None in other structures.
        calibration_: The fitted ``MaskTemperatures``, modalities in alphabetical order; None without.
        seen_together_: Which two modalities, in alphabetical order, some training row has both of.
        prior_: The class frequencies, by the weights of rows; of a copy by ``at_prevalence``, the prevalence.
        reference_: The ``ReferenceRows`` of ``next_modality`` and ``conflict``: out-of-fold scores and classes of the
            training rows, of about a thousand of them if there are more, and the columns that ``joint_`` reads.
        examples_: By modality, the inputs of up to a hundred training rows, with which ``explain_features`` compares.

    Example:
        >>> import pandas as pd
        >>> X = pd.DataFrame({"glucose": [5.1, None, 9.2, 8.8] * 5, "pulse": [70, 75, None, 92] * 5})
        >>> y = ["well", "well", "ill", "ill"] * 5
        >>> groups = {"laboratory": ["glucose"], "vitals": ["pulse"]}
        >>> FusionClassifier(groups, random_state=0).fit(X, y).predict(X[:3])
        array(['well', 'well', 'ill'], dtype='<U4')
    """

    def __init__(
        self,
        modalities: Modalities = None,
        encoders: Any = None,
        structure: Structure = None,
        joint_encoder: Any = "default",
        random_state: Any = None,
        calibration: Any = None,
    ) -> None:
        self.modalities = modalities
        self.encoders = encoders
        self.structure = structure
        self.joint_encoder = joint_encoder
        self.random_state = random_state
        self.calibration = calibration

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> FusionClassifier:
        """Fit encoders and fusion.

        Args:
            X: A DataFrame, an array ``(rows, columns)``, a ModalityBatch, a dict of arrays or DataFrames by modality,
                or a list of dicts by modality; NaN, None and NA are missing.
            y: One label per row, of at least two classes.
            sample_weight: How much each row counts beside the others in all that is learned, at least 0 ``(rows,)``;
                only ratios matter. Rows of weight zero are left out, all count alike if None. Not weighted is the mean
                that stands for a gap where an encoder refuses NaN.
            groups: What each row belongs to ``(rows,)``, such as a person with several visits. Rows of one group look
                alike, so no row is scored by encoders that saw another of its group; without them the model would
                trust its encoders too much.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If a modality or column is unknown, a value or weight infinite, a weight negative or ``nan``, y
                has one class in rows that count, or there is not one group per row.
            TypeError: If weights differ, and an encoder does not take ``sample_weight`` in its own ``fit``.
        """
        return self._fit(X, y, sample_weight, groups)

    def at_prevalence(self, prevalence: Any) -> FusionClassifier:
        """The fitted classifier for a population in which the classes have other frequencies; nothing is refitted.

        How each class looks is taken to be the same there. So the log-odds of two classes move by the change of their
        prior log-odds, in every row and for every subset of modalities alike; only where modalities never seen together
        make the answer a mean, each part of it moves. Of ``explain``, of two classes, the prior alone moves.
        ``reference_`` counts its classes as often as they are there. Encoders are shared with this classifier, which
        stays as it is.

        Args:
            prevalence: The probability of every class: a mapping from labels, or an array ``(num_classes,)`` in the
                order of ``classes_``.

        Returns:
            A fitted copy, whose ``prior_`` is the prevalence.

        Raises:
            TypeError: If it is neither a mapping nor an array of numbers.
            ValueError: If a class is unknown or left out, a probability is not above zero, or their sum is not one.

        Example:
            >>> from sklearn.naive_bayes import GaussianNB
            >>> X = {"glucose": np.arange(20.0), "pulse": np.arange(20.0) % 2}
            >>> y = np.repeat(["well", "ill"], 10)
            >>> model = FusionClassifier(encoders=GaussianNB(), random_state=0).fit(X, y)
            >>> screening = model.at_prevalence({"ill": 0.1, "well": 0.9})
            >>> screening.predict_proba([{}])  # nothing was seen
            array([[0.1, 0.9]])
            >>> moved = screening.predict_log_proba(X) - model.predict_log_proba(X)
            >>> bool(np.allclose(moved[:, 0] - moved[:, 1], np.log(0.1 / 0.9)))
            True

        Reference: Saerens, Latinne and Decaestecker (2002), Adjusting the outputs of a classifier to new a priori
        probabilities; Elkan (2001), The foundations of cost-sensitive learning.
        """
        check_is_fitted(self)
        found = copy(self)
        found.prior_ = checked_prevalence("prevalence", prevalence, self.classes_)
        found.model_ = with_prevalence(self._graph_model(), {TARGET: torch.from_numpy(found.prior_)})
        rows, ratio = self.reference_, found.prior_ / self.prior_
        found.reference_ = ReferenceRows(rows.batch, rows.states, rows.weights * ratio[rows.states])
        return found

    def _fit_model(
        self,
        batch: ModalityBatch,
        states: np.ndarray,
        generator: torch.Generator,
        sample_weight: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ) -> FusionModel:
        graph = None if self.structure is None else checked_graph(self.structure, self._target(), self.modalities_)
        calibration = checked_calibration(self.calibration, graph, TARGET)
        self.seen_together_ = seen_together(presence(batch, sorted(self.modalities_)))
        scored = self._cross_fitted(batch, states, generator, sample_weight, groups)
        copies = max(1, min(_SUBSETS_PER_ROW, _MAX_ROWS // len(scored)))
        kept = [dict(batch.present), *(_some_of(batch, generator) for _ in range(copies - 1))]
        kept = balanced_subsets(kept, states, len(self.classes_), generator, sample_weight)
        subsets = [scored.keep({name: each[modality] for name, modality in self.sources_.items()}) for each in kept]
        finish = partial(set_prior, target=TARGET, prior=self.prior_)
        names, seed = tuple(scored.modalities), draw_seed(generator)
        self.joint_: JointExpert | None = None
        self.joint_improvement_: tuple[float, float] | None = None
        self.losses_: dict[str, float] = {}
        if graph is not None:
            chosen = Candidate("given", partial(_given, graph, self._target(), names, seed), names)
        else:
            joint = self._cross_fitted_jointly(batch, kept, states, generator, sample_weight, groups)
            if joint is not None:
                subsets = [_beside(*each) for each in zip(subsets, joint[0], joint[1], strict=True)]
            few = ScoredRows(subsets[:_SUBSETS_TO_CHOOSE], states, sample_weight, groups)
            num_cases = few.num_cases
            candidates = self._candidates(names, num_cases)
            losses = held_out_losses(candidates, few, seed, finish) if len(candidates) > 1 else {}
            chosen = min(candidates, key=lambda each: losses[each.name].mean if losses else 0.0)
            if joint is not None:
                alone, beside = chosen, self._candidates((*names, JOINT), num_cases)[candidates.index(chosen)]
                losses |= held_out_losses([beside], few, seed, finish)
                self.joint_improvement_ = losses[beside.name].improvement_on(losses[alone.name])
                if losses[beside.name].improves_on(losses[alone.name]):
                    chosen, self.joint_ = beside, joint[2]
            self.losses_ = {name: loss.mean for name, loss in losses.items()}
        self.structure_ = chosen.name
        self.examples_ = kept_examples(batch, states, TARGET, sample_weight)
        self.reference_ = kept_reference(with_columns(scored, batch, self.joint_), TARGET, sample_weight)
        model = trained(chosen, ScoredRows(subsets, states, sample_weight), np.arange(len(states)), finish)
        self.graph_, self.weights_, self.correlations_ = model.graph, weights_of(model), correlations_of(model)
        self.calibration_: MaskTemperatures | None = None
        if calibration is None:
            return model
        held = ScoredRows(subsets, states, sample_weight, groups)
        share = 1 / (held.num_cases + 1) if graph is None else 0.0  # of strays, as with_strays has it
        self.calibration_ = mask_temperatures(
            calibration, chosen, held, self.sources_, self.prior_, share, seed, finish
        )
        return with_temperatures(model, self.sources_, self.calibration_.temperatures)

    def _log_probs(self, batch: ModalityBatch) -> Tensor:
        """As the graph answers; a row with modalities never seen together gets the mean over its parts that were."""
        scored = self._encode(batch)
        log_probs = self.model_(scored)[TARGET]
        modalities = sorted(self.modalities_)
        heard = {self.sources_[name] for name, ensemble in self.encoders_.items() if ensemble.members}
        present = presence(batch, modalities) & [name in heard for name in modalities]
        if self.calibration_ is not None:
            warn_of_new_masks(self.calibration_, present)
        unseen = np.argwhere(np.triu(~self.seen_together_))
        rows = np.flatnonzero(np.any([present[:, a] & present[:, b] for a, b in unseen], axis=0))
        if len(rows):
            names = [listed(modalities[i] for i in pair) for pair in unseen]
            warn(
                f"{len(rows)} of {len(batch)} rows have modalities that no row of fit had together "
                f"({'; '.join(names[:3])}{'; ...' if len(names) > 3 else ''}): how far they say the same is unknown, "
                "so these rows get the mean of what the parts say that were seen together.",
                stacklevel=3,
            )
        for mask in np.unique(present[rows], axis=0):
            alike = rows[(present[rows] == mask).all(axis=1)]
            answers = [self._part_log_probs(scored[alike], part) for part in seen_parts(mask, self.seen_together_)]
            log_probs[alike] = torch.stack(answers).logsumexp(0) - log(len(answers))
        return log_probs

    def _part_log_probs(self, scored: ModalityBatch, part: np.ndarray) -> Tensor:
        """What the graph says of scored rows by some of the modalities alone."""
        kept = dict(zip(sorted(self.modalities_), part.tolist(), strict=True))
        sources = {name: torch.full((len(scored),), kept[modality]) for name, modality in self.sources_.items()}
        others = {name: torch.zeros(len(scored), dtype=torch.bool) for name in scored.modalities if name not in sources}
        return self.model_(scored.keep(sources | others))[TARGET]

    def _encode(self, batch: ModalityBatch) -> ModalityBatch:
        scored = encoded(batch, self.encoders_, EncoderEnsemble.scores, len(self.classes_), self.sources_)
        return scored if self.joint_ is None else _beside(scored, *self.joint_.scores(batch))

    def _unfitted_experts(self, batch: ModalityBatch, generator: torch.Generator) -> dict[tuple[str, str], Any]:
        """By source and the modality that it reads, an unfitted classifier."""
        given = self.encoders if isinstance(self.encoders, Mapping) else dict.fromkeys(self.modalities_, self.encoders)
        for name in given:
            check_known("each modality in encoders", name, self.modalities_)
        several = self.structure is None and len(self.modalities_) <= _MOST_MODALITIES
        seed, found = draw_seed(generator), {}
        for modality in self.modalities_:
            argument = f"encoders[{modality!r}]" if isinstance(self.encoders, Mapping) else "encoders"
            encoder = given.get(modality)
            if encoder is None and several:
                encoder = default_experts(shape_of(batch, modality), len(batch), len(self.classes_))
            if not isinstance(encoder, Mapping):
                found[modality, modality] = self._encoder(argument, encoder, [modality], seed)
                continue
            if self.structure is not None or not encoder:
                must = "be one classifier where structure is given, or hold at least one"
                raise invalid(argument, must, f"a mapping of {len(encoder)}")
            for name, expert in encoder.items():
                source = f"{modality}/{name}"
                found[source, modality] = self._encoder(f"{argument}[{name!r}]", expert, [modality], seed)
        return found

    def _cross_fitted(
        self,
        batch: ModalityBatch,
        states: np.ndarray,
        generator: torch.Generator,
        sample_weight: np.ndarray | None,
        groups: np.ndarray | None,
    ) -> ModalityBatch:
        """Out-of-fold scores of every source; ``encoders_`` are what scored them."""
        experts, seed = self._unfitted_experts(batch, generator), draw_seed(generator)
        reserved = [JOINT, *map(columns_of, self.modalities_)]
        check_unique(
            f"the names of modalities, of experts as modality/name, and {JOINT!r}", reserved + [n for n, _ in experts]
        )
        scores, present, self.encoders_, self.sources_ = {}, {}, {}, {}
        for (name, modality), encoder in sorted(experts.items(), key=lambda item: item[0]):
            scores[name], self.encoders_[name] = cross_fit(
                encoder,
                encoder_inputs(batch, modality, flat=not isinstance(encoder, ModuleEncoder)),
                states,
                batch.present[modality].numpy(),
                len(self.classes_),
                _NUM_FOLDS,
                torch.Generator().manual_seed(seed),
                modality,
                sample_weight,
                groups,
            )
            self.sources_[name] = modality
            present[name] = batch.present[modality] & bool(self.encoders_[name].members)
        return ModalityBatch(scores, present, targets={TARGET: torch.from_numpy(states)})

    def _candidates(self, sources: tuple[str, ...], num_cases: float) -> list[Candidate]:
        """The graphs that are compared where none is given."""
        target, suffix = self._target(), f", with {JOINT}" if JOINT in sources else ""
        groups = [self.sources_.get(name, JOINT) for name in sources]
        widen = partial(with_strays, frequencies=self.prior_, num_cases=num_cases)
        found = []
        if len(set(groups)) == len(groups):  # experts of one modality are not taken to be independent
            found.append(
                Candidate("independent" + suffix, partial(independent_scores, target, sources), sources, widen)
            )
        if len(sources) > 1:
            found += [
                Candidate(name + suffix, partial(correlated_scores, target, sources, groups, spread), sources, widen)
                for name, spread in _SPREADS.items()
            ]
        return found

    def _cross_fitted_jointly(
        self,
        batch: ModalityBatch,
        kept: list[dict[str, Tensor]],
        states: np.ndarray,
        generator: torch.Generator,
        sample_weight: np.ndarray | None,
        groups: np.ndarray | None,
    ) -> tuple[Tensor, Tensor, JointExpert] | None:
        """Out-of-fold scores of the joint expert under every subset, where it speaks, and itself, if there is one."""
        encoder, read = self._joint_encoder(batch, draw_seed(generator))
        if encoder is None or len(read) < 2 or np.bincount(states).min() < 2:
            return None
        masks = [{name: each[name] for name in read} for each in kept]
        num_classes, tables = len(self.classes_), batch.select(read)
        return cross_fit_jointly(
            encoder, tables, states, masks, num_classes, _NUM_FOLDS, generator, sample_weight, groups
        )

    def _joint_encoder(self, batch: ModalityBatch, seed: int) -> tuple[Any, tuple[str, ...]]:
        """The encoder of the joint expert, None if there is none, and the modalities that it reads."""
        names = readable(batch, sorted(self.modalities_))
        if self.joint_encoder is None:
            return None, ()
        if not isinstance(self.joint_encoder, str):
            return self._encoder("joint_encoder", self.joint_encoder, names, seed), names
        if self.joint_encoder != "default":
            must = 'be "default", None for none, or a classifier with predict_proba'
            raise invalid("joint_encoder", must, repr(self.joint_encoder))
        given = self.encoders if isinstance(self.encoders, Mapping) else dict.fromkeys(names, self.encoders)
        names = tuple(name for name in names if given.get(name) is None)
        costly = len(self.classes_) > 2 and len(batch) * len(self.classes_) > _MOST_JOINT_SCORES
        if costly or sum(prod(shape_of(batch, name)) for name in names) > _MOST_JOINT_COLUMNS:
            return None, ()
        return self._encoder("joint_encoder", default_joint_encoder(len(self.classes_)), names, seed), names


def _some_of(batch: ModalityBatch, generator: torch.Generator) -> dict[str, Tensor]:
    """A random subset of the modalities that each row has; one that would have none keeps all."""
    kept = random_subsets(batch.select(sorted(batch.modalities)), generator).present  # drawn in an order of its own
    none = ~torch.stack(list(kept.values())).any(0)
    return {name: mask | (none & batch.present[name]) for name, mask in kept.items()}


def _given(graph: FactorGraph, target: Variable, names: tuple[str, ...], seed: int) -> GraphFusion:
    return untrained(graph, target, names, torch.Generator().manual_seed(seed))


def _beside(scored: ModalityBatch, scores: Tensor, speaks: Tensor) -> ModalityBatch:
    """Scored rows with one more source, the joint expert."""
    return ModalityBatch({**scored.inputs, JOINT: scores}, {**scored.present, JOINT: speaks}, scored.targets)
