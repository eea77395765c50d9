namespace RnnLm.Shared;

/// <summary>The language model: embedding, stacked recurrent cells, output layer.</summary>
/// <param name="VocabularySize">V, number of token ids.</param>
/// <param name="Dimension">D, width of embedding and of each layer's output.</param>
/// <param name="Layers">Number of stacked cells.</param>
/// <param name="PaddingId">Token whose embedding row is zero; -1 when the vocabulary has none.</param>
/// <param name="Cell">Name of a <see cref="CellDeclaration"/>.</param>
public sealed record ModelSettings(
    int VocabularySize, int Dimension, int Layers, int PaddingId, string Cell = CellDeclaration.DefaultName);
