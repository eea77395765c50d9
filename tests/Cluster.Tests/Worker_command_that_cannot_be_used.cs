using System.Net;
using System.Net.Sockets;

namespace RnnLm.Cluster.Tests;

public sealed class Worker_command_that_cannot_be_used : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Theory]
    [InlineData("--seed-node", "'--seed-node' is required")]
    [InlineData("--seed-node", "it must be a host and a port", "--seed-node", "localhost")]
    [InlineData("--seed-node", "it must be a host and a port", "--seed-node", "127.0.0.1")]
    [InlineData("--seed-node", "it must be a host and a port", "--seed-node", "127.0.0.1:65536")]
    [InlineData("--seed-node", "nobody listens at port 0", "--seed-node", "127.0.0.1:0")]
    [InlineData("--name", "letters, digits", "--seed-node", "127.0.0.1:4053", "--name", "a b")]
    [InlineData("--name", "it is empty", "--seed-node", "127.0.0.1:4053", "--name", "")]
    [InlineData("--listen", "it must be a host and a port", "--seed-node", "127.0.0.1:4053", "--listen", "x")]
    public void Is_refused(string option, string reason, params string[] arguments) =>
        RnnLmProcess.Run(_directory, ["worker", .. arguments]).Refused(2, option, reason);

    /// <summary>It would look for work for ever: whoever heard it there could not answer. The address is one of those
    /// for documentation, which no machine has.</summary>
    [Fact]
    public void On_loopback_it_has_no_seed_nodes_on_other_machines() =>
        RnnLmProcess.Run(_directory, "worker", "--seed-node", "127.0.0.1:4053", "203.0.113.1:4053")
            .Refused(3, "--listen 127.0.0.1:0", "203.0.113.1:4053 neither", "and --certificates");

    /// <summary>What others call it does not matter for that.</summary>
    [Fact]
    public void It_listens_off_loopback_with_certificates_alone() =>
        RnnLmProcess.Run(_directory, "worker", "--seed-node", "127.0.0.1:4053", "--bind", "0.0.0.0")
            .Refused(3, "--bind 0.0.0.0: off loopback nothing listens without certificates");

    /// <summary>Also where the other one would share.</summary>
    [Fact]
    public void Where_another_listens_is_a_line()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        other.Start();
        RnnLmProcess.Run(_directory, "worker", "--seed-node", "127.0.0.1:4053", "--listen", $"{other.LocalEndpoint}")
            .Refused(3, $"cannot listen on {other.LocalEndpoint}", "in use", "--listen");
    }

    public void Dispose() => _directory.Dispose();
}
