"""How to read a report: what every metric is, which way is better, and how intervals, tests and ranks are made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A column of scores as readers meet it.

    Args:
        caption: Its short name.
        definition: What it is, in a sentence or two.
        higher_is_better: The direction; None if it describes the test rows and has no better.
    """

    caption: str
    definition: str
    higher_is_better: bool | None

    @property
    def title(self) -> str:
        """The caption as it begins a sentence."""
        return self.caption[:1].upper() + self.caption[1:]


METRICS = {
    "nll": Metric(
        "NLL",
        "Negative log-likelihood: minus the mean log-probability of the true class, in nats. It rewards being sure "
        "when right and punishes being sure when wrong; a model may lower it only by telling what it believes "
        "(Good, 1952). Probabilities below 1e-9 count as 1e-9.",
        False,
    ),
    "accuracy": Metric("accuracy", "The share of test rows whose most probable class is the true one.", True),
    "auroc": Metric(
        "AUROC",
        "Area under the ROC curve: the probability that a row of a class is ranked above a row of another; with more "
        "than two classes, the mean over classes, each against the rest. Undefined, and left empty, where a split has "
        "no test row of some class (Hanley and McNeil, 1982).",
        True,
    ),
    "macro_f1": Metric(
        "macro F1", "The harmonic mean of precision and recall, averaged over classes, rare ones alike.", True
    ),
    "brier": Metric(
        "Brier",
        "Half the squared distance between the probabilities and the truth, summed over classes, averaged over rows; "
        "from 0 to 1 (Brier, 1950, whose own score is twice as large).",
        False,
    ),
    "ece": Metric(
        "ECE",
        "Expected calibration error: the gap between how sure and how often right the most probable class is, in bins "
        "of confidence, weighted by their rows (Guo et al., 2017). Here the bins are first summed over the splits: "
        "the error of few rows is biased upwards. So it has no interval over splits.",
        False,
    ),
    "aurc": Metric(
        "AURC",
        "Area under the risk-coverage curve: the share of wrong answers among the rows that the model is most sure "
        "of, averaged over all shares of rows answered (Geifman and El-Yaniv, 2017).",
        False,
    ),
    "confidence_rises": Metric(
        "confidence rises",
        "How often the model grows surer of its answer when a modality is taken away, as a share of rows and "
        "modalities, under the first test condition. For the exact posterior it is not zero, so no value is best.",
        None,
    ),
    "kl": Metric(
        "KL",
        "Kullback-Leibler divergence from the true posterior to the model's, the mean over rows in nats; only where "
        "the truth is known. Zero for the truth itself, unlike NLL.",
        False,
    ),
    "unseen_rows": Metric(
        "unseen masks",
        "The share of test rows whose set of present modalities occurs in no training row.",
        None,
    ),
    "missing": Metric("missing", "The share of missing entries, row by modality, among the test rows.", None),
}


def metric(name: str) -> Metric:
    """What is known of a metric; one that is not listed has no better direction."""
    return METRICS.get(name) or Metric(name, "Not described here.", None)


RECIPES = (
    "Intervals. A ± is the half-width of a 95 % interval of the mean over splits. Splits of one data set share "
    "training rows, so their scores are correlated; the variance of the mean is (1/J + n_test/n_train) times the "
    "variance over the J splits, and the quantile is Student's with J - 1 degrees of freedom (Nadeau and Bengio, "
    "2003). With one split there is no interval.",
    "Missing splits. A mean over fewer splits than another model of the same column has is marked with a dagger, and "
    "is never marked as best: the splits differ in difficulty.",
    "Tests. Models are compared split by split: the t test of the differences uses the same corrected variance; "
    "Wilcoxon's signed-rank test is given beside it, and is no check of its correction, for it takes the splits as "
    "independent. P-values of the t test are adjusted by Holm's method over all comparisons of one data set, protocol "
    "and metric (Holm, 1979); across data sets and metrics nothing is adjusted.",
    "Ranks. In every block (a data set, protocol, training condition and test condition) the models are ranked by "
    "their means, 1 being best; ties share a rank. Friedman's test asks whether all mean ranks may be equal; two "
    "models whose mean ranks differ by less than Nemenyi's critical difference are not told apart at the 5 % level "
    "(Demšar, 2006). Blocks of one data set share rows and are not independent, so both look surer than they are.",
    "Robustness. The area is that under the curve of the metric over the levels, divided by their range: the mean "
    "score over the sweep. Effective robustness is how much less the model loses from the first level on than the "
    "baseline, moved to start as high, does; it is summed over the levels, and positive is better for losses too "
    "(Liang et al., 2021; Taori et al., 2020).",
    "Calibration and risk. Calibration curves pool the bins of all splits and show no bin of fewer than ten rows. "
    "Risk-coverage curves are means over splits.",
)

REFERENCES = (
    "Brier (1950), Verification of forecasts expressed in terms of probability.",
    "Demšar (2006), Statistical comparisons of classifiers over multiple data sets.",
    "Geifman and El-Yaniv (2017), Selective classification for deep neural networks.",
    "Good (1952), Rational decisions.",
    "Guo et al. (2017), On calibration of modern neural networks.",
    "Hanley and McNeil (1982), The meaning and use of the area under a receiver operating characteristic curve.",
    "Holm (1979), A simple sequentially rejective multiple test procedure.",
    "Liang et al. (2021), MultiBench: multiscale benchmarks for multimodal representation learning.",
    "Nadeau and Bengio (2003), Inference for the generalization error.",
    "Taori et al. (2020), Measuring robustness to natural distribution shifts in image classification.",
)
