using System.Runtime.InteropServices;

namespace RnnLm.Worker;

/// <summary>The libtorch of this process: the one that came with the program, or the user's own.</summary>
public static class LibTorch
{
    /// <summary>The version that TorchSharp was built against; another one's classes are laid out
    /// differently.</summary>
    private const string Version = "2.10";

    /// <summary>In the order in which they need each other; those for CUDA are not in every libtorch.</summary>
    private static readonly string[] Libraries = ["c10", "torch_cpu", "c10_cuda", "torch_cuda", "torch"];

    /// <summary>The same with the folder that LIBTORCH names.</summary>
    public static void Preload() => Preload(Environment.GetEnvironmentVariable("LIBTORCH"));

    /// <summary>
    /// Loads a user's own libtorch, which TorchSharp then finds loaded; must come before anything else touches
    /// TorchSharp.
    /// </summary>
    /// <param name="directory">The folder that has lib/, or lib/ itself; nothing happens when it is empty.</param>
    /// <exception cref="RnnLmException">It holds no libtorch of this version (exit code 3).</exception>
    public static void Preload(string? directory)
    {
        if (string.IsNullOrEmpty(directory))
        {
            return;
        }

        string root = Path.GetFullPath(directory);
        string libraries = Directory.Exists(Path.Combine(root, "lib")) ? Path.Combine(root, "lib") : root;
        string found = VersionOf(root) ?? VersionOf(Path.Combine(libraries, ".."))
            ?? throw RnnLmException.BadInput(
                $"LIBTORCH={directory}: no libtorch of a known version is there (neither build-version nor " +
                $"version.py); name the folder of libtorch {Version} that has lib/");
        if (!found.StartsWith(Version + ".", StringComparison.Ordinal))
        {
            throw RnnLmException.BadInput($"LIBTORCH={directory} is libtorch {found}; this program needs {Version}");
        }

        if (Packaged() is { } packaged)
        {
            // Two libtorch in one process end it.
            throw RnnLmException.BadInput(
                $"LIBTORCH={directory}: this build carries a libtorch of its own ({packaged}); " +
                "unset LIBTORCH, or build with it set, as ./rnnlm does");
        }

        foreach (string name in Libraries)
        {
            string path = Path.Combine(libraries, FileName(name));
            if (!File.Exists(path) && name.Contains("cuda", StringComparison.Ordinal))
            {
                continue;
            }

            try
            {
                NativeLibrary.Load(path);
            }
            catch (DllNotFoundException failure)
            {
                // The loader's own words come last, behind advice.
                string reason = failure.Message.TrimEnd().Split('\n')[^1];
                throw RnnLmException.BadInput($"LIBTORCH={directory}: {path} cannot be loaded ({reason})", failure);
            }
        }
    }

    /// <summary>The libtorch that came with the program; null without one.</summary>
    private static string? Packaged() =>
        (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "").Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, FileName("torch_cpu"))).FirstOrDefault(File.Exists);

    private static string FileName(string name) =>
        OperatingSystem.IsWindows() ? $"{name}.dll" : OperatingSystem.IsMacOS() ? $"lib{name}.dylib" : $"lib{name}.so";

    /// <summary>What libtorch's build-version or PyTorch's version.py says; null where neither is.</summary>
    private static string? VersionOf(string directory)
    {
        string plain = Path.Combine(directory, "build-version");
        if (File.Exists(plain))
        {
            return File.ReadLines(plain).FirstOrDefault()?.Trim();
        }

        string python = Path.Combine(directory, "version.py");
        return !File.Exists(python) ? null : File.ReadLines(python)
            .Where(line => line.StartsWith("__version__", StringComparison.Ordinal))
            .Select(line => line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..].Trim(' ', '\'', '"'))
            .FirstOrDefault();
    }
}
