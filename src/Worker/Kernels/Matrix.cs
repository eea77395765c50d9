namespace RnnLm.Worker;

/// <summary>A row-major float32 matrix in native memory that someone else owns; or the transpose of one, without moving
/// anything.</summary>
internal readonly unsafe struct Matrix
{
    /// <param name="address">First element.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    public Matrix(float* address, int rows, int columns)
        : this(address, rows, columns, columns, isTransposed: false)
    {
    }

    /// <param name="address">First element.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="stride">Floats from the start of a stored row to the start of the next.</param>
    public Matrix(float* address, int rows, int columns, int stride)
        : this(address, rows, columns, stride, isTransposed: false) =>
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, columns);

    private Matrix(float* address, int rows, int columns, int stride, bool isTransposed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        Address = address;
        Rows = rows;
        Columns = columns;
        Stride = stride;
        IsTransposed = isTransposed;
    }

    /// <summary>First element.</summary>
    public float* Address { get; }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>Number of columns.</summary>
    public int Columns { get; }

    /// <summary>Floats from the start of a stored row to the start of the next.</summary>
    public int Stride { get; }

    /// <summary>Whether the stored rows are this matrix's columns.</summary>
    public bool IsTransposed { get; }

    /// <summary>The transpose, over the same memory.</summary>
    public Matrix T => new(Address, Columns, Rows, Stride, !IsTransposed);

    /// <summary>Address of row <paramref name="index"/> of a matrix that is not transposed.</summary>
    public float* Row(int index) => Address + ((long)index * Stride);

    /// <summary>Rows [first, first + count) of a matrix that is not transposed.</summary>
    public Matrix RowRange(int first, int count)
    {
        if (IsTransposed || (uint)first > (uint)Rows || (uint)count > (uint)(Rows - first))
        {
            throw new ArgumentOutOfRangeException(
                nameof(count), $"rows [{first}, {first + count}) of a matrix of {Rows} rows");
        }

        return new Matrix(Row(first), count, Columns, Stride, isTransposed: false);
    }

    /// <summary>Columns [first, first + count) of a matrix that is not transposed.</summary>
    public Matrix ColumnRange(int first, int count)
    {
        if (IsTransposed || (uint)first > (uint)Columns || (uint)count > (uint)(Columns - first))
        {
            throw new ArgumentOutOfRangeException(
                nameof(count), $"columns [{first}, {first + count}) of a matrix of {Columns} columns");
        }

        return new Matrix(Address + first, Rows, count, Stride, isTransposed: false);
    }

    /// <summary>Makes all elements of a matrix that is not transposed zero.</summary>
    public void Clear()
    {
        for (int row = 0; row < Rows; row++)
        {
            new Span<float>(Row(row), Columns).Clear();
        }
    }
}
