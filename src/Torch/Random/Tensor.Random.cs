using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>Draws every element from the uniform distribution over [from, to).</summary>
        public Tensor uniform_(double from, double to, Generator? generator = null)
        {
            Check(rnnlm_uniform_(this, from, to, generator?.Handle ?? 0));
            GC.KeepAlive(generator);
            return this;
        }

        /// <summary>Draws every element from the normal distribution.</summary>
        public Tensor normal_(double mean = 0, double std = 1, Generator? generator = null)
        {
            Check(rnnlm_normal_(this, mean, std, generator?.Handle ?? 0));
            GC.KeepAlive(generator);
            return this;
        }
    }
}
