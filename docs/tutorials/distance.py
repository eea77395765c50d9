"""How much of a gradient is left so many tokens back: a random one, sent back through the first Elman layer.

rnnlm plan --run RUN --steps 0..1 --json | head -n 1 | python3 distance.py RUN/final/model.safetensors
"""
import array, json, math, random, struct, sys

with open(sys.argv[1], "rb") as file:
    size, = struct.unpack("<Q", file.read(8))
    header, data = json.loads(file.read(size)), file.read()

def tensor(name):
    first, end = header[name]["data_offsets"]
    return array.array("f", data[first:end])

E, U, W, b = map(tensor, ["embedding.weight", *(f"rnn.rnn_units.0.{name}" for name in ("Uh", "Wh", "b"))])
D = range(len(b))
ids = max((example["input"] for example in json.loads(sys.stdin.readline())["examples"]), key=len)
h, slopes = [0.0] * len(b), []
for token in ids:
    x = E[token * len(b):(token + 1) * len(b)]
    h = [math.tanh(b[j] + sum(x[i] * W[i * len(b) + j] + h[i] * U[i * len(b) + j] for i in D)) for j in D]
    slopes.append([1 - value * value for value in h])
random.seed(1)
print(f"mean slope: {sum(map(sum, slopes)) / (len(ids) * len(b)):.2f}")
v = [random.gauss(0, 1) for _ in D]
first = math.hypot(*v)
for back in range(1, len(ids)):
    s = slopes[-back]
    v = [sum(v[j] * s[j] * U[i * len(b) + j] for j in D) for i in D]
    if back in (1, 2, 5, 10, 20, len(ids) - 1):
        print(f"{back:2} tokens back: {math.hypot(*v) / first:.1e}")
