"""What `bench doctor` says of the processor, and what a sweep says at its end of cases that others computed beside."""

import pytest
from helpers.made import MACHINE, crowded_by, record, skipped

from bench_lib.cli import doctor, sweep
from bench_lib.measure import processor_time, system

LIMITS = {"cpu_quota": None, "threads": 2, "omp_num_threads": None, "cpu_governor": None}
NO_VERDICT = "what is measured beside them gets no verdict"


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({}, "CPU quota: none; threads: 2; governor: the system names none"),
        (
            {"cpu_quota": 0.5, "threads": 1, "omp_num_threads": "8", "cpu_governor": "powersave"},
            "CPU quota: 0.5 cores; threads: 1 (OMP_NUM_THREADS=8); governor: powersave",
        ),
    ],
)
def test_doctor_tells_what_limits_the_processor(found, line):
    assert doctor.limits_line(MACHINE | LIMITS | found) == line


@pytest.mark.parametrize(
    ("used", "state", "line"),
    [
        (crowded_by(0.01), None, "Other processes now: 0.01 of 2 cores"),
        (crowded_by(0.97), None, f"Other processes now: 0.97 of 2 cores; {NO_VERDICT}"),
        (crowded_by(0.97, cores=8), None, "Other processes now: 0.97 of 8 cores"),
        (crowded_by(0.01), {"processes": 0}, "Other processes now: 0.01 of 2 cores, 0 on the GPU"),
        (crowded_by(0.01), {"processes": 1}, f"Other processes now: 0.01 of 2 cores, 1 on the GPU; {NO_VERDICT}"),
        (None, None, "Other processes now: the system does not tell"),
    ],
)
def test_doctor_tells_whether_others_compute_right_now(monkeypatch, used, state, line):
    monkeypatch.setattr(doctor, "LOOK_S", 0)
    monkeypatch.setattr(processor_time, "time_since", lambda _: used)
    monkeypatch.setattr(system, "gpu_state", lambda: state)
    assert doctor.others_line(threads=2) == line


def test_a_sweep_s_end_names_a_case_that_others_computed_beside(tmp_path):
    alone, beside = record(), record("onnx_runtime", processor=crowded_by(2.0))
    first, *more = sweep.summary_lines(tmp_path, [alone, beside, skipped("openvino")])
    assert first == f"{tmp_path}: 3 cases, 2 ok, 1 skipped, 0 failed"
    assert more[0].startswith("Other processes computed on the same cores, or were on the same GPU, while 1 of them")
    assert beside.case.id in more[0]
    assert str(tmp_path / "records") in more[0]
    assert sweep.summary_lines(tmp_path, [alone]) == [f"{tmp_path}: 1 cases, 1 ok, 0 skipped, 0 failed"]
