using System.Collections.Concurrent;
using System.Net;
using Akka.Actor;
using Akka.Remote;

namespace RnnLm.Tests;

/// <summary>The actor system of a process: what it lets in by its configuration, and when it ends.</summary>
public sealed class A_process_of_a_cluster : IDisposable
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("akka.remote.dot-netty.tcp.hostname = 0.0.0.0", "hostname")]
    [InlineData("akka { remote { dot-netty.tcp { enable-ssl = on } } }", "enable-ssl")]
    [InlineData("akka.remote.dot-netty.tcp.ssl.suppress-validation = on", "ssl")]
    [InlineData("akka.actor.serializers.json = \"Akka.Serialization.NewtonSoftJsonSerializer, Akka\"", "serializers")]
    [InlineData("akka.actor.serializers.more = \"Akka.Serialization.ByteArraySerializer, Akka\"", "serializers")]
    [InlineData("akka.actor.serialization-bindings { \"System.String\" = proto }", "serialization-bindings")]
    public async Task A_users_configuration_does_not_let_strangers_in(string text, string key)
    {
        await File.WriteAllTextAsync(_file, text);
        var failure = await Assert.ThrowsAsync<RnnLmException>(() => StartAsync(ClusterHost.CoordinatorRole));
        Assert.Equal(ExitCode.BadInput, failure.ExitCode);
        Assert.Contains($"{key} cannot be set there", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_else_it_says_has_precedence()
    {
        await File.WriteAllTextAsync(_file, "akka.remote.dot-netty.tcp.connection-timeout = 7 s");
        await using var host = await StartAsync(ClusterHost.WorkerRole);
        Assert.Equal(
            TimeSpan.FromSeconds(7),
            host.System.Settings.Config.GetTimeSpan("akka.remote.dot-netty.tcp.connection-timeout"));
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    public async Task No_address_is_an_address_that_others_cannot_use(string address)
    {
        var options = new ClusterOptions(ClusterHost.WorkerRole, new ClusterAddress(address, 0), []);
        var failure = await Assert.ThrowsAsync<RnnLmException>(() => ClusterHost.StartAsync(options));
        Assert.Contains("no address by which others reach", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>Akka.NET begins its shutdown in a process of which a connection could not be secured: a worker that is
    /// killed at the wrong moment.</summary>
    [Fact]
    public async Task A_handshake_that_failed_ends_no_process_but_it_can_leave_as_before()
    {
        await using var host = await StartAsync(ClusterHost.CoordinatorRole);
        await FailAHandshakeAsync(host);
        await host.LeaveAsync().WaitAsync(s_deadline);
        await host.System.WhenTerminated.WaitAsync(s_deadline);
    }

    [Fact]
    public async Task Nor_does_it_keep_one_alive_that_the_others_have_removed()
    {
        await using var host = await StartAsync(ClusterHost.CoordinatorRole);
        await FailAHandshakeAsync(host);
        var cluster = Akka.Cluster.Cluster.Get(host.System);
        cluster.Down(cluster.SelfAddress);
        await host.System.WhenTerminated.WaitAsync(s_deadline);
    }

    /// <summary>Nobody else would have jobs started and send workers to them.</summary>
    [Fact]
    public async Task A_registry_that_fails_is_begun_anew_and_that_is_said()
    {
        var said = new ConcurrentQueue<string>();
        await using var host = await StartAsync(ClusterHost.CoordinatorRole, said.Enqueue);
        await host.Joined.WaitAsync(s_deadline);
        var ran = new TaskCompletionSource<string>();
        int lists = 0;

        // A name that is none is a defect to the registry, in the middle of what it does.
        host.StartJobs(
            () => Interlocked.Increment(ref lists) == 1 ? [null!] : ["job"],
            (job, _) =>
            {
                ran.TrySetResult(job);
                return Task.CompletedTask;
            });
        Assert.Equal("job", await ran.Task.WaitAsync(s_deadline));
        Assert.Single(said, line => line.StartsWith("the registry has failed", StringComparison.Ordinal));
    }

    /// <summary>No worker would come to it any more.</summary>
    [Fact]
    public async Task A_run_ends_with_the_failure_of_where_its_workers_apply()
    {
        await using var host = await StartAsync(ClusterHost.CoordinatorRole);
        var failed = new TaskCompletionSource<Exception>();
        var coordinator = host.System.ActorOf(Props.Create(() => new Hearing(failed)));
        var facts = new RunFacts(
            "job", "run", "5e1f", 7, "cpu", false, new RunExtent(new ModelSettings(50, 8, 1, -1), 8), "10.0.0.1:80",
            string.Empty);
        Action<string> say = _ => { };
        var front = host.System.ActorOf(
            Props.Create(() => new FrontActor(facts, coordinator, null!, null!, ActorRefs.Nobody, say)));

        // What is meant for others is a defect to it.
        front.Tell(new JobsListed([]));
        Assert.IsType<InvalidOperationException>(await failed.Task.WaitAsync(s_deadline));
    }

    /// <summary>The process is up before and after it.</summary>
    private static async Task FailAHandshakeAsync(ClusterHost host)
    {
        await host.Joined.WaitAsync(s_deadline);
        var reason = typeof(RemoteTransportException).Assembly.GetTypes()
            .Single(type => type.Name == "TlsHandshakeFailureReason");
        var shutdown = CoordinatedShutdown.Get(host.System).Run(
            (CoordinatedShutdown.Reason)Activator.CreateInstance(reason, "the other end is gone")!);
        await IsUpAsync(host);
        Assert.False(shutdown.IsCompleted);
    }

    /// <summary>By then a shutdown would have come to an end: it is one phase after another, each without a task but
    /// the one that is waited for.</summary>
    private static async Task IsUpAsync(ClusterHost host)
    {
        var echo = host.System.ActorOf(Props.Create<Echo>());
        for (int times = 0; times < 100; times++)
        {
            Assert.Equal(times, await echo.Ask<int>(times, s_deadline));
        }

        Assert.Contains(
            Akka.Cluster.Cluster.Get(host.System).State.Members,
            member => member.Status == Akka.Cluster.MemberStatus.Up);
    }

    private Task<ClusterHost> StartAsync(string role, Action<string>? say = null) => ClusterHost.StartAsync(
        new ClusterOptions(role, new ClusterAddress(IPAddress.Loopback.ToString(), 0), [])
        {
            ConfigurationFile = _file,
            Say = say,
        });

    private sealed class Hearing : ReceiveActor
    {
        public Hearing(TaskCompletionSource<Exception> failed) =>
            Receive<Failed>(failure => failed.SetResult(failure.Cause));
    }

    private sealed class Echo : ReceiveActor
    {
        public Echo() => ReceiveAny(message => Sender.Tell(message));
    }
}
