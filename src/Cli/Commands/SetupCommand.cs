using System.CommandLine;
using RnnLm.Data;
using RnnLm.Worker;

namespace RnnLm.Cli;

/// <summary>
/// <c>rnnlm setup</c>: what the launcher cannot do without the built product. The launcher has installed packages and built before this runs; here the libraries
/// are tried and the packages that presets use are fetched.
/// </summary>
internal static class SetupCommand
{
    public static Command Create()
    {
        var command = new Command("setup", "Prepare this machine: system packages, build, default corpora and tokeniser pieces");
        command.SetAction(_ =>
        {
            Console.Out.WriteLine($"arithmetic: {TorchNumerics.Describe()}");
            var packages = new PackageStore(CacheDirectory.Default());
            foreach (var package in new[] { NpmPackage.Datasets, NpmPackage.LlamaTokenizer })
            {
                Console.Out.WriteLine($"{package}: {(packages.Has(package) ? "there already" : "fetching with npm …")}");
                packages.Fetch(package);
            }

            Console.Out.WriteLine("ready; try ./rnnlm train");
            return 0;
        });
        return command;
    }
}
