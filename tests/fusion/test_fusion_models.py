"""Every fusion model keeps the contract: any subset of modalities, row by row, in any order."""

from itertools import product

import pytest
import torch
from torch import nn

import graphfuse.fusion as fusion
from graphfuse import (
    ConditionalPotential,
    EarlyFusion,
    Enumeration,
    FitSettings,
    FusionModel,
    GaussianPotential,
    GraphFusion,
    HybridFusion,
    LogarithmicPool,
    MeanPool,
    ModalityBatch,
    NeuralPotential,
    TablePotential,
    Variable,
    bayesian_network,
    drop_modalities,
    fit,
    latent_class,
    markov_network,
    star,
)
from graphfuse.encoders import MLP
from graphfuse.fusion import (
    AttentionFusion,
    AveragingFusion,
    DempsterFusion,
    EmbraceNet,
    JointNetwork,
    LowRankFusion,
    MixtureOfExperts,
    MultimodalVAE,
    PatternSubmodels,
    ProductOfExperts,
    SparseExpertsFusion,
)
from graphfuse.fusion.ensemble import Ensemble
from graphfuse.learning import EvidentialLoss, RoutedNLL, SubsampledELBO, target_nll
from tests.families import members
from tests.graphs import assert_close

TARGET = Variable("label", 3)
SIZES = {"a": 2, "b": 4, "c": 1}
PRIOR = torch.tensor([0.2, 0.3, 0.5])


def graph_fusion(graph, num_states=3, **keywords):
    potentials = {
        factor.name: NeuralPotential(MLP(SIZES[factor.name], num_states), (num_states,), factor.name)
        if factor.name in SIZES
        else TablePotential(torch.randn(graph.shape(factor.scope)))
        for factor in graph.factors
    }
    return GraphFusion(graph, potentials, ["label"], **keywords)


def late(kind):
    return kind({name: MLP(size, 3) for name, size in SIZES.items()}, TARGET, PRIOR)


def early():
    return EarlyFusion(MLP(sum(SIZES.values()), 3), list(SIZES), TARGET)


def with_edges():
    nodes = [TARGET, *(Variable(name, 3) for name in SIZES)]
    return markov_network(nodes, [*(("label", name) for name in SIZES), ("a", "b"), ("b", "c")])


def features(size):
    return {name: MLP(width, size) for name, width in SIZES.items()}


def autoencoder():
    decoders = {name: MLP(2, width) for name, width in SIZES.items()}
    return MultimodalVAE(features(4), decoders, MLP(2, 3), 2, TARGET)


def submodels():
    alone = {("b",): EarlyFusion(MLP(4, 3), ["b"], TARGET), ("b", "a"): EarlyFusion(MLP(6, 3), ["a", "b"], TARGET)}
    return PatternSubmodels(alone, list(SIZES), fallback=late(LogarithmicPool))


EQUAL = dict.fromkeys(SIZES, 5)
MAKE = {
    GraphFusion: lambda: graph_fusion(star(TARGET, list(SIZES))),
    "GraphFusion with edges": lambda: graph_fusion(with_edges()),
    "GraphFusion with a latent class": lambda: graph_fusion(
        latent_class(TARGET, Variable("type", 4), list(SIZES)), num_states=4
    ),
    EarlyFusion: early,
    MeanPool: lambda: late(MeanPool),
    LogarithmicPool: lambda: late(LogarithmicPool),
    HybridFusion: lambda: HybridFusion(early(), late(LogarithmicPool)),
    Ensemble: lambda: Ensemble(early(), late(MeanPool)),
    AttentionFusion: lambda: AttentionFusion(features(6), 6, TARGET, num_heads=2),
    AveragingFusion: lambda: late(AveragingFusion),
    DempsterFusion: lambda: late(DempsterFusion),
    EmbraceNet: lambda: EmbraceNet(features(5), EQUAL, TARGET, 8, {"a": 1.0, "b": 2.0, "c": 0.5}),
    JointNetwork: lambda: JointNetwork(features(5), EQUAL, TARGET, 8),
    "JointNetwork with zeros": lambda: JointNetwork(features(5), EQUAL, TARGET, 8, nn.Tanh(), learn_missing=False),
    LowRankFusion: lambda: LowRankFusion(features(5), EQUAL, TARGET, rank=3),
    MixtureOfExperts: lambda: MixtureOfExperts(features(5), 5, TARGET),
    MultimodalVAE: autoencoder,
    PatternSubmodels: submodels,
    ProductOfExperts: lambda: late(ProductOfExperts),
    SparseExpertsFusion: lambda: SparseExpertsFusion(features(5), 5, TARGET, num_experts=3, num_active=2),
}
OBJECTIVE = {  # of the models that have one of their own
    AveragingFusion: EvidentialLoss(conflict_weight=1.0),
    DempsterFusion: EvidentialLoss(),
    MultimodalVAE: SubsampledELBO(),
    SparseExpertsFusion: RoutedNLL(),
}
ALL = [pytest.param(make, id=getattr(kind, "__name__", kind)) for kind, make in MAKE.items()]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def every_subset(generator, shape=(8,)):
    """Eight rows, one per subset of the three modalities, the empty one too."""
    inputs = {name: torch.randn(*shape, size, generator=generator) for name, size in SIZES.items()}
    masks = torch.tensor(list(product([False, True], repeat=3)))
    present = {name: masks[:, i].reshape(shape) for i, name in enumerate(SIZES)}
    states = torch.randint(-1, 3, shape, generator=generator)
    return ModalityBatch(inputs, present, targets={"label": states})


def test_every_member_of_the_family_is_tested():
    assert set(members(fusion, FusionModel)) == {kind for kind in MAKE if isinstance(kind, type)}


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("shape", [(8,), (2, 4)], ids=str)
def test_any_subset_gets_normalized_log_probabilities(make, shape, generator):
    log_probs = make()(every_subset(generator, shape))["label"]
    assert log_probs.shape == (*shape, 3)
    assert_close(log_probs.logsumexp(-1), torch.zeros(shape), 1e-5)


@pytest.mark.parametrize("make", ALL)
def test_values_of_a_missing_modality_do_not_matter_and_leave_no_nan(make, generator):
    model, batch = make().eval(), every_subset(generator)
    poisoned = ModalityBatch(
        {name: torch.where(batch.present[name][:, None], values, torch.nan) for name, values in batch.inputs.items()},
        targets=batch.targets,
    )
    assert_close(model(poisoned)["label"], model(batch)["label"])
    model.log_likelihood(poisoned).sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("make", ALL)
def test_a_row_gets_the_same_answer_alone_as_in_its_batch(make, generator):
    model, batch = make().double().eval(), every_subset(generator).to(dtype=torch.float64)
    whole, likelihoods = model(batch)["label"], model.log_likelihood(batch)
    for row in range(8):
        assert_close(model(batch[row])["label"], whole[row])
        assert_close(model(batch[row : row + 1])["label"][0], whole[row])
        assert_close(model.log_likelihood(batch[row]), likelihoods[row])


@pytest.mark.parametrize("make", ALL)
def test_permuting_rows_or_modalities_changes_nothing(make, generator):
    model, batch = make().double().eval(), every_subset(generator).to(dtype=torch.float64)
    order = torch.randperm(8, generator=generator)
    expected = model(batch)["label"]
    assert_close(model(batch[order])["label"], expected[order])
    assert_close(model(batch.select(["c", "a", "b"]))["label"], expected)


@pytest.mark.parametrize("make", ALL)
def test_the_empty_batch_has_an_empty_answer(make, generator):
    model, nothing = make(), every_subset(generator)[:0]
    assert model(nothing)["label"].shape == (0, 3)
    assert model.log_likelihood(nothing).shape == (0,)


@pytest.mark.parametrize("make", ALL)
def test_gradients_reach_every_parameter(make, generator):
    model = make()
    OBJECTIVE.get(type(model), target_nll)(model, every_subset(generator), generator).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name


@pytest.mark.parametrize("make", ALL)
def test_the_log_likelihood_reads_the_known_targets_and_only_them(make, generator):
    model, batch = make().eval(), every_subset(generator)
    log_probs, states = model(batch)["label"], batch.targets["label"]
    expected = torch.where(states >= 0, log_probs.gather(-1, states.clamp(min=0)[:, None])[:, 0], 0.0)
    assert_close(model.log_likelihood(batch), expected, 1e-5)


@pytest.mark.parametrize("make", ALL)
def test_a_model_is_restored_from_its_state(make, generator):
    model, other, batch = make().eval(), make().eval(), every_subset(generator)
    other.load_state_dict(model.state_dict())
    assert_close(other(batch)["label"], model(batch)["label"], 1e-6)


@pytest.mark.parametrize("make", ALL)
def test_a_batch_without_a_modality_of_the_model_is_refused_by_its_name(make, generator):
    with pytest.raises(ValueError, match="each modality that the model reads must be one of 'a', 'b'; got 'c'"):
        make()(every_subset(generator).select(["a", "b"]))


@pytest.mark.parametrize("make", ALL)
def test_a_model_that_draws_in_training_is_reproducible_and_one_in_evaluation_does_not_draw(make, generator):
    model, batch = make(), every_subset(generator)
    answers = []
    for _ in range(2):
        torch.manual_seed(1)
        answers.append(model(batch)["label"])
    assert torch.equal(*answers)
    model.eval()
    before = torch.get_rng_state()
    assert torch.equal(model(batch)["label"], model(batch)["label"])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("make", ALL)
def test_training_on_rows_with_gaps_beats_the_prior_also_on_rows_with_gaps(make, generator):
    states = torch.randint(3, (300,), generator=generator)
    centers = {name: 2 * torch.randn(3, size, generator=generator) for name, size in SIZES.items()}
    inputs = {name: centers[name][states] + torch.randn(300, size, generator=generator) for name, size in SIZES.items()}
    rows = drop_modalities(ModalityBatch(inputs, targets={"label": states}), 0.4, generator)
    model, train, test = make(), rows[:200], rows[200:]
    objective = OBJECTIVE.get(type(model), target_nll)
    fit(model, train, objective, generator, FitSettings(num_epochs=12, batch_size=50))
    frequencies = states[:200].bincount(minlength=3) / 200
    prior_nll = -frequencies[test.targets["label"]].log().mean()
    with torch.no_grad():
        assert target_nll(model, test, generator) < 0.9 * prior_nll


@pytest.mark.parametrize("make", ALL)
def test_the_printed_form_names_the_model(make):
    assert repr(make()).startswith(f"{type(make()).__name__}(")


@pytest.mark.parametrize("graph", [star(TARGET, list(SIZES)), with_edges()], ids=["star", "edges"])
def test_graph_fusion_equals_enumeration_on_every_subset(graph, generator):
    batch = every_subset(generator).to(dtype=torch.float64)
    model = graph_fusion(graph).double()
    expected = model(batch)["label"]
    model.method = Enumeration()
    assert_close(model(batch)["label"], expected)


def test_a_missing_modality_of_a_normalized_model_is_exactly_marginalized(generator):
    means, noise = torch.randn(3, 1, generator=generator).double(), torch.eye(1).expand(3, 1, 1).double()
    prior = TablePotential(PRIOR.double().log())
    sources = {name: GaussianPotential(means + i, noise, name) for i, name in enumerate("ab")}
    model = GraphFusion(star(TARGET, ["a", "b"]), {"prior": prior, **sources}, ["label"])
    seen = torch.tensor([[0.3]], dtype=torch.float64)
    batch = ModalityBatch({"a": seen, "b": torch.full((1, 1), torch.nan).double()})
    grid = torch.linspace(-12, 14, 4001).double()[:, None]
    both = ModalityBatch({"a": seen.expand(4001, 1), "b": grid})
    joint = torch.stack([model.log_potentials(both)[name] + 0.0 for name in "ab"]).sum(0) + PRIOR.double().log()
    integrated = torch.trapezoid(joint.exp(), grid[:, 0], dim=0)
    assert_close(model(batch)["label"][0].exp().detach(), (integrated / integrated.sum()).detach(), 1e-8)


def test_several_targets_have_an_exact_joint_likelihood(generator):
    variables = [Variable("flu", 2), Variable("cough", 2), Variable("fever", 3)]
    graph = bayesian_network(variables, {"cough": ["flu"], "fever": ["flu", "cough"]})
    tables = {name: ConditionalPotential(torch.randn(graph.shape(scope))) for name, scope in graph.scopes.items()}
    model = GraphFusion(graph, tables, ["cough", "fever"])
    rows = ModalityBatch({"unread": torch.zeros(5)}, targets={"cough": [0, 1, -1, 1, -1], "fever": [2, -1, 1, 0, -1]})
    joint = model.posterior(rows).joint(["cough", "fever"])
    expected = [joint[0, 2], joint[1].sum(), joint[:, 1].sum(), joint[1, 0], torch.tensor(1.0)]
    assert_close(model.log_likelihood(rows), torch.stack(expected).log(), 1e-5)
    assert model(rows)["fever"].shape == (5, 3)


def test_impossible_rows_have_minus_infinity_and_no_gradient(generator):
    graph = star(TARGET, ["a"])
    table = TablePotential(torch.zeros(3))
    model = GraphFusion(graph, {"prior": table, "a": NeuralPotential(nn.Identity(), (3,), "a")}, ["label"])
    scores = torch.tensor([[0.0, 1.0, 2.0], [-torch.inf] * 3])
    batch = ModalityBatch({"a": torch.zeros(2, 3)}, targets={"label": [1, 1]})
    model.potentials[1].encoder = nn.Module()
    model.potentials[1].encoder.forward = lambda inputs: scores
    posterior = model.posterior(batch)
    assert posterior.impossible.tolist() == [False, True]
    likelihoods = model.log_likelihood(batch)
    assert likelihoods[1] == -torch.inf and bool(likelihoods[0].isfinite())
    likelihoods[0].backward()
    assert bool(table.log_values.grad.isfinite().all())


def test_potentials_that_do_not_fit_are_named():
    graph = star(TARGET, ["a"])
    prior = TablePotential(torch.zeros(3))
    for potentials, message in [
        ({"prior": prior}, "potentials must hold a potential for every factor; got none for 'a'"),
        ({"prior": prior, "z": prior}, "each factor in potentials must be one of 'prior', 'a'; got 'z'"),
        ({"prior": nn.Linear(1, 1)}, r"potentials\['prior'\] must be a Potential; got Linear"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            GraphFusion(graph, potentials, ["label"])
    with pytest.raises(ValueError, match="the name of a variable must be one of 'label'; got 'y'"):
        GraphFusion(graph, {"prior": prior, "a": prior}, ["y"])
    narrow = GraphFusion(graph, {"prior": prior, "a": TablePotential(torch.zeros(2))}, ["label"])
    batch = ModalityBatch({"a": torch.zeros(4, 2)}, targets={"label": [0, 1, 2, 3]})
    with pytest.raises(ValueError, match=r"potentials\['a'\] over \('label',\) must have shape \(3,\); got \(2,\)"):
        narrow(batch)
    with pytest.raises(ValueError, match=r"batch.targets\['label'\] must be below 3; got 3"):
        narrow.log_likelihood(batch)


def test_an_encoder_that_maps_missing_cells_to_nan_is_named():
    graph = star(TARGET, ["a"])
    potentials = {"prior": TablePotential(torch.zeros(3)), "a": NeuralPotential(nn.Linear(2, 3), (3,), "a")}
    batch = ModalityBatch({"a": [[0.0, torch.nan], [1.0, 1.0]]}).to(dtype=torch.float32)
    with pytest.raises(ValueError, match=r"potentials\['a'\] .* must be free of nan .*MLP.*; got nan in 1 rows"):
        GraphFusion(graph, potentials, ["label"])(batch)


@pytest.mark.parametrize("make", ALL)
def test_values_of_another_dtype_than_the_encoders_are_named_with_the_remedy(make, generator):
    with pytest.raises(TypeError, match=r"must be of the dtype of its encoder, torch.float32 .*batch.to\(dtype=...\)"):
        make()(every_subset(generator).to(dtype=torch.float64))


def test_a_prior_or_an_encoder_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match="prior must be 3 probabilities that sum to 1"):
        MeanPool({"a": nn.Identity()}, TARGET, torch.tensor([0.5, 0.2, 0.2]))
    with pytest.raises(ValueError, match="encoders must hold at least one encoder; got none"):
        MeanPool({}, TARGET, PRIOR)
    with pytest.raises(TypeError, match="prior must be a tensor; got list"):
        MeanPool({"a": nn.Identity()}, TARGET, [0.2, 0.3, 0.5])
    with pytest.raises(ValueError, match="modalities must hold at least one name; got none"):
        EarlyFusion(MLP(2, 3), [], TARGET)
    wrong = MeanPool({"a": nn.Linear(2, 4)}, TARGET, PRIOR)
    with pytest.raises(ValueError, match=r"the output of encoders\['a'\] must have shape \(5, 3\); got \(5, 4\)"):
        wrong(ModalityBatch({"a": torch.zeros(5, 2)}))
    with pytest.raises(ValueError, match="the output of encoder must have 3 entries per row"):
        EarlyFusion(MLP(2, 4), ["a"], TARGET)(ModalityBatch({"a": torch.zeros(5, 2)}))
    with pytest.raises(ValueError, match="models must all predict 'label'"):
        HybridFusion(early(), EarlyFusion(MLP(2, 2), ["a"], Variable("other", 2)))
