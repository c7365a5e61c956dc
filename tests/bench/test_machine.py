import os

import pytest

from bench import machine


@pytest.mark.parametrize(
    ("flags", "architecture", "kind"),
    [
        (["avx2", "fma", "avx512f", "avx512_vnni"], "x86_64", "vnni"),
        (["avx2", "avx_vnni"], "x86_64", "vnni"),
        (["avx2", "fma", "avx512f"], "x86_64", "avx2"),
        (["sse4_2"], "x86_64", "x86_64"),
        (["asimd", "asimddp"], "aarch64", "dotprod"),
        (["asimd"], "aarch64", "arm64"),
        ([], "riscv64", "riscv64"),
    ],
)
def test_the_kind_of_machine_is_by_its_int8_products(flags: list[str], architecture: str, kind: str) -> None:
    assert machine.kind(flags, architecture) == kind


def test_pinning_ends_with_its_block() -> None:
    before = machine.all_cpus()
    with machine.pinned(machine.last_cpus(1)):
        assert machine.all_cpus() == {max(before)}
    assert os.sched_getaffinity(0) == before


def test_other_work_is_a_share_of_the_time_of_the_given_cpus() -> None:
    assert machine.OtherWork([]).share() == 0
    assert 0 <= machine.OtherWork(machine.all_cpus()).share() <= 1
