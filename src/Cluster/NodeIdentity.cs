using System.Net;

namespace RnnLm.Cluster;

/// <summary>Whom a node certificate names.</summary>
/// <param name="Name">The node's name, which its files have too; see <see cref="ReadName"/>.</param>
/// <param name="Hosts">Its DNS names and IP addresses; see <see cref="ReadHost"/>. The processes of a cluster do not
/// look at them (<see cref="MutualTls"/>), other programs do.</param>
public sealed record NodeIdentity(string Name, IReadOnlyList<string> Hosts)
{
    /// <summary>The name where none is given.</summary>
    public const string DefaultName = "node";

    // What a common name may have (RFC 5280, appendix A.1).
    private const int LongestName = 64;

    /// <summary>The hosts of a node that only processes of its own machine talk to.</summary>
    public static IReadOnlyList<string> Loopback { get; } = ["localhost", "127.0.0.1", "::1"];

    /// <summary>Reads a node's name.</summary>
    /// <exception cref="FormatException">It cannot be one; the message says what can.</exception>
    public static string ReadName(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        bool isName = text.Length is > 0 and <= LongestName
            && text.All(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-' or '_')
            && char.IsAsciiLetterOrDigit(text[0]);

        // On a disk that does not tell cases apart, CA.pem is ca.pem.
        return isName && !text.Equals(CertificateAuthority.Name, StringComparison.OrdinalIgnoreCase)
            ? text
            : throw new FormatException(
                $"use at most {LongestName} letters, digits, dots, dashes and underscores, a letter or digit first; " +
                $"'{CertificateAuthority.Name}' is taken");
    }

    /// <summary>Reads a DNS name or an IP address, which is given back as it is usually written.</summary>
    /// <exception cref="FormatException">It is neither.</exception>
    public static string ReadHost(string text)
    {
        ArgumentNullException.ThrowIfNull(text);

        // A number, or an address with an interface, means nothing on another machine.
        if (IPAddress.TryParse(text, out var address) && (text.Contains(':') || text.Count(c => c == '.') == 3))
        {
            return text.Contains('%')
                ? throw new FormatException("leave out the interface, from % on")
                : address.ToString();
        }

        return Uri.CheckHostName(text) == UriHostNameType.Dns && text.All(char.IsAscii)
            ? text
            : throw new FormatException("it must be a DNS name in ASCII or an IP address");
    }
}
