namespace RnnLm.Worker;

/// <summary>What the cells of PyTorch have in common: the parameters of one layer of <c>nn.RNN</c>, <c>nn.LSTM</c> or
/// <c>nn.GRU</c>, with their names and first values; each gate has D rows in every one.</summary>
internal abstract class TorchUnit : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly Parameter weight_ih;
    private readonly Parameter weight_hh;
    private readonly Parameter bias_ih;
    private readonly Parameter bias_hh;

    protected TorchUnit(long inputs, long dimension, long gates)
        : base(nameof(TorchUnit))
    {
        weight_ih = nn.Parameter(zeros(gates * dimension, inputs));
        weight_hh = nn.Parameter(zeros(gates * dimension, dimension));
        bias_ih = nn.Parameter(zeros(gates * dimension));
        bias_hh = nn.Parameter(zeros(gates * dimension));
        RegisterComponents();
    }

    /// <summary>Declares such a cell: the keys are those of PyTorch's stack, <c>weight_ih_l0</c> and so on.</summary>
    public static CellDeclaration Declare(string name, int gates, int stateVectors = 1) => new(
        name,
        [
            new("weight_ih", (i, d) => [gates * d, i]), new("weight_hh", (_, d) => [gates * d, d]),
            new("bias_ih", (_, d) => [gates * d]), new("bias_hh", (_, d) => [gates * d]),
        ])
    {
        StateWidth = dimension => stateVectors * dimension,
        Key = (layer, parameter) => $"{parameter.Name}_l{layer}",
        FirstValues = FirstValues.PyTorch,
    };

    /// <summary>x·W_ihᵀ + b_ih + h·W_hhᵀ + b_hh, gate beside gate (batch, gates·D).</summary>
    protected Tensor Of(Tensor x, Tensor h) =>
        nn.functional.linear(x, weight_ih, Terms.Sum(bias_ih, bias_hh)).addmm(h, weight_hh.t());

    /// <summary>x·W_ihᵀ + b_ih, gate beside gate (batch, gates·D).</summary>
    protected Tensor OfInput(Tensor x) => nn.functional.linear(x, weight_ih, bias_ih);

    /// <summary>h·W_hhᵀ + b_hh (batch, gates·D).</summary>
    protected Tensor OfState(Tensor h) => nn.functional.linear(h, weight_hh, bias_hh);
}
