using FsCheck;
using FsCheck.Fluent;

namespace RnnLm.Tests;

/// <summary>FsCheck with a fixed seed: a failing case fails again.</summary>
internal static class Property
{
    private const ulong Seed = 20240601;
    private const ulong Gamma = 7;

    public static void Holds<T>(Gen<T> values, Action<T> check, int cases = 200) =>
        Prop.ForAll(values.ToArbitrary(), check)
            .Check(Config.QuickThrowOnFailure.WithReplay(Seed, Gamma).WithMaxTest(cases));

    /// <summary>Well-formed text of all planes, rich in what tokenizers treat apart.</summary>
    public static Gen<string> Text { get; } =
        Gen.OneOf(
            Gen.Choose(0x20, 0x7E).Select(char.ConvertFromUtf32),
            Gen.Elements(
                " ", "  ", "\n", "\r\n", "\t", "\u2581", "\u2585", "\0", "\u00A0", "\uFEFF", "\uFFFD", "\uFFFE",
                "é", "e\u0301", "ﬁ", "日本", "😀", "👩\u200D👩\u200D👧", "<unk>", "<s>", "<0x0A>", "###", "the "),
            Gen.Choose(0, 0x10FFFF).Where(code => code is < 0xD800 or > 0xDFFF).Select(char.ConvertFromUtf32))
        .ListOf()
        .Select(parts => string.Concat(parts));
}
