using System.Runtime.InteropServices;

namespace RnnLm.Worker;

/// <summary>What decides the bits of these kernels besides parameters and tokens.</summary>
public static class CpuNumerics
{
    /// <summary>One line that is equal on machines whose results are equal: library, instruction set and architecture.</summary>
    /// <exception cref="RnnLmException">oneDNN is missing or cannot be used.</exception>
    public static string Describe() => $"cpu {RuntimeInformation.ProcessArchitecture} {MatrixProducts.Load().Version}";
}
