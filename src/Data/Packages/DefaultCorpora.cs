using System.Globalization;

namespace RnnLm.Data;

/// <summary>Public-domain English that the presets train on when no corpus is given.</summary>
public static class DefaultCorpora
{
    /// <summary>State of the Union addresses since 1790, one address a line, by year: about 10 MB. Split its lines into sentences.</summary>
    /// <exception cref="RnnLmException">Bad input or storage: see <see cref="PackageStore.Fetch"/>.</exception>
    public static IReadOnlyList<string> StateOfTheUnion(PackageStore packages)
    {
        ArgumentNullException.ThrowIfNull(packages);
        string directory = Path.Combine(packages.Fetch(NpmPackage.Datasets), "sotu", "data");
        string[] files = Directory.GetFiles(directory, "*.txt");
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }

    /// <summary>The chapters of Herman Melville's novel in their order and the epilogue: about 1.2 MB.</summary>
    /// <exception cref="RnnLmException">Bad input or storage: see <see cref="PackageStore.Fetch"/>.</exception>
    public static IReadOnlyList<string> MobyDick(PackageStore packages)
    {
        ArgumentNullException.ThrowIfNull(packages);
        string directory = Path.Combine(packages.Fetch(NpmPackage.Datasets), "moby-dick", "data");
        IEnumerable<string> chapters = Directory.GetFiles(directory, "chapter_*.txt").OrderBy(ChapterNumber);
        return [.. chapters, Path.Combine(directory, "epilogue.txt")];
    }

    private static int ChapterNumber(string path) =>
        int.Parse(Path.GetFileNameWithoutExtension(path).AsSpan("chapter_".Length), CultureInfo.InvariantCulture);
}
