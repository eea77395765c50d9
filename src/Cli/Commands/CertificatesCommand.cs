using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using RnnLm.Cluster;
using static RnnLm.Hosting.Values;

namespace RnnLm.Cli;

/// <summary><c>rnnlm certificates</c>: makes a cluster's certificate authority, and certificates of nodes.</summary>
internal static class CertificatesCommand
{
    public static Command Create()
    {
        var directory = new Setting<string>(
            "--directory", "DIR", "Where the CA is, or is made if there is none", FullPath)
        {
            Required = true,
        };
        var name = new Setting<string>(
            "--name",
            "NAME",
            "The node, and what its files are called",
            NodeIdentity.ReadName,
            NodeIdentity.DefaultName);
        var hosts = new Setting<string[]>(
            "--host",
            "NAME-OR-IP…",
            "DNS names and IP addresses of the node; localhost and this machine's name if none are given",
            texts => [.. texts.Select(NodeIdentity.ReadHost).Distinct()])
        {
            AllowMultipleArgumentsPerToken = true,
        };
        var days = new Setting<int>(
            "--days",
            "N",
            "How long the node's certificate is valid, at most as long as the CA",
            text => Whole(text, 1, CertificateAuthority.DefaultLifetime.Days),
            $"{CertificateAuthority.DefaultNodeLifetime.Days}");
        var force = new Setting<bool>(
            "--force", null, "Replace the node's files if they are there; the CA is never replaced", Switch);
        var command = new Command(
            "certificates", "Make the certificate authority of a cluster, and the certificate and key of a node")
        {
            directory, name, hosts, days, force,
        };
        command.SetAction(parsed =>
        {
            var node = new NodeIdentity(
                parsed.GetRequiredValue(name), parsed.GetValue(hosts) is { Length: > 0 } given ? given : OwnHosts());
            Run(
                parsed.GetRequiredValue(directory),
                node,
                TimeSpan.FromDays(parsed.GetValue(days)),
                parsed.GetValue(force));
            return 0;
        });
        return command;
    }

    private static void Run(string directory, NodeIdentity node, TimeSpan lifetime, bool replace)
    {
        bool isNew = !CertificateAuthority.IsIn(directory);
        using var authority = isNew
            ? CertificateAuthority.Create(TimeProvider.System)
            : CertificateAuthority.Load(directory, TimeProvider.System);
        if (isNew)
        {
            var files = authority.WriteTo(directory);
            Console.Out.WriteLine($"{files[0]}: the CA's key; it stays here");
            Console.Out.WriteLine(
                $"{files[1]}: certificate of {authority.Certificate.Subject}, {Validity(authority.Certificate)}");
        }

        using var certificates = authority.Issue(node, lifetime);
        var written = certificates.WriteBeside(directory, replace);
        Console.Out.WriteLine($"{written[0]}: the key of {node.Name}");
        Console.Out.WriteLine(
            $"{written[1]}: certificate of {node.Name} ({string.Join(", ", node.Hosts)}), " +
            $"{Validity(certificates.Certificate)}");
        Console.Out.WriteLine(
            $"copy ca.pem, {node.Name}.pem and {node.Name}.key into one directory on the node; ca.key stays here, " +
            $"because whoever has it can let anyone into the cluster");
    }

    /// <summary>Where a node is found that runs on this machine.</summary>
    private static IReadOnlyList<string> OwnHosts()
    {
        try
        {
            return [.. NodeIdentity.Loopback.Append(NodeIdentity.ReadHost(Dns.GetHostName())).Distinct()];
        }
        catch (FormatException)
        {
            // A machine may be called as nothing in DNS can be.
            return NodeIdentity.Loopback;
        }
    }

    private static string Validity(X509Certificate2 certificate) =>
        $"valid until {certificate.NotAfter.ToUniversalTime().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}";
}
