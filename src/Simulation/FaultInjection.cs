namespace RnnLm.Simulation;

/// <summary>What goes wrong at some moment; what befalls messages, operations on files and computations is decided
/// where they are.</summary>
/// <param name="world">Where.</param>
internal sealed class FaultInjection(World world)
{
    private static readonly Faults[] s_kinds =
    [
        Faults.Partition, Faults.Freeze, Faults.Kill, Faults.Move, Faults.Reachability, Faults.Slow, Faults.Membership,
        Faults.Disk, Faults.Power, Faults.Stop, Faults.Device,
    ];

    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);

    private Dice Dice => world.Dice;

    /// <summary>From now on things go wrong.</summary>
    public void Begin()
    {
        foreach (var fault in s_kinds.Where(world.Has))
        {
            Schedule(fault);
        }
    }

    private void Schedule(Faults fault)
    {
        var pause = world.Scenario.FaultPause * -Math.Log(1 - Dice.Fraction());
        world.Time.After(pause, () =>
        {
            if (world.MayFail(fault) && !world.IsDone)
            {
                Inject(fault);
                Schedule(fault);
            }
        });
    }

    /// <summary>Lets something go wrong; what shows its effect only later is counted there.</summary>
    private void Inject(Faults fault)
    {
        var (coordinators, members) = (world.LivingCoordinators, world.LivingMembers);
        var devices = world.LivingDevices;
        SimulatedProcess[] processes =
        [
            .. coordinators.Select(coordinator => coordinator.Process)
                .Concat(members.Select(member => member.Process)).Concat(world.RegistryProcess).Distinct(),
        ];
        if (processes.Length == 0)
        {
            return;
        }

        var process = Dice.Of(processes);
        switch (fault)
        {
            case Faults.Partition when processes.Length > 1:
                var (one, other) = (process, Dice.Of([.. processes.Where(other => other != process)]));
                world.Network.Cut(one, other, Dice.Between(s_second, s_minute * 5));
                if (Dice.Chance(0.5))
                {
                    world.Network.Cut(other, one, Dice.Between(s_second, s_minute * 5));
                }

                break;
            case Faults.Freeze:
                process.Freeze(Dice.Between(s_second / 100, s_minute * 10));
                break;
            case Faults.Kill:
                process.Die("is killed");
                break;
            case Faults.Move when !world.Scenario.HasLocks && coordinators.Length > 0:
                world.StartCoordinator();
                if (Dice.Chance(0.3))
                {
                    // Two at the same moment.
                    world.StartCoordinator();
                }

                break;
            case Faults.Device when devices.Length > 0:
                Dice.Of(devices).Lose();
                return;
            case Faults.Reachability when world.Links.Count > 0:
                var misled = Dice.Of(world.Links);
                misled.Process.Post(TimeSpan.Zero, () => CountIf(misled.Lose(misled.Peer), fault));
                return;
            case Faults.Slow when devices.Length > 0 && Dice.Chance(0.5):
                Dice.Of(devices).Hang(Dice.Between(s_second, s_minute * 15));
                return;
            case Faults.Slow when devices.Length > 0:
                Dice.Of(devices).SlowDown(Dice.Between(3, 100), Dice.Between(s_second, s_minute * 5));
                return;
            case Faults.Membership when members.Length > 1 && world.MayLeave:
                world.Leave(Dice.Of(members));
                break;
            case Faults.Disk:
                world.Disk.FailFor(Dice.Between(s_second / 10, s_minute));
                return;
            case Faults.Power when Dice.Chance(0.3):
                foreach (var victim in processes)
                {
                    victim.Die("has no power");
                }

                world.Disk.LosePower();
                break;
            case Faults.Stop when coordinators.Length > 0:
                var stopped = Dice.Of(coordinators);
                stopped.Process.Post(TimeSpan.Zero, () => CountIf(stopped.RequestStop(), fault));
                return;
            default:
                return;
        }

        CountIf(true, fault);
    }

    private void CountIf(bool happened, Faults fault)
    {
        if (happened)
        {
            world.Count(fault.ToString());
        }
    }
}
