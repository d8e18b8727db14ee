"""A network of one's own is measured as plain PyTorch in fp32, or refused in one sentence."""

import copy
import os
import signal
import sys
import warnings

import pytest
import torch
from corpus import networks

from bench_lib.core.case import Case, Limits
from bench_lib.core.errors import InputError
from bench_lib.core.reason import say
from bench_lib.engines.pytorch.quantize import NotQuantized, quantize_pt2e
from bench_lib.engines.shared.onnx_export import NotExported, export_onnx
from bench_lib.measure.flops import count_work
from bench_lib.measure.measure_case import failure_reason, measure_case
from bench_lib.workload.network import load_network
from bench_lib.workload.own_function import SETTINGS

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
SHORT = Limits(warmup_min_s=0.01, warmup_max_s=0.5, min_count=2, min_s=0.02)


pytestmark = pytest.mark.filterwarnings("ignore")  # of PyTorch, about what is old


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """The current folder, with the corpus's modules in it."""
    folder = tmp_path_factory.mktemp("networks")
    networks.make(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for module in ("nets", *networks.MODULES):
            patch.delitem(sys.modules, module, raising=False)
        yield folder
        for module in ("nets", *networks.MODULES):
            sys.modules.pop(module, None)


def answers(name, weights=""):
    with torch.no_grad():
        return load_network(name, 0, weights, 32)(IMAGES)


@pytest.mark.parametrize("name", ["compiled", "compiled_in_place", "compiled_inside", "parallel"])
def test_what_stands_around_a_network_is_taken_off(name):
    net = load_network(f"nets:{name}", 0, image_size=32)
    assert {type(part) for part in net.modules()} <= {type(part) for part in load_network("nets:Around", 0).modules()}
    assert not any("_orig_mod" in key or "module" in key for key in net.state_dict())
    torch.compiler.reset()
    with torch.no_grad(), torch.compiler.set_stance("fail_on_recompile"):
        assert torch.equal(net(IMAGES), answers("nets:build"))


@pytest.mark.parametrize("name", ["weight_normed", "Keeping", "Counting", "half", "bfloat16", "double", "frozen"])
def test_a_network_that_engines_could_not_copy_or_that_is_of_another_type_is_made_plain(name):
    net = load_network(f"nets:{name}", 0, image_size=32)
    with torch.no_grad():
        assert torch.equal(copy.deepcopy(net)(IMAGES), net(IMAGES))
        assert torch.allclose(net(IMAGES), answers("nets:build"), atol=1e-2)
    assert {value.dtype for value in net.state_dict().values()} <= {torch.float32, torch.int64}


def test_a_network_is_measured_in_evaluation_mode():
    assert torch.equal(answers("nets:training"), answers("nets:build"))


def test_a_lazy_network_gets_its_weights_from_an_image_of_the_case_s_size():
    assert load_network("nets:lazy", 0, image_size=32)[4].in_features == 8 * 8 * 8
    assert load_network("nets:lazy", 0, image_size=64)[4].in_features == 8 * 16 * 16
    assert torch.equal(answers("nets:lazy"), answers("nets:lazy"))


def test_frozen_weights_are_counted_as_others_are():
    case = Case(engine="pytorch", image_size=32)
    frozen, other = (count_work(case, load_network(f"nets:{name}", 0, image_size=32)) for name in ("frozen", "build"))
    assert frozen == other
    assert frozen.bytes_least == 4 * (8 * 3 * 9 + 8 * 10 + 3 * 32 * 32 + 10)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nets:compiled_forward", "compiles a part of itself (torch.compile); remove that, and let the bench compile"),
        ("compiling_nets:Compiled", "compiles a part of itself"),
        ("compiling_nets:Step", "compiles a part of itself"),
        ("nets:scripted", "compiled by TorchScript (torch.jit), wholly or in part; return the nn.Module"),
        ("nets:traced", "compiled by TorchScript"),
        ("nets:scripted_inside", "compiled by TorchScript"),
        ("nets:quantized", "computes in int8 by itself, so it would be measured as fp32 that it is not"),
        ("nets:Casting", "computes in bfloat16 by itself"),
        ("nets:complex_weights", "has complex weights"),
        ("nets:meta", "cannot be brought to the CPU in fp32: NotImplementedError: Cannot copy out of meta tensor"),
        ("nets:Dropping", "answers the same image differently each time"),
        ("nets:Locked", "cannot be copied (TypeError: cannot pickle '_thread.lock' object)"),
        ("nets:Data", "answers Answer; it must answer a tensor [batch, …] of float32, or several in a tuple, a list"),
        ("nets:Nothing", "answers an empty dict; it must answer"),
        ("nets:Labels", "answers labels: in int64"),
        ("nets:Halves", "answers in float16"),
        ("nets:Doubles", "answers in float64"),
        ("nets:Classes", "answers in int64"),
        ("nets:Squeezed", "answers [10] to one image; it must answer a tensor [batch, …]"),
        ("nets:Words", "does not take [1, 3, 32, 32]: RuntimeError: Expected tensor for argument #1 'indices'"),
        ("nets:Exits", "does not take [1, 3, 32, 32]: it ends the program (sys.exit(0))"),
        ("nets:exits", "cannot be built: it ends the program (sys.exit(0)); put what only a script does under"),
        ("exiting_nets:build", "exiting_nets does not import: it ends the program (sys.exit(0))"),
        ("demanding_nets:build", "demanding_nets does not import: it ends the program (sys.exit(2))"),
        ("nets:with_arguments", "with_arguments() missing 1 required positional argument: 'classes'"),
        ("nets:net", "is a network itself; name a function that returns it"),
        ("nets:coloured", "cannot be built: RuntimeError: This is advice. Read it."),
    ],
)
def test_what_would_not_be_measured_as_it_is_called_gets_one_sentence(name, words):
    with pytest.raises(InputError) as caught:
        load_network(name, 0, image_size=32)
    assert str(caught.value).startswith(f"model {name!r}")
    assert words in str(caught.value)
    assert len(str(caught.value)) < 450


def test_a_network_that_ends_the_program_is_a_failed_row():
    measured = measure_case(Case(engine="pytorch", model="nets:exits", image_size=32), SHORT)
    assert measured.status == "failed"
    assert say(measured.reason).startswith("заданное измерить нельзя: model 'nets:exits' cannot be built: it ends")


def test_ctrl_c_still_ends_what_it_is_to_end():
    with pytest.raises(KeyboardInterrupt):
        measure_case(Case(engine="pytorch", model="nets:interrupts", image_size=32), SHORT)


def test_a_network_that_is_not_exported_is_a_row_without_the_page_of_advice():
    with pytest.raises(NotExported) as caught:
        export_onnx(load_network("nets:Branching", 0, image_size=32), IMAGES)
    assert "Next steps" in str(caught.value.__cause__)
    told = say(failure_reason(caught.value))
    assert told.startswith("PyTorch не экспортирует эту сеть в ONNX (")
    assert "\x1b" not in told
    assert "Next steps" not in told


@pytest.mark.skipif(torch.cuda.is_available(), reason="PyTorch quantizes on a processor alone")
def test_a_network_that_is_not_quantized_is_a_row_with_the_cause():
    pytest.importorskip("torchao")
    with pytest.raises(NotQuantized) as caught:
        quantize_pt2e(load_network("nets:Branching", 0, image_size=32), IMAGES, [IMAGES])
    told = say(failure_reason(caught.value))
    assert told.startswith("torchao не квантует эту сеть в int8 (Unsupported: Data-dependent branching")


def test_a_mended_network_is_exported():
    model = export_onnx(load_network("nets:weight_normed", 0, image_size=32), IMAGES)
    assert [dim.dim_value for dim in model.graph.output[0].type.tensor_type.shape.dim] == [2, 10]


def test_a_module_changes_no_setting_of_the_process_and_sees_no_arguments_of_ours(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bench", "sweep", "grid.yaml"])
    before, filters = [read() for read, _ in SETTINGS], list(warnings.filters)
    assert torch.equal(answers("meddling_nets:build"), answers("nets:build"))
    assert torch.equal(answers("parsing_nets:build"), answers("nets:build"))
    assert [read() for read, _ in SETTINGS] == before
    assert warnings.filters == filters
    assert torch.get_default_dtype() == torch.float32
    assert torch.utils._device.CURRENT_DEVICE is None
    assert os.getcwd() != "/"
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    assert sys.argv == ["bench", "sweep", "grid.yaml"]


@pytest.mark.parametrize("name", ["parallel", "compiled", "both", "lightning", "checkpoint"])
def test_weights_as_trainings_leave_them_are_loaded(name):
    assert torch.equal(answers("nets:build", f"{name}.pt"), answers("nets:build", "plain.pt"))
    assert not torch.equal(answers("nets:build"), answers("nets:build", "plain.pt"))


def test_a_network_s_own_part_of_the_name_module_keeps_its_name(folder):
    (folder / "own_module.py").write_text(
        "import nets\nfrom torch import nn\n"
        "def build():\n    class Own(nn.Module):\n"
        "        def __init__(self):\n            super().__init__()\n            self.module = nets.build()\n"
        "        def forward(self, images):\n            return self.module(images)\n"
        "    return Own()\n"
    )
    assert torch.equal(answers("own_module:build", "parallel.pt"), answers("nets:build", "plain.pt"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two.pt", "it holds 2, under 'model', 'state_dict', so save the one that is meant"),
        ("other.pt", "it holds 1, under 'generator', so save the one that is meant"),
        ("numbers.pt", "not a state_dict, which is tensors by name"),
        ("list.pt", "not a state_dict"),
        ("nothing.pt", "not a state_dict"),
        ("expanded.pt", "the file does not hold all values of '5.bias'"),
        ("meta.pt", "the file does not hold all values of '0.weight'"),
        ("claiming.pt", "damaged, or not a file of tensors alone"),
        ("truncated.pt", "damaged, or not a file of tensors alone"),
        ("empty.pt", "the file is empty"),
        ("nothing.safetensors", "not a state_dict"),
        ("truncated.safetensors", "damaged, or not a file of safetensors"),
        ("renamed.safetensors", "damaged, or not a file of safetensors"),
    ],
)
@pytest.mark.parametrize("model", ["nets:build", "resnet18"])
def test_a_file_without_the_network_s_weights_gets_one_sentence(model, name, words):
    with pytest.raises(InputError) as caught:
        load_network(model, 0, name, 32)
    assert str(caught.value).startswith(f"weights {name!r}: ")
    assert words in str(caught.value)


def test_classes_that_do_not_fit_in_memory_are_one_sentence(monkeypatch):
    def build(*_, **__):
        return torch.empty(10**15)

    monkeypatch.setattr("torchvision.models.get_model", build)
    with pytest.raises(InputError, match=r"model 'resnet18' cannot be built: RuntimeError: .*can't allocate memory"):
        load_network("resnet18", 0, "plain.pt")
