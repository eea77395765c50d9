using System.Text.Json;
using RnnLm.Coordinator.Behaviour;

namespace RnnLm.Cli.Reporting;

/// <summary>Events as JSON objects: the lines of <c>metrics.jsonl</c> and of <c>--json</c>. See docs/run-directory.md.</summary>
internal static class EventJson
{
    /// <summary>What writes the properties of an event's object; null when the event has no line.</summary>
    public static Action<Utf8JsonWriter>? Of(TrainingEvent trainingEvent, long stepsPerEpoch) => trainingEvent switch
    {
        StepCommitted step => json => WriteStep(json, step, stepsPerEpoch),
        Evaluated evaluated => json =>
        {
            json.WriteString("event", "evaluated");
            json.WriteNumber("version", evaluated.Version);
            WriteFinite(json, "loss", evaluated.MeanLoss);
            WriteFinite(json, "perplexity", Math.Exp(evaluated.MeanLoss));
            json.WriteBoolean("best", evaluated.IsBest);
        },
        WorkerJoined joined => json =>
        {
            json.WriteString("event", "worker_joined");
            json.WriteString("worker", joined.Worker.Name);
            json.WriteNumber("threads", joined.Threads);
            json.WriteString("self_test", joined.SelfTestHash);
        },
        WorkerRefused refused => json =>
        {
            json.WriteString("event", "worker_refused");
            json.WriteString("worker", refused.Worker.Name);
            json.WriteString("self_test", refused.SelfTestHash);
        },
        WorkerLost lost => json =>
        {
            json.WriteString("event", "worker_lost");
            json.WriteString("worker", lost.Worker.Name);
            json.WriteString("reason", lost.Reason);
        },
        ResultsOverdue overdue => json =>
        {
            json.WriteString("event", "results_overdue");
            json.WriteNumber("version", overdue.Version);
            json.WriteNumber("workers", overdue.Workers);
        },
        CheckpointSaved saved => json =>
        {
            json.WriteString("event", "checkpoint_saved");
            json.WriteNumber("version", saved.Version);
        },
        CheckpointFailed failed => json =>
        {
            json.WriteString("event", "checkpoint_failed");
            json.WriteNumber("version", failed.Version);
            json.WriteString("reason", failed.Reason);
        },
        _ => null,
    };

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
        if (step.IsSkipped)
        {
            json.WriteBoolean("skipped", true);
        }
    }

    /// <summary>JSON has no infinity and no NaN: they become null.</summary>
    private static void WriteFinite(Utf8JsonWriter json, string name, double value)
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
