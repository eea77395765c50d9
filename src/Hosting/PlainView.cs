using RnnLm.Coordinator;

namespace RnnLm.Hosting;

/// <summary>Lines of text, for output that is piped or logged: a step every few seconds, and every event.</summary>
/// <param name="output">Takes the lines; not owned.</param>
/// <param name="time">The clock.</param>
public sealed class PlainView(TextWriter output, TimeProvider time) : ITrainingView
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);
    private TrainingExtent _extent = new(0, 0, 1);
    private string? _preparing;
    private long _lastLine;
    private long _begun;

    /// <inheritdoc/>
    public void Notice(string text) => output.WriteLine(RnnLmException.OneLine(text));

    /// <inheritdoc/>
    public void Preparing(string what, double fraction)
    {
        if (what != _preparing)
        {
            _preparing = what;
            output.WriteLine($"{what} …");
        }
    }

    /// <inheritdoc/>
    public void Begin(TrainingExtent extent)
    {
        _extent = extent;
        _lastLine = _begun = time.GetTimestamp();
    }

    /// <inheritdoc/>
    public void Show(TrainingEvent trainingEvent)
    {
        if (EventText.Of(trainingEvent) is { } line)
        {
            output.WriteLine(RnnLmException.OneLine(line));
        }
        else if (trainingEvent is StepCommitted step
            && (step.Step == _extent.FirstStep || step.Step + 1 == _extent.TotalSteps
                || time.GetElapsedTime(_lastLine) > Pause))
        {
            _lastLine = time.GetTimestamp();
            output.WriteLine(EventText.Progress(step, _extent, time.GetElapsedTime(_begun)));
        }
    }

    /// <inheritdoc/>
    public void Sample(string prompt, string continuation) =>
        output.WriteLine(
            $"  {TextWidth.PadLeft(RnnLmException.OneLine(prompt), _extent.PromptColumns)}|" +
            RnnLmException.OneLine(continuation));

    /// <inheritdoc/>
    public void Finish(TrainingSummary summary)
    {
        foreach (string line in EventText.Of(summary))
        {
            output.WriteLine(line);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
