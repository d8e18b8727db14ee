"""Figures: one colour an engine, intervals as bars, and a text that says what is drawn."""

import matplotlib.pyplot as plt
from helpers.made import ALL, record, report

from bench_lib.report import plots
from bench_lib.report.sections.charts import draw_panel, latency_vs_throughput, speedup_map
from bench_lib.text.language import NBSP


def grid(folder=None):
    made = [
        record(engine, precision, size, batch, ms=ms * batch * size / 224)
        for engine, ms in zip(ALL, (10, 5, 2), strict=True)
        for precision in ("fp32", "fp16") for size in (224, 448) for batch in (1, 33)
    ]  # fmt: skip
    return report(*made, folder=folder)


def test_an_engine_has_one_colour_and_a_precision_one_marker_in_every_figure():
    lines = plots.line_styles(grid().cases)
    assert lines["PyTorch fp32"].colour == lines["PyTorch fp16"].colour != lines["ONNX Runtime fp32"].colour
    assert lines["PyTorch fp32"].marker == lines["ONNX Runtime fp32"].marker != lines["PyTorch fp16"].marker


def test_each_point_has_its_interval():
    data = grid()
    figure, axes = plt.subplots()
    draw_panel(axes, data.measured[data.measured.batch_size == 1], "image_size", plots.line_styles(data.cases))
    bars = {bar.get_label(): bar for bar in axes.containers}
    ends = bars["PyTorch fp32"].lines[2][0].get_segments()
    row = data.measured[(data.measured["name"] == "PyTorch fp32") & (data.measured.batch_size == 1)].iloc[0]
    assert ends[0][0][1] == row.fps_low < row.fps < ends[0][1][1] == row.fps_high
    plt.close(figure)


def test_the_map_names_the_ends_and_what_cannot_be_drawn(tmp_path):
    shown = speedup_map(grid(tmp_path)).data.replace(NBSP, " ")
    assert "наибольшее 5,00× — Torch-TensorRT fp" in shown
    assert (tmp_path / "speedup_map.png").read_bytes().startswith(b"\x89PNG")
    assert "не построен" in speedup_map(report(record(), folder=tmp_path / "none")).data
    assert not (tmp_path / "none").exists()


def test_latency_against_throughput_needs_two_batches():
    shown = latency_vs_throughput(grid()).data.replace(NBSP, " ")
    assert "PyTorch fp32: 100 при 1, 100 при 33" in shown
    assert "не построен" in latency_vs_throughput(report(record())).data


def test_of_many_names_the_map_shows_those_with_the_largest_speedups():
    engines = ["pytorch", "onnx_runtime", "torch_tensorrt", "openvino"]
    made = [record(batch=batch, ms=100.0 * batch) for batch in (1, 2)]
    for place, (engine, precision) in enumerate((e, p) for e in engines for p in ("fp16", "bf16")):
        made += [record(engine, precision, batch=batch, ms=90.0 * batch / (1 + place)) for batch in (1, 2)]
    shown = speedup_map(report(*made)).data
    assert "Показаны 6 из 8, у которых ускорение больше" in shown
    assert "наибольшее 8,89× — OpenVINO bf16" in shown.replace(NBSP, " ")


def test_a_name_with_dollars_or_signs_that_the_font_lacks_is_drawn_as_it_is():
    name = r"$\frac{x$ 中文"
    with plt.rc_context(plots.STYLE):
        figure, axes = plt.subplots()
        axes.plot([1, 2], label=name)
        axes.set_title(name)
        plots.draw_legend(figure, [axes])
    assert plots.figure_html(figure, name, name).data.startswith('<figure><img alt="$')


def test_a_figure_replaces_a_link_and_does_not_write_through_it(tmp_path):
    (tmp_path / "mine").write_text("kept")
    for kind in ("png", "svg"):
        (tmp_path / f"x.{kind}").symlink_to("mine")
    plots.figure_html(plt.figure(), "", "", tmp_path / "x.png")
    assert (tmp_path / "mine").read_text() == "kept"
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_an_engine_has_the_same_colour_whatever_else_is_drawn():
    def colour(*engines):
        cases = report(*map(record, engines)).cases
        return plots.line_styles(cases)["ONNX Runtime fp32"].colour

    alone = colour("onnx_runtime")
    assert colour("pytorch", "onnx_runtime") == colour("openvino", "onnx_runtime") == alone
    others = report(record("pytorch"), record("openvino"), record("torch_tensorrt"), record("onnx_runtime")).cases
    assert len({line.colour for line in plots.line_styles(others).values()}) == 4
