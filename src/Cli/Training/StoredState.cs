using System.Security.Cryptography;
using RnnLm.Coordinator;
using RnnLm.Storage;
using RnnLm.Worker;

namespace RnnLm.Cli;

/// <summary>Where training begins: version 0 drawn from the seed, or the state that a checkpoint holds.</summary>
internal static class StoredState
{
    /// <summary>Begins the names of the first moments in <c>optimizer.safetensors</c>.</summary>
    public const string FirstMomentPrefix = "first_moment.";

    /// <summary>Begins the names of the second moments in <c>optimizer.safetensors</c>.</summary>
    public const string SecondMomentPrefix = "second_moment.";

    /// <summary>Version 0 of a job.</summary>
    public static TrainingState Initial(Job job, FloatBufferPool pool)
    {
        var values = pool.Rent();
        ParameterInitialisation.Fill(job.Model, job.Seed, values.Span);
        return new TrainingState(new ParameterVersion(0, new CountedBuffer(values, pool)), Zeros(pool), Zeros(pool), 0, 0, 0);
    }

    /// <summary>Version 0 with the parameters of a file.</summary>
    /// <exception cref="RnnLmException">The file cannot be read or is not of this model.</exception>
    public static TrainingState FromWeights(string path, ParameterLayout layout, FloatBufferPool pool)
    {
        var values = pool.Rent();
        using (var file = SafetensorsFile.Open(path))
        {
            file.ReadLayout(layout, values.Span);
        }

        return new TrainingState(new ParameterVersion(0, new CountedBuffer(values, pool)), Zeros(pool), Zeros(pool), 0, 0, 0);
    }

    /// <summary>SHA-256 (hex) of a file of weights.</summary>
    /// <exception cref="RnnLmException">It cannot be read.</exception>
    public static string HashOf(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.BadInput($"--init {path}: cannot be read ({failure.Message}); give a model.safetensors", failure);
        }
    }

    /// <summary>The parameters of a checkpoint alone.</summary>
    public static float[] ReadParameters(Checkpoint checkpoint, ModelSettings model)
    {
        var layout = ParameterLayout.For(model);
        float[] parameters = new float[layout.Length];
        using var file = checkpoint.OpenModel();
        file.ReadLayout(layout, parameters);
        return parameters;
    }

    /// <summary>The state of a checkpoint.</summary>
    public static TrainingState Read(Checkpoint checkpoint, ParameterLayout layout, FloatBufferPool pool)
    {
        var values = pool.Rent();
        var first = pool.Rent();
        var second = pool.Rent();
        using (var model = checkpoint.OpenModel())
        {
            model.ReadLayout(layout, values.Span);
        }

        using (var optimizer = checkpoint.OpenOptimizer())
        {
            optimizer.ReadLayout(layout, first.Span, FirstMomentPrefix);
            optimizer.ReadLayout(layout, second.Span, SecondMomentPrefix);
        }

        var state = checkpoint.State;
        return new TrainingState(
            new ParameterVersion(state.Step, new CountedBuffer(values, pool)),
            new CountedBuffer(first, pool),
            new CountedBuffer(second, pool),
            state.OptimizerStep,
            state.ExamplesSeen,
            state.Tokens);
    }

    private static CountedBuffer Zeros(FloatBufferPool pool)
    {
        var buffer = pool.Rent();
        buffer.Span.Clear();
        return new CountedBuffer(buffer, pool);
    }
}
