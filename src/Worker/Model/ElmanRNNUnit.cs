namespace RnnLm.Worker;

/// <summary>
/// One recurrent unit: <c>h' = tanh(x·Wh + h·Uh + b)</c> on (batch, D) inputs and states. Source: Elman, "Finding structure in time", 1990;
/// row A1 of the reference material.
/// </summary>
public sealed class ElmanRNNUnit : nn.Module<Tensor, Tensor, Tensor>
{
    // The field names are the keys of the state dict, their order its order.
    private readonly Parameter Uh;
    private readonly Parameter Wh;
    private readonly Parameter b;

    /// <summary>Matrices (D, D) drawn from the standard normal distribution, a bias (D) of zeros.</summary>
    /// <param name="dimension">D.</param>
    public ElmanRNNUnit(long dimension)
        : base(nameof(ElmanRNNUnit))
    {
        Uh = nn.Parameter(randn(dimension, dimension));
        Wh = nn.Parameter(randn(dimension, dimension));
        b = nn.Parameter(zeros(dimension));
        RegisterComponents();
    }

    /// <summary>The next state (batch, D).</summary>
    /// <param name="input1">x, the input of this step (batch, D).</param>
    /// <param name="input2">h, the state after the step before (batch, D).</param>
    public override Tensor forward(Tensor input1, Tensor input2) => tanh(input1.matmul(Wh) + input2.matmul(Uh) + b);
}
