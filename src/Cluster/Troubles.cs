using System.Text.RegularExpressions;
using Akka.Actor;
using Akka.Event;
using Akka.Remote;

namespace RnnLm.Cluster;

/// <summary>Says what keeps processes from each other: each trouble at most once a minute, and not more than a few, so
/// that no stranger fills a log.</summary>
/// <param name="say">Takes them.</param>
/// <param name="time">The clock.</param>
internal sealed class Troubles(Action<string> say, TimeProvider time)
{
    private const int Most = 16;
    private static readonly TimeSpan s_pause = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _said = new(StringComparer.Ordinal);

    /// <summary>Says one; from any thread.</summary>
    /// <param name="about">What it is about, by which it is known again.</param>
    /// <param name="text">What is said.</param>
    public void Say(string about, string text)
    {
        lock (_gate)
        {
            foreach (var (old, _) in _said.Where(entry => time.GetElapsedTime(entry.Value) >= s_pause).ToArray())
            {
                _said.Remove(old);
            }

            if (_said.Count == Most || !_said.TryAdd(about, time.GetTimestamp()))
            {
                return;
            }
        }

        say(text);
    }
}

/// <summary>Hears from Akka.NET which processes cannot be reached, and why, and who calls this one by another name.
/// </summary>
internal sealed partial class AssociationWatch : ReceiveActor
{
    public AssociationWatch(Troubles troubles, ClusterAddress own)
    {
        Receive<AssociationErrorEvent>(failed => troubles.Say(
            $"{failed.RemoteAddress}",
            $"{failed.RemoteAddress} cannot be reached: {failed.Cause.GetBaseException().Message}"));

        // Akka.NET only logs it, and whoever wrote hears nothing.
        Receive<Error>(error =>
        {
            if (Misaddressed().Match($"{error.Message}") is { Success: true } match)
            {
                string called = match.Groups["address"].Value;
                troubles.Say(
                    called,
                    $"another process looks for this one as {called} and is not answered: write {own}, as in " +
                    "--listen, in its --seed-node");
            }
        });
    }

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(AssociationErrorEvent));
        Context.System.EventStream.Subscribe(Self, typeof(Error));
    }

    [GeneratedRegex(@"arriving at \[[a-z.]+://[^@\]]+@(?<address>[^/\]]+)")]
    private static partial Regex Misaddressed();
}
