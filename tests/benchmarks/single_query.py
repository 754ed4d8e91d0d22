"""What does one query for all marginals of a large network cost?     python -m tests.benchmarks.single_query [NAME ...]

A tenth of the variables is observed, all others are asked for, one case at a time. Both sides in one run and in turns,
one thread each, process CPU time, medians. "kept" changes the states of the same variables, with whatever was planned
for them; "cold" starts without a plan, tables prepared or an engine, but with compiled loops loaded, the network built
and, for pyAgrum, its tables set. Memory is the peak of a fresh process above what it held before its first query.
Needs: pip install 'graphfuse[bench]'; networks come with pgmpy, or from the folder bnlearn_networks in GRAPHFUSE_DATA.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import geometric_mean, median

import numpy as np
import torch

from graphfuse import Evidence, Network
from graphfuse.graph import clique_tree as trees
from graphfuse.inference import queries
from graphfuse.inference.rows import engine, tables
from graphfuse.problems.example_networks import example_network
from tests.benchmarks.against_pyagrum import Peer, forward_samples

NETWORKS = ("andes", "pathfinder", "pigs", "water", "munin", "link", "diabetes", "mildew", "barley", "munin1")
SHARE, TURNS = 0.1, 5


def main() -> None:
    torch.set_num_threads(1)
    example_network("asia").infer({"smoke": "yes"})  # compiled loops are loaded
    print("            observed  -------- kept, ms --------  -------- cold, ms --------  --- peak MB ---")
    print("   network  of all     pyAgrum     ours   ratio   pyAgrum     ours   ratio    pyAgrum   ours    error")
    kept, cold = [], []
    for name in sys.argv[1:] or NETWORKS:
        ratios = compare(name)
        kept.append(ratios[0])
        cold.append(ratios[1])
    print(f"geometric mean of the ratios: kept {geometric_mean(kept):.2f}, cold {geometric_mean(cold):.2f}")
    print(f"least: kept {min(kept):.2f}, cold {min(cold):.2f}")


def read(name: str) -> Network:
    data = os.environ.get("GRAPHFUSE_DATA")
    folder = Path(data) / "bnlearn_networks" if data else None
    return example_network(name, folder if folder and folder.is_dir() else None)


def cases(network: Network, num_cases: int) -> list[dict[str, int]]:
    """Cases in which the same tenth of the variables is observed."""
    names = network.graph.variable_names
    chosen = np.random.default_rng(0).permutation(len(names))[: round(SHARE * len(names))]
    drawn = forward_samples(network, num_cases, np.random.default_rng(0))
    return [{names[v]: int(drawn[names[v]][case]) for v in chosen} for case in range(num_cases)]


def compare(name: str) -> tuple[float, float]:
    network = read(name)
    states = cases(network, TURNS + 1)
    times: dict[str, list[float]] = {kind: [] for kind in ("our cold", "our kept", "their cold", "their kept")}
    peer, error = Peer(network, None), 0.0
    for turn in range(3):
        forget()
        times["our cold"].append(timed(lambda turn=turn: ask(network, states[turn]))[0])
        fresh = Peer(network, None)
        times["their cold"].append(timed(lambda fresh=fresh, turn=turn: ask_peer(fresh, states[turn], first=True))[0])
    ask_peer(peer, states[-1], first=True)
    for turn in range(TURNS):
        seconds, found = timed(lambda turn=turn: ask(network, states[turn]))
        times["our kept"].append(seconds)
        seconds, expected = timed(lambda turn=turn: ask_peer(peer, states[turn], first=False))
        times["their kept"].append(seconds)
        error = max(error, *(np.abs(found[each] - expected[each]).max() for each in expected))
    ms = {kind: 1e3 * median(values) for kind, values in times.items()}
    ratios = ms["their kept"] / ms["our kept"], ms["their cold"] / ms["our cold"]
    num_seen, num_all = len(states[0]), len(network.graph.variables)
    print(
        f"{name:>10} {num_seen:4} of {num_all:4} {ms['their kept']:9.1f} {ms['our kept']:8.1f} {ratios[0]:7.2f} "
        f"{ms['their cold']:9.1f} {ms['our cold']:8.1f} {ratios[1]:7.2f} {peak(name, 'peer'):10.0f} "
        f"{peak(name, 'ours'):6.0f} {error:8.1e}",
        flush=True,
    )
    return ratios


def timed(run):
    start = time.process_time()
    found = run()
    return time.process_time() - start, found


def forget() -> None:
    """Everything that an earlier query left behind, except the compiled loops."""
    for cached in (trees._planned, trees.clique_tree_towards, engine.layout_of, engine.own_layout_of):
        cached.cache_clear()
    for kept in (queries._CHECKED, tables._FLAT, tables._PREPARED):
        kept.entries.clear()


def ask(network: Network, seen: dict[str, int]) -> dict[str, np.ndarray]:
    evidence = Evidence({name: torch.tensor(state) for name, state in seen.items()})
    posterior = network.infer(evidence)
    return {name: posterior.marginal(name).numpy() for name in network.graph.variable_names if name not in seen}


def ask_peer(peer: Peer, seen: dict[str, int], first: bool) -> dict[str, np.ndarray]:
    if first:
        peer.engine.setEvidence(seen)
    else:
        for name, state in seen.items():
            peer.engine.chgEvidence(name, state)
    peer.engine.makeInference()
    return {name: peer.engine.posterior(name).toarray() for name in peer.variables if name not in seen}


def peak(name: str, side: str) -> float:
    """Megabytes that the first query of a fresh process takes at most, beyond what the process held before."""
    code = f"from tests.benchmarks.single_query import *; taken({name!r}, {side!r})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def taken(name: str, side: str) -> None:
    torch.set_num_threads(1)
    small, network = example_network("asia"), read(name)
    small.infer({"smoke": "yes"})
    ask_peer(Peer(small, None), {"smoke": 0}, first=True)
    (seen,), peer = cases(network, 1), Peer(network, None)
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark is set to what is held now
    before = held("VmHWM")
    if side == "ours":
        ask(network, seen)
    else:
        ask_peer(peer, seen, first=True)
    print(held("VmHWM") - before)


def held(mark: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(mark))


if __name__ == "__main__":
    main()
