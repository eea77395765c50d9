using System.Security.Cryptography;
using System.Text;

namespace RnnLm.Tests;

public sealed class CorpusReaderTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData((CorpusReader.BlockBytes * 2) + 12_345)]
    public void The_first_byte_that_is_not_utf8_is_named_by_its_offset(int offset)
    {
        string text = SampleText.Lines((3 * CorpusReader.BlockBytes) + 5)
            .Replace('—', '-').Replace('ï', 'i').Replace('“', '"').Replace('”', '"');
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        bytes[offset] = 0xE9;
        bytes[offset + 100] = 0xFF;
        Refuses(bytes, "bad.txt", "0xE9", $"offset {offset})", "iconv");
    }

    [Fact]
    public void A_character_cut_off_by_the_end_of_the_file_is_refused_at_its_first_byte() =>
        Refuses([.. "abc "u8, 0xE2, 0x96], "bad.txt", "0xE2", "offset 4)");

    [Fact]
    public void Encoded_surrogates_and_overlong_forms_are_refused()
    {
        Refuses([.. "ab"u8, 0xED, 0xA0, 0x80], "0xED", "offset 2)");
        Refuses([.. "abc"u8, 0xC0, 0xAF], "0xC0", "offset 3)");
    }

    [Fact]
    public void A_nul_byte_makes_a_file_binary() => Refuses([.. "text"u8, 0, 1, 2], "bad.txt", "binary", "offset 4)");

    [Fact]
    public void Text_in_utf16_is_refused() =>
        Refuses(Encoding.Unicode.GetBytes("text"), "bad.txt", "UTF-16", "offset 1)");

    [Fact]
    public void The_hash_is_that_of_the_contents_in_order_and_not_of_the_paths()
    {
        string one = _directory.Write("one.txt", "first\n");
        string two = _directory.Write("two.txt", "second\n");
        string copy = _directory.Write("elsewhere/copy.txt", "first\n");
        string expected = Convert.ToHexStringLower(SHA256.HashData(
            [.. SHA256.HashData("first\n"u8), .. SHA256.HashData("second\n"u8)]));
        Assert.Equal(expected, Hash(one, two));
        Assert.Equal(expected, Hash(copy, two));
        Assert.NotEqual(expected, Hash(two, one));
    }

    [Fact]
    public void Blocks_joined_are_the_text_whatever_its_lines_are_like()
    {
        string[] texts =
        [
            SampleText.Lines(3 * CorpusReader.BlockBytes),
            SampleText.Lines(3 * CorpusReader.BlockBytes).Replace('\n', ' '),
            new string('日', CorpusReader.BlockBytes),
            string.Concat(Enumerable.Repeat(new string('x', 31) + "\n", 2 * CorpusReader.BlockBytes / 32)),
            "\uFEFFstarts with a byte order mark\n",
        ];
        foreach (string text in texts)
        {
            string path = _directory.Write("text.txt", text);
            CorpusFiles files = CorpusFiles.Resolve([path]);
            var blocks = new CorpusReader(files, new CorpusSettings(ExampleMode.Windows)).Blocks().ToList();
            Assert.Equal(
                text.TrimStart('\uFEFF'),
                string.Concat(blocks.Select(block => Encoding.UTF8.GetString(block.Utf8.Span))));
            Assert.Equal(new FileInfo(path).Length, blocks.Sum(block => (long)block.FileBytes));
            Assert.Equal(
                [true, .. Enumerable.Repeat(false, blocks.Count - 1)], blocks.Select(block => block.StartsText));
        }
    }

    [Fact]
    public void In_sentences_mode_no_line_is_cut()
    {
        string text = new string('x', 3 * CorpusReader.BlockBytes) + "\nshort\n";
        CorpusFiles files = CorpusFiles.Resolve([_directory.Write("text.txt", text)]);
        TextBlock first = new CorpusReader(files, new CorpusSettings(ExampleMode.Sentences)).Blocks().First();
        Assert.Equal(text, Encoding.UTF8.GetString(first.Utf8.Span));
    }

    private static string Hash(params string[] paths) => CorpusReader.Hash(CorpusFiles.Resolve(paths));

    private void Refuses(byte[] bytes, params string[] words)
    {
        string path = _directory.Write("bad.txt", bytes);
        Errors.Expect(ExitCode.BadInput, () => Hash(path), words);
    }
}
