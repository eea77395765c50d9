namespace RnnLm.Tests;

public sealed class Where_workers_apply
{
    private static readonly RunExtent s_extent = new(new ModelSettings(9, 2, 1, -1), 8);

    [Fact]
    public void A_coordinator_says_that_it_wants_workers_again_and_again()
    {
        var front = Front();
        var effects = Tell(front, new Started());
        var hire = (Wire.Hire)effects.OfType<ToRegistry>().Single().Body;
        Assert.Equal(("shakespeare", "cpu"), (hire.Job, hire.Numerics));
        var again = effects.OfType<StartTimer>().Single();
        Assert.Single(Tell(front, again.Message).OfType<ToRegistry>());
    }

    [Fact]
    public void With_the_coordinator_it_ends_and_says_so()
    {
        var effects = Tell(Front(), new Terminated(ActorId.Coordinator, null));
        Assert.True(((Wire.Hire)effects.OfType<ToRegistry>().Single().Body).Ends);
        Assert.Equal(new StopActor(null), effects[^1]);
    }

    [Fact]
    public void Who_may_work_gets_a_link_and_is_told_what_the_run_is()
    {
        var apply = Apply();
        var open = Assert.IsType<OpenLink>(Assert.Single(Tell(Front(), new FromPeer(apply))));
        Assert.Equal(apply, open.Application);
        var told = open.Engagement;
        Assert.Equal(
            ("run-1", 7L, "5e1f", 9, 2, 1, -1, 8, "10.0.0.1:80", "here"),
            (told.Run, told.Incarnation, told.JobHash, told.Model.VocabularySize, told.Model.Dimension,
                told.Model.Layers, told.Model.PaddingId, told.Shards, told.Bulk, told.Host));
        Translation.Check(told);
    }

    [Fact]
    public void Who_may_not_is_told_what_differs()
    {
        AssertRefused(Front(), apply => apply.Version = new Wire.Version { Major = 9, Minor = 3 }, "9.3");
        AssertRefused(Front(), apply => apply.Version = null, "version");
        AssertRefused(Front(), apply => apply.Numerics = "cuda", "cuda, the run with cpu");
        AssertRefused(Front(), apply => apply.Numerics = "cu\u001bda", "cu\\u001bda");
        AssertRefused(Front(), apply => apply.Worker = "no name", WorkerName.Rule);
        AssertRefused(Front(), apply => apply.Bulk = new string('a', 2_000), "too long");
        var cuda = Apply();
        cuda.Numerics = "cuda";
        var mixed = Front(allowMixed: true);
        Assert.IsType<OpenLink>(Assert.Single(Tell(mixed, new FromPeer(cuda))));
        Assert.Empty(((Wire.Hire)Tell(mixed, new Started()).OfType<ToRegistry>().Single().Body).Numerics);
    }

    [Fact]
    public void Who_lacks_the_cell_of_the_run_is_told_so_and_the_registry_is_told_which_it_is()
    {
        var extent = new RunExtent(s_extent.Model with { Cell = "gru" }, 8);
        var front = new FrontBehaviour(
            new RunFacts("job", "run-1", "5e1f", 7, "cpu", AllowMixed: false, extent, "10.0.0.1:80", "here"));
        AssertRefused(front, _ => { }, "cell gru, which the worker's program does not register");
        AssertRefused(front, apply => apply.Cells.Add("elman"), "cell gru");
        Assert.Equal("gru", ((Wire.Hire)Tell(front, new Started()).OfType<ToRegistry>().Single().Body).Cell);
        var knows = Apply();
        knows.Cells.Add("gru");
        var told = Assert.IsType<OpenLink>(Assert.Single(Tell(front, new FromPeer(knows)))).Engagement;
        Assert.Equal(extent.Model, Translation.FromWire(told.Model));

        // A release from before there were others sends and knows no names.
        Assert.Empty(((Wire.Hire)Tell(Front(), new Started()).OfType<ToRegistry>().Single().Body).Cell);
        told = Assert.IsType<OpenLink>(Assert.Single(Tell(Front(), new FromPeer(Apply())))).Engagement;
        Assert.Empty(told.Model.Cell);
        Assert.Equal(s_extent.Model, Translation.FromWire(told.Model));
    }

    private static void AssertRefused(FrontBehaviour front, Action<Wire.Apply> change, string why)
    {
        var apply = Apply();
        change(apply);
        var answer = Assert.IsType<Answer>(Assert.Single(Tell(front, new FromPeer(apply))));
        Assert.Contains(why, ((Wire.Refuse)answer.Body).Reason, StringComparison.Ordinal);
    }

    private static Wire.Apply Apply() => new()
    {
        Version = ProtocolVersion.Current,
        Worker = "worker-7",
        Numerics = "cpu",
        Bulk = "10.0.0.2:80",
    };

    private static FrontBehaviour Front(bool allowMixed = false) =>
        new(new RunFacts("shakespeare", "run-1", "5e1f", 7, "cpu", allowMixed, s_extent, "10.0.0.1:80", "here"));

    private static IReadOnlyList<Effect> Tell(FrontBehaviour front, Message message) =>
        front.Handle(message, DateTimeOffset.UnixEpoch);
}
