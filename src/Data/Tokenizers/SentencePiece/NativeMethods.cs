using System.Runtime.InteropServices;

namespace RnnLm.Data;

/// <summary>native/sentencepiece_shim.cpp.</summary>
internal static unsafe partial class NativeMethods
{
    private const string Library = "rnnlm_sentencepiece";

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_error")]
    public static partial byte* Error();

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_load")]
    public static partial int Load(
        byte* starting, long startingLength, byte* continuing, long continuingLength, int dummyPrefix, int wordsIndependent, int* spaceSymbolBytes, out nint model);

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_unload")]
    public static partial void Unload(nint model);

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_size")]
    public static partial int Size(ModelHandle model);

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_padding_id")]
    public static partial int PaddingId(ModelHandle model);

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_unknown_id")]
    public static partial int UnknownId(ModelHandle model);

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_start_id")]
    public static partial int StartId(ModelHandle model);

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_end_id")]
    public static partial int EndId(ModelHandle model);

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_encoder_create")]
    public static partial int CreateEncoder(ModelHandle model, out nint encoder);

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_encoder_free")]
    public static partial void FreeEncoder(nint encoder);

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_encode")]
    public static partial int Encode(EncoderHandle encoder, byte* text, long length, int startsText, out int* ids, out long count);

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_decode")]
    public static partial int Decode(
        ModelHandle model, int* ids, long count, int startsText, nint state, delegate* unmanaged<nint, byte*, long, void> receive);

    [LibraryImport(Library, EntryPoint = "rnnlm_spm_train_bpe")]
    public static partial int TrainBpe(
        int vocabularySize,
        int mostSentenceBytes,
        delegate* unmanaged<nint, byte**, long*, int> next,
        nint sentencesState,
        nint state,
        delegate* unmanaged<nint, byte*, long, void> receive);

    /// <summary>Returns when the library can be called.</summary>
    /// <exception cref="RnnLmException">Bad input: it, or SentencePiece behind it, is not on this machine.</exception>
    public static void RequireLibrary()
    {
        try
        {
            Error();
        }
        catch (Exception failure) when (failure is DllNotFoundException or BadImageFormatException)
        {
            throw RnnLmException.BadInput(
                $"SentencePiece cannot be loaded (lib{Library}.so or the system's libsentencepiece is missing); install libsentencepiece-dev and run ./rnnlm setup, or use --tokenizer char or word",
                failure);
        }
    }

    /// <summary>The reason of this thread's last failure, on one line.</summary>
    public static string LastError() => (Marshal.PtrToStringUTF8((nint)Error()) ?? "").ReplaceLineEndings(" ").Trim();

    /// <summary>A <c>receive</c> argument whose state is a <see cref="GCHandle"/> of a byte list.</summary>
    [UnmanagedCallersOnly]
    public static void Receive(nint state, byte* bytes, long length) =>
        ((List<byte>)GCHandle.FromIntPtr(state).Target!).AddRange(new ReadOnlySpan<byte>(bytes, checked((int)length)));
}

/// <summary>A loaded model.</summary>
internal sealed class ModelHandle : SafeHandle
{
    public ModelHandle(nint model)
        : base(0, ownsHandle: true) => SetHandle(model);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.Unload(handle);
        return true;
    }
}

/// <summary>An encoder; it keeps its model alive on the native side.</summary>
internal sealed class EncoderHandle : SafeHandle
{
    public EncoderHandle(nint encoder)
        : base(0, ownsHandle: true) => SetHandle(encoder);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.FreeEncoder(handle);
        return true;
    }
}
