using System.Collections.Concurrent;

namespace RnnLm.Simulation;

/// <summary>
/// Code that blocks, as writing a file does, with places at which it can be paused while virtual time goes on. It has
/// a thread of its own, which runs only while the simulation waits for it: there is never more than one that runs.
/// </summary>
internal sealed class Fiber
{
    private static readonly ConcurrentBag<Host> s_idle = [];

    [ThreadStatic]
    private static Fiber? s_current;

    private readonly Action _code;
    private readonly Action? _done;
    private Host? _host;

    /// <summary>Code that has not begun.</summary>
    /// <param name="code">What blocks.</param>
    /// <param name="done">Called when it has come to its end, by who resumed it last.</param>
    public Fiber(Action code, Action? done) => (_code, _done) = (code, done);

    /// <summary>The one that runs on this thread; null on the simulation's own.</summary>
    public static Fiber? Current => s_current;

    /// <summary>Whether the code has come to its end.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Begins the code or goes on with it, until it pauses or ends.</summary>
    public void Resume()
    {
        if (IsDone)
        {
            return;
        }

        if (_host is null)
        {
            _host = s_idle.TryTake(out var idle) ? idle : new Host();
            _host.Begin(this);
        }

        _host.Run();
        if (IsDone)
        {
            s_idle.Add(_host);
            _done?.Invoke();
        }
    }

    /// <summary>Called by the code: the simulation goes on until somebody resumes it.</summary>
    public void Pause() => _host!.Pause();

    /// <summary>A thread that takes one fiber after the other.</summary>
#pragma warning disable CA1001 // A host is used again and again as long as the process lives.
    private sealed class Host
#pragma warning restore CA1001
    {
        private readonly SemaphoreSlim _go = new(0);
        private readonly SemaphoreSlim _back = new(0);
        private Fiber? _fiber;

        public Host() => new Thread(Work) { IsBackground = true, Name = "fiber" }.Start();

        public void Begin(Fiber fiber) => _fiber = fiber;

        public void Run()
        {
            _go.Release();
            _back.Wait();
        }

        public void Pause()
        {
            _back.Release();
            _go.Wait();
        }

        private void Work()
        {
            while (true)
            {
                _go.Wait();
                s_current = _fiber;
                _fiber!._code();
                _fiber.IsDone = true;
                _back.Release();
            }
        }
    }
}
