using System.Text.Json;

namespace RnnLm.Data;

/// <summary>
/// A tokenizer on disk: <c>description.json</c> says what it is, files beside it hold the vocabulary. For <c>bpe:N</c>
/// these are vocab.json, merges.txt and tokenizer.json as other programs read them.
/// </summary>
public static class TokenizerDirectory
{
    /// <summary>The file that says what a directory holds.</summary>
    public const string DescriptionFile = "description.json";

    // Before bpe:N had a tokenizer.json for other programs.
    private const string FormerDescriptionFile = "tokenizer.json";

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>The files of a tokenizer by name; the one that says what the others are comes last.</summary>
    public static IReadOnlyList<(string Name, byte[] Content)> Files(ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var description = new Description(
            KindOf(tokenizer),
            tokenizer.Spec,
            tokenizer.VocabularySize,
            tokenizer.PaddingId,
            tokenizer.Hash,
            tokenizer.StartId,
            tokenizer.EndId);
        byte[] json = [.. JsonSerializer.SerializeToUtf8Bytes(description, Json), (byte)'\n'];
        return [.. tokenizer.Files.Select(file => (file.Key, file.Value)), (DescriptionFile, json)];
    }

    /// <summary>Writes them into an existing directory.</summary>
    public static void Save(ITokenizer tokenizer, string directory)
    {
        foreach ((string name, byte[] content) in Files(tokenizer))
        {
            File.WriteAllBytes(Path.Combine(directory, name), content);
        }
    }

    /// <summary>Reads a directory of such files.</summary>
    /// <exception cref="RnnLmException">Bad input: missing or not what was written. Storage: it cannot be read.
    /// </exception>
    public static ITokenizer Load(string directory)
    {
        try
        {
            string file = Path.Combine(directory, DescriptionFile);
            file = File.Exists(file) ? file : Path.Combine(directory, FormerDescriptionFile);
            Description description = JsonSerializer.Deserialize<Description>(File.ReadAllText(file), Json)
                ?? throw new InvalidDataException("it says null");
            bool sentenceTokens = description.StartId >= 0;
            string model = Path.Combine(directory, SentencePieceTokenizer.FileName);
            ITokenizer tokenizer = description.Kind switch
            {
                "char" => CharTokenizer.Load(directory, sentenceTokens),
                "word" or "space" => WordTokenizer.Load(directory, description.Spec, sentenceTokens),
                "bpe" => ByteLevelTokenizer.Load(directory, sentenceTokens),
                "published" => ByteLevelTokenizer.Of(description.Spec),
                "llama" => LlamaPieces.Tokenizer(SentencePieceTokenizer.ReadModel(model)),
                "sentencepiece" => SentencePieceTokenizer.Of(SentencePieceTokenizer.ReadModel(model), description.Spec),
                _ => throw new InvalidDataException($"its kind '{description.Kind}' is unknown to this version"),
            };
            return tokenizer.Hash == description.Hash
                ? tokenizer
                : throw new InvalidDataException("its files are not those that were written");
        }
        catch (Exception failure) when (failure
            is IOException or UnauthorizedAccessException or JsonException or InvalidDataException or RnnLmException)
        {
            // What is missing or cut short stays so; other failures of a disk may pass.
            bool mayPass = failure is UnauthorizedAccessException
                or (IOException and not (FileNotFoundException or DirectoryNotFoundException or EndOfStreamException));
            string reason = failure.Message.ReplaceLineEndings(" ");
            throw new RnnLmException(
                mayPass ? ExitCode.Storage : ExitCode.BadInput,
                $"{directory}: the tokenizer cannot be read ({reason}); restore the directory from a copy",
                failure);
        }
    }

    private static string KindOf(ITokenizer tokenizer) => tokenizer switch
    {
        CharTokenizer => "char",
        WordTokenizer => tokenizer.Spec.Split(':')[0],
        ByteLevelTokenizer => tokenizer.Files.Count > 0 ? "bpe" : "published",
        SentencePieceTokenizer { Spec: "llama" } => "llama",
        _ => "sentencepiece",
    };

    /// <summary>What <see cref="DescriptionFile"/> says; older files lack what has a default.</summary>
    private sealed record Description(
        string Kind, string Spec, int VocabularySize, int PaddingId, string Hash, int StartId = -1, int EndId = -1);
}
