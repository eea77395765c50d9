namespace RnnLm;

/// <summary>
/// A test that reads the packages which <c>./test</c> fetches with npm; skipped where there was no npm.
/// </summary>
internal sealed class NpmFactAttribute : FactAttribute
{
    public NpmFactAttribute() => Skip = NpmPackages.WhyNot;
}

/// <inheritdoc cref="NpmFactAttribute"/>
internal sealed class NpmTheoryAttribute : TheoryAttribute
{
    public NpmTheoryAttribute() => Skip = NpmPackages.WhyNot;
}

/// <summary>npm packages that <c>./test</c> has put into the cache directory; tests use no network.</summary>
internal static class NpmPackages
{
    public static Data.PackageStore Store { get; } = new(Data.CacheDirectory.Default(), npm: "/nonexistent/npm");

    /// <summary>Null when all are there.</summary>
    public static string? WhyNot { get; } = new[] { Data.NpmPackage.Datasets, Data.NpmPackage.LlamaTokenizer }
        .Where(package => !Store.Has(package))
        .Select(package => $"{package} is not in {Store.DirectoryOf(package)}: ./test fetches it with npm")
        .FirstOrDefault();
}
