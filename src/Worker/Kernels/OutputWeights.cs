namespace RnnLm.Worker;

/// <summary>The parameters of the output layer, or their gradients.</summary>
internal readonly unsafe struct OutputWeights
{
    /// <summary>Weight (V, D), applied as h·Wᵀ.</summary>
    public required Matrix Weight { get; init; }

    /// <summary>Bias (V).</summary>
    public required float* Bias { get; init; }
}
