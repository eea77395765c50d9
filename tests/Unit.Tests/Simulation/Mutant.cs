using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace RnnLm.Tests;

/// <summary>
/// The product with one place of its source changed: the project is compiled in memory, and the simulator runs over it
/// in a load context of its own.
/// </summary>
internal sealed class Mutant : AssemblyLoadContext
{
    private readonly string _name;
    private readonly Assembly _changed;
    private readonly MethodInfo _run;
    private readonly object _allFaults;

    private Mutant(string name, byte[] image)
        : base(isCollectible: true)
    {
        _name = name;
        _changed = LoadFromStream(new MemoryStream(image));
        _run = LoadFromAssemblyName(new AssemblyName("RnnLm.Simulation"))
            .GetType("RnnLm.Simulation.Simulator", throwOnError: true)!
            .GetMethods().Single(method => method.Name == "Run" && method.GetParameters().Length == 3);
        _allFaults = Enum.ToObject(_run.GetParameters()[1].ParameterType, (int)Faults.All);
    }

    /// <summary>Compiles a project of the product with texts of its files replaced.</summary>
    /// <param name="project">Its folder below src.</param>
    /// <param name="edits">What is replaced.</param>
    public static Mutant Of(string project, params IReadOnlyList<Edit> edits)
    {
        string source = Path.Combine(Root(), "src");
        string directory = Path.Combine(source, project);
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        var trees = new List<SyntaxTree>();
        foreach (string path in Directory.GetFiles(directory, "*.cs", SearchOption.AllDirectories))
        {
            string relative = Path.GetRelativePath(directory, path);
            bool isGenerated = relative.StartsWith("obj", StringComparison.Ordinal);
            if (relative.StartsWith("bin", StringComparison.Ordinal)
                || (isGenerated && !relative.StartsWith(Path.Combine("obj", "Release"), StringComparison.Ordinal)))
            {
                continue;
            }

            string text = File.ReadAllText(path);
            foreach (var (file, find, replacement) in edits.Where(edit => edit.File == relative))
            {
                Assert.True(text.Split(find).Length == 2, $"{file} has the text once that the bug replaces: {find}");
                text = text.Replace(find, replacement, StringComparison.Ordinal);
            }

            trees.Add(CSharpSyntaxTree.ParseText(text, options, path));
        }

        string name = $"RnnLm.{project}";
        var compilation = CSharpCompilation.Create(
            name,
            trees,
            References(name),
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary,
                optimizationLevel: OptimizationLevel.Release,
                allowUnsafe: true,
                nullableContextOptions: NullableContextOptions.Enable));
        CSharpGeneratorDriver.Create(Generators(), parseOptions: options)
            .RunGeneratorsAndUpdateCompilation(compilation, out var complete, out _);
        using var image = new MemoryStream();
        var result = complete.Emit(image);
        Assert.True(
            result.Success,
            string.Join('\n', result.Diagnostics.Where(found => found.Severity == DiagnosticSeverity.Error).Take(5)));
        return new Mutant(name, image.ToArray());
    }

    /// <summary>Simulates seeds until a promise is broken.</summary>
    /// <param name="first">The first seed.</param>
    /// <param name="most">How many at most.</param>
    /// <returns>How many it took, and the promise; null when none was broken.</returns>
    public (int Seeds, string Promise)? Catch(long first, int most)
    {
        for (int seed = 0; seed < most; seed++)
        {
            if (Run(first + seed).Broken is { } promise)
            {
                return (seed + 1, promise);
            }
        }

        return null;
    }

    /// <summary>Simulates one seed.</summary>
    public (ulong TraceHash, string? Broken) Run(long seed)
    {
        object result = _run.Invoke(null, [seed, _allFaults, null])!;
        object? Of(string property) => result.GetType().GetProperty(property)!.GetValue(result);
        return ((ulong)Of("TraceHash")!, (string?)Of("Broken"));
    }

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        string name = assemblyName.Name!;
        return name == _name ? _changed
            : name.StartsWith("RnnLm.", StringComparison.Ordinal)
                ? LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, name + ".dll"))
                : null;
    }

    private static string Root()
    {
        string directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "RnnLm.sln")))
        {
            directory = Path.GetDirectoryName(directory)
                ?? throw new InvalidOperationException("the tests run outside of the repository");
        }

        return directory;
    }

    private static IEnumerable<MetadataReference> References(string but) =>
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileNameWithoutExtension(path) != but)
            .Select(path => MetadataReference.CreateFromFile(path));

    /// <summary>Those that come with the SDK's reference assemblies: P/Invokes and regular expressions are generated.
    /// </summary>
    private static ISourceGenerator[] Generators()
    {
        string runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string packs = Path.GetFullPath(Path.Combine(runtime, "../../../packs/Microsoft.NETCore.App.Ref"));
        string folder = Path.Combine(Directory.GetDirectories(packs, "10.*").Max()!, "analyzers/dotnet/cs");
        Assembly.LoadFrom(Path.Combine(folder, "Microsoft.Interop.SourceGeneration.dll"));
        ISourceGenerator Generator(string file, string type) => ((IIncrementalGenerator)Activator.CreateInstance(
            Assembly.LoadFrom(Path.Combine(folder, file)).GetType(type, throwOnError: true)!)!).AsSourceGenerator();
        return
        [
            Generator(
                "Microsoft.Interop.LibraryImportGenerator.dll", "Microsoft.Interop.LibraryImportGenerator"),
            Generator(
                "System.Text.RegularExpressions.Generator.dll",
                "System.Text.RegularExpressions.Generator.RegexGenerator"),
        ];
    }
}

/// <summary>A text of a source file that is replaced.</summary>
/// <param name="File">In the project's folder.</param>
/// <param name="Find">Must be there once.</param>
/// <param name="Replacement">Takes its place.</param>
internal sealed record Edit(string File, string Find, string Replacement);
