namespace RnnLm.Shared;

/// <summary>How a token file is cut into examples.</summary>
public enum ExampleMode
{
    /// <summary>One example a line, cut at the context, shorter than two tokens dropped.</summary>
    Sentences,

    /// <summary>Contiguous text: example i covers tokens [i·T, i·T + T], stride equal to the context T.</summary>
    Windows,
}
