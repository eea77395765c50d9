namespace RnnLm.Cli.Tests;

public sealed class Same_model_for_any_workers_and_threads : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void One_to_four_workers_with_one_or_two_threads_write_the_same_bytes()
    {
        _directory.Write("corpus.txt", SmallText.Sentences(60));
        var hashes = new Dictionary<(int Workers, int Threads), (string, string)>();
        foreach (int workers in new[] { 1, 2, 3, 4 })
        {
            foreach (int threads in new[] { 1, 2 })
            {
                string run = $"run-{workers}-{threads}";

                // 13 examples over 8 shards: unequal ones; the last batch of an epoch leaves some empty.
                var result = RnnLmProcess.Run(
                    _directory,
                    "train", "--corpus", "corpus.txt", "--run", run, "--preset", "char", "--dimension", "16",
                    "--layers", "2", "--context", "12", "--batch", "13", "--shards", "8", "--steps", "25",
                    "--workers", $"{workers}", "--threads", $"{threads}", "--json").Succeeded();
                hashes[(workers, threads)] = _directory.Run(run).FinalHashes;

                var finished = result.Event("finished");
                Assert.Equal(
                    hashes[(workers, threads)],
                    (finished.GetProperty("model_sha256").GetString(),
                        finished.GetProperty("optimizer_sha256").GetString()));
                Assert.Equal(workers, result.Objects.Count(line => line.IsEvent("worker_joined")));
            }
        }

        Assert.All(hashes, entry => Assert.Equal(hashes[(1, 1)], entry.Value));
    }

    [Fact]
    public void Verification_changes_no_byte_and_is_in_the_metrics()
    {
        _directory.Write("corpus.txt", SmallText.Sentences(60));
        string[] settings =
        [
            "train", "--corpus", "corpus.txt", "--preset", "char", "--dimension", "16", "--layers", "1", "--context",
            "12", "--batch", "13", "--shards", "8", "--steps", "200", "--workers", "2", "--json",
        ];
        RnnLmProcess.Run(_directory, [.. settings, "--run", "plain"]).Succeeded();
        var result = RnnLmProcess.Run(_directory, [.. settings, "--run", "verified", "--verify-every", "5"]);
        var verified = result.Succeeded().Objects.Where(line => line.IsEvent("range_verified")).ToList();
        Assert.NotEmpty(verified);
        Assert.All(verified, line => Assert.Equal(0, line.GetProperty("version").GetInt64() % 5));
        Assert.All(verified, line => Assert.Equal(
            ["worker-0", "worker-1"],
            new[] { "worker", "second_worker" }.Select(name => line.GetProperty(name).GetString()).Order()));
        Assert.Equal(_directory.Run("plain").FinalHashes, _directory.Run("verified").FinalHashes);
        Assert.Equal(_directory.Run("plain").LedgerHash, _directory.Run("verified").LedgerHash);
    }

    [Fact]
    public void Another_seed_gives_another_model()
    {
        _directory.Write("corpus.txt", SmallText.Sentences(60));
        foreach (int seed in new[] { 1, 2 })
        {
            RnnLmProcess.Run(
                _directory,
                "train", "--corpus", "corpus.txt", "--run", $"run-{seed}", "--preset", "char", "--dimension", "16",
                "--layers", "1", "--steps", "2", "--context", "12", "--seed", $"{seed}").Succeeded();
        }

        Assert.NotEqual(_directory.Run("run-1").FinalHashes.Model, _directory.Run("run-2").FinalHashes.Model);
    }

    public void Dispose() => _directory.Dispose();
}
