"""Energy by a counter that moves in steps, as the real ones do."""

import pytest
from helpers.made import FakeClock, NoOpEngine

from bench_lib.measure import energy


def stepping(monkeypatch, clock, watts, step_s):
    """A GPU's counter that shows, every `step_s`, the joules counted until then."""

    def joules():
        return watts * step_s * (clock.now // step_s)

    class Counter:
        def __enter__(self):
            return joules

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(energy, "gpu_counter", Counter)


def test_energy_is_counted_between_two_steps_of_the_counter(monkeypatch):
    clock = FakeClock()
    stepping(monkeypatch, clock, watts=700, step_s=0.1)
    counted = energy.measure_energy(NoOpEngine(clock, 0.0001), 33, 0.0001, 1.0, on_gpu=True, clock=clock)
    assert counted.source == "NVML"
    assert 1.0 <= counted.seconds < 1.2
    assert counted.joules / counted.seconds == pytest.approx(700, rel=0.01)  # half a look of a step at either end
    assert counted.images == pytest.approx(33 * counted.seconds / 0.0001, rel=0.01)


def test_a_counter_that_stands_still_is_a_reason(monkeypatch):
    clock = FakeClock()
    stepping(monkeypatch, clock, watts=0, step_s=0.1)
    with pytest.raises(energy.NoCounter, match="does not move under load"):
        energy.measure_energy(NoOpEngine(clock, 0.001), 1, 0.001, 1.0, on_gpu=True, clock=clock)


def test_without_a_gpu_nvml_is_no_counter(monkeypatch):
    monkeypatch.setattr("sys.modules", {**__import__("sys").modules, "pynvml": None})
    with pytest.raises(energy.NoCounter, match="NVML"):
        energy.measure_energy(NoOpEngine(FakeClock(), 0.001), 1, 0.001, 1.0, on_gpu=True)


def zone(folder, name, microjoules, most=10**9):
    folder.mkdir()
    for file, text in (("name", name), ("energy_uj", microjoules), ("max_energy_range_uj", most)):
        (folder / file).write_text(f"{text}\n")
    return folder


def test_a_processor_counts_its_packages_and_rolls_over(monkeypatch, tmp_path):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    first = zone(tmp_path / "intel-rapl:0", "package-0", 999_000_000)
    zone(tmp_path / "intel-rapl:0:0", "core", 5)
    zone(tmp_path / "intel-rapl:1", "package-1", 2_000_000)
    with energy.cpu_counter() as joules:
        assert joules() == pytest.approx(1001.0)
        (first / "energy_uj").write_text("1000000\n")  # one joule after the roll
        assert joules() == pytest.approx(1003.0)


def test_a_processor_without_counters_is_a_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    with pytest.raises(energy.NoCounter, match="RAPL"):
        energy.measure_energy(NoOpEngine(FakeClock(), 0.001), 1, 0.001, 1.0, on_gpu=False)


def test_energy_that_is_not_asked_for_takes_no_call():
    clock = FakeClock()
    with pytest.raises(energy.NoCounter, match="not asked for"):
        energy.measure_energy(NoOpEngine(clock, 0.001), 1, 0.001, 0.0, on_gpu=True, clock=clock)
    assert clock() == FakeClock()()
