"""Files of weights: safetensors beside PyTorch's own, and the number of classes that the weights have."""

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from bench_lib.core.errors import InputError
from bench_lib.workload.network import load_network
from bench_lib.workload.weights_file import fit_classes, read_weights

IMAGE = torch.zeros(1, 3, 64, 64)


@pytest.fixture(scope="module")
def seven():
    """A network of seven classes."""
    torch.manual_seed(3)
    return models.squeezenet1_1(num_classes=7).eval()


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod."])
def test_safetensors_are_read_as_pytorch_s_own_file_is(tmp_path, seven, prefix):
    state = {f"{prefix}{name}": tensor for name, tensor in seven.state_dict().items()}
    save_file(state, tmp_path / "net.safetensors")
    torch.save(state, tmp_path / "net.pt")
    loaded, other = (load_network("squeezenet1_1", 0, str(tmp_path / name)) for name in ("net.safetensors", "net.pt"))
    for one, two, own in zip(*(net.state_dict().values() for net in (loaded, other, seven)), strict=True):
        assert torch.equal(one, own)
        assert torch.equal(two, own)
    with torch.no_grad():
        assert torch.equal(loaded(IMAGE), seven(IMAGE))


def test_the_order_of_tensors_in_a_file_does_not_matter(tmp_path):
    net = models.resnet18(num_classes=5)
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    read = read_weights(str(tmp_path / "net.safetensors"))
    assert list(read)[-1] != list(net.state_dict())[-1]
    assert load_network("resnet18", 0, str(tmp_path / "net.safetensors")).fc.out_features == 5


@pytest.mark.parametrize("model", ["densenet121", "googlenet", "maxvit_t", "swin_t", "vit_b_16", "mobilenet_v3_small"])
@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
def test_the_last_tensor_of_torchvision_s_networks_is_as_long_as_there_are_classes(model):
    with torch.device("meta"):
        three = models.get_model(model, weights=None, num_classes=3)
        own = list(three.state_dict().items())[-1]
    assert len(own[1]) == 3


class Built(torch.nn.Module):
    """A network that knows of how many classes it was asked to be."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.classes = num_classes
        if num_classes:
            self.head = torch.nn.Linear(2, num_classes)


@pytest.mark.parametrize(
    ("state", "classes"),
    [
        ({}, 10),
        ({"head.weight": torch.zeros(10, 2)}, 10),
        ({"head.weight": torch.zeros(4, 2)}, 4),
        ({"module.head.weight": torch.zeros(4, 2)}, 4),
        ({"other.weight": torch.zeros(4, 2)}, 10),
        ({"head.weight": torch.tensor(4.0)}, 10),
    ],
)
def test_a_network_is_built_of_as_many_classes_as_its_weights_have(state, classes):
    assert fit_classes(Built, state, lambda _: "head.weight").classes == classes


def test_a_network_without_a_last_layer_gets_that_of_its_weights():
    def build(num_classes=0):
        return Built(num_classes)

    assert fit_classes(build, {"head.weight": torch.zeros(4, 2)}, lambda _: "head.weight").classes == 4
    assert fit_classes(build, {}, lambda _: "head.weight").classes == 0


def test_weights_of_another_network_are_told(tmp_path, seven):
    save_file(seven.state_dict(), tmp_path / "net.safetensors")
    with pytest.raises(InputError, match=r"net.safetensors' are not those of resnet18: "):
        load_network("resnet18", 0, str(tmp_path / "net.safetensors"))
