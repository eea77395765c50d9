namespace RnnLm.Torch.Tests.Tensors;

public class ArithmeticTests
{
    private static readonly float[] s_left = [1, 2, 3, 4];
    private static readonly float[] s_right = [4, -2, 0.5f, 8];

    public static TheoryData<string, Func<Tensor, Tensor, Tensor>, Func<float, float, float>> Binary => new()
    {
        { "+", (a, b) => a + b, (a, b) => a + b },
        { "-", (a, b) => a - b, (a, b) => a - b },
        { "*", (a, b) => a * b, (a, b) => a * b },
        { "/", (a, b) => a / b, (a, b) => a / b },
        { "add scaled", (a, b) => a.add(b, 0.5), (a, b) => a + (0.5f * b) },
        { "add_ scaled", (a, b) => a.clone().add_(b, -2), (a, b) => a - (2 * b) },
        { "sub_", (a, b) => a.clone().sub_(b), (a, b) => a - b },
        { "mul_", (a, b) => a.clone().mul_(b), (a, b) => a * b },
        { "scalar right", (a, _) => (((a + 1) * 2) - 3) / 4, (a, _) => (((a + 1) * 2) - 3) / 4 },
        { "scalar left", (a, _) => 2 - (3 * (1 + a)), (a, _) => 2 - (3 * (1 + a)) },
        { "in place scalars", (a, _) => a.clone().add_(1).mul_(2).sub_(3), (a, _) => ((a + 1) * 2) - 3 },
        { "negative", (a, _) => -a, (a, _) => -a },
        { "abs", (_, b) => b.abs(), (_, b) => MathF.Abs(b) },
        { "exp", (a, _) => exp(a), (a, _) => MathF.Exp(a) },
        { "log", (a, _) => log(a), (a, _) => MathF.Log(a) },
        { "sqrt", (a, _) => a.sqrt(), (a, _) => MathF.Sqrt(a) },
        { "pow", (a, _) => a.pow(3), (a, _) => a * a * a },
        { "tanh", (a, _) => tanh(a), (a, _) => MathF.Tanh(a) },
        { "sigmoid", (a, _) => sigmoid(a), (a, _) => 1 / (1 + MathF.Exp(-a)) },
        { "relu", (_, b) => b.relu(), (_, b) => MathF.Max(0, b) },
        { "masked_fill", (a, b) => a.masked_fill(b.lt(1), -1), (a, b) => b < 1 ? -1 : a },
        { "where", (a, b) => where(a.gt(b), a, b), MathF.Max },
    };

    public static TheoryData<string, Func<Tensor, Tensor, Tensor>, Func<float, float, bool>> Comparisons => new()
    {
        { "eq", (a, b) => a.eq(b), (a, b) => a == b },
        { "ne", (a, b) => a.ne(b), (a, b) => a != b },
        { "lt", (a, b) => a.lt(b), (a, b) => a < b },
        { "le", (a, b) => a.le(b), (a, b) => a <= b },
        { "gt", (a, b) => a.gt(b), (a, b) => a > b },
        { "ge", (a, b) => a.ge(b), (a, b) => a >= b },
        { "eq scalar", (a, _) => a.eq(2), (a, _) => a == 2 },
        { "ne scalar", (a, _) => a.ne(2), (a, _) => a != 2 },
        { "lt scalar", (a, _) => a.lt(2), (a, _) => a < 2 },
        { "le scalar", (a, _) => a.le(2), (a, _) => a <= 2 },
        { "gt scalar", (a, _) => a.gt(2), (a, _) => a > 2 },
        { "ge scalar", (a, _) => a.ge(2), (a, _) => a >= 2 },
    };

    [Theory]
    [MemberData(nameof(Binary))]
    public void Elementwise_operations_agree_with_NET_arithmetic(string name, Func<Tensor, Tensor, Tensor> operation, Func<float, float, float> expected)
    {
        Assert.NotEmpty(name);
        using DisposeScope scope = NewDisposeScope();
        float[] actual = operation(tensor(s_left), tensor(s_right)).data<float>().ToArray();
        for (int i = 0; i < s_left.Length; i++)
        {
            Assert.Equal(expected(s_left[i], s_right[i]), actual[i], 1e-5f * MathF.Max(1, MathF.Abs(actual[i])));
        }
    }

    [Theory]
    [MemberData(nameof(Comparisons))]
    public void Comparisons_agree_with_NET(string name, Func<Tensor, Tensor, Tensor> operation, Func<float, float, bool> expected)
    {
        Assert.NotEmpty(name);
        using DisposeScope scope = NewDisposeScope();
        Tensor actual = operation(tensor(s_left), tensor(new float[] { 4, 2, 0.5f, 4 }));
        Assert.Equal(s_left.Zip([4, 2, 0.5f, 4], expected), actual.data<bool>().ToArray());
    }

    [Fact]
    public void An_in_place_operation_changes_the_tensor_and_returns_it()
    {
        using Tensor target = tensor(s_left);
        Assert.Same(target, target.add_(tensor(s_right)));
        Assert.Equal([5, 0, 3.5f, 12], target.data<float>().ToArray());
    }

    [Fact]
    public void Finite_elements_are_told_from_the_others()
    {
        using Tensor values = tensor(new float[] { 1, float.NaN, float.PositiveInfinity });
        Assert.Equal([true, false, false], values.isfinite().data<bool>().ToArray());
        Assert.False(values.isfinite().all().ToBoolean());
        Assert.True(tensor(s_left).isfinite().all().item<bool>());
    }

    [Fact]
    public void Tensors_are_close_within_the_tolerance_only()
    {
        using Tensor one = tensor(1.0f);
        using Tensor near = tensor(1.0001f);
        Assert.True(one.allclose(near, rtol: 1e-3));
        Assert.False(one.allclose(near, rtol: 1e-6));
    }
}
