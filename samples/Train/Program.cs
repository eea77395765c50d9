using Microsoft.Extensions.Configuration;
using RnnLm.Hosting;
using RnnLm.Shared;

// A small character model of a text; the run directory is runs/char-1, -2, …
var options = new Dictionary<string, string?>
{
    ["corpus"] = args.FirstOrDefault() ?? Path.Combine(AppContext.BaseDirectory, "harbour.txt"),
    ["preset"] = "char",
    ["dimension"] = "96",
    ["batch"] = "16",
    ["steps"] = "300",
    ["prompt"] = "The harbour ",
};
try
{
    var trained = await Training.RunAsync(
        new ConfigurationBuilder().AddInMemoryCollection(options).Build(),
        new PlainView(Console.Out, TimeProvider.System));
    Console.WriteLine($"step {trained.Steps}: loss {trained.ValidationLoss}, perplexity {trained.Perplexity}");
    return 0;
}
catch (RnnLmException failure)
{
    Console.Error.WriteLine(failure.Message);
    return (int)failure.ExitCode;
}
