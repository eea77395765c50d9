using System.Globalization;
using RnnLm.Worker;

namespace RnnLm.Hosting;

/// <summary>What computes.</summary>
internal enum DeviceKind
{
    Cpu,
    Cuda,
}

/// <summary>The <c>--device</c> option: <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:0,2</c>.</summary>
/// <param name="Kind">CPU or GPU.</param>
/// <param name="Indices">Which GPUs, one worker each; empty for the CPU.</param>
internal sealed record DeviceChoice(DeviceKind Kind, IReadOnlyList<int> Indices)
{
    private const string CudaPrefix = "cuda:";

    /// <summary>Where the NVIDIA kernel driver says that it is there: asking costs nothing, while loading libtorch
    /// takes a second.</summary>
    private const string DriverFile = "/proc/driver/nvidia/version";

    private static DeviceChoice Cpu { get; } = new(DeviceKind.Cpu, []);

    /// <summary>Reads the option and looks whether the GPUs that it names are there.</summary>
    /// <exception cref="RnnLmException">It has another form (exit code 2), or such a GPU is not to be had (exit code
    /// 3).</exception>
    public static DeviceChoice Parse(string text)
    {
        LibTorch.Preload();
        switch (text)
        {
            case "cpu":
                return Cpu;
            case "auto":
                int found = File.Exists(DriverFile) ? TorchNumerics.CudaDeviceCount() : 0;
                return found == 0 ? Cpu : new DeviceChoice(DeviceKind.Cuda, [.. Enumerable.Range(0, found)]);
            case "cuda":
                return Cuda(text, null);
        }

        if (!text.StartsWith(CudaPrefix, StringComparison.Ordinal))
        {
            throw RnnLmException.Usage($"--device {text}: use auto, cpu, cuda or cuda:0,1,…");
        }

        var indices = new List<int>();
        foreach (string part in text[CudaPrefix.Length..].Split(','))
        {
            if (!int.TryParse(
                part, NumberStyles.None, CultureInfo.InvariantCulture, out int index) || indices.Contains(index))
            {
                throw RnnLmException.Usage($"--device {text}: after cuda: come different numbers of GPUs, like " +
                    $"cuda:0,1");
            }

            indices.Add(index);
        }

        return Cuda(text, indices);
    }

    private static DeviceChoice Cuda(string text, IReadOnlyList<int>? indices)
    {
        int count = TorchNumerics.CudaDeviceCount();
        if (count == 0)
        {
            throw RnnLmException.BadInput(
                $"--device {text}: {TorchNumerics.Describe()} finds no CUDA GPU here; use --device cpu, or a build " +
                $"with CUDA " +
                "(Cuda=true ./rnnlm …) on a machine with a GPU");
        }

        indices ??= [.. Enumerable.Range(0, count)];
        return indices.FirstOrDefault(index => index >= count, -1) is var missing and >= 0
            ? throw RnnLmException.BadInput($"--device {text}: there is no GPU {missing}; this machine has {count}, " +
                $"numbered from 0")
            : new DeviceChoice(DeviceKind.Cuda, indices);
    }

    /// <summary>What computes: part of the job. Which library and which machine shows in the workers'
    /// self-test.</summary>
    public string Numerics => Kind == DeviceKind.Cpu ? "cpu" : "cuda";

    /// <summary>One device for each worker.</summary>
    public IReadOnlyList<IDevice> Make(
        int workers, int threads, ModelSettings model, GradientPool gradients, Profiler? profiler = null)
    {
        var selfTest = new SelfTest(model);
        IDevice Device(string name, int count, Func<IReplica> replicas) =>
            new ThreadedDevice(name, count, replicas, gradients, selfTest, profiler);

        // A GPU runs one shard after the other: its parallelism is inside the shard.
        var cell = Cells.Of(model);
        return Kind == DeviceKind.Cpu
            ? [.. Enumerable.Range(0, workers).Select(
                index => Device($"worker-{index}", threads, () => cell.CreateReplica(model, "cpu")))]
            : [.. Indices.Select(
                index => Device($"cuda:{index}", 1, () => cell.CreateReplica(model, $"cuda:{index}")))];
    }
}
