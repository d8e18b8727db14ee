"""PyTorch's options: rewritings change nothing but the speed, compiling is cold and said, CUDA graphs are recorded."""

import contextlib
import copy
import os
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

from bench_lib.core.case import Case
from bench_lib.core.engine import Unavailable, check_case_options
from bench_lib.core.errors import InputError
from bench_lib.core.grid import read_grid
from bench_lib.core.reason import say
from bench_lib.engines.pytorch import builder as pytorch
from bench_lib.engines.pytorch import compile, rewrites
from bench_lib.engines.pytorch.compile import read_settings, run_first_calls
from bench_lib.engines.pytorch.cuda_graph import capture_graph, cut_batch
from bench_lib.workload.images import synthetic_images
from bench_lib.workload.network import load_network

BEST = read_grid("params/best.yaml")
CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")


class Small(nn.Module):
    """A residual block between a strided first convolution and a classifier."""

    def __init__(self, kernel=7, stride=2, padding=3):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, kernel, stride, padding), nn.BatchNorm2d(8), nn.ReLU())
        self.inner = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16))
        self.short = nn.Sequential(nn.Conv2d(8, 16, 1, 2), nn.BatchNorm2d(16))
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Linear(16, 5)

    def forward(self, images):
        images = self.first(images)
        out = self.inner(images)
        out += self.short(images)
        return self.last(self.relu(out).mean((2, 3)))


def drawn(network):
    """The network in float64, its normalisation with statistics that matter, in evaluation mode."""
    torch.manual_seed(1)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.running_mean, layer.weight.data, layer.bias.data):
                tensor.normal_()
            layer.running_var.uniform_(0.5, 2)
    return network.double().eval()


def same(network, images, rewritten, new_images):
    with torch.no_grad():
        torch.testing.assert_close(rewritten(new_images), network(images), rtol=1e-12, atol=1e-12)


IMAGES = torch.randn(2, 3, 37, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("rewrite", [rewrites.fold_batch_norm, rewrites.fuse_conv_relu])
@pytest.mark.parametrize("network", [Small(), load_network("resnet18", 0, image_size=32)], ids=["small", "resnet18"])
def test_folding_and_fusing_keep_the_function_and_leave_the_network(network, rewrite):
    network = drawn(network)
    before = copy.deepcopy(network.state_dict())
    rewritten = rewrite(network)
    same(network, IMAGES, rewritten, IMAGES)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in rewritten.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(("how", "channels"), [("pad4", 4), ("pad8", 8), ("space_to_depth", 16)])
def test_the_first_convolution_takes_more_channels_and_computes_the_same(how, channels):
    network = drawn(Small())
    rewritten, images = rewrites.first_convolution(network, IMAGES, how)
    assert images.shape[1] == rewritten.first[0].in_channels == channels
    same(network, IMAGES, rewritten, images)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(7, 2, 3), (3, 2, 1), (3, 2, 0), (4, 4, 0), (5, 3, 2), (2, 3, 0)]
)
@pytest.mark.parametrize("size", [(32, 32), (37, 50), (41, 43)])
def test_space_to_depth_is_exact_for_any_stride_and_size(kernel, stride, padding, size):
    network = drawn(Small(kernel, stride, padding))
    images = torch.randn(1, 3, *size, dtype=torch.float64)
    rewritten, blocks = rewrites.first_convolution(network, images, "space_to_depth")
    assert rewritten.first[0].stride == (1, 1)
    same(network, images, rewritten, blocks)


@pytest.mark.parametrize(("first_conv", "fused"), [(None, 16), ("pad8", 17)])
def test_each_relu_of_resnet18_after_a_convolution_is_fused(first_conv, fused):
    network, images = drawn(load_network("resnet18", 0, image_size=32)), IMAGES
    expected = network(images)
    if first_conv:
        network, images = rewrites.first_convolution(network, images, first_conv)
    rewritten = rewrites.fuse_conv_relu(network)
    assert sum(node.target is rewrites.CONV_RELU for node in rewritten.graph.nodes) == fused
    called = [rewritten.get_submodule(node.target) for node in rewritten.graph.nodes if node.op == "call_module"]
    left = [layer for layer in called if isinstance(layer, nn.Conv2d)]
    assert [layer.bias is None for layer in left if layer.kernel_size == (1, 1)] == [True] * 3  # moved to the others
    torch.testing.assert_close(rewritten(images), expected, rtol=1e-12, atol=1e-12)


def test_what_cannot_be_fused_is_left():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.grouped = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1, groups=2)

        def forward(self, x):
            y = self.conv(x)
            return torch.relu(y) + y + torch.relu(self.grouped(x)) + torch.relu(x + 1)

    network, x = Twice().eval(), torch.randn(1, 8, 4, 4)
    rewritten = rewrites.fuse_conv_relu(network)
    assert not any(node.target is rewrites.CONV_RELU for node in rewritten.graph.nodes)
    assert torch.equal(rewritten(x), network(x))


@pytest.mark.parametrize(
    ("network", "how"),
    [
        ([nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)], "pad4"),
        ([nn.Conv2d(3, 6, 3, groups=3)], "pad4"),
        ([nn.Conv2d(3, 4, 3)], "space_to_depth"),
        ([nn.Conv2d(3, 4, 3, (2, 1))], "space_to_depth"),
    ],
)
def test_a_network_that_begins_otherwise_is_a_reason(network, how):
    with pytest.raises(Unavailable, match=r"first_conv|one stride above 1"):
        rewrites.first_convolution(nn.Sequential(*network), IMAGES, how)


class FakeGpu:
    """What `graphs` uses of `torch.cuda`; `log` holds what was done, in order."""

    class Stream:
        def __init__(self, gpu, name):
            self.gpu, self.name = gpu, name

        def wait_stream(self, other):
            self.gpu.log.append(f"{self.name} waits for {other.name}")

    class CUDAGraph:
        def __init__(self, gpu):
            self.gpu = gpu

        def replay(self):
            self.gpu.log.append("replay")

    def __init__(self, monkeypatch):
        self.log, self.made = [], 0
        self.current = self.Stream(self, "outer")
        for name, value in {"Stream": self.new_stream, "current_stream": lambda: self.current, "stream": self.on,
                            "CUDAGraph": lambda: self.CUDAGraph(self), "graph": self.recording}.items():  # fmt: skip
            monkeypatch.setattr(torch.cuda, name, value)

    def new_stream(self):
        self.made += 1
        return self.Stream(self, f"s{self.made}")

    @contextlib.contextmanager
    def on(self, stream):
        before, self.current = self.current, stream
        yield
        self.current = before

    @contextlib.contextmanager
    def recording(self, _graph, stream):
        self.log.append(f"capture on {stream.name}")
        with self.on(stream):
            yield
        self.log.append("captured")

    def network(self, images):
        self.log.append(f"{len(images)} images on {self.current.name}")
        return images.sum((1, 2, 3))[:, None]


def test_a_pass_is_warmed_up_on_a_side_stream_recorded_once_and_replayed(monkeypatch):
    gpu, images = FakeGpu(monkeypatch), torch.randn(3, 3, 2, 2)
    replay = capture_graph(gpu.network, cut_batch(images, 1))
    assert gpu.log == ["s1 waits for outer", *["3 images on s1"] * 3, "outer waits for s1",
                       "capture on s1", "3 images on s1", "captured"]  # fmt: skip
    gpu.log.clear()
    first = replay()
    assert replay() is first
    assert gpu.log == ["replay"] * 2
    assert torch.equal(first[0], images.sum((1, 2, 3))[:, None])


def test_what_a_recorded_pass_reads_stays_in_memory_as_long_as_it_can_be_replayed(monkeypatch):
    FakeGpu(monkeypatch)
    network = nn.Flatten()
    weights = weakref.ref(network)
    replay = capture_graph(network, (torch.randn(2, 3),))
    del network
    assert weights() is not None
    del replay
    assert weights() is None


def test_a_batch_is_cut_into_parts_on_streams_that_are_forked_and_joined(monkeypatch):
    gpu, images = FakeGpu(monkeypatch), torch.randn(33, 3, 2, 2)
    outputs = capture_graph(gpu.network, cut_batch(images, 3), streams=2)()
    captured = gpu.log[gpu.log.index("capture on s3") + 1 : gpu.log.index("captured")]
    assert captured == [
        "s1 waits for s3", "s2 waits for s3", "11 images on s1", "11 images on s2", "11 images on s1",
        "s3 waits for s1", "s3 waits for s2",
    ]  # fmt: skip
    assert torch.equal(outputs[0], images.sum((1, 2, 3))[:, None])
    several = capture_graph(lambda one: (one[:, 0], one.flatten(1)), cut_batch(images, 3))()
    assert all(torch.equal(*pair) for pair in zip(several, (images[:, 0], images.flatten(1)), strict=True))
    gpu = FakeGpu(monkeypatch)
    assert capture_graph(gpu.network, cut_batch(images[:1], 4), streams=2)()[0].shape == (1, 1)  # one image, one part
    assert {line for line in gpu.log if "images" in line} == {"1 images on s1"}


@CPU
@pytest.mark.parametrize("freezing", [True, False])
def test_compiling_is_part_of_the_build_cold_and_said(freezing, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    network = drawn(Small()).float()
    images, caches = IMAGES.float(), []

    def watched(*given):
        caches.append(os.environ["TORCHINDUCTOR_CACHE_DIR"])
        assert not any(Path(caches[-1]).rglob("*.py"))
        run_first_calls(*given)
        assert any(Path(caches[-1]).rglob("*.py"))  # it compiled, in here

    monkeypatch.setattr(pytorch, "run_first_calls", watched)
    options = {"compile": "default", "freezing": freezing, "channels_last": True, "inductor": "epilogue_fusion=false"}
    built = pytorch.build(network, images, "fp32", **options)
    weights = sum(1 for _ in [*network.parameters(), *network.buffers()]) - 3  # the counts of batches are not used
    assert built.ran["compiled"] == {
        "mode": "default", "graphs": 1, "inputs": 1 if freezing else 1 + weights, "cudagraph_skips": 0,
        "settings": "epilogue_fusion=false",
    }  # fmt: skip
    assert caches[0] != str(tmp_path) == os.environ["TORCHINDUCTOR_CACHE_DIR"]
    assert not Path(caches[0]).exists()
    assert not any(tmp_path.iterdir())
    frames = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    built.run()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == frames  # nothing was left to be compiled
    torch.testing.assert_close(built.outputs()[0], network(images), rtol=1e-4, atol=1e-4)


@CPU
def test_a_fused_convolution_is_one_step_of_what_is_compiled(monkeypatch):
    monkeypatch.setattr(pytorch, "check_gpu_options", lambda _: None)  # on a CPU it is computed by steps
    network = drawn(Small()).float()
    options = {"fuse_conv_relu": True, "first_conv": "space_to_depth", "channels_last": True, "freezing": True}
    built = pytorch.build(network, IMAGES.float(), "fp32", compile="default", **options)
    assert built.ran["fused_convolutions"] == 2
    assert (built.ran["compiled"]["graphs"], built.ran["compiled"]["inputs"]) == (1, 1)
    built.run()
    torch.testing.assert_close(built.outputs()[0], network(IMAGES.float()), rtol=1e-4, atol=1e-4)


@CPU
def test_a_machine_without_a_compiler_is_a_reason():
    absent = torch._inductor.config.patch({"cpp.cxx": (None, "no-such-compiler")})
    with absent, pytest.raises(Unavailable, match="finds no compiler") as raised:
        pytorch.build(Small().eval(), IMAGES.float(), "fp32", compile="default", freezing=True)
    assert raised.value.command == "apt-get install g++"


def test_settings_of_inductor_are_read_by_name():
    assert read_settings("") == {}
    given = "conv_1x1_as_mm epilogue_fusion=false max_autotune_conv_backends=ATEN,TRITON cpp.threads=2"
    assert read_settings(given) == {
        "conv_1x1_as_mm": True, "epilogue_fusion": False, "max_autotune_conv_backends": "ATEN,TRITON", "cpp.threads": 2,
    }  # fmt: skip
    with pytest.raises(InputError, match="has no 'conv_1x1_as_m'; nearest: conv_1x1_as_mm"):
        read_settings("conv_1x1_as_m")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"freezing": True}, "set compile too"),
        ({"inductor": "conv_1x1_as_mm"}, "set compile too"),
        ({"graph_parts": 2}, "set cuda_graph too"),
        ({"cuda_graph": True, "compile": "reduce-overhead"}, "records CUDA graphs itself"),
        ({"compile": "default", "inductor": "epilog_fusion=0"}, "nearest: epilogue_fusion"),
    ],
)
def test_options_that_contradict_each_other_are_told(options, words):
    with pytest.raises(InputError, match=words):
        check_case_options(Case(engine="pytorch", options=options))
    with pytest.raises(InputError, match=words):
        pytorch.build(Small().eval(), IMAGES.float(), "fp32", **options)


@CPU
@pytest.mark.parametrize("options", [{"cuda_graph": True}, {"fuse_conv_relu": True}, {"compile": "reduce-overhead"}])
def test_what_only_a_gpu_has_is_a_reason_on_a_cpu(options):
    with pytest.raises(Unavailable, match="needs an NVIDIA GPU") as raised:
        pytorch.build(Small().eval(), IMAGES.float(), "fp32", **options)
    assert next(iter(options)) in say(raised.value.reason)


@CPU
@pytest.mark.parametrize("name", [name for name, variant in BEST.variants.items() if variant.engine == "pytorch"])
def test_each_variant_of_best_yaml_computes_what_the_network_does(name, monkeypatch):
    """As far as a machine without a GPU can show: what is compiled and recorded is called as it is."""
    FakeGpu(monkeypatch)
    monkeypatch.setattr(pytorch, "check_gpu_options", lambda _: None)
    monkeypatch.setattr(compile, "compile_lazily", lambda network, _: network)
    monkeypatch.setattr(compile, "cold_caches", lambda _, settings: contextlib.nullcontext(read_settings(settings)))
    network = drawn(Small()).float()
    built = pytorch.build(network, IMAGES.float(), "fp32", **BEST.variants[name].options)
    built.run()
    torch.testing.assert_close(built.outputs()[0], network(IMAGES.float()), rtol=1e-4, atol=1e-4)


def test_the_output_is_a_copy_that_the_next_run_does_not_overwrite():
    static = torch.zeros(1)
    engine = pytorch.PyTorchEngine(lambda: static.add_(1), torch.zeros(1), {}, torch.clone)
    engine.run()
    first = engine.outputs()[0]
    engine.run()
    assert (first, engine.outputs()[0]) == (torch.ones(1), 2 * torch.ones(1))


@CPU
def test_what_ran_is_read_from_the_network_and_its_input():
    images = synthetic_images(Case(engine="pytorch", image_size=32, batch_size=2), 0, torch.device("cpu"))
    options = {"fold_batch_norm": True, "first_conv": "space_to_depth", "channels_last": True}
    ran = pytorch.build(load_network("resnet18", 0, image_size=32), images, "fp32", **options).ran
    assert (ran["batch_norms"], ran["input_shape"], ran["channels_last"]) == (0, [2, 16, 19, 19], True)
    assert pytorch.build(load_network("resnet18", 0, image_size=32), images, "fp32").ran["batch_norms"] == 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"compile": "fast"}, "compile is 'fast'; allowed: 'default', 'reduce-overhead'"),
        ({"graph_parts": 0}, "graph_parts is 0; it must be at least 1"),
        ({"channels_last": "yes"}, "channels_last is 'yes'"),
        ({"cudagraph": True}, "did you mean 'cuda_graph'"),
    ],
)
def test_a_wrong_option_is_told_before_anything_runs(options, words):
    with pytest.raises(InputError, match=f"options.pytorch: .*{words}"):
        check_case_options(Case(engine="pytorch", options=options))
