using RnnLm.Kernels;
using RnnLm.Shared.Gradients;
using RnnLm.Shared.Jobs;
using RnnLm.Shared.Parameters;

namespace RnnLm.Worker.Devices;

/// <summary>Computes shards on the CPU with the product's own kernels, straight from the published parameters.</summary>
public sealed class KernelShardComputer : IShardComputer
{
}
