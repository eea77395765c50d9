namespace RnnLm.Tests;

/// <summary>What a profile says of a run is what the run has done.</summary>
public sealed class Profiled_runs
{
    private const int Shards = 8;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Each_shard_of_each_step_is_there_once_and_the_tree_around_it(int threads)
    {
        var (profile, hashes) = await TrainAsync(workers: 1, threads);
        var (undisturbed, _) = await SmallJob.TrainAsync(workers: 1, threads: 1);
        Assert.Equal(undisturbed, hashes);
        profile.RequireSound();

        Assert.Equal(
            from step in Enumerable.Range(0, SmallJob.Steps)
            from shard in Enumerable.Range(0, Shards)
            select ((long?)step, $"shard {shard}"),
            profile.Work.Where(it => it.Name.StartsWith("shard ", StringComparison.Ordinal))
                .Select(it => (it.Version, it.Name))
                .OrderBy(it => it));
        var added = profile.Work.Where(it => it.Name.StartsWith("add ", StringComparison.Ordinal)).ToArray();
        Assert.Equal(SmallJob.Steps * (Shards - 1), added.Length);
        Assert.Equal(SmallJob.Steps, added.Count(it => it.Name == "add 0-7"));
        Assert.Single(profile.Work, it => it.Name == "self-test");

        // Evaluated are versions 3 and 6, on eight pieces.
        Assert.Equal(
            from version in new long?[] { 3, 6 }
            from piece in Enumerable.Range(0, Shards)
            select (version, $"piece {piece}"),
            profile.Work.Where(it => it.Name.StartsWith("piece ", StringComparison.Ordinal))
                .Select(it => (it.Version, it.Name))
                .OrderBy(it => it));
        Assert.Subset(
            Enumerable.Range(0, threads).Select(thread => $"worker-0/{thread}").ToHashSet(),
            Names(profile, "worker").ToHashSet());
    }

    [Fact]
    public async Task The_coordinators_threads_prepare_add_and_update()
    {
        var (profile, _) = await TrainAsync(workers: 2, threads: 1);
        profile.RequireSound();
        foreach (int step in Enumerable.Range(0, SmallJob.Steps))
        {
            var prepared = Assert.Single(profile.Work, it => it.Name == $"prepare step {step}");
            var updated = Assert.Single(profile.Work, it => it.Name == $"update {step}");
            var shards = profile.Work
                .Where(it => it.Version == step && it.Name.StartsWith("shard ", StringComparison.Ordinal))
                .ToArray();

            // Two workers may compute a shard both, when one of them is late.
            Assert.Equal(Shards, shards.Select(it => it.Name).Distinct().Count());
            Assert.All(shards, it => Assert.True(it.Begin >= prepared.End));
            Assert.All(
                shards.GroupBy(it => it.Name), same => Assert.True(same.Min(it => it.End) <= updated.Begin));
        }

        Assert.Subset(new HashSet<string> { "worker-0/0", "worker-1/0" }, Names(profile, "worker").ToHashSet());
        var coordinator = Names(profile, "coordinator").SelectMany(name => profile.Threads[name]).ToHashSet();
        Assert.All(
            profile.Work.Where(it => it.Version is null && it.Name != "self-test"),
            it => Assert.Contains(it.Thread!.Value, coordinator));
    }

    private static IEnumerable<string> Names(ProfileFile profile, string beginning) => profile.Threads
        .Select(threads => threads.Key)
        .Where(name => name.StartsWith(beginning, StringComparison.Ordinal));

    private static async Task<(ProfileFile Profile, IReadOnlyList<string> Hashes)> TrainAsync(int workers, int threads)
    {
        using var file = new MemoryStream();
        using var profiler = new Profiler(file, "test", TimeProvider.System);
        var (hashes, _) = await SmallJob.TrainAsync(workers, threads, profiler: profiler);
        profiler.Dispose();
        Assert.Null(profiler.WhyIncomplete);
        return (ProfileFile.Parse(file.ToArray()), hashes);
    }
}
