using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RnnLm.Tests;

/// <summary>Certificates that the product does not make, from the platform's own parts.</summary>
internal static class Forgery
{
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    public const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>An authority of that name, whatever others are called.</summary>
    public static X509Certificate2 Authority(string subject, Clock clock) =>
        Authority(new X500DistinguishedName(subject), clock, pathLength: null);

    /// <inheritdoc cref="Authority(string, Clock)"/>
    public static X509Certificate2 Authority(X500DistinguishedName subject, Clock clock, int? pathLength)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        AddAuthority(request, pathLength);
        return request.CreateSelfSigned(clock.Now.AddDays(-1), clock.Now.AddYears(20));
    }

    /// <summary>The authority with its key, read from its files without the product.</summary>
    public static X509Certificate2 Steal(string directory) => X509Certificate2.CreateFromPemFile(
        Path.Combine(directory, "ca.pem"), Path.Combine(directory, "ca.key"));

    /// <summary>A certificate, like those of nodes in all that is not said, signed with the key of
    /// <paramref name="issuer"/>, or its own if that is null.</summary>
    public static X509Certificate2 Certificate(
        X509Certificate2? issuer,
        Clock clock,
        string subject = "CN=node, O=rnnlm",
        string[]? usages = null,
        bool isAuthority = false,
        string? downloadFrom = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        var oids = new OidCollection();
        foreach (string usage in usages ?? [ServerAuthentication, ClientAuthentication])
        {
            oids.Add(new Oid(usage));
        }

        if (oids.Count > 0)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(oids, critical: false));
        }

        if (isAuthority)
        {
            AddAuthority(request, pathLength: null);
        }

        if (downloadFrom is not null)
        {
            request.CertificateExtensions.Add(
                new X509AuthorityInformationAccessExtension(ocspUris: null, caIssuersUris: [downloadFrom]));
        }

        var (from, to) = (clock.Now.AddDays(-1), clock.Now.AddYears(1));
        if (issuer is null)
        {
            return request.CreateSelfSigned(from, to);
        }

        // A generator, because the issuer need not be allowed to issue.
        using var issuerKey = issuer.GetECDsaPrivateKey()!;
        using var certificate = request.Create(
            issuer.SubjectName,
            X509SignatureGenerator.CreateForECDsa(issuerKey),
            from,
            to,
            RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    }

    private static void AddAuthority(CertificateRequest request, int? pathLength)
    {
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(
            certificateAuthority: true, pathLength.HasValue, pathLength.GetValueOrDefault(), critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(
            X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.DigitalSignature, critical: true));
    }
}
