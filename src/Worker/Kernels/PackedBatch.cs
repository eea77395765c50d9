namespace RnnLm.Worker;

/// <summary>
/// The tokens of one shard in the order in which a recurrence reads them: longest example first (equal lengths keep
/// their order), then all first
/// tokens, all second tokens and so on. Step t has as many rows as examples that reach it, so padding never exists. The
/// layout is that of PyTorch's
/// <c>pack_padded_sequence</c> and cuDNN's packed sequences.
/// </summary>
internal sealed class PackedBatch
{
    private int[] _order = [];
    private long[] _sortKeys = [];
    private int[] _inputs = [];
    private int[] _targets = [];
    private int[] _batchSizes = [];

    /// <summary>R, the number of (input, target) pairs.</summary>
    public int RowCount { get; private set; }

    /// <summary>T, the inputs of the longest example.</summary>
    public int StepCount { get; private set; }

    /// <summary>Number of examples.</summary>
    public int ExampleCount { get; private set; }

    /// <summary>The example of the shard that stands at each place of a step.</summary>
    public ReadOnlySpan<int> Order => _order.AsSpan(0, ExampleCount);

    /// <summary>Input token of each row.</summary>
    public ReadOnlySpan<int> Inputs => _inputs.AsSpan(0, RowCount);

    /// <summary>Target token of each row.</summary>
    public ReadOnlySpan<int> Targets => _targets.AsSpan(0, RowCount);

    /// <summary>Rows of each step, never growing; they add up to <see cref="RowCount"/>.</summary>
    public ReadOnlySpan<int> BatchSizes => _batchSizes.AsSpan(0, StepCount);

    /// <summary>The last row of the example at a place.</summary>
    public int LastRow(int place)
    {
        int first = 0;
        int step = 0;
        for (; step + 1 < StepCount && place < _batchSizes[step + 1]; step++)
        {
            first += _batchSizes[step];
        }

        return first + place;
    }

    /// <summary>Packs a shard, replacing what was here.</summary>
    /// <param name="tokens">Examples of at least two tokens.</param>
    /// <param name="vocabularySize">V; every id lies in [0, V).</param>
    /// <exception cref="ArgumentException">An example is shorter than two tokens, or an id is outside the
    /// vocabulary.</exception>
    public void Pack(ShardTokens tokens, int vocabularySize)
    {
        RowCount = 0;
        StepCount = 0;
        ExampleCount = 0;
        Check(tokens, vocabularySize);
        SortByLength(tokens);

        int rowCount = tokens.TargetCount;
        int stepCount = tokens.ExampleCount == 0 ? 0 : tokens.Example(_order[0]).Length - 1;
        Grow(ref _inputs, rowCount);
        Grow(ref _targets, rowCount);
        Grow(ref _batchSizes, stepCount);

        int row = 0;
        int reaching = tokens.ExampleCount;
        for (int step = 0; step < stepCount; step++)
        {
            while (tokens.Example(_order[reaching - 1]).Length - 1 <= step)
            {
                reaching--;
            }

            _batchSizes[step] = reaching;
            for (int rank = 0; rank < reaching; rank++, row++)
            {
                ReadOnlySpan<int> example = tokens.Example(_order[rank]);
                _inputs[row] = example[step];
                _targets[row] = example[step + 1];
            }
        }

        RowCount = rowCount;
        StepCount = stepCount;
        ExampleCount = tokens.ExampleCount;
    }

    private static void Check(ShardTokens tokens, int vocabularySize)
    {
        int[] starts = tokens.Starts;
        if (starts.Length == 0 || starts[0] != 0 || starts[^1] != tokens.Ids.Length)
        {
            throw new ArgumentException("the examples of a shard must tile its tokens", nameof(tokens));
        }

        for (int example = 0; example < tokens.ExampleCount; example++)
        {
            if ((long)starts[example + 1] - starts[example] < 2)
            {
                throw new ArgumentException(
                    $"example {example} of the shard has fewer than two tokens", nameof(tokens));
            }
        }

        foreach (int id in tokens.Ids)
        {
            if ((uint)id >= (uint)vocabularySize)
            {
                throw new ArgumentException(
                    $"token id {id} is outside the vocabulary of {vocabularySize}", nameof(tokens));
            }
        }
    }

    private void SortByLength(ShardTokens tokens)
    {
        int count = tokens.ExampleCount;
        Grow(ref _order, count);
        Grow(ref _sortKeys, count);
        for (int example = 0; example < count; example++)
        {
            // Ascending keys: longest first, then by index, which makes an unstable sort stable.
            _sortKeys[example] = ((long)-tokens.Example(example).Length << 32) | (uint)example;
        }

        _sortKeys.AsSpan(0, count).Sort();
        for (int rank = 0; rank < count; rank++)
        {
            _order[rank] = (int)_sortKeys[rank];
        }
    }

    private static void Grow<T>(ref T[] array, int length)
    {
        if (array.Length < length)
        {
            array = new T[length];
        }
    }
}
