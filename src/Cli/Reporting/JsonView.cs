using System.Text;
using System.Text.Json;
using RnnLm.Coordinator;

namespace RnnLm.Cli;

/// <summary>One JSON object a line, for programs.</summary>
internal sealed class JsonView(TextWriter output) : ITrainingView
{
    private long _stepsPerEpoch = 1;

    /// <inheritdoc/>
    public void Notice(string text) => Line(json =>
    {
        json.WriteString("event", "notice");
        json.WriteString("text", text);
    });

    /// <summary>Set-up has no lines here.</summary>
    public void Preparing(string what, double fraction)
    {
    }

    /// <inheritdoc/>
    public void Begin(TrainingExtent extent)
    {
        _stepsPerEpoch = extent.StepsPerEpoch;
        Line(json =>
        {
            json.WriteString("event", "begin");
            json.WriteNumber("first_step", extent.FirstStep);
            json.WriteNumber("total_steps", extent.TotalSteps);
            json.WriteNumber("steps_per_epoch", extent.StepsPerEpoch);
        });
    }

    /// <inheritdoc/>
    public void Show(TrainingEvent trainingEvent)
    {
        if (EventJson.Of(trainingEvent, _stepsPerEpoch) is { } properties)
        {
            Line(properties);
        }
    }

    /// <inheritdoc/>
    public void Sample(string prompt, string continuation) => Line(json =>
    {
        json.WriteString("event", "sample");
        json.WriteString("prompt", prompt);
        json.WriteString("text", continuation);
    });

    /// <inheritdoc/>
    public void Finish(TrainingSummary summary) => Line(json =>
    {
        json.WriteString("event", "finished");
        json.WriteString("run", summary.RunPath);
        json.WriteNumber("steps", summary.Steps);
        EventJson.WriteFinite(json, "seconds", summary.TrainingSeconds);
        EventJson.WriteFinite(json, "tokens_per_second", summary.TokensPerSecond);
        EventJson.WriteFinite(json, "idle_share", summary.IdleShare);
        if (summary.ValidationLoss is { } loss)
        {
            EventJson.WriteFinite(json, "validation_loss", loss);
            EventJson.WriteFinite(json, "validation_perplexity", summary.Perplexity ?? double.NaN);
            EventJson.WriteFinite(json, "validation_perplexity_per_word", summary.PerplexityPerWord ?? double.NaN);
        }

        json.WriteString("model_sha256", summary.ModelSha256);
        json.WriteString("optimizer_sha256", summary.OptimizerSha256);
    });

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private void Line(Action<Utf8JsonWriter> properties)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            properties(json);
            json.WriteEndObject();
        }

        output.WriteLine(Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)));
    }
}
