using Microsoft.Extensions.Hosting;
using RnnLm.Hosting;

// A worker of the cluster that appsettings.json names, or with --coordinator one that runs its jobs.
var builder = Host.CreateApplicationBuilder();
if (args.Contains("--coordinator"))
{
    builder.AddRnnLmCoordinator();
}
else
{
    builder.AddRnnLmWorker();
}

await builder.Build().RunAsync();
