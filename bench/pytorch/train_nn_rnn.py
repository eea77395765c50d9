"""nn.RNN, timed."""

from pytorch.models import nn_rnn
from pytorch.training import measure, parser

measure(parser().parse_args(), nn_rnn)
