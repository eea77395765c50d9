namespace RnnLm.Tests;

internal static class Gradients
{
    /// <summary>A gradient with these embedding rows and random values everywhere.</summary>
    public static Gradient Random(ModelSettings model, int[] rowIds, long tokens, ulong stream)
    {
        var gradient = new Gradient(ParameterLayout.For(model))
        {
            RowCount = rowIds.Length,
            TokenCount = tokens,
            LossSum = 3.25 * tokens,
        };
        rowIds.CopyTo(gradient.RowIds, 0);
        gradient.Rows.Span.Fill(float.NaN);
        using var dense = Numbers.Uniform(gradient.Dense.Length, 2, stream);
        dense.Span.CopyTo(gradient.Dense.Span);
        using var rows = Numbers.Uniform(rowIds.Length * model.Dimension, 2, stream + 1);
        rows.Span.CopyTo(gradient.Rows.Span);
        return gradient;
    }

    /// <summary>The rows that are present.</summary>
    public static Span<float> PresentRows(this Gradient gradient) =>
        gradient.Rows.Span[..(gradient.RowCount * gradient.Layout.Embedding.Shape[1])];

    /// <summary>The gradient of every parameter, zeros for absent rows.</summary>
    public static float[] ToFlat(this Gradient gradient)
    {
        var flat = new float[gradient.Layout.Length];
        int dimension = gradient.Layout.Embedding.Shape[1];
        for (int i = 0; i < gradient.RowCount; i++)
        {
            gradient.Rows.Span.Slice(i * dimension, dimension).CopyTo(flat.AsSpan(gradient.RowIds[i] * dimension));
        }

        gradient.Dense.Span[..(flat.Length - gradient.Layout.DenseStart)].CopyTo(
            flat.AsSpan(gradient.Layout.DenseStart));
        return flat;
    }

    /// <summary>Everything that is not undefined has equal bits.</summary>
    public static void AssertSame(Gradient expected, Gradient actual)
    {
        Assert.Equal(expected.TokenCount, actual.TokenCount);
        Assert.Equal(BitConverter.DoubleToInt64Bits(expected.LossSum), BitConverter.DoubleToInt64Bits(actual.LossSum));
        Assert.Equal(expected.RowIds[..expected.RowCount], actual.RowIds[..actual.RowCount]);
        if (!expected.IsIdentity)
        {
            Numbers.AssertSameBits(expected.PresentRows(), actual.PresentRows());
            Numbers.AssertSameBits(expected.Dense.Span, actual.Dense.Span);
        }
    }
}
