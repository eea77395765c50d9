using System.Text.Json;

namespace RnnLm.Data;

/// <summary>A tokenizer on disk: <c>tokenizer.json</c> says what it is, a file beside it holds the vocabulary.</summary>
public static class TokenizerDirectory
{
    /// <summary>The file that says what a directory holds.</summary>
    public const string DescriptionFile = "tokenizer.json";

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Writes a tokenizer into <paramref name="directory"/>, which is made when it is missing.</summary>
    /// <exception cref="RnnLmException">Storage: it cannot be written.</exception>
    public static void Save(ITokenizer tokenizer, string directory)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        try
        {
            Directory.CreateDirectory(directory);
            tokenizer.Save(directory);
            var description = new Description(
                KindOf(tokenizer), tokenizer.Spec, tokenizer.VocabularySize, tokenizer.PaddingId, tokenizer.Hash, tokenizer.StartId, tokenizer.EndId);
            File.WriteAllText(Path.Combine(directory, DescriptionFile), JsonSerializer.Serialize(description, Json) + "\n");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.Storage($"{directory}: the tokenizer cannot be written ({failure.Message}); check space and permissions", failure);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="RnnLmException">Storage: missing, unreadable or not what was written.</exception>
    public static ITokenizer Load(string directory)
    {
        try
        {
            Description description = JsonSerializer.Deserialize<Description>(File.ReadAllText(Path.Combine(directory, DescriptionFile)), Json)
                ?? throw new InvalidDataException("it says null");
            ITokenizer tokenizer = description.Kind switch
            {
                "char" => CharTokenizer.Load(directory, description.StartId >= 0),
                "word" => WordTokenizer.Load(directory, description.Spec, description.StartId >= 0),
                "llama" => LlamaPieces.Tokenizer(SentencePieceTokenizer.ReadModel(Path.Combine(directory, SentencePieceTokenizer.FileName))),
                "sentencepiece" => SentencePieceTokenizer.Of(
                    SentencePieceTokenizer.ReadModel(Path.Combine(directory, SentencePieceTokenizer.FileName)), description.Spec),
                _ => throw new InvalidDataException($"its kind '{description.Kind}' is unknown to this version"),
            };
            return tokenizer.Hash == description.Hash ? tokenizer : throw new InvalidDataException("its files are not those that were written");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException or InvalidDataException or RnnLmException)
        {
            throw RnnLmException.Storage($"{directory}: the tokenizer cannot be read ({failure.Message}); restore the directory from a copy", failure);
        }
    }

    private static string KindOf(ITokenizer tokenizer) => tokenizer switch
    {
        CharTokenizer => "char",
        WordTokenizer => "word",
        SentencePieceTokenizer { Spec: "llama" } => "llama",
        _ => "sentencepiece",
    };

    /// <summary>What <see cref="DescriptionFile"/> says; older files lack what has a default.</summary>
    private sealed record Description(string Kind, string Spec, int VocabularySize, int PaddingId, string Hash, int StartId = -1, int EndId = -1);
}
