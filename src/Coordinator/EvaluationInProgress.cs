namespace RnnLm.Coordinator;

/// <summary>
/// The loss of one version on the validation text, piece by piece. Workers draw pieces as they finish; the sum runs over the pieces in their order, so
/// that it does not depend on who evaluated which.
/// </summary>
public sealed class EvaluationInProgress
{
    /// <summary>Pieces that a worker has in hand or queued for each of its threads: one to compute and one to go on with.</summary>
    private const int PiecesAThread = 2;

    private readonly IReadOnlyList<ShardTokens> _pieces;
    private readonly double?[] _losses;
    private readonly long[] _tokens;
    private readonly Dictionary<int, ActorId> _inHand = [];
    private readonly SortedSet<int> _waiting;
    private int _missing;

    /// <summary>An evaluation of which no piece was given out.</summary>
    public EvaluationInProgress(long version, IReadOnlyList<ShardTokens> pieces)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        Version = version;
        _pieces = pieces;
        _losses = new double?[pieces.Count];
        _tokens = new long[pieces.Count];
        _waiting = [.. Enumerable.Range(0, pieces.Count)];
        _missing = pieces.Count;
    }

    /// <summary>Of which parameters.</summary>
    public long Version { get; }

    /// <summary>Whether every piece is there.</summary>
    public bool IsComplete => _missing == 0;

    /// <summary>Mean loss per token in nats, once complete.</summary>
    public double MeanLoss => _losses.Sum(loss => loss!.Value) / _tokens.Sum();

    /// <summary>The pieces to send to a worker now.</summary>
    public IReadOnlyList<Evaluate> Draw(ActorId worker, int threads, long incarnation)
    {
        var drawn = new List<Evaluate>();
        int room = (PiecesAThread * threads) - _inHand.Values.Count(holder => holder == worker);
        while (room-- > 0 && _waiting.Count > 0)
        {
            int piece = _waiting.Min;
            _waiting.Remove(piece);
            _inHand[piece] = worker;
            drawn.Add(new Evaluate(incarnation, Version, piece, _pieces[piece]));
        }

        return drawn;
    }

    /// <summary>Takes a result; a piece counts once.</summary>
    public void Accept(EvaluationResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (result.Piece < 0 || result.Piece >= _losses.Length || _losses[result.Piece] is not null)
        {
            return;
        }

        _losses[result.Piece] = result.LossSum;
        _tokens[result.Piece] = result.TokenCount;
        _inHand.Remove(result.Piece);
        _waiting.Remove(result.Piece);
        _missing--;
    }

    /// <summary>Puts back what a lost worker had in hand.</summary>
    public void Withdraw(ActorId worker)
    {
        foreach (int piece in _inHand.Where(entry => entry.Value == worker).Select(entry => entry.Key).ToArray())
        {
            _inHand.Remove(piece);
            _waiting.Add(piece);
        }
    }

    /// <summary>Puts back everything that is out, because its results are overdue.</summary>
    public void WithdrawAll()
    {
        _waiting.UnionWith(_inHand.Keys);
        _inHand.Clear();
    }
}
