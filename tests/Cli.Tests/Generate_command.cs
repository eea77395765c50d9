namespace RnnLm.Cli.Tests;

[Collection(SmallRun.Collection)]
public sealed class Generate_command(SmallRun small)
{
    private const string Prompt = "the ";

    [Fact]
    public void The_same_seed_gives_the_same_text_and_another_seed_another()
    {
        string text = Generate("--seed", "5");
        Assert.Equal(text, Generate("--seed", "5"));
        Assert.NotEqual(text, Generate("--seed", "6"));
        Assert.StartsWith(Prompt, text, StringComparison.Ordinal);
        Assert.Equal(Prompt.Length + 40, text.Length);
        Assert.Subset(small.Text.ToHashSet(), text.ToHashSet());
    }

    [Fact]
    public void Temperature_zero_and_the_single_most_likely_token_are_the_same_whatever_the_seed()
    {
        string greedy = Generate("--temperature", "0", "--seed", "1");
        Assert.Equal(greedy, Generate("--top-k", "1", "--seed", "2"));
        Assert.NotEqual(greedy, Generate("--seed", "1"));
    }

    [Fact]
    public void The_nucleus_of_the_single_most_likely_token_is_that_token_and_that_of_all_is_everything()
    {
        Assert.Equal(Generate("--temperature", "0"), Generate("--top-p", "1e-9", "--seed", "2"));
        Assert.Equal(Generate("--seed", "5"), Generate("--top-p", "1", "--seed", "5"));
        Assert.NotEqual(Generate("--seed", "5"), Generate("--top-p", "0.3", "--seed", "5"));
    }

    [Fact]
    public void Each_of_several_prompts_has_the_text_that_it_has_alone_in_their_order()
    {
        string[] prompts = ["the ", "a dog sees the moon.\n", "o", "the ", "our ship likes "];
        string[] options = ["--tokens", "70", "--temperature", "1.3", "--top-p", "0.9", "--seed", "11"];
        var alone = prompts.Select(prompt => Run(["--prompt", prompt, .. options])).ToArray();
        Assert.Equal(
            string.Concat(alone), Run([.. prompts.SelectMany(prompt => new[] { "--prompt", prompt }), .. options]));
        Assert.Equal(4, alone.Distinct().Count());
    }

    [Fact]
    public void Json_is_an_object_a_prompt()
    {
        var objects = RnnLmProcess.Run(
            small.Directory,
            "generate", "--run", SmallRun.Name, "--prompt", "the ", "--prompt", "a bird", "--tokens", "30", "--json")
            .Succeeded().Objects;
        Assert.Equal(["the ", "a bird"], objects.Select(line => line.GetProperty("prompt").GetString()));
        Assert.All(objects, line =>
        {
            Assert.Equal(["prompt", "text", "tokens"], line.EnumerateObject().Select(property => property.Name));
            Assert.Equal(30, line.GetProperty("tokens").GetInt32());
            Assert.Equal(30, line.GetProperty("text").GetString()!.Length);
            string prompt = line.GetProperty("prompt").GetString()!;
            Assert.Equal(
                prompt + line.GetProperty("text").GetString() + "\n", Run("--prompt", prompt, "--tokens", "30"));
        });
    }

    /// <summary>A pipe gets the text piece by piece: the last token of this one is drawn after a day.</summary>
    [Fact]
    public void A_text_appears_as_it_is_drawn()
    {
        using var process = RnnLmProcess.Start(
            small.Directory, "generate", "--run", SmallRun.Name, "--prompt", Prompt, "--tokens", "2000000000");
        process.WaitForLine(Prompt);
        process.WaitForLine(".");
    }

    /// <summary>Sentences that were enclosed in a start and an end token.</summary>
    [Fact]
    public void A_text_ends_at_the_end_token()
    {
        RnnLmProcess.Run(
            small.Directory,
            "train", "--corpus", SmallRun.CorpusName, "--preset", "quick", "--tokenizer", "word", "--dimension", "16",
            "--held-out", "0", "--steps", "60", "--run", "sentences").Succeeded();
        var sentence = RnnLmProcess.Run(
            small.Directory,
            "generate", "--run", "sentences", "--prompt", "the cat", "--tokens", "1000", "--temperature", "0", "--json")
            .Succeeded().Objects[0];
        Assert.InRange(sentence.GetProperty("tokens").GetInt32(), 1, 30);
        Assert.EndsWith(".", sentence.GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_printed_when_one_of_several_prompts_cannot_be_used()
    {
        var result = RnnLmProcess.Run(
            small.Directory, "generate", "--run", SmallRun.Name, "--prompt", Prompt, "--prompt", "é");
        result.Refused(3, "'é'", "not among");
        Assert.Empty(result.Output);
    }

    private string Run(params string[] options) =>
        RnnLmProcess.Run(small.Directory, ["generate", "--run", SmallRun.Name, .. options]).Succeeded().Output;

    private string Generate(params string[] options)
    {
        string output = Run(["--prompt", Prompt, "--tokens", "40", .. options]);
        Assert.EndsWith("\n", output, StringComparison.Ordinal);
        return output[..^1];
    }
}
