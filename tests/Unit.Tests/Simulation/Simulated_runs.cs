namespace RnnLm.Tests;

/// <summary>The whole trainer on virtual time, with everything that can go wrong.</summary>
public sealed class Simulated_runs
{
    /// <summary>A seed that fails is printed with its promise; <c>rnnlm simulate --seeds N --trace</c> replays it.
    /// </summary>
    [Fact]
    public void Five_thousand_disasters_break_no_promise()
    {
        var totals = Simulator.Run(1, 5_001, Faults.All, Environment.ProcessorCount, so => so.Failures.Count == 0);
        Assert.Empty(totals.Failures.Select(failure => $"seed {failure.Seed}: {failure.Broken}"));
        Assert.Equal(5_000, totals.Seeds);
        string[] missing =
        [
            .. Enum.GetValues<Faults>().Where(fault => fault is not Faults.None and not Faults.All)
                .Select(fault => fault.ToString()).Where(fault => totals.Counts.GetValueOrDefault(fault) < 100),
        ];
        Assert.Empty(missing);
    }

    [Fact]
    public void Without_faults_every_run_is_done_by_its_first_coordinator()
    {
        var totals = Simulator.Run(1, 201, Faults.None, Environment.ProcessorCount, _ => true);
        Assert.Empty(totals.Failures.Select(failure => $"seed {failure.Seed}: {failure.Broken}"));
        Assert.Equal(200, totals.Counts["end: done"]);
        Assert.Equal(["end: done"], totals.Counts.Keys.Where(what => what.StartsWith("end", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(11)]
    [InlineData(74)]
    [InlineData(1132)]
    public void A_seed_goes_the_same_way_every_time(long seed)
    {
        var lines = new List<string>();
        var first = Simulator.Run(seed, Faults.All, lines.Add);
        var second = Simulator.Run(seed, Faults.All);
        Assert.Equal((first.TraceHash, first.Events), (second.TraceHash, second.Events));
        Assert.NotEmpty(lines);
        Assert.NotEqual(first.TraceHash, Simulator.Run(seed + 1, Faults.All).TraceHash);
    }
}
