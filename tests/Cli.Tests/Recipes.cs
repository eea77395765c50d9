using System.Text.Json.Nodes;
using RnnLm.Storage;

namespace RnnLm.Cli.Tests;

/// <summary>Optimizers, schedules, first values and patience, as a user gives them.</summary>
public sealed class Recipes : IDisposable
{
    private const int BadInput = 3;
    private const string Run = "run";

    private readonly TemporaryDirectory _directory = new();

    public Recipes() => _directory.Write("corpus.txt", SmallText.Sentences(60));

    /// <summary>What optimizer.safetensors holds, and that a run goes on from it.</summary>
    [Theory]
    [InlineData("--optimizer adam --weight-decay 0.01", "first_moment", "second_moment")]
    [InlineData("--optimizer adamw", "first_moment", "second_moment")]
    [InlineData("--optimizer sgd --momentum 0.9 --weight-decay 0.01", "momentum")]
    [InlineData("--optimizer sgd")]
    public void A_run_goes_on_from_the_moments_that_its_optimizer_has(string options, params string[] moments)
    {
        string[] recipe = options.Split(' ');
        Train(["--run", "undisturbed", "--steps", "6", .. recipe]).Succeeded();
        Train(["--run", Run, "--steps", "3", .. recipe]).Succeeded();
        Resume("--steps", "6").Succeeded();
        Assert.Equal(_directory.Run("undisturbed").FinalHashes, _directory.Run(Run).FinalHashes);
        Assert.Empty(RnnLmProcess.Run(_directory, "inspect", Run).Succeeded().Error);

        using var file = SafetensorsFile.Open(Path.Combine(_directory.Root, Run, "final", "optimizer.safetensors"));
        var layout = ParameterLayout.For(_directory.Run(Run).Job.Model);
        Assert.Equal(
            moments.SelectMany(moment => layout.Segments.Select(segment => $"{moment}.{segment.Name}")),
            file.Tensors.Select(tensor => tensor.Name));
        Assert.Null(FinalState()["plateau"]);
    }

    [Fact]
    public void What_adamw_takes_off_is_given_or_what_PyTorch_takes()
    {
        Train("--run", "a", "--steps", "1", "--optimizer", "adamw").Succeeded();
        Train("--run", "b", "--steps", "1", "--optimizer", "adamw", "--weight-decay", "0").Succeeded();
        Assert.Equal(0.01, _directory.Run("a").Job.Optimizer.WeightDecay);
        Assert.Equal(0, _directory.Run("b").Job.Optimizer.WeightDecay);
        RnnLmProcess.Run(_directory, "train", "--run", "b", "--resume", "--steps", "2").Succeeded();
        Assert.Equal(2, _directory.Run("b").FinalStep);
    }

    [Fact]
    public void An_epoch_decay_goes_by_the_epochs_of_the_plan_and_its_rates_are_in_the_metrics()
    {
        Train(
            "--run", Run, "--epochs", "3", "--batch", "64", "--schedule", "epoch-decay", "--decay", "0.5", "--lr",
            "0.01").Succeeded();
        var steps = _directory.Run(Run).Steps;
        Assert.Equal(3, steps.Select(step => step.GetProperty("epoch").GetInt64()).Distinct().Count());
        Assert.All(steps, step => Assert.Equal(
            0.01 * Math.Pow(0.5, step.GetProperty("epoch").GetInt64()),
            step.GetProperty("learning_rate").GetDouble(),
            1e-15));
        Assert.Equal(steps.Count, 3 * _directory.Run(Run).Job.Optimizer.Schedule.StepsPerEpoch);
    }

    [Fact]
    public void The_horizon_of_a_cosine_is_given_or_the_last_step_of_the_beginning()
    {
        Train("--run", "given", "--steps", "3", "--schedule", "cosine", "--schedule-steps", "6").Succeeded();
        Train("--run", "not-given", "--steps", "6", "--schedule", "cosine").Succeeded();
        RnnLmProcess.Run(_directory, "train", "--run", "given", "--resume", "--steps", "6").Succeeded();
        Assert.Equal(6, _directory.Run("not-given").Job.Optimizer.Schedule.TotalSteps);
        Assert.Equal(_directory.Run("not-given").Job, _directory.Run("given").Job);
        Assert.Equal(_directory.Run("not-given").FinalHashes, _directory.Run("given").FinalHashes);
        RnnLmProcess.Run(_directory, "train", "--run", "given", "--resume", "--schedule-steps", "9")
            .Refused(BadInput, "another job", "optimizer.schedule.total_steps is 6 in the run, 9 asked");
    }

    [Fact]
    public void What_a_plateau_goes_by_is_part_of_the_job()
    {
        _directory.Write("valid.txt", SmallText.Sentences(20));
        Train(
            "--run", Run, "--steps", "2", "--schedule", "plateau", "--decay", "0.5", "--evaluate-every", "2", "--valid",
            "valid.txt").Succeeded();
        Resume("--evaluate-every", "3")
            .Refused(BadInput, "another job", "optimizer.schedule.evaluate_every is 2 in the run, 3 asked");
        _directory.Write("valid.txt", SmallText.Sentences(21));
        Resume().Refused(BadInput, "another job", "optimizer.schedule.validation_hash is ");
        _directory.Write("valid.txt", SmallText.Sentences(20));
        Resume("--steps", "4", "--checkpoint-every", "1").Succeeded();
        Assert.Equal(["best_loss", "factor"], FinalState()["plateau"]!.AsObject().Select(entry => entry.Key));

        string config = Path.Combine(_directory.Root, Run, "config.json");
        File.WriteAllText(
            config,
            File.ReadAllText(config).Replace(
                "\"evaluate_every\": 2,\n  \"check", "\"evaluate_every\": 5,\n  \"check", StringComparison.Ordinal));
        RnnLmProcess.Run(_directory, "inspect", Run).Refused(BadInput, "evaluate_every or validation_hash is not its");
    }

    /// <summary>At such a rate nothing improves.</summary>
    [Fact]
    public void A_run_that_is_out_of_patience_is_done_and_one_with_more_goes_on()
    {
        var first = Train(
            "--run", Run, "--steps", "50", "--optimizer", "sgd", "--lr", "1000", "--clip", "1", "--evaluate-every", "1",
            "--patience", "2").Succeeded();
        long end = first.Event("finished").GetProperty("steps").GetInt64();
        Assert.InRange(end, 3, 49);
        Assert.Equal((end, 2), EndOf(first));

        // As the configuration has it.
        var again = Resume().Succeeded();
        Assert.Equal((end, 2), EndOf(again));
        Assert.Equal(end, again.Event("finished").GetProperty("steps").GetInt64());

        var further = Resume("--patience", "3").Succeeded();
        Assert.Equal((end + 1, 3), EndOf(further));
        Assert.Equal(end + 1, _directory.Run(Run).FinalStep);
        string[] said = ["--run", Run, "--resume", "--patience", "1"];
        Assert.Contains(
            $"step {end + 1}: the last 3 evaluations have not improved on the best, so the run ends here (--patience)",
            RnnLmProcess.Run(_directory, ["train", .. said]).Succeeded().Lines);
    }

    /// <summary>At such a rate the first steps are the best.</summary>
    [Theory]
    [InlineData("--cell", "elman")]
    [InlineData("--bptt", "12", "--cell", "gru")]
    public void The_best_checkpoint_is_read_where_it_is_asked_for(params string[] options)
    {
        _directory.Write("valid.txt", SmallText.Sentences(20));
        string[] recipe = ["--valid", "valid.txt", "--optimizer", "sgd", "--lr", "1000", "--clip", "1", .. options];
        var events = Train(["--run", Run, "--steps", "6", "--evaluate-every", "1", .. recipe]).Succeeded().Objects;
        var evaluations = events.Where(line => line.IsEvent("evaluated")).ToDictionary(
            line => line.GetProperty("version").GetInt64(), line => line.GetProperty("loss").GetDouble());
        long best = evaluations.MinBy(evaluation => evaluation.Value).Key;
        Assert.InRange(best, 0, 5);
        foreach (var (step, which) in new[] { (6L, Array.Empty<string>()), (best, ["--best"]) })
        {
            var figures = Reading(Run, ["evaluate", "--corpus", "valid.txt", "--json", .. which]).Objects.Single();
            Assert.Equal(step, figures.GetProperty("step").GetInt64());
            Assert.Equal(evaluations[step], figures.GetProperty("loss").GetDouble(), 1e-9 * evaluations[step]);
        }

        // Which it is of a run that ended there.
        Train(["--run", "shorter", "--steps", $"{best}", .. recipe]).Succeeded();
        string[] generate = ["generate", "--prompt", "the ", "--tokens", "40"];
        Assert.Equal(Reading("shorter", generate).Output, Reading(Run, [.. generate, "--best"]).Output);
        Assert.NotEqual(Reading("shorter", generate).Output, Reading(Run, generate).Output);
    }

    [Fact]
    public void A_run_without_validation_has_no_best()
    {
        Train("--run", Run, "--steps", "1", "--held-out", "0").Succeeded();
        RnnLmProcess.Run(_directory, "evaluate", "--run", Run, "--corpus", "corpus.txt", "--best")
            .Refused(BadInput, "no checkpoint that was validated", "leave out --best");
    }

    [Fact]
    public void First_values_are_in_the_range_that_is_given()
    {
        Train("--run", Run, "--steps", "0", "--init-uniform", "0.05").Succeeded();
        var layout = ParameterLayout.For(_directory.Run(Run).Job.Model);
        foreach (var segment in layout.Segments)
        {
            double[] values = _directory.Run(Run).Parameter("final", segment.Name);
            Assert.All(values, value => Assert.InRange(value, -0.05, 0.05));
            Assert.True(values.Min() < -0.03 && values.Max() > 0.03, segment.Name);
        }

        RnnLmProcess.Run(_directory, "train", "--run", Run, "--resume", "--init-uniform", "0.1", "--steps", "1")
            .Refused(BadInput, "another job", "init_uniform is 0.05 in the run, 0.1 asked");
    }

    public void Dispose() => _directory.Dispose();

    private static (long Version, long Evaluations) EndOf(ProcessResult result)
    {
        var end = result.Event("out_of_patience");
        return (end.GetProperty("version").GetInt64(), end.GetProperty("evaluations").GetInt64());
    }

    private JsonNode FinalState() =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(_directory.Root, Run, "final", "state.json")))!;

    private ProcessResult Train(params string[] options)
    {
        // What an option says once more takes the place of what is said here.
        List<string> settings =
        [
            "train", "--corpus", "corpus.txt", "--preset", "char", "--dimension", "16", "--layers", "1", "--context",
            "12", "--warmup", "0", "--json",
        ];
        (string Option, string Value)[] usual = [("--batch", "8"), ("--schedule", "constant")];
        settings.AddRange(usual.Where(each => !options.Contains(each.Option)).SelectMany(
            each => new[] { each.Option, each.Value }));
        return RnnLmProcess.Run(_directory, [.. settings, .. options]);
    }

    private ProcessResult Reading(string run, string[] command) =>
        RnnLmProcess.Run(_directory, [.. command, "--run", run]).Succeeded();

    private ProcessResult Resume(params string[] options) =>
        RnnLmProcess.Run(_directory, ["train", "--run", Run, "--resume", "--json", .. options]);
}
