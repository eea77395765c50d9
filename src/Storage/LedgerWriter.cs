using System.Text;

namespace RnnLm.Storage;

/// <summary>
/// Appends committed steps to the holder's ledger. A call costs what its entries cost, however long the ledger is; call
/// it before the checkpoint that covers them is saved, so that no checkpoint is without its ledger. One thread at a
/// time.
/// </summary>
public sealed class LedgerWriter : IDisposable
{
    private readonly string _path;
    private readonly Lease _lease;
    private readonly IFile _file;
    private long _endOfEntries;

    private LedgerWriter(
        FileOperations operations, string path, Lease lease, long steps, LedgerChain chain, long endOfEntries)
    {
        _path = path;
        _lease = lease;
        Steps = steps;
        Chain = chain;
        _endOfEntries = endOfEntries;
        _file = operations.Open(path);
    }

    /// <summary>Number of entries on the disk.</summary>
    public long Steps { get; private set; }

    /// <summary>Chain hash over them.</summary>
    public LedgerChain Chain { get; private set; }

    /// <summary>Appends the entries of the steps that follow, durably. When it throws, the ledger counts as before and
    /// the same entries can be given again.</summary>
    /// <exception cref="RnnLmException">Exit code 6: they could not be written. Exit code 4: the lease is
    /// lost.</exception>
    public void Append(IReadOnlyList<LedgerEntry> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var text = new StringBuilder();
        LedgerChain chain = Chain;
        for (int index = 0; index < entries.Count; index++)
        {
            if (entries[index].Step != Steps + index)
            {
                throw new ArgumentException($"the ledger goes on with step {Steps + index}", nameof(entries));
            }

            text.Append(LedgerContent.Line(entries[index]));
            chain = chain.Then(entries[index]);
        }

        byte[] lines = Encoding.ASCII.GetBytes(text.ToString());
        long steps = Steps + entries.Count;
        byte[] all = [.. lines, .. LedgerContent.LastLine(steps, chain), (byte)'\n'];
        _lease.Guard("write", _path, () =>
        {
            _lease.Verify();
            _file.Write(all, _endOfEntries);
            _file.SetLength(_endOfEntries + all.Length);
            _file.Flush();
        });
        _endOfEntries += lines.Length;
        Steps = steps;
        Chain = chain;
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Begins the holder's ledger with the first <paramref name="steps"/> entries of the source's in force,
    /// and removes those of the holders before.</summary>
    /// <exception cref="RnnLmException">Exit code 6: there are no such entries.</exception>
    internal static LedgerWriter Open(
        FileOperations operations,
        IncarnationFile source,
        IncarnationFile file,
        Lease lease,
        long steps,
        LedgerChain chain)
    {
        string path = file.PathOf(lease.Incarnation);
        return lease.Guard("write", path, () =>
        {
            LedgerContent content = Fitting(source, steps, chain);
            string entries = string.Concat(content.Entries.Take((int)steps).Select(LedgerContent.Line));
            byte[] lines = Encoding.ASCII.GetBytes($"{LedgerContent.FirstLine}\n{entries}");
            AtomicFile.Write(operations, path, lease.Tag, lease.Verify, written =>
            {
                written.Write(lines);
                written.Write([.. LedgerContent.LastLine(steps, chain), (byte)'\n']);
            });
            file.PointLink(lease);
            file.RemoveLower(lease);
            return new LedgerWriter(operations, path, lease, steps, chain, lines.Length);
        });
    }

    /// <summary>The ledger in force, which must have the checkpoint's steps.</summary>
    private static LedgerContent Fitting(IncarnationFile file, long steps, LedgerChain chain)
    {
        const string Cure = "restore it from a copy or start another run";
        LedgerContent content = LedgerContent.Read(file);
        if (content.Entries.Count < steps)
        {
            throw RnnLmException.Storage(
                $"'{file.PathInForce}' holds {content.Entries.Count} steps but the checkpoint has {steps}" +
                (content.Damage is null ? $"; {Cure}" : $" ({content.Damage}); {Cure}"));
        }

        if (content.ChainAt(checked((int)steps)) != chain)
        {
            throw RnnLmException.Storage(
                $"'{file.PathInForce}' does not belong to the checkpoint of step {steps}: its chain hash differs; " +
                Cure);
        }

        return content;
    }
}
