using System.Globalization;
using System.Text;
using RnnLm.Cluster;

namespace RnnLm.Simulation;

/// <summary>
/// What happened in a simulation, a line each. Its hash says whether two simulations went the same way; the lines
/// themselves are kept only for who wants to read them.
/// </summary>
/// <param name="reader">Takes the lines; null for nobody.</param>
internal sealed class Trace(Action<string>? reader)
{
    // FNV-1a (Fowler, Noll, Vo): the hash must be the same in every process and build.
    private const ulong Offset = 14_695_981_039_346_656_037;
    private const ulong Prime = 1_099_511_628_211;

    /// <summary>Of all lines so far.</summary>
    public ulong Hash { get; private set; } = Offset;

    /// <summary>Adds a line.</summary>
    public void Add(TimeSpan now, string who, string what)
    {
        ulong hash = (Hash ^ (ulong)now.Ticks) * Prime;
        foreach (char character in who)
        {
            hash = (hash ^ character) * Prime;
        }

        foreach (char character in what)
        {
            hash = (hash ^ character) * Prime;
        }

        Hash = hash;
        reader?.Invoke(string.Create(CultureInfo.InvariantCulture, $"{now.TotalSeconds,12:F6} {who,-14} {what}"));
    }

    /// <summary>A message or effect in a few words.</summary>
    public static string Of(object thing)
    {
        switch (thing)
        {
            case Assign assign:
                var text = new StringBuilder($"Assign step {assign.Step}:");
                foreach (var range in assign.Ranges)
                {
                    text.Append(CultureInfo.InvariantCulture, $" {range.Range}#{range.Attempt}");
                }

                return text.ToString();
            case Publish publish:
                return $"Publish version {publish.Version.Version} of incarnation {publish.Incarnation}";
            case RangeResult result:
                return $"RangeResult step {result.Step} {result.Range} of incarnation {result.Incarnation}";
            case Evaluate evaluate:
                return $"Evaluate version {evaluate.Version} piece {evaluate.Piece}";
            case EvaluationResult result:
                return $"EvaluationResult version {result.Version} piece {result.Piece}";
            case Terminated terminated:
                return $"Terminated {terminated.Actor}";
            case FromPeer peer:
                return $"from outside: {peer.Body.Descriptor.Name}";
            case BulkFetched fetched:
                return $"{fetched.Body.Descriptor.Name} {(fetched.Message is null ? "not fetched" : "fetched")}";
            default:
                return thing.GetType().Name;
        }
    }
}
