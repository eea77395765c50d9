using System.Collections.Concurrent;

namespace RnnLm.Shared;

/// <summary>
/// What all processes of a run agree on of a recurrent cell: its name and its parameters. The name is part of the job
/// and stands in config.json and in messages between processes. How a cell computes is known where libtorch is.
/// </summary>
public sealed class CellDeclaration
{
    /// <summary>The cell of a job that names none.</summary>
    public const string DefaultName = "elman";

    private const int LongestName = 64;

    /// <summary>A cell may be none for some dimensions (odd ones, say), but not for all.</summary>
    private const int UsualDimension = 64;

    private static readonly ConcurrentDictionary<string, CellDeclaration> s_known = new(StringComparer.Ordinal)
    {
        [DefaultName] = new(
            DefaultName, [new("Uh", (_, d) => [d, d]), new("Wh", (i, d) => [i, d]), new("b", (_, d) => [d])]),
    };

    /// <summary>Declares a cell.</summary>
    /// <param name="name">Lower-case letters, digits, - and _, at most 64, a letter first.</param>
    /// <param name="parameters">Those of one layer, in the order of the state dict.</param>
    /// <exception cref="ArgumentException">Such a name or parameter cannot be.</exception>
    public CellDeclaration(string name, IReadOnlyList<CellParameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(parameters);
        Require(
            name.Length is > 0 and <= LongestName && char.IsAsciiLetterLower(name[0]) && name.All(IsOfName),
            $"'{name}' cannot name a cell: use up to {LongestName} lower-case letters, digits, - and _, a letter " +
                "first");
        for (int index = 0; index < parameters.Count; index++)
        {
            var parameter = parameters[index];
            Require(
                parameter.Name.Split('.').All(part => part.Length > 0 && part.All(IsOfKey)),
                $"'{parameter.Name}' cannot name a parameter of cell {name}: use letters, digits and _, with points " +
                    "between the names of modules");
            Require(
                parameters.Take(index).All(other => other.Name != parameter.Name),
                $"cell {name} has two parameters {parameter.Name}");
            Require(
                parameter.HasShape(UsualDimension, UsualDimension),
                $"parameter {parameter.Name} of cell {name} has no shape: give at least one extent, each at least 1");
        }

        Name = name;
        Parameters = parameters;
    }

    /// <summary>What <c>--cell</c> and the job call it.</summary>
    public string Name { get; }

    /// <summary>Those of one layer.</summary>
    public IReadOnlyList<CellParameter> Parameters { get; }

    /// <summary>S, of how many values the state of a layer consists, by D: D for h, which is usual, 2·D for [h, c]. The
    /// first D are its output.</summary>
    public Func<long, long> StateWidth
    {
        get;
        init
        {
            Require(
                value(UsualDimension) >= UsualDimension,
                $"the state of cell {Name} is narrower than its output, of which it begins");
            field = value;
        }
    }

    = dimension => dimension;

    /// <summary>Key of a layer's parameter in the state dict of the stack; the usual one is
    /// <c>rnn_units.LAYER.NAME</c>.</summary>
    public Func<int, CellParameter, string> Key { get; init; } =
        (layer, parameter) => $"rnn_units.{layer}.{parameter.Name}";

    /// <summary>What the first values of a model with this cell are drawn from.</summary>
    public FirstValues FirstValues { get; init; }

    /// <summary>The cell of that name.</summary>
    /// <exception cref="RnnLmException">None was registered under it (exit code 3).</exception>
    public static CellDeclaration Of(string name) => s_known.TryGetValue(name, out var declaration)
        ? declaration
        : throw RnnLmException.BadInput(
            $"this program has no cell '{name}', only " +
            $"{string.Join(", ", s_known.Keys.Order(StringComparer.Ordinal))}; use the program that registers it");

    /// <summary>Makes a cell known by its name.</summary>
    internal static void Add(CellDeclaration declaration) => s_known[declaration.Name] = declaration;

    private static bool IsOfName(char character) =>
        char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character is '-' or '_';

    private static bool IsOfKey(char character) => char.IsAsciiLetterOrDigit(character) || character == '_';

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new ArgumentException(otherwise);
        }
    }
}

/// <summary>What the first values of a model are drawn from.</summary>
public enum FirstValues
{
    /// <summary>As in the reference model: the Xavier range for two or more dimensions (Glorot, Bengio, AISTATS 2010),
    /// else [0, 1).</summary>
    Reference,

    /// <summary>As PyTorch's layers have them: ±1/√D for the cells, in the order and by the generator of
    /// <c>torch.manual_seed</c>, and for the output layer; for the embedding the unit variance of
    /// <c>nn.Embedding</c>, uniform.</summary>
    PyTorch,
}

/// <summary>A parameter of a cell.</summary>
/// <param name="Name">Its key in the state dict of the cell's module, like <c>Uh</c> or <c>gate.weight</c>.</param>
/// <param name="Shape">Row-major shape where the inputs have I values and the outputs D: (I, D) → extents.</param>
/// <param name="InitialRange">From what range [low, high) its first values are drawn, by I and D; without it as
/// <see cref="CellDeclaration.FirstValues"/> says.</param>
public sealed record CellParameter(
    string Name,
    Func<long, long, long[]> Shape,
    Func<long, long, (double Low, double High)>? InitialRange = null)
{
    /// <summary>The range of the first values of PyTorch's <c>nn.Linear</c>.</summary>
    /// <param name="inputs">How many values it maps.</param>
    public static (double Low, double High) OfLinear(long inputs) => (-1 / Math.Sqrt(inputs), 1 / Math.Sqrt(inputs));

    /// <summary>Whether there can be one for these widths.</summary>
    internal bool HasShape(long inputs, long dimension) =>
        Shape(inputs, dimension) is { Length: > 0 } shape && shape.All(extent => extent > 0);
}
