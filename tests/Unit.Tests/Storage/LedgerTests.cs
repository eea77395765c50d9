using System.Security.Cryptography;
using System.Text.Json;

namespace RnnLm.Tests;

public sealed class LedgerTests : IDisposable
{
    private readonly TestRun _run = new();

    private string LedgerFile => _run["ledger.1.json"];

    [Fact]
    public void The_file_is_one_json_document_after_every_append()
    {
        using LedgerWriter ledger = _run.Run.OpenLedger(_run.Lease, 0, LedgerChain.Empty);
        foreach (int count in new[] { 0, 1, 2, 5 })
        {
            ledger.Append(Entries(ledger.Steps, count));

            using JsonDocument document = JsonDocument.Parse(File.ReadAllText(LedgerFile));
            Assert.Equal(ledger.Steps, document.RootElement.GetProperty("steps").GetInt64());
            Assert.Equal(ledger.Steps, document.RootElement.GetProperty("entries").GetArrayLength());
            Assert.Equal(ledger.Chain.ToString(), document.RootElement.GetProperty("chain").GetString());
            LedgerContent content = _run.Run.ReadLedger();
            Assert.Equal(Entries(0, (int)ledger.Steps), content.Entries);
            Assert.Null(content.Damage);
        }
    }

    [Fact]
    public void The_chain_is_the_sha256_over_its_predecessor_and_the_entry()
    {
        byte[] chain = new byte[32];
        LedgerChain ours = LedgerChain.Empty;
        foreach (LedgerEntry entry in Entries(0, 3))
        {
            chain = SHA256.HashData(
                [
                    .. chain,
                    .. BitConverter.GetBytes(entry.Step),
                    .. BitConverter.GetBytes(entry.TokenHash),
                    .. BitConverter.GetBytes(entry.Tokens),
                    entry.IsSkipped ? (byte)1 : (byte)0,
                ]);
            ours = ours.Then(entry);
        }

        Assert.Equal(Convert.ToHexStringLower(chain), ours.ToString());
        Assert.Equal(ours, LedgerChain.Parse(ours.ToString()));
    }

    [Fact]
    public void Folding_hashes_depends_on_every_shard_and_on_their_order()
    {
        Assert.Equal(
            BitConverter.ToUInt64(SHA256.HashData([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0])),
            TokenHash.OfHashes([1, 2]));
        Assert.NotEqual(TokenHash.OfHashes([1, 2]), TokenHash.OfHashes([2, 1]));
    }

    [Fact]
    public void Resuming_cuts_the_ledger_to_the_checkpoint_and_the_same_steps_give_the_same_bytes()
    {
        LedgerChain at3;
        using (LedgerWriter ledger = _run.Run.OpenLedger(_run.Lease, 0, LedgerChain.Empty))
        {
            ledger.Append(Entries(0, 3));
            at3 = ledger.Chain;
            ledger.Append(Entries(3, 4));
        }

        byte[] undisturbed = File.ReadAllBytes(LedgerFile);
        using (LedgerWriter ledger = _run.Run.OpenLedger(_run.Lease, 3, at3))
        {
            Assert.Equal(3, _run.Run.ReadLedger().Entries.Count);
            ledger.Append(Entries(3, 1));
            ledger.Append(Entries(4, 3));
        }

        Assert.Equal(undisturbed, File.ReadAllBytes(LedgerFile));
    }

    [Fact]
    public void A_ledger_cut_anywhere_keeps_its_whole_lines()
    {
        using (LedgerWriter ledger = _run.Run.OpenLedger(_run.Lease, 0, LedgerChain.Empty))
        {
            ledger.Append(Entries(0, 12));
        }

        byte[] whole = File.ReadAllBytes(LedgerFile);
        int first = LedgerContent.FirstLine.Length;
        for (int length = first; length < whole.Length - 1; length++)
        {
            File.WriteAllBytes(LedgerFile, whole[..length]);
            LedgerContent content = _run.Run.ReadLedger();
            Assert.NotNull(content.Damage);
            Assert.Equal(Entries(0, content.Entries.Count), content.Entries);
            Assert.InRange(
                content.Entries.Count,
                whole.AsSpan(first + 1, Math.Max(0, length - first - 1)).Count((byte)'\n'),
                12);
        }
    }

    [Fact]
    public void A_flipped_bit_is_found_or_changes_the_chain()
    {
        using (LedgerWriter ledger = _run.Run.OpenLedger(_run.Lease, 0, LedgerChain.Empty))
        {
            ledger.Append(Entries(0, 12));
        }

        byte[] good = File.ReadAllBytes(LedgerFile);
        for (int place = LedgerContent.FirstLine.Length + 1; place < good.Length - 1; place++)
        {
            byte[] bad = (byte[])good.Clone();
            bad[place] ^= 1;
            File.WriteAllBytes(LedgerFile, bad);
            Assert.NotNull(_run.Run.ReadLedger().Damage);
        }
    }

    [Fact]
    public void A_ledger_that_lacks_the_checkpoints_steps_or_tells_another_story_is_refused()
    {
        LedgerChain chain;
        using (LedgerWriter ledger = _run.Run.OpenLedger(_run.Lease, 0, LedgerChain.Empty))
        {
            ledger.Append(Entries(0, 3));
            chain = ledger.Chain;
        }

        foreach ((long steps, LedgerChain claimed, string reason) in new[]
        {
            (4L, chain, "holds 3 steps but the checkpoint has 4"), (2L, chain, "chain hash differs"),
        })
        {
            var failure = Assert.Throws<RnnLmException>(() => _run.Run.OpenLedger(_run.Lease, steps, claimed));
            Assert.Equal(ExitCode.Storage, failure.ExitCode);
            Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
        }

        File.WriteAllText(LedgerFile, "{}");
        Assert.Contains(
            "not a ledger",
            Assert.Throws<RnnLmException>(() => _run.Run.ReadLedger()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_out_of_order_are_refused()
    {
        using LedgerWriter ledger = _run.Run.OpenLedger(_run.Lease, 0, LedgerChain.Empty);

        Assert.Throws<ArgumentException>(() => ledger.Append(Entries(1, 1)));
        Assert.Throws<ArgumentException>(() => ledger.Append([Entries(0, 1)[0], Entries(0, 1)[0]]));
        Assert.Equal(0, ledger.Steps);
    }

    [Fact]
    public void An_append_that_fails_can_be_repeated_and_a_killed_one_loses_nothing_before_it()
    {
        for (int operation = 0; operation < 3; operation++)
        {
            using var run = new TestRun();
            LedgerChain chain;
            using (LedgerWriter ledger = run.Run.OpenLedger(run.Lease, 0, LedgerChain.Empty))
            {
                ledger.Append(Entries(0, 2));
                chain = ledger.Chain;
                run.Files.FailOnce(operation);
                Assert.Equal(
                    ExitCode.Storage, Assert.Throws<RnnLmException>(() => ledger.Append(Entries(2, 2))).ExitCode);
                Assert.Equal((2, chain), (ledger.Steps, ledger.Chain));
                ledger.Append(Entries(2, 1));
                Assert.Null(run.Run.ReadLedger().Damage);
                run.Files.DieAt(operation);
                Assert.Throws<RnnLmException>(() => ledger.Append(Entries(3, 2)));
            }

            run.Reopen();
            run.Run.OpenLedger(run.Lease, 2, chain).Dispose();
            Assert.Equal(Entries(0, 2), run.Run.ReadLedger().Entries);
        }
    }

    [Fact]
    public void An_append_writes_its_own_lines_only_and_100_000_steps_stay_below_5_megabytes()
    {
        using LedgerWriter ledger = _run.Run.OpenLedger(_run.Lease, 0, LedgerChain.Empty);
        ledger.Append(Entries(0, 99_990));
        File.WriteAllBytes(LedgerFile, [.. File.ReadAllBytes(LedgerFile)[..^1]]);
        _run.Files.Heal();
        ledger.Append(Entries(99_990, 10));

        Assert.InRange(new FileInfo(LedgerFile).Length, 1, 5_000_000);
        Assert.Equal(
            [FileOperation.Write, FileOperation.Write, FileOperation.Flush],
            _run.Files.Done.Select(done => done.Operation));
        Assert.Equal(100_000, _run.Run.ReadLedger().Entries.Count);
    }

    public void Dispose() => _run.Dispose();

    private static LedgerEntry[] Entries(long first, int count) =>
        [.. Enumerable.Range(0, count).Select(index => new LedgerEntry(
            first + index,
            TokenHash.OfHashes([(ulong)(first + index)]),
            3712 + first + index,
            (first + index) % 3 == 2))];
}
