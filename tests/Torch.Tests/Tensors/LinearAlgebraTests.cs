namespace RnnLm.Torch.Tests.Tensors;

public class LinearAlgebraTests
{
    private static readonly float[,] s_a = { { 1, 2, 3 }, { 4, 5, 6 } };
    private static readonly float[,] s_b = { { 1, 0 }, { -1, 2 }, { 3, 1 } };

    [Fact]
    public void Products_of_matrices_agree_with_hand_computation()
    {
        float[] expected = [8, 7, 17, 16];
        Assert.Equal(expected, mm(tensor(s_a), tensor(s_b)).data<float>().ToArray());
        Assert.Equal(expected, matmul(tensor(s_a), tensor(s_b)).data<float>().ToArray());
        Assert.Equal([8.5f, 7.5f, 17.5f, 16.5f], ones(2, 2).addmm(tensor(s_a), tensor(s_b), beta: 0.5f).data<float>().ToArray());
        using Tensor target = ones(2, 2);
        target.addmm_(tensor(s_a), tensor(s_b), alpha: 2);
        Assert.Equal([17, 15, 35, 33], target.data<float>().ToArray());
        Assert.Equal([17, 15, 35, 33], addmm(ones(2, 2), tensor(s_a), tensor(s_b), 1, 2).data<float>().ToArray());
    }

    [Fact]
    public void The_norm_is_the_root_of_the_sum_of_squares()
    {
        Assert.Equal(5, tensor(new float[] { 3, 0, -4 }).norm().ToSingle());
        Assert.Equal(7, tensor(new float[] { 3, 0, -4 }).norm(1).ToSingle());
    }
}
