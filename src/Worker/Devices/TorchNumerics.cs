namespace RnnLm.Worker;

/// <summary>What libtorch finds on this machine.</summary>
public static class TorchNumerics
{
    /// <summary>Number of CUDA GPUs; 0 without one, or with a libtorch without CUDA.</summary>
    public static int CudaDeviceCount() => cuda.is_available() ? cuda.device_count() : 0;

    /// <summary>The kind of arithmetic on GPUs. Which GPU and which libtorch shows in the workers' self-test.</summary>
    public static string Describe() => "cuda libtorch";
}
