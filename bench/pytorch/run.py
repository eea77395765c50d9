"""A run directory as PyTorch needs it: settings, batches and initial parameters."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch

# The target of a padded position; the loss leaves it out.
IGNORED = -100


@dataclass(frozen=True)
class Settings:
    """What config.json says about model and optimiser."""

    vocabulary_size: int
    dimension: int
    embedding: int
    layers: int
    cell: str
    carries: bool
    padding_id: int | None
    clip: float
    optimizer: dict

    @staticmethod
    def read(run):
        job = json.loads((Path(run) / "config.json").read_text(encoding="utf-8"))["job"]
        model, optimizer = job["model"], job["optimizer"]
        return Settings(
            vocabulary_size=model["vocabulary_size"],
            dimension=model["dimension"],
            embedding=model.get("embedding", model["dimension"]),
            layers=model["layers"],
            cell=model.get("cell", "elman"),
            carries=model.get("carried_rows", 0) > 0,
            padding_id=model["padding_id"] if model["padding_id"] >= 0 else None,
            clip=optimizer["clip_norm"] or math.inf,
            optimizer=optimizer,
        )

    def learning_rate(self, step):
        """The rate of a step: linear warm-up, then constant, half a cosine down to a tenth of the peak, or falling by
        a factor with each epoch."""
        peak, schedule = self.optimizer["learning_rate"], self.optimizer["schedule"]
        warmup = schedule["warmup_steps"]
        if step < warmup:
            return peak * (step + 1) / warmup
        if schedule["kind"] == "constant":
            return peak
        if schedule["kind"] == "epoch-decay":
            epochs = step // schedule["steps_per_epoch"] + 1 - schedule.get("decay_after", 1)
            return peak * schedule["decay"] ** max(0, epochs)
        if schedule["kind"] == "plateau":
            raise SystemExit("the rates of a plateau follow from evaluations, which are not made here")
        progress = min(1.0, (step - warmup) / max(1, schedule["total_steps"] - warmup))
        return peak * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress)))

    def new_optimizer(self, parameters):
        kind, decay = self.optimizer.get("kind", "adam"), self.optimizer.get("weight_decay", 0)
        rate, betas = self.learning_rate(0), (self.optimizer["beta1"], self.optimizer["beta2"])
        if kind == "sgd":
            return torch.optim.SGD(parameters, rate, self.optimizer.get("momentum", 0), weight_decay=decay)
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
        return kinds[kind](parameters, rate, betas, self.optimizer["epsilon"], decay)


def read_batches(lines, padding_id):
    """The (inputs, targets) of each step, both (batch, time), from the lines of `rnnlm plan --json`."""
    batch_of_step = {}
    for line in lines:
        shard = json.loads(line)
        batch = batch_of_step.setdefault(shard["step"], ([], []))
        for example in shard["examples"]:
            batch[0].append(torch.tensor(example["input"]))
            batch[1].append(torch.tensor(example["target"]))
    return [
        (pad(inputs, padding_id or 0), pad(targets, IGNORED))
        for _, (inputs, targets) in sorted(batch_of_step.items())
    ]


def pad(sequences, value):
    """Pads to the batch's longest."""
    return torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=value)


def read_safetensors(path):
    """The float32 tensors of a safetensors file by name: 8 bytes length of the header, a JSON header, the values."""
    data = Path(path).read_bytes()
    header_end = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:header_end]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}, not F32")
        first, end = (header_end + offset for offset in entry["data_offsets"])
        values = numpy.frombuffer(data[first:end], dtype="<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors
