namespace RnnLm.Tests;

public sealed class MetricsLogTests : IDisposable
{
    private readonly TestRun _run = new();

    private string MetricsFile => _run["metrics.1.jsonl"];

    [Fact]
    public void Lines_are_gathered_until_they_are_flushed()
    {
        using MetricsLog log = Open(0);
        Append(log, 0);
        Append(log, 1);
        Assert.Equal("", File.ReadAllText(MetricsFile));

        log.Flush();
        Assert.Equal("{\"step\":0,\"loss\":0.5}\n{\"step\":1,\"loss\":0.5}\n", File.ReadAllText(MetricsFile));
    }

    [Fact]
    public void Many_lines_are_flushed_by_themselves_and_all_by_closing()
    {
        using (MetricsLog log = Open(0))
        {
            for (int step = 0; step < 5000; step++)
            {
                Append(log, step);
            }

            Assert.InRange(File.ReadLines(MetricsFile).Count(), 1000, 4999);
        }

        Assert.Equal(
            Enumerable.Range(0, 5000).Select(step => $"{{\"step\":{step},\"loss\":0.5}}"),
            File.ReadLines(MetricsFile));
    }

    [Fact]
    public void Resuming_removes_the_steps_that_will_be_done_again_and_events_after_them()
    {
        File.WriteAllText(MetricsFile, """
            {"event":"start"}
            {"step":0,"loss":1}
            {"step":1,"loss":1}
            {"event":"evaluation","version":2,"loss":1}
            {"step":2,"loss":1}
            {"event":"evaluation","version":3,"loss":1}
            {"event":"warning","text":"disk full"}

            """.ReplaceLineEndings("\n"));

        using MetricsLog log = Open(2);

        Assert.Equal(2, log.RemovedLines);
        Append(log, 2);
        log.Flush();
        Assert.Equal(
            [
                "{\"event\":\"start\"}",
                "{\"step\":0,\"loss\":1}",
                "{\"step\":1,\"loss\":1}",
                "{\"event\":\"evaluation\",\"version\":2,\"loss\":1}",
                "{\"event\":\"warning\",\"text\":\"disk full\"}",
                "{\"step\":2,\"loss\":0.5}",
            ],
            File.ReadLines(MetricsFile));
    }

    [Theory]
    [InlineData("{\"step\":1,\"lo")]
    [InlineData("{\"step\":1}")]
    [InlineData("\0\0\0\0\n")]
    [InlineData("\n")]
    [InlineData("[1]\n")]
    [InlineData("{\"step\":\"1\"}\n")]
    [InlineData("{\"step\":1}{\"step\":1}\n")]
    public void A_torn_end_is_cut_off(string torn)
    {
        File.WriteAllText(MetricsFile, "{\"step\":0}\n" + torn);

        using MetricsLog log = Open(5);

        Assert.Equal(1, log.RemovedLines);
        Assert.Equal("{\"step\":0}\n", File.ReadAllText(MetricsFile));
    }

    [Theory]
    [InlineData((1 << 20) - 11, 0)]
    [InlineData((1 << 20) + 100, 1)]
    [InlineData(5_000_000, 1)]
    public void A_line_longer_than_a_mebibyte_is_removed_without_being_held(int textLength, int removed)
    {
        File.WriteAllText(
            MetricsFile, $"{{\"step\":0}}\n{{\"text\":\"{new string('x', textLength)}\"}}\n{{\"step\":1}}\n");

        using MetricsLog log = Open(5);

        Assert.Equal(removed, log.RemovedLines);
        Assert.Equal(3 - removed, File.ReadLines(MetricsFile).Count());
    }

    [Fact]
    public void A_write_that_fails_gives_up_its_lines_and_leaves_whole_lines_afterwards()
    {
        using MetricsLog log = Open(0);
        Append(log, 0);
        log.Flush();
        Append(log, 1);
        _run.Files.FailOnce(0);
        Assert.Equal(ExitCode.Storage, Assert.Throws<RnnLmException>(() => log.Flush()).ExitCode);

        // What a disk that filled up half-way through the write would have kept.
        File.AppendAllText(MetricsFile, "{\"step\":1,\"loss\":0.5,\"a long torn line\":\"and more");
        Append(log, 2);
        log.Flush(toDisk: true);

        Assert.Equal(["{\"step\":0,\"loss\":0.5}", "{\"step\":2,\"loss\":0.5}"], File.ReadLines(MetricsFile));
    }

    [Fact]
    public void A_line_whose_writer_throws_leaves_no_trace()
    {
        using MetricsLog log = Open(0);

        Assert.Throws<ArgumentException>(() => log.Append(json => json.WriteNumber("loss", double.NaN)));
        Append(log, 0);
        log.Flush();

        Assert.Equal(["{\"step\":0,\"loss\":0.5}"], File.ReadLines(MetricsFile));
    }

    [Fact]
    public void Who_follows_reads_each_line_once_and_none_that_is_not_whole()
    {
        var reader = _run.Run.FollowMetrics();
        Assert.Empty(reader.ReadNew());
        string tooLong = new('x', MetricsLog.MaximumLineBytes + 1);
        File.WriteAllText(MetricsFile, $"zero\n{tooLong}\none\ntw");
        Assert.Equal(["zero", "one"], reader.ReadNew());
        Assert.Empty(reader.ReadNew());

        // What was read is not looked at again.
        File.WriteAllText(MetricsFile, $"----\n{tooLong}\n---\ntwo\nthree\n");
        Assert.Equal(["two", "three"], reader.ReadNew());
    }

    [Fact]
    public void Who_follows_goes_on_behind_as_many_lines_when_the_run_is_taken_over()
    {
        var reader = _run.Run.FollowMetrics();
        File.WriteAllText(MetricsFile, "zero\none\ntwo\n");
        Assert.Equal(3, reader.ReadNew().Count);
        File.WriteAllText(_run["metrics.2.jsonl"], "zero\none\n");
        Assert.Empty(reader.ReadNew());
        File.AppendAllText(_run["metrics.2.jsonl"], "two again\n");
        Assert.Equal(["two again"], reader.ReadNew());
        File.WriteAllText(_run["metrics.3.jsonl"], "zero\none\ntwo again\nthree\n");
        Assert.Equal(["three"], reader.ReadNew());
    }

    [Fact]
    public void Nothing_is_written_once_the_lease_is_lost()
    {
        using MetricsLog log = Open(0);
        Append(log, 0);
        string lease = File.ReadAllText(_run["lease.1"]);
        File.Delete(_run["lease.1"]);

        Assert.Equal(ExitCode.Cluster, Assert.Throws<RnnLmException>(() => log.Flush()).ExitCode);

        Assert.Equal("", File.ReadAllText(MetricsFile));
        File.WriteAllText(_run["lease.1"], lease);
    }

    public void Dispose() => _run.Dispose();

    private static void Append(MetricsLog log, int step) => log.Append(json =>
    {
        json.WriteNumber("step", step);
        json.WriteNumber("loss", 0.5);
    });

    private MetricsLog Open(long steps) => _run.Run.OpenMetrics(_run.Lease, steps);
}
