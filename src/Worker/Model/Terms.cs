namespace RnnLm.Worker;

/// <summary>
/// Sums of tensors, and numbers that tensor operations take. TorchSharp makes an object of every number, also of the
/// factor of one in <c>a + b</c>, and the garbage collector may take it while libtorch reads it: seldom, on a machine
/// with much to do, a sum is then a wrong one or fails. The numbers here are held for ever, and this sum has none.
/// </summary>
public static class Terms
{
    internal static readonly Scalar Zero = 0f;
    internal static readonly Scalar Half = 0.5f;
    internal static readonly Scalar MinusOne = -1f;
    internal static readonly Scalar NegativeInfinity = float.NegativeInfinity;
    internal static readonly Scalar SmallestNormal = MinScan.SmallestNormal;

    /// <summary>The sum of tensors of one shape.</summary>
    public static Tensor Sum(params Tensor[] terms) => stack(terms).sum(0L);
}
