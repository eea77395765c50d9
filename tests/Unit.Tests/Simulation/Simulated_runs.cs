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
        Assert.Equal(200, totals.Counts["end: Done"]);
        Assert.Equal(["end: Done"], totals.Counts.Keys.Where(what => what.StartsWith("end", StringComparison.Ordinal)));
    }

    /// <summary>Akka's mailboxes, timers, death watch and dead letters do what the simulation's hosts do, to the line
    /// of the trace.</summary>
    [Fact]
    public void Two_hundred_disasters_go_the_same_way_through_the_products_actors()
    {
        var different = new List<string>();
        var thread = new Thread(() =>
        {
            for (long seed = 1; seed <= 200; seed++)
            {
                var plain = Simulator.Run(seed, Faults.All);
                var actors = Simulator.Run(seed, Faults.All, new ActorHosting(), null);
                if (actors.TraceHash != plain.TraceHash || actors.Broken is not null)
                {
                    different.Add($"seed {seed}: {actors.Broken}");
                }
            }
        });
        thread.Start();
        thread.Join();
        Assert.Empty(different);
    }

    /// <summary>Alone, again, and side by side with others.</summary>
    [Fact]
    public void A_seed_goes_the_same_way_every_time()
    {
        var lines = new List<string>();
        ulong traces = 0;
        var different = new HashSet<ulong>();
        for (long seed = 1; seed <= 50; seed++)
        {
            var result = Simulator.Run(seed, Faults.All, lines.Add);
            traces += result.TraceHash;
            different.Add(result.TraceHash);
        }

        Assert.Equal(50, different.Count);
        Assert.NotEmpty(lines);
        Assert.Equal(traces, Simulator.Run(1, 51, Faults.All, threads: 4, _ => true).TraceHash);
    }
}
