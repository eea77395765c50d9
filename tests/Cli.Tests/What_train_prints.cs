using System.Text.Json;

namespace RnnLm.Cli.Tests;

[Collection(SmallRun.Collection)]
public sealed class What_train_prints(SmallRun small)
{
    [Fact]
    public void Json_lines_all_parse_and_tell_the_whole_story_in_order()
    {
        var lines = small.Training.Objects;
        Assert.All(lines, line => Assert.Equal(JsonValueKind.Object, line.ValueKind));
        Assert.Equal(
            Enumerable.Range(0, 80).Select(step => (long?)step),
            lines.Select(TrainingObjects.Step).Where(step => step is not null));
        Assert.Equal("finished", lines[^1].GetProperty("event").GetString());
        Assert.Equal(80, lines[^1].GetProperty("steps").GetInt64());
        var saved = lines.Where(line => line.IsEvent("checkpoint_saved"));
        Assert.Equal([0L, 80L], saved.Select(line => line.GetProperty("version").GetInt64()));

        var sample = small.Training.Event("sample");
        Assert.Equal("the ", sample.GetProperty("prompt").GetString());
        Assert.Subset(small.Text.ToHashSet(), sample.GetProperty("text").GetString()!.ToHashSet());
    }

    [Fact]
    public void Metrics_hold_an_object_for_each_step_with_the_documented_properties()
    {
        var steps = small.Run.Steps;
        Assert.Equal(Enumerable.Range(0, 80).Select(step => (long?)step), steps.Select(TrainingObjects.Step));
        string[] documented =
        [
            "step", "epoch", "loss", "perplexity", "tokens", "tokens_per_second", "gradient_norm", "learning_rate",
            "seconds", "update_seconds", "compute_seconds",
        ];
        Assert.All(steps, step => Assert.Subset(
            step.EnumerateObject().Select(property => property.Name).ToHashSet(), documented.ToHashSet()));
        Assert.All(steps, step => Assert.Equal(0.01, step.GetProperty("learning_rate").GetDouble(), 1e-12));
    }

    [Fact]
    public void Piped_output_is_plain_lines()
    {
        var settings = small.Settings.ToList();
        settings[settings.IndexOf("--held-out") + 1] = "100";
        var result = RnnLmProcess.Run(small.Directory, [.. settings, "--run", "piped", "--steps", "80"]).Succeeded();
        Assert.DoesNotContain(result.Output, character => char.IsControl(character) && character != '\n');
        Assert.Contains(result.Lines, line => line.StartsWith("step 1/80  loss ", StringComparison.Ordinal));
        Assert.Contains(result.Lines, line => line.StartsWith("step 80/80  loss ", StringComparison.Ordinal));
        Assert.Contains(
            result.Lines,
            line => line.StartsWith("validation loss ", StringComparison.Ordinal)
                && line.Contains("perplexity", StringComparison.Ordinal));
        Assert.Contains(result.Lines, line => line.StartsWith("  the |", StringComparison.Ordinal));
        var (model, optimizer) = small.Directory.Run("piped").FinalHashes;
        Assert.Contains($"model.safetensors     sha256 {model}", result.Lines);
        Assert.Contains($"optimizer.safetensors sha256 {optimizer}", result.Lines);
    }

    /// <summary>The time left of such a run is more than any clock type holds.</summary>
    [Fact]
    public void A_run_of_more_steps_than_any_clock_can_time_shows_them_and_stops_when_asked()
    {
        using var process = RnnLmProcess.Start(
            small.Directory, [.. small.Settings, "--run", "long", "--steps", "9000000000000000000"]);
        process.WaitForLine("step 1/9000000000000000000  loss ");
        process.Signal("TERM");
        process.WaitForEnd().Refused(143, "--resume");
    }
}
