"""Whether a new model fits beside the old one."""

from pathlib import Path

import pytest

from inference.machine.cgroup import Memory
from inference.models.room import Estimate, Weights, need, need_to_optimise, plan, weigh

MIB = 1 << 20
INSIDE, BESIDE = Weights(inside=100 * MIB, beside=0), Weights(inside=0, beside=100 * MIB)


def test_weighs_the_model_and_what_is_beside_it(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(bytes(10))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "weights").write_bytes(bytes(300))
    assert weigh(tmp_path) == Weights(inside=10, beside=300)
    assert weigh(tmp_path / "absent").total == 0


def test_weights_inside_the_model_need_twice_their_size_to_load() -> None:
    assert need(INSIDE, optimised=False, last=None) > 200 * MIB
    assert 100 * MIB < need(BESIDE, optimised=False, last=None) < 150 * MIB
    assert 100 * MIB < need(INSIDE, optimised=True, last=None) < 150 * MIB


def test_needs_what_the_last_load_took_by_its_size() -> None:
    last = Estimate(peak=300 * MIB, weights=50 * MIB)
    assert need(INSIDE, optimised=False, last=last) > 600 * MIB
    assert need(INSIDE, optimised=False, last=Estimate(peak=MIB, weights=0)) == need(
        INSIDE, optimised=False, last=None
    )


def test_an_optimised_copy_needs_more_to_make_than_the_original_to_load() -> None:
    assert need_to_optimise(INSIDE) > need_to_optimise(BESIDE) > need(BESIDE, optimised=False, last=None)


def test_all_fits_without_a_limit() -> None:
    assert plan(None, 1 << 50).fits


@pytest.mark.parametrize(("used", "fits"), [(600, True), (650, True), (651, False), (1200, False)])
def test_what_is_needed_must_be_free_with_a_twentieth_left(used: int, fits: bool) -> None:
    decided = plan(Memory(limit=1000, used=used), need=300)
    assert decided.fits is fits
    assert (decided.need, decided.limit, decided.free) == (300, 1000, 950 - used)
