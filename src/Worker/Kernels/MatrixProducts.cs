using System.Runtime.InteropServices;

namespace RnnLm.Worker;

/// <summary>
/// Matrix products by oneDNN's <c>dnnl_sgemm</c> (oneDNN developer guide, "BLAS functions"), always on the calling thread alone: a product's bits
/// depend on its operands only.
/// </summary>
internal sealed unsafe class MatrixProducts
{
    private const string HowToInstall = "install oneDNN 2 or 3 built for OpenMP or without threads (Debian and Ubuntu: apt-get install libdnnl2 or libdnnl3)";
    private const uint SequentialRuntime = 1;
    private const uint OpenMpRuntime = 2;
    private static readonly string[] LibraryNames = ["libdnnl.so.3", "libdnnl.so.2", "dnnl"];

    private readonly delegate* unmanaged[Cdecl]<byte, byte, long, long, long, float, float*, long, float*, long, float, float*, long, int> _sgemm;
    private readonly delegate* unmanaged[Cdecl]<int, void> _setThreadCount;

    private MatrixProducts(nint library, string version, bool hasThreads)
    {
        Version = version;
        _sgemm = (delegate* unmanaged[Cdecl]<byte, byte, long, long, long, float, float*, long, float*, long, float, float*, long, int>)
            Export(library, "dnnl_sgemm");
        if (hasThreads)
        {
            // Looking the symbol up through oneDNN's own handle finds the very OpenMP runtime that oneDNN was linked to, whichever that is.
            _setThreadCount = (delegate* unmanaged[Cdecl]<int, void>)Export(library, "omp_set_num_threads");
        }
    }

    /// <summary>Version of the library and the instruction set it computes with: products of equal kinds have equal bits.</summary>
    public string Version { get; }

    /// <summary>Finds oneDNN on this machine.</summary>
    /// <exception cref="RnnLmException">oneDNN is missing or was built for a threading runtime that cannot be held to one thread.</exception>
    public static MatrixProducts Load() => Load(LibraryNames);

    /// <summary>Loads the first of these libraries that exists.</summary>
    internal static MatrixProducts Load(IReadOnlyList<string> libraryNames)
    {
        foreach (string name in libraryNames)
        {
            if (NativeLibrary.TryLoad(name, typeof(MatrixProducts).Assembly, searchPath: null, out nint library))
            {
                return FromLibrary(name, library);
            }
        }

        throw RnnLmException.BadInput($"oneDNN ({string.Join(", ", libraryNames)}) was not found: {HowToInstall}");
    }

    /// <summary>
    /// Begins a computation on the calling thread: its products stay on that thread, and no signal reaches it until the scope is closed
    /// (<see cref="ProductScope"/>). OpenMP keeps this setting per thread and it costs nanoseconds, so whoever starts a
    /// computation asks for it instead of remembering which threads have.
    /// </summary>
    public ProductScope Enter()
    {
        if (_setThreadCount != null)
        {
            _setThreadCount(1);
        }

        return new ProductScope();
    }

    /// <summary>Inside <see cref="Enter"/>: result = left · right + keep · result, where keep is 0 (the old contents are ignored, even when not a number) or 1.</summary>
    /// <param name="left">(m, k), possibly transposed.</param>
    /// <param name="right">(k, n), possibly transposed.</param>
    /// <param name="result">(m, n), not transposed.</param>
    /// <param name="keep">Factor of the old contents.</param>
    public void Multiply(Matrix left, Matrix right, Matrix result, float keep = 0)
    {
        if (left.Rows != result.Rows || left.Columns != right.Rows || right.Columns != result.Columns || result.IsTransposed)
        {
            throw new ArgumentException(
                $"({left.Rows}, {left.Columns}) times ({right.Rows}, {right.Columns}) into ({result.Rows}, {result.Columns})", nameof(result));
        }

        if (result.Rows == 0 || result.Columns == 0)
        {
            return;
        }

        if (left.Columns == 0)
        {
            ScaleByKeep(result, keep);
            return;
        }

        int status = _sgemm(
            Transposition(left), Transposition(right), result.Rows, result.Columns, left.Columns,
            1f, left.Address, left.Stride, right.Address, right.Stride, keep, result.Address, result.Stride);
        if (status != 0)
        {
            throw new InvalidOperationException(
                $"dnnl_sgemm failed with status {status} for ({left.Rows}, {left.Columns}) times ({right.Rows}, {right.Columns})");
        }
    }

    private static byte Transposition(Matrix matrix) => (byte)(matrix.IsTransposed ? 'T' : 'N');

    private static void ScaleByKeep(Matrix result, float keep)
    {
        if (keep != 0)
        {
            return;
        }

        for (int row = 0; row < result.Rows; row++)
        {
            new Span<float>(result.Row(row), result.Columns).Clear();
        }
    }

    private static MatrixProducts FromLibrary(string name, nint library)
    {
        var version = (delegate* unmanaged[Cdecl]<VersionInfo*>)Export(library, "dnnl_version");
        VersionInfo* found = version();
        if (found->Major is not (2 or 3) || found->CpuRuntime is not (SequentialRuntime or OpenMpRuntime))
        {
            throw RnnLmException.BadInput(
                $"{name} is oneDNN {found->Major}.{found->Minor}.{found->Patch} with CPU runtime {found->CpuRuntime}, which cannot be used: {HowToInstall}");
        }

        var instructionSet = (delegate* unmanaged[Cdecl]<int>)Export(library, "dnnl_get_effective_cpu_isa");
        return new MatrixProducts(
            library,
            $"oneDNN {found->Major}.{found->Minor}.{found->Patch} isa 0x{instructionSet():x}",
            hasThreads: found->CpuRuntime == OpenMpRuntime);
    }

    private static nint Export(nint library, string symbol) =>
        NativeLibrary.TryGetExport(library, symbol, out nint address)
            ? address
            : throw RnnLmException.BadInput($"the oneDNN found on this machine lacks {symbol}: {HowToInstall}");

    /// <summary>dnnl_version_t.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct VersionInfo
    {
        public int Major;
        public int Minor;
        public int Patch;
        public byte* Hash;
        public uint CpuRuntime;
        public uint GpuRuntime;
    }
}
