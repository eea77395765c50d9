using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace RnnLm.Cli.Tests;

[Collection(SmallRun.Collection)]
public sealed class Run_that_cannot_be_used(SmallRun small) : IDisposable
{
    private const int Usage = 2;
    private const int BadInput = 3;

    private readonly TemporaryDirectory _empty = new();

    [Fact]
    public void Prompt_with_characters_that_the_vocabulary_lacks() =>
        RnnLmProcess.Run(small.Directory, "generate", "--run", SmallRun.Name, "--prompt", "the Zoo")
            .Refused(BadInput, "'Z'", "U+005A", "leave it out");

    [Fact]
    public void Empty_prompt() =>
        RnnLmProcess.Run(small.Directory, "generate", "--run", SmallRun.Name, "--prompt", "")
            .Refused(Usage, "--prompt", "empty", "at least one character");

    [Fact]
    public void Temperature_below_zero() =>
        RnnLmProcess.Run(small.Directory, "generate", "--run", SmallRun.Name, "--prompt", "the", "--temperature", "-1")
            .Refused(Usage, "--temperature", "-1", "0 or more");

    [Fact]
    public void Steps_that_are_no_range() =>
        RnnLmProcess.Run(small.Directory, "plan", "--run", SmallRun.Name, "--steps", "5..5")
            .Refused(Usage, "--steps 5..5", "A..B");

    [Fact]
    public void Run_of_another_job_with_the_settings_that_differ()
    {
        var before = NamesWithoutLease();
        var hashes = small.Run.FinalHashes;
        var settings = small.Settings.ToList();
        settings[settings.IndexOf("--dimension") + 1] = "8";
        settings[settings.IndexOf("--lr") + 1] = "0.5";
        RnnLmProcess.Run(small.Directory, [.. settings, "--run", SmallRun.Name, "--steps", "90"])
            .Refused(
                BadInput,
                SmallRun.Name,
                "another job",
                "model.dimension is 16 in the run, 8 asked",
                "optimizer.learning_rate is 0.01 in the run, 0.5 asked",
                "another --run");
        Assert.Equal(before, NamesWithoutLease());
        Assert.Equal(hashes, small.Run.FinalHashes);
    }

    [Fact]
    public void Run_of_the_same_job_without_resume() =>
        RnnLmProcess.Run(small.Directory, [.. small.Settings, "--run", SmallRun.Name, "--steps", "90"])
            .Refused(BadInput, SmallRun.Name, "add --resume");

    [Fact]
    public void Directory_with_other_things_in_it()
    {
        _empty.Write("corpus.txt", SmallText.Sentences(10));
        _empty.Write("thesis.tex", "mine");
        RnnLmProcess.Run(_empty, "train", "--corpus", "corpus.txt", "--tokenizer", "char", "--run", ".")
            .Refused(BadInput, "is not a run", "choose a new or empty directory");
        Assert.Equal(["corpus.txt", "thesis.tex"], _empty.Everything);
    }

    [Theory]
    [InlineData("evaluate", "--corpus", "corpus.txt")]
    [InlineData("generate", "--prompt", "a")]
    [InlineData("plan", "--steps", "0..1")]
    [InlineData("train", "--corpus", "corpus.txt", "--resume")]
    public void Missing_run(string command, params string[] options)
    {
        RnnLmProcess.Run(_empty, [command, "--run", "nowhere", .. options])
            .Refused(BadInput, "no run", "nowhere", "check the path");
        Assert.Empty(_empty.Everything);
    }

    [Fact]
    public void Resuming_with_another_text()
    {
        _empty.Write("corpus.txt", SmallText.Sentences(30));
        RnnLmProcess.Run(
            _empty,
            "train", "--corpus", "corpus.txt", "--run", "run", "--preset", "char", "--dimension", "16",
            "--layers", "1", "--context", "12", "--steps", "1").Succeeded();
        _empty.Write("corpus.txt", SmallText.Sentences(31));
        RnnLmProcess.Run(_empty, "train", "--run", "run", "--resume", "--steps", "2")
            .Refused(BadInput, "another job", "corpus.hash");
        Assert.Equal(1, _empty.Run("run").FinalStep);
    }

    /// <summary>Configurations that a hand or a disk may have spoiled; the message names what is wrong.</summary>
    [Theory]
    [InlineData("corpus", "[null]", "corpus")]
    [InlineData("corpus", "[\"\"]", "corpus", "empty")]
    [InlineData("keep_last", "0", "keep_last 0", "1 or more")]
    [InlineData("total_steps", "null", "total_steps", "missing")]
    [InlineData("evaluate_every", "\"often\"", "evaluate_every often", "whole number")]
    [InlineData("prompts", "{}", "prompts")]
    [InlineData("self_test", "\"x\"", "self_test")]
    [InlineData("job", "\"x\"", "job")]
    [InlineData("job", "null", "no job")]
    [InlineData("job_hash", "\"x\"", "job_hash")]
    [InlineData("job.model.cell", "\"gru2\"", "job.model.cell gru2", "no such cell, only", "elman")]
    [InlineData("format", "\"two\"", "format")]
    [InlineData("format", "5", "its format is 5")]
    [InlineData("format", "3", "is of format 3", "computes", "cannot go on with it")]
    [InlineData("format", "2", "is of format 2", "names its files otherwise")]
    [InlineData("format", "1", "is of format 1", "use the version that made it", "--init")]
    public void Run_whose_configuration_is_not_as_it_was_written(string key, string value, params string[] said)
    {
        Directory.CreateDirectory(Path.Combine(_empty.Root, "run"));
        string original = File.ReadAllText(Path.Combine(small.Directory.Root, SmallRun.Name, "config.json"));
        var config = (JsonObject)JsonNode.Parse(original)!;
        config.Set(key, JsonNode.Parse(value));
        _empty.Write("run/config.json", config.ToJsonString());
        RnnLmProcess.Run(_empty, "inspect", "run").Refused(BadInput, ["config.json", .. said]);
    }

    /// <summary>Whoever forges a checkpoint can forge its DONE as well.</summary>
    [Theory]
    [InlineData("job", "\"x\"")]
    [InlineData("step", "-1")]
    [InlineData("ledger", "null")]
    [InlineData("validation_loss", "\"low\"")]
    public void Checkpoint_whose_state_is_forged(string key, string value)
    {
        string from = Path.Combine(small.Directory.Root, SmallRun.Name, "final");
        string to = Directory.CreateDirectory(Path.Combine(_empty.Root, "checkpoint")).FullName;
        var hashes = new StringBuilder();
        foreach (string name in new[] { "model.safetensors", "optimizer.safetensors", "state.json" })
        {
            File.Copy(Path.Combine(from, name), Path.Combine(to, name));
            if (name == "state.json")
            {
                var state = JsonNode.Parse(File.ReadAllText(Path.Combine(to, name)))!;
                state[key] = JsonNode.Parse(value);
                File.WriteAllText(Path.Combine(to, name), state.ToJsonString());
            }

            hashes.Append(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(to, name)))))
                .Append($"  {name}\n");
        }

        File.WriteAllText(Path.Combine(to, "DONE"), hashes.ToString());
        RnnLmProcess.Run(_empty, "inspect", "checkpoint")
            .Refused(BadInput, "state.json cannot be parsed", "use another checkpoint");
    }

    [Fact]
    public void Run_whose_name_has_a_line_feed() =>
        RnnLmProcess.Run(_empty, "inspect", "two\nlines").Refused(BadInput, "two\\nlines", "no run");

    public void Dispose() => _empty.Dispose();

    /// <summary>Who is refused has taken the lease before.</summary>
    private List<string> NamesWithoutLease() =>
        [.. small.Directory.Everything.Where(name => !Path.GetFileName(name).StartsWith("lease."))];
}
