namespace RnnLm.Storage;

/// <summary>
/// An immutable version, ready to be written on any thread. The memory behind the tensors must stay as it is until
/// <see cref="CheckpointStore.Save"/> returns or throws.
/// </summary>
/// <param name="State">Where training stood.</param>
/// <param name="Model">Parameters, in the order they are to have in the file.</param>
/// <param name="Optimizer">State of the optimiser, likewise.</param>
public sealed record CheckpointSnapshot(CheckpointState State, IReadOnlyList<NamedTensor> Model, IReadOnlyList<NamedTensor> Optimizer);
