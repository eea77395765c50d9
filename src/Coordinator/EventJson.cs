using System.Text.Json;

namespace RnnLm.Coordinator;

/// <summary>
/// Events as JSON objects: the lines of <c>metrics.jsonl</c> and of <c>--json</c>. See docs/run-directory.md.
/// </summary>
public static class EventJson
{
    /// <summary>What writes the properties of an event's object; null when the event has no line.</summary>
    public static Action<Utf8JsonWriter>? Of(TrainingEvent trainingEvent, long stepsPerEpoch) => trainingEvent switch
    {
        StepCommitted step => json => WriteStep(json, step, stepsPerEpoch),
        Evaluated evaluated => json => WriteEvaluation(json, evaluated),
        OutOfPatience it => json => WriteOutOfPatience(json, it),
        WorkerJoined it => json => WriteEvent(
            json, "worker_joined", ("worker", it.Worker.Name), ("self_test", it.SelfTestHash)),
        WorkerRefused it => json => WriteEvent(
            json, "worker_refused", ("worker", it.Worker.Name), ("self_test", it.SelfTestHash)),
        WorkerLost it => json => WriteEvent(json, "worker_lost", ("worker", it.Worker.Name), ("reason", it.Reason)),
        Stopping stopping => json => WriteVersionEvent(json, "stopping", stopping.Version),
        WaitingForWorkers it => json => WriteWaiting(json, it),
        RangesLate late => json => WriteVersionEvent(json, "ranges_late", late.Step, ("worker", late.Worker.Name)),
        ResultsOverdue it => json => WriteVersionEvent(json, "results_overdue", it.Version, ("worker", it.Worker.Name)),
        ResultDropped dropped => json => WriteVersionEvent(
            json, "result_dropped", dropped.Step, ("worker", dropped.Worker.Name), ("reason", dropped.Reason)),
        WorkFailed it => json => WriteVersionEvent(
            json, "work_failed", it.Version, ("worker", it.Worker.Name), ("work", it.Work), ("reason", it.Reason)),
        RangeVerified it => json => WriteComparison(json, "range_verified", it.Step, it.Range, it.Worker, it.Second),
        ResultsDiffer it => json => WriteComparison(json, "results_differ", it.Step, it.Range, it.Worker, it.Second),
        NotVerified it => json => WriteVersionEvent(json, "not_verified", it.Step),
        CheckpointSaved saved => json => WriteVersionEvent(json, "checkpoint_saved", saved.Version),
        CheckpointFailed it => json => WriteVersionEvent(json, "checkpoint_failed", it.Version, ("reason", it.Reason)),
        _ => null,
    };

    /// <summary>An event with values of text.</summary>
    public static void WriteEvent(
        Utf8JsonWriter json, string name, params ReadOnlySpan<(string Name, string Value)> properties)
    {
        json.WriteString("event", name);
        foreach (var (property, value) in properties)
        {
            json.WriteString(property, value);
        }
    }

    /// <summary>What a version makes of a prompt.</summary>
    public static void WriteSample(Utf8JsonWriter json, long version, string prompt, string text) =>
        WriteVersionEvent(json, "sample", version, ("prompt", prompt), ("text", text));

    private static void WriteVersionEvent(
        Utf8JsonWriter json, string name, long version, params ReadOnlySpan<(string Name, string Value)> properties)
    {
        WriteEvent(json, name, properties);
        json.WriteNumber("version", version);
    }

    private static void WriteWaiting(Utf8JsonWriter json, WaitingForWorkers waiting)
    {
        WriteEvent(json, "waiting_for_workers");
        json.WriteNumber("ready", waiting.Ready);
        json.WriteNumber("needed", waiting.Needed);
    }

    private static void WriteComparison(
        Utf8JsonWriter json, string name, long step, ShardRange range, ActorId worker, ActorId second) =>
        WriteVersionEvent(
            json, name, step, ("worker", worker.Name), ("second_worker", second.Name), ("shards", $"{range}"));

    private static void WriteEvaluation(Utf8JsonWriter json, Evaluated evaluated)
    {
        WriteVersionEvent(json, "evaluated", evaluated.Version);
        WriteFinite(json, "loss", evaluated.MeanLoss);
        WriteFinite(json, "perplexity", Math.Exp(evaluated.MeanLoss));
        json.WriteBoolean("best", evaluated.IsBest);
    }

    private static void WriteOutOfPatience(Utf8JsonWriter json, OutOfPatience end)
    {
        WriteVersionEvent(json, "out_of_patience", end.Version);
        json.WriteNumber("evaluations", end.Evaluations);
    }

    private static void WriteStep(Utf8JsonWriter json, StepCommitted step, long stepsPerEpoch)
    {
        json.WriteNumber("step", step.Step);
        json.WriteNumber("epoch", step.Step / stepsPerEpoch);
        WriteFinite(json, "loss", step.MeanLoss);
        WriteFinite(json, "perplexity", Math.Exp(step.MeanLoss));
        json.WriteNumber("tokens", step.TokenCount);
        WriteFinite(json, "tokens_per_second", step.TokenCount / step.Elapsed.TotalSeconds);
        WriteFinite(json, "gradient_norm", step.GradientNorm);
        json.WriteNumber("learning_rate", step.LearningRate);
        json.WriteNumber("seconds", step.Elapsed.TotalSeconds);
        json.WriteNumber("update_seconds", step.UpdateElapsed.TotalSeconds);
        json.WriteNumber("compute_seconds", step.ComputeSeconds);
        if (step.IsSkipped)
        {
            json.WriteBoolean("skipped", true);
        }
    }

    /// <summary>JSON has no infinity and no NaN: they become null.</summary>
    public static void WriteFinite(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
