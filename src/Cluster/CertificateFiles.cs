using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using RnnLm.Storage;

#pragma warning disable CA1416 // Modes of files are POSIX's, as Storage's access to disks is.

namespace RnnLm.Cluster;

/// <summary>
/// Certificates and keys as PEM files. A file is there whole or not at all, and no other user can read a key at any
/// moment, also not while it is written.
/// </summary>
internal static class CertificateFiles
{
    private const int MostBytes = 1 << 20;

    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OwnerReadsAndWrites = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OthersRead = OwnerReadsAndWrites | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    /// <summary>The file of a certificate.</summary>
    public static string CertificatePath(string directory, string name) =>
        Path.GetFullPath(Path.Combine(directory, $"{name}.pem"));

    /// <summary>The file of a private key.</summary>
    public static string KeyPath(string directory, string name) =>
        Path.GetFullPath(Path.Combine(directory, $"{name}.key"));

    /// <summary>Creates a directory that only this user can enter. One that is there must be this user's to write in:
    /// who can put another file in a file's place needs no key.</summary>
    /// <exception cref="RnnLmException">Others may write there, or it cannot be created.</exception>
    public static void CreateDirectory(string path) => StorageFailure.Guard("create", path, () =>
    {
        if (Directory.CreateDirectory(path, Owner).UnixFileMode is var mode && (mode & OthersWrite) != 0)
        {
            throw RnnLmException.BadInput(
                $"others may write in '{path}' (mode {Octal(mode)}); run: chmod go-w '{path}', or choose another " +
                $"directory");
        }
    });

    /// <summary>Refuses to go on when one of these files is there.</summary>
    /// <exception cref="RnnLmException">It is.</exception>
    public static void MustNotExist(string cure, params ReadOnlySpan<string> paths)
    {
        foreach (string path in paths)
        {
            if (File.Exists(path))
            {
                throw RnnLmException.BadInput($"'{path}' is there already; {cure}");
            }
        }
    }

    /// <summary>Writes a certificate, which everybody may read.</summary>
    public static void Write(string path, X509Certificate2 certificate, bool replace) =>
        Write(path, certificate.ExportCertificatePem() + "\n", OthersRead, replace);

    /// <summary>Writes a private key in PKCS#8, with mode 0600.</summary>
    public static void Write(string path, ECDsa key, bool replace) =>
        Write(path, key.ExportPkcs8PrivateKeyPem() + "\n", OwnerReadsAndWrites, replace);

    /// <summary>Reads the one certificate of a file.</summary>
    /// <exception cref="RnnLmException">There is none, or more.</exception>
    public static X509Certificate2 ReadCertificate(string path, string cure)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(Read(path, isSecret: false, cure));
        }
        catch (CryptographicException failure)
        {
            throw RnnLmException.BadInput($"'{path}' cannot be read as a certificate; {cure}", failure);
        }

        return certificates.Count switch
        {
            1 => certificates[0],
            0 => throw RnnLmException.BadInput($"'{path}' has no certificate in PEM; {cure}"),
            _ => throw RnnLmException.BadInput(
                $"'{path}' has {certificates.Count} certificates, and it must be clear which one counts; {cure}"),
        };
    }

    /// <summary>Reads a private key and joins it to its certificate.</summary>
    /// <exception cref="RnnLmException">It is another's, it is none, or others can read it.</exception>
    public static X509Certificate2 ReadKeyOf(
        X509Certificate2 certificate, string certificatePath, string path, string cure)
    {
        using var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(Read(path, isSecret: true, cure));

            // What was imported may be a public key, which cannot be exported so.
            key.ExportParameters(includePrivateParameters: true);
        }
        catch (Exception failure)
            when (failure is ArgumentException or CryptographicException or PlatformNotSupportedException)
        {
            throw RnnLmException.BadInput(
                $"'{path}' has no ECDSA private key in PEM without a password; {cure}", failure);
        }

        try
        {
            return certificate.CopyWithPrivateKey(key);
        }
        catch (Exception failure) when (failure is ArgumentException or CryptographicException)
        {
            throw RnnLmException.BadInput($"'{path}' is not the key of '{certificatePath}'; {cure}", failure);
        }
    }

    private static void Write(string path, string text, UnixFileMode mode, bool replace) =>
        StorageFailure.Guard("write", path, () =>
        {
            string temporary = TemporaryName.For(path, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)));
            try
            {
                WriteNew(temporary, text, mode);
                if (replace)
                {
                    Posix.Rename(temporary, path);
                }
                else
                {
                    // Of two processes that write it at once, one does.
                    Posix.Link(temporary, path);
                    File.Delete(temporary);
                }

                Posix.FlushDirectory(Path.GetDirectoryName(path)!);
            }
            catch
            {
                AtomicFile.TryRemove(FileOperations.Default, temporary);
                throw;
            }
        });

    private static void WriteNew(string path, string text, UnixFileMode mode)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = mode,
        };
        using var file = new FileStream(path, options);
        file.Write(Encoding.ASCII.GetBytes(text));
        file.Flush(flushToDisk: true);
    }

    private static string Read(string path, bool isSecret, string cure)
    {
        if (Directory.Exists(path))
        {
            throw RnnLmException.BadInput($"'{path}' is a folder, not a file; {cure}");
        }

        return StorageFailure.Guard("read", path, () =>
        {
            try
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
                if (isSecret)
                {
                    RefuseUnlessPrivate(path, File.GetUnixFileMode(file.SafeFileHandle));
                }

                return file.Length <= MostBytes
                    ? new StreamReader(file).ReadToEnd()
                    : throw RnnLmException.BadInput($"'{path}' is larger than {MostBytes} bytes; {cure}");
            }
            catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
            {
                throw RnnLmException.BadInput($"'{path}': no such file; {cure}", failure);
            }
        });
    }

    private static void RefuseUnlessPrivate(string path, UnixFileMode mode)
    {
        if ((mode & ~Owner) != 0)
        {
            throw RnnLmException.BadInput(
                $"'{path}' is a private key that others may use (mode {Octal(mode)}); run: chmod 600 '{path}'");
        }
    }

    private static string Octal(UnixFileMode mode) => Convert.ToString((int)mode, 8).PadLeft(4, '0');
}
