using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    /// <summary>Turns gradient recording off, in this thread, until the result is disposed.</summary>
    public static IDisposable no_grad() => new GradMode(false);

    public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);

    public static IDisposable set_grad_enabled(bool mode = true) => new GradMode(mode);

    /// <summary>True while operations of this thread record gradients.</summary>
    public static bool is_grad_enabled()
    {
        Check(rnnlm_grad_enabled(out int result));
        return result != 0;
    }

    private sealed class GradMode : IDisposable
    {
        private readonly bool _before = is_grad_enabled();

        public GradMode(bool enabled) => Check(rnnlm_set_grad_enabled(enabled ? 1 : 0));

        public void Dispose() => Check(rnnlm_set_grad_enabled(_before ? 1 : 0));
    }
}
