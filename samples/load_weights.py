# load_weights.py RUN ID…: the logits of the token that follows these, one for each token of the vocabulary.
import json, struct, sys, torch

raw = open(sys.argv[1] + "/final/model.safetensors", "rb").read()
start = 8 + struct.unpack("<Q", raw[:8])[0]
state = {}
for name, tensor in json.loads(raw[8:start]).items():
    if name != "__metadata__":
        first, end = (start + offset for offset in tensor["data_offsets"])
        state[name] = torch.frombuffer(bytearray(raw[first:end]), dtype=torch.float32).reshape(tensor["shape"])

states = [torch.zeros(state["embedding.weight"].shape[1])] * sum(name.endswith(".Uh") for name in state)
for token in sys.argv[2:]:
    x = state["embedding.weight"][int(token)]
    for layer, h in enumerate(states):
        Uh, Wh, b = (state[f"rnn.rnn_units.{layer}.{name}"] for name in ("Uh", "Wh", "b"))
        x = states[layer] = torch.tanh(x @ Wh + h @ Uh + b)
print(*(state["fc.weight"] @ x + state["fc.bias"]).tolist())
