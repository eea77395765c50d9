using System.Net;
using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit.Xunit2;

namespace RnnLm.Tests;

/// <summary>The actor of a link, and what it holds when it stops.</summary>
public sealed class A_link_that_ends : TestKit, IAsyncLifetime
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);
    private readonly HeldWork _work = new();
    private readonly FloatBufferPool _parameters = new(LinkHarness.Layout.Length);
    private readonly GradientPool _gradients = new(LinkHarness.Layout);
    private readonly BulkClient _client = new(null);
    private readonly ReturnedBuffer _owner = new();
    private BulkServer _server = null!;
    private BulkTransfers _transfers = null!;

    public A_link_that_ends()
        : base(ConfigurationFactory.ParseString(ActorHost.Configuration)) => ActorHost.ReleaseUndelivered(Sys);

    public async Task InitializeAsync()
    {
        _server = await BulkServer.StartAsync(IPAddress.Loopback, "127.0.0.1", null);
        _transfers = new BulkTransfers(_server.Offers, _client, _parameters, _gradients, LinkHarness.Layout);
    }

    public async Task DisposeAsync()
    {
        await _transfers.DisposeAsync();
        await _server.DisposeAsync();
        _client.Dispose();
    }

    /// <summary>The work was queued before the link ended, and is done after it.</summary>
    [Fact]
    public async Task What_is_offered_after_the_link_has_ended_is_withdrawn()
    {
        var link = Start();
        link.Tell(Parameters());
        var offer = await _work.NextAsync().WaitAsync(s_deadline);
        Watch(link);
        Sys.Stop(link);
        ExpectMsg<Hello>(s_deadline);
        ExpectMsg<Farewell>(s_deadline);
        ExpectTerminated(link, s_deadline);
        offer();
        await _owner.Returned.WaitAsync(s_deadline);
        Assert.Equal(0, _server.Offers.Count);
    }

    [Fact]
    public async Task What_is_offered_when_the_link_ends_is_withdrawn()
    {
        var peer = CreateTestProbe();
        var link = Start(peer);
        link.Tell(Parameters());
        (await _work.NextAsync().WaitAsync(s_deadline))();
        await peer.ExpectMsgAsync<Wire.Publish>(s_deadline);
        Assert.Equal(1, _server.Offers.Count);
        Sys.Stop(link);
        await _owner.Returned.WaitAsync(s_deadline);
        Assert.Equal(0, _server.Offers.Count);
    }

    [Fact]
    public async Task What_was_fetched_or_is_not_wanted_any_more_is_withdrawn()
    {
        var peer = CreateTestProbe();
        var link = Start(peer);
        link.Tell(Parameters());
        (await _work.NextAsync().WaitAsync(s_deadline))();
        var told = await peer.ExpectMsgAsync<Wire.Publish>(s_deadline);
        var stranger = CreateTestProbe();
        var fetched = new Wire.Fetched { IdHigh = told.Parameters.IdHigh, IdLow = told.Parameters.IdLow };
        link.Tell(fetched, stranger);
        link.Tell(new Wire.Join { Threads = 1, SelfTestHash = "5e1f" }, peer);
        ExpectMsg<Hello>(s_deadline);
        ExpectMsg<Join>(s_deadline);
        Assert.Equal(1, _server.Offers.Count);
        link.Tell(fetched, peer);
        await _owner.Returned.WaitAsync(s_deadline);
        Assert.Equal(0, _server.Offers.Count);
    }

    [Fact]
    public async Task A_message_that_cannot_be_ends_the_link_by_name()
    {
        var peer = CreateTestProbe();
        var link = Start(peer);
        link.Tell(Parameters());
        (await _work.NextAsync().WaitAsync(s_deadline))();
        link.Tell(new Wire.Join(), peer);
        ExpectMsg<Hello>(s_deadline);
        Assert.IsType<MalformedMessageException>(ExpectMsg<Farewell>(s_deadline).Cause);
        await _owner.Returned.WaitAsync(s_deadline);
    }

    /// <summary>It would else wait for the link that is no more.</summary>
    [Fact]
    public async Task A_worker_whose_link_ends_before_it_has_spoken_hears_of_it()
    {
        var process = CreateTestProbe();
        Sys.Stop(Start(process: process));
        await process.ExpectMsgAsync<Wire.Farewell>(s_deadline);
    }

    private IActorRef Start(IActorRef? peer = null, IActorRef? process = null)
    {
        var worker = ActorId.Worker(0);
        var other = new Peer(peer, process ?? CreateTestProbe(), _server.Address, string.Empty);
        var watcher = TestActor;
        Action<string> silent = _ => { };
        return Sys.ActorOf(Props.Create(() => new LinkActor(
            worker,
            new WorkerLinkBehaviour(worker, LinkHarness.Extent, 5),
            _transfers,
            LinkHarness.Extent,
            _work,
            watcher,
            other,
            silent)).WithMailbox("bounded-mailbox"));
    }

    private Publish Parameters() => new(
        5, new ParameterVersion(4, new CountedBuffer(new FloatBuffer(LinkHarness.Layout.Length), _owner)));

    /// <summary>Work that is done when the test says so.</summary>
    private sealed class HeldWork : IWorkQueue
    {
        private readonly System.Threading.Channels.Channel<Action> _queue =
            System.Threading.Channels.Channel.CreateUnbounded<Action>();

        public Task<Action> NextAsync() => _queue.Reader.ReadAsync().AsTask();

        public Task<T> Run<T>(Func<T> work)
        {
            var result = new Task<T>(work);
            _queue.Writer.TryWrite(() => result.RunSynchronously(TaskScheduler.Default));
            return result;
        }
    }

    private sealed class ReturnedBuffer : IBufferOwner
    {
        private readonly TaskCompletionSource _returned = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Returned => _returned.Task;

        public void Return(FloatBuffer buffer)
        {
            buffer.Dispose();
            _returned.SetResult();
        }
    }
}
