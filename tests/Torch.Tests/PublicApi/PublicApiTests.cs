namespace RnnLm.Torch.Tests.PublicApi;

/// <summary>
/// PublicApi/api.txt is the public surface of RnnLm.Torch, a signature a line. Every line of it is also one of TorchSharp 0.107's surface,
/// listed by <see cref="ApiListing"/> in the same way, but for the base class of the generic modules, which have no hooks here.
/// </summary>
public class PublicApiTests
{
    [Fact]
    public void The_public_surface_is_the_one_on_record()
    {
        using Stream stream = typeof(PublicApiTests).Assembly.GetManifestResourceStream("api.txt")!;
        using var reader = new StreamReader(stream);
        string[] recorded = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        IReadOnlyList<string> actual = ApiListing.Of(typeof(Tensor).Assembly, "RnnLm.Torch");
        Assert.Equal([], actual.Except(recorded));
        Assert.Equal([], recorded.Except(actual));
        Assert.Equal(recorded.Order(StringComparer.Ordinal), recorded);
    }
}
