"""Language models of the same size: the reference model with its explicit loop over time, and the same with nn.RNN."""

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
    """Embedding → recurrence → Linear: ids (batch, time) to logits (batch, time, V)."""

    def __init__(self, settings, rnn):
        super().__init__()
        self.embedding = nn.Embedding(settings.vocabulary_size, settings.dimension, padding_idx=settings.padding_id)
        self.rnn = rnn
        self.fc = nn.Linear(settings.dimension, settings.vocabulary_size)
        self._initialise()

    def forward(self, ids):
        states = self.rnn(self.embedding(ids))
        return self.fc(states[0] if isinstance(states, tuple) else states)

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
    return LanguageModel(settings, nn.RNN(settings.dimension, settings.dimension, settings.layers, batch_first=True))
