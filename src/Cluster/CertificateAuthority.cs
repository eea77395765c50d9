using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RnnLm.Cluster;

/// <summary>
/// The certificate authority of one cluster: to be a member is to have a certificate that it issued. Its key is needed
/// to issue one and for nothing else; its certificate is what every process holds the others' certificates against.
/// </summary>
public sealed class CertificateAuthority : IDisposable
{
    /// <summary>What its files are called, before the dot.</summary>
    public const string Name = "ca";

    /// <summary>What every node certificate has as its organization.</summary>
    public const string Organization = "rnnlm";

    private const int SerialBytes = 16;

    // The clocks of two machines differ.
    private static readonly TimeSpan s_backdating = TimeSpan.FromMinutes(5);

    private readonly X509Certificate2 _certificate;
    private readonly TimeProvider _time;

    private CertificateAuthority(X509Certificate2 certificate, TimeProvider time)
    {
        _certificate = certificate;
        _time = time;
        Certificate = X509CertificateLoader.LoadCertificate(certificate.RawDataMemory.Span);
    }

    /// <summary>How long an authority lasts when nothing else is said.</summary>
    public static TimeSpan DefaultLifetime { get; } = TimeSpan.FromDays(3650);

    /// <summary>How long a node certificate lasts when nothing else is said.</summary>
    public static TimeSpan DefaultNodeLifetime { get; } = TimeSpan.FromDays(365);

    /// <summary>Its certificate, without the key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>A new authority, in memory only.</summary>
    /// <param name="time">Says when it begins to be valid.</param>
    /// <param name="lifetime">How long it is; <see cref="DefaultLifetime"/> if not given.</param>
    public static CertificateAuthority Create(TimeProvider time, TimeSpan? lifetime = null)
    {
        ArgumentNullException.ThrowIfNull(time);
        var now = time.GetUtcNow();
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName($"rnnlm cluster CA {Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(
            certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(
            X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return new CertificateAuthority(
            request.CreateSelfSigned(now - s_backdating, now + (lifetime ?? DefaultLifetime)), time);
    }

    /// <summary>Whether a directory has the certificate or the key of an authority.</summary>
    public static bool IsIn(string directory) =>
        File.Exists(CertificateFiles.CertificatePath(directory, Name))
        || File.Exists(CertificateFiles.KeyPath(directory, Name));

    /// <summary>Reads the authority that <see cref="WriteTo"/> wrote.</summary>
    /// <exception cref="RnnLmException">A file is missing or cannot be used, or the authority is too old or too
    /// young.</exception>
    public static CertificateAuthority Load(string directory, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        const string cure =
            "restore both files of the CA from where it was made, or make a new CA in another directory";
        string certificatePath = CertificateFiles.CertificatePath(directory, Name);
        using var certificate = CertificateFiles.ReadCertificate(certificatePath, cure);
        if (Membership.WhyNotAuthority(certificate, time.GetUtcNow()) is { } reason)
        {
            throw RnnLmException.BadInput($"'{certificatePath}' {reason}; {cure}");
        }

        var complete = CertificateFiles.ReadKeyOf(
            certificate, certificatePath, CertificateFiles.KeyPath(directory, Name), cure);
        return new CertificateAuthority(complete, time);
    }

    /// <summary>Makes a key and a certificate for a node, in memory only. It is not valid for longer than the
    /// authority.</summary>
    /// <param name="node">Whom it names.</param>
    /// <param name="lifetime">How long it is valid from now; <see cref="DefaultNodeLifetime"/> if not given.</param>
    public NodeCertificates Issue(NodeIdentity node, TimeSpan? lifetime = null)
    {
        ArgumentNullException.ThrowIfNull(node);
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(node.Name);
        subject.AddOrganizationName(Organization);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(
            certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid(Membership.ServerAuthentication), new Oid(Membership.ClientAuthentication)], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(
            _certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        request.CertificateExtensions.Add(Hosts(node));

        var now = _time.GetUtcNow();
        using var certificate = request.Create(
            _certificate,
            Later(now - s_backdating, _certificate.NotBefore),
            Earlier(now + (lifetime ?? DefaultNodeLifetime), _certificate.NotAfter),
            Serial());
        return new NodeCertificates(node.Name, certificate.CopyWithPrivateKey(key), Certificate);
    }

    /// <summary>Writes <c>ca.key</c>, with mode 0600, and <c>ca.pem</c>. Neither may be there: who replaces an
    /// authority shuts out everyone it issued a certificate to.</summary>
    /// <returns>The files, in the order in which they were written.</returns>
    /// <exception cref="RnnLmException">One is there, or it cannot be written.</exception>
    public IReadOnlyList<string> WriteTo(string directory)
    {
        CertificateFiles.CreateDirectory(directory);
        string certificatePath = CertificateFiles.CertificatePath(directory, Name);
        string keyPath = CertificateFiles.KeyPath(directory, Name);
        CertificateFiles.MustNotExist(
            "a CA is not replaced, make the new one in another directory", certificatePath, keyPath);
        using var key = _certificate.GetECDsaPrivateKey()!;
        CertificateFiles.Write(keyPath, key, replace: false);
        CertificateFiles.Write(certificatePath, Certificate, replace: false);
        return [keyPath, certificatePath];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _certificate.Dispose();
        Certificate.Dispose();
    }

    private static X509Extension Hosts(NodeIdentity node)
    {
        var names = new SubjectAlternativeNameBuilder();
        foreach (string host in node.Hosts)
        {
            if (IPAddress.TryParse(host, out var address))
            {
                names.AddIpAddress(address);
            }
            else
            {
                names.AddDnsName(host);
            }
        }

        return names.Build();
    }

    /// <summary>A random number that is positive and has no leading zeros, as DER wants it.</summary>
    private static byte[] Serial()
    {
        byte[] serial = RandomNumberGenerator.GetBytes(SerialBytes);
        serial[0] = (byte)((serial[0] & 0x3F) | 0x40);
        return serial;
    }

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;

    private static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;
}
