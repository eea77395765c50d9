using RnnLm.Checkpoints.Safetensors;
using RnnLm.Checkpoints.Store;
using RnnLm.Coordinator.Optimizer;
using RnnLm.Model.Initialisation;
using RnnLm.Shared.Buffers;
using RnnLm.Shared.Jobs;
using RnnLm.Shared.Parameters;

namespace RnnLm.Cli.Training;

/// <summary>Where training begins: version 0 drawn from the seed, or the state that a checkpoint holds.</summary>
internal static class StoredState
{
    /// <summary>Begins the names of the first moments in <c>optimizer.safetensors</c>.</summary>
    public const string FirstMomentPrefix = "first_moment.";

    /// <summary>Begins the names of the second moments in <c>optimizer.safetensors</c>.</summary>
    public const string SecondMomentPrefix = "second_moment.";

    /// <summary>Version 0 of a job.</summary>
    public static TrainingState Initial(Job job, ParameterLayout layout, FloatBufferPool pool)
    {
        var values = pool.Rent();
        ParameterInitialiser.Fill(layout, job.Model.PaddingId, job.Seed, values.Span);
        return new TrainingState(new ParameterVersion(0, new CountedBuffer(values, pool)), Zeros(pool), Zeros(pool), 0, 0, 0);
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
