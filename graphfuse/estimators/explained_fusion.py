"""What a fitted graph over scores says beside its answer: why, what conflicts, what to read next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from ..checks import check_count, check_known
from ..data import ModalityBatch
from ..data.frames import is_frame
from ..explanations.acquisition import net_values
from ..explanations.conflict import conflicts
from ..explanations.counterfactuals import changes
from ..explanations.ledger import ledger, ledger_errors
from ..explanations.subset_answers import state_of
from ..fusion import GraphFusion
from ..learning import EncoderEnsemble
from .base import TARGET, FusionEstimator, encoded
from .feature_answers import ModalityAlone, explained_features, feature_names
from .joint_expert import JOINT, JointExpert
from .score_answers import ScoreAnswers, answer_of, columns_of, with_columns
from .subset_answers import ClassifierAnswers

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike


class ExplainedFusion(FusionEstimator):
    """A classifier whose graph reads cross-fitted scores, several experts a modality."""

    encoders_: dict[str, EncoderEnsemble]
    sources_: dict[str, str]
    joint_: JointExpert | None
    seen_together_: np.ndarray
    reference_: Any
    examples_: dict[str, ModalityBatch]

    def explain(self, X: Any, target_state: Any = None, effects: str = "shapley", num_pairs: int = 64) -> pd.DataFrame:
        """What the prior and each modality add to the log-odds of a label, by row, in nats; every row sums to them.

        As ``graphfuse.explanations.explain``, with the answers of ``predict_log_proba``: a modality is shown or blanked
        with all its experts, and the joint expert reads those that are shown. An impossible row is ``nan``.

        Args:
            X: As for ``predict``.
            target_state: Whose log-odds, against all other labels; the second of two if None.
            effects: ``"shapley"``, ``"alone"`` or ``"removal"``. Shapley values of rows with more than 12 modalities
                are estimated from orders that are drawn anew by ``random_state`` on each call;
                ``shapley_standard_errors`` says how near that comes.
            num_pairs: Orders that are drawn then, in pairs of one and itself backwards, at least 2.

        Returns:
            A DataFrame, a row a row: ``prior``, every modality, ``missingness`` (0), ``interactions``.

        Raises:
            ValueError: If the label or ``effects`` is unknown, no label is given among more than two, or ``num_pairs``
                is below two.

        Example:
            >>> from sklearn.naive_bayes import GaussianNB
            >>> from graphfuse import FusionClassifier
            >>> X = {"glucose": np.arange(20.0), "pulse": np.arange(20.0) % 2}
            >>> model = FusionClassifier(encoders=GaussianNB(), random_state=0).fit(X, np.arange(20) > 9)
            >>> found = model.explain(X)
            >>> log_probs = model.predict_log_proba(X)
            >>> bool(np.allclose(found.sum(axis=1), log_probs[:, 1] - log_probs[:, 0]))
            True
        """
        answers, state = self._answers(X), state_of(target_state, self.classes_.tolist())
        return ledger(answers, state, effects, self._generator(), num_pairs, X.index if is_frame(X) else None)

    def shapley_standard_errors(self, X: Any, target_state: Any = None, num_pairs: int = 64) -> pd.DataFrame:
        """Standard errors in nats of the Shapley values that ``explain`` estimates, by row and modality.

        Zero in rows with at most 12 modalities, whose values are exact. With an integer ``random_state`` they are those
        of the same orders.

        Args:
            X: As for ``predict``.
            target_state: Whose log-odds.
            num_pairs: Orders, in pairs, at least 2.

        Returns:
            A DataFrame, a row a row and a column a modality.

        Raises:
            ValueError: As for ``explain``.

        Example:
            >>> from sklearn.naive_bayes import GaussianNB
            >>> from graphfuse import FusionClassifier
            >>> X = {"glucose": np.arange(20.0), "pulse": np.arange(20.0) % 2}
            >>> model = FusionClassifier(encoders=GaussianNB(), random_state=0).fit(X, np.arange(20) > 9)
            >>> bool((model.shapley_standard_errors(X) == 0).all(axis=None))  # all four subsets are asked
            True
        """
        answers, state = self._answers(X), state_of(target_state, self.classes_.tolist())
        return ledger_errors(answers, state, self._generator(), num_pairs, X.index if is_frame(X) else None)

    def explain_features(self, X: Any, modality: str, target_state: Any = None, num_pairs: int = 8) -> pd.DataFrame:
        """What each column of a modality adds to the log-odds that its experts give on their own, by row, in nats.

        The experts count as the model weighs them where a row has no other modality. A row sums to its entry of this
        modality in ``explain`` with ``effects="alone"``, less one number, the same in all rows: what the rows say that
        it is compared with, of the training rows ``examples_``. It is 0 where the row lacks the modality.

        If all encoders are linear, of two classes, or torch modules, gradients are integrated along the path from the
        mean of these rows, in the terms of each column and in the inputs: for linear ones to rounding, for modules to a
        thousandth of a nat. Of others, as by default, columns are set one by one to those of the row, in orders that
        are drawn anew by ``random_state`` on each call, starting from one of these rows; ``feature_standard_errors``
        says how near that comes. A missing cell earns what its being missing says. Of modules it earns 0, for it is
        missing along the whole path, so their one number is the same in rows with the same gaps; what a module cannot
        read is set to its mean.

        Args:
            X: As for ``predict``.
            modality: Which.
            target_state: Whose log-odds, against all other labels; the second of two if None.
            num_pairs: Orders that are drawn, in pairs of one and itself backwards. Each costs as many answers a row as
                the modality has columns.

        Returns:
            A DataFrame, a row a row and a column a column of the modality, features of more dimensions in one line.

        Raises:
            ValueError: If the modality or the label is unknown, no label is given among more than two, or ``num_pairs``
                is below one.

        Example:
            >>> from graphfuse import FusionClassifier, TabularEncoder
            >>> X = {"blood": np.arange(40.0).reshape(20, 2) % 7, "pulse": np.arange(20.0)[:, None] % 3}
            >>> model = FusionClassifier(encoders=TabularEncoder(), random_state=0).fit(X, np.arange(20) % 7 > 3)
            >>> found, alone = model.explain_features(X, "blood"), model.explain(X, effects="alone")["blood"]
            >>> bool(np.ptp(found.sum(axis=1) - alone) < 1e-9)
            True

        Reference: Štrumbelj and Kononenko (2014), Explaining prediction models and individual predictions with feature
        contributions; Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks; Aumann and Shapley
        (1974), Values of Non-Atomic Games.
        """
        return self._features(X, modality, target_state, num_pairs, 0)

    def feature_standard_errors(
        self, X: Any, modality: str, target_state: Any = None, num_pairs: int = 8
    ) -> pd.DataFrame:
        """Standard errors in nats of what ``explain_features`` estimates; 0 where it integrates.

        They say how far other orders and other rows to compare with would lead. With an integer ``random_state`` they
        are those of the same orders.

        Args:
            X: As for ``explain_features``, as are the others.
            modality: Which.
            target_state: Whose log-odds.
            num_pairs: Orders, in pairs, at least 2.

        Returns:
            A DataFrame, a row a row and a column a column of the modality.
        """
        check_count("num_pairs", num_pairs, minimum=2)
        return self._features(X, modality, target_state, num_pairs, 1)

    def counterfactual(self, X: Any, max_removed: int | None = None, loss: Any = None) -> pd.DataFrame:
        """By row the fewest modalities without which the decision would be another one.

        As ``graphfuse.explanations.smallest_change``, with labels for decisions; without a loss they are what
        ``predict`` answers.

        Args:
            X: As for ``predict``.
            max_removed: How many modalities to blank at most; as many as there are if None.
            loss: What each action costs in each class, ``(num_actions, num_classes)``, an array with classes as in
                ``classes_``, or a DataFrame whose columns are the labels and whose index names the actions.

        Returns:
            A DataFrame, a row a row: ``decision``, ``removed``, ``decision_after``, ``log_odds``, ``log_odds_after``.

        Raises:
            TypeError: If the loss is no array of numbers.
            ValueError: If ``max_removed`` is below one, or the loss has another shape, other labels, or is not finite.
        """
        index = X.index if is_frame(X) else None
        return changes(self._answers(X), self.classes_.tolist(), max_removed, index, loss)

    def next_modality(
        self,
        X: Any,
        costs: Mapping[str, float] | None = None,
        horizon: int = 1,
        budget: ArrayLike | None = None,
        loss: ArrayLike | None = None,
        max_readings: int | None = None,
    ) -> pd.DataFrame:
        """By row what reading each unobserved modality is expected to be worth net of its cost, and which to read next.

        As ``graphfuse.explanations.next_modality``. What a reading will show is taken from training rows,
        ``reference_``: row i of class k is as probable as p(y = k | observed) divided by the number of rows of this
        class, so the reading is taken to be independent of what was observed given the class. What is concluded from it
        is not: a row with a reading is answered as ``predict_proba`` answers it, the joint expert reading the columns
        of both, while the experts of the modality say of the reading what they said out of fold. All experts of a
        modality are read together.

        Every reading that is tried asks the joint expert, where ``joint_`` is not None: of the default one, about 20
        microseconds for each, so with a horizon of 1 some 5 milliseconds a row and unobserved modality.

        Args:
            X: As for ``predict``.
            costs: By modality, what reading it costs, in the unit of the value, a mapping or a Series; those left out
                are free.
            horizon: How many readings to look ahead, each chosen by what those before it showed.
            budget: What the readings of a row may cost together, one number or ``(rows,)``; unlimited if None.
            loss: What each action costs in each class, ``(num_actions, num_classes)``, an array with classes as in
                ``classes_``, or a DataFrame whose columns are the labels; the logarithmic loss, in nats, if None.
            max_readings: About how many reference readings of a modality are tried at each step; 256, with a horizon of
                2 24, beyond it 8, if None.

        Returns:
            A DataFrame, a row a row: by modality its net value, ``nan`` where it is observed or not offered; ``next``,
            None where no net value is above 0.

        Raises:
            TypeError: If costs, budget or loss are no numbers.
            ValueError: If a modality in ``costs`` is unknown, a cost is negative or not finite, a budget negative, the
                loss has another shape, or ``horizon`` is below one or beyond the unobserved modalities of every row.

        Example:
            >>> from sklearn.naive_bayes import GaussianNB
            >>> from graphfuse import FusionClassifier
            >>> X = {"glucose": np.arange(20.0), "pulse": np.arange(20.0) % 2}
            >>> model = FusionClassifier(encoders=GaussianNB(), random_state=0).fit(X, np.arange(20) > 9)
            >>> model.next_modality([{"pulse": 1.0}])["next"].tolist()
            ['glucose']
        """
        batch, scored = self._scored(X)
        groups = {name: [each for each, read in self.sources_.items() if read == name] for name in batch.modalities}
        for name in () if self.joint_ is None else self.joint_.tables.columns:
            groups[name].append(columns_of(name))
        return net_values(
            answer_of(self._graph_model(), TARGET, self.sources_, self.seen_together_, self.joint_),
            with_columns(scored, batch, self.joint_),
            groups,
            self.reference_,
            self.classes_.tolist(),
            costs=costs,
            horizon=horizon,
            budget=budget,
            loss=loss,
            max_readings=max_readings,
            index=X.index if is_frame(X) else None,
        )

    def conflict(self, X: Any) -> pd.DataFrame:
        """By row whether its modalities contradict each other, how surprising that is, and which one to check.

        As ``graphfuse.explanations.conflict``, beside the out-of-fold scores of training rows, ``reference_``, shown
        with the same modalities. Of every ensemble the first encoder alone speaks: so a row is scored as they are, by
        encoders that were fitted to four fifths of the training rows without it, and p-values keep their promise; they
        are too small where fit warned that it had no folds. The joint expert, no source of its own, is silent.

        Args:
            X: As for ``predict``.

        Returns:
            A DataFrame, a row a row: ``statistic`` in nats, ``p_value``, ``culprit``; ``nan`` and None in rows with
            fewer than two modalities.

        Example:
            >>> from sklearn.naive_bayes import GaussianNB
            >>> from graphfuse import FusionClassifier
            >>> X = {name: np.repeat([0.0, 5.0], 30) + np.arange(60.0) % 2 for name in ("ecg", "echo", "blood")}
            >>> model = FusionClassifier(encoders=GaussianNB(), random_state=0).fit(X, np.repeat(["well", "ill"], 30))
            >>> model.conflict([{"ecg": 5.5, "echo": 5.5, "blood": 0.5}])["culprit"].tolist()
            ['blood']
        """
        batch, scored = self._scored(X, slice(1))
        answers, others = (
            ScoreAnswers(each, self._graph_model(), TARGET, self.sources_, batch.modalities, self.seen_together_)
            for each in (scored, self.reference_.batch.select(list(self.sources_)))
        )
        return conflicts(answers, others, self.reference_.weights, X.index if is_frame(X) else None)

    def _features(self, X: Any, modality: str, target_state: Any, num_pairs: int, which: int) -> pd.DataFrame:
        """Contributions of columns, or their standard errors."""
        import pandas as pd

        batch = self._new_rows(X)
        check_known("modality", modality, batch.modalities)
        check_count("num_pairs", num_pairs)
        state = state_of(target_state, self.classes_.tolist())
        encoders = {name: each for name, each in self.encoders_.items() if each.members}
        encoders = {name: each for name, each in encoders.items() if self.sources_[name] == modality}
        columns = feature_names(batch, modality)
        found, rows = np.zeros((len(batch), len(columns))), np.flatnonzero(batch.present[modality].numpy())
        if len(rows) and encoders:
            alone = ModalityAlone(self._graph_model(), TARGET, encoders, modality)
            some = batch.select([modality])[rows]
            found[rows] = explained_features(
                alone, some, self.examples_[modality], state, self._generator(), num_pairs
            )[which]
        return pd.DataFrame(found, columns=columns, index=X.index if is_frame(X) else None)

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(int(check_random_state(self.random_state).randint(2**31 - 1)))

    def _scored(self, X: Any, members: slice = slice(None)) -> tuple[ModalityBatch, ModalityBatch]:
        """Rows with the modalities of fit, and what the experts of single modalities, or some members, say of them."""
        batch = self._new_rows(X)
        speaking = {name: EncoderEnsemble(each.members[members], each.prior) for name, each in self.encoders_.items()}
        return batch, encoded(batch, speaking, EncoderEnsemble.scores, len(self.classes_), self.sources_)

    def _graph_model(self) -> GraphFusion:
        assert isinstance(self.model_, GraphFusion)
        return self.model_

    def _answers(self, X: Any) -> ClassifierAnswers:
        batch = self._new_rows(X)
        joint = {} if self.joint_ is None else {JOINT: self.joint_}
        model, seen = self._graph_model(), self.seen_together_
        return ClassifierAnswers(batch, model, TARGET, self.encoders_, self.sources_, joint, seen)
