using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace RnnLm.Data;

/// <summary>
/// Learns the merges of <c>bpe:N</c> (Sennrich, Haddow and Birch, 2016) over the bytes of GPT-2's words: the pair of
/// neighbors that occurs most often becomes a token, again and again. The merges depend on the counts of words alone,
/// so not on how the counting was divided.
/// </summary>
internal static class BytePairTraining
{
    /// <summary>Ids 0 to 255 are the bytes.</summary>
    public const int Bytes = 256;

    /// <summary>Text that is looked at, bytes: its different words are held in memory.</summary>
    public const long MostTextBytes = 1 << 27;

    // A pair that occurs once says nothing of other text.
    private const long FewestOccurrences = 2;
    private const int None = -1;

    /// <summary>Adds the words of a stretch of valid UTF-8 to the counts.</summary>
    public static void Count(ReadOnlySpan<byte> utf8, Dictionary<string, long> counts)
    {
        string text = Encoding.UTF8.GetString(utf8);
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach ((int offset, int length) in RobertaPreTokenizer.Instance.PreTokenize(text))
        {
            CollectionsMarshal.GetValueRefOrAddDefault(lookup, text.AsSpan(offset, length), out _)++;
        }
    }

    /// <summary>The tokenizer of this many ids, a start and an end token among them where asked for.</summary>
    /// <exception cref="RnnLmException">Bad input: the size is too small, or too large for the corpus.</exception>
    public static ByteLevelTokenizer Train(int size, IReadOnlyDictionary<string, long> counts, bool sentenceTokens)
    {
        int least = Bytes + (sentenceTokens ? 2 : 0);
        if (size < least)
        {
            throw RnnLmException.BadInput(
                $"--tokenizer bpe:{size}: {Bytes} bytes and 2 tokens of sentences need {least} ids; "
                + $"use bpe:{least} or more");
        }

        List<(int Left, int Right)> merges = Merges(counts, size - least);
        int tokens = least + merges.Count;
        return tokens == size
            ? ByteLevelTokenizer.Of(merges, sentenceTokens)
            : throw RnnLmException.BadInput(
                $"--tokenizer bpe:{size}: the corpus gives only {tokens} tokens; "
                + $"use bpe:{tokens}, a larger corpus, or char");
    }

    /// <summary>
    /// The merges in their order, as pairs of ids; merge i makes the token 256 + i. Of pairs that occur equally often
    /// the one with the smaller left id, then the smaller right id comes first. Fewer than <paramref name="most"/> when
    /// no pair is left that occurs twice.
    /// </summary>
    public static List<(int Left, int Right)> Merges(IReadOnlyDictionary<string, long> counts, int most)
    {
        var symbols = new Symbols(counts);
        var merges = new List<(int Left, int Right)>();
        while (merges.Count < most && symbols.MostFrequent() is { } pair)
        {
            symbols.Merge(pair, Bytes + merges.Count);
            merges.Add(pair);
        }

        return merges;
    }

    /// <summary>All words in a row of symbols, linked inside each word, and where each pair stands.</summary>
    private sealed class Symbols
    {
        private readonly int[] _symbol;
        private readonly int[] _previous;
        private readonly int[] _next;
        private readonly int[] _word;
        private readonly long[] _occurrences;
        private readonly Dictionary<(int Left, int Right), Pair> _pairs = [];

        // Counts of a pair only fall once it is here, so an entry that is too high is put back when it comes up.
        private readonly PriorityQueue<(int Left, int Right), (long Fewer, int Left, int Right)> _queue = new();

        public Symbols(IReadOnlyDictionary<string, long> counts)
        {
            int length = counts.Keys.Sum(Encoding.UTF8.GetByteCount);
            (_symbol, _previous, _next, _word) = (new int[length], new int[length], new int[length], new int[length]);
            _occurrences = [.. counts.Values];
            int start = 0;
            int word = 0;
            foreach (string text in counts.Keys)
            {
                byte[] utf8 = Encoding.UTF8.GetBytes(text);
                for (int i = 0; i < utf8.Length; i++)
                {
                    int at = start + i;
                    _symbol[at] = utf8[i];
                    _previous[at] = i == 0 ? None : at - 1;
                    _next[at] = i == utf8.Length - 1 ? None : at + 1;
                    _word[at] = word;
                }

                for (int at = start; at < start + utf8.Length - 1; at++)
                {
                    Add(at);
                }

                start += utf8.Length;
                word++;
            }

            foreach (((int Left, int Right) pair, Pair state) in _pairs)
            {
                Enqueue(pair, state.Count);
            }
        }

        /// <summary>Null when none occurs often enough.</summary>
        public (int Left, int Right)? MostFrequent()
        {
            while (_queue.TryDequeue(out (int Left, int Right) pair, out (long Fewer, int, int) priority))
            {
                long count = _pairs.TryGetValue(pair, out Pair? state) ? state.Count : 0;
                if (count == -priority.Fewer)
                {
                    return pair;
                }

                Enqueue(pair, count);
            }

            return null;
        }

        /// <summary>Puts <paramref name="merged"/> where the pair stands, in each word from left to right.</summary>
        public void Merge((int Left, int Right) pair, int merged)
        {
            _pairs.Remove(pair, out Pair? state);
            List<int> places = state!.Places;
            places.Sort();
            var made = new HashSet<(int Left, int Right)>();
            foreach (int left in places)
            {
                int right = _next[left];
                if (_symbol[left] != pair.Left || right == None || _symbol[right] != pair.Right)
                {
                    continue;
                }

                int before = _previous[left];
                int after = _next[right];
                Remove(before);
                Remove(right);
                _symbol[left] = merged;
                _symbol[right] = None;
                _next[left] = after;
                if (before != None)
                {
                    made.Add(Add(before));
                }

                if (after != None)
                {
                    _previous[after] = left;
                    made.Add(Add(left));
                }
            }

            foreach ((int Left, int Right) added in made)
            {
                Enqueue(added, _pairs[added].Count);
            }
        }

        private (int Left, int Right) PairAt(int left) => (_symbol[left], _symbol[_next[left]]);

        private (int Left, int Right) Add(int left)
        {
            (int Left, int Right) pair = PairAt(left);
            ref Pair? state = ref CollectionsMarshal.GetValueRefOrAddDefault(_pairs, pair, out _);
            state ??= new Pair();
            state.Count += _occurrences[_word[left]];
            state.Places.Add(left);
            return pair;
        }

        private void Remove(int left)
        {
            if (left != None && _next[left] != None && _pairs.TryGetValue(PairAt(left), out Pair? state))
            {
                state.Count -= _occurrences[_word[left]];
            }
        }

        private void Enqueue((int Left, int Right) pair, long count)
        {
            if (count >= FewestOccurrences)
            {
                _queue.Enqueue(pair, (-count, pair.Left, pair.Right));
            }
        }
    }

    /// <summary>How often a pair occurs, and places where it stands or stood.</summary>
    private sealed class Pair
    {
        public long Count { get; set; }

        public List<int> Places { get; } = [];
    }
}
