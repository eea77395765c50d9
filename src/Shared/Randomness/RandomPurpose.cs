namespace RnnLm.Shared;

/// <summary>What a random stream is for. The numbers are part of what decides a job's bits: never renumber.</summary>
public enum RandomPurpose
{
    Initialization = 1,
    HeldOutSplit = 2,
    EpochShuffle = 3,
    Sampling = 4,
    TestShard = 5,
    Verification = 6,
    Simulation = 7,
    Dropout = 8,
}
