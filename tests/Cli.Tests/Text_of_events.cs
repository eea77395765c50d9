using System.Globalization;
using RnnLm.Coordinator;

namespace RnnLm.Cli.Tests;

public sealed class Text_of_events
{
    /// <summary>A hash is a worker's word, and the one that is expected was the first worker's.</summary>
    [Theory]
    [InlineData("", "0123456789abcdef", "self-test , expected 0123456789ab)")]
    [InlineData("5e1f", "", "self-test 5e1f, expected )")]
    [InlineData("0123456789abcdef", "5e1f", "self-test 0123456789ab, expected 5e1f)")]
    public void A_worker_is_refused_by_name_whatever_its_self_test_says(string hash, string expected, string words)
    {
        string? text = EventText.Of(new WorkerRefused(new ActorId("worker-3"), hash, expected));
        Assert.StartsWith("worker-3 refused", text, StringComparison.Ordinal);
        Assert.Contains(words, text, StringComparison.Ordinal);
    }

    /// <summary>No terminal is before it, and the job goes on by itself.</summary>
    [Fact]
    public void A_coordinator_is_not_told_what_is_for_whoever_sits_before_train()
    {
        var lines = new List<string>();
        using var view = new JobLog("job", lines.Add);
        view.Show(new Stopping(7));
        Assert.Equal(["job: stopping: saving step 7 …"], lines);
        Assert.Contains("Ctrl-C", EventText.Of(new Stopping(7)), StringComparison.Ordinal);
    }

    /// <summary>A program that trains has a culture.</summary>
    [Fact]
    public void Numbers_have_a_point_in_every_culture()
    {
        var culture = CultureInfo.CurrentCulture;
        var other = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        other.NumberFormat.NumberDecimalSeparator = other.NumberFormat.PercentDecimalSeparator = ",";
        other.NumberFormat.NumberGroupSeparator = ".";
        CultureInfo.CurrentCulture = other;
        try
        {
            Assert.Equal(
                [
                    "trained to step 3 in 1.5 s: 2,000 tokens/s, no worker busy 25.0 % of the time",
                    "validation loss 0.5000, perplexity 1.65 per token, 2.50 per word",
                ],
                EventText.Of(new TrainingSummary("run", 3, 1.5, 2000, 0.25, 0.5, 2.5, "a", "b")).Take(2));
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }
}
