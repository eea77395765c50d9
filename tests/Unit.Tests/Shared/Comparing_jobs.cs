namespace RnnLm.Tests;

public sealed class Comparing_jobs
{
    private static readonly Job Sample = new(
        new CorpusIdentity("c0", FoldDigits: true, SplitSentences: false),
        new TokenizerIdentity("char", "t0"),
        new PlanSettings(ExampleMode.Sentences, 30, 128, 8, 10, 1),
        new ModelSettings(32_011, 128, 2, 32_000),
        1,
        new OptimizerSettings(1e-3, 0.9, 0.999, 1e-8, 0, new LearningRateSchedule(ScheduleKind.Constant, 0, 0)),
        null,
        "float32",
        "kind");

    [Fact]
    public void Equal_jobs_have_equal_hashes_and_no_differences()
    {
        var copy = Sample with { Plan = Sample.Plan with { } };
        Assert.Empty(JobFormat.Differences(Sample, copy));
        Assert.Equal(JobFormat.Hash(Sample), JobFormat.Hash(copy));
    }

    [Fact]
    public void Each_setting_that_differs_is_named_with_both_values()
    {
        var other = Sample with
        {
            Plan = Sample.Plan with { Shards = 4 },
            Optimizer = Sample.Optimizer with { LearningRate = 0.5 },
        };
        var differences = JobFormat.Differences(Sample, other);
        Assert.Equal(
            ["optimizer.learning_rate is 0.001 in the run, 0.5 asked", "plan.shards is 8 in the run, 4 asked"],
            differences);
        Assert.NotEqual(JobFormat.Hash(Sample), JobFormat.Hash(other));
    }
}
