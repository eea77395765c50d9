using RnnLm.Data;

namespace RnnLm.Hosting;

/// <summary>Values of the settings that a user need not give; every option overrides one of them.</summary>
/// <param name="Name">What follows <c>--preset</c>.</param>
/// <param name="Summary">What it is for.</param>
/// <param name="DefaultCorpus">The text when <c>--corpus</c> is not given; null when it must be.</param>
/// <param name="Options">Each option and its value, as one would type them.</param>
/// <param name="Prompts">The values of <c>--prompt</c>.</param>
internal sealed record Preset(
    string Name,
    string Summary,
    Func<PackageStore, IReadOnlyList<string>>? DefaultCorpus,
    string Options,
    params string[] Prompts)
{
    /// <summary>The one that is used when none is named.</summary>
    public static Preset Quick { get; } = new(
        "quick",
        "about three minutes on two cores, on the State of the Union addresses",
        DefaultCorpora.StateOfTheUnion,
        "--examples sentences --fold-digits true --split-sentences true --sentence-tokens true " +
        "--tokenizer bpe:4000 --context 64 --batch 32 --shards 8 --held-out 20 --dimension 192 " +
        "--layers 2 --lr 0.004 --clip 1 --schedule cosine --warmup 100 --epochs 2 " +
        "--evaluate-every 500 --checkpoint-every 500",
        "The people of the United States", "We must", "Our economy");

    /// <summary>All presets by name.</summary>
    public static IReadOnlyDictionary<string, Preset> All { get; } = new[]
    {
        Quick,
        new Preset(
            "lm-book",
            "the reference model, 8,292,619 parameters, LLaMA pieces, one sentence a line (give --corpus)",
            null,
            "--examples sentences --fold-digits true --split-sentences false --sentence-tokens false " +
            "--tokenizer llama --context 30 --batch 128 --shards 8 --held-out 10 --dimension 128 " +
            "--layers 2 --lr 0.001 --clip 0 --schedule constant --warmup 0 --epochs 1 " +
            "--evaluate-every 1000 --checkpoint-every 1000",
            "The President", "Moscow", "The best"),
        new Preset(
            "char",
            "a character model, on Moby Dick unless --corpus is given",
            DefaultCorpora.MobyDick,
            "--examples windows --fold-digits false --split-sentences false --sentence-tokens false " +
            "--tokenizer char --context 64 --batch 64 --shards 8 --held-out 50 --dimension 256 " +
            "--layers 2 --lr 0.002 --clip 1 --schedule cosine --warmup 100 --epochs 3 " +
            "--evaluate-every 500 --checkpoint-every 500",
            "The whale ", "Captain Ahab "),
    }.ToDictionary(preset => preset.Name);

    /// <summary>Each option with its values.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Texts { get; } = TextsOf(Options, Prompts);

    private static Dictionary<string, IReadOnlyList<string>> TextsOf(string options, string[] prompts)
    {
        var texts = options.Split(' ').Chunk(2).ToDictionary(pair => pair[0], pair => (IReadOnlyList<string>)[pair[1]]);
        texts["--prompt"] = prompts;
        return texts;
    }
}
