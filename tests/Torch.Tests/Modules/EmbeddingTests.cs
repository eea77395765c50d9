using RnnLm.Torch.Modules;

namespace RnnLm.Torch.Tests.Modules;

public class EmbeddingTests
{
    [Fact]
    public void Rows_are_looked_up_and_the_padding_row_is_zero_and_gets_no_gradient()
    {
        using Embedding embedding = nn.Embedding(4, 2, padding_idx: 1);
        float[] weight = embedding.weight!.data<float>().ToArray();
        using Tensor ids = tensor(new long[] { 3, 1, 3 });
        using Tensor rows = embedding.call(ids);
        Assert.Equal([weight[6], weight[7], 0, 0, weight[6], weight[7]], rows.data<float>().ToArray());

        rows.sum().backward();
        Assert.Equal([0, 0, 0, 0, 0, 0, 2, 2], embedding.weight.grad!.data<float>().ToArray());
    }

    [Fact]
    public void A_padding_index_outside_the_table_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => nn.Embedding(4, 2, padding_idx: 4));
    }

    [Fact]
    public void A_module_built_inside_a_dispose_scope_outlives_it()
    {
        Embedding embedding;
        using (NewDisposeScope())
        {
            embedding = nn.Embedding(4, 2);
        }

        Assert.False(embedding.weight!.IsInvalid);
        embedding.Dispose();
        Assert.True(embedding.weight.IsInvalid);
    }
}
