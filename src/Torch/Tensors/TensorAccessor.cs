using System.Collections;

namespace RnnLm.Torch.Utils;

/// <summary>The elements of a CPU tensor as .NET values, in row-major order whatever the tensor's strides.</summary>
public sealed class TensorAccessor<T> : IDisposable, IEnumerable<T>
    where T : unmanaged
{
    private readonly torch.Tensor _tensor;
    private readonly nint _memory;
    private readonly long[] _shape;
    private readonly long[] _strides;
    private readonly bool _contiguous;

    internal TensorAccessor(torch.Tensor tensor, nint memory)
    {
        _tensor = tensor;
        _memory = memory;
        _shape = tensor.shape;
        _strides = tensor.stride();
        _contiguous = tensor.is_contiguous();
        Count = tensor.numel();
    }

    /// <summary>Number of elements.</summary>
    public long Count { get; }

    /// <summary>One element by its index in each dimension; a single index counts in row-major order.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such element.</exception>
    public T this[params long[] indices]
    {
        get
        {
            unsafe
            {
                T value = ((T*)_memory)[Offset(indices)];
                GC.KeepAlive(_tensor);
                return value;
            }
        }

        set
        {
            unsafe
            {
                ((T*)_memory)[Offset(indices)] = value;
                GC.KeepAlive(_tensor);
            }
        }
    }

    public T[] ToArray()
    {
        var result = new T[Count];
        CopyTo(result);
        return result;
    }

    /// <summary>Copies elements from <paramref name="tensorIndex"/> on into the array from <paramref name="arrayIndex"/> on, until either ends.</summary>
    public void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyTo(array.AsSpan(), arrayIndex, tensorIndex);

    /// <inheritdoc cref="CopyTo(T[], int, long)"/>
    public void CopyTo(Span<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        Span<T> target = array[arrayIndex..];
        int count = (int)Math.Min(target.Length, Count - tensorIndex);
        if (_contiguous)
        {
            Elements(tensorIndex, count).CopyTo(target);
        }
        else
        {
            for (int i = 0; i < count; i++)
            {
                target[i] = this[tensorIndex + i];
            }
        }

        GC.KeepAlive(_tensor);
    }

    /// <summary>Copies array elements from <paramref name="arrayIndex"/> on over the tensor's from <paramref name="tensorIndex"/> on, until either ends.</summary>
    public void CopyFrom(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyFrom(array.AsSpan(), arrayIndex, tensorIndex);

    /// <inheritdoc cref="CopyFrom(T[], int, long)"/>
    public void CopyFrom(ReadOnlySpan<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        ReadOnlySpan<T> source = array[arrayIndex..];
        int count = (int)Math.Min(source.Length, Count - tensorIndex);
        if (_contiguous)
        {
            source[..count].CopyTo(Elements(tensorIndex, count));
        }
        else
        {
            for (int i = 0; i < count; i++)
            {
                this[tensorIndex + i] = source[i];
            }
        }

        GC.KeepAlive(_tensor);
    }

    public IEnumerator<T> GetEnumerator()
    {
        for (long i = 0; i < Count; i++)
        {
            yield return this[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Does nothing: the tensor stays its owner's. There because TorchSharp's has it.</summary>
    public void Dispose()
    {
    }

    private unsafe Span<T> Elements(long start, int count) => new((T*)_memory + start, count);

    private long Offset(long[] indices)
    {
        if (indices.Length == 1 && _shape.Length != 1)
        {
            return OffsetOfRowMajor(indices[0]);
        }

        if (indices.Length != _shape.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(indices), $"{indices.Length} indices for a tensor of {_shape.Length} dimensions");
        }

        long offset = 0;
        for (int i = 0; i < indices.Length; i++)
        {
            if (indices[i] < 0 || indices[i] >= _shape[i])
            {
                throw new ArgumentOutOfRangeException(nameof(indices), $"index {indices[i]} in dimension {i} of extent {_shape[i]}");
            }

            offset += indices[i] * _strides[i];
        }

        return offset;
    }

    private long OffsetOfRowMajor(long index)
    {
        if (index < 0 || index >= Count)
        {
            throw new ArgumentOutOfRangeException(nameof(index), $"index {index} of {Count} elements");
        }

        long offset = 0;
        for (int i = _shape.Length - 1; i >= 0; i--)
        {
            offset += index % _shape[i] * _strides[i];
            index /= _shape[i];
        }

        return offset;
    }
}
