"""Several diagnoses at once: targets that depend on each other, each told by the modalities of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from ..checks import check_known, check_type, check_unique, invalid, listed
from ..data import ModalityBatch
from ..data.frames import is_frame
from ..fusion import GraphFusion
from ..fusion.best_assignment import best_assignment
from ..fusion.prevalence import with_prevalence
from ..graph import Variable
from ..learning.sample_weights import weights_of_rows
from .base import ModalityEstimator, draw_seed
from .combinations import COMBINATION, Combinations, labels_of, most_probable, shared_combinations
from .counted_rows import counted_rows
from .fusion_choice import Candidate, ScoredRows, held_out_losses, trained
from .inputs import Modalities
from .label_table import (
    ancestors,
    check_consistent,
    checked_edges,
    checked_hierarchy,
    checked_table,
    classes_of,
    states_of,
)
from .prevalence import checked_prevalence
from .target_experts import TargetExperts
from .target_graphs import Edge, edge_gains, joint_model, ranked_edges
from .target_scores import cross_fitted_targets, sources_of, together, with_targets

if TYPE_CHECKING:
    import pandas as pd

_SUBSETS_TO_CHOOSE = 2  # that serve while graphs are compared
_FIT: dict[str, Any] = {"max_steps": 60, "tolerance": 1e-6}
_PSEUDO_COUNT = 0.5  # rows of each class that the frequencies of a target begin with


class JointFusionClassifier(ModalityEstimator):
    """A classifier of several targets by exact inference on one factor graph; rows may miss modalities and labels.

    For every target, experts of the modalities are cross-fitted to the rows that know its label, as for
    ``FusionClassifier``, and their scores speak through a ``CorrelatedScorePotential``. Edges between targets hold how
    diagnoses go together, and, by modality, what of this the scores say already: so they count for much where little is
    seen. All is fitted together by the exact joint conditional likelihood of the known labels, under random subsets of
    the modalities and none; unknown labels are summed out. A row without any modality gets the joint prior. Whole
    combinations of labels that training rows share may speak as well: the states of a latent variable, with experts of
    its own, of which each adds to the weight of one joint assignment. The out-of-fold scores of the training rows are
    kept, for ``with_edges``.

    Args:
        modalities: As for ``FusionClassifier``.
        encoders: As for ``FusionClassifier``, clones for every target; those left out, and all if None, are linear, a
            ``TabularEncoder``, beside which a ``KernelEncoder`` reads tables for combinations.
        edges: Pairs of targets that depend on each other beyond what is seen; an empty list for none, which leaves one
            classifier a target. None learns them: pairs are ranked by how far the errors of both go together, the
            maximum spanning tree first, and the likelihood of held-out training rows says whether none is taken, the
            tree, or all that exact inference answers quickly.
        hierarchy: By child its parent, targets of two classes: the second class of the child (sorted, as in
            ``classes_``) implies the second class of the parent, and no other joint state is possible.
        combinations: Whether combinations of labels that two training rows or more share, of three targets or more,
            speak as well. None lets the likelihood of held-out training rows say where edges are learned, and is no
            where they are given.
        joint_encoder: A classifier that reads the columns of all tables side by side, one more expert of rows with two
            modalities or more. ``"default"`` is a linear one over the modalities without encoders of their own; None is
            none.
        random_state: Seed of folds and subsets, and of encoders that draw and have no seed of their own.

    Attributes:
        targets_: The columns of y.
        classes_: By target its labels, sorted.
        modalities_: Names of the modalities.
        experts_: By target its fitted ``TargetExperts``.
        edges_: The pairs of targets that have an edge, in the order in which they were taken.
        combinations_: The combinations that speak, a row each with the columns of y; none if they do not.
        losses_: By graph that was compared, such as ``"3 edges"`` and ``"3 edges and combinations"``, the mean joint
            negative log-likelihood of held-out rows, in nats; ``nan`` where none could be held out.
        graph_: The factor graph; its variables are named as the columns of y, as text.
        model_: The fitted ``GraphFusion`` over scores.

    Example:
        >>> import pandas as pd
        >>> X = pd.DataFrame({"glucose": np.arange(40.0), "pulse": np.arange(40.0) % 4})
        >>> y = pd.DataFrame({"diabetes": np.arange(40) > 19, "neuropathy": np.arange(40) > 29})
        >>> settings = {"edges": [("diabetes", "neuropathy")], "hierarchy": {"neuropathy": "diabetes"}}
        >>> groups = {"laboratory": ["glucose"], "vitals": ["pulse"]}
        >>> model = JointFusionClassifier(groups, **settings, random_state=0).fit(X, y)
        >>> model.predict_joint(X[5::20]).to_numpy().tolist()
        [[False, False], [True, False]]

    Reference: Lafferty, McCallum and Pereira (2001), Conditional random fields; Ghamrawi and McCallum (2005),
    Collective multi-label classification; Rother, Kohli, Feng and Jia (2009), Minimizing sparse higher order energy
    functions of discrete variables (the combinations).
    """

    def __init__(
        self,
        modalities: Modalities = None,
        encoders: Any = None,
        edges: Sequence[tuple[Any, Any]] | None = None,
        hierarchy: Mapping[Any, Any] | None = None,
        joint_encoder: Any = "default",
        random_state: Any = None,
        combinations: bool | None = None,
    ) -> None:
        self.modalities = modalities
        self.encoders = encoders
        self.edges = edges
        self.hierarchy = hierarchy
        self.joint_encoder = joint_encoder
        self.random_state = random_state
        self.combinations = combinations

    def fit(self, X: Any, y: pd.DataFrame, sample_weight: Any = None, groups: Any = None) -> JointFusionClassifier:
        """Fit the experts of every target, choose the edges, and fit the graph.

        Args:
            X: As for ``FusionClassifier``.
            y: A column per target, of two classes or more; NaN, None and NA are unknown labels. A row that knows none
                teaches nothing.
            sample_weight: As for ``FusionClassifier``: how much each row counts beside the others in all that is
                learned of every target and of the edges. Rows of weight zero are left out.
            groups: What each row belongs to ``(rows,)``, such as a person with several visits. No row is scored by
                experts that saw another of its group, and groups are held out whole where numbers of edges are
                compared. Of a row that does not know a target, while others of its group do, the experts of this
                target say nothing in the fit.

        Returns:
            The estimator itself.

        Raises:
            TypeError: If y is no DataFrame, the labels of a column are of several types, or weights differ, and an
                encoder does not take ``sample_weight`` in its own ``fit``.
            ValueError: If a column has one class in rows that count, edges or hierarchy name what is no target, or
                labels contradict the hierarchy; and as for ``FusionClassifier``.
        """
        batch = self._labeled_rows(X, y)
        y = checked_table(y, len(batch))
        self.classes_ = classes_of(y)
        counted = counted_rows(sample_weight, groups, len(batch))
        if len(counted.rows) < len(batch):
            batch, y = batch[counted.rows], y.iloc[counted.rows]
            self.classes_ = classes_of(y, " in rows whose sample_weight is not zero")
        self.targets_ = list(self.classes_)
        self._hierarchy = checked_hierarchy(self.hierarchy, self.classes_)
        given = None if self.edges is None else checked_edges(self.edges, self.targets_)
        states = states_of(y, self.classes_)
        check_consistent(states, self._hierarchy, counted.rows)
        rows = np.flatnonzero(np.any([each >= 0 for each in states.values()], axis=0))
        batch, states = batch[rows], {name: each[rows] for name, each in states.items()}
        counted = counted.some(rows)
        check_type("combinations", self.combinations, (bool, type(None)), "be True, False, or None to choose")
        generator = self._begin(batch)
        self._frequencies = {
            name: self._frequencies_of(name, each, counted.sample_weight) for name, each in states.items()
        }
        self._combinations: Combinations | None = None
        if self.combinations or (self.combinations is None and given is None):
            self._combinations = shared_combinations(states, self._frequencies, counted.sample_weight)
        told = {} if self._combinations is None else {COMBINATION: self._combinations.of_rows}
        self.experts_, subsets = cross_fitted_targets(
            self.encoders, self.joint_encoder, batch, states | told, counted, generator, told
        )
        self._experts_of_combinations = self.experts_.pop(COMBINATION, None)
        subsets, alike = [with_targets(each, states) for each in subsets], np.zeros(len(rows), dtype=np.int64)
        scored = ScoredRows(subsets, alike, counted.sample_weight, counted.groups)
        self._training_rows = scored
        self._prevalences: dict[Any, np.ndarray] = {}
        self.losses_: dict[str, float] = {}
        seed = draw_seed(generator)
        if given is None:
            given = self._learned_edges(scored, states, seed)
        if self.combinations is None and self._combinations is not None:
            self._choose_combinations(scored, given, seed)
        self.combinations_ = labels_of(self._combinations, self.classes_)
        self._fit_graph(given)
        return self

    def at_prevalence(self, prevalence: Mapping[Any, Any]) -> JointFusionClassifier:
        """The fitted classifier for a population in which targets have other frequencies; nothing is refitted.

        What the modalities say given all targets is taken to be the same there, and posteriors move by Bayes' rule. A
        row without any modality gets the joint prior with these marginals that is nearest to that of fit, by
        Kullback-Leibler divergence: how targets go together stays, as odds ratios. Targets that are left out follow
        through the edges: of one prevalence, given its target all others are as before (Jeffrey's rule). Experts are
        shared with this classifier, which stays as it is.

        Args:
            prevalence: By target the probability of every class: a mapping from labels, or an array ``(num_classes,)``
                in the order of ``classes_``. Those that were said before stay.

        Returns:
            A fitted copy.

        Raises:
            TypeError: If it is no mapping, or one of its values neither a mapping nor an array of numbers.
            ValueError: If a target or class is unknown, a class left out, a probability not above zero, their sum not
                one, or a child as frequent as its parent in the hierarchy.

        Example:
            >>> import pandas as pd
            >>> y = pd.DataFrame({"flu": [0, 0, 1, 1] * 5, "fever": [0, 1, 1, 1] * 5})
            >>> model = JointFusionClassifier(edges=[("flu", "fever")], random_state=0)
            >>> model = model.fit({"cough": np.arange(20.0) % 4}, y)
            >>> model.at_prevalence({"flu": {0: 0.9, 1: 0.1}}).predict_proba([{}]).round(1)
            target  flu      fever
            class     0    1     0    1
            0       0.9  0.1   0.3  0.7

        Reference: Jeffrey (1983), The Logic of Decision, chapter 11; Csiszár (1975), I-divergence geometry.
        """
        check_is_fitted(self)
        check_type("prevalence", prevalence, Mapping, "be a mapping from targets to probabilities of their classes")
        found = copy(self)
        found._prevalences = dict(self._prevalences)
        for name, each in prevalence.items():
            check_known("each target in prevalence", name, self.targets_)
            found._prevalences[name] = checked_prevalence(f"prevalence[{name!r}]", each, self.classes_[name])
        found._check_hierarchy()
        found._set_prevalences()
        return found

    def with_edges(
        self, required: Sequence[tuple[Any, Any]] = (), forbidden: Sequence[tuple[Any, Any]] = ()
    ) -> JointFusionClassifier:
        """The fitted classifier with some edges added and others taken away; no expert is refitted.

        The graph alone is fitted again, to the out-of-fold scores that are kept from ``fit``; other edges stay, and so
        does a prevalence that was set. The parameter ``edges`` of the copy names its edges.

        Args:
            required: Pairs of targets that are to have an edge; those that have one keep it.
            forbidden: Pairs of targets that are to have none.

        Returns:
            A fitted copy, with an empty ``losses_``; experts are shared with this classifier, which stays as it is.

        Raises:
            TypeError: If an argument is no sequence of pairs.
            ValueError: If a target is unknown, a pair joins one with itself, or is both required and forbidden, or the
                hierarchy joins a forbidden one.

        Example:
            >>> import pandas as pd
            >>> y = pd.DataFrame({"flu": [0, 0, 1, 1] * 5, "fever": [0, 1, 1, 1] * 5})
            >>> model = JointFusionClassifier(edges=[], random_state=0).fit({"cough": np.arange(20.0) % 4}, y)
            >>> model.with_edges(required=[("fever", "flu")]).edges_
            [('flu', 'fever')]
        """
        check_is_fitted(self)
        wanted, unwanted = (
            checked_edges(pairs, self.targets_, argument, otherwise="")
            for argument, pairs in (("required", required), ("forbidden", forbidden))
        )
        both = [pair for pair in wanted if pair in unwanted]
        if both:
            raise invalid("forbidden", "hold no pair that is required", listed(both))
        held = [pair for pair in unwanted if any(set(pair) == set(other) for other in self._hierarchy.items())]
        if held:
            raise invalid("forbidden", "hold no pair that hierarchy joins", listed(held))
        found = copy(self)
        found.losses_ = {}
        found._fit_graph([pair for pair in dict.fromkeys([*self.edges_, *wanted]) if pair not in unwanted])
        found.edges = list(found.edges_)
        found._set_prevalences()
        return found

    def predict_proba(self, X: Any) -> pd.DataFrame:
        """Marginal probabilities, a row a row; columns (target, class), the classes of a target sum to 1.

        Example:
            >>> import pandas as pd
            >>> y = pd.DataFrame({"flu": [0, 0, 1, 1] * 5, "fever": [0, 1, 1, 1] * 5})
            >>> model = JointFusionClassifier(edges=[("flu", "fever")], random_state=0)
            >>> model = model.fit({"cough": np.arange(20.0) % 4}, y)
            >>> model.predict_proba([{}]).round(1)  # nothing was seen: the prior
            target  flu      fever
            class     0    1     0    1
            0       0.5  0.5   0.2  0.8
        """
        import pandas as pd

        found = self._marginals(X)
        columns = [(name, label) for name in self.targets_ for label in self.classes_[name].tolist()]
        index = pd.MultiIndex.from_tuples(columns, names=["target", "class"])
        return pd.DataFrame(np.concatenate(list(found.values()), axis=1), _index(X), index)

    def predict(self, X: Any) -> pd.DataFrame:
        """By target the most probable class of each row, each by itself: what gets most labels right.

        Decisions of several targets may be impossible together; ``predict_joint`` decides on all at once.
        """
        return self._labels(X, {name: each.argmax(1) for name, each in self._marginals(X).items()})

    def predict_joint(self, X: Any) -> pd.DataFrame:
        """The most probable labels of all targets of each row together, the joint MAP: what gets most rows right."""
        scored = self._scored(X)
        with torch.no_grad():
            if self._combinations is None:
                found = best_assignment(self.model_, scored)
            else:
                found = most_probable(self.model_, scored, self._combinations)
        return self._labels(X, {name: found[str(name)].numpy() for name in self.targets_})

    def joint_log_likelihood(self, X: Any, y: pd.DataFrame) -> np.ndarray:
        """The log-probability ``(rows,)`` in nats of the known labels of each row together, given its modalities.

        Args:
            X: As for ``fit``.
            y: Labels as in ``fit``; columns may be left out. A row that knows none has 0, labels that contradict the
                hierarchy have ``-inf``.

        Raises:
            TypeError: If y is no DataFrame.
            ValueError: If a column is no target, or a label no class of it.
        """
        scored = self._scored(X)
        states = states_of(checked_table(y, len(scored)), self.classes_)
        with torch.no_grad():
            return self.model_.log_likelihood(with_targets(scored, states)).numpy()

    def score(self, X: Any, y: pd.DataFrame) -> float:
        """The share of rows all of whose known labels ``predict_joint`` gets right (subset accuracy)."""
        found, states = self.predict_joint(X), states_of(checked_table(y, len(X)), self.classes_)
        expected = states_of(found, self.classes_)
        right = [(states[name] < 0) | (states[name] == expected[name]) for name in self.targets_]
        return float(np.all(right, axis=0).mean())

    def _marginals(self, X: Any) -> dict[Any, np.ndarray]:
        scored = self._scored(X)
        with torch.no_grad():
            found = self.model_(scored)
        return {name: found[str(name)].exp().numpy() for name in self.targets_}

    def _labels(self, X: Any, states: Mapping[Any, np.ndarray]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame({name: self.classes_[name][states[name]] for name in self.targets_}, _index(X))

    def _scored(self, X: Any) -> ModalityBatch:
        batch = self._new_rows(X)
        return together(batch, {name: each.say(batch) for name, each in self._every_expert().items()})

    def _every_expert(self) -> dict[Any, TargetExperts]:
        """The experts of the targets, and, last, those of combinations that speak."""
        last = self._experts_of_combinations
        return self.experts_ if last is None else self.experts_ | {COMBINATION: last}

    def _fit_graph(self, edges: list[Edge]) -> None:
        """Fit the graph with these edges to the scores of the training rows."""
        rows = self._training_rows
        self.edges_ = edges
        candidate = self._candidate(edges, self._combinations)
        self.model_ = trained(candidate, rows, np.arange(len(rows.states)), _nothing, **_FIT).eval()
        self.graph_ = self.model_.graph

    def _set_prevalences(self) -> None:
        if self._prevalences:
            wanted = {str(name): torch.from_numpy(each) for name, each in self._prevalences.items()}
            self.model_ = with_prevalence(self.model_, wanted)

    def _check_hierarchy(self) -> None:
        """Refuse prevalences by which a child is as frequent as one of its ancestors."""
        for child, found in self._prevalences.items():
            for parent in ancestors(self._hierarchy, child):
                most = self._prevalences.get(parent, np.ones(2))[1]
                if not found[1] < most:
                    must = f"make {self.classes_[child].tolist()[1]!r} rarer than prevalence[{parent!r}] makes "
                    must += f"{self.classes_[parent].tolist()[1]!r}, as hierarchy says"
                    raise invalid(f"prevalence[{child!r}]", must, f"{found[1]:.6g} and {most:.6g}")

    def _frequencies_of(self, name: Any, states: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray:
        known = states >= 0
        shown = np.bincount(states[known], weights_of_rows(sample_weight, known), len(self.classes_[name]))
        counts = shown + _PSEUDO_COUNT
        return counts / counts.sum()

    def _learned_edges(self, scored: ScoredRows, states: Mapping[Any, np.ndarray], seed: int) -> list[Edge]:
        variables, always = self._variables(), [(str(a), str(b)) for a, b in self._hierarchy.items()]
        alone = self._candidate([])
        everyone = np.arange(len(scored.states))
        model = trained(alone, scored, everyone, _nothing, **_FIT)
        with torch.no_grad():
            found = model(scored.of(alone.sources, everyone))
        copies = len(scored.subsets)
        repeated = {str(name): np.tile(each, copies) for name, each in states.items()}
        weights = None if scored.sample_weight is None else np.tile(scored.sample_weight, copies)
        gains = edge_gains({name: each.exp().numpy() for name, each in found.items()}, repeated, weights)
        ranked, num_tree = ranked_edges(variables, gains, always)
        by_name = {str(name): name for name in self.targets_}
        edges = [(by_name[a], by_name[b]) for a, b in ranked]
        counts = sorted({0, num_tree, len(edges)})
        losses = [self._held_out_loss(self._candidate(edges[:count]), scored, seed) for count in counts]
        return edges[: counts[int(np.argmin(losses))]]

    def _choose_combinations(self, scored: ScoredRows, edges: Sequence[Edge], seed: int) -> None:
        """Keep the combinations where the graph with them makes the labels of held-out rows more likely."""
        alone, beside = self._candidate(edges), self._candidate(edges, self._combinations)
        known = self.losses_.get(alone.name)
        loss = self._held_out_loss(alone, scored, seed) if known is None else known
        if not self._held_out_loss(beside, scored, seed) < loss:
            self._combinations = self._experts_of_combinations = None
            self._training_rows = replace(scored, subsets=[each.select(alone.sources) for each in scored.subsets])

    def _held_out_loss(self, candidate: Candidate, scored: ScoredRows, seed: int) -> float:
        few = replace(scored, subsets=scored.subsets[:_SUBSETS_TO_CHOOSE])
        [loss] = held_out_losses([candidate], few, seed, _nothing).values()
        self.losses_[candidate.name] = loss.mean
        return loss.mean

    def _candidate(self, edges: Sequence[Edge], combinations: Combinations | None = None) -> Candidate:
        experts = self.experts_ if combinations is None else self._every_expert()
        groups = {str(name): sources_of(str(name), each) for name, each in experts.items()}
        make = partial(
            joint_model,
            self._variables(),
            {str(name): each for name, each in self._frequencies.items()},
            groups,
            list(self.modalities_),
            [(str(a), str(b)) for a, b in edges],
            {str(child): str(parent) for child, parent in self._hierarchy.items()},
            combinations,
        )
        names = [*self.modalities_, *(name for each in groups.values() for name in each)]
        check_unique("the names of modalities and of scores", names)
        name = f"{len(edges)} edges" + ("" if combinations is None else " and combinations")
        return Candidate(name, make, tuple(names))

    def _variables(self) -> list[Variable]:
        return [Variable(str(name), len(labels)) for name, labels in self.classes_.items()]


def _index(X: Any) -> Any:
    return X.index if is_frame(X) else None


def _nothing(model: GraphFusion) -> None:
    """Leaves a model as it is."""
