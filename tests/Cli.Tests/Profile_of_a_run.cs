using RnnLm.Tests;

namespace RnnLm.Cli.Tests;

[Collection(SmallRun.Collection)]
public sealed class Profile_of_a_run(SmallRun small)
{
    private const string Name = "profile.json";
    private const int Steps = 80;

    [Fact]
    public void Has_every_shard_update_checkpoint_and_the_speed_and_changes_no_bit()
    {
        RnnLmProcess.Run(
            small.Directory,
            [.. small.Settings, "--run", "profiled", "--steps", $"{Steps}", "--threads", "2", "--profile", Name])
            .Succeeded();
        Assert.Equal(small.Run.FinalHashes, small.Directory.Run("profiled").FinalHashes);
        var profile = Read(small.Directory, Name);
        profile.RequireSound();
        Assert.Equal(Steps * SmallRun.Shards, Count(profile, "shard "));
        Assert.Equal(Steps * (SmallRun.Shards - 1), Count(profile, "add "));
        Assert.Equal(Steps, Count(profile, "update "));
        Assert.Equal(Steps, Count(profile, "prepare step "));
        Assert.Equal(["checkpoint 0", $"checkpoint {Steps}"], profile.Work
            .Select(it => it.Name).Where(name => name.StartsWith("checkpoint ", StringComparison.Ordinal)));
        double[] speeds = [.. profile.Events
            .Where(it => it is { Phase: "C", Name: "tokens per second" })
            .Select(it => it.Arguments!.Value.GetProperty("tokens per second").GetDouble())];
        Assert.Equal(
            small.Directory.Run("profiled").Steps.Select(step => step.GetProperty("tokens_per_second").GetDouble()),
            speeds);
    }

    /// <summary>The file of before is replaced.</summary>
    [Fact]
    public void Of_a_run_that_is_stopped_is_whole()
    {
        using var run = new EndlessRun(shards: 2, "--profile", Name);
        run.Directory.Write(Name, new string('x', 10_000));
        using var process = run.Start(checkpointEvery: 0);
        process.WaitForStep(5);
        process.Signal("INT");
        process.WaitForEnd().Refused(130, "--resume");
        var profile = Read(run.Directory, Name);
        profile.RequireSound();
        Assert.InRange(Count(profile, "update "), 6, int.MaxValue);
        Assert.Contains(profile.Work, it => it.Name == $"checkpoint {run.Files.FinalStep}");
    }

    [Fact]
    public void Of_a_run_that_is_killed_lacks_its_last_bracket_at_most()
    {
        using var run = new EndlessRun(shards: 2, "--profile", Name);
        using var process = run.Start(checkpointEvery: 0);
        process.WaitForStep(0);
        string path = Path.Combine(run.Directory.Root, Name);
        Assert.True(SpinWait.SpinUntil(() => new FileInfo(path).Length > 1 << 14, TimeSpan.FromMinutes(5)));
        process.Signal("KILL");
        process.WaitForEndUnread();
        ProfileFile.Parse([.. File.ReadAllBytes(path), .. "]"u8]).RequireSound();
    }

    [Fact]
    public void That_cannot_be_begun_is_said_before_anything_is_done()
    {
        RnnLmProcess.Run(
            small.Directory,
            [.. small.Settings, "--run", "unprofiled", "--steps", "1", "--profile", "missing/profile.json"])
            .Refused(6, "missing/profile.json", "check the path");
        Assert.False(Path.Exists(Path.Combine(small.Directory.Root, "unprofiled")));
    }

    [Fact]
    public void That_cannot_be_written_is_a_warning()
    {
        var result = RnnLmProcess.Run(
            small.Directory,
            [.. small.Settings, "--run", "profile-full", "--steps", $"{Steps}", "--profile", "/dev/full"]).Succeeded();
        Assert.Contains(result.Lines, line =>
            line.StartsWith("warning: the profile is not complete: it cannot be written", StringComparison.Ordinal));
        Assert.Equal(small.Run.FinalHashes, small.Directory.Run("profile-full").FinalHashes);
    }

    private static ProfileFile Read(TemporaryDirectory directory, string name) =>
        ProfileFile.Parse(File.ReadAllBytes(Path.Combine(directory.Root, name)));

    private static int Count(ProfileFile profile, string beginning) =>
        profile.Work.Count(it => it.Name.StartsWith(beginning, StringComparison.Ordinal));
}
