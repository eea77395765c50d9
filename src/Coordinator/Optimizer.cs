namespace RnnLm.Coordinator;

/// <summary>
/// From a step's summed gradient to the next parameters: mean over the step's tokens, clipping by norm, update. Every
/// pass runs over fixed blocks, so that the number of threads never changes a bit.
/// </summary>
/// <param name="settings">The job's optimizer.</param>
/// <param name="layout">Of the model.</param>
/// <param name="pool">Buffers of its length.</param>
/// <param name="threads">Threads that share the passes.</param>
/// <param name="stepsPerEpoch">Carried states are zeros again when an epoch is over.</param>
public sealed class Optimizer(
    OptimizerSettings settings, ParameterLayout layout, FloatBufferPool pool, int threads, long stepsPerEpoch)
{
    /// <summary>What PyTorch's <c>clip_grad_norm_</c> adds to the norm.</summary>
    private const double ClipEpsilon = 1e-6;

    /// <summary>
    /// Makes version v + 1 out of version v, off the actor: it gives no reference back. Moments are overwritten in
    /// place, and are then the very buffers of the outcome, unless a snapshot holds them.
    /// </summary>
    public UpdateOutcome Apply(TrainingState state, Gradient sum, int examples)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(sum);
        long step = state.Version;
        double learningRate = settings.LearningRate * settings.Schedule.Factor(step, state.Plateau);
        double loss = sum.LossSum / sum.TokenCount;
        double norm = GradientNorm.OfMean(sum, threads);
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            return new UpdateOutcome(
                state, loss, norm, learningRate, sum.TokenCount, sum.ComputeSeconds, IsFinite: false);
        }

        double clip = settings.ClipNorm > 0 ? Math.Min(1, settings.ClipNorm / (norm + ClipEpsilon)) : 1;
        var values = pool.Rent();
        CountedBuffer[] moments = [.. state.Moments.Select(Writable)];
        ParameterUpdate.Apply(
            settings,
            learningRate,
            state.OptimizerSteps + 1,
            sum,
            (float)(clip / sum.TokenCount),
            Buffers(state.Parameters.Values, state.Moments),
            Buffers(values, moments),
            threads);
        CarryStates(sum, values, isNewEpoch: (step + 1) % stepsPerEpoch == 0);
        var next = state with
        {
            Parameters = new ParameterVersion(step + 1, new CountedBuffer(values, pool)),
            Moments = moments,
            OptimizerSteps = state.OptimizerSteps + 1,
            ExamplesSeen = state.ExamplesSeen + examples,
            TokensSeen = state.TokensSeen + sum.TokenCount,
        };
        return new UpdateOutcome(next, loss, norm, learningRate, sum.TokenCount, sum.ComputeSeconds, IsFinite: true);
    }

    /// <summary>What a step that was not finite leaves where it is skipped: its parameters under the number of the next
    /// step. Where states are carried there are none to go on with, and they begin with zeros again.</summary>
    public TrainingState Skipped(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (layout.CarriedStates is null)
        {
            return state with { Parameters = state.Parameters.Repeat() };
        }

        var values = pool.Rent();
        state.Parameters.Values.Span[..layout.Length].CopyTo(values.Span);
        values.Span[layout.Length..].Clear();
        return state with { Parameters = new ParameterVersion(state.Version + 1, new CountedBuffer(values, pool)) };
    }

    /// <summary>The same version with what its evaluation makes of the learning rate from here on.</summary>
    /// <param name="state">The version.</param>
    /// <param name="loss">Its mean loss on the validation text.</param>
    public TrainingState Evaluated(TrainingState state, double loss)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state with { Plateau = settings.Schedule.Evaluated(state.Plateau, loss) };
    }

    private static UpdateBuffers Buffers(FloatBuffer parameters, IReadOnlyList<CountedBuffer> moments) =>
        new(parameters, [.. moments.Select(moment => moment.Values)]);

    /// <summary>Behind the parameters of the next version are the states that it goes on with.</summary>
    private void CarryStates(Gradient sum, FloatBuffer values, bool isNewEpoch)
    {
        var states = values.Span[layout.Length..];
        if (isNewEpoch)
        {
            states.Clear();
        }
        else
        {
            sum.Dense.Span[(layout.Length - layout.DenseStart)..].CopyTo(states);
        }
    }

    private CountedBuffer Writable(CountedBuffer moment) =>
        moment.IsExclusive ? moment : new CountedBuffer(pool.Rent(), pool);
}

/// <summary>What an update came to.</summary>
/// <param name="State">The state to go on with: the next version, or the old one when the step was not finite.</param>
/// <param name="MeanLoss">Loss per token in nats.</param>
/// <param name="GradientNorm">L2 norm of the mean gradient before clipping.</param>
/// <param name="LearningRate">The learning rate of this step.</param>
/// <param name="TokenCount">Tokens of the step.</param>
/// <param name="ComputeSeconds">Seconds of processors that the sum took.</param>
/// <param name="IsFinite">False when loss or gradient is infinite or not a number; then nothing was changed.</param>
public sealed record UpdateOutcome(
    TrainingState State,
    double MeanLoss,
    double GradientNorm,
    double LearningRate,
    long TokenCount,
    double ComputeSeconds,
    bool IsFinite);
