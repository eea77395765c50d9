using System.Security.Cryptography.X509Certificates;

namespace RnnLm.Cluster;

/// <summary>What one process of a cluster shows to others, and what it holds theirs against.</summary>
public sealed class NodeCertificates : IDisposable
{
    internal NodeCertificates(string name, X509Certificate2 certificate, X509Certificate2 authority)
    {
        Name = name;
        Certificate = certificate;
        Authority = X509CertificateLoader.LoadCertificate(authority.RawDataMemory.Span);
    }

    /// <summary>The node's name, which its files have too.</summary>
    public string Name { get; }

    /// <summary>The process's certificate, with its private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>The certificate of the cluster's authority.</summary>
    public X509Certificate2 Authority { get; }

    /// <summary>Reads <c>ca.pem</c>, <c>NAME.pem</c> and <c>NAME.key</c>.</summary>
    /// <exception cref="RnnLmException">One is missing, is not what its name says, does not belong to the others, or is
    /// not valid now; or others can read the key.</exception>
    public static NodeCertificates Load(string directory, string name, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        string authorityPath = CertificateFiles.CertificatePath(directory, CertificateAuthority.Name);
        string path = CertificateFiles.CertificatePath(directory, name);
        string cure = $"where the cluster's ca.key is kept, run rnnlm certificates --directory DIR --name {name} " +
            $"--force, and copy ca.pem, {name}.pem and {name}.key from there";
        using var authority = CertificateFiles.ReadCertificate(authorityPath, cure);
        using var certificate = CertificateFiles.ReadCertificate(path, cure);
        var complete = CertificateFiles.ReadKeyOf(certificate, path, CertificateFiles.KeyPath(directory, name), cure);
        if (Membership.WhyNot(complete, authority, time.GetUtcNow()) is { } reason)
        {
            complete.Dispose();
            throw RnnLmException.BadInput($"'{path}' {reason}; {cure}");
        }

        return new NodeCertificates(name, complete, authority);
    }

    /// <summary>An authority and a certificate of it, in memory only, for the processes of one machine that one of them
    /// starts: all show this one. The authority's key is gone when this returns, so no other certificate can ever be
    /// accepted beside it.</summary>
    public static NodeCertificates CreateEphemeral(TimeProvider time)
    {
        using var authority = CertificateAuthority.Create(time);
        return authority.Issue(new NodeIdentity(NodeIdentity.DefaultName, NodeIdentity.Loopback));
    }

    /// <summary>Writes <c>ca.pem</c>, <c>NAME.pem</c> and, with mode 0600, <c>NAME.key</c>, for <see cref="Load"/> in a
    /// process that this one starts, which removes them when nobody will read them any more. The directory is made with
    /// mode 0700 if it is not there.</summary>
    /// <returns>The files, in the order in which they were written.</returns>
    /// <exception cref="RnnLmException">One is there, or it cannot be written.</exception>
    public IReadOnlyList<string> WriteTo(string directory)
    {
        string authorityPath = CertificateFiles.CertificatePath(directory, CertificateAuthority.Name);
        CertificateFiles.MustNotExist("choose another directory", [authorityPath, .. Paths(directory)]);
        var written = WriteBeside(directory, replace: false);
        CertificateFiles.Write(authorityPath, Authority, replace: false);
        return [.. written, authorityPath];
    }

    /// <summary>Writes <c>NAME.key</c>, with mode 0600, and <c>NAME.pem</c> to where the authority is.</summary>
    /// <param name="directory">Where to.</param>
    /// <param name="replace">Whether they may be there.</param>
    /// <returns>The files, in the order in which they were written.</returns>
    /// <exception cref="RnnLmException">One is there, or it cannot be written.</exception>
    public IReadOnlyList<string> WriteBeside(string directory, bool replace)
    {
        CertificateFiles.CreateDirectory(directory);
        string[] paths = Paths(directory);
        if (!replace)
        {
            CertificateFiles.MustNotExist("add --force to replace it, or choose another --name", paths);
        }

        using var key = Certificate.GetECDsaPrivateKey()!;
        CertificateFiles.Write(paths[0], key, replace);
        CertificateFiles.Write(paths[1], Certificate, replace);
        return paths;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Certificate.Dispose();
        Authority.Dispose();
    }

    private string[] Paths(string directory) =>
        [CertificateFiles.KeyPath(directory, Name), CertificateFiles.CertificatePath(directory, Name)];
}
