using System.Text;

namespace RnnLm.Data;

/// <summary>The tokenizer of Phi-3.5-mini: LLaMA-2's 32,000 pieces and 11 added tokens, 32,011 in all.</summary>
public static class LlamaPieces
{
    /// <summary>Number of LLaMA-2's pieces; also the id of the first added token, which is the padding token.</summary>
    public const int PieceCount = 32_000;

    // <unk>, <s>, </s>.
    private const int ControlPieces = 3;
    private const int BytePieces = 256;

    // Spaces and runs of them were given to the model outright, so they merge after everything else.
    private const float SpacesScore = -1e9f;

    private const int MostPackageFileBytes = 1 << 24;
    private const string VocabularyName = "llama_vocab_base64 = \"";

    /// <summary>Tokens 32000 to 32010, as Phi-3.5-mini adds them.</summary>
    public static IReadOnlyList<string> AddedTokens { get; } =
    [
        "<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|placeholder2|>", "<|placeholder3|>",
        "<|placeholder4|>", "<|system|>", "<|end|>", "<|placeholder5|>", "<|placeholder6|>", "<|user|>",
    ];

    /// <summary>The tokenizer with the pieces of a LLaMA <c>tokenizer.model</c>.</summary>
    /// <exception cref="InvalidDataException">Not a SentencePiece model, or not of 32,000 pieces.</exception>
    public static SentencePieceTokenizer Tokenizer(byte[] serializedPieces)
    {
        var tokenizer = SentencePieceTokenizer.Of(serializedPieces, "llama", AddedTokens, PieceCount);
        int pieces = tokenizer.VocabularySize - AddedTokens.Count;
        return pieces == PieceCount
            ? tokenizer
            : throw new InvalidDataException($"it has {pieces} pieces where LLaMA has {PieceCount}");
    }

    /// <summary>
    /// The SentencePiece model of the pieces that npm <c>llama-tokenizer-js</c> 1.2.2 carries: base64 of one piece a
    /// line in the order of the ids. The order of the merges is the order of the ids, spaces excepted, so the scores
    /// follow from them.
    /// </summary>
    /// <exception cref="RnnLmException">Bad input: npm cannot fetch them. Storage: they are damaged.</exception>
    public static byte[] FromNpm(PackageStore packages)
    {
        ArgumentNullException.ThrowIfNull(packages);
        string path = Path.Combine(packages.Fetch(NpmPackage.LlamaTokenizer), "llama-tokenizer.js");
        var file = new FileInfo(path);
        string script = file is { Exists: true, Length: <= MostPackageFileBytes } ? File.ReadAllText(path) : "";
        int start = script.IndexOf(VocabularyName, StringComparison.Ordinal) + VocabularyName.Length;
        int end = start < VocabularyName.Length ? -1 : script.IndexOf('"', start);
        byte[] vocabulary = new byte[MostPackageFileBytes];
        string[] texts = end >= 0 && Convert.TryFromBase64String(script[start..end], vocabulary, out int bytes)
            ? Encoding.UTF8.GetString(vocabulary, 0, bytes).Split('\n')
            : [];
        return texts.Length == PieceCount
            ? new SentencePieceModel([.. texts.Select(PieceOf)]).Write()
            : throw RnnLmException.Storage(
                $"{path}: the cached package is damaged; delete its folder and it is fetched again");
    }

    private static Piece PieceOf(string text, int id) => id switch
    {
        0 => new Piece(text, 0, PieceKind.Unknown),
        < ControlPieces => new Piece(text, 0, PieceKind.Control),
        < ControlPieces + BytePieces => new Piece(text, 0, PieceKind.Byte),
        _ when text.Length > 0 && !text.AsSpan().ContainsAnyExcept(SentencePieceTokenizer.SpaceSymbol) =>
            new Piece(text, SpacesScore, PieceKind.Normal),
        _ => new Piece(text, -(id - (ControlPieces + BytePieces)), PieceKind.Normal),
    };
}
