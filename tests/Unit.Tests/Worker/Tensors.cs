namespace RnnLm.Tests;

/// <summary>What libtorch holds for a test.</summary>
internal static class Tensors
{
    /// <summary>Tensors of this thread that live: other tests make some as well.</summary>
    public static long Live => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
}
