using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Runtime.Serialization;
using Google.Protobuf;
using Xunit.Abstractions;

namespace RnnLm.Tests;

/// <summary>Tests that measure the memory of the process run when no other does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}

/// <summary>
/// Seeded damage to messages of all kinds, given to all that reads messages of other processes: the parser, the
/// translation, both ends of a link with their bulk transfers, the node behind one, a worker process that looks for
/// work, the registry, and where workers apply. RNNLM_FUZZ_CASES asks for more cases than usual.
/// </summary>
[Collection(Alone.Name)]
public sealed class Wire_fuzz(ITestOutputHelper output) : IAsyncLifetime
{
    private const int UsualCases = 50_000;
    private const int RecordedOfAKind = 12;
    private const long Incarnation = 5;
    private const int Seed = 20_240_601;

    /// <summary>What the runtime's array pool keeps for a few threads that have fetched over a socket.</summary>
    private const int PooledArrays = 2 << 20;

    /// <summary>How many messages a process hears before it is started anew.</summary>
    private const int Lifetime = 60;
    private static readonly ActorId s_worker = DrawnMessages.Worker;
    private static readonly ModelSettings s_model = new(WireJudge.Vocabulary, WireJudge.StateWidth, Layers: 1, PaddingId: -1);
    private static readonly RunExtent s_extent = new(s_model, WireJudge.Shards);
    private static readonly ParameterLayout s_layout = ParameterLayout.For(s_model);
    private readonly Random _random = new(Seed);
    private readonly BulkClient _client = new(null);
    private readonly FloatBufferPool _parameters = new(s_layout.Length);
    private readonly FloatBufferPool _shared = ClusterHost.SharedBuffers(s_layout.Length);
    private readonly GradientPool _gradients = new(s_layout);
    private readonly List<(string Kind, byte[] Bytes)> _recorded = [];

    /// <summary>What is really offered, by the numbers under which the recorded messages offer it: real ones are
    /// random, and a message's bytes are to be the same in every process.</summary>
    private readonly Dictionary<UInt128, Wire.BulkReference> _alive = [];
    private readonly SortedDictionary<string, int> _counts = new(StringComparer.Ordinal);
    private BulkServer _server = null!;
    private BulkTransfers _transfers = null!;

    public async Task InitializeAsync()
    {
        _server = await BulkServer.StartAsync(IPAddress.Loopback, "127.0.0.1", null);
        _transfers = new BulkTransfers(_server.Offers, _client, _parameters, _gradients, s_layout);
    }

    public async Task DisposeAsync()
    {
        await _transfers.DisposeAsync();
        await _server.DisposeAsync();
        _client.Dispose();
    }

    [Fact]
    public void Whatever_comes_is_taken_for_what_it_is_or_refused()
    {
        int cases = Environment.GetEnvironmentVariable("RNNLM_FUZZ_CASES") is { Length: > 0 } asked
            ? int.Parse(asked, CultureInfo.InvariantCulture)
            : UsualCases;
        Record();
        var mutations = new WireMutations(_random, [.. _recorded.Select(message => message.Bytes)]);
        var coordinator = new CoordinatorsEnd(this);
        var worker = new WorkersEnd(this);
        var process = new LookingForWork(this);
        var registry = new Registry(this);
        var front = new Front(this);
        (long Managed, long Resident) atFirst = default;
        int damages = 0;
        for (int n = 0; damages < cases; n++)
        {
            if (damages == cases / 5 && atFirst == default)
            {
                atFirst = Memory();
            }

            var (kind, bytes) = _recorded[_random.Next(_recorded.Count)];
            bool isDamaged = _random.Next(4) > 0;
            damages += isDamaged ? 1 : 0;
            byte[] damaged = isDamaged ? mutations.Of(bytes) : bytes;
            string manifest = _random.Next(20) == 0 ? _recorded[_random.Next(_recorded.Count)].Kind : kind;
            try
            {
                if (Parse(manifest, damaged, isDamaged) is { } body)
                {
                    Translate(body);
                    coordinator.Hear(body);
                    worker.Hear(body);
                    process.Hear(body);
                    registry.Hear(body);
                    front.Hear(body);
                }
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException(
                    $"case {n}: {manifest} {Convert.ToHexString(damaged)}: {failure.Message}", failure);
            }
        }

        coordinator.Stop();
        worker.Stop();
        foreach (var offered in _alive.Values)
        {
            _transfers.Withdraw(BulkClient.IdOf(offered));
        }

        var atLast = Memory();
        foreach (var (what, count) in _counts)
        {
            output.WriteLine($"{count,10:N0} {what}");
        }

        output.WriteLine($"managed: {atFirst.Managed / 1e6:F2} MB after a fifth, {atLast.Managed / 1e6:F2} at the end");
        output.WriteLine($"resident: {atFirst.Resident / 1e6:F1} MB, {atLast.Resident / 1e6:F1}");
        Assert.InRange(_counts["registry: sent to a coordinator"], 100, cases);
        Assert.InRange(_counts["where workers apply: engaged"], 100, cases);
        Assert.InRange(_counts["damaged, parsed"], _counts["damaged, not parsed"], cases);
        Assert.Equal(
            (0, 0, 0, 0),
            (_server.Offers.Count, _parameters.Outstanding, _shared.Outstanding, _gradients.Outstanding));
        Assert.True(
            atLast.Managed <= (atFirst.Managed * 1.05) + PooledArrays,
            $"{atFirst.Managed:N0} bytes have become {atLast.Managed:N0}");
    }

    private static (long Managed, long Resident) Memory() =>
        (GC.GetTotalMemory(forceFullCollection: true), Environment.WorkingSet);

    private void Count(string what) => _counts[what] = _counts.GetValueOrDefault(what) + 1;

    /// <summary>Messages of every kind. A part of those with bulk offers what is really there.</summary>
    private void Record()
    {
        var drawn = new DrawnMessages(_random, s_extent);
        foreach (string kind in Messages_between_processes.Kinds)
        {
            for (int n = 0; n < RecordedOfAKind; n++)
            {
                Keep(Near(drawn.Any(kind)));
            }
        }

        for (int n = 0; n < RecordedOfAKind; n++)
        {
            KeepOffered(_transfers.Offer(Parameters(n % 4, n % 2 == 0 ? _shared : _parameters), isSameHost: true));
            KeepOffered(_transfers.Offer(Result(Incarnation, n % 4), isSameHost: n % 2 == 0));
            foreach (string kind in new[] { "Assign", "Evaluate", "RangeFailed", "Join", "Dismiss" })
            {
                KeepOffered(_transfers.OfferLarge(Near(drawn.Any(kind))));
            }
        }

        // What a large message holds can be as odd as any other.
        var mutations = new WireMutations(_random, [.. _recorded.Select(message => message.Bytes)]);
        for (int n = 0; n < 10 * RecordedOfAKind; n++)
        {
            var (kind, bytes) = _recorded[_random.Next(_recorded.Count)];
            byte[] damaged = mutations.Of(bytes);
            var payload = new Payload(() => damaged);
            KeepOffered(new Wire.Large
            {
                Manifest = kind,
                Content = _server.Offers.Add(payload, payload.Hash(), null, () => { }),
            });
        }
    }

    private void Keep(IMessage message)
    {
        _recorded.Add((message.Descriptor.Name, message.ToByteArray()));
    }

    /// <summary>Keeps a message whose bulk is really offered.</summary>
    private void KeepOffered(IMessage message)
    {
        if (BulkTransfers.ReferenceOf(message) is { } reference)
        {
            var real = reference.Clone();
            (reference.IdHigh, reference.IdLow) = ((ulong)_random.NextInt64(), (ulong)_random.NextInt64());
            reference.Shared = null;
            _alive[BulkClient.IdOf(reference)] = real;
        }

        Keep(message);
    }

    /// <summary>A message as its bulk can be fetched, if it is offered: where it is, but not what it should be.
    /// </summary>
    private IMessage? Reachable(IMessage body)
    {
        var copy = WireSerializer.Read(body.Descriptor.Name, body.ToByteArray());
        if (BulkTransfers.ReferenceOf(copy) is { } reference)
        {
            if (!_alive.TryGetValue(BulkClient.IdOf(reference), out var real))
            {
                return null;
            }

            (reference.IdHigh, reference.IdLow, reference.Shared) = (real.IdHigh, real.IdLow, real.Shared);
        }

        return copy;
    }

    /// <summary>Most messages are of the run's coordinator and of its first steps.</summary>
    private IMessage Near(IMessage message)
    {
        if (_random.Next(4) > 0)
        {
            Set(message, "incarnation", Incarnation);
            Set(message, "step", _random.Next(4));
            Set(message, "version", _random.Next(4));
        }

        return message;
    }

    private static void Set(IMessage message, string field, long value)
    {
        if (message.Descriptor.FindFieldByName(field) is
            { FieldType: Google.Protobuf.Reflection.FieldType.Int64 } found)
        {
            found.Accessor.SetValue(message, value);
        }
    }

    private Publish Parameters(long version, FloatBufferPool pool)
    {
        var buffer = pool.Rent();
        _random.NextBytes(MemoryMarshal.AsBytes(buffer.Span));
        return new Publish(Incarnation, new ParameterVersion(version, new CountedBuffer(buffer, pool)));
    }

    /// <summary>One of eight has rows that no vocabulary has.</summary>
    private RangeResult Result(long incarnation, long step)
    {
        var gradient = _gradients.Rent();
        if (_random.Next(4) > 0)
        {
            (gradient.TokenCount, gradient.LossSum, gradient.RowCount) = (7, 1.5, 3);
            int[] ids = _random.Next(6) == 0 ? [3, 2, WireJudge.Vocabulary] : [0, 2, WireJudge.Vocabulary - 1];
            ids.CopyTo(gradient.RowIds, 0);
            gradient.Dense.Span.Clear();
            gradient.Rows.Span.Clear();
        }

        return new RangeResult(incarnation, s_worker, step, new ShardRange(2, 2), 9, gradient);
    }

    private IMessage? Parse(string manifest, byte[] bytes, bool isDamaged)
    {
        try
        {
            var body = WireSerializer.Read(manifest, bytes);
            Count(isDamaged ? "damaged, parsed" : "whole, parsed");
            return body;
        }
        catch (InvalidProtocolBufferException)
        {
            Count("damaged, not parsed");
            return null;
        }
    }

    private void Translate(IMessage body)
    {
        bool Reads(string what, Action read)
        {
            try
            {
                read();
                Count($"{what}: taken");
                return true;
            }
            catch (MalformedMessageException)
            {
                Count($"{what}: refused");
                return false;
            }
        }

        Assert.Equal(
            WireJudge.MayBeOfWorker(body),
            Reads("translation from a worker", () =>
                WireJudge.Require(Translation.FromWorker(body, s_worker, s_extent))));
        Assert.Equal(
            WireJudge.MayBeOfCoordinator(body),
            Reads("translation from a coordinator", () =>
                WireJudge.Require(Translation.FromCoordinator(body, s_extent))));
        if (body is Wire.RangeResult result)
        {
            Assert.Equal(
                WireJudge.MayBe(result), Reads("numbers of a result", () => Translation.Check(result, s_extent)));
        }
    }

    /// <summary>One behaviour with all that its actor does for it; started anew when it has stopped.</summary>
    private abstract class End(Wire_fuzz fuzz, string name)
    {
        private readonly List<Func<Message?>> _later = [];
        private readonly HashSet<UInt128> _offers = [];
        private readonly Dictionary<string, Message> _timers = [];
        private IBehaviour? _behaviour;
        private int _heard;

        protected Wire_fuzz Fuzz { get; } = fuzz;

        protected Random Random => Fuzz._random;

        public void Hear(IMessage body)
        {
            if (_behaviour is null)
            {
                _behaviour = Create();
                Tell(new Started());
            }

            if (Random.Next(3) == 0)
            {
                Tell(OfThisProcess());
            }

            if (AsMessage(body) is { } message)
            {
                Tell(message);
            }

            while (_later.Count > 0 && Random.Next(3) > 0)
            {
                int next = Random.Next(_later.Count);
                var work = _later[next];
                _later.RemoveAt(next);
                try
                {
                    if (work() is { } done)
                    {
                        Tell(done);
                    }
                }
                catch (Exception failure) when (IsRefusal(failure))
                {
                    Refused(failure);
                }
            }

            if (++_heard % Lifetime == 0)
            {
                Stop();
            }
        }

        /// <summary>The actor has stopped: what it is sent goes to the dead letters.</summary>
        public void Stop()
        {
            _behaviour = null;
            foreach (var work in _later)
            {
                try
                {
                    work()?.Release();
                }
                catch (Exception failure) when (IsRefusal(failure))
                {
                    // Nobody is there whom it would end.
                }
            }

            _later.Clear();
            _timers.Clear();
            foreach (var offer in _offers)
            {
                Fuzz._transfers.Withdraw(offer);
            }

            _offers.Clear();
            OnStopped();
        }

        protected abstract IBehaviour Create();

        /// <summary>What its actor makes of a message from outside; null when it takes none of the kind.</summary>
        protected virtual Message? AsMessage(IMessage body) => new FromPeer(body);

        /// <summary>Something that an actor of this process says, or its timer.</summary>
        protected abstract Message OfThisProcess();

        protected Message Elapsed(Message otherwise) =>
            _timers.Count == 0 ? otherwise : _timers.Values.ElementAt(Random.Next(_timers.Count));

        /// <summary>Takes what an actor of this process is sent.</summary>
        protected virtual void Deliver(Message message) => message.Release();

        /// <summary>The actors of this process end with this one.</summary>
        protected virtual void OnStopped()
        {
        }

        /// <summary>Effects that only this end has.</summary>
        protected virtual void CarryOut(Effect effect) =>
            throw new InvalidOperationException($"unexpected effect {effect}");

        private static bool IsRefusal(Exception failure) =>
            failure is MalformedMessageException or InvalidProtocolBufferException or SerializationException;

        private void Refused(Exception failure)
        {
            Fuzz.Count($"{name}: refused with {failure.GetType().Name}");
            Stop();
        }

        private void Tell(Message message)
        {
            if (_behaviour is null)
            {
                message.Release();
                return;
            }

            IReadOnlyList<Effect> effects;
            try
            {
                effects = _behaviour.Handle(message, DateTimeOffset.UnixEpoch);
            }
            catch (MalformedMessageException failure)
            {
                Refused(failure);
                return;
            }

            if (message is FromPeer or HiredFrom)
            {
                Fuzz.Count($"{name}: taken");
            }

            foreach (var effect in effects)
            {
                switch (effect)
                {
                    case Send { Message: var sent }:
                        WireJudge.Require(sent);
                        Fuzz.Count($"{name}: {sent.GetType().Name} delivered");
                        Deliver(sent);
                        break;
                    case ToPeer { Body: var body }:
                        Assert.Equal(body, WireSerializer.Read(body.Descriptor.Name, body.ToByteArray()));
                        Assert.InRange(body.CalculateSize(), 0, LinkActor.MostMessageBytes);
                        break;
                    case OfferBulk { Message: var toOffer }:
                        _later.Add(() => Offered(Fuzz._transfers.Offer(toOffer, isSameHost: Random.Next(2) == 0)));
                        break;
                    case WithdrawBulk { Id: var id }:
                        Assert.True(_offers.Remove(id), "what is withdrawn was offered");
                        Fuzz._transfers.Withdraw(id);
                        break;
                    case FetchBulk { Body: var body }:
                        _later.Add(() => Fetch(body));
                        break;
                    case StartTimer timer:
                        _timers[timer.Name] = timer.Message;
                        break;
                    case EndFetches or Say:
                        break;
                    case StopActor:
                        Fuzz.Count($"{name}: ended");
                        Stop();
                        return;
                    default:
                        CarryOut(effect);
                        break;
                }
            }
        }

        private BulkOffered Offered(IMessage body)
        {
            var offered = new BulkOffered(body, Fuzz._transfers.Withdraw);
            if (_behaviour is not null && BulkTransfers.ReferenceOf(body) is { } reference)
            {
                _offers.Add(BulkClient.IdOf(reference));
            }

            return offered;
        }

        private BulkFetched Fetch(IMessage body)
        {
            // The server is asked in vain now and then only: it takes a connection's time.
            var reachable = Fuzz.Reachable(body) ?? (Random.Next(64) == 0 ? body : null);
            if (reachable is null)
            {
                return new BulkFetched(body, null, "not there");
            }

            try
            {
                var (transfers, address) = (Fuzz._transfers, Fuzz._server.Address);
                Message message = reachable switch
                {
                    Wire.Publish publish => transfers.FetchAsync(publish, address, default).GetAwaiter().GetResult(),
                    Wire.RangeResult result => transfers.FetchAsync(result, s_worker, s_extent, address, default)
                        .GetAwaiter().GetResult(),
                    Wire.Large large => new FromPeer(
                        transfers.FetchLargeAsync(large, address, default).GetAwaiter().GetResult()),
                    _ => throw new InvalidOperationException($"{body.Descriptor.Name} has no bulk"),
                };
                Fuzz.Count($"{name}: {body.Descriptor.Name} fetched");
                return new BulkFetched(body, message, null);
            }
            catch (BulkException failure)
            {
                return new BulkFetched(body, null, failure.Message);
            }
        }
    }

    private sealed class CoordinatorsEnd(Wire_fuzz fuzz) : End(fuzz, "coordinator's end")
    {
        protected override IBehaviour Create() => new WorkerLinkBehaviour(s_worker, s_extent, Incarnation);

        protected override Message OfThisProcess() => Random.Next(5) switch
        {
            0 => new Assign(Incarnation, 3, []),
            1 => new Evaluate(Incarnation, 3, 1, 1, ShardTokens.Empty),
            2 when Random.Next(4) == 0 => Elapsed(new PeerGone("it is gone")),
            _ => Fuzz.Parameters(Random.Next(4), Fuzz._parameters),
        };
    }

    /// <summary>With the node whose link it is, and two devices that answer what they are asked.</summary>
    private sealed class WorkersEnd(Wire_fuzz fuzz) : End(fuzz, "worker's end")
    {
        private static readonly ActorId[] s_devices = [new("worker-7/0"), new("worker-7/1")];
        private readonly List<Func<Message>> _work = [];
        private readonly Queue<Message> _said = [];
        private NodeBehaviour? _node;
        private Message? _timer;
        private bool _isEngaged;

        protected override IBehaviour Create()
        {
            _node = new NodeBehaviour(s_worker, s_devices);
            TellNode(new Started());
            Array.ForEach(s_devices, device => TellNode(new Join(device, 2, "5e1f")));
            return new CoordinatorLinkBehaviour(s_worker, s_extent);
        }

        protected override Message OfThisProcess()
        {
            if (!_isEngaged)
            {
                _isEngaged = true;
                return new Engaged(Incarnation);
            }

            while (_work.Count > 0 && Random.Next(4) > 0)
            {
                int next = Random.Next(_work.Count);
                var work = _work[next];
                _work.RemoveAt(next);
                TellNode(work());
            }

            if (_timer is { } timer && Random.Next(4) == 0)
            {
                _timer = null;
                TellNode(timer);
            }

            return _said.TryDequeue(out var said)
                ? said
                : Random.Next(8) switch
                {
                    0 => new Engaged(Incarnation + Random.Next(2)),
                    1 => new Engaged(Incarnation),
                    2 => new PeerGone("it is gone"),
                    3 => new RangeFailed(Incarnation, s_worker, 3, new ShardRange(0, 1), 1, "no"),
                    4 when Random.Next(8) == 0 => new Terminated(s_worker, null),
                    _ => Fuzz.Result(Incarnation + Random.Next(2), Random.Next(4)),
                };
        }

        protected override void Deliver(Message message) => TellNode(message);

        protected override void OnStopped()
        {
            foreach (var device in _node is null ? [] : s_devices)
            {
                TellNode(new Terminated(device, null));
            }

            (_node, _timer, _isEngaged) = (null, null, false);
            _work.ForEach(work => work().Release());
            _work.Clear();
            while (_said.TryDequeue(out var said))
            {
                said.Release();
            }
        }

        private void TellNode(Message message)
        {
            foreach (var effect in _node!.Handle(message, DateTimeOffset.UnixEpoch))
            {
                switch (effect)
                {
                    case Send send when send.To == ActorId.Coordinator:
                        _said.Enqueue(send.Message);
                        break;
                    case Send { To: var device, Message: Assign assign }:
                        _work.AddRange(assign.Ranges.Select(range => Answer(device, assign, range)));
                        break;
                    case Send send:
                        send.Message.Release();
                        break;
                    case RunWork { Work: var work }:
                        _work.Add(work);
                        break;
                    case StartTimer { Message: var late }:
                        _timer = late;
                        break;
                    case StopActor:
                        break;
                    default:
                        throw new InvalidOperationException($"unexpected effect {effect}");
                }
            }
        }

        /// <summary>A sum of what was asked, or that it cannot be computed.</summary>
        private Func<Message> Answer(ActorId device, Assign assign, AssignedRange range) => () =>
        {
            Fuzz.Count("worker's end: a device answers");
            if (Random.Next(8) == 0)
            {
                return new RangeFailed(assign.Incarnation, device, assign.Step, range.Range, range.Attempt, "no");
            }

            var gradient = Fuzz._gradients.Rent();
            gradient.TokenCount = range.Shards.Sum(shard => (long)shard.TargetCount);
            return new RangeResult(
                assign.Incarnation, device, assign.Step, range.Range, TokenHash.OfRange(range.Shards), gradient);
        };
    }

    private sealed class LookingForWork(Wire_fuzz fuzz) : End(fuzz, "worker process")
    {
        protected override IBehaviour Create() => new EmploymentBehaviour("worker-7", "cpu");

        protected override Message OfThisProcess() => Random.Next(4) switch
        {
            0 => new CoordinatorLost(),
            1 => new WorkEnded(null),
            _ => Elapsed(new Started()),
        };

        protected override void CarryOut(Effect effect)
        {
            switch (effect)
            {
                case ToRegistry { Body: Wire.Register register }:
                    Assert.Equal("worker-7", register.Worker);
                    Assert.InRange(register.CalculateSize(), 0, 8_192);
                    break;
                case ApplyTo { Coordinator: var path }:
                    Assert.True(Akka.Actor.ActorPath.TryParse(path, out _), $"it applies to '{path}'");
                    break;
                case Work { Engagement: var engagement }:
                    Assert.True(WireJudge.MayBe(engagement), $"it works for {engagement}");
                    Fuzz.Count("worker process: engaged");
                    break;
                case Answer { Body: Wire.Farewell { Cause: var cause } }:
                    Assert.True(WireJudge.IsLine(cause), $"it answers '{cause}'");
                    Fuzz.Count("worker process: declines");
                    break;
                case Say { Text: var text }:
                    Assert.True(WireJudge.IsLine(text), $"it says '{text}'");
                    break;
                case EndWork:
                    break;
                default:
                    base.CarryOut(effect);
                    break;
            }
        }
    }

    private sealed class Registry(Wire_fuzz fuzz) : End(fuzz, "registry")
    {
        private static readonly string[] s_fronts =
            ["akka.tcp://rnnlm@127.0.0.1:4711/user/front#5", "akka.tcp://rnnlm@127.0.0.1:4712/user/front#7"];

        private readonly HashSet<string> _cells = new(StringComparer.Ordinal);

        /// <summary>Where the workers of a job apply.</summary>
        private readonly Dictionary<string, string> _jobs = new(StringComparer.Ordinal);
        private Wire.Register? _register;

        protected override IBehaviour Create() => new RegistryBehaviour(startsJobs: true);

        protected override Message? AsMessage(IMessage body)
        {
            _register = body as Wire.Register;
            switch (body)
            {
                case Wire.Hire hire:
                    string front = s_fronts[Random.Next(s_fronts.Length)];
                    _cells.Add(hire.Cell);
                    if (WireJudge.MayBe(hire) && !hire.Ends)
                    {
                        _jobs[hire.Job] = front;
                    }
                    else if (WireJudge.MayBe(hire) && _jobs.GetValueOrDefault(hire.Job) == front)
                    {
                        _jobs.Remove(hire.Job);
                    }

                    return new HiredFrom(front, hire);
                case Wire.Register register:
                    return new FromPeer(register);
                default:
                    return null;
            }
        }

        protected override Message OfThisProcess() => Elapsed(new JobsListed(["one"]));

        protected override void OnStopped() => _jobs.Clear();

        protected override void CarryOut(Effect effect)
        {
            switch (effect)
            {
                case Answer { Body: Wire.Employ employ }:
                    Assert.True(WireJudge.MayBe(_register!), $"{_register} is sent somewhere");
                    Assert.Equal(_jobs[employ.Job], employ.Coordinator);
                    Fuzz.Count("registry: sent to a coordinator");
                    break;
                case Answer { Body: Wire.Refuse refuse }:
                    Assert.True(
                        !WireJudge.MayBe(_register!) ||
                            (_register!.Job.Length == 0 && _cells.Except([.. _register.Cells, ""]).Any()),
                        $"{_register} is refused");
                    Assert.True(WireJudge.IsLine(refuse.Reason), $"it says '{refuse.Reason}'");
                    break;
                case ListJobs:
                    break;
                case StartJob { Job: var job }:
                    Assert.Equal("one", job);
                    break;
                default:
                    base.CarryOut(effect);
                    break;
            }
        }
    }

    private sealed class Front(Wire_fuzz fuzz) : End(fuzz, "where workers apply")
    {
        private Wire.Apply? _apply;

        protected override IBehaviour Create() => new FrontBehaviour(new RunFacts(
            "shakespeare", "run-1", "5e1f", Incarnation, "cpu", AllowMixed: false, s_extent, "10.0.0.1:80", "here"));

        protected override Message? AsMessage(IMessage body)
        {
            _apply = body as Wire.Apply;
            return _apply is null ? null : new FromPeer(_apply);
        }

        protected override Message OfThisProcess() => Elapsed(new Started());

        protected override void CarryOut(Effect effect)
        {
            switch (effect)
            {
                case OpenLink:
                    Assert.True(WireJudge.MayBe(_apply!), $"{_apply} gets a link");
                    Fuzz.Count("where workers apply: engaged");
                    break;
                case Answer { Body: Wire.Refuse refuse }:
                    Assert.False(WireJudge.MayBe(_apply!), $"{_apply} is refused");
                    Assert.True(WireJudge.IsLine(refuse.Reason), $"it says '{refuse.Reason}'");
                    break;
                case ToRegistry { Body: Wire.Hire hire }:
                    Assert.Equal("shakespeare", hire.Job);
                    break;
                default:
                    base.CarryOut(effect);
                    break;
            }
        }
    }
}
