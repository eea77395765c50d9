using System.Diagnostics;

namespace RnnLm.Tests;

public sealed class LeaseTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly RunDirectory _run;

    public LeaseTests() => _run = RunDirectory.CreateOrOpen(_directory["run"]);

    private string LeaseFile => _directory["run", "lease"];

    [Fact]
    public void A_second_coordinator_is_refused_while_the_first_lives_and_is_told_who_holds_the_run()
    {
        using Lease first = _run.TakeLease(TestRun.Holder(4711));

        var failure = Assert.Throws<RnnLmException>(() => _run.TakeLease(TestRun.Holder(2)));

        Assert.Equal(ExitCode.Cluster, failure.ExitCode);
        Assert.Contains(
            "is in use by process 4711 on host testhost (incarnation 1)", failure.Message, StringComparison.Ordinal);
        first.Verify();
    }

    [Fact]
    public void Each_taking_counts_the_incarnation_on()
    {
        for (int incarnation = 1; incarnation <= 3; incarnation++)
        {
            using Lease lease = _run.TakeLease(TestRun.Holder(incarnation));
            Assert.Equal(incarnation, lease.Incarnation);
        }

        Assert.Equal(
            """{"incarnation":3,"process_id":3,"host":"testhost","nonce":"00000003"}""" + "\n",
            File.ReadAllText(LeaseFile));
    }

    [Fact]
    public void A_lease_that_another_took_where_locks_do_not_reach_is_lost()
    {
        using Lease old = _run.TakeLease(TestRun.Holder(1));

        // A file system that does not share locks: the other one locks a file of its own.
        File.Delete(_directory["run", "lease.lock"]);
        using Lease young = _run.TakeLease(TestRun.Holder(2));

        var failure = Assert.Throws<RnnLmException>(old.Verify);
        Assert.Equal(ExitCode.Cluster, failure.ExitCode);
        Assert.Contains(
            "taken over by process 2 on host testhost (incarnation 2)", failure.Message, StringComparison.Ordinal);
        young.Verify();
    }

    [Fact]
    public void The_same_process_id_host_and_incarnation_with_another_nonce_is_another_holder()
    {
        using Lease lease = _run.TakeLease(TestRun.Holder(1));
        File.WriteAllText(LeaseFile, """{"incarnation":1,"process_id":1,"host":"testhost","nonce":"other"}""");

        Assert.Throws<RnnLmException>(lease.Verify);
    }

    [Fact]
    public void A_removed_lease_is_lost()
    {
        using Lease lease = _run.TakeLease(TestRun.Holder(1));
        File.Delete(LeaseFile);

        Assert.Contains(
            "file was removed", Assert.Throws<RnnLmException>(lease.Verify).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"incarnation":0,"process_id":1,"host":"h","nonce":"n"}""")]
    [InlineData("""{"incarnation":9223372036854775807,"process_id":1,"host":"h","nonce":"n"}""")]
    [InlineData("""{"incarnation":1,"process_id":"1","host":"h","nonce":"n"}""")]
    [InlineData("""{"incarnation":1,"process_id":1,"host":"h"}""")]
    public void A_damaged_lease_is_not_guessed_at(string content)
    {
        File.WriteAllText(LeaseFile, content);

        var failure = Assert.Throws<RnnLmException>(() => _run.TakeLease(TestRun.Holder(1)));

        Assert.Equal(ExitCode.Storage, failure.ExitCode);
        Assert.Contains(LeaseFile, failure.Message, StringComparison.Ordinal);

        // The lock was given back.
        File.Delete(LeaseFile);
        _run.TakeLease(TestRun.Holder(1)).Dispose();
    }

    [Fact]
    public void The_lock_keeps_other_programs_out_and_is_free_once_its_holder_is_killed()
    {
        // flock(1) of util-linux becomes cat, which holds the lock until it is killed; cat answers when the lock is
        // taken.
        var start = new ProcessStartInfo("flock", ["--exclusive", "--no-fork", _directory["run", "lease.lock"], "cat"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using Process other = Process.Start(start)!;
        other.StandardInput.WriteLine("locked");
        other.StandardInput.Flush();
        Assert.Equal("locked", other.StandardOutput.ReadLine());
        Assert.Contains(
            "in use by another process",
            Assert.Throws<RnnLmException>(() => _run.TakeLease(TestRun.Holder(1))).Message,
            StringComparison.Ordinal);

        other.Kill();
        other.WaitForExit();

        using Lease lease = _run.TakeLease(TestRun.Holder(1));
        Assert.Equal(1, lease.Incarnation);
    }

    [Fact]
    public void Every_process_has_a_nonce_of_its_own()
    {
        Assert.NotEqual(LeaseHolder.ThisProcess().Nonce, LeaseHolder.ThisProcess().Nonce);
        Assert.Equal(Environment.ProcessId, LeaseHolder.ThisProcess().ProcessId);
    }

    public void Dispose() => _directory.Dispose();
}
