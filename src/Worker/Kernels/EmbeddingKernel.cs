namespace RnnLm.Worker;

/// <summary>The embedding: rows of its matrix by token id, and the sums of their gradients.</summary>
internal static unsafe class EmbeddingKernel
{
    /// <summary>Copies row ids[i] of the embedding (V, D) to row i of <paramref name="rows"/> (R, D).</summary>
    public static void Gather(Matrix embedding, ReadOnlySpan<int> ids, Matrix rows)
    {
        for (int row = 0; row < ids.Length; row++)
        {
            Lanes.Copy(embedding.Row(ids[row]), rows.Row(row), rows.Columns);
        }
    }

    /// <summary>Adds the gradients of the rows, first row first, to a dense gradient of the embedding (V, E); the
    /// padding token's row gets none.</summary>
    public static void Add(ReadOnlySpan<int> ids, Matrix rowGradients, int paddingId, Matrix gradient)
    {
        for (int row = 0; row < ids.Length; row++)
        {
            if (ids[row] != paddingId)
            {
                Lanes.Add(gradient.Row(ids[row]), rowGradients.Row(row), rowGradients.Columns);
            }
        }
    }

    /// <summary>
    /// Writes the rows of <paramref name="result"/>: for each id that occurs, ascending, the sum of the gradients of
    /// its rows, first row first.
    /// The padding token's row is a constant and gets none.
    /// </summary>
    /// <param name="ids">Token of each row.</param>
    /// <param name="rowGradients">Gradient of each row (R, D).</param>
    /// <param name="paddingId">Token without gradient, or -1.</param>
    /// <param name="sortKeys">Room for R keys.</param>
    /// <param name="result">Receives RowIds, Rows and RowCount.</param>
    public static void Backward(
        ReadOnlySpan<int> ids, Matrix rowGradients, int paddingId, Span<long> sortKeys, Gradient result)
    {
        Span<long> keys = sortKeys[..ids.Length];
        for (int row = 0; row < ids.Length; row++)
        {
            keys[row] = ((long)ids[row] << 32) | (uint)row;
        }

        keys.Sort();

        int dimension = rowGradients.Columns;
        int count = 0;
        foreach (long key in keys)
        {
            int id = (int)(key >> 32);
            if (id == paddingId)
            {
                continue;
            }

            float* gradient = rowGradients.Row((int)key);
            if (count > 0 && result.RowIds[count - 1] == id)
            {
                Lanes.Add(result.Rows.Address + ((long)(count - 1) * dimension), gradient, dimension);
                continue;
            }

            result.RowIds[count] = id;
            Lanes.Copy(gradient, result.Rows.Address + ((long)count * dimension), dimension);
            count++;
        }

        result.RowCount = count;
    }
}
