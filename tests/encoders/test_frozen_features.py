"""Extractors that stay as they are, and those of a local Hugging Face folder."""

import pytest
import torch
from torch import nn

from graphfuse.encoders import FrozenFeatures, hugging_face_features
from graphfuse.encoders.mlp import MLP


def extractor() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))


def test_training_around_it_changes_nothing_in_it(generator):
    model = nn.Sequential(FrozenFeatures(extractor()), nn.Linear(4, 2)).train()
    before = {name: value.clone() for name, value in model[0].state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(torch.randn(8, 3, generator=generator)).square().sum().backward()
    optimizer.step()
    assert all(torch.equal(model[0].state_dict()[name], value) for name, value in before.items())
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["1.weight", "1.bias"]


def test_it_stays_in_evaluation_mode_whatever_is_asked_for(generator):
    frozen = FrozenFeatures(extractor())
    inputs, expected = torch.randn(8, 3, generator=generator), extractor().eval()
    for model in (frozen.train(), frozen.train(True), nn.Sequential(frozen).train()[0], frozen.eval()):
        assert not any(module.training for module in model.modules())
        assert torch.equal(model(inputs), expected(inputs))


def test_features_ask_for_no_gradient_and_are_flat(generator):
    frozen = FrozenFeatures(nn.Conv2d(1, 2, 3))
    found = frozen(torch.randn(4, 1, 6, 6, generator=generator, requires_grad=True))
    assert not found.requires_grad and found.shape == (4, 32)


def test_missing_numbers_are_read_as_zero_and_ids_as_they_are():
    frozen = FrozenFeatures(extractor())
    assert torch.equal(frozen(torch.tensor([[1.0, torch.nan, 2.0]])), frozen(torch.tensor([[1.0, 0.0, 2.0]])))
    embedding = nn.Embedding(3, 2)
    assert torch.equal(FrozenFeatures(embedding)(torch.tensor([[0, 2]])), embedding.weight[[0, 2]].reshape(1, 4))


def test_what_is_no_module_or_answers_no_tensor_is_refused():
    with pytest.raises(TypeError, match="module must be a torch module; got type"):
        FrozenFeatures(MLP)
    with pytest.raises(TypeError, match="the output of module must be a tensor of features; got tuple"):
        FrozenFeatures(nn.GRU(3, 2))(torch.zeros(1, 4, 3))


@pytest.fixture(params=["bert", "distilbert", "vit", "resnet"])
def folder(request, tmp_path):
    """A network of random weights, saved as Hugging Face saves it."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = {
        "bert": lambda: transformers.BertConfig(vocab_size=20, **small),
        "distilbert": lambda: transformers.DistilBertConfig(vocab_size=20, dim=8, n_layers=1, n_heads=2, hidden_dim=16),
        "vit": lambda: transformers.ViTConfig(image_size=8, patch_size=4, num_channels=1, **small),
        "resnet": lambda: transformers.ResNetConfig(
            num_channels=1, embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic"
        ),
    }[request.param]()
    torch.manual_seed(0)
    network = transformers.AutoModel.from_config(config).eval()
    network.save_pretrained(tmp_path)
    return tmp_path, network, request.param in ("vit", "resnet")


def test_a_local_hugging_face_folder_gives_frozen_features(folder, generator):
    path, network, reads_images = folder
    frozen = hugging_face_features(path).train()
    assert not frozen.training and not any(parameter.requires_grad for parameter in frozen.parameters())
    if reads_images:
        images = torch.randn(2, 1, 8, 8, generator=generator)
        expected = network(pixel_values=images).last_hidden_state
        expected = expected.mean((2, 3)) if expected.ndim == 4 else expected.mean(1)
        torch.testing.assert_close(frozen(images), expected)
        return
    ids = torch.tensor([[5, 7, 9], [4, -1, -1], [-1, -1, -1]])
    found = frozen(ids)
    torch.testing.assert_close(found[:1], network(input_ids=ids[:1]).last_hidden_state.mean(1))
    torch.testing.assert_close(found[1:2], network(input_ids=ids[1:2, :1]).last_hidden_state.mean(1))
    assert found.isfinite().all() and (found[2] == 0).all()


def test_a_folder_without_a_network_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder must hold config.json and model.safetensors; got "):
        hugging_face_features(tmp_path)
