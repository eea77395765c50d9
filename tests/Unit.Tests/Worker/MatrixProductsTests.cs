namespace RnnLm.Tests;

public unsafe class MatrixProductsTests
{
    [Theory]
    [InlineData(3, 5, 7)]
    [InlineData(16, 128, 128)]
    [InlineData(1, 33, 1)]
    [InlineData(40, 1, 9)]
    public void Every_transposition_gives_the_product_of_the_formula(int rows, int inner, int columns)
    {
        using var products = new MatrixProducts();
        using var left = Numbers.Uniform(rows * inner, 1, 1);
        using var right = Numbers.Uniform(inner * columns, 1, 2);
        foreach (bool transposeLeft in new[] { false, true })
        {
            foreach (bool transposeRight in new[] { false, true })
            {
                using var result = Numbers.Garbage(rows * columns);
                var expected = new double[rows * columns];
                for (int i = 0; i < rows; i++)
                {
                    for (int j = 0; j < columns; j++)
                    {
                        for (int k = 0; k < inner; k++)
                        {
                            expected[(i * columns) + j] += (double)left.Span[transposeLeft ? (k * rows) + i : (i * inner) + k]
                                * right.Span[transposeRight ? (j * inner) + k : (k * columns) + j];
                        }
                    }
                }

                products.Multiply(
                    transposeLeft ? left.AsMatrix(inner, rows).T : left.AsMatrix(rows, inner),
                    transposeRight ? right.AsMatrix(columns, inner).T : right.AsMatrix(inner, columns),
                    result.AsMatrix(rows, columns));

                Numbers.AssertClose(expected, result.Span, 1e-6 * inner);
            }
        }
    }

    [Fact]
    public void Keeping_adds_to_the_old_contents()
    {
        using var products = new MatrixProducts();
        using var two = Numbers.Garbage(1);
        using var result = Numbers.Garbage(1);
        two.Span[0] = 2;
        result.Span[0] = 5;

        products.Multiply(two.AsMatrix(1, 1), two.AsMatrix(1, 1), result.AsMatrix(1, 1), keep: 1);

        Assert.Equal(9f, result.Span[0]);
    }

    [Fact]
    public void A_product_over_nothing_is_zero_or_what_is_kept()
    {
        using var products = new MatrixProducts();
        using var none = Numbers.Garbage(0);
        using var result = Numbers.Garbage(6);

        products.Multiply(none.AsMatrix(2, 0), none.AsMatrix(0, 3), result.AsMatrix(2, 3));
        Assert.Equal(new float[6], result.Span.ToArray());

        result.Span.Fill(4);
        products.Multiply(none.AsMatrix(2, 0), none.AsMatrix(0, 3), result.AsMatrix(2, 3), keep: 1);
        Assert.Equal([4f, 4f, 4f, 4f, 4f, 4f], result.Span.ToArray());
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        using var products = new MatrixProducts();
        using var room = Numbers.Garbage(6);

        Assert.Throws<ArgumentException>(() => products.Multiply(room.AsMatrix(2, 3), room.AsMatrix(2, 3), room.AsMatrix(2, 3)));
    }
}
