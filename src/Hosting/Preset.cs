using RnnLm.Data;

namespace RnnLm.Hosting;

/// <summary>Values of the settings that a user need not give; every option overrides one of them.</summary>
/// <param name="Name">What follows <c>--preset</c>.</param>
/// <param name="Summary">What it is for.</param>
/// <param name="DefaultCorpus">The text when <c>--corpus</c> is not given; null when it must be.</param>
/// <param name="Needs">What the corpus must hold that must be given.</param>
/// <param name="Options">Each option and its value, as one would type them.</param>
/// <param name="Prompts">The values of <c>--prompt</c>.</param>
internal sealed record Preset(
    string Name,
    string Summary,
    Func<PackageStore, IReadOnlyList<string>>? DefaultCorpus,
    string Needs,
    string Options,
    params string[] Prompts)
{
    /// <summary>The one that is used when none is named.</summary>
    public static Preset Quick { get; } = new(
        "quick",
        "three to eleven minutes on two cores, on the State of the Union addresses",
        DefaultCorpora.StateOfTheUnion,
        "",
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
            "one sentence a line",
            "--examples sentences --fold-digits true --split-sentences false --sentence-tokens false " +
            "--tokenizer llama --context 30 --batch 128 --shards 8 --held-out 10 --dimension 128 " +
            "--layers 2 --lr 0.001 --clip 0 --schedule constant --warmup 0 --epochs 1 " +
            "--evaluate-every 1000 --checkpoint-every 1000",
            "The President", "Moscow", "The best"),
        new Preset(
            "char",
            "a character model, on Moby Dick unless --corpus is given",
            DefaultCorpora.MobyDick,
            "",
            "--examples windows --fold-digits false --split-sentences false --sentence-tokens false " +
            "--tokenizer char --context 64 --batch 64 --shards 8 --held-out 50 --dimension 256 " +
            "--layers 2 --lr 0.002 --clip 1 --schedule cosine --warmup 100 --epochs 3 " +
            "--evaluate-every 500 --checkpoint-every 500",
            "The whale ", "Captain Ahab "),
        new Preset(
            "hello",
            "the word hello, letter by letter, in seconds",
            DefaultCorpora.Hello,
            "",
            "--examples sentences --fold-digits false --split-sentences false --sentence-tokens true " +
            "--tokenizer char --context 8 --batch 8 --shards 1 --held-out 0 --cell rnn --dimension 16 " +
            "--layers 1 --lr 0.01 --clip 0 --schedule constant --warmup 0 --epochs 25 " +
            "--evaluate-every 0 --checkpoint-every 0",
            "h"),
        new Preset(
            "mysterious-island",
            "an LSTM that writes a novel letter by letter (give --corpus)",
            null,
            "the novel in UTF-8, without the header and the footer of its publisher",
            "--examples windows --fold-digits false --split-sentences false --sentence-tokens false " +
            "--tokenizer char --context 40 --batch 64 --shards 4 --held-out 0 --bptt 40 --cell lstm --dimension 512 " +
            "--embedding 256 --layers 1 --lr 0.005 --clip 5 --schedule constant --warmup 0 --epochs 23 " +
            "--evaluate-every 500 --checkpoint-every 500",
            "The island ", "Captain Harding "),
        new Preset(
            "shakespeare",
            "plays letter by letter with a stack of minGRU layers; samples show how they grow (give --corpus)",
            null,
            "plays in UTF-8, of which the last tenth is held out",
            "--examples windows --fold-digits false --split-sentences false --sentence-tokens false " +
            "--tokenizer char --context 128 --batch 32 --shards 8 --held-out 100 --bptt 128 --cell mingru " +
            "--dimension 384 --layers 4 --lr 0.002 --clip 1 --schedule cosine --warmup 100 --epochs 8 --dropout 0.1 " +
            "--evaluate-every 250 --checkpoint-every 250",
            "KING RICHARD:\n", "JULIET:\n"),
        Ptb(
            "ptb-elman",
            "words, an Elman network as of Mikolov's",
            "--bptt 20 --cell rnn --dimension 300 --layers 1 --dropout 0.2 --init-uniform 0.1 --lr 5 --clip 0.25 " +
            "--schedule plateau --decay 0.5 --epochs 15 --evaluate-every 2324"),
        Ptb(
            "ptb-small",
            "words, the small LSTM of Zaremba et al. (2014)",
            "--bptt 20 --cell lstm --dimension 200 --layers 2 --init-uniform 0.1 --lr 20 --clip 0.25 " +
            "--schedule epoch-decay --decay 0.5 --decay-after 4 --epochs 13 --evaluate-every 2324"),
        Ptb(
            "ptb-medium",
            "words, the medium LSTM of Zaremba et al. (2014)",
            "--bptt 35 --cell lstm --dimension 650 --layers 2 --dropout 0.5 --init-uniform 0.05 --lr 35 " +
            "--clip 0.1428571 --schedule epoch-decay --decay 0.8333333 --decay-after 6 --epochs 39 " +
            "--evaluate-every 1328"),
    }.ToDictionary(preset => preset.Name);

    /// <summary>Each option with its values.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Texts { get; } = TextsOf(Options, Prompts);

    /// <summary>
    /// A model of words between white space, streams of them in batches of twenty. The published rates and limits are
    /// for gradients that are summed over a step's tokens of a stream and averaged over streams; here they are means over
    /// all tokens, so the rate is that many times larger and the limit smaller.
    /// </summary>
    private static Preset Ptb(string name, string summary, string options) => new(
        name,
        $"{summary} (give --corpus and --valid)",
        null,
        "words between spaces, a sentence a line, as in ptb.train.txt, and --valid ptb.valid.txt",
        "--examples windows --fold-digits false --split-sentences false --sentence-tokens false " +
        "--tokenizer space:10000 --context 20 --batch 20 --shards 4 --held-out 50 --optimizer sgd --warmup 0 " +
        $"--checkpoint-every 2000 {options}",
        "the company said");

    private static Dictionary<string, IReadOnlyList<string>> TextsOf(string options, string[] prompts)
    {
        var texts = options.Split(' ').Chunk(2).ToDictionary(pair => pair[0], pair => (IReadOnlyList<string>)[pair[1]]);
        texts["--prompt"] = prompts;
        return texts;
    }
}
