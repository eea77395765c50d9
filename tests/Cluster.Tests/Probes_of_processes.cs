using System.Net;
using System.Net.Sockets;

namespace RnnLm.Cluster.Tests;

/// <summary>What a kubelet asks them.</summary>
[Collection(JobClusters.Name)]
public sealed class Probes_of_processes : IDisposable
{
    private readonly JobCluster _cluster = new(coordinators: 2, "--profile", "fast", "--health", "127.0.0.1:0");
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(60) };

    [Fact]
    public void A_coordinator_is_ready_when_it_is_in_a_cluster_and_can_write_the_storage()
    {
        // It is not the first of the two, so it begins none.
        var second = _cluster.StartCoordinator(1, seeds: [0, 1]);
        Assert.Equal((HttpStatusCode.OK, "Healthy"), Ask(second, "live"));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "it is in no cluster"), Ask(second, "ready"));
        _cluster.StartCoordinator(0, seeds: [0, 1]);
        second.WaitFor("is in the cluster");
        Assert.Equal((HttpStatusCode.OK, "ready"), Ask(second, "ready"));

        string storage = Path.Combine(_cluster.Directory.Root, JobCluster.Storage);
        Directory.Move(storage, storage + "-away");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "the run storage cannot be written"), Ask(second, "ready"));
        Assert.Equal((HttpStatusCode.OK, "Healthy"), Ask(second, "live"));
        Directory.Move(storage + "-away", storage);
        Assert.Equal((HttpStatusCode.OK, "ready"), Ask(second, "ready"));
        Assert.Empty(Directory.GetFiles(storage));
    }

    [Fact]
    public void A_worker_is_when_it_runs()
    {
        var worker = _cluster.StartWorker("worker");
        worker.WaitFor("looks for work");
        Assert.Equal((HttpStatusCode.OK, "Healthy"), Ask(worker, "live"));
        Assert.Equal((HttpStatusCode.OK, "ready"), Ask(worker, "ready"));
        Assert.Equal(HttpStatusCode.NotFound, Ask(worker, "other").Status);
    }

    [Fact]
    public void An_address_where_nobody_can_listen_is_refused()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        foreach (string address in new[] { $"{taken.LocalEndpoint}", "no-such-host.invalid:80", "203.0.113.1:80" })
        {
            RnnLmProcess.Run(
                _cluster.Directory, "worker", "--seed-node", _cluster.AddressOf(0), "--health", address)
                .Refused(3, $"--health {address}: ");
        }
    }

    public void Dispose()
    {
        _client.Dispose();
        _cluster.Dispose();
    }

    private (HttpStatusCode Status, string Said) Ask(ClusterProcess process, string what)
    {
        const string At = "answers probes at ";
        process.WaitFor(At);
        string line = process.Lines.Single(line => line.Contains(At, StringComparison.Ordinal));
        string address = line[(line.IndexOf(At, StringComparison.Ordinal) + At.Length)..];
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"{address}/healthz/{what}"));
        using var response = _client.Send(request);
        using var body = new StreamReader(response.Content.ReadAsStream());
        return (response.StatusCode, body.ReadToEnd().Trim());
    }
}
