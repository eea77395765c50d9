#!/usr/bin/env python3
"""Writes pytorch.safetensors from torch tensors by the format's description, independently of the product.

Order in the header differs from the order of the data, and the header has metadata and padding,
as files made by others do.
weight[i, j] = i + j / 8, bias[i] = -i, scale = 0.5, empty has shape (0, 3).
"""
import json
import struct

import torch

tensors = {
    "weight": torch.arange(6).reshape(6, 1) + torch.arange(5).reshape(1, 5) / 8,
    "scale": torch.tensor(0.5),
    "bias": -torch.arange(6, dtype=torch.float32),
    "empty": torch.zeros(0, 3),
}
data = b""
entries = {}
for name, tensor in tensors.items():
    assert tensor.dtype == torch.float32
    piece = tensor.contiguous().numpy().astype("<f4").tobytes()
    entries[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(piece)]}
    data += piece
header = {"__metadata__": {"format": "pt", "note": "not ours"}}
for name in sorted(entries):
    header[name] = entries[name]
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("pytorch.safetensors", "wb") as out:
    out.write(struct.pack("<Q", len(text)) + text + data)
