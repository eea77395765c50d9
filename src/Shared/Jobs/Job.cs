namespace RnnLm.Shared;

/// <summary>
/// What decides the result of training, bit for bit. Workers, devices, threads, engine, number of steps and checkpoint
/// cadence are not part of it: they may
/// change from one resume to the next.
/// </summary>
/// <param name="Corpus">Which text.</param>
/// <param name="Tokenizer">How it becomes ids.</param>
/// <param name="Plan">Which examples each step has.</param>
/// <param name="Model">The network.</param>
/// <param name="Seed">Seed of the initial parameters.</param>
/// <param name="Optimizer">How gradients become updates.</param>
/// <param name="InitialWeights">SHA-256 of the file that gave the initial parameters; null when they were drawn from
/// the seed.</param>
/// <param name="GradientDtype">Element type of gradients: <c>float32</c>.</param>
/// <param name="Numerics">Stack, native library and instruction set that compute; equal bits are promised within one
/// kind.</param>
/// <param name="InitUniform">X where the initial parameters were drawn from [-X, X); 0 where each has its own range.
/// </param>
public sealed record Job(
    CorpusIdentity Corpus,
    TokenizerIdentity Tokenizer,
    PlanSettings Plan,
    ModelSettings Model,
    long Seed,
    OptimizerSettings Optimizer,
    string? InitialWeights,
    string GradientDtype,
    string Numerics,
    double InitUniform = 0);

/// <summary>The text of a job.</summary>
/// <param name="Hash">SHA-256 over the contents of its files.</param>
/// <param name="FoldDigits">Whether runs of digits become <c>###</c>.</param>
/// <param name="SplitSentences">Whether lines are split into sentences.</param>
/// <param name="JsonField">Field of the JSON records that holds the text; null for plain text.</param>
/// <param name="SentenceTokens">Whether a start and an end token enclose each sentence.</param>
public sealed record CorpusIdentity(
    string Hash,
    bool FoldDigits,
    bool SplitSentences,
    string? JsonField = null,
    bool SentenceTokens = false);

/// <summary>The tokeniser of a job.</summary>
/// <param name="Spec">What the user asked for: <c>char</c>, <c>word:8000</c>, …</param>
/// <param name="Hash">SHA-256 of what it is made of.</param>
public sealed record TokenizerIdentity(string Spec, string Hash);
