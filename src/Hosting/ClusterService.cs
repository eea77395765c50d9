using System.CommandLine;

namespace RnnLm.Hosting;

/// <summary>A process of a cluster from its start to its farewell, as the command of its name and as a service of a
/// host.</summary>
/// <param name="name">The command's.</param>
/// <param name="description">What it is for.</param>
/// <param name="cluster">Its options as a process of a cluster.</param>
internal abstract class ClusterService(string name, string description, ClusterSettings cluster)
{
    /// <summary>The command without its action: what the service needs to know are its options.</summary>
    public Command Command { get; } = Create(name, description, cluster);

    /// <summary>Its options as a process of a cluster.</summary>
    protected ClusterSettings Cluster => cluster;

    /// <summary>Does its part until it is told to stop.</summary>
    /// <param name="parsed">Its options.</param>
    /// <param name="say">Takes a line of what happens; from any thread.</param>
    /// <param name="stop">Ends it in order.</param>
    /// <exception cref="RnnLmException">Why it could not begin or go on, or what was not saved.</exception>
    public abstract Task RunAsync(ParseResult parsed, Action<string> say, Task stop);

    private static Command Create(string name, string description, ClusterSettings cluster)
    {
        var command = new Command(name, description);
        foreach (var option in cluster.Options)
        {
            command.Options.Add(option);
        }

        return command;
    }
}
