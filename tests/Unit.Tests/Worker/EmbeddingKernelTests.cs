namespace RnnLm.Tests;

public class EmbeddingKernelTests
{
    private static readonly ModelSettings Model = new(VocabularySize: 6, Dimension: 2, Layers: 1, PaddingId: 4);

    [Fact]
    public void Gathering_copies_the_rows_of_the_ids()
    {
        using var embedding = Numbers.Uniform(6 * 2, 1, 1);
        using var rows = Numbers.Garbage(3 * 2);

        EmbeddingKernel.Gather(embedding.AsMatrix(6, 2), [5, 0, 5], rows.AsMatrix(3, 2));

        float[] e = embedding.Span.ToArray();
        Assert.Equal([e[10], e[11], e[0], e[1], e[10], e[11]], rows.Span.ToArray());
    }

    [Fact]
    public void Gradients_are_summed_by_id_ascending_and_the_padding_row_gets_none()
    {
        using var result = new Gradient(ParameterLayout.For(Model)) { TokenCount = 5 };
        using var gradients = Numbers.Garbage(5 * 2);
        new float[] { 1, 2, 10, 20, 100, 200, -0f, -0f, 3, 4 }.CopyTo(gradients.Span);

        EmbeddingKernel.Backward([3, 4, 3, 0, 5], gradients.AsMatrix(5, 2), Model.PaddingId, new long[5], result);

        Assert.Equal([0, 3, 5], result.RowIds[..result.RowCount]);
        Numbers.AssertSameBits([-0f, -0f, 101, 202, 3, 4], result.PresentRows());
    }

    [Fact]
    public void The_rows_of_an_id_are_added_from_first_to_last()
    {
        using var result = new Gradient(ParameterLayout.For(Model)) { TokenCount = 3 };
        using var gradients = Numbers.Garbage(3 * 2);

        // Any other order of these three gives another sum.
        new float[] { 1e8f, 1, -1e8f, 1e8f, 1, -1e8f }.CopyTo(gradients.Span);

        EmbeddingKernel.Backward([2, 2, 2], gradients.AsMatrix(3, 2), Model.PaddingId, new long[3], result);

        Assert.Equal([(1e8f + -1e8f) + 1, (1f + 1e8f) + -1e8f], result.PresentRows().ToArray());
    }
}
