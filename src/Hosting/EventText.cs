using RnnLm.Coordinator;
using static System.FormattableString;

namespace RnnLm.Hosting;

/// <summary>Events as one line of English each, the same in every view for people and in every culture.</summary>
internal static class EventText
{
    /// <summary>What is said of an event that is not an ordinary step; null when nothing is.</summary>
    public static string? Of(TrainingEvent trainingEvent) => trainingEvent switch
    {
        StepCommitted { IsSkipped: true } step => $"step {step.Step} skipped: its loss or gradient is not finite",
        Evaluated evaluated => Invariant(
            $"step {evaluated.Version}: validation loss {evaluated.MeanLoss:F4}, perplexity ") +
            Invariant($"{Math.Exp(evaluated.MeanLoss):F2}{(evaluated.IsBest ? " (best so far)" : string.Empty)}"),
        OutOfPatience end => $"step {end.Version}: the last {end.Evaluations} evaluations have not improved on the " +
            "best, so the run ends here (--patience)",
        WorkerRefused refused => $"{refused.Worker} refused: its arithmetic rounds differently from the run's " +
            $"(self-test {Beginning(refused.SelfTestHash)}, expected {Beginning(refused.ExpectedHash)})",
        WorkerLost lost => $"{lost.Worker} is gone: {lost.Reason}",
        Stopping stopping => $"stopping: saving step {stopping.Version} … (Ctrl-C now ends at once)",
        ResultsOverdue overdue => $"step {overdue.Version}: {overdue.Worker} has said nothing for " +
            $"{overdue.Silence.TotalSeconds:F0} s and is asked again",
        ResultDropped { Reason: "wrong tokens" } dropped =>
            $"warning: a result of {dropped.Worker} was computed from other tokens than the plan's and is not used",
        WorkFailed failed => $"step {failed.Version}: {failed.Work} failed on {failed.Worker}: {failed.Reason}",
        ResultsDiffer differ => $"step {differ.Step}: {differ.Worker} and {differ.Second} computed different results " +
            $"for shards {differ.Range}: one of them computes wrongly",
        NotVerified { IsFirst: true } step => $"step {step.Step} is not verified: --verify-every needs a second worker",
        WaitingForWorkers { Needed: 1 } => "waiting for a worker that is ready …",
        WaitingForWorkers it => $"waiting for {it.Needed} workers, {it.Ready} are ready …",
        CheckpointFailed failed => $"warning: the checkpoint of step {failed.Version} could not be " +
            $"written: {failed.Reason}",
        _ => null,
    };

    /// <summary>Enough of a hash to tell it from others; what a worker sends may be shorter.</summary>
    private static string Beginning(string hash) => hash[..Math.Min(12, hash.Length)];

    /// <summary>The figures of a step.</summary>
    private static string Figures(StepCommitted step) =>
        Invariant($"loss {step.MeanLoss:F4}  perplexity {Math.Exp(step.MeanLoss):N1}  ") +
        Invariant($"{step.TokenCount / Math.Max(step.Elapsed.TotalSeconds, 1e-9):N0} tokens/s");

    /// <summary>The last lines of a run.</summary>
    public static IEnumerable<string> Of(TrainingSummary summary)
    {
        yield return $"trained to step {summary.Steps} in {Duration(summary.TrainingSeconds)}: " +
            Invariant($"{summary.TokensPerSecond:N0} tokens/s, no worker busy {summary.IdleShare:P1} of the time");
        if (summary.ValidationLoss is { } loss)
        {
            yield return Invariant($"validation loss {loss:F4}, perplexity {summary.Perplexity:F2} per token, ") +
                Invariant($"{summary.PerplexityPerWord:F2} per word");
        }

        yield return $"model.safetensors     sha256 {summary.ModelSha256}";
        yield return $"optimizer.safetensors sha256 {summary.OptimizerSha256}";
        yield return $"run directory: {summary.RunPath}";
    }

    /// <summary>Where a run stands: the step, its figures, and how long the rest takes at the pace so far.</summary>
    public static string Progress(StepCommitted step, TrainingExtent extent, TimeSpan sinceBegin)
    {
        long done = step.Step + 1 - extent.FirstStep;
        double secondsLeft = sinceBegin.TotalSeconds / done * (extent.TotalSteps - step.Step - 1);
        return $"step {step.Step + 1}/{extent.TotalSteps}  {Figures(step)}  {Duration(secondsLeft)} left";
    }

    /// <summary>Seconds as a person says them, however many.</summary>
    public static string Duration(double seconds) => seconds switch
    {
        >= 2 * 86400 => Invariant($"{seconds / 86400:N0} days"),
        >= 3600 => Invariant($"{Math.Floor(seconds / 3600)} h {Math.Floor(seconds / 60 % 60)} min"),
        >= 60 => Invariant($"{Math.Floor(seconds / 60)} min {Math.Floor(seconds % 60)} s"),
        _ => Invariant($"{seconds:F1} s"),
    };
}
