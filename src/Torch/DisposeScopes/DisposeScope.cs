namespace RnnLm.Torch;

/// <summary>
/// Disposes, at its end, every tensor that its thread made since it was opened, but for those moved out. A scope belongs to the thread
/// that opened it and must not span an <c>await</c>.
/// </summary>
public sealed class DisposeScope : IDisposable
{
    private readonly HashSet<torch.Tensor> _tensors = new(ReferenceEqualityComparer.Instance);
    private bool _closed;

    internal DisposeScope(DisposeScope? outerScope) => OuterScope = outerScope;

    /// <summary>Number of tensors that the scope holds.</summary>
    public int DisposablesCount => _tensors.Count;

    internal DisposeScope? OuterScope { get; set; }

    /// <summary>Moves a tensor to the scope around this one, or out of all scopes where there is none.</summary>
    public T MoveToOuter<T>(T disposable) where T : IDisposable
    {
        torch.Tensor tensor = AsTensor(disposable);
        if (_tensors.Remove(tensor))
        {
            tensor.OwningDisposeScope = null;
            OuterScope?.Adopt(tensor);
        }

        return disposable;
    }

    /// <inheritdoc cref="MoveToOuter{T}(T)"/>
    public (T1 first, T2 second) MoveToOuter<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second));

    /// <inheritdoc cref="MoveToOuter{T}(T)"/>
    public (T1 first, T2 second, T3 third) MoveToOuter<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second), MoveToOuter(third));

    /// <summary>Takes a tensor out of all scopes; it lives until it is disposed.</summary>
    public T Detach<T>(T disposable) where T : IDisposable
    {
        torch.Tensor tensor = AsTensor(disposable);
        if (_tensors.Remove(tensor))
        {
            tensor.OwningDisposeScope = null;
        }

        return disposable;
    }

    /// <summary>Puts a tensor of another scope, or of none, into this one.</summary>
    public void Attach(IDisposable disposable)
    {
        torch.Tensor tensor = AsTensor(disposable);
        tensor.OwningDisposeScope?.Detach(tensor);
        Adopt(tensor);
    }

    /// <summary>Disposes what the scope holds so far and leaves it open.</summary>
    public void DisposeEverything()
    {
        foreach (torch.Tensor tensor in _tensors.ToArray())
        {
            tensor.Dispose();
        }
    }

    /// <summary>Forgets a tensor that has been disposed.</summary>
    public void MarkAsDisposed(IDisposable disposable) => Detach(disposable);

    public bool Contains(IDisposable disposable) => disposable is torch.Tensor tensor && _tensors.Contains(tensor);

    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        DisposeEverything();
        DisposeScopeManager.Close(this);
    }

    internal void Adopt(torch.Tensor tensor)
    {
        _tensors.Add(tensor);
        tensor.OwningDisposeScope = this;
    }

    internal void Replace(torch.Tensor original, torch.Tensor replacement)
    {
        Detach(original);
        Adopt(replacement);
    }

    private static torch.Tensor AsTensor(IDisposable disposable) =>
        disposable as torch.Tensor ?? throw new InvalidOperationException("DisposeScope can only manage Tensor");
}

public static partial class torch
{
    /// <summary>Opens a scope that disposes the tensors this thread makes until the scope itself is disposed.</summary>
    public static DisposeScope NewDisposeScope() => DisposeScopeManager.Open();
}
