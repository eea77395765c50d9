"""Prints, computed apart from the product, the SHA-256 that ParameterInitializationTests expects."""
import hashlib
import math
import struct

MASK = 0xFFFFFFFF


def philox(key, counter):
    k0, k1 = key & MASK, key >> 32
    c = [counter >> (32 * i) & MASK for i in range(4)]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k0, p1 & MASK, p0 >> 32 ^ c[3] ^ k1, p0 & MASK]
        k0, k1 = k0 + 0x9E3779B9 & MASK, k1 + 0xBB67AE85 & MASK
    return c


def uniform(seed, purpose, index, n):
    block = philox(seed, (purpose << 96 | index << 64) + (n >> 2))
    return (block[n & 3] >> 8) * 2.0 ** -24


V, D, LAYERS, PADDING, SEED, PURPOSE = 50, 8, 2, 3, 1, 1
shapes = [(V, D)] + [(D, D), (D, D), (D,)] * LAYERS + [(V, D), (V,)]
data = b""
for index, shape in enumerate(shapes):
    bound = math.sqrt(6.0 / sum(shape))
    low, high = (-bound, bound) if len(shape) > 1 else (0.0, 1.0)
    for n in range(math.prod(shape)):
        padding = index == 0 and n // D == PADDING
        data += struct.pack("<f", 0.0 if padding else low + (high - low) * uniform(SEED, PURPOSE, index, n))
print(hashlib.sha256(data).hexdigest().upper())
