using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Worker;

/// <summary>Passes over the rows of a matrix, in a fixed order of operations.</summary>
internal static unsafe class RowKernels
{
    /// <summary>Every row becomes a function of row + bias, element by element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddBiasAndApply<TFunction>(Matrix rows, float* bias)
        where TFunction : struct, IElementaryFunction
    {
        for (int row = 0; row < rows.Rows; row++)
        {
            float* values = rows.Row(row);
            for (int column = 0; column < rows.Columns; column += Lanes.Count)
            {
                int count = rows.Columns - column;
                Vector512<float> sum = Lanes.Load(values + column, count) + Lanes.Load(bias + column, count);
                Lanes.Store(TFunction.Of(sum), values + column, count);
            }
        }
    }

    /// <summary>gradient ← gradient · (1 - output²): back through output = tanh(…).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TanhBackward(Matrix gradient, Matrix output)
    {
        Vector512<float> one = Vector512.Create(1f);
        for (int row = 0; row < gradient.Rows; row++)
        {
            float* slope = gradient.Row(row);
            float* value = output.Row(row);
            for (int column = 0; column < gradient.Columns; column += Lanes.Count)
            {
                int count = gradient.Columns - column;
                Vector512<float> tanh = Lanes.Load(value + column, count);
                Lanes.Store(
                    Lanes.Load(slope + column, count) * (one - (tanh * tanh)), slope + column, count);
            }
        }
    }

    /// <summary>sums ← the sum of all rows, added from the first row to the last; zeros when there are none.</summary>
    public static void ColumnSums(Matrix rows, float* sums)
    {
        if (rows.Rows == 0)
        {
            new Span<float>(sums, rows.Columns).Clear();
            return;
        }

        Lanes.Copy(rows.Row(0), sums, rows.Columns);
        for (int row = 1; row < rows.Rows; row++)
        {
            Lanes.Add(sums, rows.Row(row), rows.Columns);
        }
    }

    /// <summary>result ← each row times its factor, added (each product rounded before) to the old contents with
    /// <paramref name="keep"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScaleRows(Matrix rows, float* factors, Matrix result, bool keep = false)
    {
        int whole = Lanes.WholeVectors(rows.Columns);
        for (int row = 0; row < rows.Rows; row++)
        {
            float* values = rows.Row(row);
            float* into = result.Row(row);
            Vector512<float> factor = Vector512.Create(factors[row]);
            for (int i = 0; i < whole; i += Lanes.Count)
            {
                Vector512<float> scaled = Vector512.Load(values + i) * factor;
                (keep ? Vector512.Load(into + i) + scaled : scaled).Store(into + i);
            }

            for (int i = whole; i < rows.Columns; i++)
            {
                float scaled = values[i] * factors[row];
                into[i] = keep ? into[i] + scaled : scaled;
            }
        }
    }

    /// <summary>Σ left · right over whole vectors, added lane by lane and then the lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Dot(float* left, float* right, int count)
    {
        Vector512<float> sum = Vector512<float>.Zero;
        for (int i = 0; i < count; i += Lanes.Count)
        {
            sum += Vector512.Load(left + i) * Vector512.Load(right + i);
        }

        return Vector512.Sum(sum);
    }

    /// <summary>result ← the transpose of <paramref name="matrix"/>, which is not transposed itself.</summary>
    public static void Transpose(Matrix matrix, Matrix result)
    {
        for (int row = 0; row < result.Rows; row++)
        {
            float* into = result.Row(row);
            for (int column = 0; column < result.Columns; column++)
            {
                into[column] = matrix.Row(column)[row];
            }
        }
    }
}
