namespace RnnLm.Cli.Tests;

/// <summary>Usage errors (exit code 2): one line that names option, value and cure.</summary>
public sealed class Command_line_that_cannot_be_used : IDisposable
{
    private const int Usage = 2;

    private readonly TemporaryDirectory _directory = new();

    [Theory]
    [InlineData("--shards 3", "--shards 3", "power of two", "use 1, 2, 4, 8")]
    [InlineData("--preset huge", "--preset huge", "use quick, lm-book, char, hello, ", " or ptb-medium")]
    [InlineData("--bidirectional", "--bidirectional", "has seen the token that is to be predicted")]
    [InlineData("--dropout 1", "--dropout 1", "it must be below 1")]
    [InlineData("--bptt 9 --tokenizer char", "--bptt 9: streams are cut from contiguous text", "--examples windows")]
    [InlineData("--tie --embedding 3 --tokenizer char", "cannot be the output layer's weight too", "leave out --tie")]
    [InlineData("--cell gru2", "--cell gru2", "no such cell, only", "elman")]
    [InlineData("--examples pages", "--examples pages", "use sentences or windows")]
    [InlineData("--context 1", "--context 1", "2 or more")]
    [InlineData("--batch 0", "--batch 0", "1 or more")]
    [InlineData("--workers 0", "--workers 0", "1 or more")]
    [InlineData("--held-out 1000", "--held-out 1000", "at most 900")]
    [InlineData("--lr 0", "--lr 0", "greater than 0")]
    [InlineData("--lr NaN", "--lr NaN", "greater than 0")]
    [InlineData("--clip -1", "--clip -1", "0 or more")]
    [InlineData("--steps ten", "--steps", "ten", "whole number")]
    [InlineData("--lr fast", "--lr", "fast", "number")]
    [InlineData("--device tpu", "--device tpu", "use auto, cpu, cuda")]
    [InlineData("--steps 5 --epochs 2", "--steps", "--epochs", "give one of them")]
    [InlineData("--resume", "--resume needs --run")]
    [InlineData("--stepz 5", "--stepz", "rnnlm train --help")]
    [InlineData("--lr 0,5", "--lr 0,5", "a point, not a comma: 0.5")]
    [InlineData("--clip 0,5", "--clip 0,5", "a point, not a comma: 0.5")]
    [InlineData("--epochs 0,5", "--epochs 0,5", "a point, not a comma: 0.5")]
    [InlineData("--steps 1,000", "--steps 1,000", "whole number")]
    [InlineData("--prompt ''", "--prompt ''", "empty")]
    [InlineData("--run ''", "--run ''", "empty")]
    [InlineData("--profile ''", "--profile ''", "empty")]
    [InlineData("--corpus ''", "--corpus ''", "empty")]
    [InlineData("--lr=0.1 --lr=", "--lr", "2 times")]
    [InlineData("--split-sentences --examples windows", "--split-sentences", "use --examples sentences")]
    [InlineData("--sentence-tokens --examples windows", "--sentence-tokens", "use --examples sentences")]
    [InlineData("--optimizer adagrad", "--optimizer adagrad", "use adam, adamw or sgd")]
    [InlineData("--schedule linear", "--schedule linear", "use constant, cosine, epoch-decay or plateau")]
    [InlineData("--momentum 0.9", "--momentum is for --optimizer sgd, not adam; leave it out")]
    [InlineData("--optimizer adamw --momentum 0.9", "--momentum is for --optimizer sgd, not adamw")]
    [InlineData("--optimizer sgd --momentum 2", "--momentum 2", "at most 1")]
    [InlineData("--weight-decay -1", "--weight-decay -1", "0 or more")]
    [InlineData("--decay 0.5", "--decay is for --schedule epoch-decay or plateau, not cosine")]
    [InlineData("--schedule plateau --decay 0.5 --decay-after 2", "--decay-after is for --schedule epoch-decay, not p")]
    [InlineData("--schedule constant --schedule-steps 9", "--schedule-steps is for --schedule cosine, not constant")]
    [InlineData("--schedule epoch-decay", "--schedule epoch-decay needs --decay")]
    [InlineData("--schedule plateau", "--schedule plateau needs --decay")]
    [InlineData("--schedule plateau --decay 2", "--decay 2", "at most 1")]
    [InlineData("--schedule plateau --decay 0.5 --evaluate-every 0", "--schedule plateau", "give --evaluate-every")]
    [InlineData("--patience 3 --evaluate-every 0", "--patience", "give --evaluate-every")]
    [InlineData("--patience 3 --held-out 0 --tokenizer char", "--patience", "no validation text; give --valid")]
    [InlineData("--init a.safetensors --init-uniform 0.1", "--init and --init-uniform", "give one of them")]
    [InlineData("--tokenizer a\nb", "--tokenizer a\\nb", "use char, word")]
    public void Train_refuses(string options, params string[] said)
    {
        _directory.Write("corpus.txt", SmallText.Sentences(10));
        var before = _directory.Everything.ToList();
        RnnLmProcess.Run(_directory, ["train", "--corpus", "corpus.txt", .. Words(options)]).Refused(Usage, said);
        Assert.Equal(before, _directory.Everything);
    }

    [Theory]
    [InlineData("practise --run run", "practise", "rnnlm --help")]
    [InlineData("", "command", "rnnlm --help")]
    [InlineData("evaluate --corpus corpus.txt", "--run", "rnnlm evaluate --help")]
    [InlineData("generate --run run --prompt a --temperature 0,7", "--temperature 0,7", "a point, not a comma: 0.7")]
    [InlineData("generate --run run --prompt a --top-p 0", "--top-p 0", "greater than 0")]
    [InlineData("generate --run run --prompt a --top-p 1.5", "--top-p 1.5", "at most 1")]
    [InlineData("generate --run run --prompt a --top-p NaN", "--top-p NaN", "greater than 0")]
    [InlineData("generate --run run --prompt a --top-k -1", "--top-k -1", "0 or more")]
    [InlineData("generate --run run --prompt a --temperature -1", "--temperature -1", "0 or more")]
    [InlineData("generate --run run --prompt a --tokens 0", "--tokens 0", "1 or more")]
    [InlineData("generate --run run --prompt a --prompt ''", "--prompt ''", "empty")]
    [InlineData("generate --run run --prompt a b", "'b'", "rnnlm generate --help")]
    [InlineData("inspect ''", "PATH is empty", "rnnlm inspect --help")]
    public void Command_line_is_refused(string commandLine, params string[] said) =>
        RnnLmProcess.Run(_directory, Words(commandLine)).Refused(Usage, said);

    /// <summary>The words of a command line; two quotes are an empty one.</summary>
    private static IEnumerable<string> Words(string line) =>
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => word == "''" ? string.Empty : word);

    public void Dispose() => _directory.Dispose();
}
