using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RnnLm.Cluster;

/// <summary>Who is a member of a cluster: whoever has a certificate that its authority issued to a node.</summary>
internal static class Membership
{
    /// <summary>Extended key usage of who is connected to (RFC 5280, section 4.2.1.12).</summary>
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>Extended key usage of who connects.</summary>
    public const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private const string OrganizationName = "2.5.4.10";

    /// <summary>
    /// Why a certificate is none of a node of this cluster, as what follows its name; null if it is. Host names are not
    /// looked at: nodes move and get other addresses, and every member is trusted alike, so that whom the authority
    /// issued a certificate to is all there is to know.
    /// </summary>
    public static string? WhyNot(X509Certificate2 certificate, X509Certificate2 authority, DateTimeOffset now) =>
        Reading(() => WhyNotNow(certificate, now)
            ?? WhyNotIssued(certificate, authority, now)
            ?? WhyNotOfNode(certificate));

    /// <summary>The same for a certificate that others are to be issued by.</summary>
    public static string? WhyNotAuthority(X509Certificate2 certificate, DateTimeOffset now) => Reading(() =>
        certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(limits => limits.CertificateAuthority)
            ? WhyNotNow(certificate, now)
            : "is no certificate of a CA");

    /// <summary>How a certificate's chain is built: from the authority and nothing else, and without the network, where
    /// a certificate could name what is to be fetched.</summary>
    public static X509ChainPolicy Policy(X509Certificate2 authority) => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { authority },
        RevocationMode = X509RevocationMode.NoCheck,
        DisableCertificateDownloads = true,
    };

    private static string? Reading(Func<string?> judge)
    {
        try
        {
            return judge();
        }
        catch (CryptographicException failure)
        {
            // A certificate is decoded part by part, and any part may be malformed.
            return $"cannot be read ({failure.Message})";
        }
    }

    private static string? WhyNotNow(X509Certificate2 certificate, DateTimeOffset now) =>
        now < certificate.NotBefore
            ? $"is not valid before {Show(certificate.NotBefore)} and the clock says {Show(now)}"
        : now >= certificate.NotAfter
            ? $"expired on {Show(certificate.NotAfter)} and the clock says {Show(now)}"
        : null;

    private static string? WhyNotIssued(X509Certificate2 certificate, X509Certificate2 authority, DateTimeOffset now)
    {
        // A chain of our own: in the one that TLS hands over lies what the peer sent along.
        using var chain = new X509Chain { ChainPolicy = Policy(authority) };
        chain.ChainPolicy.VerificationTimeIgnored = false;
        chain.ChainPolicy.VerificationTime = now.UtcDateTime;
        bool isBuilt = chain.Build(certificate);

        // Directly by the authority, and not the authority itself.
        return isBuilt
            && chain.ChainElements.Count == 2
            && chain.ChainElements[1].Certificate.RawDataMemory.Span.SequenceEqual(authority.RawDataMemory.Span)
                ? null
                : $"was not issued by this cluster's CA ({authority.Subject}{Faults(chain)})";
    }

    private static string Faults(X509Chain chain) =>
        string.Concat(chain.ChainStatus.Select(status => status.Status).Distinct().Select(status => $"; {status}"));

    private static string? WhyNotOfNode(X509Certificate2 certificate)
    {
        bool isNode = certificate.SubjectName.EnumerateRelativeDistinguishedNames()
            .Any(part => !part.HasMultipleElements
                && part.GetSingleElementType().Value == OrganizationName
                && part.GetSingleElementValue() == CertificateAuthority.Organization);
        if (!isNode)
        {
            return $"is of {certificate.Subject}, not of a node (O={CertificateAuthority.Organization})";
        }

        // Every process is both, so that one rule serves whoever connected. Without the extension X.509 allows
        // everything; the authority always writes it.
        var usages = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>()
            .SelectMany(extension => extension.EnhancedKeyUsages.Cast<Oid>().Select(usage => usage.Value))
            .ToHashSet();
        return usages.Contains(ServerAuthentication) && usages.Contains(ClientAuthentication)
            ? null
            : "is not for both ends of a connection (extended key usage)";
    }

    private static string Show(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
