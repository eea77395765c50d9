using System.Text.Json;

namespace RnnLm.Tests;

/// <summary>Against the reference model written in PyTorch (Fixtures/generate.py).</summary>
public sealed class ReferenceModelTests : IDisposable
{
    private static readonly ModelSettings s_settings = new(7, 3, 2, 6);
    private static readonly ParameterLayout s_layout = ParameterLayout.For(s_settings);
    private readonly JsonElement _reference = Open();
    private readonly RnnLanguageModel _model = new(s_settings);

    public ReferenceModelTests() => FlatParameters.Load(_model, s_layout, Floats("parameters"));

    public void Dispose() => _model.Dispose();

    [Fact]
    public void State_dict_has_the_reference_models_keys_in_its_order()
    {
        Assert.Equal(
            _reference.GetProperty("keys").EnumerateArray().Select(k => k.GetString()), _model.state_dict().Keys);
    }

    [Fact]
    public void Logits_loss_and_gradients_agree()
    {
        Tensor logits = _model.call(Ids("tokens").reshape(2, 4));
        Assert.Equal([2, 4, 7], logits.shape);
        AssertClose(Floats("logits"), logits.data<float>().ToArray());

        Tensor loss = nn.functional.cross_entropy(
            logits.reshape(8, 7), Ids("targets"), ignore_index: s_settings.PaddingId, reduction: nn.Reduction.Sum);
        Assert.Equal(_reference.GetProperty("loss").GetDouble(), loss.ToDouble(), 1e-5);

        loss.backward();
        var gradients = new float[s_layout.Length];
        foreach (var segment in s_layout.Segments)
        {
            FlatParameters.CopyOut(
                _model.get_parameter(segment.Name)!.grad!, gradients.AsSpan(segment.Offset, segment.Length));
        }

        AssertClose(Floats("gradients"), gradients);
    }

    private static JsonElement Open()
    {
        using Stream stream = typeof(ReferenceModelTests).Assembly.GetManifestResourceStream("reference_model.json")!;
        using JsonDocument document = JsonDocument.Parse(stream);
        return document.RootElement.Clone();
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], 2e-6f);
        }
    }

    private float[] Floats(string name) =>
        [.. _reference.GetProperty(name).EnumerateArray().Select(v => (float)v.GetDouble())];

    private Tensor Ids(string name) =>
        tensor(_reference.GetProperty(name).EnumerateArray().Select(v => v.GetInt64()).ToArray());
}
