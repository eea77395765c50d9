using Google.Protobuf;

namespace RnnLm.Tests;

public sealed class How_a_worker_process_finds_work
{
    private const string Path = "akka.tcp://rnnlm@127.0.0.1:4711/user/front#5";
    private static readonly RunExtent s_extent = new(new ModelSettings(9, 2, 1, -1), 8);
    private readonly EmploymentBehaviour _worker = new("worker-7", "cpu");
    private DateTimeOffset _now = DateTimeOffset.UnixEpoch;

    [Fact]
    public void It_registers_applies_where_it_is_sent_and_works_for_who_engages_it()
    {
        var effects = Tell(new Started());
        var register = Registered(effects);
        Assert.Equal(
            ("worker-7", "", "", "cpu", ""),
            (register.Worker, register.Job, register.Coordinator, register.Numerics, register.Avoided));
        Assert.Equal([new ApplyTo(Path)], Hear(Employ()));
        var engage = Engage();
        Assert.Equal([new Work(engage)], Hear(engage));
        var again = effects.OfType<StartTimer>().Single();
        Assert.Equal(EmploymentBehaviour.SearchEvery, again.After);
        effects = Tell(again.Message);
        Assert.Equal(EmploymentBehaviour.RegisterEvery, effects.OfType<StartTimer>().Single().After);
        register = Registered(effects);
        Assert.Equal(("5e1f", Path), (register.Job, register.Coordinator));
        register = Registered(Tell(new CoordinatorLost()));
        Assert.Equal(("5e1f", ""), (register.Job, register.Coordinator));
    }

    [Fact]
    public void Without_work_for_too_long_it_ends()
    {
        var worker = new EmploymentBehaviour("worker-7", "cpu", TimeSpan.FromSeconds(10));
        StopActor? At(int second, Message message) => worker
            .Handle(message, DateTimeOffset.UnixEpoch.AddSeconds(second)).OfType<StopActor>().SingleOrDefault();

        var again = worker.Handle(new Started(), DateTimeOffset.UnixEpoch).OfType<StartTimer>().Single().Message;
        Assert.Null(At(9, again));
        Assert.Null(At(9, new FromPeer(Employ())));
        Assert.Null(At(9, new FromPeer(Engage())));
        Assert.Null(At(100, again));

        // It begins to count anew when its work is over.
        Assert.Null(At(110, new CoordinatorLost()));
        Assert.Null(At(119, again));
        Assert.Equal(new StopActor(null), At(120, again));
    }

    /// <summary>Two workers of one name, say, which take the place from each other.</summary>
    [Fact]
    public void Where_it_was_lost_as_soon_as_it_had_applied_it_waits_before_it_applies_again()
    {
        Tell(new Started());
        Hear(Employ());
        Hear(Engage(), TimeSpan.Zero);
        Registered(Tell(new CoordinatorLost(), TimeSpan.Zero));
        Assert.Empty(Hear(Employ(), TimeSpan.Zero));
        Assert.Equal([new ApplyTo(Path)], Hear(Employ(), EmploymentBehaviour.RegisterEvery));
    }

    [Fact]
    public void What_is_lost_twice_is_looked_for_once()
    {
        Tell(new Started());
        Hear(Employ());
        Hear(Engage());
        Registered(Tell(new CoordinatorLost()));
        Assert.Empty(Tell(new CoordinatorLost()));
    }

    [Fact]
    public void It_says_which_cells_it_has_and_declines_a_run_of_another()
    {
        string[] cells = ["elman", CoupledGateCell.Registered];
        Assert.Empty(cells.Except(Registered(Tell(new Started())).Cells));
        Hear(Employ());
        var engage = Engage();
        engage.Model.Cell = CoupledGateCell.Registered;
        Assert.Equal([new Work(engage)], Hear(engage));
        engage.Model.Dimension = 30_000;
        Assert.Throws<MalformedMessageException>(() => Hear(engage));

        engage.Model.Cell = "unheard-of";
        var effects = Hear(engage);
        Assert.Contains("cell unheard-of", effects.OfType<Say>().Single().Text);
        Assert.Contains("cell unheard-of", ((Wire.Farewell)effects.OfType<Answer>().Single().Body).Cause);
        Assert.Equal(Path, Registered(Tell(new Started(), TimeSpan.Zero)).Avoided);
    }

    [Fact]
    public void What_nobody_can_mean_is_refused()
    {
        Hear(Employ());
        var engage = Engage();
        Wire.Model Model(Action<Wire.Model> change)
        {
            var model = new Wire.Model(engage.Model);
            change(model);
            return model;
        }

        Wire.Model?[] models =
        [
            null,
            Model(model => model.VocabularySize = 0),
            Model(model => model.VocabularySize = -9),
            Model(model => model.VocabularySize = int.MaxValue),
            Model(model => model.Dimension = 0),
            Model(model => model.Dimension = int.MinValue),
            Model(model => model.Dimension = 1 << 16),
            Model(model => model.Layers = 0),
            Model(model => model.Layers = -1),
            Model(model => model.Layers = 1_025),
            Model(model => model.Layers = int.MaxValue),
            Model(model => model.PaddingId = -2),
            Model(model => model.PaddingId = model.VocabularySize),
            Model(model => model.Cell = new string('a', 2_000)),
            Model(model => model.Embedding = -1),
            Model(model => model.Dropout = 1),
            Model(model => model.Dropout = double.NaN),
            Model(model => model.CarriedRows = -1),
            Model(model => model.CarriedRows = int.MaxValue),
            Model(model => (model.Tied, model.Embedding) = (true, model.Dimension + 1)),
        ];
        IMessage[] bad =
        [
            .. models.Select(model => new Wire.Engage(engage) { Model = model }),
            .. new[] { 0, -1, 3, 8_192, int.MinValue }.Select(shards => new Wire.Engage(engage) { Shards = shards }),
            new Wire.Engage(engage) { Incarnation = -1 },
            new Wire.Engage(engage) { JobHash = new string('a', 2_000) },
            new Wire.Engage(engage) { Host = new string('a', 2_000) },
            new Wire.Engage(engage) { Run = new string('a', 2_000) },
            new Wire.Employ(Employ()) { Coordinator = "" },
            new Wire.Employ(Employ()) { Coordinator = "front" },
            new Wire.Employ(Employ()) { Coordinator = "/user/front" },
            new Wire.Employ(Employ()) { Coordinator = "\u0000" },
            new Wire.Employ(Employ()) { Coordinator = Path.Replace("us", "u\u001b[31ms", StringComparison.Ordinal) },
            new Wire.Employ(Employ()) { Coordinator = $"{Path}x" },
            new Wire.Employ(Employ()) { Coordinator = $"{Path}99999999999999999999" },
            new Wire.Employ(Employ()) { Coordinator = $"{Path}#" },
            new Wire.Employ(Employ()) { Coordinator = $"{Path}{new string('a', 2_000)}" },
            new Wire.Employ(Employ()) { Job = new string('a', 2_000) },
            new Wire.Refuse { Reason = new string('a', 2_000) },
            .. Messages_between_processes.Kinds.Except(["Employ", "Engage", "Refuse"])
                .Select(new DrawnMessages(new Random(1), s_extent).Any),
            new Wire.BulkReference(),
        ];
        var taken = bad.Where(message =>
        {
            try
            {
                Hear(message);
                return true;
            }
            catch (MalformedMessageException)
            {
                return false;
            }
        });
        Assert.Empty(taken.Select(message => $"{message.Descriptor.Name} {message}"));
        Assert.Equal([new Work(engage)], Hear(engage));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Where_it_was_refused_or_dismissed_it_does_not_apply_again_at_once_but_elsewhere_it_does(bool isRefused)
    {
        const string Other = "akka.tcp://rnnlm@127.0.0.1:4711/user/front#6";
        Hear(Employ());
        if (isRefused)
        {
            Hear(new Wire.Refuse { Reason = "no" });
        }
        else
        {
            Hear(Engage());
            Assert.Single(Tell(new WorkEnded(null)).OfType<EndWork>());
        }

        Assert.Empty(Hear(Employ(), TimeSpan.FromSeconds(10)));
        Assert.Equal([new ApplyTo(Other)], Hear(new Wire.Employ { Job = "other", Coordinator = Other }, TimeSpan.Zero));
        Assert.Equal([new ApplyTo(Path)], Hear(Employ(), TimeSpan.FromMinutes(1)));
    }

    /// <summary>It has applied twice, and is answered twice.</summary>
    [Fact]
    public void Who_is_refused_twice_says_so_once_avoids_the_coordinator_all_the_same_and_is_not_engaged_there()
    {
        Hear(Employ());
        Assert.Single(Hear(new Wire.Refuse { Reason = "no" }));
        Assert.Empty(Hear(new Wire.Refuse { Reason = "no" }, TimeSpan.Zero));
        Assert.NotEmpty(Declined(Assert.Single(Hear(Engage(), TimeSpan.Zero))));
        var register = Registered(Tell(new Started(), TimeSpan.Zero));
        Assert.Equal(("", Path), (register.Coordinator, register.Avoided));
    }

    /// <summary>It has applied elsewhere since, where it is to work.</summary>
    [Fact]
    public void Who_hears_that_it_is_dismissed_after_it_was_lost_avoids_nobody()
    {
        const string Other = "akka.tcp://rnnlm@127.0.0.1:4711/user/front#6";
        Hear(Employ());
        Hear(Engage());
        Tell(new CoordinatorLost());
        Hear(new Wire.Employ { Job = "other", Coordinator = Other });
        Assert.IsType<EndWork>(Assert.Single(Tell(new WorkEnded(null))));
        Hear(Engage());
        var register = Registered(Tell(new Started()));
        Assert.Equal((Other, ""), (register.Coordinator, register.Avoided));
    }

    [Fact]
    public void A_coordinator_of_another_major_version_is_not_followed()
    {
        foreach (var version in new[] { null, new Wire.Version(), new Wire.Version { Major = 1 } })
        {
            Hear(Employ());
            var effects = Hear(new Wire.Engage { Version = version });
            Assert.Equal(2, effects.Count);
            Assert.Contains("version", Assert.IsType<Say>(effects[0]).Text, StringComparison.Ordinal);
            Assert.Contains("version", Declined(effects[1]), StringComparison.Ordinal);
            Assert.Equal(Path, Registered(Tell(new Started(), TimeSpan.Zero)).Avoided);
        }
    }

    /// <summary>It is of another version, and would be told so with every word; its coordinator is not.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Where_the_registry_refuses_it_it_says_so_waits_before_it_registers_again_and_works_on(bool isEngaged)
    {
        Tell(new Started());
        if (isEngaged)
        {
            Hear(Employ());
            Hear(Engage());
        }

        var effects = Hear(new Wire.Refuse { Reason = "another version", ByRegistry = true });
        Assert.Equal("the registry refuses worker-7: another version", effects.OfType<Say>().Single().Text);
        Assert.True(effects.OfType<StartTimer>().Single().After > EmploymentBehaviour.RegisterEvery);
        var register = Registered(Tell(effects.OfType<StartTimer>().Single().Message));
        Assert.Equal((isEngaged ? Path : "", ""), (register.Coordinator, register.Avoided));
    }

    [Fact]
    public void A_reason_to_refuse_is_said_in_one_line()
    {
        Hear(Employ());
        var said = Assert.IsType<Say>(Assert.Single(Hear(new Wire.Refuse { Reason = "no\nway" })));
        Assert.Contains("no\\nway", said.Text, StringComparison.Ordinal);
    }

    private static Wire.Employ Employ() => new() { Job = "5e1f", Coordinator = Path };

    private static Wire.Engage Engage() => new DrawnMessages(new Random(1), s_extent).Engage();

    /// <summary>Why it does not follow who has engaged it: who is told so does not wait for it.</summary>
    private static string Declined(Effect effect) => ((Wire.Farewell)Assert.IsType<Answer>(effect).Body).Cause;

    private static Wire.Register Registered(IReadOnlyList<Effect> effects) =>
        (Wire.Register)Assert.Single(effects.OfType<ToRegistry>()).Body;

    private IReadOnlyList<Effect> Hear(IMessage body, TimeSpan? after = null) => Tell(new FromPeer(body), after);

    private IReadOnlyList<Effect> Tell(Message message, TimeSpan? after = null)
    {
        _now += after ?? TimeSpan.FromMinutes(1);
        return _worker.Handle(message, _now);
    }
}
