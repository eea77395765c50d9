namespace RnnLm.Tests;

/// <summary>A validation text whose pieces go on from each other.</summary>
public sealed class Text_that_is_evaluated
{
    private static readonly ActorId s_worker = ActorId.Worker(0);
    private static readonly ShardTokens[] s_pieces = [new([0, 1, 2], [0, 3]), new([2, 1], [0, 2])];

    private readonly Outbox _outbox = new();
    private readonly Evaluation _evaluation;

    public Text_that_is_evaluated()
    {
        var roster = new Roster();
        roster.Add(s_worker, threads: 2, string.Empty, default);
        var inputs = new CoordinatorInputs(new NoPlan(), s_pieces, IsOneText: true);
        _evaluation = new Evaluation(inputs, roster, incarnation: 1, _outbox);
    }

    [Fact]
    public void Goes_on_with_the_state_after_the_piece_before()
    {
        _evaluation.Begin(0);
        var first = Ask();
        Assert.Equal((0, []), (first.Piece, first.States!));
        Assert.Null(_evaluation.Accept(ResultOf(first, loss: 4, state: 5)));
        var second = Ask();
        Assert.Equal(1, second.Piece);
        Assert.Equal([5f], second.States!);
        Assert.Equal(2, _evaluation.Accept(ResultOf(second, loss: 2, state: 6)));
    }

    /// <summary>As when two workers were found to differ.</summary>
    [Fact]
    public void Does_not_go_on_from_what_was_asked_for_before_it_began_anew()
    {
        _evaluation.Begin(0);
        var before = Ask();
        _evaluation.Begin(0);
        var anew = Ask();
        Assert.Null(_evaluation.Accept(ResultOf(before, loss: 100, state: 9)));
        Assert.Null(_evaluation.Accept(ResultOf(anew, loss: 4, state: 5)));
        var second = Ask();
        Assert.Equal([5f], second.States!);
        Assert.Equal(2, _evaluation.Accept(ResultOf(second, loss: 2, state: 6)));
    }

    /// <summary>It went on from what was asked of others, too.</summary>
    [Fact]
    public void Takes_what_comes_late_from_whom_it_was_withdrawn_from()
    {
        _evaluation.Begin(0);
        var late = Ask();
        _evaluation.Withdraw(s_worker);
        Assert.Equal(late.Attempt + 1, Ask().Attempt);
        Assert.Null(_evaluation.Accept(ResultOf(late, loss: 4, state: 5)));
        Assert.Equal([5f], Ask().States!);
    }

    private static EvaluationResult ResultOf(Evaluate asked, double loss, float state) => new(
        asked.Incarnation, s_worker, asked.Version, asked.Piece, loss, asked.Tokens.TargetCount)
    {
        Attempt = asked.Attempt,
        States = [state],
    };

    /// <summary>The one piece that can be begun.</summary>
    private Evaluate Ask()
    {
        _evaluation.Draw(default);
        _evaluation.OnRead((PieceRead)Assert.IsType<RunWork>(Assert.Single(_outbox.Take())).Work());
        return (Evaluate)Assert.IsType<Send>(Assert.Single(_outbox.Take())).Message;
    }

    private sealed class NoPlan : IStepPlan
    {
        public long StepsPerEpoch => 1;

        public IReadOnlyList<ShardTokens> Step(long step) => throw new NotSupportedException();
    }
}
