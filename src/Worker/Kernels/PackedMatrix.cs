namespace RnnLm.Worker;

/// <summary>
/// A copy of a right operand (k, n) in the order in which <see cref="MatrixProducts"/> reads it: group after group of
/// columns, each row by row without gaps. It pays where few rows are multiplied often, as by a recurrence.
/// </summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    private readonly GrowingBuffer _buffer = new();

    /// <summary>k.</summary>
    public int Rows { get; private set; }

    /// <summary>n.</summary>
    public int Columns { get; private set; }

    /// <summary>The group that begins with a column.</summary>
    public float* Group(int column) => _buffer.Address + ((long)column * Rows);

    /// <summary>Takes a matrix in, possibly transposed.</summary>
    public void Load(Matrix source)
    {
        (Rows, Columns) = (source.Rows, source.Columns);
        _buffer.Reserve(checked(Rows * Columns));
        for (int first = 0, width; first < Columns; first += width)
        {
            width = MatrixProducts.GroupWidth(Columns - first);
            float* into = Group(first);
            for (int row = 0; row < Rows; row++, into += width)
            {
                if (source.IsTransposed)
                {
                    for (int column = 0; column < width; column++)
                    {
                        into[column] = source.Row(first + column)[row];
                    }
                }
                else
                {
                    Lanes.Copy(source.Row(row) + first, into, width);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();
}
