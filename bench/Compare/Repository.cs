namespace RnnLm.Compare;

/// <summary>The clone that this program was built in.</summary>
internal static class Repository
{
    /// <summary>Its root.</summary>
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "RnnLm.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw RnnLmException.BadInput($"{AppContext.BaseDirectory} is in no clone of RnnLm");
    }
}
