using System.IO.Enumeration;

namespace RnnLm.Data;

/// <summary>
/// File patterns as shells write them: <c>*</c> and <c>?</c> inside a name, <c>**</c> for any folders. As in a shell, names that start with a dot match
/// only a pattern that starts with one.
/// </summary>
internal static class FilePattern
{
    /// <summary>Whether <paramref name="pattern"/> has wildcards.</summary>
    public static bool IsPattern(string pattern) => pattern.AsSpan().ContainsAny('*', '?');

    /// <summary>The files that match, in ordinal order of their paths.</summary>
    public static List<string> Expand(string pattern)
    {
        string[] segments = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var found = new SortedSet<string>(StringComparer.Ordinal);
        Descend(pattern.StartsWith('/') ? "/" : "", segments, found);
        return [.. found];
    }

    private static void Descend(string folder, ReadOnlySpan<string> segments, SortedSet<string> found)
    {
        string segment = segments[0];
        ReadOnlySpan<string> rest = segments[1..];
        if (segment == "**")
        {
            if (rest.IsEmpty)
            {
                rest = new[] { "*" };
            }

            Descend(folder, rest, found);
            foreach (string child in Folders(folder, "*"))
            {
                Descend(child, segments, found);
            }
        }
        else if (!rest.IsEmpty)
        {
            IEnumerable<string> folders = IsPattern(segment) ? Folders(folder, segment) : [Path.Combine(folder, segment)];
            foreach (string child in folders)
            {
                Descend(child, rest, found);
            }
        }
        else
        {
            foreach (string path in Entries(folder, segment))
            {
                if (File.Exists(path))
                {
                    found.Add(path);
                }
            }
        }
    }

    private static IEnumerable<string> Folders(string folder, string name) =>
        Entries(folder, name).Where(path => Directory.Exists(path) && !IsLink(path));

    // A link to a folder above would never end.
    private static bool IsLink(string path) => (File.GetAttributes(path) & FileAttributes.ReparsePoint) != 0;

    private static IEnumerable<string> Entries(string folder, string name)
    {
        string start = folder.Length == 0 ? "." : folder;
        if (!Directory.Exists(start))
        {
            return [];
        }

        return Directory.EnumerateFileSystemEntries(start)
            .Select(path => Path.GetFileName(path))
            .Where(entry => FileSystemName.MatchesSimpleExpression(Escaped(name), entry, ignoreCase: false) && (name[0] == '.' || entry[0] != '.'))
            .Select(entry => Path.Combine(folder, entry));
    }

    // A backslash is an ordinary character of a file name, but an escape in a simple expression.
    private static string Escaped(string name) => name.Replace("\\", "\\\\", StringComparison.Ordinal);
}
