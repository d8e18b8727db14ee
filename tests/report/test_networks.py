"""The report of several networks, in both languages: who wins how often, by how much on average, and what failed."""

import re

import pytest
from bs4 import BeautifulSoup
from helpers.made import GPU, MACHINE, crowded_by, record, report, retimed, worded
from helpers.sentences import as_kept, displayed, text

from bench_lib.analysis import comparison
from bench_lib.core.case import Case
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.record import write_record
from bench_lib.report.data_files import OF_NETWORKS, write_data_files
from bench_lib.report.networks_plot import networks_figure
from bench_lib.report.phrases import row_title
from bench_lib.report.report import open_networks, open_report
from bench_lib.report.sections import absent, auto_precision, each_network, intervals, method, networks, results
from bench_lib.report.sections import comparison as compared
from bench_lib.results.run_folder import Run
from bench_lib.text import language
from bench_lib.text.language import NBSP

NETWORKS = ["alexnet", "resnet18", "vit_b_16"]
MS = {("pytorch", "fp32"): 10.0, ("pytorch", "fp16"): 5.0, ("onnx_runtime", "fp32"): 8.0, ("onnx_runtime", "fp16"): 2.0}


@pytest.fixture
def english():
    language.use("en")
    yield
    language.use(language.DEFAULT)


def records(fails=True, repeats=3, ms=MS, batches=(1,)):
    """Three networks, two engines, two precisions; ONNX Runtime fails on vit_b_16 in fp16 if `fails`."""
    for model in NETWORKS:
        for (engine, precision), usual in ms.items():
            for batch in batches:
                for repeat in range(1, repeats + 1):
                    case = Case(engine=engine, precision=precision, model=model, batch_size=batch, repeat=repeat)
                    if fails and (engine, precision, model) == ("onnx_runtime", "fp16", "vit_b_16"):
                        why = worded("процесс упал", "the process crashed")
                        yield record(status="failed", reason=why, case=case)
                    else:
                        took = usual * batch * (1 + 0.001 * (repeat - 2))
                        yield record(engine, precision, batch=batch, ms=took, case=case)


def abstract(data):
    return BeautifulSoup(networks.abstract_html(data).data, "html.parser").get_text("\n").replace(NBSP, " ")


def cells(table):
    """The rows of a table as texts, under its headings."""
    soup = BeautifulSoup(table.to_html(), "html.parser")
    names = [cell.get_text() for cell in soup.select("thead th")]
    return [dict(zip(names, (cell.get_text().replace(NBSP, " ") for cell in row.select("td")), strict=True))
            for row in soup.select("tbody tr")]  # fmt: skip


@pytest.mark.usefixtures("english")
def test_the_abstract_says_who_wins_how_often_by_how_much_and_what_failed():
    told = abstract(report(*records()))
    assert "3 networks; processor CPU (2 cores), no GPU. 12 configurations: measured 11, failed 1." in told
    assert "Certainly the fastest, of 3 networks: ONNX Runtime fp16 — 2, PyTorch fp16 — 1." in told
    assert "ONNX Runtime fp16 5.00× (99%: 5.00–5.00; 2 networks)" in told
    assert "ONNX Runtime fp32 1.25× (99%: 1.25–1.25; 3 networks)" in told
    assert "ONNX Runtime fp16 — vit_b_16 (failed: the process crashed)" in told
    assert "data do not tell" not in told


def test_the_same_in_russian():
    told = abstract(report(*records()))
    assert "3 сети; процессор CPU (2 ядра), без GPU. Конфигураций 12: измерено 11, не удалось 1." in told
    assert "Заведомо самые быстрые (число сетей из 3): ONNX Runtime fp16 — 2, PyTorch fp16 — 1." in told
    assert "ONNX Runtime fp16 — 5,00× (99 %: 5,00–5,00; 2 сети)" in told
    assert "ONNX Runtime fp16 — vit_b_16 (не удалось: процесс упал)" in told


@pytest.mark.usefixtures("english")
def test_the_sentences_follow_the_data():
    slower = abstract(report(*records(fails=False, ms=MS | {("onnx_runtime", "fp16"): 20.0})))
    assert "Certainly the fastest, of 3 networks: PyTorch fp16 — 3." in slower
    assert "No result" not in slower
    level = abstract(report(*records(fails=False, ms=MS | {("onnx_runtime", "fp16"): 5.0})))
    assert "Certainly the fastest" not in level
    assert "For 3 of 3 networks the data do not tell the fastest apart from those next to it." in level
    alone = abstract(report(*records(ms={("pytorch", "fp32"): 10.0})))
    assert "There is nothing to compare: only PyTorch fp32 gave figures." in alone


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize(
    ("factors", "words"),
    [((2.0, 2.0, 2.0), ": slower"), ((1.0, 1.0, 1.0), ": the same speed"), ((0.3, 1.0, 2.0), ": not decided")],
)
def test_a_mean_that_is_not_faster_is_called_what_it_is(factors, words):
    factor = dict(zip(NETWORKS, factors, strict=True))
    made = [record(model=name) for name in NETWORKS]
    made += [record("onnx_runtime", model=name, ms=10.0 * factor[name]) for name in NETWORKS]
    (told,) = re.findall(r"ONNX Runtime fp32 \S+ \([^)]*\)(: [a-z ]+)?", abstract(report(*made)))
    assert told == words


@pytest.mark.usefixtures("english")
def test_an_approach_that_ran_a_few_of_the_networks_does_not_lead_the_means():
    made = [*records(fails=False), record("torch_tensorrt", "fp16", model="alexnet", ms=0.1)]
    told = abstract(report(*made))
    assert "ONNX Runtime fp16 5.00×" in told
    assert "Left out are those that ran fewer than half of the networks: Torch-TensorRT fp16." in told
    assert "Left out" not in abstract(report(*records()))


@pytest.mark.usefixtures("english")
def test_what_is_not_known_from_process_to_process_wins_nothing_and_is_told():
    made = [retimed(one, enqueue_ms=[0.9 * one.timing.latency_ms[0]] * 4) for one in records(False, repeats=1)]
    data = report(*made)
    told = abstract(data)
    assert "For 3 of 3 networks the data do not tell the fastest apart" in told
    assert "Of the 6 speedups behind these means, 6 decide nothing by themselves" in told
    assert "9 decide nothing by themselves" in networks.averages_text(data).data
    assert {row["Verdict"] for row in cells(networks.averages_table(data))} == {"FASTER", "—"}
    row = cells(each_network.fastest_table(data, 224, 1))[0]
    assert (row["fp32: fastest"], row["fp32: speedup"]) == ("ONNX Runtime ≈ PyTorch", "1.25× ‡")
    known = report(*records(False))
    assert "by themselves" not in networks.averages_text(known).data
    assert "‡" not in networks.averages_text(known).data + abstract(known)


@pytest.mark.usefixtures("english")
def test_what_others_may_have_disturbed_is_left_out_of_the_means_and_where_it_is_all_nothing_is_decided():
    made = list(records(False, repeats=1))
    beside = [one.model_copy(update={"processor": crowded_by(1.5)}) for one in made]
    some = report(*beside[:4], *made[4:])
    assert "Left out of these means are 2 of 6 speedups, as others computed" in abstract(some)
    assert "Left out of these means are 3 of 9 speedups" in networks.averages_text(some).data
    every = report(*beside)
    assert "ONNX Runtime fp16 5.00× (99%: —; 3 networks): not decided" in abstract(every)
    assert "**‡:** nothing is decided: beside every speedup" in networks.averages_text(every).data
    assert {row["Verdict"] for row in cells(networks.averages_table(every))} == {"UNDECIDED ‡", "—"}


@pytest.mark.usefixtures("english")
def test_the_averages_count_networks_and_wins_and_name_the_extremes():
    rows = {(row["Optimisation"], row["Precision"]): row for row in cells(networks.averages_table(report(*records())))}
    best = rows["ONNX Runtime", "fp16"]
    assert (best["Networks (of 3)"], best["Speedup"], best["Verdict"], best["Wins"]) == ("2", "5.00×", "FASTER", "2")
    assert best["Smallest"].startswith("5.00× (")
    usual = rows["PyTorch", "fp32"]
    assert (usual["Speedup"], usual["99%"], usual["Verdict"], usual["Wins"]) == ("1.00×", "—", "—", "0")
    assert "Not all means are over the same networks" in networks.averages_text(report(*records())).data
    assert "Not all means" not in networks.averages_text(report(*records(False))).data


@pytest.mark.usefixtures("english")
def test_each_network_is_a_row_with_its_fastest_and_a_failure_is_a_dash():
    data = report(*records())
    best = {row["Network"]: row for row in cells(each_network.fastest_table(data, 224, 1))}
    assert list(best) == NETWORKS
    assert (best["alexnet"]["PyTorch fp32 (ms)"], best["alexnet"]["fp16: fastest"]) == ("10.00", "ONNX Runtime")
    assert (best["vit_b_16"]["fp16: fastest"], best["vit_b_16"]["fp16: speedup"]) == ("PyTorch", "2.00×")
    each = {row["Network"]: row for row in cells(each_network.speedups_table(data, 224, 1))}
    assert (each["alexnet"]["ONNX Runtime fp16"], each["vit_b_16"]["ONNX Runtime fp16"]) == ("5.00×", "—")


@pytest.mark.usefixtures("english")
def test_a_network_of_which_nothing_was_measured_is_a_row_of_dashes():
    made = [one for one in records() if one.case.model != "vit_b_16"]
    lost = record(model="vit_b_16", status="failed", reason=worded("нет", "no"))
    last = cells(each_network.fastest_table(report(*made, lost), 224, 1))[-1]
    assert last == dict.fromkeys(last, "—") | {"Network": "vit_b_16"}


@pytest.mark.usefixtures("english")
def test_an_open_verdict_and_leaders_that_are_not_told_apart_have_their_signs():
    made = [record(model=name) for name in NETWORKS[:2]]
    made += [record(engine, model=name, ms=9.9) for name in NETWORKS[:2] for engine in ("onnx_runtime", "openvino")]
    row = cells(each_network.fastest_table(report(*made), 224, 1))[0]
    assert (row["fp32: fastest"], row["fp32: speedup"]) == ("ONNX Runtime ≈ …", "1.01× † ?")
    told = each_network.cells_text(report(*made)).data
    assert all(sign in told for sign in ("**≈**", "**?:**", "**†:**"))


@pytest.mark.usefixtures("english")
def test_the_tables_name_the_network_and_group_by_it():
    data = report(*records(), gpu=GPU)
    rows = cells(results.results_table(data))
    assert [row["Network"] for row in rows] == [name for name in NETWORKS for _ in range(4)]
    assert [row["Optimisation"] for row in rows[:2]] == ["ONNX Runtime", "PyTorch"]
    assert results.results_table(data).to_html().count(" best") >= 3
    assert "grouped by network, image and batch size" in results.columns_text(data).data
    assert [row["Network"] for row in cells(intervals.intervals_table(data))] == [row["Network"] for row in rows][:11]
    (lost,) = cells(absent.absent_table(data))
    assert (lost["Networks"], lost["Reason"]) == ("vit_b_16", "the process crashed")
    one = report(record(), record("onnx_runtime", status="failed", reason=worded("нет", "no")))
    for table in (results.results_table(one), intervals.intervals_table(one), absent.absent_table(one)):
        assert not {"Network", "Networks"} & set(cells(table)[0])


@pytest.mark.usefixtures("english")
def test_rows_without_a_figure_for_the_same_reason_follow_each_other():
    made = [
        record(engine, model=name, status="failed", reason=worded(why, why))
        for engine in ("onnx_runtime", "openvino")
        for name, why in zip(NETWORKS, ("a", "b", "a"), strict=True)
    ]
    rows = cells(absent.absent_table(report(record(model="alexnet"), *made)))  # fmt: skip
    assert [(row["Reason"], row["Networks"]) for row in rows] == [
        ("a", "alexnet and vit_b_16"), ("a", "alexnet and vit_b_16"), ("b", "resnet18"), ("b", "resnet18"),
    ]  # fmt: skip


@pytest.mark.usefixtures("english")
def test_a_row_is_named_with_its_network_where_there_are_several():
    assert row_title(report(*records()).cases.iloc[0]) == "alexnet: PyTorch fp32, 224×224, batch 1"
    assert row_title(report(record()).cases.iloc[0]) == "PyTorch fp32, 224×224, batch 1"
    chosen = record("pytorch", "auto", model="vgg11", actual="fp32", status="failed", reason=worded("нет", "no"))
    assert auto_precision.choice_sentence(chosen, True).startswith("**vgg11: PyTorch, 224×224, batch 1:**")


@pytest.mark.parametrize("name", ["<img src=x>.onnx", "**b**.onnx", "[x](javascript:a).onnx", "$x_$.onnx", "`a`.onnx"])
def test_a_network_s_name_is_text_everywhere(name, tmp_path):
    made = [record(engine, model=model, ms=ms) for model in (name, "vgg11")
            for engine, ms in (("pytorch", 10.0), ("onnx_runtime", 5.0))]  # fmt: skip
    lost = record("openvino", model=name, status="failed", reason=worded("нет", "no"))
    data = report(*made, lost, folder=tmp_path)
    shown = [as_kept(output) for section in (networks, each_network, method, results, intervals, absent)
             for output in displayed(section, "show", data)]  # fmt: skip
    told = "".join(text for output in shown for text in output.values())
    assert not any(mark in told for mark in ("<img src=x>", "**b**", "](javascript", "$x_$", "`a`"))


@pytest.mark.usefixtures("english")
def test_the_method_names_the_networks_by_where_they_are_from():
    data = report(record(model="alexnet"), record(model="nets:build"), record(model="net.onnx"))
    told = text(method.conditions_text(data))
    assert "**Networks** (3): alexnet from torchvision with random weights (seed 0)" in told
    assert "nets:build with the weights that the functions give (seed 0)" in told
    assert "net.onnx with the weights in these ONNX files" in told
    assert "PyTorch fp32 on the processor or fp64 on the GPU; ONNX Runtime fp32" in text(method.method_text(data))


@pytest.mark.parametrize("batches", [(1,), (1, 8)])
def test_the_figure_has_a_point_for_each_speedup_and_says_the_extremes(tmp_path, batches):
    data = report(*records(batches=batches), folder=tmp_path)
    html = networks_figure(data).data
    assert 'alt="Ускорение относительно PyTorch fp32 по сетям: наибольшее 5,00× — ' in html
    assert (tmp_path / "networks.png").exists()
    nothing = report(*records(ms={("onnx_runtime", "fp16"): 1.0}))
    assert "не построен: ускорений нет" in networks_figure(nothing).data


def test_a_run_of_many_networks_and_sizes_says_what_its_figure_leaves_out():
    made = [record(engine, size=size, model=f"net{i}", ms=ms) for i in range(70) for size in range(32, 39)
            for engine, ms in (("pytorch", 10.0), ("onnx_runtime", 5.0))]  # fmt: skip
    html = networks_figure(report(*made)).data
    assert "Показаны 60 из 70 сетей" in html
    assert "Показаны 6 из 7 панелей" in html


def write_run(folder, made):
    """A run's folder with these records."""
    models = list(dict.fromkeys(one.case.model for one in made))
    axes = {"engines": ["pytorch", "onnx_runtime"], "precisions": ["fp32", "fp16"], "image_sizes": [224]}
    grid = Grid(models=models, batch_sizes=[1], repeats=max(one.case.repeat for one in made), **axes)
    run = Run(folder)
    run.start(grid, MACHINE)
    for one in made:
        write_record(one, run.record_path(one.case))
    return folder


def test_each_notebook_opens_the_runs_that_it_is_for(tmp_path):
    several = write_run(tmp_path / "several", list(records()))
    one = write_run(tmp_path / "one", [made for made in records() if made.case.model == "alexnet"])
    assert open_networks(several).several_networks
    assert not open_report(one).several_networks
    with pytest.raises(InputError, match=r"several networks; its report is made by notebooks/networks\.ipynb"):
        open_report(several)
    with pytest.raises(InputError, match=r"one network; its report is made by notebooks/report\.ipynb"):
        open_networks(one)


def test_an_export_has_the_network_of_each_row_and_the_figure_of_networks(tmp_path):
    data = open_networks(write_run(tmp_path / "run", list(records())))
    files = {path.name for path in write_data_files(data, tmp_path / "tables")}
    assert {f"{name}.{kind}" for name in OF_NETWORKS for kind in ("png", "svg")} <= files
    assert not any(name.startswith("fps_vs") for name in files)
    head, first, *_ = (tmp_path / "tables" / "cases.csv").read_text(encoding="utf-8").splitlines()
    row = dict(zip(head.split(","), first.split(","), strict=False))
    assert (row["model"], row["network"]) == ("alexnet", "alexnet")


@pytest.mark.usefixtures("english")
def test_two_runs_of_several_networks_are_compared_network_by_network(tmp_path):
    faster = MS | {("onnx_runtime", "fp32"): 4.0}
    folders = [write_run(tmp_path / name, list(records(ms=ms))) for name, ms in (("a", MS), ("b", faster))]
    found = comparison.compare_runs(*folders)
    verdicts = {(row.model, row.name_b): row.verdict for row in found.cases.itertuples()}
    assert [verdicts[name, "ONNX Runtime fp32"] for name in NETWORKS] == ["faster"] * 3
    assert [verdicts[name, "PyTorch fp32"] for name in NETWORKS] == ["same"] * 3
    assert [row["Network"] for row in cells(compared.comparison_table(found))][:5] == ["alexnet"] * 4 + ["resnet18"]
    assert "Sped up most:\n alexnet: ONNX Runtime fp32" in BeautifulSoup(
        compared.comparison_abstract(found).data, "html.parser"
    ).get_text("\n")


@pytest.mark.usefixtures("english")
def test_a_comparison_counts_the_verdicts_of_each_network(tmp_path):
    made = list(records())
    later = [one.model_copy(update={"timing": record(ms=20.0).timing}) if one.case.model == "alexnet" else one
             for one in made]  # fmt: skip
    folders = [write_run(tmp_path / name, each) for name, each in (("a", made), ("b", later))]
    rows = {row["Network"]: row for row in cells(compared.networks_table(comparison.compare_runs(*folders)))}
    assert list(rows) == NETWORKS
    # Twice as long as 10 ms, four times 5, 2.5 times 8, ten times 2: the fourth root of 200.
    assert (rows["alexnet"]["Ratio (geometric mean)"], rows["alexnet"]["SLOWER"]) == ("3.761", "4")
    last = rows["vit_b_16"]
    assert (last["Ratio (geometric mean)"], last["Configurations"], last["SAME"]) == ("1.000", "3", "3")


def test_runs_without_a_network_in_common_are_not_compared_and_those_with_one_are_by_common(tmp_path):
    made = list(records())
    folders = [write_run(tmp_path / name, [one for one in made if one.case.model in names])
               for name, names in (("a", NETWORKS[:2]), ("b", NETWORKS[1:]), ("c", NETWORKS[2:]))]  # fmt: skip
    with pytest.raises(InputError, match=r"/a measured alexnet, resnet18, .*/c vit_b_16; compare"):
        comparison.compare_runs(folders[0], folders[2])
    with pytest.raises(InputError, match="add --common"):
        comparison.compare_runs(folders[0], folders[1])
    assert set(comparison.compare_runs(folders[0], folders[1], common=True).cases.model) == {"resnet18"}
