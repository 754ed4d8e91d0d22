"""What a fitted graph over scores says beside its answer: why, what conflicts, what to read next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from ..data import ModalityBatch
from ..data.frames import is_frame
from ..explanations.acquisition import net_values
from ..explanations.conflict import conflicts
from ..explanations.counterfactuals import changes
from ..explanations.ledger import ledger
from ..explanations.subset_answers import state_of
from ..fusion import GraphFusion
from ..learning import EncoderEnsemble
from .base import TARGET, FusionEstimator, encoded
from .joint_expert import JOINT, JointExpert
from .score_answers import ScoreAnswers, answer_of
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

    def explain(self, X: Any, target_state: Any = None, effects: str = "shapley") -> pd.DataFrame:
        """What the prior and each modality add to the log-odds of a label, by row, in nats; every row sums to them.

        As ``graphfuse.explanations.explain``, with the answers of ``predict_log_proba``: a modality is shown or blanked
        with all its experts, and the joint expert reads those that are shown. An impossible row is ``nan``.

        Args:
            X: As for ``predict``.
            target_state: Whose log-odds, against all other labels; the second of two if None.
            effects: ``"shapley"``, ``"alone"`` or ``"removal"``. Shapley values of rows with more than 12 modalities
                are estimated from orders that are drawn anew by ``random_state`` on each call.

        Returns:
            A DataFrame, a row a row: ``prior``, every modality, ``missingness`` (0), ``interactions``.

        Raises:
            ValueError: If the label or ``effects`` is unknown, or no label is given among more than two.

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
        answers = self._answers(X)
        state = state_of(target_state, self.classes_.tolist())
        generator = torch.Generator().manual_seed(int(check_random_state(self.random_state).randint(2**31 - 1)))
        return ledger(answers, state, effects, generator, index=X.index if is_frame(X) else None)

    def counterfactual(self, X: Any, max_removed: int | None = None) -> pd.DataFrame:
        """By row the fewest modalities without which ``predict`` would answer otherwise.

        As ``graphfuse.explanations.smallest_change``, with labels for decisions.

        Args:
            X: As for ``predict``.
            max_removed: How many modalities to blank at most; as many as there are if None.

        Returns:
            A DataFrame, a row a row: ``decision``, ``removed``, ``decision_after``, ``log_odds``, ``log_odds_after``.
        """
        return changes(self._answers(X), self.classes_.tolist(), max_removed, X.index if is_frame(X) else None)

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

        As ``graphfuse.explanations.next_modality``. What a reading will show is taken from the out-of-fold scores of
        training rows, ``reference_``: row i of class k is as probable as p(y = k | observed) divided by the number of
        rows of this class, so the reading is taken to be independent of what was observed given the class. All experts
        of a modality are read together. The joint expert is silent here, since what it would say after a reading cannot
        be told from scores; so where ``joint_`` is not None, the probabilities that values begin with are not those of
        ``predict_proba``.

        Args:
            X: As for ``predict``.
            costs: By modality, what reading it costs, in the unit of the value; those left out are free.
            horizon: How many readings to look ahead, each chosen by what those before it showed.
            budget: What the readings of a row may cost together, one number or ``(rows,)``; unlimited if None.
            loss: What each action costs in each class, ``(num_actions, num_classes)``, classes as in ``classes_``; the
                logarithmic loss, in nats, if None.
            max_readings: About how many reference readings of a modality are tried at each step; 256, with a horizon of
                2 24, beyond it 8, if None.

        Returns:
            A DataFrame, a row a row: by modality its net value, ``nan`` where it is observed or not offered; ``next``,
            None where no net value is above 0.

        Raises:
            ValueError: If a modality in ``costs`` is unknown, a cost or budget is negative, the loss has another shape,
                or ``horizon`` is below one or beyond the unobserved modalities of every row.

        Example:
            >>> from sklearn.naive_bayes import GaussianNB
            >>> from graphfuse import FusionClassifier
            >>> X = {"glucose": np.arange(20.0), "pulse": np.arange(20.0) % 2}
            >>> model = FusionClassifier(encoders=GaussianNB(), random_state=0).fit(X, np.arange(20) > 9)
            >>> model.next_modality([{"pulse": 1.0}])["next"].tolist()
            ['glucose']
        """
        batch, scored = self._scored(X)
        return net_values(
            answer_of(self._graph_model(), TARGET, self.sources_, self.seen_together_),
            scored,
            {name: [each for each, read in self.sources_.items() if read == name] for name in batch.modalities},
            self.reference_,
            len(self.classes_),
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
            for each in (scored, self.reference_.batch)
        )
        return conflicts(answers, others, self.reference_.weights, X.index if is_frame(X) else None)

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
