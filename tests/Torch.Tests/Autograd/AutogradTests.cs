namespace RnnLm.Torch.Tests.Autograd;

public class AutogradTests
{
    [Fact]
    public void Gradients_agree_with_finite_differences()
    {
        const double Step = 1e-6;
        double[] start = [0.3, -0.7, 1.1];
        static Tensor Loss(Tensor x) => ((tanh(x) * x).exp() / (x * x + 1)).sum();
        using Tensor x = tensor(start).requires_grad_();
        Loss(x).backward();
        double[] gradient = x.grad!.data<double>().ToArray();
        for (int i = 0; i < start.Length; i++)
        {
            double[] above = [.. start];
            double[] below = [.. start];
            above[i] += Step;
            below[i] -= Step;
            double expected = (Loss(tensor(above)).ToDouble() - Loss(tensor(below)).ToDouble()) / (2 * Step);
            Assert.Equal(expected, gradient[i], 1e-7);
        }
    }

    [Fact]
    public void Gradients_add_up_until_they_are_cleared()
    {
        using Tensor x = tensor(3.0).requires_grad_();
        (x * x).backward();
        (x * x).backward();
        Assert.Equal(12, x.grad!.ToDouble());
        x.grad = null;
        Assert.Null(x.grad);
    }

    [Fact]
    public void Outputs_can_be_weighted()
    {
        using Tensor x = tensor(new double[] { 1, 2 }).requires_grad_();
        (x * x).backward([tensor(new double[] { 10, 100 })]);
        Assert.Equal([20, 400], x.grad!.data<double>().ToArray());
    }

    [Fact]
    public void The_graph_serves_once_unless_it_is_retained()
    {
        using Tensor x = tensor(3.0).requires_grad_();
        Tensor y = x * x;
        y.backward(retain_graph: true);
        y.backward();
        Assert.Equal(12, x.grad!.ToDouble());
        Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => y.backward());
    }

    [Fact]
    public void Grad_gives_derivatives_of_derivatives_and_leaves_the_leaves_alone()
    {
        using Tensor x = tensor(2.0).requires_grad_();
        using Tensor unused = tensor(2.0).requires_grad_();
        Tensor first = autograd.grad([x * x * x], [x], create_graph: true)[0];
        IList<Tensor> second = autograd.grad([first], [x, unused], allow_unused: true);
        Assert.Equal((12, 12), (first.ToDouble(), second[0].ToDouble()));
        Assert.Null(second[1]);
        Assert.Null(x.grad);
    }

    [Fact]
    public void Recording_is_off_inside_no_grad_and_on_again_after_it_in_this_thread_only()
    {
        using Tensor x = tensor(2.0).requires_grad_();
        using (no_grad())
        {
            Assert.False(is_grad_enabled());
            Assert.False((x * x).requires_grad);
            using (enable_grad())
            {
                Assert.True((x * x).requires_grad);
            }

            bool elsewhere = false;
            var thread = new Thread(() => elsewhere = is_grad_enabled());
            thread.Start();
            thread.Join();
            Assert.True(elsewhere);
        }

        Assert.True((x * x).requires_grad);
        using (set_grad_enabled(false))
        {
            Assert.False(is_grad_enabled());
        }
    }

    [Fact]
    public void A_detached_tensor_shares_memory_but_not_the_record()
    {
        using Tensor x = tensor(new double[] { 1, 2 }).requires_grad_();
        Tensor y = x * 1;
        Assert.True(x.is_leaf);
        Assert.False(y.is_leaf);
        using Tensor detached = y.detach();
        Assert.False(detached.requires_grad);
        detached.fill_(5);
        Assert.Equal([5, 5], y.data<double>().ToArray());
    }

    [Fact]
    public void Cross_entropy_of_a_batch_is_minus_the_logarithm_of_the_targets_probability()
    {
        using Tensor logits = tensor(new double[,] { { 1, 2, 3 }, { 0, 0, 0 }, { 5, 1, 1 } });
        using Tensor targets = tensor(new long[] { 2, 0, -100 });
        double first = -Math.Log(Math.Exp(3) / (Math.Exp(1) + Math.Exp(2) + Math.Exp(3)));
        double second = Math.Log(3);
        Assert.Equal((first + second) / 2, nn.functional.cross_entropy(logits, targets).ToDouble(), 1e-12);
        Assert.Equal(first + second, nn.functional.cross_entropy(logits, targets, reduction: nn.Reduction.Sum).ToDouble(), 1e-12);
        double[] each = nn.functional.cross_entropy(logits, targets, reduction: nn.Reduction.None).data<double>().ToArray();
        Assert.Equal(first, each[0], 1e-12);
        Assert.Equal(second, each[1], 1e-12);
        Assert.Equal(0, each[2]);
    }
}
