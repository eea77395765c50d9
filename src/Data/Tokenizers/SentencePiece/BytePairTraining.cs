using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace RnnLm.Data;

/// <summary>Trains the pieces of <c>bpe:N</c> with SentencePiece.</summary>
internal static class BytePairTraining
{
    /// <summary>Text that training looks at, bytes: the library holds it all in memory, and more of it changes few pieces.</summary>
    public const long MostTrainingBytes = 1 << 27;

    /// <summary>Longest stretch handed to the library as a sentence; it skips longer ones.</summary>
    private const int MostSentenceBytes = 1 << 12;

    // <unk>, <s>, </s> and one piece for each byte.
    private const int ReservedPieces = 3 + 256;

    /// <summary>The serialized model of <paramref name="vocabularySize"/> pieces. The same text gives the same bytes.</summary>
    /// <param name="vocabularySize">Number of pieces, reserved ones among them.</param>
    /// <param name="segments">The corpus, in order.</param>
    /// <param name="corpusBytes">Its size, from which follows how much of it is looked at.</param>
    /// <exception cref="RnnLmException">Bad input: the corpus has too many characters or too few pairs for this size.</exception>
    public static unsafe byte[] Train(int vocabularySize, IEnumerable<TextSegments> segments, long corpusBytes)
    {
        NativeMethods.RequireLibrary();
        var model = new List<byte>();
        using var sentences = new SentenceSource(Sample(segments, corpusBytes).GetEnumerator());
        var sentencesState = GCHandle.Alloc(sentences);
        var state = GCHandle.Alloc(model);
        try
        {
            int failed = NativeMethods.TrainBpe(
                vocabularySize,
                MostSentenceBytes,
                &NextSentence,
                GCHandle.ToIntPtr(sentencesState),
                GCHandle.ToIntPtr(state),
                &NativeMethods.Receive);
            sentences.Failure?.Throw();
            if (failed != 0)
            {
                throw RnnLmException.BadInput(
                    $"--tokenizer bpe:{vocabularySize}: SentencePiece cannot train it ({NativeMethods.LastError()}); "
                    + $"choose a size above {ReservedPieces} plus the number of distinct characters, e.g. bpe:8000, or char");
            }
        }
        finally
        {
            state.Free();
            sentencesState.Free();
        }

        byte[] serialized = [.. model];
        int pieces = ModelProto.Parse(serialized).Pieces.Count;
        return pieces == vocabularySize
            ? serialized
            : throw RnnLmException.BadInput($"--tokenizer bpe:{vocabularySize}: the corpus gives only {pieces} pieces; use bpe:{pieces}, a larger corpus, or char");
    }

    /// <summary>All segments, or of a large corpus as many, evenly spread, as training looks at, each cut to sentences of bounded length.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> Sample(IEnumerable<TextSegments> blocks, long corpusBytes)
    {
        double share = Math.Min(1.0, MostTrainingBytes / (double)Math.Max(corpusBytes, 1));
        long seen = 0;
        foreach (TextSegments segments in blocks)
        {
            for (int i = 0; i < segments.Count; i++)
            {
                seen++;
                if (Math.Floor(seen * share) <= Math.Floor((seen - 1) * share))
                {
                    continue;
                }

                foreach (ReadOnlyMemory<byte> sentence in Sentences(segments[i].ToArray()))
                {
                    yield return sentence;
                }
            }
        }
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Sentences(ReadOnlyMemory<byte> segment)
    {
        while (segment.Length > MostSentenceBytes)
        {
            int cut = TextSegments.CutPoint(segment.Span, MostSentenceBytes);
            yield return segment[..cut];
            segment = segment[cut..];
        }

        yield return segment;
    }

    [UnmanagedCallersOnly]
    private static unsafe int NextSentence(nint state, byte** text, long* length) =>
        ((SentenceSource)GCHandle.FromIntPtr(state).Target!).Next(text, length);

    /// <summary>Hands sentences to native code, each pinned until the next is asked for.</summary>
    private sealed unsafe class SentenceSource(IEnumerator<ReadOnlyMemory<byte>> sentences) : IDisposable
    {
        private System.Buffers.MemoryHandle _pinned;

        /// <summary>What went wrong while reading the corpus; no exception may cross native code.</summary>
        public ExceptionDispatchInfo? Failure { get; private set; }

        public int Next(byte** text, long* length)
        {
            try
            {
                _pinned.Dispose();
                if (!sentences.MoveNext())
                {
                    return 0;
                }

                _pinned = sentences.Current.Pin();
                *text = (byte*)_pinned.Pointer;
                *length = sentences.Current.Length;
                return 1;
            }
#pragma warning disable CA1031 // Kept and thrown again once native code has returned.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                Failure = ExceptionDispatchInfo.Capture(failure);
                return -1;
            }
        }

        public void Dispose()
        {
            _pinned.Dispose();
            sentences.Dispose();
        }
    }
}
