namespace RnnLm.Cluster.Tests;

/// <summary>Tests of whole clusters, one after the other: two at once on two cores would only disturb each other, and
/// each takes a process that stands still for dead.</summary>
[CollectionDefinition(Name)]
public sealed class JobClusters : ICollectionFixture<ProgramImage>
{
    public const string Name = "clusters of processes";
}
