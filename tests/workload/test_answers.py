"""Networks that answer several tensors: each is compared under its name, and an engine that cheats in one is caught."""

import sys

import pytest
import torch
from corpus import networks
from helpers.made import Honest, TickingClock

from bench_lib.core.case import Case, Limits
from bench_lib.core.engine import Unavailable, build_engine, load_builder
from bench_lib.core.errors import InputError
from bench_lib.measure import accuracy
from bench_lib.measure.measure_case import compare_with_reference, measure_case
from bench_lib.measure.reference import references, run_network
from bench_lib.workload.answers import Flat, output_names
from bench_lib.workload.images import draw_images, images_to_check, synthetic_images
from bench_lib.workload.network import load_network

CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
HERE, SIZE, BATCH = torch.device("cpu"), 64, 4
SHORT = Limits(warmup_min_s=0.01, warmup_max_s=0.5, min_count=2, min_s=0.02)
IMAGES = draw_images(BATCH, 32, 0, "timing")

pytestmark = pytest.mark.filterwarnings("ignore")  # of PyTorch, about what is old


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """The current folder, with the corpus's modules in it."""
    folder = tmp_path_factory.mktemp("answers")
    networks.make(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delitem(sys.modules, "nets", raising=False)
        yield folder
        sys.modules.pop("nets", None)


@pytest.mark.parametrize(
    ("name", "names", "sizes"),
    [
        ("build", ["output"], [10]),
        ("Tuple", ["0", "1"], [10, 3]),
        ("Dict", ["logits"], [10]),
        ("Boxes", ["scores", "area"], [10, 1]),
        ("Nested", ["out", "more.0", "more.1.0"], [10, 10, 4]),
    ],
)
def test_outputs_are_named_by_their_place_in_the_answer(name, names, sizes):
    model = load_network(f"nets:{name}", 0, image_size=32)
    assert output_names(model) == names
    with torch.no_grad():
        answer = model(IMAGES)
    outputs = answer if isinstance(model, Flat) else (answer,)
    assert [one.shape[:2] for one in outputs] == [(BATCH, size) for size in sizes]


@CPU
@pytest.mark.parametrize("engine", ["pytorch", "onnx_runtime", "openvino"])
@pytest.mark.parametrize(
    "name", ["nets:Nested", "nets:Boxes", "lraspp_mobilenet_v3_large", "ssdlite320_mobilenet_v3_large"]
)
def test_every_engine_answers_all_outputs(engine, name):
    size = 32 if name.startswith("nets") else SIZE
    case = Case(engine=engine, model=name, image_size=size, batch_size=BATCH)
    measured = measure_case(case, SHORT)
    if measured.status == "skipped":
        pytest.skip(measured.detail)
    assert measured.status == "ok", measured.detail
    told = measured.accuracy
    assert all(one.error < one.tolerance for one in told.outputs)
    assert told.error == max(one.error for one in told.outputs if one.tolerance == told.tolerance)
    assert measured.work.flops > 0
    shapes = {one.name: one.shape for one in told.outputs}
    assert (
        shapes
        == {
            "nets:Nested": {"out": [10], "more.0": [10], "more.1.0": [4]},
            "nets:Boxes": {"scores": [10], "area": [1]},
            "lraspp_mobilenet_v3_large": {"out": [21, SIZE, SIZE]},
            "ssdlite320_mobilenet_v3_large": {"bbox_regression": [144, 4], "cls_logits": [144, 91]},
        }[name]
    )


@CPU
def test_compiled_networks_and_int8_answer_all_outputs():
    model = load_network("nets:Nested", 0, image_size=32)
    for precision, options in (("fp32", {"compile": "default"}), ("int8", {})):
        case = Case(engine="pytorch", precision=precision, image_size=32, batch_size=BATCH, options=options)
        try:
            load_builder("pytorch").check_support(precision)
            engine = build_engine(case, model, IMAGES)
        except Unavailable as error:
            pytest.skip(str(error))
        compared = compare_with_reference(engine, case, model, images_to_check(case, 0))
        assert accuracy.is_acceptable(compared), compared
        assert [one.name for one in compared.outputs] == ["out", "more.0", "more.1.0"]


class CheatsInOne(Honest):
    """Answers the first image's values for all images, in the output of this number."""

    cheated = 0

    def outputs(self):
        outputs = list(super().outputs())
        outputs[self.cheated] = outputs[self.cheated][:1].expand_as(outputs[self.cheated]).clone()
        return tuple(outputs)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_engine_that_cheats_in_one_output_is_caught(number):
    model = load_network("nets:Nested", 0, image_size=32)
    case = Case(engine="pytorch", image_size=32, batch_size=16)
    images = images_to_check(case, 0)
    engine = CheatsInOne(TickingClock(), model, synthetic_images(case, 0, HERE))
    engine.cheated = number
    compared = compare_with_reference(engine, case, model, images)
    assert not accuracy.is_acceptable(compared)
    assert [one.fault for one in compared.outputs] == ["constant_output" if n == number else None for n in range(3)]
    honest = compare_with_reference(Honest(TickingClock(), model, IMAGES), case, model, images)
    assert accuracy.is_acceptable(honest)


def test_an_engine_that_leaves_an_output_out_is_caught():
    model = load_network("nets:Nested", 0, image_size=32)
    images = draw_images(16, 32, 0, "check")
    outputs, against = run_network(model, images), references(model, images, HERE, 16)
    with pytest.raises(ValueError, match="there are 2 outputs, and 3 in the reference"):
        accuracy.compare_all(outputs[:2], against, output_names(model), "fp32")


def test_the_output_that_is_the_furthest_off_for_what_is_allowed_decides():
    model = load_network("nets:Nested", 0, image_size=32)
    images = draw_images(16, 32, 0, "check")
    outputs, against = run_network(model, images), references(model, images, HERE, 16)
    noise = torch.randn(outputs[1].shape, generator=torch.Generator().manual_seed(0))
    spoilt = (outputs[0], outputs[1] + 0.3 * outputs[1].std() * noise, outputs[2])
    compared = accuracy.compare_all(spoilt, against, output_names(model), "fp32")
    assert compared.error == compared.outputs[1].error > 0.1
    assert [one.error for one in compared.outputs[::2]] == [0, 0]


def test_only_detection_networks_of_one_stage_are_known():
    for name in ("ssd300_vgg16", "retinanet_resnet50_fpn_v2", "fcos_resnet50_fpn", "deeplabv3_resnet50"):
        Case(engine="pytorch", model=name)
    with pytest.raises(InputError, match=r"'maskrcnn_resnet50_fpn' chooses boxes midway.*fcos_resnet50_fpn, retinanet"):
        load_network("maskrcnn_resnet50_fpn", 0)
