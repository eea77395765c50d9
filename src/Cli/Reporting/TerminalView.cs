using System.Globalization;
using RnnLm.Coordinator;
using Spectre.Console;

namespace RnnLm.Cli;

/// <summary>A live line with bar, figures and time left, for a terminal; events scroll above it.</summary>
internal sealed class TerminalView : ITrainingView
{
    private readonly IAnsiConsole _console;
    private ProgressTask? _task;
    private TaskCompletionSource? _done;
    private Task? _live;
    private string? _preparing;
    private TrainingExtent _extent = new(0, 0, 1);

    public TerminalView(IAnsiConsole console) => _console = console;

    /// <inheritdoc/>
    public void Notice(string text) => _console.MarkupLine(Markup.Escape(text));

    /// <inheritdoc/>
    public void Preparing(string what, double fraction)
    {
        if (what != _preparing || _task is null)
        {
            EndLine();
            _preparing = what;
            StartLine(1);
            _task!.Description = Markup.Escape(what);
        }

        _task!.Value = fraction;
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
        StartLine(Math.Max(1, extent.TotalSteps - extent.FirstStep));
        _task!.Description = "waiting for the first step";
    }

    /// <inheritdoc/>
    public void Show(TrainingEvent trainingEvent)
    {
        if (EventText.Of(trainingEvent) is { } line)
        {
            _console.MarkupLine($"[grey]{Markup.Escape(line)}[/]");
        }

        if (trainingEvent is StepCommitted step && _task is not null)
        {
            _task.Description = string.Create(
                CultureInfo.InvariantCulture, $"step {step.Step + 1}/{_extent.TotalSteps}  {Markup.Escape(EventText.Figures(step))}");
            _task.Value = step.Step + 1 - _extent.FirstStep;
        }
    }

    /// <inheritdoc/>
    public void Sample(string prompt, string continuation)
    {
        EndLine();
        _console.MarkupLine($"  [bold]{Markup.Escape(prompt)}[/][green]{Markup.Escape(continuation)}[/]");
    }

    /// <inheritdoc/>
    public void Finish(TrainingSummary summary)
    {
        EndLine();
        foreach (string line in EventText.Of(summary))
        {
            _console.MarkupLine(Markup.Escape(line));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => EndLine();

    private void StartLine(double maximum)
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _done = done;
        _live = _console.Progress()
            .AutoClear(false)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 24 }, new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                _task = context.AddTask("…", maxValue: maximum);
                ready.SetResult();
                await done.Task.ConfigureAwait(false);
            });
        ready.Task.Wait();
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
