namespace RnnLm.Tests;

/// <summary>
/// The coordinator takes a worker that owes something to be late until it says something. A process that stood still
/// has missed the parameters of what it owes; it says so, and gets work again.
/// </summary>
public sealed class A_node_that_comes_too_late : IDisposable
{
    private static readonly ActorId s_self = ActorId.Worker(0);
    private static readonly ActorId s_device = new("worker-0/0");
    private readonly LinkHarness _node = new(new NodeBehaviour(s_self, [s_device]));

    public A_node_that_comes_too_late()
    {
        _node.Tell(new Started());
        _node.Tell(new Join(s_device, 1, "5e1f"));
        _node.Tell(_node.Publish(5, 3));
    }

    public void Dispose() => _node.Dispose();

    [Fact]
    public void For_a_step_that_it_was_asked_says_so()
    {
        _node.Tell(Assign(4));
        _node.Tell(_node.Publish(5, 6));
        var said = Assert.Single(Said<RangeFailed>());
        Assert.Equal(
            (5L, s_self, 4L, new ShardRange(0, 1), 2),
            (said.Incarnation, said.Worker, said.Step, said.Range, said.Attempt));
    }

    [Fact]
    public void And_is_asked_for_a_step_that_is_over_says_so()
    {
        _node.Tell(_node.Publish(5, 6));
        Assert.Empty(Said<RangeFailed>());
        _node.Tell(Assign(4));
        Assert.Equal(4, Assert.Single(Said<RangeFailed>()).Step);
        _node.Tell(new Assign(4, 4, Assign(4).Ranges));
        Assert.Single(Said<RangeFailed>());
    }

    /// <summary>A device that has begun answers when it is done; until then it is late indeed.</summary>
    [Fact]
    public void With_a_result_sends_it_all_the_same()
    {
        _node.Tell(Assign(3));
        _node.Tell(_node.Publish(5, 4));
        Assert.Empty(Said<RangeFailed>());
        Assert.Empty(Said<RangeResult>());
        _node.Tell(_node.Result(5, 3) with { Worker = s_device });
        var said = Assert.Single(Said<RangeResult>());
        Assert.Equal((s_self, 3L), (said.Worker, said.Step));
        _node.Tell(_node.Result(4, 3) with { Worker = s_device });
        Assert.Single(Said<RangeResult>());
    }

    [Fact]
    public void And_is_called_back_joins_anew_once_a_device_has_tested_itself()
    {
        Assert.Single(Said<Join>());
        _node.Tell(new Recall(4));
        Assert.DoesNotContain(_node.Sent, send => send.Message is Recall);
        _node.Tell(new Recall(5));
        Assert.Equal(new Send(s_device, new Recall(5)), _node.Sent[^1]);
        Assert.Single(Said<Join>());
        _node.Tell(new Join(s_device, 1, "5e1f"));
        Assert.Equal(2, Said<Join>().Count());
    }

    private static Assign Assign(long step) => new(
        5, step, [new AssignedRange(new ShardRange(0, 1), 2, [new ShardTokens([1, 2], [0, 2])])]);

    private IEnumerable<T> Said<T>() =>
        _node.Sent.Where(send => send.To == ActorId.Coordinator).Select(send => send.Message).OfType<T>();
}
