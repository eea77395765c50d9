using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace RnnLm.Cluster;

/// <summary>How soon a silent process counts as lost.</summary>
public enum ClusterProfile
{
    /// <summary>A process may stand still for six seconds. A lost coordinator's jobs go on elsewhere after about 25
    /// seconds.</summary>
    Steady,

    /// <summary>Three seconds; about 12 seconds. For machines that are not overloaded.</summary>
    Fast,
}

/// <summary>Where a process of a cluster is reached.</summary>
/// <param name="Host">An IP address or a name.</param>
/// <param name="Port">0 for any that is free.</param>
public sealed record ClusterAddress(string Host, int Port)
{
    /// <summary>A free port of this machine alone.</summary>
    public static ClusterAddress Loopback { get; } = new(IPAddress.Loopback.ToString(), 0);

    /// <summary>Reads HOST:PORT; an IPv6 address stands in brackets.</summary>
    /// <exception cref="FormatException">It is no such thing.</exception>
    public static ClusterAddress Parse(string text) => TryParse(text, out var address)
        ? address
        : throw new FormatException("it must be a host and a port, like 127.0.0.1:4053 or node-1.example:4053");

    /// <summary>Reads HOST:PORT; false if it is no such thing.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out ClusterAddress? address)
    {
        ArgumentNullException.ThrowIfNull(text);
        address = null;
        int colon = text.LastIndexOf(':');
        string host = colon > 0 ? text[..colon].Trim('[', ']') : string.Empty;
        bool isPort = ushort.TryParse(
            text.AsSpan(colon + 1),
            System.Globalization.NumberStyles.None,
            System.Globalization.CultureInfo.InvariantCulture,
            out ushort port);
        if (isPort && Uri.CheckHostName(host) is not (UriHostNameType.Unknown or UriHostNameType.Basic))
        {
            address = new ClusterAddress(host, port);
        }

        return address is not null;
    }

    /// <summary>The IP address of the host, to listen at.</summary>
    /// <param name="option">Which one gave it.</param>
    /// <exception cref="RnnLmException">The name is unknown (exit code 3).</exception>
    public IPAddress Resolve(string option)
    {
        try
        {
            return IPAddress.TryParse(Host, out var address) ? address : Dns.GetHostAddresses(Host)[0];
        }
        catch (SocketException failure)
        {
            throw RnnLmException.BadInput($"{option} {this}: the host is unknown ({failure.Message})", failure);
        }
    }

    /// <summary>Whether it is an IP address of another machine; names are not looked up.</summary>
    public bool IsElsewhere => IPAddress.TryParse(Host, out var address)
        && !IPAddress.IsLoopback(address)
        && !address.Equals(IPAddress.Any)
        && !address.Equals(IPAddress.IPv6Any)
        && !NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(network => network.GetIPProperties().UnicastAddresses)
            .Any(own => own.Address.Equals(address));

    /// <inheritdoc/>
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal)
        ? $"[{Host}]:{Port.ToString(System.Globalization.CultureInfo.InvariantCulture)}"
        : $"{Host}:{Port.ToString(System.Globalization.CultureInfo.InvariantCulture)}";
}

/// <summary>How a process takes part in a cluster.</summary>
/// <param name="Role"><see cref="ClusterHost.CoordinatorRole"/> or <see cref="ClusterHost.WorkerRole"/>.</param>
/// <param name="Listen">Where others reach it.</param>
/// <param name="SeedNodes">Processes of the cluster to join; none to begin one.</param>
public sealed record ClusterOptions(string Role, ClusterAddress Listen, IReadOnlyList<ClusterAddress> SeedNodes)
{
    /// <summary>Where it listens, if that is not the address of <see cref="Listen"/>.</summary>
    public IPAddress? Bind { get; init; }

    /// <summary>Certificates of this process; without them it listens on loopback only.</summary>
    public MutualTls? Tls { get; init; }

    /// <summary>How soon a silent process counts as lost.</summary>
    public ClusterProfile Profile { get; init; }

    /// <summary>A file of Akka.NET's configuration (HOCON) that has precedence; null for none.</summary>
    public string? ConfigurationFile { get; init; }

    /// <summary>Takes why others cannot be reached, or are refused; from any thread. Null if nobody cares.</summary>
    public Action<string>? Say { get; init; }
}
