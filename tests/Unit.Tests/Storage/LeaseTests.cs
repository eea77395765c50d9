using System.Diagnostics;

namespace RnnLm.Tests;

public sealed class LeaseTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly RunDirectory _run;

    public LeaseTests() => _run = RunDirectory.CreateOrOpen(_directory["run"]);

    private string LeaseFile(int incarnation) => _directory["run", $"lease.{incarnation}"];

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
    public void Each_taking_counts_the_incarnation_on_and_removes_the_lease_before()
    {
        for (int incarnation = 1; incarnation <= 3; incarnation++)
        {
            using Lease lease = _run.TakeLease(TestRun.Holder(incarnation));
            Assert.Equal(incarnation, lease.Incarnation);
        }

        Assert.Equal(
            """{"incarnation":3,"process_id":3,"host":"testhost"}""" + "\n", File.ReadAllText(LeaseFile(3)));
        Assert.Equal([LeaseFile(3)], Directory.GetFiles(_directory["run"], "lease.?"));
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
    public void A_removed_lease_is_lost()
    {
        using Lease lease = _run.TakeLease(TestRun.Holder(1));
        File.Delete(LeaseFile(1));

        Assert.Contains(
            "file was removed", Assert.Throws<RnnLmException>(lease.Verify).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"incarnation":1,"process_id":"1","host":"h"}""")]
    public void A_damaged_lease_counts_by_its_name(string content)
    {
        using Lease old = _run.TakeLease(TestRun.Holder(1));
        File.WriteAllText(LeaseFile(7), content);

        Assert.Contains(
            "taken over by another process (incarnation 7)",
            Assert.Throws<RnnLmException>(old.Verify).Message,
            StringComparison.Ordinal);
        old.Dispose();
        using Lease young = _run.TakeLease(TestRun.Holder(2));
        Assert.Equal(8, young.Incarnation);
    }

    [Fact]
    public void A_lease_that_someone_removed_is_counted_on_from_what_its_holder_wrote()
    {
        using (Lease lease = _run.TakeLease(TestRun.Holder(1)))
        {
            _run.WriteConfig(lease, []);
        }

        File.Delete(LeaseFile(1));

        using Lease next = _run.TakeLease(TestRun.Holder(2));
        Assert.Equal(2, next.Incarnation);
    }

    [Fact]
    public void No_incarnation_is_taken_twice_whatever_another_does_between_any_two_operations()
    {
        bool isThrough = false;
        for (int operation = 0; !isThrough; operation++)
        {
            string root = _directory[$"run-{operation}"];
            Directory.CreateDirectory(root);
            var files = new FaultyFiles();
            var others = new List<Lease>();
            int count = 0;
            files.Meanwhile = (_, _) =>
            {
                // Twice, so that the first number is used and its lease removed again.
                for (int other = 0; count == operation && other < 2; other++)
                {
                    File.Delete(Path.Combine(root, "lease.lock"));
                    others.Add(Lease.Take(FileOperations.Default, root, TestRun.Holder(other)));
                    File.Delete(Path.Combine(root, "lease.lock"));
                }

                count++;
            };
            using Lease lease = Lease.Take(files, root, TestRun.Holder(9));

            isThrough = others.Count == 0;
            others.Add(lease);
            Assert.Equal(others.Count, others.Select(other => other.Incarnation).Distinct().Count());
            files.Meanwhile = (_, _) => { };
            var holder = Assert.Single(others, other => Record.Exception(other.Verify) is null);
            Assert.Equal(others.Max(other => other.Incarnation), holder.Incarnation);
            others.ForEach(other => other.Dispose());
        }
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

    public void Dispose() => _directory.Dispose();
}
