"""Patients of a liver clinic, drawn from the network HEPAR II: nine disorders and 61 findings.

Source: A. Onisko, Probabilistic Causal Models in Medicine: Application to Diagnosis of Liver Disorders, doctoral
thesis, Polish Academy of Sciences (2003); the file is that of the Bayesian Network Repository, as it comes with pgmpy.
Sizes: 70 variables of two to four states, 123 edges. Seven disorders are present or absent; chronic hepatitis is
active, persistent or absent, and cirrhosis decompensated, compensated or absent.
Missing: none; drop modalities to study gaps.
Caveats: the patients are artificial. The file names its variables and describes none of them, so their grouping into
modalities is ours, by what a clinician would do to learn each: ask (``history``, ``symptoms``), look and feel
(``examination``), draw blood (``blood``: chemistry, counts, clotting; ``serology``: antibodies, antigens, cells). It
names no finding as one of imaging, so there is no imaging modality: size and surface of liver and spleen, fluid in the
abdomen and ``density`` (the least certain of all names) are taken as examination. The grouping changes which findings
go missing together, never the true posterior of what is seen. Research use, not a medical device.
"""

import os

from .example_networks import example_network
from .network_problem import NetworkProblem

DISORDERS = (
    "ChHepatitis",
    "THepatitis",
    "RHepatitis",
    "PBC",
    "fibrosis",
    "Steatosis",
    "Cirrhosis",
    "Hyperbilirubinemia",
    "carcinoma",
)
MODALITIES = {
    "history": (
        "age",
        "sex",
        "alcoholism",
        "vh_amn",
        "hepatotoxic",
        "hospital",
        "surgery",
        "gallstones",
        "choledocholithotomy",
        "injections",
        "transfusion",
        "diabetes",
        "obesity",
    ),
    "symptoms": (
        "fatigue",
        "itching",
        "upper_pain",
        "pain_ruq",
        "pressure_ruq",
        "pain",
        "joints",
        "fat",
        "alcohol",
        "flatulence",
        "anorexia",
        "nausea",
        "bleeding",
    ),
    "examination": (
        "skin",
        "jaundice",
        "spiders",
        "palms",
        "edema",
        "ascites",
        "hepatomegaly",
        "hepatalgia",
        "edge",
        "irregular_liver",
        "density",
        "spleen",
        "encephalopathy",
        "consciousness",
    ),
    "blood": (
        "bilirubin",
        "alt",
        "ast",
        "ggtp",
        "phosphatase",
        "albumin",
        "proteins",
        "inr",
        "platelet",
        "ESR",
        "urea",
        "amylase",
        "cholesterol",
        "triglycerides",
    ),
    "serology": ("hbsag", "hbsag_anti", "hbeag", "hbc_anti", "hcv_anti", "ama", "le_cells"),
}


def hepar2(root: str | os.PathLike[str] | None = None) -> NetworkProblem:
    """The nine disorders as targets, all findings read exactly, in five modalities; nothing stays hidden.

    Args:
        root: A folder with the file ``hepar2.bif.gz``; the one inside the installed package pgmpy if None.

    Raises:
        ModuleNotFoundError: If no folder is given and pgmpy is not installed.
        ValueError: If the folder lacks the file.

    Example:
        >>> problem = hepar2()
        >>> batch = problem.draw(4, torch.Generator().manual_seed(0))
        >>> problem.true_posterior(batch)["PBC"].shape
        torch.Size([4, 2])

    Reference: Onisko (2003), Probabilistic Causal Models in Medicine: Application to Diagnosis of Liver Disorders.
    """
    return NetworkProblem(example_network("hepar2", root), DISORDERS, MODALITIES)
