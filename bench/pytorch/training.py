"""One training step, and a timed run of several."""

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path

import torch
from torch.nn import functional

from pytorch.run import IGNORED, Settings, read_batches


def train_step(model, optimizer, batch, clip):
    """One update; returns the loss per token and the norm of the gradient before clipping."""
    inputs, targets = batch
    optimizer.zero_grad(set_to_none=True)
    logits = model(inputs)
    loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return loss.item(), norm.item()


def set_learning_rate(optimizer, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate


def parser():
    """The options that all timed scripts have."""
    options = ArgumentParser(description="Trains on the batches of a plan and prints the seconds of each step as JSON.")
    options.add_argument("--run", required=True, help="run directory whose config.json says what to train")
    options.add_argument("--plan", required=True, type=Path, help="output of rnnlm plan --json")
    options.add_argument("--steps", required=True, type=int)
    options.add_argument("--threads", required=True, type=int)
    return options


def measure(options, new_model, wrap=lambda model: model, share=lambda batch: batch):
    """Trains and prints. `wrap` makes the model that is trained of the model; `share` says which part of a batch is
    this process's."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    settings = Settings.read(options.run)
    with options.plan.open(encoding="utf-8") as plan:
        batches = read_batches(plan, settings.padding_id)[: options.steps]
    model = wrap(new_model(settings))
    optimizer = settings.new_optimizer(model.parameters())
    tokens, seconds, losses = [], [], []
    for step, (inputs, targets) in enumerate(batches):
        tokens.append(int((targets != IGNORED).sum()))
        part = share(inputs), share(targets)
        set_learning_rate(optimizer, settings.learning_rate(step))
        began = time.perf_counter()
        loss, _ = train_step(model, optimizer, part, settings.clip)
        seconds.append(time.perf_counter() - began)
        losses.append(loss)
    json.dump({"tokens": tokens, "seconds": seconds, "losses": losses}, sys.stdout)
