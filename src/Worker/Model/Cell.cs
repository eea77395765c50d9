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
    /// The unit of one layer. Its <c>forward</c> takes x (batch, D) and the state (batch, S) after the step before,
    /// zeros at first, and gives the next state (batch, S); S is D times
    /// <see cref="CellDeclaration.StateVectors"/>, and the first D columns are the output of the layer. It must be a
    /// function of them and of the parameters, without chance or memory, row by row. The values that it gives its
    /// parameters do not matter.
    /// </summary>
    /// <param name="dimension">D.</param>
    /// <returns>A module whose state dict has the parameters of the declaration and nothing else.</returns>
    public abstract nn.Module<Tensor, Tensor, Tensor> CreateModule(long dimension);

    /// <summary>What computes a model of this cell, for the thread that asks for it.</summary>
    /// <param name="model">Its sizes.</param>
    /// <param name="device">As libtorch names it: <c>cpu</c>, <c>cuda:0</c>.</param>
    public virtual IReplica CreateReplica(ModelSettings model, string device) => new PlainReplica(model, device);
}

/// <summary>The cells of this process, by name.</summary>
public static class Cells
{
    private static readonly Lock s_gate = new();
    private static readonly SortedDictionary<string, Cell> s_cells = new(StringComparer.Ordinal);

    static Cells() => Register(new ElmanCell());

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
