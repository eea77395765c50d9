using RnnLm.Worker;

namespace RnnLm.Cli;

/// <summary>Makes the devices that <c>--device</c> names.</summary>
internal static class DeviceFactory
{
    /// <summary>One device for each worker.</summary>
    public static IReadOnlyList<IDevice> Make(DeviceChoice choice, int workers, int threads, ModelSettings model, GradientPool gradients, TimeProvider time)
    {
        var selfTest = new SelfTest(model);
        return choice.Kind switch
        {
            DeviceKind.Cpu =>
            [
                .. Enumerable.Range(0, workers).Select(index =>
                    new ThreadedDevice($"worker-{index}", threads, () => new FusedReplica(model), gradients, selfTest, time)),
            ],

            // A GPU runs one shard after the other: its parallelism is inside the shard.
            _ =>
            [
                .. choice.Indices.Select(index =>
                    new ThreadedDevice($"cuda:{index}", 1, () => new CudaReplica(model, $"cuda:{index}"), gradients, selfTest, time)),
            ],
        };
    }

    /// <summary>Library and hardware that compute: part of the job.</summary>
    public static string DescribeNumerics(DeviceChoice choice) => choice.Kind switch
    {
        DeviceKind.Cpu => TorchNumerics.Describe(),
        _ => TorchNumerics.Describe(),
    };
}
