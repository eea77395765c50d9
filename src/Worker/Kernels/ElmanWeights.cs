namespace RnnLm.Worker;

/// <summary>The parameters of one Elman unit, or their gradients.</summary>
internal readonly unsafe struct ElmanWeights
{
    /// <summary>Recurrent matrix (D, D), applied as h·Uh.</summary>
    public required Matrix Uh { get; init; }

    /// <summary>Input matrix (D, D), applied as x·Wh.</summary>
    public required Matrix Wh { get; init; }

    /// <summary>Bias (D).</summary>
    public required float* Bias { get; init; }
}
