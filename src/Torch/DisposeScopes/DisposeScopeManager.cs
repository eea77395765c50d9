namespace RnnLm.Torch;

/// <summary>The dispose scopes of a thread: the newest one adopts every tensor that the thread makes.</summary>
internal static class DisposeScopeManager
{
    [ThreadStatic]
    private static DisposeScope? t_current;

    public static DisposeScope? CurrentScope => t_current;

    public static DisposeScope Open() => t_current = new DisposeScope(t_current);

    /// <summary>Takes a scope out of the chain, wherever in it.</summary>
    public static void Close(DisposeScope scope)
    {
        if (ReferenceEquals(t_current, scope))
        {
            t_current = scope.OuterScope;
            return;
        }

        for (DisposeScope? inner = t_current; inner is not null; inner = inner.OuterScope)
        {
            if (ReferenceEquals(inner.OuterScope, scope))
            {
                inner.OuterScope = scope.OuterScope;
                return;
            }
        }
    }
}
