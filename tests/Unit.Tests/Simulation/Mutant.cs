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

    private Mutant(string name, byte[] image)
        : base(isCollectible: true)
    {
        _name = name;
        _changed = LoadFromStream(new MemoryStream(image));
    }

    /// <summary>Compiles a project of the product with a text of one of its files replaced.</summary>
    /// <param name="file">Below src; its first folder is the project.</param>
    /// <param name="find">Must be there once; nothing is replaced when it is empty.</param>
    /// <param name="replacement">Takes its place.</param>
    public static Mutant Of(string file, string find, string replacement)
    {
        string source = Path.Combine(Root(), "src");
        string project = file.Split('/')[0];
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
            if (Path.GetRelativePath(source, path) == file && find.Length > 0)
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
        var simulation = LoadFromAssemblyName(new AssemblyName("RnnLm.Simulation"));
        var run = simulation.GetType("RnnLm.Simulation.Simulator", throwOnError: true)!
            .GetMethods().Single(method => method.Name == "Run" && method.GetParameters().Length == 3);
        object faults = Enum.ToObject(run.GetParameters()[1].ParameterType, (int)Faults.All);
        for (int seed = 0; seed < most; seed++)
        {
            object result = run.Invoke(null, [first + seed, faults, null])!;
            if (result.GetType().GetProperty("Broken")!.GetValue(result) is string promise)
            {
                return (seed + 1, promise);
            }
        }

        return null;
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

    /// <summary>Those that come with the SDK's reference assemblies: P/Invokes are generated.</summary>
    private static ISourceGenerator[] Generators()
    {
        string runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string packs = Path.GetFullPath(Path.Combine(runtime, "../../../packs/Microsoft.NETCore.App.Ref"));
        string folder = Path.Combine(Directory.GetDirectories(packs, "10.*").Max()!, "analyzers/dotnet/cs");
        Assembly.LoadFrom(Path.Combine(folder, "Microsoft.Interop.SourceGeneration.dll"));
        var imports = Assembly.LoadFrom(Path.Combine(folder, "Microsoft.Interop.LibraryImportGenerator.dll"))
            .GetType("Microsoft.Interop.LibraryImportGenerator", throwOnError: true)!;
        return [((IIncrementalGenerator)Activator.CreateInstance(imports)!).AsSourceGenerator()];
    }
}
