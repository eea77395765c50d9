namespace RnnLm.Simulation;

/// <summary>A process: what it does is due at some virtual time, waits while it stands still, and never comes once it
/// is dead.</summary>
/// <param name="world">Where it runs.</param>
/// <param name="name">For the trace.</param>
internal sealed class SimulatedProcess(World world, string name)
{
    /// <summary>By how much clocks are wrong at most.</summary>
    public const double MostSkew = 0.1;

    private readonly List<Fiber> _fibers = [];
    private readonly Queue<Action> _waiting = [];
    private readonly double _rate =
        world.Has(Faults.Clocks) ? 1 + (MostSkew * ((2 * world.Dice.Fraction()) - 1)) : 1;

    private readonly TimeSpan _offset =
        world.Has(Faults.Clocks) ? world.Dice.Between(TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)) : TimeSpan.Zero;

    private SimulatedBulk? _bulk;
    private int _freezes;
    private int _working;

    public string Name => name;

    public FloatBufferPool Buffers { get; } = new(world.Scenario.Job.Layout.BufferLength);

    public GradientPool Gradients { get; } = new(world.Scenario.Job.Layout);

    /// <summary>What it offers, and fetches from others.</summary>
    public SimulatedBulk Bulk => _bulk ??= new SimulatedBulk(world, this);

    /// <summary>Fetches of its own that are under way.</summary>
    public int Fetches { get; set; }

    public bool IsAlive { get; private set; } = true;

    public bool IsFrozen => _freezes > 0;

    /// <summary>Whether it ever stood still.</summary>
    public bool WasFrozen { get; private set; }

    /// <summary>Whether an operation of its own on the disk ever failed.</summary>
    public bool HasDiskFailed { get; set; }

    /// <summary>Whether work is under way in it beside its actors.</summary>
    public bool IsBusy => _working + Fetches + (_bulk?.Readers ?? 0) > 0 || _fibers.Exists(fiber => !fiber.IsDone);

    /// <summary>What its monotonic clock says.</summary>
    public DateTimeOffset Clock => DateTimeOffset.UnixEpoch + _offset + (world.Time.Now * _rate);

    /// <summary>Lets the process do something after a time of the world's clock.</summary>
    public void Post(TimeSpan delay, Action action) => world.Time.After(delay, () =>
    {
        if (IsFrozen)
        {
            _waiting.Enqueue(action);
        }
        else if (IsAlive)
        {
            action();
        }
    });

    /// <summary>The same after a time of its own clock.</summary>
    public void PostByOwnClock(TimeSpan delay, Action action) => Post(delay / _rate, action);

    /// <summary>Has work done beside its actors: what it does may come before or after what they do meanwhile.
    /// </summary>
    /// <param name="work">The work.</param>
    /// <param name="mayBlock">Whether it writes files.</param>
    /// <param name="done">Takes the result.</param>
    public void Work<T>(Func<T> work, bool mayBlock, Action<T> done)
    {
        var time = world.Dice.Between(TimeSpan.FromTicks(100), world.WorkTime);
        bool isEarly = world.Dice.Chance(0.5);
        if (mayBlock)
        {
            Begin(
                () =>
                {
                    if (!isEarly)
                    {
                        Sleep(time);
                    }

                    var result = work();
                    if (isEarly)
                    {
                        Sleep(time);
                    }

                    return result;
                },
                done);
            return;
        }

        _working++;
        var early = isEarly ? work() : default;
        Post(time, () =>
        {
            _working--;
            done(isEarly ? early! : work());
        });
    }

    /// <summary>Begins something that blocks.</summary>
    public void Begin(Action code) => Begin(
        () =>
        {
            code();
            return true;
        },
        _ => { });

    /// <summary>Begins something that blocks, and takes its result.</summary>
    public void Begin<T>(Func<T> code, Action<T> done)
    {
        T? result = default;
        bool hasResult = false;
        var fiber = new Fiber(
            () => Attempt(() =>
            {
                result = code();
                hasResult = true;
            }),
            () =>
            {
                if (hasResult && IsAlive)
                {
                    done(result!);
                }
            });
        _fibers.RemoveAll(done => done.IsDone);
        _fibers.Add(fiber);
        fiber.Resume();
    }

    /// <summary>Does what must throw nothing.</summary>
    public void Attempt(Action action)
    {
        try
        {
            action();
        }
        catch (ProcessDiedException)
        {
            // Dead processes say nothing.
        }
#pragma warning disable CA1031 // Whatever is thrown here is for the world to judge.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            world.Violation($"nothing is thrown in {name}: {failure}");
        }
    }

    /// <summary>Called inside of what blocks: goes on after a time, if the process lives then.</summary>
    public void Sleep(TimeSpan time)
    {
        RequireLife();
        var fiber = Fiber.Current!;
        Post(time, fiber.Resume);
        fiber.Pause();
        RequireLife();
    }

    /// <summary>Ends what blocks once the process is dead.</summary>
    public void RequireLife()
    {
        if (!IsAlive)
        {
            throw new ProcessDiedException();
        }
    }

    /// <summary>Stands still for a while and goes on as if nothing had been.</summary>
    public void Freeze(TimeSpan time)
    {
        _freezes++;
        WasFrozen = true;
        world.Note(name, $"stands still for {time.TotalSeconds:F3} s");
        world.Time.After(time, () =>
        {
            if (--_freezes == 0 && IsAlive)
            {
                world.Note(name, "goes on");
                while (_waiting.TryDequeue(out var action))
                {
                    Post(TimeSpan.Zero, action);
                }
            }
        });
    }

    /// <summary>The process is no more; what it holds in memory is gone.</summary>
    public void Die(string reason)
    {
        if (!IsAlive)
        {
            return;
        }

        world.Note(name, reason);
        IsAlive = false;
        foreach (var fiber in _fibers.Where(fiber => !fiber.IsDone && fiber != Fiber.Current).ToArray())
        {
            fiber.Resume();
        }

        Buffers.Dispose();
        Gradients.Dispose();
        world.OnDied(this);
    }
}

/// <summary>Unwinds what a dead process was in the middle of.</summary>
internal sealed class ProcessDiedException : Exception;
