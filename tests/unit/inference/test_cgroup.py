"""Memory limits of control groups, version 1 and 2; test_cpu.py has the CPU's."""

from pathlib import Path

from inference.machine.cgroup import Memory, Place, memory


def group(directory: Path, files: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)


def v2(limit: str, used: int, **stat: int) -> dict[str, str]:
    lines = "".join(f"{key} {value}\n" for key, value in stat.items())
    return {"memory.max": f"{limit}\n", "memory.current": f"{used}\n", "memory.stat": lines}


def v1(limit: int, used: int, **stat: int) -> dict[str, str]:
    lines = "".join(f"{key} {value}\n" for key, value in stat.items())
    return {"memory.limit_in_bytes": f"{limit}\n", "memory.usage_in_bytes": f"{used}\n", "memory.stat": lines}


def place(tmp_path: Path, membership: str) -> Place:
    (tmp_path / "membership").write_text(membership)
    return Place(tmp_path / "membership", tmp_path / "fs")


def test_counts_the_page_cache_as_free_in_version_2(tmp_path: Path) -> None:
    group(tmp_path / "fs", v2("1000", 700, anon=300, file=450, shmem=50, active_file=300, inactive_file=100))
    assert memory(place(tmp_path, "0::/\n")) == Memory(limit=1000, used=300)


def test_counts_the_page_cache_of_the_groups_below_too_in_version_1(tmp_path: Path) -> None:
    stat = {"inactive_file": 1, "active_file": 1, "total_inactive_file": 100, "total_active_file": 300}
    group(tmp_path / "fs/memory/docker/abc", v1(1000, 700, **stat))
    assert memory(place(tmp_path, "9:memory:/docker/abc\n0::/\n")) == Memory(limit=1000, used=300)


def test_takes_the_group_that_has_the_least_left(tmp_path: Path) -> None:
    group(tmp_path / "fs/pod/container", v2("1000", 100))
    group(tmp_path / "fs/pod", v2("1500", 1400))
    assert memory(place(tmp_path, "0::/pod/container\n")) == Memory(limit=1500, used=1400)


def test_has_no_limit_where_none_is_set(tmp_path: Path) -> None:
    group(tmp_path / "fs/a", v2("max", 100))
    group(tmp_path / "fs/memory/a", v1(9223372036854771712, 100))
    assert memory(place(tmp_path, "0::/a\n4:memory:/a\n")) is None


def test_has_no_limit_without_control_groups(tmp_path: Path) -> None:
    assert memory(Place(tmp_path / "none", tmp_path)) is None
