using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace RnnLm.Worker;

/// <summary>
/// The fixed test shard: the same tokens and parameters on every machine, at the sizes of the job's model. Equal hashes of its gradient say that two workers round alike;
/// a worker that does not would spoil the run's bits.
/// </summary>
public sealed class SelfTest
{
    private const int Examples = 4;
    private const int LongestExample = 12;
    private readonly ModelSettings _model;
    private readonly ParameterLayout _layout;

    /// <summary>The test of the model with these settings.</summary>
    public SelfTest(ModelSettings model)
    {
        _model = model;
        _layout = ParameterLayout.For(model);
    }

    /// <summary>SHA-256 (hex) of loss and gradient of the test shard.</summary>
    public string Run(IShardComputer computer)
    {
        ArgumentNullException.ThrowIfNull(computer);
        using var pool = new FloatBufferPool(_layout.Length);
        using var gradient = new Gradient(_layout);
        var values = pool.Rent();
        ParameterInitialisation.Fill(_model, seed: 0, values.Span);
        var parameters = new ParameterVersion(0, new CountedBuffer(values, pool));
        computer.ComputeGradient(parameters, TestShard(), gradient);
        parameters.Release();

        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(BitConverter.GetBytes(gradient.LossSum));
        sha.AppendData(MemoryMarshal.AsBytes<float>(gradient.Dense.Span));
        sha.AppendData(MemoryMarshal.AsBytes(gradient.RowIds.AsSpan(0, gradient.RowCount)));
        sha.AppendData(MemoryMarshal.AsBytes<float>(gradient.Rows.Span[..(gradient.RowCount * _model.Dimension)]));
        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    /// <summary>A few examples of different lengths over the whole vocabulary.</summary>
    private ShardTokens TestShard()
    {
        var random = new CounterRandom(seed: 0, RandomPurpose.TestShard);
        var ids = new List<int>();
        var starts = new List<int> { 0 };
        for (int example = 0; example < Examples; example++)
        {
            for (int token = 0; token < LongestExample - (2 * example); token++)
            {
                ids.Add((int)(random.Bits32((ulong)ids.Count) % (uint)_model.VocabularySize));
            }

            starts.Add(ids.Count);
        }

        return new ShardTokens([.. ids], [.. starts]);
    }
}
