namespace RnnLm.Cluster;

/// <summary>
/// Parameters of another process of the host, used where they lie. That process may write a version's memory anew once
/// the version is no longer the newest; what is computed from it then is dropped for its version anyway.
/// </summary>
internal sealed class SharedMemoryMappings : IDisposable
{
    /// <summary>Memories that are kept mapped; the other process has a handful and re-uses them.</summary>
    private const int Most = 16;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Mapping> _mappings = [];

    /// <summary>Maps memory, or finds it mapped; the caller owns one reference. Null when it cannot be had.</summary>
    public Mapping? TryOpen(Wire.SharedMemory reference, int floats)
    {
        lock (_gate)
        {
            if (_mappings.TryGetValue(reference.Name, out var known))
            {
                return known.Buffer.Length == floats ? known.Retain() : null;
            }

            if (SharedMemory.TryOpen(reference, (long)floats * sizeof(float)) is not { } memory)
            {
                return null;
            }

            if (_mappings.Count == Most)
            {
                Clear();
            }

            var mapping = new Mapping(memory, floats);
            _mappings[reference.Name] = mapping;
            return mapping.Retain();
        }
    }

    /// <summary>Unmaps what is not in use, and the rest when it no longer is.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            Clear();
        }
    }

    private void Clear()
    {
        foreach (var mapping in _mappings.Values)
        {
            mapping.Return(mapping.Buffer);
        }

        _mappings.Clear();
    }

    /// <summary>Memory that is unmapped with its last reference.</summary>
    internal sealed unsafe class Mapping(SharedMemory memory, int floats) : IBufferOwner
    {
        private int _references = 1;

        public FloatBuffer Buffer { get; } = new((float*)memory.Address, floats, memory);

        public Mapping Retain()
        {
            Interlocked.Increment(ref _references);
            return this;
        }

        public void Return(FloatBuffer buffer)
        {
            if (Interlocked.Decrement(ref _references) == 0)
            {
                Buffer.Dispose();
            }
        }
    }
}
