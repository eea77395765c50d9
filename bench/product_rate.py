"""The rate of oneDNN's float32 products at the shapes of lm-book's output layer, on one thread and on all at once.

One shard of 16 examples × 29 positions; every tile of 256 of the 32,011 words against its 464 states (D 128): transposed logits, gradient of the
weights, gradient of the states. Prints {"one": GFLOP/s, "all": GFLOP/s}.
"""

import ctypes
import json
import os
import threading
import time

ROWS, DIMENSION, VOCABULARY, TILE = 464, 128, 32_011, 256
SECONDS = 2.0


def load():
    for name in ("libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise SystemExit("oneDNN was not found: install libdnnl2 or libdnnl3")


ONEDNN = load()
LONG = ctypes.c_int64
ONEDNN.dnnl_sgemm.argtypes = [
    ctypes.c_char, ctypes.c_char, LONG, LONG, LONG, ctypes.c_float, ctypes.c_void_p, LONG, ctypes.c_void_p, LONG, ctypes.c_float, ctypes.c_void_p, LONG,
]  # fmt: skip


def random_floats(count):
    """Small values whose products neither overflow nor become denormal."""
    block = [((i * 7919) % 1000 - 500) / 5000 for i in range(4096)]
    return (ctypes.c_float * count)(*(block * (count // len(block) + 1))[:count])


class Shard:
    """Operands of one thread."""

    def __init__(self):
        self.states = random_floats(ROWS * DIMENSION)
        self.state_gradient = random_floats(ROWS * DIMENSION)
        self.weight = random_floats(VOCABULARY * DIMENSION)
        self.weight_gradient = random_floats(VOCABULARY * DIMENSION)
        self.states_transposed = random_floats(DIMENSION * ROWS)
        self.tile = random_floats(TILE * ROWS)

    def multiply(self):
        """The output layer's products of one shard; returns their FLOP. A product's matrices are row-major, as dnnl_sgemm takes them."""
        states, transposed, state_gradient, tile = map(
            ctypes.addressof, (self.states, self.states_transposed, self.state_gradient, self.tile)
        )
        for first in range(0, VOCABULARY, TILE):
            words = min(TILE, VOCABULARY - first)
            offset = first * DIMENSION * ctypes.sizeof(ctypes.c_float)
            weight, weight_gradient = ctypes.addressof(self.weight) + offset, ctypes.addressof(self.weight_gradient) + offset
            ONEDNN.dnnl_sgemm(b"N", b"N", words, ROWS, DIMENSION, 1, weight, DIMENSION, transposed, ROWS, 0, tile, ROWS)
            ONEDNN.dnnl_sgemm(b"N", b"N", words, DIMENSION, ROWS, 1, tile, ROWS, states, DIMENSION, 0, weight_gradient, DIMENSION)
            ONEDNN.dnnl_sgemm(b"T", b"N", ROWS, DIMENSION, words, 1, tile, ROWS, weight, DIMENSION, 0, state_gradient, DIMENSION)
        return 3 * 2 * ROWS * VOCABULARY * DIMENSION


def rate(threads):
    """GFLOP/s of so many threads, each with a shard of its own; ctypes releases the interpreter's lock during a product."""
    shards = [Shard() for _ in range(threads)]
    done = [0] * threads
    ready = threading.Barrier(threads + 1)

    def work(index):
        # OpenMP keeps this setting per thread: a product is its caller's alone.
        ONEDNN.omp_set_num_threads(1)
        shards[index].multiply()
        ready.wait()
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            done[index] += shards[index].multiply()

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - began) / 1e9


if __name__ == "__main__":
    print(json.dumps({"one": rate(1), "all": rate(len(os.sched_getaffinity(0)))}))
