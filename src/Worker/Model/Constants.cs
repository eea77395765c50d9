namespace RnnLm.Worker;

/// <summary>
/// Numbers that tensor operations take. TorchSharp makes an object of a number that is written in its place, and the
/// garbage collector may take it while libtorch reads it; these are held for ever.
/// </summary>
internal static class Constants
{
    public static readonly Scalar Zero = 0f;
    public static readonly Scalar Half = 0.5f;
    public static readonly Scalar One = 1f;
    public static readonly Scalar NegativeInfinity = float.NegativeInfinity;
    public static readonly Scalar SmallestNormal = 1.1754944e-38f;
}
