namespace RnnLm.Shared;

/// <summary>The one addition of the reduction tree.</summary>
public static unsafe class GradientSum
{
    /// <summary>
    /// left ← left + right, loss, token count and seconds too. Where only one side has a value (an identity, an
    /// embedding row that the other lacks) that value is kept as it is, never added to zero. <paramref name="right"/>
    /// is unchanged.
    /// </summary>
    public static void Add(Gradient left, Gradient right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        if (ReferenceEquals(left, right) ||
            left.Dense.Length != right.Dense.Length || left.Rows.Length != right.Rows.Length)
        {
            throw new ArgumentException("the gradients must be two, of one model", nameof(right));
        }

        left.ComputeSeconds += right.ComputeSeconds;
        if (right.IsIdentity)
        {
            return;
        }

        if (left.IsIdentity)
        {
            TakeContents(left, right);
            return;
        }

        Lanes.Add(left.Dense.Address, right.Dense.Address, left.Dense.Length);
        MergeRows(left, right);
        left.LossSum += right.LossSum;
        left.TokenCount += right.TokenCount;
    }

    private static void TakeContents(Gradient left, Gradient right)
    {
        int rowFloats = right.RowCount * right.Layout.Embedding.Shape[1];
        right.Dense.Span.CopyTo(left.Dense.Span);
        right.RowIds.AsSpan(0, right.RowCount).CopyTo(left.RowIds);
        right.Rows.Span[..rowFloats].CopyTo(left.Rows.Span);
        left.RowCount = right.RowCount;
        left.LossSum = right.LossSum;
        left.TokenCount = right.TokenCount;
    }

    /// <summary>Merges from the last row to the first: the place written never lies before the left row still to be
    /// read.</summary>
    private static void MergeRows(Gradient left, Gradient right)
    {
        int dimension = left.Layout.Embedding.Shape[1];
        int leftIndex = left.RowCount - 1;
        int rightIndex = right.RowCount - 1;
        int destination = UnionCount(left, right) - 1;
        left.RowCount = destination + 1;
        while (rightIndex >= 0)
        {
            int leftId = leftIndex >= 0 ? left.RowIds[leftIndex] : -1;
            int rightId = right.RowIds[rightIndex];
            float* into = Row(left, destination, dimension);
            if (leftId >= rightId)
            {
                Lanes.Copy(Row(left, leftIndex, dimension), into, dimension);
                leftIndex--;
            }
            else
            {
                Lanes.Copy(Row(right, rightIndex, dimension), into, dimension);
            }

            if (leftId == rightId)
            {
                Lanes.Add(into, Row(right, rightIndex, dimension), dimension);
            }

            if (leftId <= rightId)
            {
                rightIndex--;
            }

            left.RowIds[destination] = Math.Max(leftId, rightId);
            destination--;
        }
    }

    private static int UnionCount(Gradient left, Gradient right)
    {
        int leftIndex = 0;
        int rightIndex = 0;
        int count = 0;
        while (leftIndex < left.RowCount && rightIndex < right.RowCount)
        {
            int leftId = left.RowIds[leftIndex];
            int rightId = right.RowIds[rightIndex];
            leftIndex += leftId <= rightId ? 1 : 0;
            rightIndex += rightId <= leftId ? 1 : 0;
            count++;
        }

        return count + (left.RowCount - leftIndex) + (right.RowCount - rightIndex);
    }

    private static float* Row(Gradient gradient, int index, int dimension) =>
        gradient.Rows.Address + ((long)index * dimension);
}
