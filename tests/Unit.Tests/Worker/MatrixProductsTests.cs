namespace RnnLm.Tests;

public unsafe class MatrixProductsTests
{
    /// <summary>Sizes around those of blocks: 6 rows, 64, 16 and single columns; 512 terms, 48 rows.</summary>
    public static TheoryData<int, int, int> Sizes
    {
        get
        {
            var sizes = new TheoryData<int, int, int>();
            sizes.Add(50, 1100, 80);
            foreach (int rows in new[] { 1, 2, 3, 4, 5, 6, 7, 16 })
            {
                foreach (int columns in new[] { 1, 15, 16, 33, 64, 100, 144 })
                {
                    sizes.Add(rows, 1 + (7 * rows), columns);
                }
            }

            return sizes;
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Every_element_is_the_chain_of_fused_multiply_adds_of_its_formula(int rows, int inner, int columns)
    {
        using var left = Numbers.Uniform(rows * inner, 1, 1);
        using var right = Numbers.Uniform(inner * columns, 1, 2);
        foreach (bool isTransposed in new[] { false, true })
        {
            foreach (bool keep in new[] { false, true })
            {
                using var result = Numbers.Uniform(rows * columns, 1, 3);
                float[] expected = new float[rows * columns];
                for (int i = 0; i < rows; i++)
                {
                    for (int j = 0; j < columns; j++)
                    {
                        float sum = keep ? result.Span[(i * columns) + j] : 0;
                        for (int k = 0; k < inner; k++)
                        {
                            float factor = left.Span[isTransposed ? (k * rows) + i : (i * inner) + k];
                            sum = MathF.FusedMultiplyAdd(factor, right.Span[(k * columns) + j], sum);
                        }

                        expected[(i * columns) + j] = sum;
                    }
                }

                MatrixProducts.Multiply(
                    isTransposed ? left.AsMatrix(inner, rows).T : left.AsMatrix(rows, inner),
                    right.AsMatrix(inner, columns),
                    result.AsMatrix(rows, columns),
                    keep);

                Numbers.AssertSameBits(expected, result.Span);
            }
        }
    }

    [Fact]
    public void Parts_of_wider_matrices_are_multiplied_and_nothing_beside_them_is_written()
    {
        using var left = Numbers.Uniform(7 * 20, 1, 1);
        using var right = Numbers.Uniform(9 * 70, 1, 2);
        using var whole = Numbers.Garbage(7 * 80);
        using var expected = Numbers.Garbage(7 * 70);
        using var narrow = Numbers.Garbage(7 * 9);
        for (int row = 0; row < 7; row++)
        {
            left.Span.Slice(row * 20, 9).CopyTo(narrow.Span[(row * 9)..]);
        }

        MatrixProducts.Multiply(narrow.AsMatrix(7, 9), right.AsMatrix(9, 70), expected.AsMatrix(7, 70));
        using var turned = Numbers.Garbage(9 * 20);
        for (int k = 0; k < 9; k++)
        {
            for (int row = 0; row < 7; row++)
            {
                turned.Span[(k * 20) + 3 + row] = left.Span[(row * 20) + k];
            }
        }

        Matrix[] parts = [left.AsMatrix(7, 20).ColumnRange(0, 9), turned.AsMatrix(9, 20).ColumnRange(3, 7).T];
        foreach (var part in parts)
        {
            whole.Span.Fill(float.NaN);
            MatrixProducts.Multiply(part, right.AsMatrix(9, 70), whole.AsMatrix(7, 80).ColumnRange(6, 70));
            for (int row = 0; row < 7; row++)
            {
                AssertBeside(row);
                Numbers.AssertSameBits(expected.Span.Slice(row * 70, 70), whole.Span.Slice((row * 80) + 6, 70));
            }
        }

        MatrixProducts.Multiply(
            left.AsMatrix(7, 20).ColumnRange(20, 0),
            right.AsMatrix(9, 70).RowRange(0, 0),
            whole.AsMatrix(7, 80).ColumnRange(6, 70));
        for (int row = 0; row < 7; row++)
        {
            AssertBeside(row);
            Assert.All(whole.Span.Slice((row * 80) + 6, 70).ToArray(), value => Assert.Equal(0, value));
        }

        void AssertBeside(int row) => Assert.All(
            [.. whole.Span.Slice(row * 80, 6), .. whole.Span.Slice((row * 80) + 76, 4)],
            value => Assert.True(float.IsNaN(value)));
    }

    [Fact]
    public void What_is_not_kept_may_be_not_a_number()
    {
        using var two = Numbers.Garbage(16);
        two.Span.Fill(2);
        using var result = Numbers.Garbage(16);
        MatrixProducts.Multiply(two.AsMatrix(1, 1), two.AsMatrix(1, 16), result.AsMatrix(1, 16));
        Assert.All(result.Span.ToArray(), value => Assert.Equal(4, value));
    }

    [Fact]
    public void A_product_over_nothing_is_zero_or_what_is_kept()
    {
        using var none = Numbers.Garbage(0);
        using var result = Numbers.Garbage(6);

        MatrixProducts.Multiply(none.AsMatrix(2, 0), none.AsMatrix(0, 3), result.AsMatrix(2, 3));
        Assert.Equal(new float[6], result.Span.ToArray());

        result.Span.Fill(4);
        MatrixProducts.Multiply(none.AsMatrix(2, 0), none.AsMatrix(0, 3), result.AsMatrix(2, 3), keep: true);
        Assert.Equal([4f, 4f, 4f, 4f, 4f, 4f], result.Span.ToArray());
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        using var room = Numbers.Garbage(6);
        Assert.Throws<ArgumentException>(
            () => MatrixProducts.Multiply(room.AsMatrix(2, 3), room.AsMatrix(2, 3), room.AsMatrix(2, 3)));
        Assert.Throws<ArgumentException>(
            () => MatrixProducts.Multiply(room.AsMatrix(2, 3), room.AsMatrix(2, 3).T, room.AsMatrix(2, 2)));
    }
}
