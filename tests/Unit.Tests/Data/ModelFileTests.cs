using System.Buffers;
using System.Globalization;
using System.Text;

namespace RnnLm.Tests;

/// <summary>
/// SentencePiece models. Fixtures/pieces.model (identity, byte fallback, white space kept) and Fixtures/defined.model
/// (identity, user-defined &lt;sep&gt;, ### and aba, no bytes, padding, no start) were trained, and the ids in the .txt
/// beside each encoded, by SentencePiece 0.1.97.
/// </summary>
public sealed class ModelFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("pieces")]
    [InlineData("defined")]
    public void Ids_are_SentencePieces(string name)
    {
        SentencePieceTokenizer tokenizer = Load(Path.Combine(AppContext.BaseDirectory, "Fixtures", name + ".model"));
        foreach (string line in File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Fixtures", name + ".txt")))
        {
            string[] parts = line.Split('\t', 2);
            Assert.Equal(
                parts[0].Split(' ').Select(id => int.Parse(id, CultureInfo.InvariantCulture)),
                tokenizer.Encode(parts[1]));
        }
    }

    [Fact]
    public void A_sentencepiece_model_is_used_as_it_is()
    {
        SentencePieceTokenizer tokenizer = Load(_directory.Write("my.model", Model("pieces")));
        Assert.Equal("my.model", tokenizer.Spec);
        Assert.Equal((420, -1, 0, 1, 2), SizeAndIds(tokenizer));
        Assert.Equal(Load(_directory.Write("other/name.model", Model("pieces"))).Hash, tokenizer.Hash);
        SentencePieceTokenizer defined = Load(_directory.Write("defined.model", Model("defined")));
        Assert.Equal((150, 3, 0, -1, 2), SizeAndIds(defined));
    }

    [Fact]
    public void Any_text_comes_back_also_when_it_goes_on()
    {
        SentencePieceTokenizer tokenizer = Load(_directory.Write("my.model", Model("pieces")));
        Property.Holds(
            Property.Text,
            text =>
            {
                Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
                var ids = new ArrayBufferWriter<int>();
                tokenizer.Encode("고래"u8, startsText: true, ids);
                tokenizer.Encode(Encoding.UTF8.GetBytes(text), startsText: false, ids);
                Assert.Equal("고래" + text, tokenizer.Decode(ids.WrittenSpan));
            },
            cases: 500);
    }

    [Fact]
    public void Parts_that_start_at_words_have_the_ids_of_the_whole()
    {
        SentencePieceTokenizer tokenizer = Load(_directory.Write("my.model", Model("pieces")));
        var ids = new ArrayBufferWriter<int>();
        foreach (string part in (string[])["the white", " whale", " \u2581 sailed\n", " into", "  the wind"])
        {
            tokenizer.Encode(Encoding.UTF8.GetBytes(part), startsText: ids.WrittenCount == 0, ids);
        }

        Assert.Equal(tokenizer.Encode("the white whale \u2581 sailed\n into  the wind"), ids.WrittenSpan.ToArray());
    }

    [Fact]
    public void A_file_that_is_no_model_is_named()
    {
        byte[] model = Model("pieces");
        Errors.Expect(
            ExitCode.BadInput,
            () => Load(Path.Combine(_directory.Path, "none.model")),
            "none.model", "cannot be read");
        Errors.Expect(ExitCode.BadInput, () => Load(_directory.Write("empty.model", "")), "empty.model", "0 bytes");
        Errors.Expect(
            ExitCode.BadInput,
            () => Load(_directory.Write("text.model", "plain text, not a model\n")),
            "text.model", "SentencePiece");
        Errors.Expect(
            ExitCode.BadInput,
            () => Load(_directory.Write("cut.model", model[..(model.Length / 2)])),
            "cut.model", "truncated");
        Errors.Expect(ExitCode.BadInput, () => Load(_directory.Write("zero.model", new byte[100])), "zero.model");
        byte[] hostile = [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07];
        Errors.Expect(
            ExitCode.BadInput,
            () => Load(_directory.Write("hostile.model", hostile)),
            "hostile.model", "truncated");
    }

    [Theory]
    [InlineData(1, "unigram")]
    [InlineData(3, "word")]
    [InlineData(4, "char")]
    public void A_model_of_another_kind_is_named(byte kind, string name)
    {
        // TrainerSpec { model_type: kind } behind the rest: a later value replaces an earlier one.
        string path = _directory.Write("other.model", [.. Model("pieces"), 0x12, 2, 0x18, kind]);
        Errors.Expect(ExitCode.BadInput, () => Load(path), "other.model", name, "byte-pair");
    }

    [Fact]
    public void No_damaged_model_does_worse_than_an_error()
    {
        Mutations.Of(Model("pieces"), cases: 400, damaged =>
        {
            SentencePieceTokenizer tokenizer = Load(_directory.Write("damaged.model", damaged));
            tokenizer.Decode(tokenizer.Encode("the whale 고래 x<sep>"));
        });
        Mutations.Of(Model("defined"), cases: 400, damaged =>
        {
            SentencePieceTokenizer tokenizer = Load(_directory.Write("damaged.model", damaged));
            tokenizer.Decode(tokenizer.Encode("the whale 고래 x<sep>"));
        });
    }

    [Fact]
    public void Llama_pieces_must_be_as_many_as_llamas() =>
        Errors.Expect(
            ExitCode.BadInput,
            () => Load("llama:" + _directory.Write("small.model", Model("pieces"))),
            "small.model",
            "420",
            "32000");

    private static (int, int, int, int, int) SizeAndIds(SentencePieceTokenizer tokenizer) =>
        (tokenizer.VocabularySize, tokenizer.PaddingId, tokenizer.UnknownId, tokenizer.StartId, tokenizer.EndId);

    private static byte[] Model(string name) =>
        File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Fixtures", name + ".model"));

    private SentencePieceTokenizer Load(string spec) =>
        (SentencePieceTokenizer)new TokenizerFactory(new PackageStore(_directory.Path), 1)
            .Fixed(TokenizerSpec.Parse(spec));
}
