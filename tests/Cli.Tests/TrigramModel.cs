using RnnLm.Data;

namespace RnnLm.Cli.Tests;

/// <summary>
/// A 3-gram model of characters with add-one smoothing: P(c|ab) = (n(abc) + 1) / (n(ab) + V). An example's first
/// prediction has a single character before it, for this model as for the network: there it is
/// P(c|b) = (n(bc) + 1) / (n(b) + V).
/// </summary>
internal sealed class TrigramModel
{
    private readonly int _vocabulary;
    private readonly int[] _pairs;
    private readonly int[] _pairContexts;
    private readonly int[] _triples;
    private readonly int[] _tripleContexts;

    /// <summary>Counts the characters of examples.</summary>
    public TrigramModel(ExampleSet training, int vocabulary)
    {
        _vocabulary = vocabulary;
        _pairs = new int[vocabulary * vocabulary];
        _pairContexts = new int[vocabulary];
        _triples = new int[vocabulary * vocabulary * vocabulary];
        _tripleContexts = new int[vocabulary * vocabulary];
        foreach (int[] text in Texts(training))
        {
            for (int i = 1; i < text.Length; i++)
            {
                _pairs[(text[i - 1] * vocabulary) + text[i]]++;
                _pairContexts[text[i - 1]]++;
                if (i > 1)
                {
                    int context = (text[i - 2] * vocabulary) + text[i - 1];
                    _triples[(context * vocabulary) + text[i]]++;
                    _tripleContexts[context]++;
                }
            }
        }
    }

    /// <summary>Mean of −ln P over the predicted characters of examples, nats.</summary>
    public double Loss(ExampleSet examples)
    {
        double loss = 0;
        long predicted = 0;
        foreach (int[] text in Texts(examples))
        {
            for (int i = 1; i < text.Length; i++)
            {
                int pair = (text[i - 1] * _vocabulary) + text[i];
                int context = i > 1 ? (text[i - 2] * _vocabulary) + text[i - 1] : -1;
                var (found, among) = i > 1
                    ? (_triples[(context * _vocabulary) + text[i]], _tripleContexts[context])
                    : (_pairs[pair], _pairContexts[text[i - 1]]);
                loss -= Math.Log((found + 1.0) / (among + _vocabulary));
            }

            predicted += text.Length - 1;
        }

        return loss / predicted;
    }

    private static IEnumerable<int[]> Texts(ExampleSet examples)
    {
        for (long index = 0; index < examples.Count; index++)
        {
            yield return examples.Pack([index]).Ids;
        }
    }
}
