"""A grid read from YAML, and one clear sentence for everything that can be wrong in it."""

import pytest

from bench_lib.cases import Case, InputError, engine_names, read_grid

GOOD = "engines: [pytorch]\nprecisions: [fp32]\nimage_sizes: [224]\nbatch_sizes: [1]\n"


def read(tmp_path, text):
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    return read_grid(path)


def test_the_seed_grid_has_48_different_cases():
    cases = read_grid("params/seed.yaml").cases()
    assert len(cases) == len({case.id for case in cases}) == 48


@pytest.mark.parametrize("name", ["seed", "smoke", "batches"])
def test_each_grid_names_every_engine(name):
    assert set(read_grid(f"params/{name}.yaml").engines) == set(engine_names())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("precisions", "precision"), ["unknown key 'precision'", "did you mean 'precisions'"]),
        (("[pytorch]", "[pytorhc]"), ["unknown engine 'pytorhc'", "onnx_runtime, pytorch, torch_tensorrt"]),
        (("[pytorch]", "[]"), ["engines", "empty"]),
        (("[pytorch]", "pytorch"), ["must be a list", "[pytorch]"]),
        (("[fp32]", "[fp23]"), ["'fp23'", "fp32", "fp16"]),
        (("[224]", "[0]"), ["image_sizes.0 is 0", "at least 1"]),
        (("[1]", "[-1]"), ["batch_sizes.0 is -1", "at least 1"]),
        (("[1]", '["33"]'), ["'33'", "whole number"]),
        (("[1]", "[true]"), ["True", "whole number"]),
        (("[1]", "[1.5]"), ["1.5", "whole number"]),
        (("[224]", "[224, 224]"), ["repeats a value"]),
        (("engines: [pytorch]\n", ""), ["engines is missing"]),
        (("batch_sizes: [1]", "batch_sizes: [1]\nlimits: {min_cuont: 3}"), ["min_cuont", "did you mean 'min_count'"]),
        (("batch_sizes: [1]", "batch_sizes: [1]\nlimits: {min_s: .nan}"), ["limits.min_s"]),
        (("engines:", "engines: ["), ["not a YAML file"]),
    ],
)
def test_a_wrong_grid_gets_one_sentence(tmp_path, change, words):
    assert change[0] in GOOD
    with pytest.raises(InputError) as caught:
        read(tmp_path, GOOD.replace(*change))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith(str(tmp_path / "grid.yaml"))
    assert [word for word in words if word not in sentence] == []


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "just words"])
def test_an_empty_grid_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="empty grid; write at least engines"):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing.yaml: there is no such file"):
        read_grid(tmp_path / "nothing.yaml")


def test_options_are_a_part_of_a_case_and_its_id():
    plain, tuned = Case(engine="pytorch"), Case(engine="pytorch", options={"channels_last": True})
    assert plain.id == "resnet18-pytorch-fp32-224px-b1"
    assert tuned.id == "resnet18-pytorch-fp32-224px-b1-channels_last=True"


def test_jupyter_shows_the_sentence_alone():
    assert InputError("what to do")._render_traceback_() == ["InputError: what to do"]
