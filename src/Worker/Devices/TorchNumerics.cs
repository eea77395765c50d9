namespace RnnLm.Worker;

/// <summary>What libtorch finds on this machine.</summary>
public static class TorchNumerics
{
    /// <summary>Number of CUDA GPUs; 0 without one, or with a libtorch without CUDA.</summary>
    public static int CudaDeviceCount() => cuda.is_available() ? cuda.device_count() : 0;

    /// <summary>The libtorch that computes, for people to read: which machines may work together, the workers'
    /// self-test says.</summary>
    public static string Describe() => $"libtorch {__version__}";
}
