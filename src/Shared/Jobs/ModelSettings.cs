namespace RnnLm.Shared;

/// <summary>The stacked Elman language model.</summary>
/// <param name="VocabularySize">V, number of token ids.</param>
/// <param name="Dimension">D, width of embedding and hidden states.</param>
/// <param name="Layers">Number of stacked Elman units.</param>
/// <param name="PaddingId">Token whose embedding row is zero; -1 when the vocabulary has none.</param>
public sealed record ModelSettings(int VocabularySize, int Dimension, int Layers, int PaddingId);
