using System.Text;
using System.Text.Json;

namespace RnnLm.Cluster.Tests;

/// <summary>How far a run is that other processes train; a change is one that can be waited for.</summary>
internal sealed class RunProgress : IDisposable
{
    private readonly string _run;
    private readonly FileSystemWatcher _watcher;
    private readonly Lock _gate = new();
    private TimeSpan _longest;
    private long _since = TimeProvider.System.GetTimestamp();
    private long _noted;

    /// <param name="run">The run directory, which is there.</param>
    public RunProgress(string run)
    {
        _run = run;
        _watcher = new FileSystemWatcher(run) { NotifyFilter = NotifyFilters.LastWrite | NotifyFilters.FileName };
        _watcher.Changed += (_, _) =>
        {
            Note();
            Wait.Changed();
        };
        _watcher.Renamed += (_, _) => Wait.Changed();
        _watcher.Created += (_, _) => Wait.Changed();
        _watcher.EnableRaisingEvents = true;
    }

    /// <summary>The last step in its metrics; -1 when there is none.</summary>
    public long LastStep
    {
        get
        {
            try
            {
                using var file = new FileStream(
                    Path.Combine(_run, "metrics.jsonl"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
                using var reader = new StreamReader(file, Encoding.UTF8);

                // What is behind the last line break is not written yet.
                string text = reader.ReadToEnd();
                return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries).Reverse()
                    .Select(line => JsonElement.Parse(line).Step())
                    .FirstOrDefault(step => step is not null) ?? -1;
            }
            catch (IOException)
            {
                // It changes hands, or nobody has had it yet.
                return -1;
            }
        }
    }

    /// <summary>The longest time between two steps since this was asked last.</summary>
    public TimeSpan WatchPauses()
    {
        lock (_gate)
        {
            Note();
            var longest = _longest;
            (_longest, _since) = (TimeSpan.Zero, TimeProvider.System.GetTimestamp());
            return longest;
        }
    }

    private void Note()
    {
        lock (_gate)
        {
            var pause = TimeProvider.System.GetElapsedTime(_since);
            _longest = pause > _longest ? pause : _longest;

            // Metrics that change hands begin before where they ended.
            if (LastStep is var step && step > _noted)
            {
                (_noted, _since) = (step, TimeProvider.System.GetTimestamp());
            }
        }
    }

    public void Dispose() => _watcher.Dispose();
}
