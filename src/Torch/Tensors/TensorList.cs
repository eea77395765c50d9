using static RnnLm.Torch.torch;

namespace RnnLm.Torch;

/// <summary>Passes lists of tensors to native code. The caller keeps the list alive over the call.</summary>
internal static class TensorList
{
    public static nint[] Handles(IEnumerable<Tensor>? tensors) => tensors is null ? [] : [.. tensors.Select(tensor => tensor.Handle)];
}
