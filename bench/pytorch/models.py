"""Language models of the same size: the reference model with its explicit loop over time, and those of PyTorch's own
layers."""

import torch
from torch import nn


class ElmanUnit(nn.Module):
    """h' = tanh(x·Wh + h·Uh + b)."""

    def __init__(self, dimension):
        super().__init__()
        self.Uh = nn.Parameter(torch.empty(dimension, dimension))
        self.Wh = nn.Parameter(torch.empty(dimension, dimension))
        self.b = nn.Parameter(torch.empty(dimension))

    def forward(self, x, hidden):
        return torch.tanh(x @ self.Wh + hidden @ self.Uh + self.b)


class StackedElman(nn.Module):
    """Elman units on top of each other, one time step after the other: (batch, time, D) to (batch, time, D)."""

    def __init__(self, dimension, layers):
        super().__init__()
        self.rnn_units = nn.ModuleList(ElmanUnit(dimension) for _ in range(layers))

    def forward(self, inputs):
        batch, time, dimension = inputs.shape
        hidden = [inputs.new_zeros(batch, dimension) for _ in self.rnn_units]
        outputs = []
        for t in range(time):
            x = inputs[:, t]
            for layer, unit in enumerate(self.rnn_units):
                x = hidden[layer] = unit(x, hidden[layer])
            outputs.append(x)
        return torch.stack(outputs, dim=1)


class LanguageModel(nn.Module):
    """Embedding → recurrence → Linear: ids (batch, time) to logits (batch, time, V). Where states are carried, each call
    goes on from those that the call before left, which are constants to it."""

    def __init__(self, settings, rnn):
        super().__init__()
        self.embedding = nn.Embedding(settings.vocabulary_size, settings.embedding, padding_idx=settings.padding_id)
        self.rnn = rnn
        self.carries, self.states = settings.carries, None
        self.fc = nn.Linear(settings.dimension, settings.vocabulary_size)
        self._initialise()

    def forward(self, ids):
        embedded = self.embedding(ids)
        if isinstance(self.rnn, StackedElman):
            return self.fc(self.rnn(embedded))
        outputs, states = self.rnn(embedded, self.states)
        if self.carries:
            self.states = tuple(map(torch.detach, states)) if isinstance(states, tuple) else states.detach()
        return self.fc(outputs)

    def _initialise(self):
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
            else:
                nn.init.uniform_(parameter)
        if self.embedding.padding_idx is not None:
            with torch.no_grad():
                self.embedding.weight[self.embedding.padding_idx].zero_()


def elman_loop(settings):
    """The reference model."""
    return LanguageModel(settings, StackedElman(settings.dimension, settings.layers))


def nn_rnn(settings):
    """The same with PyTorch's own recurrence."""
    return LanguageModel(settings, nn.RNN(settings.embedding, settings.dimension, settings.layers, batch_first=True))


def of_cell(settings):
    """The model of a run, as PyTorch has its cell."""
    kinds = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
    if settings.cell == "elman" and not settings.carries:
        return elman_loop(settings)
    if settings.cell not in kinds:
        raise SystemExit(f"PyTorch has no layer of cell {settings.cell}, or the loop here carries no states")
    kind = kinds[settings.cell]
    return LanguageModel(settings, kind(settings.embedding, settings.dimension, settings.layers, batch_first=True))
