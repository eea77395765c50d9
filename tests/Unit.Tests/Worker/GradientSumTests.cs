namespace RnnLm.Tests;

public class GradientSumTests
{
    private static readonly ModelSettings Model = new(VocabularySize: 11, Dimension: 3, Layers: 1, PaddingId: -1);

    public static TheoryData<int[], int[]> RowSets() => new()
    {
        { [1, 4, 7], [1, 4, 7] },
        { [0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9] },
        { [1, 3, 5, 7, 9], [0, 2, 4, 6, 8, 10] },
        { [8, 9, 10], [0, 1] },
        { [0, 1], [8, 9, 10] },
        { [], [2, 5] },
        { [2, 5], [] },
        { [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [5] },
        { [5], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] },
        { [1, 2, 5, 6, 9], [2, 3, 6, 7, 9, 10] },
    };

    [Theory]
    [MemberData(nameof(RowSets))]
    public void Dense_parts_are_added_and_rows_merged_by_id(int[] leftIds, int[] rightIds)
    {
        using Gradient left = Gradients.Random(Model, leftIds, tokens: 5, stream: 1);
        using Gradient right = Gradients.Random(Model, rightIds, tokens: 7, stream: 3);
        using Gradient rightBefore = Gradients.Random(Model, rightIds, tokens: 7, stream: 3);
        Dictionary<int, float[]> rows = Rows(left);
        foreach ((int id, float[] row) in Rows(right))
        {
            rows[id] = rows.TryGetValue(id, out float[]? present) ? [.. present.Zip(row, (a, b) => a + b)] : row;
        }

        float[] dense = [.. left.Dense.Span.ToArray().Zip(right.Dense.Span.ToArray(), (a, b) => a + b)];
        (left.ComputeSeconds, right.ComputeSeconds) = (0.5, 0.25);

        GradientSum.Add(left, right);

        Assert.Equal(rows.Keys.Order(), left.RowIds[..left.RowCount]);
        Numbers.AssertSameBits(
            rows.OrderBy(pair => pair.Key).SelectMany(pair => pair.Value).ToArray(), left.PresentRows());
        Numbers.AssertSameBits(dense, left.Dense.Span);
        Assert.Equal(12, left.TokenCount);
        Assert.Equal((3.25 * 5) + (3.25 * 7), left.LossSum);
        Assert.Equal(0.75, left.ComputeSeconds);
        Gradients.AssertSame(rightBefore, right);
    }

    [Fact]
    public void A_row_on_one_side_only_keeps_its_negative_zeros()
    {
        using Gradient left = Gradients.Random(Model, [1, 6], tokens: 5, stream: 1);
        using Gradient right = Gradients.Random(Model, [3], tokens: 7, stream: 3);
        left.PresentRows().Fill(-0f);
        right.PresentRows().Fill(-0f);

        GradientSum.Add(left, right);

        Assert.All(left.PresentRows().ToArray(), value => Assert.True(float.IsNegative(value)));
    }

    [Fact]
    public void The_identity_on_either_side_changes_no_bit()
    {
        using Gradient value = Gradients.Random(Model, [1, 6], tokens: 5, stream: 1);
        value.Dense.Span[0] = -0f;
        value.PresentRows()[0] = -0f;
        using Gradient left = Gradients.Random(Model, [1, 6], tokens: 5, stream: 1);
        left.Dense.Span[0] = -0f;
        left.PresentRows()[0] = -0f;
        using Gradient identity = Gradients.Random(Model, [2], tokens: 5, stream: 9);
        identity.Clear();
        (left.ComputeSeconds, identity.ComputeSeconds) = (0.5, 0.25);

        GradientSum.Add(left, identity);
        Gradients.AssertSame(value, left);
        Assert.Equal(0.75, left.ComputeSeconds);

        GradientSum.Add(identity, left);
        Assert.Equal(1.0, identity.ComputeSeconds);
        Gradients.AssertSame(value, identity);
    }

    [Fact]
    public void Two_identities_make_one()
    {
        using var left = new Gradient(ParameterLayout.For(Model));
        using var right = new Gradient(ParameterLayout.For(Model));

        GradientSum.Add(left, right);

        Assert.True(left.IsIdentity);
    }

    [Fact]
    public void Gradients_of_different_models_or_one_twice_are_refused()
    {
        using Gradient left = Gradients.Random(Model, [1], tokens: 5, stream: 1);
        using Gradient other = Gradients.Random(Model with { Layers = 2 }, [1], tokens: 5, stream: 1);

        Assert.Throws<ArgumentException>(() => GradientSum.Add(left, other));
        Assert.Throws<ArgumentException>(() => GradientSum.Add(left, left));
    }

    private static Dictionary<int, float[]> Rows(Gradient gradient) => Enumerable.Range(0, gradient.RowCount)
        .ToDictionary(
            i => gradient.RowIds[i],
            i => gradient.Rows.Span.Slice(i * Model.Dimension, Model.Dimension).ToArray());
}
