"""Models read from files or taken from other libraries, with named states, and asked by labels."""

from .estimation import estimate_tables
from .evidence_files import read_evidence
from .interchange import (
    from_networkx,
    from_pgmpy,
    structure_from_networkx,
    to_networkx,
    to_pgmpy_bayesian_network,
    to_pgmpy_factor_graph,
    to_pgmpy_markov_network,
)
from .labels import decode_labels, encode_labels
from .network import Network
from .reading import read_network, write_network

__all__ = [
    "Network",
    "decode_labels",
    "encode_labels",
    "estimate_tables",
    "from_networkx",
    "from_pgmpy",
    "read_evidence",
    "read_network",
    "structure_from_networkx",
    "to_networkx",
    "to_pgmpy_bayesian_network",
    "to_pgmpy_factor_graph",
    "to_pgmpy_markov_network",
    "write_network",
]
