"""What the process takes of memory."""

import numpy as np

from inference.machine.memory import Growth, anonymous, trim

MIB = 1 << 20


def test_measures_how_much_a_block_takes_at_most() -> None:
    trim()
    with Growth() as growth:
        kept = np.ones(64 * MIB, np.uint8)
    assert growth.peak >= 60 * MIB
    assert anonymous() >= kept.nbytes
