using System.Runtime.CompilerServices;

namespace RnnLm.Worker;

/// <summary>
/// A recurrent cell: what it is called and which parameters it has, and how it computes. A program that derives one and
/// registers it (<see cref="Cells"/>) can train with it by <c>--cell NAME</c>.
/// </summary>
/// <param name="declaration">Name, parameters and width of the state.</param>
public abstract class Cell(CellDeclaration declaration)
{
    /// <summary>Name, parameters and width of the state.</summary>
    public CellDeclaration Declaration { get; } = declaration;

    /// <summary>
    /// The unit of one layer. Its <c>forward</c> takes x (batch, I) and the state (batch, S) after the step before,
    /// zeros at first, and gives the next state (batch, S), with S as
    /// <see cref="CellDeclaration.StateWidth"/> has it; the first D columns are the output of the layer. It must be a
    /// function of them and of the parameters, without chance or memory, row by row. The values that it gives its
    /// parameters do not matter.
    /// </summary>
    /// <param name="inputs">I.</param>
    /// <param name="dimension">D.</param>
    /// <returns>A module whose state dict has the parameters of the declaration and nothing else.</returns>
    public abstract nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension);

    /// <summary>
    /// All steps of a layer: its outputs (batch, time, D) and the states after the last step (batch, S). One step after
    /// the other; a cell that has a faster way to the same values overrides it.
    /// </summary>
    /// <param name="unit">Made by <see cref="CreateModule"/>.</param>
    /// <param name="inputs">x (batch, time, I), at least one step.</param>
    /// <param name="state">Before the first step (batch, S).</param>
    /// <param name="dimension">D.</param>
    public virtual (Tensor Outputs, Tensor State) Run(
        nn.Module<Tensor, Tensor, Tensor> unit, Tensor inputs, Tensor state, long dimension)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(inputs);
        var outputs = new Tensor[inputs.size(1)];
        for (int step = 0; step < outputs.Length; step++)
        {
            state = unit.call(inputs.select(1, step), state);
            outputs[step] = state.size(1) == dimension ? state : state.narrow(1, 0, dimension);
        }

        return (stack(outputs, 1), state);
    }

    /// <summary>What computes a model of this cell, for the thread that asks for it: the fast path of the device if the
    /// cell has one, else <see cref="Run"/> and autograd.</summary>
    /// <param name="model">Its sizes.</param>
    /// <param name="device">As libtorch names it: <c>cpu</c>, <c>cuda:0</c>.</param>
    public IReplica CreateReplica(ModelSettings model, string device)
    {
        ArgumentNullException.ThrowIfNull(model);
        bool isCpu = device == "cpu";
        return isCpu && Scan is not null ? new FusedReplica(model)
            : !isCpu && Layers is not null ? new CudaReplica(model, device)
            : new PlainReplica(model, device);
    }

    /// <summary>Makes a layer of D outputs that is computed by hand (D → layer), for <see cref="FusedReplica"/>; null
    /// where there is none.</summary>
    internal virtual Func<int, LayerScan>? Scan => null;

    /// <summary>Makes stacked layers as libtorch and cuDNN have them (I, D, layers → module), for
    /// <see cref="CudaReplica"/>; null where there are none.</summary>
    internal virtual Func<long, long, long, TorchLayers>? Layers => null;
}

/// <summary>The cells of this process, by name.</summary>
public static class Cells
{
    private static readonly Lock s_gate = new();
    private static readonly SortedDictionary<string, Cell> s_cells = new(StringComparer.Ordinal);

    /// <summary>Makes those of this program known, before anything of this assembly runs: whoever asks for the layout
    /// of their parameters need not have asked for a cell.</summary>
#pragma warning disable CA2255 // A constructor of this class would come too late for who never names it.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void RegisterOwn()
    {
        Cell[] own =
        [
            new ElmanCell(), new RnnCell("rnn", isRelu: false), new RnnCell("rnn-relu", isRelu: true), new LstmCell(),
            new GruCell(), new JordanCell("jordan-hidden", isHidden: true),
            new JordanCell("jordan-output", isHidden: false), new MinGruCell(), new MinLstmCell(), new XlstmCell(),
        ];
        Array.ForEach(own, Register);
    }

    /// <summary>Their names in ordinal order.</summary>
    public static IReadOnlyList<string> Names
    {
        get
        {
            lock (s_gate)
            {
                return [.. s_cells.Keys];
            }
        }
    }

    /// <summary>Makes a cell known, in every process of a cluster before it reads options or looks for work.</summary>
    /// <exception cref="ArgumentException">Another has its name.</exception>
    public static void Register(Cell cell)
    {
        ArgumentNullException.ThrowIfNull(cell);
        string name = cell.Declaration.Name;
        lock (s_gate)
        {
            if (s_cells.TryGetValue(name, out var other) && other != cell)
            {
                throw new ArgumentException(
                    $"cell {name} is registered already, as a {other.GetType()}; give the {cell.GetType()} another " +
                    "name");
            }

            CellDeclaration.Add(cell.Declaration);
            s_cells[name] = cell;
        }
    }

    /// <summary>The cell of a model.</summary>
    /// <exception cref="RnnLmException">None was registered under its name (exit code 3).</exception>
    public static Cell Of(ModelSettings model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var declaration = CellDeclaration.Of(model.Cell);
        lock (s_gate)
        {
            return s_cells[declaration.Name];
        }
    }
}
