using System.Globalization;

namespace RnnLm.Storage;

/// <summary>
/// A file of the run of which each holder has its own, <c>metrics.2.jsonl</c> for incarnation 2. Whatever a holder
/// still does that was stopped and has lost the run meanwhile thus happens to other files than its successor's. The
/// highest incarnation is in force; <c>metrics.jsonl</c>, a link to it, is for people and other programs and not read
/// here.
/// </summary>
/// <param name="operations">The file system.</param>
/// <param name="run">The run directory.</param>
/// <param name="stem">What stands before the incarnation.</param>
/// <param name="extension">What stands behind it.</param>
internal sealed class IncarnationFile(FileOperations operations, string run, string stem, string extension = "")
{
    /// <summary>The name without an incarnation.</summary>
    public string PlainPath { get; } = Path.Combine(run, stem + extension);

    /// <summary>That of one incarnation.</summary>
    public string PathOf(long incarnation) => Path.Combine(run, NameOf(incarnation));

    /// <summary>The one in force; the plain name while there is none.</summary>
    public string PathInForce => Newest() is { } incarnation ? PathOf(incarnation) : PlainPath;

    /// <summary>The highest incarnation that has one; null when there is none.</summary>
    public long? Newest() => Incarnations().Max();

    /// <summary>Whether a name is that of one incarnation's.</summary>
    public bool IsOne(string name) => Incarnation(name) is not null;

    /// <summary>Opens the one in force to read; null when there is none.</summary>
    public Stream? OpenRead() => OpenNewest()?.Content;

    /// <summary>The same, and whose it is.</summary>
    public (long Incarnation, Stream Content)? OpenNewest()
    {
        while (Newest() is { } incarnation)
        {
            try
            {
                return (incarnation, operations.OpenRead(PathOf(incarnation)));
            }
            catch (FileNotFoundException) when (Newest() != incarnation)
            {
                // A new holder has removed it since it was listed, and left one of its own.
            }
        }

        return null;
    }

    /// <summary>Points the link to the one in force.</summary>
    public void PointLink(Lease lease)
    {
        if (Newest() is { } newest && operations.LinkTarget(PlainPath) != NameOf(newest))
        {
            lease.Verify();
            AtomicFile.Link(operations, PlainPath, NameOf(newest), lease.Tag);
        }
    }

    /// <summary>Removes those of the holders before.</summary>
    public void RemoveLower(Lease lease)
    {
        foreach (long? lower in Incarnations().Where(incarnation => incarnation < lease.Incarnation))
        {
            lease.Verify();
            operations.DeleteFile(PathOf(lower!.Value));
        }
    }

    private IEnumerable<long?> Incarnations() => operations.Entries(run)
        .Select(path => Incarnation(Path.GetFileName(path)))
        .Where(incarnation => incarnation is not null);

    private string NameOf(long incarnation) =>
        string.Create(CultureInfo.InvariantCulture, $"{stem}.{incarnation}{extension}");

    private long? Incarnation(string name)
    {
        int digits = name.Length - stem.Length - extension.Length - 1;
        return digits > 0
            && long.TryParse(
                name.AsSpan(stem.Length + 1, digits), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            && NameOf(number) == name ? number : null;
    }
}
