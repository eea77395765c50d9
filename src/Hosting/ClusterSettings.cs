using System.CommandLine;
using System.Net;
using RnnLm.Cluster;

namespace RnnLm.Hosting;

/// <summary>The settings of every process of a cluster.</summary>
/// <param name="listen">Where it listens if nothing else is said.</param>
/// <param name="needsSeeds">Whether it cannot begin a cluster.</param>
internal sealed class ClusterSettings(string listen, bool needsSeeds)
{
    private readonly Setting<ClusterAddress> _listen = new(
        "--listen", "HOST:PORT", "Where other processes reach this one; port 0 for any that is free",
        ClusterAddress.Parse, listen);

    private readonly Setting<IPAddress?> _bind = new(
        "--bind", "IP", "Where it listens, if this machine does not know the host of --listen by the same address, " +
        "as in a container",
        text => IPAddress.TryParse(text, out var address)
            ? address
            : throw new FormatException("it must be an IP address"));

    private readonly Setting<ClusterAddress[]> _seedNodes = new(
        "--seed-node", "HOST:PORT…", needsSeeds
            ? "Coordinators of the cluster to join; any that can be reached will do"
            : "Coordinators of the cluster, this one too, the same list in all of them: the first begins it when it " +
                "finds none; without, this one begins one",
        texts => [.. texts.Select(ClusterAddress.Parse).Select(node => node.Port > 0
            ? node
            : throw new FormatException("nobody listens at port 0"))])
    {
        AllowMultipleArgumentsPerToken = true,
        Required = needsSeeds,
    };

    private readonly Setting<string?> _certificates = new(
        "--certificates", "DIR", "Directory with ca.pem and this node's certificate and key; without it the process " +
        "listens on loopback only", Values.FullPath);

    private readonly Setting<string> _certificateName = new(
        "--certificate-name", "NAME", "Which node's certificate and key", Values.Text, "node");

    private readonly Setting<ClusterProfile> _profile = new(
        "--profile", "P", "How soon a silent process counts as lost: steady, or fast; the same in all processes",
        Values.Name<ClusterProfile>, "steady");

    private readonly Setting<string?> _configuration = new(
        "--akka", "FILE", "Akka.NET's configuration (HOCON) that has precedence over what is shipped",
        Values.FullPath);

    private readonly Setting<ClusterAddress?> _health = new(
        "--health", "HOST:PORT", "Answer /healthz/live and /healthz/ready there, over HTTP without certificates",
        ClusterAddress.Parse);

    /// <summary>The options.</summary>
    public IReadOnlyList<Option> Options =>
        [_listen, _bind, _seedNodes, _certificates, _certificateName, _profile, _configuration, _health];

    /// <summary>What was given.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="role">Of the process.</param>
    /// <param name="say">Takes why others cannot be reached, or are refused; from any thread.</param>
    /// <exception cref="RnnLmException">The certificates cannot be used (exit code 3).</exception>
    public ClusterOptions Read(ParseResult parsed, string role, Action<string> say)
    {
        return new ClusterOptions(role, parsed.GetRequiredValue(_listen), parsed.GetValue(_seedNodes) ?? [])
        {
            Bind = parsed.GetValue(_bind),
            Tls = parsed.GetValue(_certificates) is { } directory
                ? new MutualTls(
                    NodeCertificates.Load(directory, parsed.GetRequiredValue(_certificateName), TimeProvider.System),
                    TimeProvider.System)
                : null,
            Profile = parsed.GetRequiredValue(_profile),
            ConfigurationFile = parsed.GetValue(_configuration),
            Say = say,
        };
    }

    /// <summary>Answers probes, where that was asked for.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="whyNotReady">Why the process cannot do its part now; null when it can. It may block.</param>
    /// <param name="say">Takes where it answers.</param>
    /// <returns>Ends it; null where nobody asked.</returns>
    /// <exception cref="RnnLmException">Nobody can listen there (exit code 3).</exception>
    public async Task<IAsyncDisposable?> AnswerProbesAsync(
        ParseResult parsed, Func<string?> whyNotReady, Action<string> say)
    {
        if (parsed.GetValue(_health) is not { } address)
        {
            return null;
        }

        var health = await HealthEndpoints.StartAsync(address, whyNotReady, TimeProvider.System).ConfigureAwait(false);
        say($"answers probes at {health.Address}");
        return health;
    }
}
