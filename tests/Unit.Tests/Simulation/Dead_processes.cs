namespace RnnLm.Tests;

public sealed class Dead_processes
{
    /// <summary>Its thread would wait for ever, one more in every thirtieth seed.</summary>
    [Fact]
    public void Leave_nothing_that_they_begin_under_way()
    {
        var process = new SimulatedProcess(new World(1, Faults.None, new PlainHosting(), reader: null), "a process");
        bool goesOn = false;
        process.Die("is killed");
        process.Begin(() =>
        {
            process.Sleep(TimeSpan.FromSeconds(1));
            goesOn = true;
        });
        Assert.False(process.IsBusy);
        Assert.False(goesOn);
    }
}
