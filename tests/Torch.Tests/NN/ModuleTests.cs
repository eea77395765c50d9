using RnnLm.Torch.Modules;

namespace RnnLm.Torch.Tests.NN;

public class ModuleTests
{
    [Fact]
    public void State_dict_has_own_parameters_first_then_those_of_fields_and_lists_in_order()
    {
        using var network = new Network();
        Assert.Equal(
            ["scale", "first.weight", "first.bias", "rest.0.weight", "rest.1.weight"], network.state_dict().Keys);
        Assert.Equal(network.state_dict().Keys, network.named_parameters().Select(p => p.name));
        Assert.Equal(["first", "rest"], network.named_children().Select(c => c.name));
        Assert.Equal(["first", "rest", "rest.0", "rest.1"], network.named_modules().Select(c => c.name));
        Assert.Same(network.first.weight, network.get_parameter("first.weight"));
        Assert.Null(network.get_parameter("first.nothing"));
        Assert.Equal("Network", network.GetName());
    }

    [Fact]
    public void A_shared_parameter_is_counted_once_but_has_both_keys()
    {
        using var network = new Shared();
        Assert.Single(network.parameters());
        Assert.Equal(["a.weight", "b.weight"], network.state_dict().Keys);
    }

    [Fact]
    public void Loading_copies_values_and_names_what_does_not_fit()
    {
        using var source = new Network();
        using var target = new Network();
        target.load_state_dict(source.state_dict());
        Assert.True(source.first.weight.allclose(target.first.weight, 0, 0));
        Assert.NotSame(source.first.weight, target.first.weight);

        Dictionary<string, Tensor> other = source.state_dict();
        other.Remove("scale");
        other["more"] = zeros(1);
        var error = Assert.Throws<InvalidOperationException>(() => target.load_state_dict(other));
        Assert.Contains("missing [scale], unexpected [more]", error.Message, StringComparison.Ordinal);
        var (missing, unexpected) = target.load_state_dict(other, strict: false);
        Assert.Equal(["scale"], missing);
        Assert.Equal(["more"], unexpected);
        target.load_state_dict(other, skip: ["scale", "more"]);
    }

    [Fact]
    public void Gradients_are_forgotten_or_zeroed()
    {
        using var network = new Network();
        network.call(ones(1, 2)).sum().backward();
        Assert.NotNull(network.scale.grad);
        network.zero_grad(set_to_none: false);
        Assert.Equal(0, network.scale.grad!.abs().sum().ToSingle());
        network.zero_grad();
        Assert.All(network.parameters(), p => Assert.Null(p.grad));
    }

    [Fact]
    public void Conversion_keeps_the_parameters_identity_and_takes_the_gradient_along()
    {
        using var network = new Network();
        Parameter weight = network.first.weight;
        float[] before = weight.data<float>().ToArray();
        network.call(ones(1, 2)).sum().backward();
        Assert.Same(network, network.to(float64));
        Assert.Same(weight, network.first.weight);
        Assert.Equal((float64, float64, true, true), (weight.dtype, weight.grad!.dtype, weight.requires_grad, weight.is_leaf));
        Assert.Equal(before.Select(v => (double)v), weight.data<double>().ToArray());
        network.zero_grad();
        network.call(ones(1, 2, dtype: float64)).sum().backward();
        Assert.Equal(float64, weight.grad!.dtype);
        Assert.Equal(float32, network.to(CPU, float32).scale.dtype);
    }

    [Fact]
    public void Training_and_evaluation_reach_every_module()
    {
        using var network = new Network();
        network.eval();
        Assert.All(network.modules().Append(network), m => Assert.False(m.training));
        network.train();
        Assert.All(network.modules().Append(network), m => Assert.True(m.training));
        var order = new List<string>();
        network.apply(m => order.Add(m.GetName()));
        Assert.Equal(["Linear", "Linear", "Linear", "ModuleList", "Network"], order);
    }

    [Fact]
    public void Disposing_a_module_disposes_all_its_parameters()
    {
        var network = new Network();
        Parameter[] parameters = [.. network.parameters()];
        network.Dispose();
        Assert.All(parameters, p => Assert.True(p.IsInvalid));
    }

    [Fact]
    public void Names_are_used_once_and_hold_no_dot()
    {
        using var network = new Network();
        Assert.Throws<InvalidOperationException>(() => network.add_module("first", nn.Linear(1, 1)));
        Assert.Throws<ArgumentException>(() => network.register_module("a.b", nn.Linear(1, 1)));
        Assert.Throws<InvalidOperationException>(() => network.register_parameter("scale", nn.Parameter(zeros(1))));
    }

    private sealed class Network : nn.Module<Tensor, Tensor>
    {
        public readonly Linear first = nn.Linear(2, 3);
        public readonly Parameter scale = nn.Parameter(ones(3));
        public readonly ModuleList<Linear> rest = nn.ModuleList(nn.Linear(3, 3, false), nn.Linear(3, 1, false));

        public Network()
            : base(nameof(Network)) => RegisterComponents();

        public override Tensor forward(Tensor input) => rest.Aggregate(first.call(input) * scale, (x, layer) => layer.call(x));
    }

    private sealed class Shared : nn.Module
    {
        public Shared()
            : base(nameof(Shared))
        {
            Linear only = nn.Linear(2, 2, false);
            register_module("a", only);
            register_module("b", only);
        }
    }
}
