using System.Text.Json.Serialization;

namespace RnnLm.Shared;

/// <summary>The language model: embedding, stacked recurrent cells, output layer; part of the job.</summary>
/// <param name="VocabularySize">V, number of token ids.</param>
/// <param name="Dimension">D, the width of hidden states, and of the embedding unless that has its own.</param>
/// <param name="Layers">Number of stacked cells.</param>
/// <param name="PaddingId">Token whose embedding row is zero; -1 when the vocabulary has none.</param>
/// <param name="Cell">Name of a <see cref="CellDeclaration"/>.</param>
/// <param name="Embedding">Width of the embedding; 0 for D.</param>
/// <param name="Tied">Whether the output layer's weight is the embedding itself (Press, Wolf, 2017).</param>
/// <param name="Dropout">Share of the values between the layers that training drops (Zaremba et al., 2014).</param>
/// <param name="DropoutSeed">Of the random numbers that choose them.</param>
/// <param name="CarriedRows">Rows of the batch whose state is carried from one step to the next; 0 when every example
/// starts from zeros.</param>
public sealed record ModelSettings(
    int VocabularySize,
    int Dimension,
    int Layers,
    int PaddingId,
    string Cell = CellDeclaration.DefaultName,
    int Embedding = 0,
    bool Tied = false,
    double Dropout = 0,
    long DropoutSeed = 0,
    int CarriedRows = 0)
{
    /// <summary>E, the width of the embedding.</summary>
    [JsonIgnore]
    public int EmbeddingWidth => Embedding > 0 ? Embedding : Dimension;

    /// <summary>Inputs of a layer's cell.</summary>
    /// <param name="layer">From 0 on.</param>
    public int InputWidth(int layer) => layer == 0 ? EmbeddingWidth : Dimension;
}
