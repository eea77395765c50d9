namespace RnnLm.Data;

/// <summary>The files of a corpus, in the order in which their text is read.</summary>
public sealed class CorpusFiles
{
    private CorpusFiles(IReadOnlyList<string> paths, long totalBytes) => (Paths, TotalBytes) = (paths, totalBytes);

    /// <summary>Paths as the patterns gave them.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>Size of all files, bytes.</summary>
    public long TotalBytes { get; }

    /// <summary>
    /// The files that <paramref name="patterns"/> name: in the order of the patterns, inside a pattern in ordinal order of the paths, each file once.
    /// </summary>
    /// <exception cref="RnnLmException">Bad input: a path is missing, a folder or empty, a pattern matches nothing, or there are none.</exception>
    public static CorpusFiles Resolve(IEnumerable<string> patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var paths = new List<string>();
        long totalBytes = 0;
        foreach (string pattern in patterns)
        {
            foreach (string path in Matches(pattern))
            {
                if (seen.Add(Path.GetFullPath(path)))
                {
                    paths.Add(path);
                    totalBytes += SizeOf(path);
                }
            }
        }

        return paths.Count > 0 ? new CorpusFiles(paths, totalBytes) : throw RnnLmException.BadInput("no corpus file given; name at least one text file");
    }

    private static List<string> Matches(string pattern)
    {
        if (pattern.Length == 0)
        {
            throw RnnLmException.BadInput("an empty corpus path was given; name a text file");
        }

        if (File.Exists(pattern))
        {
            return [pattern];
        }

        if (Directory.Exists(pattern))
        {
            throw RnnLmException.BadInput($"{pattern}: is a folder, not a text file; name its files, e.g. '{pattern.TrimEnd('/')}/*.txt'");
        }

        if (!FilePattern.IsPattern(pattern))
        {
            throw RnnLmException.BadInput($"{pattern}: no such file; check the path (the working directory is {Environment.CurrentDirectory})");
        }

        List<string> matches = FilePattern.Expand(pattern);
        return matches.Count > 0 ? matches : throw RnnLmException.BadInput($"{pattern}: no file matches this pattern; check it with ls");
    }

    private static long SizeOf(string path)
    {
        long bytes = new FileInfo(path).Length;
        return bytes > 0 ? bytes : throw RnnLmException.BadInput($"{path}: is empty; leave it out or give a file with text");
    }
}
