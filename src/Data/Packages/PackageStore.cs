namespace RnnLm.Data;

/// <summary>Packages unpacked in the cache directory, fetched when they are first asked for.</summary>
/// <param name="cacheDirectory">See <see cref="CacheDirectory"/>.</param>
/// <param name="npm">The npm client to run.</param>
public sealed class PackageStore(string cacheDirectory, string npm = "npm")
{
    /// <summary>The directory that holds the package, whether or not it has been fetched.</summary>
    public string DirectoryOf(NpmPackage package)
    {
        ArgumentNullException.ThrowIfNull(package);
        string name = $"{package.Name.TrimStart('@').Replace('/', '+')}-{package.Version}";
        return Path.Combine(cacheDirectory, CacheDirectory.Packages, name);
    }

    /// <summary>Whether <see cref="Fetch"/> needs no network.</summary>
    public bool Has(NpmPackage package) => Directory.Exists(DirectoryOf(package));

    /// <summary>
    /// Where a file lies that this or another cache directory unpacked from a package: the path itself while it is there, else its place in
    /// this cache, into which the package is fetched again. Paths of other files are given back as they are.
    /// </summary>
    /// <exception cref="RnnLmException">See <see cref="Fetch"/>.</exception>
    public string Find(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        foreach (NpmPackage package in NpmPackage.All)
        {
            string folder = $"/{CacheDirectory.Packages}/{Path.GetFileName(DirectoryOf(package))}/";
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
                string tarball = new NpmClient(npm).Pack(package, temporary);
                PackageArchive.RequireIntegrity(tarball, package);
                string content = Path.Combine(temporary, "content");
                PackageArchive.Unpack(tarball, package, content);
                File.Delete(tarball);
                foreach (string entry in Directory.GetFileSystemEntries(content))
                {
                    Directory.Move(entry, Path.Combine(temporary, Path.GetFileName(entry)));
                }

                Directory.Delete(content);
            });
        }

        return directory;
    }
}
