namespace RnnLm.Cli.Tests;

/// <summary>The command around the simulator.</summary>
public sealed class Simulate_command : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void A_seed_goes_the_same_way_in_another_process()
    {
        string first = Simulate("--seeds", "74", "--trace");
        Assert.Contains("every promise kept", first, StringComparison.Ordinal);
        Assert.Equal(first, Simulate("--seeds", "74", "--trace"));
        Assert.Equal(first.Split('\n')[^2], Simulate("--seeds", "74").TrimEnd());
    }

    [Fact]
    public void Many_seeds_end_with_what_came()
    {
        string output = Simulate("--seeds", "1..101", "--faults", "kill,power");
        Assert.Contains("100 seeds, ", output, StringComparison.Ordinal);
        Assert.Contains("Kill", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Partition", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--seeds", "5..5", "A..B")]
    [InlineData("--faults", "kill,plague", "plague")]
    [InlineData("--trace", "--seeds=1..3", "one seed")]
    public void It_refuses(string option, string value, string said) =>
        RnnLmProcess.Run(_directory, "simulate", option, value).Refused(2, said);

    public void Dispose() => _directory.Dispose();

    private string Simulate(params string[] options) =>
        RnnLmProcess.Run(_directory, ["simulate", .. options]).Succeeded().Output;
}
