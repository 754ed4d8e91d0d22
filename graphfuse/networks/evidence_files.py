"""Evidence files of the UAI inference competitions, as evidence about a network."""

import os
import re
from pathlib import Path

import torch

from ..checks import check_type
from ..evidence import Evidence
from .files import read_text
from .network import Network
from .words import Words

_WORD = re.compile(r"\S+")


def read_evidence(path: str | os.PathLike[str], network: Network) -> Evidence:
    """Hard evidence from a file in the format of the UAI inference competitions, plain or compressed with gzip.

    A sample is the number of observations and then, for each, a variable and its state, both counted from zero. A
    variable is its place in ``network.graph.variables``. Two layouts occur, and both are read:

    - one sample alone, ``2  0 1  5 0``, as in 2014 and later; ``0`` where nothing is observed;
    - a first line with the number of samples, then one sample after the other, as in 2008 and 2010.

    The number of words tells which it is. Where it fits both, as ``2``, ``0``, ``1 3 1`` in three lines does, there
    are several samples if each stands on a line of its own.

    Args:
        path: The file.
        network: The network that the evidence is about.

    Returns:
        States by variable, int64 on the CPU: of shape ``()`` in the first layout, ``(num_samples,)`` in the second,
        with -1 where a sample does not observe a variable that another does. Without any observation in several
        samples, the first variable is -1 in all of them.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is malformed or incomplete, if a variable or a state is unknown, or if a sample names
            a variable twice; the message gives file and line, what was expected and what was found.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from graphfuse import Variable, bayesian_network
        >>> graph = bayesian_network([Variable("flu", 2), Variable("fever", 2)], {"fever": ["flu"]})
        >>> network = Network(graph, {"flu": torch.zeros(2), "fever": torch.zeros(2, 2)})
        >>> path = Path(mkdtemp()) / "patients.evid"
        >>> _ = path.write_text("2\\n1 1 1\\n2 0 0 1 0\\n")
        >>> read_evidence(path, network).hard
        {'fever': tensor([1, 0]), 'flu': tensor([-1,  0])}

    Reference: UAI 2022 Inference Competition, file formats.
    """
    check_type("network", network, Network, "be a Network")
    path = Path(path)
    return _Reader(read_text(path), path.name, _WORD).evidence(network)


class _Reader(Words):
    def evidence(self, network: Network) -> Evidence:
        several = self._several()
        num_samples = self.count("the number of samples", 1) if several else 1
        if several:
            self.reserve(num_samples, "samples")
        samples = [self._sample(network) for _ in range(num_samples)]
        if self.words[self.at]:
            raise self.refusal("nothing behind the last observation")
        names = dict.fromkeys(name for sample in samples for name in sample)
        if not several:
            return Evidence({name: torch.tensor(samples[0][name]) for name in names})
        if not names:
            names = dict.fromkeys(network.graph.variable_names[:1])
        return Evidence({name: torch.tensor([sample.get(name, -1) for sample in samples]) for name in names})

    def _sample(self, network: Network) -> dict[str, int]:
        """By variable its state."""
        count = self.count("the number of observations")
        self.reserve(2 * count, "words, a variable and its state for each observation")
        sample: dict[str, int] = {}
        last = len(network.graph.variables) - 1
        for _ in range(count):
            at = self.at
            variable = network.graph.variables[self.count(f"a variable from 0 to {last}", 0, last)]
            most = variable.num_states - 1
            state = self.count(f"a state of variable {variable.name!r} from 0 to {most}", 0, most)
            if variable.name in sample:
                raise self.refusal("a sample that names no variable twice", f"{variable.name!r} again", at)
            sample[variable.name] = state
        return sample

    def _several(self) -> bool:
        """Whether the first word is a number of samples; if the words fit both layouts, lines decide."""
        words = [int(word) if word.isascii() and word.isdigit() and len(word) < 10 else -1 for word in self.words[:-1]]
        if len(words) < 2:
            return False
        lines = [line.split() for line in self.text.split("\n") if line.strip()]
        at, num_samples = 1, 0
        while at < len(words) and words[at] >= 0:
            at, num_samples = at + 1 + 2 * words[at], num_samples + 1
        several = at == len(words) and num_samples == words[0]
        single = len(words) == 1 + 2 * words[0]
        if several != single or min(words) < 0:
            return several
        if not several:
            return len(lines[0]) == 1
        return len(lines[0]) == 1 and all(len(line) == 1 + 2 * int(line[0]) for line in lines[1:])
