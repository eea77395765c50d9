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

    private string Generate(params string[] options)
    {
        string output = RnnLmProcess
            .Run(
                small.Directory,
                ["generate", "--run", SmallRun.Name, "--prompt", Prompt, "--tokens", "40", .. options])
            .Succeeded().Output;
        Assert.EndsWith("\n", output, StringComparison.Ordinal);
        return output[..^1];
    }
}
