"""The reference model, timed."""

from pytorch.models import elman_loop
from pytorch.training import measure, parser

measure(parser().parse_args(), elman_loop)
