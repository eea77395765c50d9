"""Writes the reference values in this folder with PyTorch: python3 generate.py"""
import json
import pathlib

import torch
from torch import nn

torch.set_num_threads(1)


def values(module):
    return [{"name": name, "shape": list(p.shape), "values": p.detach().flatten().tolist()} for name, p in module.named_parameters()]


def tensor(t):
    return {"shape": list(t.shape), "values": t.detach().flatten().tolist()}


def save(name, content):
    path = pathlib.Path(__file__).parent / name
    path.write_text(json.dumps(content, indent=1) + "\n")


torch.manual_seed(1)
save("initial_values.json", {
    "rnn": values(nn.RNN(3, 5, num_layers=2, bidirectional=True)),
    "linear": values(nn.Linear(4, 3)),
    "embedding": values(nn.Embedding(5, 3, padding_idx=2)),
    "large_embedding": values(nn.Embedding(40, 8)),
})

torch.manual_seed(1)
cases = []
for case in (
    {"num_layers": 1, "batch_first": False, "bidirectional": False, "nonlinearity": "tanh", "bias": True},
    {"num_layers": 2, "batch_first": True, "bidirectional": False, "nonlinearity": "tanh", "bias": True},
    {"num_layers": 2, "batch_first": False, "bidirectional": True, "nonlinearity": "relu", "bias": False},
):
    rnn = nn.RNN(4, 3, **case)
    directions = 2 if case["bidirectional"] else 1
    x = torch.randn(2, 5, 4) if case["batch_first"] else torch.randn(5, 2, 4)
    h0 = torch.randn(case["num_layers"] * directions, 2, 3)
    output, hidden = rnn(x, h0)
    (output.square().sum() + hidden.sum()).backward()
    cases.append({
        **case, "parameters": values(rnn), "input": tensor(x), "h0": tensor(h0), "output": tensor(output), "hidden": tensor(hidden),
        "gradients": [tensor(p.grad) for p in rnn.parameters()],
    })
save("rnn_forward.json", cases)

torch.manual_seed(1)
weight = torch.empty(6, 4)
drawn = {}
for name, fill in (
    ("xavier_uniform_", nn.init.xavier_uniform_),
    ("kaiming_uniform_", lambda w: nn.init.kaiming_uniform_(w, a=0.5, mode="fan_out")),
    ("uniform_", lambda w: nn.init.uniform_(w, -2.0, 3.0)),
):
    fill(weight)
    drawn[name] = tensor(weight)
drawn["rand"] = tensor(torch.rand(3, 2))
drawn["randint"] = tensor(torch.randint(2, 9, (7,)).float())
save("draws.json", drawn)
