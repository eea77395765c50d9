using Microsoft.Extensions.Configuration;
using OwnCell;
using RnnLm.Hosting;
using RnnLm.Shared;
using RnnLm.Worker;

// Known before options are read, in every process of a cluster.
Cells.Register(new MinimalGatedCell());
var options = new Dictionary<string, string?> { ["preset"] = "char", ["cell"] = "mgu", ["dimension"] = "32" };
try
{
    var trained = await Training.RunAsync(
        new ConfigurationBuilder().AddInMemoryCollection(options).AddCommandLine(args).Build(),
        new PlainView(Console.Out, TimeProvider.System));
    Console.WriteLine($"step {trained.Steps}: model sha256 {trained.ModelSha256}");
    return 0;
}
catch (RnnLmException failure)
{
    Console.Error.WriteLine(failure.Message);
    return (int)failure.ExitCode;
}
