namespace RnnLm.Shared;

/// <summary>What an update reads and writes, each as long as the model's parameters and laid out as they are.</summary>
/// <param name="Parameters">θ.</param>
/// <param name="FirstMoment">Decayed mean of the gradients.</param>
/// <param name="SecondMoment">Decayed mean of their squares.</param>
public sealed record AdamState(FloatBuffer Parameters, FloatBuffer FirstMoment, FloatBuffer SecondMoment);
