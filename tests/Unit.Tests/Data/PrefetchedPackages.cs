namespace RnnLm.Tests;

/// <summary>npm packages that <c>./test</c> has put into the cache directory; tests use no network.</summary>
internal static class PrefetchedPackages
{
    public static PackageStore With(NpmPackage package)
    {
        var store = new PackageStore(CacheDirectory.Default(), npm: "/nonexistent/npm");
        Assert.True(store.Has(package), $"{package} is not in {store.DirectoryOf(package)}: run ./test, which fetches it first");
        return store;
    }
}
