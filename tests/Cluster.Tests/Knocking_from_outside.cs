using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace RnnLm.Cluster.Tests;

/// <summary>At both ports of a coordinator that listens with certificates, while it trains.</summary>
[Collection(JobClusters.Name)]
public sealed class Knocking_from_outside : IDisposable
{
    private const string Certificates = "certificates";
    private const int Warmup = 200;
    private const int Slow = 8;
    private const int Knocks = 10;
    private const int GarbageBytes = 4096;
    private const long MostGrowthBytes = 96L << 20;

    // Only a test that fails waits so long.
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    /// <summary>Akka's frames begin with their length, the lowest byte first: 2 GiB less one byte.</summary>
    private static readonly byte[] s_hugeFrame = [0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0];

    /// <summary>Head of a record of TLS 1.2 that is as long as they can be.</summary>
    private static readonly byte[] s_hello = [0x16, 0x03, 0x01, 0x3f, 0xff, 0x01, 0x00, 0x3f, 0xfb, 0x03, 0x03];

    private readonly JobCluster _cluster = new(
        coordinators: 1, "--profile", "fast", "--certificates", Certificates);

    private readonly List<TcpClient> _slow = [];

    [Fact]
    public async Task Disturbs_nobody()
    {
        // The authority is some days old, so that a certificate of its own can have expired.
        var clock = new Clock(TimeProvider.System.GetUtcNow().AddDays(-3));
        using var ours = CertificateAuthority.Create(clock);
        using var theirs = CertificateAuthority.Create(clock);
        using var expired = ours.Issue(new NodeIdentity("expired", NodeIdentity.Loopback), TimeSpan.FromDays(1));
        clock.Now = TimeProvider.System.GetUtcNow();
        using var foreign = theirs.Issue(new NodeIdentity("foreign", NodeIdentity.Loopback));
        using var node = ours.Issue(new NodeIdentity(NodeIdentity.DefaultName, NodeIdentity.Loopback));
        string directory = Path.Combine(_cluster.Directory.Root, Certificates);
        ours.WriteTo(directory);
        node.WriteBeside(directory, replace: false);

        var job = new ClusterJob("job");
        _cluster.Submit(job);
        var coordinator = _cluster.StartCoordinator(0, seeds: []);
        _cluster.StartWorker("worker");
        _cluster.WaitForSteps(job, Warmup);
        int messages = _cluster.PortOf(0);
        int bulk = Assert.Single(Machine.ListeningPorts(coordinator.Id), port => port != messages);
        Assert.True(await IsAnsweredAsync(bulk, node.Certificate));
        int said = coordinator.Lines.Count;
        long before = coordinator.ResidentBytes;

        var random = new Random(1);
        foreach (int port in new[] { messages, bulk })
        {
            for (int number = 0; number < Slow; number++)
            {
                _slow.Add(await ConnectAsync(port));
            }

            for (int knock = 0; knock < Knocks; knock++)
            {
                await SendSlowlyAsync(s_hello[knock]);
                foreach (var stranger in new[] { null, foreign.Certificate, expired.Certificate })
                {
                    Assert.False(
                        await IsAnsweredAsync(port, stranger), $"port {port} answers '{stranger?.Subject}'");
                }

                byte[] garbage = new byte[GarbageBytes];
                random.NextBytes(garbage);
                await RequireEndAsync(port, garbage);
                await RequireEndAsync(port, s_hugeFrame);
            }
        }

        // A member who has lost his mind gets no further than a stranger.
        await RequireEndAsync(messages, s_hugeFrame, node.Certificate);

        _cluster.WaitForSteps(job, Warmup);
        Assert.InRange(coordinator.ResidentBytes - before, long.MinValue, MostGrowthBytes);

        // Each reason once, however often they knock.
        string[] refusals =
            [.. coordinator.Lines.Skip(said).Select(line => line.Split("is refused: its certificate ")[^1])];
        Assert.Equal(refusals.Distinct(), refusals);
        Assert.Contains(refusals, reason => reason.StartsWith("expired on", StringComparison.Ordinal));
        Assert.Contains(refusals, reason => reason.StartsWith("was not issued by", StringComparison.Ordinal));
        Assert.InRange(refusals.Length, 2, 3);
        _cluster.Cancel(job);
        _cluster.RequireSameAsTrain(job);
        _cluster.RequireQuiet();
    }

    public void Dispose()
    {
        _slow.ForEach(connection => connection.Dispose());
        _cluster.Dispose();
    }

    /// <summary>Whether a request has an answer, of whatever kind, before the connection ends.</summary>
    private static async Task<bool> IsAnsweredAsync(int port, X509Certificate2? certificate)
    {
        using var connection = await ConnectAsync(port);
        try
        {
            await using var stream = await SecureAsync(connection, certificate);
            await stream.WriteAsync("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
            return await stream.ReadAsync(new byte[1]).AsTask().WaitAsync(s_deadline) > 0;
        }
        catch (Exception failure) when (failure is IOException or AuthenticationException)
        {
            return false;
        }
    }

    /// <summary>Sends bytes, as a member if there is a certificate, and waits until the other end has had enough.
    /// </summary>
    private static async Task RequireEndAsync(int port, byte[] bytes, X509Certificate2? certificate = null)
    {
        using var connection = await ConnectAsync(port);
        try
        {
            Stream stream = certificate is null ? connection.GetStream() : await SecureAsync(connection, certificate);
            await stream.WriteAsync(bytes);
            byte[] answer = new byte[GarbageBytes];
            while (await stream.ReadAsync(answer).AsTask().WaitAsync(s_deadline) > 0)
            {
                // An alert of TLS.
            }
        }
        catch (IOException)
        {
            // It was ended without a good-bye.
        }
    }

    private static async Task<TcpClient> ConnectAsync(int port)
    {
        var connection = new TcpClient();
        await connection.ConnectAsync(IPAddress.Loopback, port);
        return connection;
    }

    private static async Task<SslStream> SecureAsync(TcpClient connection, X509Certificate2? certificate)
    {
        var options = Handshake.AnyClient(certificate);
        options.TargetHost = "localhost";
        var stream = new SslStream(connection.GetStream());
        await stream.AuthenticateAsClientAsync(options).WaitAsync(s_deadline);
        return stream;
    }

    /// <summary>On connections that stay open: the beginning of a handshake, a byte with every knock of others.
    /// </summary>
    private async Task SendSlowlyAsync(byte next)
    {
        foreach (var connection in _slow)
        {
            try
            {
                await connection.GetStream().WriteAsync(new[] { next });
            }
            catch (IOException)
            {
                // The other end has had enough.
            }
        }
    }
}
