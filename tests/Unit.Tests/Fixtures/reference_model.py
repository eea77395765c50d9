"""Writes the reference model's values in this folder with PyTorch: python3 generate.py"""
import json
import pathlib

import torch
from torch import nn

VOCABULARY, DIMENSION, LAYERS, PADDING = 7, 3, 2, 6


class Unit(nn.Module):
    def __init__(self):
        super().__init__()
        self.Uh = nn.Parameter(torch.randn(DIMENSION, DIMENSION))
        self.Wh = nn.Parameter(torch.randn(DIMENSION, DIMENSION))
        self.b = nn.Parameter(torch.zeros(DIMENSION))

    def forward(self, x, h):
        return torch.tanh(x @ self.Wh + h @ self.Uh + self.b)


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn_units = nn.ModuleList([Unit() for _ in range(LAYERS)])

    def forward(self, x):
        states = [torch.zeros(x.shape[0], DIMENSION) for _ in self.rnn_units]
        outputs = []
        for t in range(x.shape[1]):
            value = x[:, t]
            for layer, unit in enumerate(self.rnn_units):
                value = states[layer] = unit(value, states[layer])
            outputs.append(value)
        return torch.stack(outputs, dim=1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, DIMENSION, padding_idx=PADDING)
        self.rnn = Stack()
        self.fc = nn.Linear(DIMENSION, VOCABULARY)

    def forward(self, tokens):
        return self.fc(self.rnn(self.embedding(tokens)))


torch.set_num_threads(1)
torch.manual_seed(1)
model = Model()
for p in model.parameters():
    nn.init.xavier_uniform_(p) if p.dim() > 1 else nn.init.uniform_(p)
with torch.no_grad():
    model.embedding.weight[PADDING] = 0
tokens = torch.tensor([[1, 4, 0, 2], [5, 5, 6, 6]])
targets = torch.tensor([[4, 0, 2, 3], [5, 1, 6, 6]])
logits = model(tokens)
loss = nn.functional.cross_entropy(
    logits.reshape(-1, VOCABULARY), targets.reshape(-1), ignore_index=PADDING, reduction="sum"
)
loss.backward()
flat = lambda tensors: [v for t in tensors for v in t.detach().flatten().tolist()]
pathlib.Path(__file__).parent.joinpath("reference_model.json").write_text(json.dumps({
    "keys": list(model.state_dict().keys()),
    "tokens": tokens.flatten().tolist(),
    "targets": targets.flatten().tolist(),
    "parameters": flat(model.parameters()),
    "logits": flat([logits]),
    "loss": loss.item(),
    "gradients": flat(p.grad for p in model.parameters()),
}, indent=1) + "\n")
