"""nn.RNN under DistributedDataParallel over gloo, timed: one process of several; process r takes every WORLD-th example
from r."""

from pathlib import Path

from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from pytorch.models import nn_rnn
from pytorch.training import measure, parser

options = parser()
options.add_argument("--rank", required=True, type=int)
options.add_argument("--world", required=True, type=int)
options.add_argument("--rendezvous", required=True, type=Path, help="a file that does not exist yet")
options = options.parse_args()
distributed.init_process_group(
    "gloo", init_method=options.rendezvous.absolute().as_uri(), rank=options.rank, world_size=options.world
)
measure(
    options,
    nn_rnn,
    wrap=DistributedDataParallel,
    share=lambda batch: batch[options.rank :: options.world].contiguous(),
)
distributed.destroy_process_group()
