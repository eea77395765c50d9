namespace RnnLm.Data;

/// <summary>Where fetched packages, trained vocabularies and token files are kept. Everything in it can be deleted and is made again.</summary>
public static class CacheDirectory
{
    /// <summary>The variable that names another directory.</summary>
    public const string Variable = "RNNLM_CACHE";

    /// <summary>Folder of fetched packages.</summary>
    internal const string Packages = "packages";

    /// <summary>Folder of token files.</summary>
    internal const string Tokens = "tokens";

    /// <summary>Folder of vocabularies made from corpora.</summary>
    internal const string Tokenizers = "tokenizers";

    private static readonly string[] Parts = [Packages, Tokens, Tokenizers];

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

    /// <summary>Removes what processes left in a cache directory that ended while they wrote to it; those that live are not disturbed.</summary>
    public static void RemoveAbandoned(string cacheDirectory)
    {
        foreach (string part in Parts)
        {
            Claim.RemoveAbandoned(Path.Combine(cacheDirectory, part));
        }
    }
}
