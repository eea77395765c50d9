namespace RnnLm.Cluster;

/// <summary>
/// Memory of another process of the host that is kept mapped, because that process has a handful and re-uses them.
/// Parameters are used where they lie: that process may write a version's memory anew once the version is no longer the
/// newest; what is computed from it then is dropped for its version anyway.
/// </summary>
internal sealed class SharedMemoryMappings : IDisposable
{
    /// <summary>Memories that are kept mapped.</summary>
    private const int Most = 16;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Mapping> _mappings = [];

    /// <summary>Maps memory, or finds it mapped; the caller owns one reference. Null when it cannot be had.</summary>
    /// <param name="reference">Where it is.</param>
    /// <param name="length">Bytes that it must have.</param>
    public Mapping? TryOpen(Wire.SharedMemory reference, long length)
    {
        lock (_gate)
        {
            if (_mappings.TryGetValue(reference.Name, out var known) && known.Memory.Length >= length)
            {
                return known.Retain();
            }

            if (SharedMemory.TryOpen(reference, length) is not { } memory)
            {
                return null;
            }

            if (known is not null || _mappings.Count == Most)
            {
                Clear();
            }

            var mapping = new Mapping(memory);
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
            mapping.Dispose();
        }

        _mappings.Clear();
    }

    /// <summary>Memory that is unmapped with its last reference.</summary>
    internal sealed class Mapping(SharedMemory memory) : IBufferOwner, IDisposable
    {
        private int _references = 1;

        public SharedMemory Memory => memory;

        public Mapping Retain()
        {
            Interlocked.Increment(ref _references);
            return this;
        }

        /// <summary>The memory as floats, which own the caller's reference.</summary>
        public unsafe FloatBuffer Floats(int length) => new((float*)memory.Address, length, this);

        /// <inheritdoc/>
        public void Return(FloatBuffer buffer) => buffer.Dispose();

        /// <summary>Gives one reference back.</summary>
        public void Dispose()
        {
            if (Interlocked.Decrement(ref _references) == 0)
            {
                memory.Dispose();
            }
        }
    }
}
