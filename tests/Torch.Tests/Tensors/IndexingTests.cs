namespace RnnLm.Torch.Tests.Tensors;

public class IndexingTests
{
    // 0 1 2 / 3 4 5
    private static Tensor Matrix() => arange(6, float32).reshape(2, 3);

    [Fact]
    public void Views_look_at_the_same_memory()
    {
        using Tensor matrix = Matrix();
        matrix.t().select(0, 2).fill_(9);
        Assert.Equal([0, 1, 9, 3, 4, 9], matrix.data<float>().ToArray());
        Assert.Equal([0, 3, 1, 4, 9, 9], matrix.transpose(0, 1).data<float>().ToArray());
        Assert.Equal([3, 2], matrix.view(3, 2).shape);
        Assert.Equal([1, 2, 3], matrix.unsqueeze(0).shape);
        Assert.Equal([2, 3], matrix.unsqueeze(0).squeeze().shape);
        Assert.Equal([1, 2, 3], matrix.unsqueeze(0).unsqueeze(0).squeeze(1).shape);
        Assert.Equal([9, 4, 3, 9, 1, 0], matrix.flip(0, 1).data<float>().ToArray());
    }

    [Fact]
    public void Parts_are_cut_out_along_a_dimension()
    {
        using Tensor matrix = Matrix();
        Assert.Equal([1, 2, 4, 5], matrix.narrow(1, 1, 2).data<float>().ToArray());
        Assert.Equal([0, 2, 3, 5], matrix.slice(1, 0, 3, 2).data<float>().ToArray());
        Assert.Equal([3, 4, 5], matrix[1].data<float>().ToArray());
        Assert.Equal(5, matrix[1, 2].ToSingle());
        Assert.Equal([2, 0, 2, 5, 3, 5], matrix.index_select(1, tensor(new long[] { 2, 0, 2 })).data<float>().ToArray());
        Assert.Equal([1, 5], matrix.gather(1, tensor(new long[,] { { 1 }, { 2 } })).data<float>().ToArray());
        Assert.Equal([7, 7, 7, 7], tensor(7f).expand([2, 2]).data<float>().ToArray());
    }

    [Fact]
    public void Values_are_put_and_added_where_the_index_says()
    {
        using Tensor index = tensor(new long[,] { { 1 }, { 2 } });
        using Tensor source = full([2, 1], 10f);
        Assert.Equal([0, 10, 2, 3, 4, 10], Matrix().scatter(1, index, source).data<float>().ToArray());
        Assert.Equal([0, 10, 2, 3, 4, 10], Matrix().scatter_(1, index, source).data<float>().ToArray());
        Assert.Equal([0, 11, 2, 3, 4, 15], Matrix().scatter_add_(1, index, source).data<float>().ToArray());
        using Tensor added = zeros(2, 3).index_add_(0, tensor(new long[] { 1, 1 }), Matrix(), 2);
        Assert.Equal([0, 0, 0, 6, 10, 14], added.data<float>().ToArray());
    }

    [Fact]
    public void Tensors_are_joined_along_an_old_or_a_new_dimension()
    {
        using Tensor matrix = Matrix();
        Assert.Equal([0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5], cat([matrix, matrix], 1).data<float>().ToArray());
        Assert.Equal([2, 2, 3], stack([matrix, matrix]).shape);
        Assert.Equal([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5], stack([matrix, matrix], 2).data<float>().ToArray());
    }
}
