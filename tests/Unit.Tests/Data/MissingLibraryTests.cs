using System.Reflection;
using System.Runtime.Loader;

namespace RnnLm.Tests;

public class MissingLibraryTests
{
    [Theory]
    [InlineData("RnnLm.Data.Tokenizers.SentencePiece.SentencePieceTokenizer", "Of")]
    [InlineData("RnnLm.Data.Tokenizers.SentencePiece.BytePairTraining", "Train")]
    public void A_machine_without_SentencePiece_is_told_what_to_install(string type, string method)
    {
        var machine = new WithoutNativeLibraries();
        MethodInfo call = machine.Data.GetType(type, throwOnError: true)!.GetMethod(method)!;
        byte[] model = ModelProto.Serialize([new Piece("<unk>", 0, PieceKind.Unknown)]);
        object?[] arguments = method == "Of" ? [model, "my.model", null, null] : [300, null, 0L];
        Errors.Expect(
            ExitCode.BadInput,
            () =>
            {
                try
                {
                    call.Invoke(null, arguments);
                }
                catch (TargetInvocationException failure)
                {
                    throw failure.InnerException!;
                }
            },
            "libsentencepiece-dev",
            "./rnnlm setup");
    }

    /// <summary>A second copy of the product's assembly on which no native library can be loaded.</summary>
    private sealed class WithoutNativeLibraries : AssemblyLoadContext
    {
        public WithoutNativeLibraries() => Data = LoadFromAssemblyPath(typeof(SentencePieceTokenizer).Assembly.Location);

        public Assembly Data { get; }

        protected override Assembly? Load(AssemblyName assemblyName) => null;

        protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
            throw new DllNotFoundException($"Unable to load shared library '{unmanagedDllName}' or one of its dependencies.\nlibsentencepiece.so.0: cannot open");
    }
}
