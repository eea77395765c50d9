namespace RnnLm.Data.Caching;

/// <summary>Where fetched packages, trained vocabularies and token files are kept. Everything in it can be deleted and is made again.</summary>
public static class CacheDirectory
{
    /// <summary>The variable that names another directory.</summary>
    public const string Variable = "RNNLM_CACHE";

    /// <summary><c>$RNNLM_CACHE</c>, or <c>rnnlm</c> in <c>$XDG_CACHE_HOME</c>, or <c>~/.cache/rnnlm</c> (XDG Base Directory Specification).</summary>
    public static string Default()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
        {
            return Path.GetFullPath(named);
        }

        // The specification has relative paths ignored.
        string? shared = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        string root = Path.IsPathFullyQualified(shared ?? "")
            ? shared!
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(root, "rnnlm");
    }
}
