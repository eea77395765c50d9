namespace RnnLm.Tests;

public class FlatParametersTests
{
    private static readonly ModelSettings s_settings = new(5, 3, 2, 4);
    private static readonly ParameterLayout s_layout = ParameterLayout.For(s_settings);

    [Fact]
    public void What_is_loaded_lands_in_the_named_parameters_and_is_read_back_bit_for_bit()
    {
        using var model = new RnnLanguageModel(s_settings);
        float[] source = [.. Enumerable.Range(0, s_layout.Length).Select(i => i * 0.1f)];
        FlatParameters.Load(model, s_layout, source);
        foreach (ParameterSegment segment in s_layout.Segments)
        {
            Assert.Equal(
                source[segment.Offset..segment.End], model.get_parameter(segment.Name)!.data<float>().ToArray());
        }

        Assert.Equal(source, Read(model));
    }

    [Fact]
    public void A_model_of_another_element_type_is_loaded_and_read_by_conversion()
    {
        using RnnLanguageModel model = new RnnLanguageModel(s_settings).to(float64);
        float[] source = [.. Enumerable.Range(0, s_layout.Length).Select(i => i * 0.1f)];
        FlatParameters.Load(model, s_layout, source);
        Assert.Equal((double)source[s_layout.OutputBias.Offset + 1], model.OutputBias.data<double>()[1]);
        Assert.Equal(source, Read(model));
    }

    [Fact]
    public void A_gradient_is_read_and_no_tensor_stays_behind()
    {
        using var model = new RnnLanguageModel(s_settings);
        using (NewDisposeScope())
        {
            model.OutputBias.sum().backward();
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Tensors.Live;
        float[] gradient = new float[s_settings.VocabularySize];
        using (NewDisposeScope())
        {
            FlatParameters.CopyOut(model.OutputBias.grad!, gradient);
        }

        Assert.Equal(before, Tensors.Live);
        Assert.All(gradient, value => Assert.Equal(1, value));
    }

    [Fact]
    public void A_buffer_or_model_that_does_not_fit_is_refused_by_name()
    {
        using var model = new RnnLanguageModel(s_settings);
        Assert.Throws<ArgumentException>(() => FlatParameters.Load(model, s_layout, new float[3]));
        ParameterLayout more = ParameterLayout.For(s_settings with { Layers = 3 });
        var error = Assert.Throws<ArgumentException>(() => FlatParameters.Load(model, more, new float[more.Length]));
        Assert.Equal("the model has no parameter rnn.rnn_units.2.Uh", error.Message);
        ParameterLayout wider = ParameterLayout.For(s_settings with { Dimension = 4 });
        error = Assert.Throws<ArgumentException>(() => FlatParameters.Load(model, wider, new float[wider.Length]));
        Assert.Equal("parameter embedding.weight has shape [5, 3], not [5, 4]", error.Message);
    }

    private static float[] Read(RnnLanguageModel model)
    {
        float[] flat = new float[s_layout.Length];
        foreach (var segment in s_layout.Segments)
        {
            FlatParameters.CopyOut(model.get_parameter(segment.Name)!, flat.AsSpan(segment.Offset, segment.Length));
        }

        return flat;
    }
}
