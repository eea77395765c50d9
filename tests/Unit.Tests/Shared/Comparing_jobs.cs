using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

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

    /// <summary>Runs from before there was a choice go on.</summary>
    [Fact]
    public void A_job_of_the_default_cell_is_written_and_hashed_as_before_there_were_others()
    {
        const string written = """
            {
              "corpus": {
                "hash": "c0",
                "fold_digits": true,
                "split_sentences": false
              },
              "tokenizer": {
                "spec": "char",
                "hash": "t0"
              },
              "plan": {
                "mode": "sentences",
                "context": 30,
                "batch_size": 128,
                "shards": 8,
                "held_out_per_mille": 10,
                "seed": 1
              },
              "model": {
                "vocabulary_size": 32011,
                "dimension": 128,
                "layers": 2,
                "padding_id": 32000
              },
              "seed": 1,
              "optimizer": {
                "learning_rate": 0.001,
                "beta1": 0.9,
                "beta2": 0.999,
                "epsilon": 1E-08,
                "clip_norm": 0,
                "schedule": {
                  "kind": "constant",
                  "warmup_steps": 0,
                  "total_steps": 0
                }
              },
              "initial_weights": null,
              "gradient_dtype": "float32",
              "numerics": "kind"
            }
            """;
        Assert.Equal(written, JsonSerializer.Serialize(Sample, JobFormat.JsonOptions));
        Assert.Equal(
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(written))), JobFormat.Hash(Sample));
        Assert.Equal(Sample, JsonSerializer.Deserialize<Job>(written, JobFormat.JsonOptions));

        var other = Sample with { Model = Sample.Model with { Cell = "gru" } };
        Assert.Equal(["model.cell is absent in the run, \"gru\" asked"], JobFormat.Differences(Sample, other));
        Assert.NotEqual(JobFormat.Hash(Sample), JobFormat.Hash(other));
        string text = JsonSerializer.Serialize(other, JobFormat.JsonOptions);
        Assert.Equal(other, JsonSerializer.Deserialize<Job>(text, JobFormat.JsonOptions));
    }

    /// <summary>What came later and is not used is not in the hash of a job; what is used is.</summary>
    [Fact]
    public void Recipes_are_part_of_the_job_where_they_are_used()
    {
        var optimizer = Sample.Optimizer;
        var schedule = optimizer.Schedule;
        Job[] others =
        [
            Sample with { InitUniform = 0.1 },
            Sample with { Optimizer = optimizer with { Kind = OptimizerKind.Adamw } },
            Sample with { Optimizer = optimizer with { WeightDecay = 0.01 } },
            Sample with { Optimizer = optimizer with { Kind = OptimizerKind.Sgd, Momentum = 0.9 } },
            Sample with
            {
                Optimizer = optimizer with
                {
                    Schedule = schedule with { Kind = ScheduleKind.EpochDecay, Decay = 0.5, StepsPerEpoch = 7 },
                },
            },
            Sample with
            {
                Optimizer = optimizer with
                {
                    Schedule = schedule with { Kind = ScheduleKind.Plateau, Decay = 0.5, EvaluateEvery = 7 },
                },
            },
        ];
        Assert.Equal(others.Length + 1, others.Append(Sample).Select(JobFormat.Hash).Distinct().Count());
        Assert.All(others, other => Assert.Equal(
            other, JsonSerializer.Deserialize<Job>(JsonSerializer.Serialize(other, JobFormat.JsonOptions),
                JobFormat.JsonOptions)));
        Assert.Equal(
            [
                "optimizer.schedule.decay is absent in the run, 0.5 asked",
                "optimizer.schedule.evaluate_every is absent in the run, 7 asked",
                "optimizer.schedule.kind is \"constant\" in the run, \"plateau\" asked",
            ],
            JobFormat.Differences(Sample, others[^1]));
        Assert.Contains(
            "optimizer.schedule.kind is \"constant\" in the run, \"epoch-decay\" asked",
            JobFormat.Differences(Sample, others[^2]));
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
