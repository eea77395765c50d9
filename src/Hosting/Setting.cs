using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RnnLm.Hosting;

/// <summary>What all settings have in common, whatever their type.</summary>
internal interface ISetting
{
    /// <summary>The option.</summary>
    Option Option { get; }

    /// <summary>What it does; what is literal stands in back quotes.</summary>
    string Help { get; }

    /// <summary>The value when nothing else says it, as one would write it; null for none.</summary>
    string? Default { get; }

    /// <summary>Where config.json keeps the value, like <c>job.plan.batch_size</c>: the first place is read, all are
    /// written.</summary>
    IReadOnlyList<string> Keys { get; }

    /// <summary>The setting, and its values, with which this one means something; null when it always does.</summary>
    (ISetting Choice, string[] Values)? OnlyWith { get; }

    /// <summary>What these texts mean, as config.json has it.</summary>
    /// <exception cref="FormatException">They cannot be a value; the message says what could.</exception>
    JsonNode? ToJson(IReadOnlyList<string> texts);
}

/// <summary>
/// One setting, declared once: option, help, type and range, default, and place in config.json. Its value is read from
/// text in one way, whether that stands on the command line, in a preset or in config.json.
/// </summary>
/// <typeparam name="T">Type of the value; an absent one has the type's default.</typeparam>
internal sealed class Setting<T> : Option<T>, ISetting
{
    private readonly Func<IReadOnlyList<string>, T> _read;

    /// <summary>A setting of one value.</summary>
    /// <param name="name">The option, with its dashes.</param>
    /// <param name="value">What the help calls the value; null for a switch.</param>
    /// <param name="help">What it does.</param>
    /// <param name="read">Reads a text, or throws <see cref="FormatException"/>; see <see cref="Values"/>.</param>
    /// <param name="byDefault">The value when nothing else says it.</param>
    /// <param name="keys">Where config.json keeps it.</param>
    public Setting(
        string name, string? value, string help, Func<string, T> read, string? byDefault = null, params string[] keys)
        : this(
            name,
            value,
            help,
            (IReadOnlyList<string> texts) => texts.Count > 0 ? read(texts[^1]) : default!,
            byDefault,
            keys)
    {
    }

    /// <summary>A setting of any number of values.</summary>
    public Setting(
        string name,
        string? value,
        string help,
        Func<IReadOnlyList<string>, T> read,
        string? byDefault = null,
        params string[] keys)
        : base(name)
    {
        _read = read;
        Help = help;
        Default = byDefault;
        Keys = keys;
        HelpName = value;
        Description = help.Replace("`", "", StringComparison.Ordinal);
        CustomParser = Parse;
        if (byDefault is not null)
        {
            DefaultValueFactory = _ => Read([byDefault]);
        }

        // An empty value after '=' leaves no trace but the option's name.
        Validators.Add(result =>
        {
            if (value is not null && result.IdentifierTokenCount > result.Tokens.Count)
            {
                result.AddError($"{name} is given {result.IdentifierTokenCount} times with {result.Tokens.Count} " +
                    $"values.");
            }
        });
    }

    /// <inheritdoc/>
    public Option Option => this;

    /// <inheritdoc/>
    public string Help { get; }

    /// <inheritdoc/>
    public string? Default { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Keys { get; }

    /// <inheritdoc/>
    public (ISetting Choice, string[] Values)? OnlyWith { get; init; }

    /// <summary>The value that texts stand for.</summary>
    /// <exception cref="FormatException">As <see cref="ToJson"/>.</exception>
    public T Read(IReadOnlyList<string> texts) => _read(texts);

    /// <inheritdoc/>
    public JsonNode? ToJson(IReadOnlyList<string> texts) =>
        JsonSerializer.SerializeToNode(Read(texts), JobFormat.JsonOptions);

    private T? Parse(ArgumentResult result)
    {
        IReadOnlyList<string> texts = result.Tokens.Count == 0
            ? [Values.On]
            : [.. result.Tokens.Select(token => token.Value)];
        foreach (string text in texts)
        {
            try
            {
                Read([text]);
            }
            catch (FormatException failure)
            {
                result.AddError($"{Name} {Values.Show([text])}: {failure.Message}.");
                return default;
            }
        }

        return Read(texts);
    }
}

/// <summary>
/// Reads the values of settings. Numbers are written as in programs, whatever the machine's language: a comma is
/// refused, not skipped. Each throws <see cref="FormatException"/> with what the value must be.
/// </summary>
internal static class Values
{
    /// <summary>A switch that is on.</summary>
    public const string On = "true";

    /// <summary>Any text but an empty one.</summary>
    public static string Text(string text) => text switch
    {
        "" => throw new FormatException("it is empty; give at least one character"),
        _ when text.Contains('\0', StringComparison.Ordinal) => throw new FormatException("it must not contain a NUL " +
            "character"),
        _ => text,
    };

    /// <summary>Texts, none of them empty.</summary>
    public static string[] Texts(IReadOnlyList<string> texts) => [.. texts.Select(Text)];

    /// <summary>The absolute path of a file or directory.</summary>
    public static string FullPath(string text) => Path.GetFullPath(Text(text));

    /// <summary>Absolute paths or patterns. What looks like an option is not taken for one of them: it is a misspelt
    /// one.</summary>
    public static string[] FullPaths(IReadOnlyList<string> texts) => [.. texts.Select(text =>
        text.StartsWith("--", StringComparison.Ordinal)
            ? throw new FormatException($"there is no option '{text}' (a file of that name is './{text}')")
            : FullPath(text))];

    /// <summary>On or off.</summary>
    public static bool Switch(string text) =>
        bool.TryParse(text, out bool value) ? value : throw new FormatException("it must be true or false");

    /// <summary>A whole number in a range.</summary>
    public static T Whole<T>(string text, T least, T most)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out T value)
            ? Within(value, least, most)
            : throw new FormatException("it must be a whole number, and not too large");

    /// <summary>A whole number from <paramref name="least"/> on.</summary>
    public static T Whole<T>(string text, T least)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T> => Whole(text, least, T.MaxValue);

    /// <summary>A finite number in a range.</summary>
    public static double Number(string text, double least, double most = double.MaxValue) =>
        Within(Number(text), least, most);

    /// <summary>A number greater than 0.</summary>
    public static double Positive(string text, double most = double.MaxValue) => Number(text) is var value && value > 0
        ? Within(value, 0, most)
        : throw new FormatException("it must be greater than 0");

    /// <summary>One of an enumeration's names.</summary>
    public static T Name<T>(string text)
        where T : struct, Enum
    {
        var values = Enum.GetValues<T>().ToDictionary(value => JobFormat.EnumNames.ConvertName($"{value}"));
        return values[OneOf(text, values.Keys)];
    }

    /// <summary>One of these words.</summary>
    public static string OneOf(string text, params IEnumerable<string> words) => words.Contains(text.ToLowerInvariant())
        ? text.ToLowerInvariant()
        : throw new FormatException($"use {string.Join(", ", words.SkipLast(1))} or {words.Last()}");

    /// <summary>Texts as one would type them.</summary>
    public static string Show(IReadOnlyList<string> texts) =>
        string.Join(' ', texts.Select(text => text.Length == 0 ? "''" : text));

    private static double Number(string text)
    {
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
        {
            return value;
        }

        string? meant = text.Count(character => character == ',') == 1 ? text.Replace(',', '.') : null;
        bool isComma = double.TryParse(meant, NumberStyles.Float, CultureInfo.InvariantCulture, out _);
        throw new FormatException(
            "it must be a number" + (isComma ? $" with a point, not a comma: {meant}" : string.Empty));
    }

    private static T Within<T>(T value, T least, T most)
        where T : struct, INumber<T>
    {
        // A value that is no number is neither.
        if (value >= least && value <= most)
        {
            return value;
        }

        throw new FormatException(string.Create(
            CultureInfo.InvariantCulture, $"it must be {(value > most ? $"at most {most}" : $"{least} or more")}"));
    }
}
