using System.CommandLine;
using RnnLm.Data;
using RnnLm.Worker;

namespace RnnLm.Cli;

/// <summary>
/// <c>rnnlm setup</c>: fetches with npm what presets use, so that later commands need no network. Nothing else is
/// needed: the launcher has built the product before this runs.
/// </summary>
internal static class SetupCommand
{
    public static Command Create()
    {
        var command = new Command("setup", "Fetch the default corpora and LLaMA pieces with npm, so that nothing is " +
            "fetched later");
        command.SetAction(_ =>
        {
            Console.Out.WriteLine($"arithmetic: {TorchNumerics.Describe()}");
            var packages = new PackageStore(CacheDirectory.Default());
            foreach (var package in new[] { NpmPackage.Datasets, NpmPackage.LlamaTokenizer })
            {
                Console.Out.WriteLine($"{package}: " +
                    $"{(packages.Has(package) ? "there already" : "fetching with npm …")}");
                packages.Fetch(package);
            }

            Console.Out.WriteLine("ready; try ./rnnlm train");
            return 0;
        });
        return command;
    }
}
