using System.IO.Enumeration;

namespace RnnLm.Data;

/// <summary>The files of a corpus, in the order in which their text is read.</summary>
/// <param name="Paths">Paths as the patterns gave them.</param>
/// <param name="TotalBytes">Size of all files, bytes.</param>
public sealed record CorpusFiles(IReadOnlyList<string> Paths, long TotalBytes)
{
    /// <summary>
    /// The files that <paramref name="patterns"/> name: in the order of the patterns, inside a pattern in ordinal order
    /// of the paths, each file once.
    /// </summary>
    /// <exception cref="RnnLmException">
    /// Bad input: a path is missing, a folder or empty, a pattern matches nothing or cannot be followed, or there are
    /// none.
    /// </exception>
    public static CorpusFiles Resolve(IEnumerable<string> patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        string[] paths = [.. patterns.SelectMany(Matches).DistinctBy(Path.GetFullPath, StringComparer.Ordinal)];
        return paths.Length > 0
            ? new CorpusFiles(paths, paths.Sum(SizeOf))
            : throw RnnLmException.BadInput("no corpus file given; name at least one text file");
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
            throw RnnLmException.BadInput(
                $"{pattern}: is a folder, not a text file; name its files, e.g. '{pattern.TrimEnd('/')}/*.txt'");
        }

        if (!FilePattern.IsPattern(pattern))
        {
            throw RnnLmException.BadInput(
                $"{pattern}: no such file; check the path (the working directory is {Environment.CurrentDirectory})");
        }

        try
        {
            List<string> matches = FilePattern.Expand(pattern);
            return matches.Count > 0
                ? matches
                : throw RnnLmException.BadInput($"{pattern}: no file matches this pattern; check it with ls");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.BadInput(
                $"{pattern}: a folder cannot be read ({failure.Message}); name the files one by one", failure);
        }
    }

    private static long SizeOf(string path)
    {
        long bytes = new FileInfo(path).Length;
        return bytes > 0
            ? bytes
            : throw RnnLmException.BadInput($"{path}: is empty; leave it out or give a file with text");
    }
}

/// <summary>
/// File patterns as shells write them: <c>*</c> and <c>?</c> inside a name, <c>**</c> for any folders. As in a shell,
/// names that start with a dot match only a pattern that starts with one.
/// </summary>
internal static class FilePattern
{
    /// <summary>Whether <paramref name="pattern"/> has wildcards.</summary>
    public static bool IsPattern(string pattern) => pattern.AsSpan().ContainsAny('*', '?');

    /// <summary>The files that match, in ordinal order of their paths.</summary>
    public static List<string> Expand(string pattern)
    {
        string[] segments = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries);
        segments = segments[^1] == "**" ? [.. segments, "*"] : segments;
        IEnumerable<string> found = Below(pattern.StartsWith('/') ? "/" : "", segments);
        return [.. found.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    private static IEnumerable<string> Below(string folder, string[] segments)
    {
        string[] rest = segments[1..];
        if (segments[0] == "**")
        {
            return Below(folder, rest).Concat(Folders(folder, "*").SelectMany(child => Below(child, segments)));
        }

        return rest.Length == 0 ? Entries(folder, segments[0]).Where(File.Exists)
            : (IsPattern(segments[0]) ? Folders(folder, segments[0]) : [Path.Combine(folder, segments[0])])
                .SelectMany(child => Below(child, rest));
    }

    // A link to a folder above would never end.
    private static IEnumerable<string> Folders(string folder, string name) => Entries(folder, name)
        .Where(path => Directory.Exists(path) && (File.GetAttributes(path) & FileAttributes.ReparsePoint) == 0);

    private static IEnumerable<string> Entries(string folder, string name)
    {
        string start = folder.Length == 0 ? "." : folder;

        // A backslash is an ordinary character of a file name, but an escape in a simple expression.
        string expression = name.Replace("\\", "\\\\", StringComparison.Ordinal);
        return !Directory.Exists(start) ? [] : Directory.EnumerateFileSystemEntries(start)
            .Select(path => Path.GetFileName(path))
            .Where(entry => name[0] == '.' || entry[0] != '.')
            .Where(entry => FileSystemName.MatchesSimpleExpression(expression, entry, ignoreCase: false))
            .Select(entry => Path.Combine(folder, entry));
    }
}
