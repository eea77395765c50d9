using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace RnnLm.Cli.Tests;

public sealed class Hosting_in_a_program
{
    /// <summary>A host gives its services half a minute; jobs may take five to be saved.</summary>
    [Theory]
    [InlineData(1, 330)]
    [InlineData(1000, 1000)]
    public void A_coordinator_has_the_time_to_hand_its_jobs_over(int given, int expected)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.AddRnnLmCoordinator();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(given));
        using var host = builder.Build();
        Assert.Equal(
            TimeSpan.FromSeconds(expected),
            host.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout);
    }
}
