namespace RnnLm.Tests;

/// <summary>
/// The real file system, of which one operation fails, or every one from some point on as if the process had been
/// killed there.
/// </summary>
internal sealed class FaultyFiles : FileOperations
{
    private const int NoSpaceLeft = 28;

    private readonly List<(FileOperation Operation, string Path)> _done = [];
    private int _failAt = int.MaxValue;
    private bool _isDead;

    /// <summary>Changes that were carried out since the last fault was set.</summary>
    public IReadOnlyList<(FileOperation Operation, string Path)> Done => _done;

    /// <summary>Whether the fault was met.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Called before an operation, also one that reads: what happens elsewhere at that moment.</summary>
    public Action<FileOperation, string> Meanwhile { get; set; } = (_, _) => { };

    public void FailOnce(int at) => Set(at, isDead: false);

    public void DieAt(int operation) => Set(operation, isDead: true);

    public void Heal() => Set(int.MaxValue, isDead: false);

    protected override void Before(FileOperation operation, string path)
    {
        if (operation == FileOperation.Read)
        {
            Meanwhile(operation, path);
            return;
        }

        if (HasFailed ? _isDead : _done.Count == _failAt)
        {
            HasFailed = true;
            throw new IOException("No space left on device", NoSpaceLeft);
        }

        _done.Add((operation, path));
        Meanwhile(operation, path);
    }

    private void Set(int at, bool isDead)
    {
        _failAt = at;
        _isDead = isDead;
        _done.Clear();
        HasFailed = false;
    }
}
