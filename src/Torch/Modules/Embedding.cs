using RnnLm.Torch.Modules;
using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Modules
{
    /// <summary>A table with a row for each token: int64 ids of any shape → rows, one more dimension.</summary>
    public sealed class Embedding : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter _weight;
        private readonly long _paddingIdx;
        private readonly bool _scaleGradByFreq;
        private readonly bool _sparse;

        internal Embedding(long rows, long columns, long? paddingIdx, bool scaleGradByFreq, bool sparse, Device? device, ScalarType? dtype)
            : base(nameof(Embedding))
        {
            _paddingIdx = paddingIdx is { } given ? (given < 0 ? rows + given : given) : -1;
            _scaleGradByFreq = scaleGradByFreq;
            _sparse = sparse;
            if (paddingIdx is not null && (_paddingIdx < 0 || _paddingIdx >= rows))
            {
                throw new ArgumentOutOfRangeException(nameof(paddingIdx), $"padding_idx {paddingIdx} is not among {rows} embeddings");
            }

            _weight = empty(rows, columns, dtype, device).AsParameter();
            _weight.DetachFromDisposeScope();
            nn.init.normal_(_weight);
            if (_paddingIdx >= 0)
            {
                using IDisposable unrecorded = no_grad();
                using Tensor row = _weight.select(0, _paddingIdx);
                row.zero_();
            }

            register_parameter(nameof(weight), _weight);
            KeepRegisteredNames();
        }

        /// <summary>(rows, columns).</summary>
        public Parameter? weight => _weight;

        public override Tensor forward(Tensor input)
        {
            Check(rnnlm_embedding(_weight, input, _paddingIdx, _scaleGradByFreq ? 1 : 0, _sparse ? 1 : 0, out Tensor result));
            return result;
        }
    }
}

namespace RnnLm.Torch
{
    public static partial class torch
    {
        public static partial class nn
        {
            /// <summary>An embedding drawn from the standard normal distribution; the row of <paramref name="padding_idx"/> is zero and gets no gradient.</summary>
            /// <exception cref="NotSupportedException"><paramref name="max_norm"/> is given.</exception>
            public static Embedding Embedding(
                long num_embeddings, long embedding_dims, long? padding_idx = null, double? max_norm = null, double norm_type = 2.0,
                bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null) =>
                max_norm is null
                    ? new Embedding(num_embeddings, embedding_dims, padding_idx, scale_grad_by_freq, sparse, device, dtype)
                    : throw new NotSupportedException("max_norm is not supported.");
        }
    }
}
