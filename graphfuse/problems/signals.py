"""Four networks of the Bayesian Network Repository, read through noisy numbers: what is diagnosed, what is measured.

Every variable of a modality shows one number, its state (0, 1, ... in the order of the file) plus Gaussian noise. With
the default standard deviation of 0.7, the best guess from one reading of two equally likely states is right in 76 of
100 cases: each reading informs and none decides. Where states have no natural order (the make of a car, an X-ray), the
order of the file is as good as any other.

The targets are what a user of the network would ask for and cannot measure. All of them but some disorders of hepar2
have several descendants among what is measured. The grouping into modalities is ours, by the source that would tell;
it changes which readings go missing together, never the true posterior of what is seen. What is neither target nor
measured stays hidden.

- **alarm**: 37 variables. The targets are the eight diagnoses of the paper, the modalities its sixteen findings by the
  instrument that tells them (``record``: the notes on the patient and the settings of the machine), and its thirteen
  intermediate variables are hidden. Beinlich, Suermondt, Chavez and Cooper (1989), The ALARM Monitoring System.
- **insurance**: 27 variables. How severe an accident was, how risk-averse and how skilled the driver is; an insurer
  knows the ``person``, the ``household``, the ``car`` with its ``equipment``, and what was paid (``claims``). Binder,
  Koller, Russell and Kanazawa (1997), Adaptive Probabilistic Networks with Hidden Variables.
- **child**: 20 variables. The disease of a newborn, the state of its lungs and how its circulations mix; seen are
  ``history``, ``examination``, ``ecg``, ``xray`` and ``blood``. Spiegelhalter, Dawid, Lauritzen and Cowell (1993),
  Bayesian Analysis in Expert Systems.
- **hepar2**: 70 variables. Targets and modalities are those of ``hepar2``; only the way of reading differs.

Missing: none; drop modalities to study gaps. Files: as they come with pgmpy.
"""

import os
from collections.abc import Mapping

import torch

from ..checks import check_known
from .example_networks import example_network
from .hepar2 import DISORDERS, MODALITIES
from .network_problem import NetworkProblem
from .readings import GaussianSignal

_TARGETS: Mapping[str, tuple[str, ...]] = {
    "alarm": (
        "HYPOVOLEMIA",
        "INTUBATION",
        "LVFAILURE",
        "KINKEDTUBE",
        "DISCONNECT",
        "INSUFFANESTH",
        "PULMEMBOLUS",
        "ANAPHYLAXIS",
    ),
    "insurance": ("Accident", "RiskAversion", "DrivingSkill"),
    "child": ("Disease", "LungParench", "CardiacMixing"),
    "hepar2": DISORDERS,
}
_MODALITIES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "alarm": {
        "record": ("HISTORY", "FIO2", "MINVOLSET"),
        "catheter": ("CVP", "PCWP", "PAP", "CO", "TPR"),
        "cuff": ("BP", "HRBP"),
        "skin_sensors": ("HREKG", "HRSAT", "SAO2"),
        "ventilator": ("PRESS", "MINVOL", "EXPCO2"),
    },
    "insurance": {
        "person": ("Age", "GoodStudent", "SeniorTrain", "DrivHist"),
        "household": ("OtherCar", "HomeBase", "AntiTheft"),
        "car": ("MakeModel", "VehicleYear", "Mileage", "CarValue"),
        "equipment": ("Antilock", "Airbag"),
        "claims": ("PropCost", "MedCost", "ILiCost"),
    },
    "child": {
        "history": ("BirthAsphyxia", "Age"),
        "examination": ("GruntingReport",),
        "ecg": ("LVHreport",),
        "xray": ("XrayReport",),
        "blood": ("CO2Report", "LowerBodyO2", "RUQO2"),
    },
    "hepar2": MODALITIES,
}
SIGNAL_PROBLEMS = tuple(_TARGETS)


def signal_problem(name: str, scale: float = 0.7, root: str | os.PathLike[str] | None = None) -> NetworkProblem:
    """A network whose modalities show numbers: the state of every variable, with Gaussian noise.

    Args:
        name: ``"alarm"``, ``"insurance"``, ``"child"`` or ``"hepar2"``.
        scale: Standard deviation of the noise; neighbouring states are one apart.
        root: A folder with the file ``<name>.bif.gz``; the one inside the installed package pgmpy if None.

    Raises:
        ModuleNotFoundError: If no folder is given and pgmpy is not installed.
        ValueError: If the name is unknown, the folder lacks the file, or the scale is not positive.

    Example:
        >>> problem = signal_problem("child")
        >>> batch = problem.draw(4, torch.Generator().manual_seed(0))
        >>> batch.inputs["blood"].shape, problem.true_posterior(batch)["Disease"].shape
        (torch.Size([4, 3]), torch.Size([4, 6]))

    Reference: Scutari (2010), Learning Bayesian Networks with the bnlearn R Package; each network has its own paper.
    """
    check_known("the name of a signal problem", name, SIGNAL_PROBLEMS)
    network = example_network(name, root)
    num_states = network.graph.num_states
    readings = {
        variable: GaussianSignal(torch.arange(num_states[variable]).float(), scale)
        for group in _MODALITIES[name].values()
        for variable in group
    }
    return NetworkProblem(network, _TARGETS[name], _MODALITIES[name], readings)
