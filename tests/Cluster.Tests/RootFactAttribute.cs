namespace RnnLm.Cluster.Tests;

/// <summary>A test that needs what only root may do, or what not every kernel can; skipped where it cannot be done.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RootFactAttribute : FactAttribute
{
    /// <summary>Tries whether it can be done.</summary>
    /// <param name="trial">Commands of a shell that succeed where the test can be done.</param>
    public RootFactAttribute(string trial) =>
        Skip = Machine.TryRun("sh", "-c", trial) ? null : $"cannot be done here: {trial}";
}
