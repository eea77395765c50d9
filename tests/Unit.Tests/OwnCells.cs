using System.Runtime.CompilerServices;

namespace RnnLm.Tests;

/// <summary>The program's own cells are known when it looks for one; tests name them before.</summary>
internal static class OwnCells
{
    [ModuleInitializer]
    public static void Register() => RuntimeHelpers.RunClassConstructor(typeof(Cells).TypeHandle);
}
