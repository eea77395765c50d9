namespace RnnLm.Tests;

public sealed class Who_works_for_which_job
{
    private readonly RegistryBehaviour _registry = new(startsJobs: true);
    private DateTimeOffset _now = DateTimeOffset.UnixEpoch;

    [Fact]
    public void Jobs_that_are_not_done_are_listed_again_and_again_and_started()
    {
        Assert.IsType<ListJobs>(Assert.Single(Tell(new Started())));
        var effects = Tell(new JobsListed(["a", "b"]));
        Assert.Equal([new StartJob("a"), new StartJob("b")], effects.OfType<StartJob>());
        Assert.IsType<ListJobs>(Assert.Single(Tell(effects.OfType<StartTimer>().Single().Message)));
        Assert.Empty(new RegistryBehaviour(startsJobs: false).Handle(new Started(), _now));
    }

    [Fact]
    public void Without_a_job_nobody_is_sent_anywhere()
    {
        Assert.Null(Register("worker-0"));
        Hire("a");
        Assert.Equal("a", Register("worker-0"));
    }

    [Fact]
    public void Each_job_gets_as_many_as_any_other_give_or_take_one()
    {
        Hire("a");
        Hire("b");
        Hire("c");
        string[] sent = [.. Enumerable.Range(0, 8).Select(worker => Register($"worker-{worker}")!)];
        Assert.Equal([2, 3, 3], sent.CountBy(job => job).Select(job => job.Value).Order());
    }

    [Fact]
    public void Who_works_stays_unless_another_job_has_fewer()
    {
        Hire("a");
        string[] workers = ["worker-0", "worker-1", "worker-2"];
        Assert.All(workers, worker => Assert.Equal("a", Register(worker)));
        Assert.All(workers, worker => Assert.Null(Register(worker, "a", Front("a"))));
        Hire("b");
        string?[] moved = [.. workers.Select(worker => Register(worker, "a", Front("a")))];
        Assert.Equal(["b"], moved.OfType<string>());
        string mover = workers[Array.FindIndex(moved, job => job is not null)];
        Assert.Null(Register(mover, "b", Front("b")));
        Assert.All(workers.Except([mover]), worker => Assert.Null(Register(worker, "a", Front("a"))));
    }

    [Fact]
    public void Who_says_nothing_for_a_while_is_not_there()
    {
        Hire("a");
        Hire("b");
        Assert.Equal("a", Register("worker-0"));
        Assert.Equal("b", Register("worker-1"));
        Hire("b", TimeSpan.FromSeconds(11));
        Assert.Equal("b", Register("worker-0", "a", Front("a")));
        Hire("a");
        Assert.Equal("a", Register("worker-1", "b", Front("b")));
    }

    /// <summary>The job has been begun anew elsewhere.</summary>
    [Fact]
    public void Who_is_engaged_by_a_coordinator_that_is_no_more_is_sent_to_the_one_there_is()
    {
        Hire("a");
        Assert.Equal("a", Register("worker-0", "a", "akka://rnnlm/user/old"));
        Assert.Null(Register("worker-0", "a", Front("a")));
    }

    [Fact]
    public void A_coordinator_that_ends_wants_nobody_and_its_job_is_started_elsewhere_if_it_is_not_done()
    {
        Hire("a");
        var ends = new Wire.Hire { Version = ProtocolVersion.Current, Job = "a", Ends = true };
        Assert.IsType<ListJobs>(Assert.Single(Tell(new HiredFrom("akka://rnnlm/user/another", ends))));
        Tell(new JobsListed([]));
        Assert.Equal("a", Register("worker-0"));
        Assert.IsType<ListJobs>(Assert.Single(Tell(new HiredFrom(Front("a"), ends))));
        Assert.Null(Register("worker-0"));
    }

    [Fact]
    public void Another_major_version_is_refused_and_hires_nobody()
    {
        var other = new Wire.Version { Major = ProtocolVersion.Current.Major + 1 };
        Tell(new HiredFrom(Front("a"), new Wire.Hire { Version = other, Job = "a" }));
        Assert.Null(Register("worker-0"));
        var answer = Tell(new FromPeer(new Wire.Register { Version = other, Worker = "worker-0" }));
        Assert.True(Assert.IsType<Wire.Refuse>(Assert.IsType<Answer>(Assert.Single(answer)).Body).ByRegistry);
    }

    /// <summary>One for CPUs and one for GPUs, which would else be sent to each other's workers for ever.</summary>
    [Fact]
    public void Who_is_sent_to_a_job_can_compute_what_it_wants()
    {
        Hire("a", numerics: "cuda");
        Hire("b", numerics: "cpu");
        Assert.Equal("b", Register("worker-0", numerics: "cpu"));
        Assert.Equal("b", Register("worker-1", numerics: "cpu"));
        Assert.Equal("a", Register("worker-2", numerics: "cuda"));
        Hire("c", numerics: "");
        Assert.Equal("c", Register("worker-1", "b", Front("b"), numerics: "cpu"));
    }

    [Fact]
    public void Who_was_refused_or_dismissed_is_sent_elsewhere_meanwhile()
    {
        Hire("a");
        Hire("b");
        Assert.Equal("b", Register("worker-0", avoided: Front("a")));
        Assert.Equal("b", Register("worker-1", avoided: Front("a")));
        Assert.Null(Register("worker-1", "b", Front("b"), avoided: Front("a")));
        Assert.Equal("a", Register("worker-1", "b", Front("b")));
    }

    [Fact]
    public void A_listing_that_lasts_is_not_begun_again_but_once_it_has_ended()
    {
        Tell(new Started());
        Hire("a");
        var ends = new Wire.Hire { Version = ProtocolVersion.Current, Job = "a", Ends = true };
        Assert.Empty(Tell(new HiredFrom(Front("a"), ends)));
        Assert.IsType<ListJobs>(Assert.Single(Tell(new JobsListed([]))));
        Assert.IsType<StartTimer>(Assert.Single(Tell(new JobsListed([]))));
    }

    [Fact]
    public void Who_lacks_a_jobs_cell_works_for_others_and_is_told_when_there_are_none()
    {
        Hire("a", cell: "gru");
        Assert.Null(Register("worker-0", "a"));
        var register = new Wire.Register { Version = ProtocolVersion.Current, Worker = "worker-0", Numerics = "cpu" };
        var refusal = (Wire.Refuse)((Answer)Assert.Single(Tell(new FromPeer(register)))).Body;
        Assert.True(refusal.ByRegistry);
        Assert.Contains("cell gru, which the worker's program does not register", refusal.Reason);
        register.Cells.Add("gru");
        Assert.Equal("a", ((Wire.Employ)((Answer)Assert.Single(Tell(new FromPeer(register)))).Body).Job);
        Hire("b");
        Assert.Equal("b", Register("worker-1"));
        Assert.Null(Register("worker-1", "b", Front("b")));

        // Who could work for one of them, but for now avoids it, lacks nothing.
        var avoiding = new Wire.Register
        {
            Version = ProtocolVersion.Current,
            Worker = "worker-2",
            Numerics = "cpu",
            Avoided = Front("b"),
        };
        Assert.Empty(Tell(new FromPeer(avoiding)));
    }

    private static string Front(string job) => $"akka://rnnlm/user/front-{job}";

    private void Hire(string job, TimeSpan after = default, string numerics = "cpu", string cell = "")
    {
        var hire = new Wire.Hire { Version = ProtocolVersion.Current, Job = job, Numerics = numerics, Cell = cell };
        Tell(new HiredFrom(Front(job), hire), after);
    }

    /// <summary>The job that a worker is sent to; null when it is to stay where it is.</summary>
    private string? Register(
        string worker, string job = "", string coordinator = "", string numerics = "cpu", string avoided = "")
    {
        var effects = Tell(new FromPeer(new Wire.Register
        {
            Version = ProtocolVersion.Current,
            Worker = worker,
            Job = job,
            Coordinator = coordinator,
            Numerics = numerics,
            Avoided = avoided,
        }));
        var employ = effects.Cast<Answer>().Select(answer => (Wire.Employ)answer.Body).SingleOrDefault();
        Assert.True(employ is null || employ.Coordinator == Front(employ.Job));
        return employ?.Job;
    }

    private IReadOnlyList<Effect> Tell(Message message, TimeSpan after = default)
    {
        _now += after;
        return _registry.Handle(message, _now);
    }
}
