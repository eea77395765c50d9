using System.Text.Json;

namespace RnnLm.Cli.Tests;

/// <summary>In the environment, and in a file.</summary>
public sealed class Options_that_stand_elsewhere : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public Options_that_stand_elsewhere() =>
        _directory.Write("text.txt", string.Concat(Enumerable.Repeat("hello world\n", 50)));

    [Fact]
    public void The_command_line_has_precedence_then_the_environment_then_the_file()
    {
        _directory.Write(
            "options.json", """{"dimension": 8, "steps": 9, "corpus": ["text.txt"], "seed": 5, "json": true}""");
        RnnLmProcess.RunWith(
            _directory,
            ["RNNLM_STEPS=2", "RNNLM_TOKENIZER=char", "RNNLM_SEED=6", "RNNLM_LAYERS=", "RNNLM_PORT=tcp://10.0.0.1:80"],
            "train", "--run", "run", "--config", "options.json", "--seed", "7").Succeeded();
        using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(_directory.Root, "run/config.json")));
        var job = config.RootElement.GetProperty("job");
        Assert.Equal(
            (7, 8, 2),
            (
                job.GetProperty("seed").GetInt32(),
                job.GetProperty("model").GetProperty("dimension").GetInt32(),
                config.RootElement.GetProperty("total_steps").GetInt32()));
        Assert.Equal(
            RnnLmProcess.Run(_directory, "inspect", "run", "--plan").Succeeded().Output,
            RnnLmProcess.RunWith(_directory, ["RNNLM_PLAN=true"], "inspect", "--", "run").Succeeded().Output);
    }

    /// <summary>The preset folds digits, one id for all of them.</summary>
    [Theory]
    [InlineData("true", true)]
    [InlineData("false", false)]
    public void A_switch_is_on_or_off(string value, bool folds)
    {
        _directory.Write("options.json", $$"""{"fold_digits": {{value}}, "split_sentences": false}""");
        RnnLmProcess.RunWith(
            _directory, ["RNNLM_CONFIG=options.json", "RNNLM_SPLIT_SENTENCES=true"], "train", "--run", "run",
            "--corpus", "text.txt", "--tokenizer", "char", "--dimension", "8", "--steps", "1").Succeeded();
        var corpus = _directory.Run("run").Job.Corpus;
        Assert.Equal((folds, true), (corpus.FoldDigits, corpus.SplitSentences));
    }

    [Fact]
    public void Several_values_have_spaces_between_them() =>
        RnnLmProcess.RunWith(
            _directory, ["RNNLM_SEED_NODE=127.0.0.1:4053 203.0.113.1:4053"], "worker")
            .Refused(3, "203.0.113.1:4053 neither");

    [Fact]
    public void A_value_that_cannot_be_is_refused_as_on_the_command_line() =>
        RnnLmProcess.RunWith(_directory, ["RNNLM_THREADS=many"], "worker", "--seed-node", "127.0.0.1:4053")
            .Refused(2, "--threads many", "whole number");

    [Theory]
    [InlineData("""{"stepz": 3}""", "'stepz' is no option of any command")]
    [InlineData("""{"steps": """, "cannot be read")]
    [InlineData(null, "cannot be read")]
    public void A_file_that_cannot_be_used_is_refused(string? content, string reason)
    {
        if (content is not null)
        {
            _directory.Write("options.json", content);
        }

        RnnLmProcess.RunWith(_directory, ["RNNLM_CONFIG=options.json"], "train", "--run", "run")
            .Refused(3, "--config 'options.json'", reason);
    }

    /// <summary>They are told what they need, and would be refused for what is meant for another.</summary>
    [Fact]
    public void Worker_processes_read_none() =>
        RnnLmProcess.RunWith(
            _directory,
            ["RNNLM_LISTEN=nowhere", "RNNLM_PROCESSES=1", "RNNLM_STEPS=2", "RNNLM_DIMENSION=8"],
            "train", "--run", "run", "--corpus", "text.txt", "--tokenizer", "char", "--max-restarts", "0").Succeeded();

    public void Dispose() => _directory.Dispose();
}
