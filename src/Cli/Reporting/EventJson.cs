using System.Text.Json;
using RnnLm.Coordinator.Behaviour;

namespace RnnLm.Cli.Reporting;

/// <summary>Events as JSON objects: the lines of <c>metrics.jsonl</c> and of <c>--json</c>. See docs/run-directory.md.</summary>
internal static class EventJson
{
    /// <summary>Writes the properties of an event's object; false when it has no line.</summary>
    public static bool Write(Utf8JsonWriter json, TrainingEvent trainingEvent, long stepsPerEpoch)
    {
        switch (trainingEvent)
        {
            case StepCommitted step:
                WriteStep(json, step, stepsPerEpoch);
                return true;
            case Evaluated evaluated:
                json.WriteString("event", "evaluated");
                json.WriteNumber("version", evaluated.Version);
                WriteFinite(json, "loss", evaluated.MeanLoss);
                WriteFinite(json, "perplexity", Math.Exp(evaluated.MeanLoss));
                json.WriteBoolean("best", evaluated.IsBest);
                return true;
            case WorkerJoined joined:
                json.WriteString("event", "worker_joined");
                json.WriteString("worker", joined.Worker.Name);
                json.WriteNumber("threads", joined.Threads);
                json.WriteString("self_test", joined.SelfTestHash);
                return true;
            case WorkerRefused refused:
                json.WriteString("event", "worker_refused");
                json.WriteString("worker", refused.Worker.Name);
                json.WriteString("self_test", refused.SelfTestHash);
                return true;
            case WorkerLost lost:
                json.WriteString("event", "worker_lost");
                json.WriteString("worker", lost.Worker.Name);
                json.WriteString("reason", lost.Reason);
                return true;
            case ResultsOverdue overdue:
                json.WriteString("event", "results_overdue");
                json.WriteNumber("version", overdue.Version);
                json.WriteNumber("workers", overdue.Workers);
                return true;
            case CheckpointSaved saved:
                json.WriteString("event", "checkpoint_saved");
                json.WriteNumber("version", saved.Version);
                return true;
            case CheckpointFailed failed:
                json.WriteString("event", "checkpoint_failed");
                json.WriteNumber("version", failed.Version);
                json.WriteString("reason", failed.Reason);
                return true;
            default:
                return false;
        }
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
