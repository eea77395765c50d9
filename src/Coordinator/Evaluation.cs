namespace RnnLm.Coordinator;

/// <summary>
/// The loss of one version on the validation text, piece by piece. Workers draw pieces as they finish; the sum runs
/// over the pieces in their order, so that it does not depend on who evaluated which.
/// </summary>
/// <param name="inputs">The validation text.</param>
/// <param name="roster">Who works.</param>
/// <param name="incarnation">Of this coordinator.</param>
/// <param name="outbox">Takes what is to be done.</param>
internal sealed class Evaluation(CoordinatorInputs inputs, Roster roster, long incarnation, Outbox outbox)
{
    /// <summary>Pieces that a worker has for each of its threads: one to compute and one to go on with.</summary>
    private const int PiecesAThread = 2;

    private readonly IReadOnlyList<ShardTokens> _pieces = inputs.Validation;
    private readonly double?[] _losses = new double?[inputs.Validation.Count];

    /// <summary>Tokens that each piece predicts; null until it was read.</summary>
    private readonly long?[] _tokens = new long?[inputs.Validation.Count];
    private readonly int[] _attempts = new int[inputs.Validation.Count];

    /// <summary>The attempts before the evaluation in hand began.</summary>
    private readonly int[] _earlier = new int[inputs.Validation.Count];
    private readonly Dictionary<int, ActorId> _inHand = [];
    private readonly SortedSet<int> _waiting = [];
    private readonly Failures _failures = new();
    private long? _version;

    /// <summary>The state after the last piece that was evaluated, with which the next goes on where the pieces are one
    /// text.</summary>
    private float[] _state = [];

    /// <summary>Whether there is any validation text.</summary>
    public bool HasPieces => _pieces.Count > 0;

    /// <summary>Whether a version is being evaluated.</summary>
    public bool IsRunning => _version is not null;

    /// <summary>Begins with a version that every worker has or is about to get.</summary>
    public void Begin(long version)
    {
        _version = version;
        _state = [];
        _attempts.CopyTo(_earlier, 0);
        Array.Clear(_losses);
        _inHand.Clear();
        _failures.Clear();
        _waiting.UnionWith(Enumerable.Range(0, _pieces.Count));
    }

    /// <summary>Abandons the version.</summary>
    public void Abandon() => _version = null;

    /// <summary>Gives each worker that is in time as many pieces as it has room for; one that was silent and is asked
    /// again only what no other may try.</summary>
    public void Draw(DateTimeOffset now)
    {
        if (_version is not { } version)
        {
            return;
        }

        var inTime = roster.InTime;
        foreach (var member in inTime)
        {
            int room = (PiecesAThread * member.Threads) - CountOf(member.Id);
            var open = _waiting.Where(piece => CanBegin(piece) && MayTry(member, piece) && !(member.WasAskedAgain &&
                inTime.Any(other => !other.WasAskedAgain && MayTry(other, piece))));
            foreach (int piece in open.Take(room).ToArray())
            {
                _waiting.Remove(piece);
                _inHand[piece] = member.Id;
                _attempts[piece]++;
                member.GivenWork(now);
                var worker = member.Id;
                outbox.Read($"read piece {piece}", () => new PieceRead(version, piece, worker, _pieces[piece]));
            }
        }
    }

    /// <summary>Sends a piece that was read to whom it was read for, unless it was withdrawn meanwhile.</summary>
    public void OnRead(PieceRead read)
    {
        _tokens[read.Piece] = read.Tokens.TargetCount;
        if (read.Version == _version && _inHand.GetValueOrDefault(read.Piece) == read.Worker)
        {
            outbox.Send(read.Worker, new Evaluate(
                incarnation, read.Version, read.Piece, _attempts[read.Piece], read.Tokens)
            {
                States = inputs.IsOneText ? _state : null,
            });
        }
    }

    /// <summary>Takes in that a worker could not evaluate a piece: it goes to another. False when the worker does not
    /// have it in hand, or no more.</summary>
    public bool Fail(EvaluationFailed failed)
    {
        if (failed.Version != _version || !IsInHand(failed.Piece, failed.Worker, failed.Attempt))
        {
            return false;
        }

        _failures.Add(failed.Worker, new ShardRange(failed.Piece, 1), failed.Cause);
        _inHand.Remove(failed.Piece);
        _waiting.Add(failed.Piece);
        return true;
    }

    /// <summary>The piece that is at fault rather than those who evaluated it, in words; null while there is none.
    /// </summary>
    /// <param name="all">All workers that there are; null while others may still come.</param>
    public string? Poison(IReadOnlyCollection<ActorId>? all) =>
        IsRunning && _failures.AtFault(all, piece => _losses[piece] is not null) is var (piece, failure)
            ? $"piece {piece} of {_pieces.Count} of the validation text {failure}"
            : null;

    /// <summary>Whether a worker owes a piece.</summary>
    public bool IsOwedBy(ActorId worker) => IsRunning && CountOf(worker) > 0;

    /// <summary>Puts back what a worker has in hand: it is gone, or silent.</summary>
    public void Withdraw(ActorId worker)
    {
        foreach (int piece in _inHand.Where(entry => entry.Value == worker).Select(entry => entry.Key).ToArray())
        {
            _inHand.Remove(piece);
            _waiting.Add(piece);
        }
    }

    /// <summary>Takes a result; a piece counts once. Where the pieces are one text, what was asked before the
    /// evaluation began anew does not count: it may go on from the state of a worker that nobody trusts any
    /// more.</summary>
    /// <returns>The mean loss per token in nats, with the last piece that was missing.</returns>
    public double? Accept(EvaluationResult result)
    {
        if (result.Version != _version || !IsPiece(result.Piece) || _losses[result.Piece] is not null ||
            (inputs.IsOneText && result.Attempt <= _earlier[result.Piece]))
        {
            return null;
        }

        if (result.TokenCount != _tokens[result.Piece] || (inputs.IsOneText && result.States is not { Length: > 0 }))
        {
            outbox.Report(new ResultDropped(result.Version, result.Worker, StepInProgress.WrongTokens));
            return null;
        }

        _losses[result.Piece] = result.LossSum;
        _state = result.States ?? [];
        _inHand.Remove(result.Piece);
        _waiting.Remove(result.Piece);
        if (_inHand.Count + _waiting.Count > 0)
        {
            return null;
        }

        _version = null;
        return _losses.Sum(loss => loss!.Value) / _tokens.Sum(count => count!.Value);
    }

    /// <summary>Whether the state that a piece goes on with is known.</summary>
    private bool CanBegin(int piece) => !inputs.IsOneText || piece == 0 || _losses[piece - 1] is not null;

    /// <summary>What failed on a worker is for another; one alone tries again.</summary>
    private bool MayTry(Member member, int piece) => !_failures.HasFailed(member.Id, piece) ||
        (roster.Members.Count == 1 && !_failures.HasFailedTwice(member.Id, piece));

    private bool IsInHand(int piece, ActorId worker, int attempt) =>
        _inHand.TryGetValue(piece, out var holder) && holder == worker && attempt == _attempts[piece];

    private bool IsPiece(int piece) => piece >= 0 && piece < _pieces.Count;

    private int CountOf(ActorId worker) => _inHand.Values.Count(holder => holder == worker);
}
