"""Trains the reference model in PyTorch from a run's step-0 checkpoint on the run's batches, and compares the losses
with the run's.

The cells of PyTorch are its own layers here, with carried states (in the first epoch) where the run carries them; no
dropout. Reads `rnnlm plan --json` from standard input. Exit status 1 when a loss differs by more than the tolerance.
"""

import json
import sys
from pathlib import Path

from pytorch.models import of_cell
from pytorch.run import Settings, read_batches, read_safetensors
from pytorch.training import set_learning_rate, train_step

TOLERANCE = 1e-4


def main(run):
    settings = Settings.read(run)
    recorded = read_metrics(run / "metrics.jsonl")
    batches = read_batches(sys.stdin, settings.padding_id)
    if len(recorded) < len(batches):
        sys.exit(f"{run}/metrics.jsonl has {len(recorded)} steps, {len(batches)} are to be followed; train longer")

    model = of_cell(settings)
    model.load_state_dict(read_safetensors(first_checkpoint(run) / "model.safetensors"))
    optimizer = settings.new_optimizer(model.parameters())
    loss_differences, norm_differences = [], []
    for step, batch in enumerate(batches):
        set_learning_rate(optimizer, settings.learning_rate(step))
        loss, norm = train_step(model, optimizer, batch, settings.clip)
        ours = recorded[step]
        loss_differences.append(relative(loss, ours["loss"]))
        # Not held to the tolerance: PyTorch 1.13 sums the squares of millions of elements in float32, which costs it
        # the fourth digit.
        norm_differences.append(relative(norm, ours["gradient_norm"]))
        if step % 10 == 0 or step == len(batches) - 1:
            print(
                f"step {step:3}: loss {ours['loss']:.6f} here {loss:.6f}, "
                f"gradient norm {ours['gradient_norm']:.6f} here {norm:.6f}"
            )

    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {len(batches)} steps")
    print(
        f"largest relative difference: loss {max(loss_differences):.2e} (allowed {TOLERANCE:.0e}), "
        f"gradient norm {max(norm_differences):.2e}"
    )
    return 0 if max(loss_differences) <= TOLERANCE else 1


def first_checkpoint(run):
    """That of step 0 in the name of whoever has the run: step-00000000.INCARNATION."""
    found = [path for path in (run / "checkpoints").glob("step-00000000.*") if path.suffix[1:].isdigit()]
    return max(found, key=lambda path: [int(number) for number in path.name.split(".")[1:]])


def read_metrics(path):
    """The step objects of metrics.jsonl in order."""
    objects = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [each for each in objects if "event" not in each]


def relative(value, reference):
    return abs(value - reference) / abs(reference)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
