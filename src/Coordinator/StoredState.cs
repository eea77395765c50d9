using RnnLm.Storage;

namespace RnnLm.Coordinator;

/// <summary>Where training begins: version 0, or the state that a checkpoint holds.</summary>
public static class StoredState
{
    /// <summary>Version 0.</summary>
    /// <param name="optimizer">The job's, whose moments begin with zeros.</param>
    /// <param name="pool">Buffers of the model's length.</param>
    /// <param name="fill">Writes every parameter.</param>
    public static TrainingState Initial(OptimizerSettings optimizer, FloatBufferPool pool, Action<FloatBuffer> fill)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(fill);
        var values = pool.Rent();
        fill(values);
        var parameters = new ParameterVersion(0, new CountedBuffer(values, pool));
        return new TrainingState(parameters, [.. optimizer.Moments.Select(_ => Zeros(pool))], 0, 0, 0);
    }

    /// <summary>Version 0 with the parameters of a file.</summary>
    /// <exception cref="RnnLmException">The file cannot be read or is not of this model.</exception>
    public static TrainingState FromWeights(
        string path, ParameterLayout layout, OptimizerSettings optimizer, FloatBufferPool pool)
    {
        using var file = SafetensorsFile.Open(path);
        return Initial(optimizer, pool, values =>
        {
            file.ReadLayout(layout, values.Span);
            values.Span[layout.Length..].Clear();
        });
    }

    /// <summary>The parameters of a checkpoint alone.</summary>
    public static float[] ReadParameters(Checkpoint checkpoint, ModelSettings model)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        var layout = ParameterLayout.For(model);
        float[] parameters = new float[layout.Length];
        using var file = checkpoint.OpenModel();
        file.ReadLayout(layout, parameters);
        return parameters;
    }

    /// <summary>The state of a checkpoint.</summary>
    public static TrainingState Read(
        Checkpoint checkpoint, ParameterLayout layout, OptimizerSettings optimizer, FloatBufferPool pool)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(pool);
        var values = pool.Rent();
        FloatBuffer[] moments = [.. optimizer.Moments.Select(_ => pool.Rent())];
        using (var model = checkpoint.OpenModel())
        {
            model.ReadLayout(layout, values.Span);
        }

        using (var file = checkpoint.OpenOptimizer())
        {
            foreach (var (name, moment) in optimizer.Moments.Zip(moments))
            {
                file.ReadLayout(layout, moment.Span, PrefixOf(name));
            }

            if (layout.CarriedStates is { } states)
            {
                file.Read(states, values.Span);
            }
        }

        var state = checkpoint.State;
        return new TrainingState(
            new ParameterVersion(state.Step, new CountedBuffer(values, pool)),
            [.. moments.Select(moment => new CountedBuffer(moment, pool))],
            state.OptimizerStep,
            state.ExamplesSeen,
            state.Tokens,
            state.Plateau,
            state.SinceBest);
    }

    /// <summary>What stands before the parameters' names in <c>optimizer.safetensors</c>.</summary>
    /// <param name="moment">One of the <see cref="OptimizerSettings.Moments"/>.</param>
    public static string PrefixOf(string moment) => moment + ".";

    private static CountedBuffer Zeros(FloatBufferPool pool)
    {
        var buffer = pool.Rent();
        buffer.Span.Clear();
        return new CountedBuffer(buffer, pool);
    }
}
