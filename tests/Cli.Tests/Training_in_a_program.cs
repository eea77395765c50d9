using Microsoft.Extensions.Configuration;
using RnnLm.Coordinator;

namespace RnnLm.Cli.Tests;

public sealed class Training_in_a_program : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public Training_in_a_program() => _directory.Write("text.txt", SmallText.Sentences(60));

    [Fact]
    public async Task Gives_what_the_command_gives()
    {
        RnnLmProcess.Run(
            _directory, "train", "--run", "command", "--corpus", "text.txt", "--preset", "char", "--dimension", "8",
            "--steps", "4").Succeeded();
        string run = Path.Combine(_directory.Root, "program");
        var summary = await Training.RunAsync(Options(("run", run)));
        Assert.Equal((run, 4L), (summary.RunPath, summary.Steps));
        Assert.Equal(_directory.Run("command").FinalHashes, (summary.ModelSha256, summary.OptimizerSha256));
        Assert.Equal(Math.Exp(summary.ValidationLoss!.Value), summary.Perplexity!.Value, 1e-12);
    }

    [Fact]
    public async Task That_is_cancelled_is_saved_and_goes_on()
    {
        using var cancellation = new CancellationTokenSource();
        var run = ("run", Path.Combine(_directory.Root, "cancelled"));
        var failure = await Assert.ThrowsAsync<OperationCanceledException>(() => Training.RunAsync(
            Options(run, ("steps", "100000")), new CancellingView(cancellation), cancellation.Token));
        Assert.Contains("its parameters are saved", failure.Message, StringComparison.Ordinal);
        Assert.InRange(_directory.Run("cancelled").FinalStep, 1, 99_999);
        long next = _directory.Run("cancelled").FinalStep + 1;
        var summary = await Training.RunAsync(Options(run, ("resume", "true"), ("steps", $"{next}")));
        Assert.Equal(next, summary.Steps);
    }

    [Theory]
    [InlineData("stepz", "3", ExitCode.BadInput, "'stepz' is no option of any command")]
    [InlineData("steps", "many", ExitCode.Usage, "option 'steps' of RnnLm: --steps many: it must be a whole number")]
    [InlineData("processes", "2", ExitCode.Usage, "'processes'")]
    [InlineData("resume", "true", ExitCode.Usage, "--resume needs --run")]
    public async Task Is_refused_what_cannot_be(string key, string value, ExitCode code, string reason)
    {
        using var never = new CancellationTokenSource();
        var view = new CancellingView(never);
        var failure = await Assert.ThrowsAsync<RnnLmException>(() => Training.RunAsync(Options((key, value)), view));
        Assert.True(view.IsDisposed);
        Assert.Equal(code, failure.ExitCode);
        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _directory.Dispose();

    private IConfiguration Options(params (string Key, string Value)[] more)
    {
        (string Key, string Value)[] options =
        [
            ("corpus:0", Path.Combine(_directory.Root, "text.txt")), ("preset", "char"), ("dimension", "8"),
            ("steps", "4"), .. more,
        ];
        var last = options.GroupBy(option => option.Key)
            .Select(group => KeyValuePair.Create(group.Key, (string?)group.Last().Value));
        return new ConfigurationBuilder().AddInMemoryCollection(last).Build();
    }

    private sealed class CancellingView(CancellationTokenSource cancellation) : ITrainingView
    {
        public bool IsDisposed { get; private set; }

        public void Notice(string text)
        {
        }

        public void Preparing(string what, double fraction)
        {
        }

        public void Begin(TrainingExtent extent)
        {
        }

        public void Show(TrainingEvent trainingEvent)
        {
            if (trainingEvent is StepCommitted)
            {
                cancellation.Cancel();
            }
        }

        public void Sample(string prompt, string continuation)
        {
        }

        public void Finish(TrainingSummary summary)
        {
        }

        public void Dispose() => IsDisposed = true;
    }
}
