namespace RnnLm.Worker;

/// <summary>A row-major float32 matrix inside a buffer that someone else owns; or the transpose of one, without moving anything.</summary>
internal readonly unsafe struct Matrix : IEquatable<Matrix>
{
    /// <param name="buffer">Where the matrix lies.</param>
    /// <param name="offset">Floats before its first element.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    public Matrix(FloatBuffer buffer, int offset, int rows, int columns)
        : this(buffer, buffer.Address + offset, rows, columns, columns, isTransposed: false)
    {
        if (offset < 0 || rows < 0 || columns < 0 || offset + ((long)rows * columns) > buffer.Length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), $"({rows}, {columns}) at {offset} of a buffer of {buffer.Length} floats");
        }
    }

    private Matrix(FloatBuffer buffer, float* address, int rows, int columns, int stride, bool isTransposed)
    {
        Buffer = buffer;
        Address = address;
        Rows = rows;
        Columns = columns;
        Stride = stride;
        IsTransposed = isTransposed;
    }

    /// <summary>Where the matrix lies.</summary>
    public FloatBuffer Buffer { get; }

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
    public Matrix T => new(Buffer, Address, Columns, Rows, Stride, !IsTransposed);

    /// <summary>Address of row <paramref name="index"/> of a matrix that is not transposed.</summary>
    public float* Row(int index) => Address + ((long)index * Stride);

    /// <summary>Rows [first, first + count) of a matrix that is not transposed.</summary>
    public Matrix RowRange(int first, int count)
    {
        if (IsTransposed || (uint)first > (uint)Rows || (uint)count > (uint)(Rows - first))
        {
            throw new ArgumentOutOfRangeException(nameof(count), $"rows [{first}, {first + count}) of a matrix of {Rows} rows");
        }

        return new Matrix(Buffer, Row(first), count, Columns, Stride, isTransposed: false);
    }

    /// <summary>Columns [0, count) of a matrix that is not transposed.</summary>
    public Matrix FirstColumns(int count) => IsTransposed || (uint)count > (uint)Columns
        ? throw new ArgumentOutOfRangeException(nameof(count), $"columns [0, {count}) of a matrix of {Columns} columns")
        : new Matrix(Buffer, Address, Rows, count, Stride, isTransposed: false);

    /// <summary>Makes all elements of a matrix that is not transposed zero.</summary>
    public void Clear()
    {
        for (int row = 0; row < Rows; row++)
        {
            new Span<float>(Row(row), Columns).Clear();
        }
    }

    /// <inheritdoc/>
    public bool Equals(Matrix other) =>
        Address == other.Address && Rows == other.Rows && Columns == other.Columns && Stride == other.Stride &&
        IsTransposed == other.IsTransposed && ReferenceEquals(Buffer, other.Buffer);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Matrix other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine((nint)Address, Rows, Columns, IsTransposed);
}
