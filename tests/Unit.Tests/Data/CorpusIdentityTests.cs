using System.Text.Json;

namespace RnnLm.Tests;

public class CorpusIdentityTests
{
    [Fact]
    public void Jobs_of_plain_text_are_written_as_before_json_records_existed()
    {
        const string written = """{"hash":"c0","fold_digits":true,"split_sentences":false}""";
        var options = new JsonSerializerOptions(JobFormat.JsonOptions) { WriteIndented = false };
        var plain = new CorpusIdentity("c0", FoldDigits: true, SplitSentences: false);
        Assert.Equal(written, JsonSerializer.Serialize(plain, options));
        Assert.Equal(plain, JsonSerializer.Deserialize<CorpusIdentity>(written, options));
    }

    [Fact]
    public void Field_and_sentence_tokens_are_part_of_the_job()
    {
        var identity = new CorpusIdentity(
            "c0", FoldDigits: false, SplitSentences: false, JsonField: "text", SentenceTokens: true);
        string written = JsonSerializer.Serialize(identity, JobFormat.JsonOptions);
        Assert.Contains("\"json_field\": \"text\"", written);
        Assert.Contains("\"sentence_tokens\": true", written);
        Assert.Equal(identity, JsonSerializer.Deserialize<CorpusIdentity>(written, JobFormat.JsonOptions));
    }
}
