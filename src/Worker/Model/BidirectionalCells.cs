namespace RnnLm.Worker;

/// <summary>
/// Stacked cells that read a text from both ends: the outputs of the two directions stand beside each other, and are
/// what the next layer reads (Schuster, Paliwal, "Bidirectional Recurrent Neural Networks", 1997). For what is known to
/// its end, like a sentence whose words are tagged; a language model would see what it is to predict.
/// </summary>
public sealed class BidirectionalCells : nn.Module<Tensor, Tensor>
{
    private readonly ModuleList<nn.Module<Tensor, Tensor, Tensor>> forwards;
    private readonly ModuleList<nn.Module<Tensor, Tensor, Tensor>> backwards;
    private readonly Cell _cell;
    private readonly long _dimension;

    /// <param name="cell">What a layer is.</param>
    /// <param name="inputs">I.</param>
    /// <param name="dimension">D.</param>
    /// <param name="layers">Number of layers.</param>
    public BidirectionalCells(Cell cell, long inputs, long dimension, int layers)
        : base(nameof(BidirectionalCells))
    {
        ArgumentNullException.ThrowIfNull(cell);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        _cell = cell;
        _dimension = dimension;
        ModuleList<nn.Module<Tensor, Tensor, Tensor>> Units() => nn.ModuleList(Enumerable.Range(0, layers)
            .Select(layer => cell.CreateModule(layer == 0 ? inputs : 2 * dimension, dimension)).ToArray());
        (forwards, backwards) = (Units(), Units());
        RegisterComponents();
    }

    /// <summary>Outputs (batch, time, 2 D) of inputs (batch, time, I), all equally long.</summary>
    public override Tensor forward(Tensor input)
    {
        ArgumentNullException.ThrowIfNull(input);
        using var scope = NewDisposeScope();
        Tensor state = zeros([input.size(0), _cell.Declaration.StateWidth(_dimension)], input.dtype, input.device);
        for (int layer = 0; layer < forwards.Count; layer++)
        {
            Tensor ahead = _cell.Run(forwards[layer], input, state, _dimension).Outputs;
            Tensor back = _cell.Run(backwards[layer], input.flip(1), state, _dimension).Outputs.flip(1);
            input = cat([ahead, back], 2);
        }

        return input.MoveToOuterDisposeScope();
    }
}
