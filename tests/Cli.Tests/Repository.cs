namespace RnnLm.Cli.Tests;

/// <summary>The clone that the tests were built in.</summary>
internal static class Repository
{
    /// <summary>Its root directory.</summary>
    public static string Root { get; } = Find(AppContext.BaseDirectory.TrimEnd('/'));

    private static string Find(string folder) =>
        File.Exists(Path.Combine(folder, "RnnLm.sln")) ? folder : Find(Path.GetDirectoryName(folder)!);
}
