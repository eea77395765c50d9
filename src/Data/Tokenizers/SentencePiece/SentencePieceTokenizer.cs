using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Data;

/// <summary>Pieces of a SentencePiece model, with tokens added behind them where the vocabulary has some.</summary>
public sealed class SentencePieceTokenizer : ITokenizer
{
    /// <summary>U+2581, how pieces write a space.</summary>
    public const char SpaceSymbol = '\u2581';

    /// <summary>The saved file: the serialized SentencePiece model.</summary>
    internal const string FileName = "tokenizer.model";

    // The largest published models have some megabytes.
    private const int MostModelBytes = 1 << 26;

    private readonly byte[] _serialized;
    private readonly IReadOnlyList<Piece> _pieces;
    private readonly IReadOnlyList<string> _addedTokens;
    private readonly ModelHandle _model;
    private readonly ConcurrentBag<EncoderHandle> _encoders = [];

    private SentencePieceTokenizer(byte[] serialized, string spec, IReadOnlyList<string> addedTokens, int? paddingId)
    {
        _serialized = serialized;
        _addedTokens = addedTokens;
        Spec = spec;
        ModelProto proto = ModelProto.Parse(serialized);
        _pieces = proto.Pieces;
        _model = LoadModel(serialized, proto);
        int size = NativeMethods.Size(_model);
        if (size != _pieces.Count)
        {
            throw new InvalidDataException($"it names {_pieces.Count} pieces but SentencePiece reads {size}");
        }

        VocabularySize = size + addedTokens.Count;
        PaddingId = paddingId ?? NativeMethods.PaddingId(_model);
        UnknownId = NativeMethods.UnknownId(_model);
        StartId = NativeMethods.StartId(_model);
        EndId = NativeMethods.EndId(_model);
        Hash = HashOf(serialized, addedTokens, PaddingId);
    }

    /// <inheritdoc/>
    public string Spec { get; }

    /// <inheritdoc/>
    public string Hash { get; }

    /// <inheritdoc/>
    public int VocabularySize { get; }

    /// <inheritdoc/>
    public int PaddingId { get; }

    /// <inheritdoc/>
    public int UnknownId { get; }

    /// <inheritdoc/>
    public int StartId { get; }

    /// <inheritdoc/>
    public int EndId { get; }

    /// <summary>A token as the vocabulary has it, with U+2581 for a space.</summary>
    public string TokenText(int id) => id < _pieces.Count ? _pieces[id].Text : _addedTokens[id - _pieces.Count];

    /// <summary>A tokenizer of a model in memory.</summary>
    /// <param name="serialized">Serialized SentencePiece ModelProto.</param>
    /// <param name="spec">See <see cref="ITokenizer.Spec"/>.</param>
    /// <param name="addedTokens">Tokens that get the ids after the pieces; text never encodes to them.</param>
    /// <param name="paddingId">The padding token, when it is not the model's own.</param>
    /// <exception cref="InvalidDataException">Not a SentencePiece model.</exception>
    public static SentencePieceTokenizer Of(byte[] serialized, string spec, IReadOnlyList<string>? addedTokens = null, int? paddingId = null) =>
        new(serialized, spec, addedTokens ?? [], paddingId);

    /// <summary>The serialized model in a file.</summary>
    /// <exception cref="RnnLmException">Bad input: missing, unreadable or too large.</exception>
    public static byte[] ReadModel(string path)
    {
        try
        {
            long bytes = new FileInfo(path).Length;
            return bytes is > 0 and <= MostModelBytes
                ? File.ReadAllBytes(path)
                : throw RnnLmException.BadInput($"{path}: {bytes} bytes are no SentencePiece model; give a .model file of at most {MostModelBytes >> 20} MiB");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw RnnLmException.BadInput($"{path}: cannot be read ({failure.Message}); give the path of a SentencePiece .model", failure);
        }
    }

    /// <inheritdoc/>
    public unsafe void Encode(ReadOnlySpan<byte> utf8, bool startsText, IBufferWriter<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (utf8.IsEmpty)
        {
            return;
        }

        // Encoders remember words, so each serves one thread at a time and is used again.
        if (!_encoders.TryTake(out EncoderHandle? encoder))
        {
            encoder = CreateEncoder();
        }

        fixed (byte* text = utf8)
        {
            Require(NativeMethods.Encode(encoder, text, utf8.Length, startsText ? 1 : 0, out int* encoded, out long count));
            ids.Write(new ReadOnlySpan<int>(encoded, checked((int)count)));
        }

        _encoders.Add(encoder);
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids)
    {
        this.RequireIds(ids);
        var text = new StringBuilder();
        bool startsText = true;
        while (!ids.IsEmpty)
        {
            int pieces = ids.IndexOfAnyInRange(_pieces.Count, int.MaxValue);
            pieces = pieces < 0 ? ids.Length : pieces;
            text.Append(DecodePieces(ids[..pieces], startsText));
            startsText = false;
            ids = ids[pieces..];
            if (!ids.IsEmpty)
            {
                text.Append(TokenText(ids[0]));
                ids = ids[1..];
            }
        }

        return text.ToString();
    }

    /// <inheritdoc/>
    public void Save(string directory) => File.WriteAllBytes(Path.Combine(directory, FileName), _serialized);

    private static string HashOf(byte[] serialized, IReadOnlyList<string> addedTokens, int paddingId)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"sentencepiece\n{string.Join('\n', addedTokens)}\n{paddingId}\n"));
        hash.AppendData(serialized);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static unsafe ModelHandle LoadModel(byte[] serialized, ModelProto proto)
    {
        NativeMethods.RequireLibrary();
        byte[] withoutPrefix = ModelProto.WithoutDummyPrefix(serialized);
        int* spaceSymbolBytes = stackalloc int[3];
        ReadOnlySpan<byte> symbol = "\u2581"u8;
        for (int i = 0; i < symbol.Length; i++)
        {
            spaceSymbolBytes[i] = ByteId(proto.Pieces, symbol[i]);
        }

        fixed (byte* starting = serialized, continuing = withoutPrefix)
        {
            int failed = NativeMethods.Load(
                starting,
                serialized.Length,
                continuing,
                withoutPrefix.Length,
                proto.DummyPrefix ? 1 : 0,
                proto.WordsAreIndependent ? 1 : 0,
                spaceSymbolBytes,
                out nint model);
            return failed == 0 ? new ModelHandle(model) : throw new InvalidDataException($"SentencePiece refuses it: {NativeMethods.LastError()}");
        }
    }

    private static int ByteId(IReadOnlyList<Piece> pieces, byte value)
    {
        string text = $"<0x{value:X2}>";
        for (int id = 0; id < pieces.Count; id++)
        {
            if (pieces[id].Kind == PieceKind.Byte && pieces[id].Text == text)
            {
                return id;
            }
        }

        return -1;
    }

    private static void Require(int failed)
    {
        if (failed != 0)
        {
            throw new InvalidOperationException($"SentencePiece: {NativeMethods.LastError()}");
        }
    }

    private EncoderHandle CreateEncoder()
    {
        Require(NativeMethods.CreateEncoder(_model, out nint encoder));
        return new EncoderHandle(encoder);
    }

    private unsafe string DecodePieces(ReadOnlySpan<int> ids, bool startsText)
    {
        if (ids.IsEmpty)
        {
            return "";
        }

        var bytes = new List<byte>();
        var state = GCHandle.Alloc(bytes);
        try
        {
            fixed (int* pieces = ids)
            {
                Require(NativeMethods.Decode(_model, pieces, ids.Length, startsText ? 1 : 0, GCHandle.ToIntPtr(state), &NativeMethods.Receive));
            }
        }
        finally
        {
            state.Free();
        }

        return Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(bytes));
    }
}
