"""bare.py MODEL THREADS SECONDS: print how often a second onnxruntime alone runs a model from threads.

Each run has one thread of its own: with as many runs at once as cores that is the fastest way.
"""

import sys
import threading
import time

import numpy as np
import onnxruntime

_WARM_UP_SECONDS = 1.0


def loop(session: onnxruntime.InferenceSession, threads: int, seconds: float) -> float:
    """Runs a second over so many seconds."""
    (given,) = session.get_inputs()
    shape = [size if isinstance(size, int) else 1 for size in given.shape]
    feed = {given.name: np.random.default_rng(7).random(shape, np.float32)}
    runs = [0] * threads
    began = time.perf_counter()

    def work(number: int) -> None:
        while time.perf_counter() - began < seconds:
            session.run(None, feed)
            runs[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(runs) / (time.perf_counter() - began)


if __name__ == "__main__":
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    loaded = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    loop(loaded, int(sys.argv[2]), _WARM_UP_SECONDS)
    print(loop(loaded, int(sys.argv[2]), float(sys.argv[3])))
