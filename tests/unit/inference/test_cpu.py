"""CPU limits of control groups, version 1 and 2."""

import math
from pathlib import Path

import pytest

from inference.machine.cgroup import Place
from inference.machine.cpu import allowed_cpus, budget, quota


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_reads_a_v2_quota(tmp_path: Path) -> None:
    write(tmp_path / "membership", "0::/\n")
    write(tmp_path / "fs" / "cpu.max", "150000 100000\n")
    assert quota(Place(tmp_path / "membership", tmp_path / "fs")) == 1.5


def test_takes_the_least_quota_of_a_v2_group_and_those_above(tmp_path: Path) -> None:
    write(tmp_path / "membership", "0::/pod/container\n")
    write(tmp_path / "fs/pod/container/cpu.max", "max 100000\n")
    write(tmp_path / "fs/pod/cpu.max", "200000 100000\n")
    write(tmp_path / "fs/cpu.max", "400000 100000\n")
    assert quota(Place(tmp_path / "membership", tmp_path / "fs")) == 2


def test_reads_a_v1_quota(tmp_path: Path) -> None:
    write(tmp_path / "membership", "5:memory:/x\n4:cpu,cpuacct:/docker/abc\n0::/\n")
    write(tmp_path / "fs/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "50000\n")
    write(tmp_path / "fs/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n")
    assert quota(Place(tmp_path / "membership", tmp_path / "fs")) == 0.5


def test_reads_a_v1_quota_where_the_container_sees_its_group_as_the_root(tmp_path: Path) -> None:
    write(tmp_path / "membership", "4:cpu,cpuacct:/docker/abc\n")
    write(tmp_path / "fs/cpu/cpu.cfs_quota_us", "300000\n")
    write(tmp_path / "fs/cpu/cpu.cfs_period_us", "100000\n")
    assert quota(Place(tmp_path / "membership", tmp_path / "fs")) == 3


@pytest.mark.parametrize("text", ["-1\n", "0\n"])
def test_has_no_limit_under_an_absent_v1_quota(tmp_path: Path, text: str) -> None:
    write(tmp_path / "membership", "4:cpu:/\n")
    write(tmp_path / "fs/cpu/cpu.cfs_quota_us", text)
    write(tmp_path / "fs/cpu/cpu.cfs_period_us", "100000\n")
    assert quota(Place(tmp_path / "membership", tmp_path / "fs")) == math.inf


def test_has_no_limit_without_control_groups(tmp_path: Path) -> None:
    assert quota(Place(tmp_path / "none", tmp_path)) == math.inf


def test_this_machine_allows_some_cpus() -> None:
    assert 0 < allowed_cpus() < math.inf


@pytest.mark.parametrize(
    ("cpus", "workers", "threads"),
    [
        (4, 1, 4),
        (4, 2, 2),
        (1.5, 1, 1),
        (0.5, 1, 1),
        (3, 2, 1),
        (1, 4, 1),
    ],
)
def test_shares_cpus_among_workers(cpus: float, workers: int, threads: int) -> None:
    share = budget(cpus, workers, None, None)
    assert share.threads == threads
    assert share.concurrency >= 2


def test_does_what_it_is_told() -> None:
    share = budget(2, 1, 7, 3)
    assert (share.threads, share.concurrency) == (7, 3)
