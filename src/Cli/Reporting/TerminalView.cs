using System.Globalization;
using RnnLm.Coordinator;
using Spectre.Console;

namespace RnnLm.Cli;

/// <summary>A live line with figures and time left, for a terminal; events scroll above it.</summary>
internal sealed class TerminalView(IAnsiConsole console, TimeProvider time) : ITrainingView
{
    private ProgressTask? _task;
    private TaskCompletionSource? _done;
    private Task? _live;
    private string? _preparing;
    private TrainingExtent _extent = new(0, 0, 1);
    private long _begun;

    /// <inheritdoc/>
    public void Notice(string text) => console.MarkupLine(Text(text));

    /// <inheritdoc/>
    public void Preparing(string what, double fraction)
    {
        if (what != _preparing || _task is null)
        {
            EndLine();
            _preparing = what;
            StartLine();
        }

        _task?.Description = string.Create(CultureInfo.InvariantCulture, $"{Markup.Escape(what)}  {fraction:P0}");
        if (fraction >= 1)
        {
            EndLine();
        }
    }

    /// <inheritdoc/>
    public void Begin(TrainingExtent extent)
    {
        EndLine();
        _extent = extent;
        _begun = time.GetTimestamp();
        StartLine();
        _task?.Description = "waiting for the first step";
    }

    /// <inheritdoc/>
    public void Show(TrainingEvent trainingEvent)
    {
        if (EventText.Of(trainingEvent) is { } line)
        {
            console.MarkupLine($"[grey]{Text(line)}[/]");
        }

        if (trainingEvent is StepCommitted step && _task is not null)
        {
            _task.Description = Markup.Escape(EventText.Progress(step, _extent, time.GetElapsedTime(_begun)));
        }
    }

    /// <inheritdoc/>
    public void Sample(string prompt, string continuation)
    {
        EndLine();
        string padded = TextWidth.PadLeft(RnnLmException.OneLine(prompt), _extent.PromptColumns);
        console.MarkupLine($"  [bold]{Markup.Escape(padded)}[/][green]{Text(continuation)}[/]");
    }

    /// <inheritdoc/>
    public void Finish(TrainingSummary summary)
    {
        EndLine();
        foreach (string line in EventText.Of(summary))
        {
            console.MarkupLine(Text(line));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => EndLine();

    private static string Text(string text) => Markup.Escape(RnnLmException.OneLine(text));

    private void StartLine()
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _done = done;
        _live = console.Progress()
            .AutoClear(false)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new SpinnerColumn())
            .StartAsync(async context =>
            {
                _task = context.AddTask("…");
                ready.SetResult();
                await done.Task.ConfigureAwait(false);
            });

        // A terminal that cannot be drawn on ends the drawing at once.
        Task.WaitAny(ready.Task, _live);
    }

    private void EndLine()
    {
        if (_done is null)
        {
            return;
        }

        _done.SetResult();
        _live!.Wait();
        (_done, _live, _task) = (null, null, null);
    }
}
