using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Modules
{
    /// <summary>A tensor that a module registers and an optimiser updates.</summary>
    public class Parameter : Tensor
    {
        /// <summary>Takes over <paramref name="data"/>, which becomes invalid.</summary>
        public Parameter(Tensor data, bool requires_grad = true)
            : base(data.with_requires_grad(requires_grad))
        {
        }
    }
}

namespace RnnLm.Torch
{
    public static partial class torch
    {
        public static partial class nn
        {
            /// <inheritdoc cref="Modules.Parameter(Tensor, bool)"/>
            public static Modules.Parameter Parameter(Tensor data, bool requires_grad = true) => new(data, requires_grad);
        }
    }
}
