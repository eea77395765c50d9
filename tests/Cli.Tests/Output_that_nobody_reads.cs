namespace RnnLm.Cli.Tests;

/// <summary>Standard output that is full or closed costs what was to be printed and nothing else.</summary>
[Collection(SmallRun.Collection)]
public sealed class Output_that_nobody_reads(SmallRun small)
{
    private const int Storage = 6;

    [Theory]
    [InlineData("> /dev/full", "full")]
    [InlineData(">&-", "closed")]
    public void Training_goes_on_to_its_end(string redirection, string name)
    {
        RnnLmProcess.RunRedirected(small.Directory, redirection, [.. small.Settings, "--run", name, "--steps", "80"])
            .Refused(Storage, "standard output cannot be written");
        Assert.Equal(small.Run.FinalHashes, small.Directory.Run(name).FinalHashes);
    }

    [Theory]
    [InlineData("inspect", SmallRun.Name)]
    [InlineData("generate", "--run", SmallRun.Name, "--prompt", "the ")]
    [InlineData("plan", "--run", SmallRun.Name, "--steps", "0..9", "--json")]
    [InlineData("train", "--help")]
    public void A_command_says_so(params string[] arguments) =>
        RnnLmProcess.RunRedirected(small.Directory, "> /dev/full", arguments)
            .Refused(Storage, "standard output cannot be written");

    [Fact]
    public void The_exit_code_says_it_where_nothing_can_be_written_at_all() =>
        Assert.Equal(
            Storage, RnnLmProcess.RunRedirected(small.Directory, ">&- 2>&-", "inspect", SmallRun.Name).ExitCode);
}
